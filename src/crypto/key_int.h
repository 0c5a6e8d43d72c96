/* Inside crypto/ only: what a public key is made of, and P-256 private keys as OpenSSL objects. */
#ifndef MS_KEY_INT_H
#define MS_KEY_INT_H
#include <openssl/evp.h>

#include "crypto/key.h"

/* The last verification context: making one costs more than a digest. */
struct ms_verifier {
	EVP_PKEY_CTX *ctx;
	enum ms_sig_scheme scheme; /* that ctx was set up for */
};
struct ms_pubkey {
	enum ms_key_type type;
	unsigned bits;
	EVP_PKEY *pkey;
	struct ms_verifier *verifier;
	uint8_t raw[MS_RSA_MAX]; /* point, Ed25519 key or modulus */
	size_t raw_len;
	uint64_t exponent;
	uint8_t spki[MS_SPKI_MAX];
	size_t spki_len;
	uint8_t id[MS_KEY_ID_LEN];
};

/* scalar: MS_RAW_KEY_LEN bytes, 1..n-1 (MS_ERR_MALFORMED otherwise). point gets the public point. */
MS_MUST_USE enum ms_rc ms_p256_load(const struct ms_secret *scalar, EVP_PKEY **ret, uint8_t point[static MS_POINT_LEN], struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p256_generate(EVP_PKEY **ret, uint8_t point[static MS_POINT_LEN], struct ms_err *err);
MS_MUST_USE enum ms_rc ms_p256_save(const EVP_PKEY *k, struct ms_secret **ret, struct ms_err *err);

#endif
