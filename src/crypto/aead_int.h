/* Inside crypto/ only: AES-GCM on plain pointers, for keys that lie in a larger secret. */
#ifndef MS_AEAD_INT_H
#define MS_AEAD_INT_H
#include "crypto/aead.h"

struct ms_aead_raw {
	enum ms_aead_alg alg;
	struct ms_span key;
	const uint8_t *iv;
	struct ms_span aad;
};
MS_MUST_USE enum ms_rc ms_aead_seal_raw(const struct ms_aead_raw *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_aead_open_raw(const struct ms_aead_raw *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err);

#endif
