/* The one bounds-checked read cursor. A bad read poisons the cursor: later reads give zeros and
 * ms_rd_done() is false, so a parser checks once, at its end. */
#ifndef MS_RD_H
#define MS_RD_H
#include "base/bytes.h"

struct ms_rd {
	const uint8_t *p;
	size_t len; /* of the whole input */
	size_t off;
	bool bad;
};
struct ms_rd ms_rd_over(const void *p, size_t len);
struct ms_rd ms_rd_span(struct ms_span s);
uint8_t ms_rd_u8(struct ms_rd *r);
uint16_t ms_rd_u16(struct ms_rd *r); /* big-endian */
uint32_t ms_rd_u32(struct ms_rd *r);
uint64_t ms_rd_u64(struct ms_rd *r);
uint16_t ms_rd_le16(struct ms_rd *r); /* little-endian, for TCG event logs */
uint32_t ms_rd_le32(struct ms_rd *r);
uint64_t ms_rd_le64(struct ms_rd *r);
void ms_rd_copy(struct ms_rd *r, void *out, size_t len); /* zeros on a bad read */
struct ms_span ms_rd_bytes(struct ms_rd *r, size_t len); /* borrowed; empty on a bad read */
struct ms_span ms_rd_tpm2b(struct ms_rd *r, size_t max); /* u16 length, then bytes; poisons above max */
struct ms_rd ms_rd_sub(struct ms_rd *r, size_t len);     /* a cursor over the next len bytes; poisoned if short */
size_t ms_rd_left(const struct ms_rd *r);
void ms_rd_poison(struct ms_rd *r);
bool ms_rd_done(const struct ms_rd *r); /* not poisoned and nothing left */

#endif
