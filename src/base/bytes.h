/* Byte spans, growing buffers, text encodings, constant-time comparison and wiping. */
#ifndef MS_BYTES_H
#define MS_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "muster/rc.h"

/* A borrowed span of bytes; p may be NULL when len is 0. */
struct ms_span {
	const uint8_t *p;
	size_t len;
};
#define MS_SPAN_NONE ((struct ms_span){NULL, 0})
static inline struct ms_span
ms_span(const void *p, size_t len)
{
	return (struct ms_span){p, len};
}
struct ms_span ms_span_str(const char *s);           /* the bytes of s, without its NUL */
bool ms_span_eq(struct ms_span a, struct ms_span b); /* plain comparison: never for secrets */
int ms_span_cmp(struct ms_span a, struct ms_span b); /* bytewise, shorter first on a common prefix */

/* A growing buffer with a hard cap. Errors are sticky: after `bad` every append is a no-op,
 * so a builder checks once at the end. Not for secrets (it reallocates). */
struct ms_buf {
	uint8_t *p;
	size_t len, cap, max;
	bool bad;
};
void ms_buf_init(struct ms_buf *b, size_t max);
void ms_buf_fini(struct ms_buf *b); /* frees; wipes what was there; safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_buf, ms_buf_fini)
void ms_buf_reset(struct ms_buf *b); /* length 0, not bad; keeps the memory */
void ms_buf_put(struct ms_buf *b, const void *p, size_t len);
void ms_buf_put_span(struct ms_buf *b, struct ms_span s);
void ms_buf_u8(struct ms_buf *b, uint8_t v);
void ms_buf_u16(struct ms_buf *b, uint16_t v); /* big-endian, as all of ours */
void ms_buf_u32(struct ms_buf *b, uint32_t v);
void ms_buf_u64(struct ms_buf *b, uint64_t v);
void ms_buf_str(struct ms_buf *b, const char *s); /* without NUL */
void ms_buf_fmt(struct ms_buf *b, const char *fmt, ...) MS_PRINTF(2, 3);
/* MS_OK, MS_ERR_TOO_BIG or MS_ERR_NOMEM. */
MS_MUST_USE enum ms_rc ms_buf_check(const struct ms_buf *b, struct ms_err *err);
struct ms_span ms_buf_span(const struct ms_buf *b); /* borrowed until the next append */
/* A heap copy of s (never NULL on MS_OK, even for length 0); caller frees with free(). */
MS_MUST_USE enum ms_rc ms_bytes_dup(struct ms_span s, uint8_t **ret);

/* Equal length and content, in time that depends on len only. */
bool ms_ct_eq(const void *a, const void *b, size_t len);
void ms_wipe(void *p, size_t len); /* explicit_bzero */

/* Lower-case hex. `out` holds 2*len+1. */
void ms_hex(const void *p, size_t len, char *out);
/* Strict: even number of digits of either case, exactly out_len bytes. */
MS_MUST_USE enum ms_rc ms_unhex(const char *s, size_t s_len, uint8_t *out, size_t out_len);
/* RFC 4648 section 4, padded. `out` holds MS_BASE64_LEN(len)+1. */
#define MS_BASE64_LEN(n) (((n) + 2) / 3 * 4)
void ms_base64(const void *p, size_t len, char *out);
/* Strict: canonical padding and zero trailing bits, no white space. Writes at most out_cap; *ret_len is the length. */
MS_MUST_USE enum ms_rc ms_unbase64(const char *s, size_t s_len, uint8_t *out, size_t out_cap, size_t *ret_len);

/* RFC 4648 section 5 without padding, as JOSE writes it (RFC 7515 2). `out` holds MS_BASE64URL_LEN(len)+1. */
#define MS_BASE64URL_LEN(n) ((n) / 3 * 4 + ((n) % 3 * 4 + 2) / 3)
void ms_base64url(const void *p, size_t len, char *out);
/* Strict as ms_unbase64(); padding is refused. */
MS_MUST_USE enum ms_rc ms_unbase64url(const char *s, size_t s_len, uint8_t *out, size_t out_cap, size_t *ret_len);

bool ms_utf8_ok(struct ms_span s); /* well-formed UTF-8 without NUL (RFC 3629) */
/* A name fit for keys and paths: 1..max of [a-z0-9._-], not starting with '.' or '-'. */
bool ms_name_ok(struct ms_span s, size_t max);

#endif
