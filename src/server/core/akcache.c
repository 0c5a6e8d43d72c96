/* AKs ready to verify with, so that a device that comes again costs no decoding of its key. Bounded; each slot holds the
 * AK that was used there last. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "evidence/ak.h"
#include "server/core/core.h"

#define SLOTS 4096u

struct slot {
	uint8_t id[32]; /* SHA-256 of the public area */
	struct ms_ak *ak;
};
struct ms_ak_cache {
	struct slot slot[SLOTS];
};

enum ms_rc
ms_ak_cache_new(struct ms_ak_cache **ret, struct ms_err *err)
{
	struct ms_ak_cache *cache = calloc(1, sizeof *cache);
	if (cache == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "AK cache");
	*ret = cache;
	return MS_OK;
}

void
ms_ak_cache_free(struct ms_ak_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		ms_ak_free(cache->slot[i].ak);
	free(cache);
}

enum ms_rc
ms_ak_cache_get(struct ms_ak_cache *cache, struct ms_span tpmt_public, const struct ms_ak **ret, enum ms_evidence_reason *ret_reason,
    struct ms_err *err)
{
	uint8_t id[32];
	ms_sha256(tpmt_public, id);
	struct slot *s = &cache->slot[((size_t)id[0] << 8 | id[1]) % SLOTS];
	if (s->ak == NULL || !ms_span_eq(ms_span(s->id, sizeof s->id), ms_span(id, sizeof id))) {
		struct ms_ak *fresh = NULL;
		enum ms_rc rc = ms_ak_new(tpmt_public, MS_SPAN_NONE, &fresh, ret_reason, err);
		if (rc != MS_OK)
			return rc;
		ms_ak_free(s->ak);
		s->ak = fresh;
		memcpy(s->id, id, sizeof s->id);
	}
	*ret = s->ak;
	return MS_OK;
}
