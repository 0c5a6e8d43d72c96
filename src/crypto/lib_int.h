/* Inside crypto/ only: what ms_crypto_init() fetched, and the conversion of OpenSSL's errors. */
#ifndef MS_CRYPTO_LIB_INT_H
#define MS_CRYPTO_LIB_INT_H
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/lib.h"

#define MS_LIB_HASHES 5u

struct ms_lib {
	OSSL_LIB_CTX *ctx;
	EVP_MD *md[MS_LIB_HASHES];         /* by enum ms_hash; SM3 NULL: the library lacks it */
	EVP_MD_CTX *md_ctx[MS_LIB_HASHES]; /* one-shot digests: used and left within one call */
	EVP_MAC_CTX *hmac;                 /* SHA-256, rekeyed for each use */
	EVP_CIPHER *aes128_gcm, *aes256_gcm, *aes128_cfb;
	EVP_PKEY *p256, *p384; /* curve parameters: public keys copy them (4 us, not 100 for a decoder) */
};
MS_MUST_USE enum ms_rc ms_lib_get(const struct ms_lib **ret, struct ms_err *err);
const struct ms_lib *ms_lib_must(void); /* ends the process when the library cannot be initialised */

/* MS_ERR_CRYPTO with OpenSSL's own reason; empties its error queue. */
enum ms_rc ms_lib_fail(struct ms_err *err, const char *what);

/* Owned OpenSSL objects. */
MS_CLEANUP(EVP_PKEY, EVP_PKEY_free)
MS_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
MS_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
MS_CLEANUP(EVP_CIPHER_CTX, EVP_CIPHER_CTX_free)

#endif
