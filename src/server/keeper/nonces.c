#include "server/keeper/nonces.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"

#define ID_LEN 16u /* of a hash of the nonce: a collision, 2^64 of work, would only be refused */
#define CAP_MIN 1024u

struct ms_nonce_slot {
	uint64_t until_s; /* 0: free */
	uint8_t id[ID_LEN];
	uint8_t digest[32];
};

void
ms_nonces_fini(struct ms_nonces *t)
{
	free(t->slot);
	*t = (struct ms_nonces){.slot = NULL};
}

/* The slot of this id, or the free one where it goes. There always is a free one. */
static struct ms_nonce_slot *
find(struct ms_nonce_slot *slots, size_t cap, const uint8_t id[static ID_LEN])
{
	size_t at = 0;
	for (size_t i = 0; i < sizeof at; i++)
		at = at << 8 | id[i];
	for (;; at++) {
		struct ms_nonce_slot *s = &slots[at & (cap - 1)];
		if (s->until_s == 0 || memcmp(s->id, id, ID_LEN) == 0)
			return s;
	}
}

/* A new table without what has expired, at most half full. */
static enum ms_rc
rehash(struct ms_nonces *t, uint64_t now_s, struct ms_err *err)
{
	size_t live = 0, cap = CAP_MIN;
	for (size_t i = 0; i < t->cap; i++)
		live += t->slot[i].until_s > now_s;
	if (live >= MS_NONCES_MAX)
		return ms_fail(err, MS_ERR_LIMITED, "too many requests at once");
	while (cap < live * 2 + 2)
		cap *= 2;
	struct ms_nonce_slot *slots = calloc(cap, sizeof *slots);
	if (slots == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "nonces");
	for (size_t i = 0; i < t->cap; i++)
		if (t->slot[i].until_s > now_s)
			*find(slots, cap, t->slot[i].id) = t->slot[i];
	free(t->slot);
	*t = (struct ms_nonces){slots, cap, live};
	return MS_OK;
}

enum ms_rc
ms_nonces_use(
    struct ms_nonces *t, struct ms_span nonce, const uint8_t digest[static 32], uint64_t until_s, uint64_t now_s, struct ms_err *err)
{
	uint8_t id[32];
	ms_sha256(nonce, id);
	if (t->cap == 0 || t->n >= t->cap / 4 * 3) {
		enum ms_rc rc = rehash(t, now_s, err);
		if (rc != MS_OK)
			return rc;
	}
	struct ms_nonce_slot *s = find(t->slot, t->cap, id);
	if (s->until_s != 0)
		return ms_span_eq(ms_span(s->digest, sizeof s->digest), ms_span(digest, sizeof s->digest))
			   ? MS_OK
			   : ms_fail(err, MS_ERR_REPLAY, "this nonce was used for another request");
	s->until_s = until_s > 0 ? until_s : 1;
	memcpy(s->id, id, ID_LEN);
	memcpy(s->digest, digest, sizeof s->digest);
	t->n++;
	return MS_OK;
}
