#include "audit/merkle.h"
#include <string.h>
#include "crypto/hash.h"

void
ms_merkle_leaf(struct ms_span entry, struct ms_node *ret)
{
	static const uint8_t prefix = 0x00; /* RFC 6962 2.1 */
	struct ms_span parts[2] = {ms_span(&prefix, 1), entry};
	ms_sha256v(parts, 2, ret->h);
}

void
ms_merkle_node(const struct ms_node *left, const struct ms_node *right, struct ms_node *ret)
{
	uint8_t in[1 + 2 * MS_NODE_LEN];
	in[0] = 0x01;
	memcpy(in + 1, left->h, MS_NODE_LEN);
	memcpy(in + 1 + MS_NODE_LEN, right->h, MS_NODE_LEN);
	ms_sha256(ms_span(in, sizeof in), ret->h);
}

void
ms_merkle_empty(struct ms_node *ret)
{
	ms_sha256(MS_SPAN_NONE, ret->h);
}

bool
ms_node_eq(const struct ms_node *a, const struct ms_node *b)
{
	return ms_span_eq(ms_span(a->h, MS_NODE_LEN), ms_span(b->h, MS_NODE_LEN));
}

static unsigned
bit_length(uint64_t v)
{
	return v == 0 ? 0 : 64u - (unsigned)__builtin_clzll(v);
}

/* Below the level where the paths of the leaf and of the last leaf part, every level has a sibling; above it only
 * those where ours is the right one. */
size_t
ms_merkle_inclusion_len(uint64_t index, uint64_t size)
{
	unsigned inner = bit_length(index ^ (size - 1));
	return inner + (size_t)__builtin_popcountll(inner < 64 ? index >> inner : 0);
}

enum ms_rc
ms_merkle_verify_inclusion(uint64_t index, uint64_t size, const struct ms_node *leaf, const struct ms_node *proof, size_t n,
    const struct ms_node *root, struct ms_err *err)
{
	if (index >= size)
		return ms_fail(
		    err, MS_ERR_AUTH, "inclusion: no leaf %llu in a tree of %llu", (unsigned long long)index, (unsigned long long)size);
	if (n != ms_merkle_inclusion_len(index, size))
		return ms_fail(err, MS_ERR_AUTH, "inclusion: a proof of %zu nodes", n);
	struct ms_node r = *leaf;
	uint64_t fn = index, sn = size - 1;
	for (size_t i = 0; i < n; i++) {
		if ((fn & 1) != 0 || fn == sn) {
			ms_merkle_node(&proof[i], &r, &r);
			while ((fn & 1) == 0 && fn != 0)
				fn >>= 1, sn >>= 1;
		} else {
			ms_merkle_node(&r, &proof[i], &r);
		}
		fn >>= 1, sn >>= 1;
	}
	if (sn != 0 || !ms_node_eq(&r, root))
		return ms_fail(err, MS_ERR_AUTH, "inclusion: the proof does not lead to the root");
	return MS_OK;
}

bool
ms_merkle_subtree_ok(uint64_t start, uint64_t end)
{
	if (start >= end)
		return false;
	unsigned bits = bit_length(end - start - 1); /* 1 << bits: the power of two that is >= end - start */
	return bits >= 64 ? start == 0 : (start & ((UINT64_C(1) << bits) - 1)) == 0;
}

/* The walk: fn and sn are the subtree's first and last node at a level, tn is the tree's last. */
static bool
subtree_walk(const struct ms_consistency *c, uint64_t fn, uint64_t sn, struct ms_node *fr, struct ms_node *sr)
{
	uint64_t tn = c->size2 - 1;
	size_t i = 0;
	while (fn != sn && (sn == tn || (sn & 1) != 0))
		fn >>= 1, sn >>= 1, tn >>= 1;
	if (fn == sn)
		*fr = c->root1;
	else if (c->n != 0)
		*fr = c->proof[i++];
	else
		return false;
	*sr = *fr;
	for (; i < c->n; i++) {
		if (tn == 0)
			return false;
		if ((sn & 1) != 0 || sn == tn) {
			if (fn < sn)
				ms_merkle_node(&c->proof[i], fr, fr);
			ms_merkle_node(&c->proof[i], sr, sr);
			while ((sn & 1) == 0 && sn != 0)
				fn >>= 1, sn >>= 1, tn >>= 1;
		} else {
			ms_merkle_node(sr, &c->proof[i], sr);
		}
		fn >>= 1, sn >>= 1, tn >>= 1;
	}
	return tn == 0;
}

enum ms_rc
ms_merkle_verify_subtree(const struct ms_consistency *c, uint64_t start, uint64_t end, struct ms_err *err)
{
	struct ms_node fr, sr;
	if (end > c->size2 || c->n > MS_PROOF_MAX)
		return ms_fail(err, MS_ERR_AUTH, "consistency: sizes or length of the proof");
	if (start == end) { /* an empty subtree is in every tree */
		ms_merkle_empty(&fr);
		return c->n == 0 && ms_node_eq(&fr, &c->root1) ? MS_OK
							       : ms_fail(err, MS_ERR_AUTH, "consistency: not the root of no leaves");
	}
	if (!ms_merkle_subtree_ok(start, end))
		return ms_fail(err, MS_ERR_AUTH, "consistency: not a subtree");
	if (!subtree_walk(c, start, end - 1, &fr, &sr) || !ms_node_eq(&fr, &c->root1) || !ms_node_eq(&sr, &c->root2))
		return ms_fail(err, MS_ERR_AUTH, "consistency: the proof does not lead to both roots");
	return MS_OK;
}

enum ms_rc
ms_merkle_verify_consistency(const struct ms_consistency *c, struct ms_err *err)
{
	if (c->size1 == 0)
		return ms_fail(err, MS_ERR_AUTH, "consistency: the empty tree proves nothing");
	return ms_merkle_verify_subtree(c, 0, c->size1, err); /* the old tree is the subtree that begins at 0 */
}
