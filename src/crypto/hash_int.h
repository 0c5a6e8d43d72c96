/* Inside crypto/ only: HMAC and HKDF on plain pointers, for work areas that lie in one struct ms_secret. */
#ifndef MS_HASH_INT_H
#define MS_HASH_INT_H
#include "crypto/hash.h"

MS_MUST_USE enum ms_rc ms_hmac_raw(
    struct ms_span key, const struct ms_span *parts, size_t n, uint8_t out[static MS_SHA256_LEN], struct ms_err *err);
#define MS_HKDF_PARTS_MAX 8u
/* info is the parts in a row, at most MS_HKDF_PARTS_MAX; out.len <= 255 * 32. */
struct ms_hkdf_out {
	uint8_t *p;
	size_t len;
};
MS_MUST_USE enum ms_rc ms_hkdf_expand_raw(
    struct ms_span prk, const struct ms_span *info, size_t n, struct ms_hkdf_out out, struct ms_err *err);

#endif
