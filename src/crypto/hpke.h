/* HPKE (RFC 9180), base mode, single shot: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. */
#ifndef MS_HPKE_H
#define MS_HPKE_H
#include "crypto/ecdh.h"

#define MS_HPKE_ENC_LEN MS_POINT_LEN
#define MS_HPKE_TAG_LEN 16u
#define MS_HPKE_PT_MAX (1u << 20)

/* To a public point (checked: MS_ERR_MALFORMED). Writes enc and appends the ciphertext. Says nothing about who sealed:
 * base mode does not authenticate the sender. */
struct ms_hpke_to {
	const uint8_t *point; /* MS_POINT_LEN bytes */
	struct ms_span info, aad;
};
MS_MUST_USE enum ms_rc ms_hpke_seal(
    const struct ms_hpke_to *to, const struct ms_secret *pt, uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_buf *ct, struct ms_err *err);

/* MS_ERR_AUTH: not sealed to this key with this info and aad. Otherwise what the private key's backend says. */
struct ms_hpke_from {
	const struct ms_ecdh *key;
	struct ms_span info, aad;
};
MS_MUST_USE enum ms_rc ms_hpke_open(const struct ms_hpke_from *from, const uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_span ct,
    struct ms_secret **ret, struct ms_err *err);

#endif
