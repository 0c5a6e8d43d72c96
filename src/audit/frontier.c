/* Appending: the frontier of one tree, and batches with the proofs of their own leaves. */
#include <stdlib.h>
#include <string.h>
#include "audit/merkle.h"
#include "base/rd.h"

void
ms_frontier_init(struct ms_frontier *f)
{
	*f = (struct ms_frontier){0};
}

enum ms_rc
ms_frontier_append(struct ms_frontier *f, const struct ms_node *leaf, struct ms_err *err)
{
	if (f->size >= MS_TREE_SIZE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "the tree is full");
	struct ms_node n = *leaf;
	unsigned level = 0;
	for (; (f->size >> level & 1) != 0; level++)
		ms_merkle_node(&f->node[level], &n, &n);
	f->node[level] = n;
	f->size++;
	return MS_OK;
}

void
ms_frontier_root(const struct ms_frontier *f, struct ms_node *ret)
{
	bool have = false;
	if (f->size == 0)
		ms_merkle_empty(ret);
	for (unsigned level = 0; level < 63; level++) {
		if ((f->size >> level & 1) == 0)
			continue;
		if (have)
			ms_merkle_node(&f->node[level], ret, ret);
		else
			*ret = f->node[level];
		have = true;
	}
}

void
ms_frontier_build(const struct ms_frontier *f, struct ms_buf *out)
{
	ms_buf_u64(out, f->size);
	for (unsigned level = 63; level-- > 0;)
		if ((f->size >> level & 1) != 0)
			ms_buf_put(out, f->node[level].h, MS_NODE_LEN);
}

enum ms_rc
ms_frontier_parse(struct ms_span s, struct ms_frontier *ret, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	struct ms_frontier f = {.size = ms_rd_u64(&rd)};
	if (f.size > MS_TREE_SIZE_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "frontier: size");
	for (unsigned level = 63; level-- > 0;)
		if ((f.size >> level & 1) != 0)
			ms_rd_copy(&rd, f.node[level].h, MS_NODE_LEN);
	if (!ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "frontier: %zu bytes for %llu leaves", s.len, (unsigned long long)f.size);
	*ret = f;
	return MS_OK;
}

void
ms_batch_fini(struct ms_batch *b)
{
	free(b->proof_nodes);
	free(b->level_nodes);
	free(b->at);
	*b = (struct ms_batch){0};
}

const struct ms_node *
ms_batch_proof(const struct ms_batch *b, size_t i, size_t *ret_n)
{
	*ret_n = b->at[i + 1] - b->at[i];
	return b->proof_nodes + b->at[i];
}

/* At each level the full nodes that the proofs can name: the new ones, and before them the frontier's node where the
 * old size has that bit. Their first index is always even, so siblings lie side by side. */
struct levels {
	unsigned n;
	uint64_t first[64]; /* index of node[level][0] */
	uint64_t count[64]; /* full nodes of that level in the whole tree */
	struct ms_node *node[64];
	/* The ragged node right of the last full one, when the size has bits below that level. */
	bool has_edge[64];
	struct ms_node edge[64];
};

static bool
grow(void **p, size_t *cap, size_t want, size_t each)
{
	if (want <= *cap)
		return true;
	void *q = reallocarray(*p, want, each);
	if (q == NULL)
		return false;
	*p = q;
	*cap = want;
	return true;
}

static size_t
levels_lay_out(struct levels *l, uint64_t old_size, uint64_t size)
{
	size_t total = 0;
	for (l->n = 0; size >> l->n != 0; l->n++) {
		l->count[l->n] = size >> l->n;
		l->first[l->n] = (old_size >> l->n) & ~UINT64_C(1);
		total += (size_t)(l->count[l->n] - l->first[l->n]);
	}
	return total;
}

static void
levels_fill(struct levels *l, const struct ms_frontier *f, const struct ms_node *leaves, size_t n, struct ms_node *mem)
{
	for (unsigned k = 0; k < l->n; k++) {
		l->node[k] = mem;
		uint64_t old = f->size >> k;
		size_t at = 0;
		if ((old & 1) != 0)
			mem[at++] = f->node[k];
		if (k == 0) {
			memcpy(mem + at, leaves, n * sizeof *leaves);
		} else {
			for (uint64_t j = old; j < l->count[k]; j++, at++) {
				const struct ms_node *child = l->node[k - 1] + (2 * j - l->first[k - 1]);
				ms_merkle_node(&child[0], &child[1], &mem[at]);
			}
		}
		mem += l->count[k] - l->first[k];
	}
}

static const struct ms_node *
last_full(const struct levels *l, unsigned k)
{
	return l->node[k] + (l->count[k] - 1 - l->first[k]);
}

/* Returns the root. */
static struct ms_node
levels_edges(struct levels *l)
{
	bool have = false;
	struct ms_node edge = {0};
	for (unsigned k = 0; k < l->n; k++) {
		l->has_edge[k] = have;
		l->edge[k] = edge;
		if ((l->count[k] & 1) == 0)
			continue;
		if (have)
			ms_merkle_node(last_full(l, k), &edge, &edge);
		else
			edge = *last_full(l, k);
		have = true;
	}
	return edge;
}

static struct ms_node *
put_proof(const struct levels *l, uint64_t index, uint64_t size, struct ms_node *out)
{
	for (unsigned k = 0; (size - 1) >> k != 0; k++) {
		uint64_t sibling = (index >> k) ^ 1;
		if (sibling < l->count[k])
			*out++ = l->node[k][sibling - l->first[k]];
		else if (sibling == l->count[k] && l->has_edge[k])
			*out++ = l->edge[k];
	}
	return out;
}

static bool
batch_memory(struct ms_batch *b, size_t n, size_t level_nodes, uint64_t size)
{
	if (!grow((void **)&b->at, &b->at_cap, n + 1, sizeof *b->at) ||
	    !grow((void **)&b->level_nodes, &b->level_cap, level_nodes, sizeof *b->level_nodes))
		return false;
	b->at[0] = 0;
	for (size_t i = 0; i < n; i++)
		b->at[i + 1] = b->at[i] + ms_merkle_inclusion_len(size - n + i, size);
	return grow((void **)&b->proof_nodes, &b->proof_cap, b->at[n] + 1, sizeof *b->proof_nodes);
}

enum ms_rc
ms_frontier_append_batch(struct ms_frontier *f, const struct ms_node *leaves, size_t n, struct ms_batch *ret, struct ms_err *err)
{
	if (n == 0 || n > MS_BATCH_MAX)
		return ms_fail(err, MS_ERR_USAGE, "a batch of %zu leaves", n);
	if (f->size > MS_TREE_SIZE_MAX - n)
		return ms_fail(err, MS_ERR_TOO_BIG, "the tree is full");
	uint64_t size = f->size + n;
	struct levels l;
	if (!batch_memory(ret, n, levels_lay_out(&l, f->size, size), size))
		return ms_fail(err, MS_ERR_NOMEM, "batch");
	levels_fill(&l, f, leaves, n, ret->level_nodes);
	ret->root = levels_edges(&l);
	ret->first = f->size;
	ret->size = size;
	ret->n = n;
	struct ms_node *out = ret->proof_nodes;
	for (size_t i = 0; i < n; i++)
		out = put_proof(&l, ret->first + i, size, out);
	for (unsigned k = 0; k < l.n; k++)
		if ((l.count[k] & 1) != 0)
			f->node[k] = *last_full(&l, k);
	f->size = size;
	return MS_OK;
}
