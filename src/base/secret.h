/* Memory for secrets: a mapping of its own with guard pages, locked, left out of core dumps, wiped in
 * forked children, fixed in capacity. No printer, no implicit conversion: what leaves it does so by a named call. */
#ifndef MS_SECRET_H
#define MS_SECRET_H
#include "base/bytes.h"

struct ms_secret;
/* cap bytes, all zero, length 0. MS_ERR_NOMEM also when the memory cannot be locked: there is no override. */
MS_MUST_USE enum ms_rc ms_secret_new(size_t cap, struct ms_secret **ret, struct ms_err *err);
void ms_secret_free(struct ms_secret *s); /* wipes; NULL is a no-op */
MS_CLEANUP(struct ms_secret, ms_secret_free)
/* New secret holding a copy of p; the caller wipes its own. */
MS_MUST_USE enum ms_rc ms_secret_from(const void *p, size_t len, struct ms_secret **ret, struct ms_err *err);
size_t ms_secret_len(const struct ms_secret *s);
size_t ms_secret_cap(const struct ms_secret *s);
/* The bytes themselves, for crypto calls: borrowed, never logged, never copied to plain memory. */
uint8_t *ms_secret_bytes(struct ms_secret *s);
const uint8_t *ms_secret_peek(const struct ms_secret *s);
void ms_secret_set_len(struct ms_secret *s, size_t len); /* after writing through ms_secret_bytes; len <= cap */

#endif
