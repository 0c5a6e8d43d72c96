/* The Merkle tree against its definition (RFC 6962 2.1, written out naively here) and against published proofs. */
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include "audit/merkle.h"
#include "support/test.h"

#define LEAVES 300u
static struct ms_node leaves[LEAVES];

static void
make_leaves(void)
{
	for (unsigned i = 0; i < LEAVES; i++) {
		char text[16];
		int n = snprintf(text, sizeof text, "leaf %u", i);
		ms_merkle_leaf(ms_span(text, (size_t)n), &leaves[i]);
	}
}

/* The largest power of two below n. */
static size_t
split(size_t n)
{
	size_t k = 1;
	while (2 * k < n)
		k *= 2;
	return k;
}

static struct ms_node
naive_root(const struct ms_node *d, size_t n)
{
	struct ms_node r;
	if (n == 0) {
		ms_merkle_empty(&r);
		return r;
	}
	if (n == 1)
		return d[0];
	size_t k = split(n);
	struct ms_node left = naive_root(d, k), right = naive_root(d + k, n - k);
	ms_merkle_node(&left, &right, &r);
	return r;
}

static size_t
naive_path(size_t m, const struct ms_node *d, size_t n, struct ms_node *out)
{
	if (n == 1)
		return 0;
	size_t k = split(n), at;
	if (m < k) {
		at = naive_path(m, d, k, out);
		out[at] = naive_root(d + k, n - k);
	} else {
		at = naive_path(m - k, d + k, n - k, out);
		out[at] = naive_root(d, k);
	}
	return at + 1;
}

static size_t
naive_subproof(size_t m, const struct ms_node *d, size_t n, bool whole, struct ms_node *out)
{
	if (m == n) {
		if (!whole)
			out[0] = naive_root(d, n);
		return whole ? 0 : 1;
	}
	size_t k = split(n), at;
	if (m <= k) {
		at = naive_subproof(m, d, k, whole, out);
		out[at] = naive_root(d + k, n - k);
	} else {
		at = naive_subproof(m - k, d + k, n - k, false, out);
		out[at] = naive_root(d, k);
	}
	return at + 1;
}

static bool
same_nodes(const struct ms_node *a, size_t a_n, const struct ms_node *b, size_t b_n)
{
	return a_n == b_n && ms_span_eq(ms_span(a, a_n * sizeof *a), ms_span(b, b_n * sizeof *b));
}

MS_TEST(the_empty_tree_and_one_leaf_hash_as_rfc_6962_says)
{
	/* SHA-256(""), and SHA-256(0x00) */
	static const char *const want[2] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"};
	struct ms_node n[2];
	char hex[65];
	ms_merkle_empty(&n[0]);
	ms_merkle_leaf(MS_SPAN_NONE, &n[1]);
	for (int i = 0; i < 2; i++) {
		ms_hex(n[i].h, MS_NODE_LEN, hex);
		assert_string_equal(hex, want[i]);
	}
}

MS_TEST(a_frontier_grown_leaf_by_leaf_has_the_root_of_the_tree)
{
	struct ms_frontier f, g;
	struct ms_err err;
	make_leaves();
	ms_frontier_init(&f);
	for (size_t n = 0; n < LEAVES; n++) {
		struct ms_node want = naive_root(leaves, n), got;
		ms_frontier_root(&f, &got);
		CHECK(ms_node_eq(&got, &want));
		MS_OWN(ms_buf_fini) struct ms_buf b;
		ms_buf_init(&b, MS_FRONTIER_WIRE_MAX);
		ms_frontier_build(&f, &b);
		CHECK_OK(ms_frontier_parse(ms_buf_span(&b), &g, &err), &err);
		ms_frontier_root(&g, &got);
		CHECK(ms_node_eq(&got, &want));
		CHECK_OK(ms_frontier_append(&f, &leaves[n], &err), &err);
	}
}

MS_TEST(a_frontier_of_another_length_or_too_large_is_refused)
{
	uint8_t w[MS_FRONTIER_WIRE_MAX + 1] = {0};
	struct ms_frontier f;
	w[7] = 5; /* two nodes */
	for (size_t n = 0; n <= sizeof w; n++) {
		uint8_t *p = test_dup(w, n);
		CHECK((ms_frontier_parse(ms_span(p, n), &f, NULL) == MS_OK) == (n == 8 + 2 * MS_NODE_LEN));
		free(p);
	}
	memset(w, 0xff, 8);
	CHECK(ms_frontier_parse(ms_span(w, sizeof w), &f, NULL) == MS_ERR_MALFORMED);
	ms_frontier_init(&f);
	f.size = MS_TREE_SIZE_MAX;
	CHECK(ms_frontier_append(&f, &leaves[0], NULL) == MS_ERR_TOO_BIG);
	struct ms_batch b = {0};
	CHECK(ms_frontier_append_batch(&f, leaves, 1, &b, NULL) == MS_ERR_TOO_BIG);
	CHECK(ms_frontier_append_batch(&f, leaves, 0, &b, NULL) == MS_ERR_USAGE);
	CHECK(f.size == MS_TREE_SIZE_MAX);
	ms_batch_fini(&b);
}

/* Append `n` leaves at `old` as one batch: root, frontier and every proof are those of the tree. */
static void
check_batch(size_t old, size_t n, struct ms_batch *b)
{
	struct ms_frontier f, slow;
	struct ms_node want[MS_PROOF_MAX], root = naive_root(leaves, old + n), got;
	ms_frontier_init(&f);
	for (size_t i = 0; i < old; i++)
		CHECK(ms_frontier_append(&f, &leaves[i], NULL) == MS_OK);
	slow = f;
	for (size_t i = 0; i < n; i++)
		CHECK(ms_frontier_append(&slow, &leaves[old + i], NULL) == MS_OK);
	CHECK(ms_frontier_append_batch(&f, leaves + old, n, b, NULL) == MS_OK);
	CHECK(ms_node_eq(&b->root, &root) && f.size == old + n && b->first == old && b->size == old + n && b->n == n);
	ms_frontier_root(&f, &got);
	CHECK(ms_node_eq(&got, &root));
	for (unsigned k = 0; k < 63; k++)
		if ((f.size >> k & 1) != 0)
			CHECK(ms_node_eq(&f.node[k], &slow.node[k]));
	for (size_t i = 0; i < n; i++) {
		size_t got_n, want_n = naive_path(old + i, leaves, old + n, want);
		const struct ms_node *p = ms_batch_proof(b, i, &got_n);
		CHECK(same_nodes(p, got_n, want, want_n));
		CHECK(ms_merkle_verify_inclusion(old + i, old + n, &leaves[old + i], p, got_n, &root, NULL) == MS_OK);
	}
}

MS_TEST(a_batch_gives_the_root_and_each_leafs_proof_at_every_small_size)
{
	make_leaves();
	MS_OWN(ms_batch_fini) struct ms_batch b = {0};
	for (size_t old = 0; old <= 34; old++)
		for (size_t n = 1; n <= 34; n++)
			check_batch(old, n, &b);
}

MS_TEST(a_batch_gives_the_root_and_each_leafs_proof_at_larger_sizes)
{
	static const size_t sizes[][2] = {
	    {0, 255}, {0, 256}, {0, 257}, {1, 256}, {127, 129}, {128, 1}, {255, 1}, {255, 2}, {256, 1}, {256, 44}, {200, 100}, {299, 1}};
	make_leaves();
	MS_OWN(ms_batch_fini) struct ms_batch b = {0};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		check_batch(sizes[i][0], sizes[i][1], &b);
}

MS_TEST(a_batch_at_the_end_of_a_huge_tree_gives_proofs_that_verify)
{
	make_leaves();
	MS_OWN(ms_batch_fini) struct ms_batch b = {0};
	struct ms_frontier f;
	ms_frontier_init(&f);
	f.size = MS_TREE_SIZE_MAX - 10;
	for (unsigned k = 0; k < 63; k++)
		f.node[k] = leaves[k];
	CHECK(ms_frontier_append_batch(&f, leaves, 10, &b, NULL) == MS_OK);
	for (size_t i = 0; i < 10; i++) {
		size_t n;
		const struct ms_node *p = ms_batch_proof(&b, i, &n);
		CHECK(n == 62 && ms_merkle_verify_inclusion(b.first + i, b.size, &leaves[i], p, n, &b.root, NULL) == MS_OK);
	}
	CHECK(ms_frontier_append_batch(&f, leaves, 1, &b, NULL) == MS_ERR_TOO_BIG);
}

MS_TEST(proofs_built_from_nodes_are_those_of_the_definition)
{
	struct ms_node want[MS_PROOF_MAX], root;
	struct ms_proof p;
	MS_OWN(ms_memtree_free) struct ms_memtree *m = NULL;
	make_leaves();
	CHECK(ms_memtree_new(leaves, 70, &m, NULL) == MS_OK);
	struct ms_tree t = ms_memtree_tree(m);
	for (size_t size = 0; size <= 70; size++) {
		struct ms_node naive = naive_root(leaves, size);
		CHECK(ms_tree_root(&t, size, &root, NULL) == MS_OK && ms_node_eq(&root, &naive));
		for (size_t i = 0; i < size; i++) {
			CHECK(ms_tree_prove(&t, i, size, &p, NULL) == MS_OK);
			CHECK(same_nodes(p.node, p.n, want, naive_path(i, leaves, size, want)));
			CHECK(ms_merkle_verify_inclusion(i, size, &leaves[i], p.node, p.n, &root, NULL) == MS_OK);
		}
		for (size_t old = 1; old <= size; old++) {
			CHECK(ms_tree_prove_consistency(&t, old, size, &p, NULL) == MS_OK);
			CHECK(same_nodes(p.node, p.n, want, naive_subproof(old, leaves, size, true, want)));
			struct ms_consistency c = {old, size, naive_root(leaves, old), root, p.node, p.n};
			CHECK(ms_merkle_verify_consistency(&c, NULL) == MS_OK);
		}
	}
	CHECK(ms_tree_prove(&t, 70, 70, &p, NULL) == MS_ERR_NOT_FOUND);
	CHECK(ms_tree_prove(&t, 0, 71, &p, NULL) == MS_ERR_NOT_FOUND);
	CHECK(ms_tree_root(&t, 71, &root, NULL) == MS_ERR_NOT_FOUND);
	CHECK(ms_tree_prove_consistency(&t, 0, 5, &p, NULL) == MS_ERR_NOT_FOUND);
	CHECK(ms_tree_prove_consistency(&t, 6, 5, &p, NULL) == MS_ERR_NOT_FOUND);
}

MS_TEST(a_proof_with_any_byte_changed_or_for_another_place_is_refused)
{
	struct ms_proof p;
	MS_OWN(ms_memtree_free) struct ms_memtree *m = NULL;
	make_leaves();
	CHECK(ms_memtree_new(leaves, 45, &m, NULL) == MS_OK);
	struct ms_tree t = ms_memtree_tree(m);
	struct ms_node root = naive_root(leaves, 45);
	CHECK(ms_tree_prove(&t, 20, 45, &p, NULL) == MS_OK);
	for (uint64_t size = 0; size < 80; size++)
		for (uint64_t i = 0; i < 80; i++)
			if (i != 20 && ms_merkle_verify_inclusion(i, size, &leaves[20], p.node, p.n, &root, NULL) == MS_OK)
				fail();
	for (size_t i = 0; i < p.n * MS_NODE_LEN; i++) {
		struct ms_proof q = p;
		q.node[i / MS_NODE_LEN].h[i % MS_NODE_LEN] ^= 1;
		CHECK(ms_merkle_verify_inclusion(20, 45, &leaves[20], q.node, q.n, &root, NULL) == MS_ERR_AUTH);
	}
	for (size_t n = 0; n < MS_PROOF_MAX; n++)
		if (n != p.n)
			CHECK(ms_merkle_verify_inclusion(20, 45, &leaves[20], p.node, n, &root, NULL) == MS_ERR_AUTH);
	CHECK(ms_merkle_verify_inclusion(20, 45, &leaves[21], p.node, p.n, &root, NULL) == MS_ERR_AUTH);
}

/* ---- Published proofs, good and bad ---- */

/* Some numbers are beyond 2^63: all are read as reals, which are exact for those that name real trees. */
static uint64_t
number(const json_t *o, const char *key)
{
	double v = json_number_value(json_object_get(o, key));
	return v >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)v;
}

/* Values of other lengths stay unlike any hash (the files' own "don't care" roots are shorter). */
static bool
node_of(const json_t *v, struct ms_node *ret)
{
	size_t len = 0;
	const char *s = json_is_string(v) ? json_string_value(v) : "";
	*ret = (struct ms_node){0};
	return ms_unbase64(s, strlen(s), ret->h, MS_NODE_LEN, &len) == MS_OK;
}

struct published {
	const char *kind;
	struct ms_node proof[256];
	size_t n;
	bool bad; /* a value that is no hash */
	const json_t *o;
};

static bool
accepts(const struct published *p)
{
	struct ms_node root, leaf;
	struct ms_consistency c = {.size1 = number(p->o, "size1"), .size2 = number(p->o, "size2"), .proof = p->proof, .n = p->n};
	uint64_t start = number(p->o, "start"), end = number(p->o, "end"), index = number(p->o, "leafIdx");
	if (strstr(p->kind, "consistency") != NULL) {
		if (!node_of(json_object_get(p->o, "root1"), &c.root1) || !node_of(json_object_get(p->o, "root2"), &c.root2))
			return false;
		if (strcmp(p->kind, "consistency") == 0)
			return ms_merkle_verify_consistency(&c, NULL) == MS_OK;
		c.size2 = number(p->o, "size");
		return ms_merkle_verify_subtree(&c, start, end, NULL) == MS_OK;
	}
	if (json_string_length(json_object_get(p->o, "leafHash")) != 44)
		return false;
	if (!node_of(json_object_get(p->o, "root"), &root) || !node_of(json_object_get(p->o, "leafHash"), &leaf))
		return false;
	if (strcmp(p->kind, "inclusion") == 0)
		return ms_merkle_verify_inclusion(index, number(p->o, "treeSize"), &leaf, p->proof, p->n, &root, NULL) == MS_OK;
	return ms_merkle_subtree_ok(start, end) && index >= start &&
	       ms_merkle_verify_inclusion(index - start, end - start, &leaf, p->proof, p->n, &root, NULL) == MS_OK;
}

static void
check_published(const char *kind, const char *path)
{
	json_t *o = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
	struct published p = {.kind = kind, .o = o};
	size_t i;
	json_t *v;
	CHECK(o != NULL);
	json_array_foreach(json_object_get(o, "proof"), i, v)
	{
		if (p.n == 256 || !node_of(v, &p.proof[p.n]) || json_string_length(v) != 44)
			p.bad = true;
		else
			p.n++;
	}
	bool want = !json_is_true(json_object_get(o, "wantErr"));
	if ((!p.bad && accepts(&p)) != want)
		fail_msg("%s: %s", path, want ? "refused" : "accepted");
	json_decref(o);
}

MS_TEST(published_proofs_verify_and_published_bad_ones_do_not)
{
	const char *vectors = test_vectors();
	char root[4096];
	unsigned n = 0;
	if (vectors == NULL)
		skip();
	snprintf(root, sizeof root, "%s/merkle-proofs/testdata", vectors);
	char *roots[2] = {root, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL, NULL);
	CHECK(fts != NULL);
	for (FTSENT *e; (e = fts_read(fts)) != NULL;) {
		const char *dot = strrchr(e->fts_name, '.');
		if (e->fts_info != FTS_F || dot == NULL || strcmp(dot, ".json") != 0)
			continue;
		const char *rest = e->fts_path + strlen(root) + 1;
		char kind[64];
		snprintf(kind, sizeof kind, "%.*s", (int)strcspn(rest, "/"), rest);
		check_published(kind, e->fts_path);
		n++;
	}
	fts_close(fts);
	CHECK_INT(n, 518);
}
