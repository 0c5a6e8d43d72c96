/* Proofs from stored nodes, and a tree in memory. */
#include <stdlib.h>
#include <string.h>
#include "audit/merkle.h"

/* The ragged node right of the last full one at `level`, for a tree of `size` leaves; climbs only. */
struct edge {
	const struct ms_tree *tree;
	uint64_t size;
	unsigned level;
	bool have;
	struct ms_node node;
};

static enum ms_rc
edge_climb(struct edge *e, unsigned level, struct ms_err *err)
{
	for (; e->level < level; e->level++) {
		if ((e->size >> e->level & 1) == 0)
			continue;
		struct ms_node full;
		enum ms_rc rc = e->tree->get(e->tree->ctx, e->level, (e->size >> e->level) - 1, &full, err);
		if (rc != MS_OK)
			return rc;
		if (e->have)
			ms_merkle_node(&full, &e->node, &e->node);
		else
			e->node = full;
		e->have = true;
	}
	return MS_OK;
}

/* Append the node at (level, index) to the proof, full or ragged; no node there: nothing. */
static enum ms_rc
put_node(struct edge *e, unsigned level, uint64_t index, struct ms_proof *p, struct ms_err *err)
{
	uint64_t full = e->size >> level;
	if (index > full)
		return MS_OK;
	if (index < full) {
		enum ms_rc rc = e->tree->get(e->tree->ctx, level, index, &p->node[p->n], err);
		p->n += rc == MS_OK;
		return rc;
	}
	enum ms_rc rc = edge_climb(e, level, err);
	if (rc == MS_OK && e->have)
		p->node[p->n++] = e->node;
	return rc;
}

enum ms_rc
ms_tree_root(const struct ms_tree *t, uint64_t size, struct ms_node *ret, struct ms_err *err)
{
	struct edge e = {.tree = t, .size = size};
	if (size > t->size)
		return ms_fail(err, MS_ERR_NOT_FOUND, "the tree has %llu leaves", (unsigned long long)t->size);
	enum ms_rc rc = edge_climb(&e, 63, err);
	if (rc != MS_OK)
		return rc;
	if (e.have)
		*ret = e.node;
	else
		ms_merkle_empty(ret);
	return MS_OK;
}

enum ms_rc
ms_tree_prove(const struct ms_tree *t, uint64_t index, uint64_t size, struct ms_proof *ret, struct ms_err *err)
{
	struct edge e = {.tree = t, .size = size};
	struct ms_proof p = {0};
	if (size > t->size || index >= size)
		return ms_fail(err, MS_ERR_NOT_FOUND, "leaf %llu of %llu: the tree has %llu", (unsigned long long)index,
		    (unsigned long long)size, (unsigned long long)t->size);
	for (unsigned level = 0; (size - 1) >> level != 0; level++) {
		enum ms_rc rc = put_node(&e, level, (index >> level) ^ 1, &p, err);
		if (rc != MS_OK)
			return rc;
	}
	*ret = p;
	return MS_OK;
}

enum ms_rc
ms_tree_prove_consistency(const struct ms_tree *t, uint64_t size1, uint64_t size2, struct ms_proof *ret, struct ms_err *err)
{
	struct edge e = {.tree = t, .size = size2};
	struct ms_proof p = {0};
	if (size1 == 0 || size1 > size2 || size2 > t->size)
		return ms_fail(err, MS_ERR_NOT_FOUND, "sizes %llu and %llu: the tree has %llu", (unsigned long long)size1,
		    (unsigned long long)size2, (unsigned long long)t->size);
	unsigned level = 0;
	uint64_t fn = size1 - 1, sn = size2 - 1;
	for (; (fn & 1) != 0; level++)
		fn >>= 1, sn >>= 1;
	enum ms_rc rc = fn != 0 && sn != 0 && size1 != size2 ? put_node(&e, level, fn, &p, err) : MS_OK;
	if (size1 == size2)
		sn = 0;
	for (; rc == MS_OK && sn != 0; level++, fn >>= 1, sn >>= 1) {
		for (; fn == sn && (fn & 1) == 0; level++) /* ragged in both: goes up as it is */
			fn >>= 1, sn >>= 1;
		rc = put_node(&e, level, (fn & 1) != 0 ? fn - 1 : fn + 1, &p, err);
	}
	if (rc == MS_OK)
		*ret = p;
	return rc;
}

struct ms_memtree {
	size_t n;
	struct ms_node *level[64];
	struct ms_node nodes[];
};

enum ms_rc
ms_memtree_new(const struct ms_node *leaves, size_t n, struct ms_memtree **ret, struct ms_err *err)
{
	if (n > SIZE_MAX / (4 * sizeof *leaves))
		return ms_fail(err, MS_ERR_TOO_BIG, "a tree of %zu leaves", n);
	struct ms_memtree *m = malloc(sizeof *m + (2 * n + 1) * sizeof *leaves);
	if (m == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "a tree of %zu leaves", n);
	m->n = n;
	m->level[0] = m->nodes;
	if (n != 0)
		memcpy(m->nodes, leaves, n * sizeof *leaves);
	for (unsigned k = 1; k < 64; k++) {
		m->level[k] = m->level[k - 1] + (n >> (k - 1));
		for (size_t i = 0; i < n >> k; i++)
			ms_merkle_node(&m->level[k - 1][2 * i], &m->level[k - 1][2 * i + 1], &m->level[k][i]);
	}
	*ret = m;
	return MS_OK;
}

void
ms_memtree_free(struct ms_memtree *m)
{
	free(m);
}

static enum ms_rc
memtree_get(void *ctx, unsigned level, uint64_t index, struct ms_node *ret, struct ms_err *err)
{
	const struct ms_memtree *m = ctx;
	if (level > 63 || index >= m->n >> level)
		return ms_fail(err, MS_ERR_NOT_FOUND, "no node %u/%llu", level, (unsigned long long)index);
	*ret = m->level[level][index];
	return MS_OK;
}

struct ms_tree
ms_memtree_tree(struct ms_memtree *m)
{
	return (struct ms_tree){.size = m->n, .get = memtree_get, .ctx = m};
}
