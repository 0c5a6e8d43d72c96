/* ECDH on P-256. The private part may be a software key, a TPM key (ECDH_ZGen) or a token's. */
#ifndef MS_ECDH_H
#define MS_ECDH_H
#include "crypto/key.h"

#define MS_ECDH_Z_LEN 32u /* the x coordinate, padded with leading zeros to this length */

struct ms_ecdh_ops {
	const char *name;
	/* Write Z.x into z (capacity >= MS_ECDH_Z_LEN, then ms_secret_set_len(z, MS_ECDH_Z_LEN)). The peer point was
	 * checked to be on the curve. */
	enum ms_rc (*derive)(void *ctx, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err);
};
struct ms_ecdh {
	const struct ms_ecdh_ops *ops;
	void *ctx;
	uint8_t point[MS_POINT_LEN]; /* our public point */
};
/* Checks the peer point (MS_ERR_MALFORMED), derives, and checks the length of what the backend gave. */
MS_MUST_USE enum ms_rc ms_ecdh_derive(
    const struct ms_ecdh *e, const uint8_t peer[static MS_POINT_LEN], struct ms_secret **ret, struct ms_err *err);

/* Software backend; also for ephemeral keys. */
struct ms_ecdh_key;
MS_MUST_USE enum ms_rc ms_ecdh_key_generate(struct ms_ecdh_key **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_ecdh_key_load(const struct ms_secret *raw, struct ms_ecdh_key **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_ecdh_key_save(const struct ms_ecdh_key *k, struct ms_secret **ret, struct ms_err *err);
void ms_ecdh_key_free(struct ms_ecdh_key *k);
MS_CLEANUP(struct ms_ecdh_key, ms_ecdh_key_free)
const struct ms_pubkey *ms_ecdh_key_public(const struct ms_ecdh_key *k); /* borrowed */
struct ms_ecdh ms_ecdh_key_ecdh(struct ms_ecdh_key *k);                  /* borrows k */

#endif
