#include "server/net/limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/io.h"

/* Sets of WAYS entries, four times as many entries as connections: a set full of connected addresses is so
 * unlikely that refusing then costs nothing. Sets are chosen by a keyed hash, so nobody can aim at one. */
#define WAYS 8u

struct entry {
	uint8_t address[16];
	uint64_t seen_ms;
	uint64_t tokens_milli; /* thousandths of a request */
	unsigned connections;
	bool used;
};
struct ms_limit {
	struct ms_limit_params p;
	uint64_t key[2];
	size_t n_sets; /* a power of two */
	struct entry *entries;
};

static uint64_t
rotl(uint64_t x, unsigned n)
{
	return (x << n) | (x >> (64 - n));
}

static void
sip_round(uint64_t v[static 4])
{
	v[0] += v[1], v[1] = rotl(v[1], 13) ^ v[0], v[0] = rotl(v[0], 32);
	v[2] += v[3], v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotl(v[1], 17) ^ v[2], v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 of 16 bytes: unpredictable without the key, which is all that is asked of it here. */
static uint64_t
keyed_hash(const uint64_t key[static 2], const uint8_t in[static 16])
{
	uint64_t v[4] = {
	    key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
	uint64_t words[3] = {0, 0, (uint64_t)16 << 56};
	memcpy(words, in, 16);
	for (unsigned i = 0; i < 3; i++) {
		v[3] ^= words[i];
		sip_round(v);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum ms_rc
ms_limit_new(const struct ms_limit_params *p, struct ms_limit **ret, struct ms_err *err)
{
	if (p->max_connections == 0 || p->max_connections > 65536 || p->per_address == 0 || p->requests_per_s == 0 || p->burst == 0)
		return ms_fail(err, MS_ERR_USAGE, "limits must not be 0");
	MS_OWN(ms_limit_free) struct ms_limit *l = calloc(1, sizeof *l);
	if (l == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "limits");
	l->p = *p;
	for (l->n_sets = 16; l->n_sets * WAYS < (size_t)p->max_connections * 4;)
		l->n_sets *= 2;
	l->entries = calloc(l->n_sets * WAYS, sizeof *l->entries);
	if (l->entries == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "limits");
	enum ms_rc rc = ms_random(l->key, sizeof l->key, err);
	if (rc != MS_OK)
		return rc;
	*ret = l;
	l = NULL;
	return MS_OK;
}

void
ms_limit_free(struct ms_limit *l)
{
	if (l == NULL)
		return;
	free(l->entries);
	free(l);
}

static struct entry *
set_of(struct ms_limit *l, const uint8_t peer[static 16], uint8_t address[static 16])
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	memset(address, 0, 16);
	memcpy(address, peer, ms_span_eq(ms_span(peer, 12), ms_span(v4, 12)) ? 16 : 8);
	return l->entries + (keyed_hash(l->key, address) & (l->n_sets - 1)) * WAYS;
}

static struct entry *
find(struct ms_limit *l, const uint8_t peer[static 16])
{
	uint8_t address[16];
	struct entry *set = set_of(l, peer, address);
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].used && ms_span_eq(ms_span(set[i].address, 16), ms_span(address, 16)))
			return &set[i];
	return NULL;
}

/* The entry of peer, taking over a free one or the one unused for longest. NULL: all are connected. */
static struct entry *
find_or_take(struct ms_limit *l, const uint8_t peer[static 16], uint64_t now_ms)
{
	struct entry *best = find(l, peer);
	if (best != NULL)
		return best;
	uint8_t address[16];
	struct entry *set = set_of(l, peer, address);
	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].used && set[i].connections > 0)
			continue;
		if (best == NULL || !set[i].used || (best->used && set[i].seen_ms < best->seen_ms))
			best = &set[i];
	}
	if (best == NULL)
		return NULL;
	*best = (struct entry){.used = true, .seen_ms = now_ms, .tokens_milli = (uint64_t)l->p.burst * 1000};
	memcpy(best->address, address, sizeof address);
	return best;
}

bool
ms_limit_connect(struct ms_limit *l, const uint8_t peer[static 16], uint64_t now_ms)
{
	struct entry *e = find_or_take(l, peer, now_ms);
	if (e == NULL || e->connections >= l->p.per_address)
		return false;
	e->connections++;
	return true;
}

void
ms_limit_disconnect(struct ms_limit *l, const uint8_t peer[static 16])
{
	struct entry *e = find(l, peer);
	if (e != NULL && e->connections > 0)
		e->connections--;
}

bool
ms_limit_request(struct ms_limit *l, const uint8_t peer[static 16], uint64_t now_ms)
{
	struct entry *e = find(l, peer);
	if (e == NULL)
		return false;
	uint64_t full = (uint64_t)l->p.burst * 1000, passed_ms = now_ms > e->seen_ms ? now_ms - e->seen_ms : 0;
	if (passed_ms >= full) /* at one request a second or more the bucket is full by then: no product below can wrap */
		e->tokens_milli = full;
	else
		e->tokens_milli += passed_ms * l->p.requests_per_s;
	if (e->tokens_milli > full)
		e->tokens_milli = full;
	e->seen_ms = now_ms;
	if (e->tokens_milli < 1000)
		return false;
	e->tokens_milli -= 1000;
	return true;
}
