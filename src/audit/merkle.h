/* The Merkle tree of RFC 6962 over SHA-256: hashing, proofs and their checks, the frontier that a log keeps to
 * append, and a reader that builds proofs from stored nodes. */
#ifndef MS_MERKLE_H
#define MS_MERKLE_H
#include "base/bytes.h"

#define MS_NODE_LEN 32u
#define MS_PROOF_MAX 64u                     /* nodes of any proof */
#define MS_TREE_SIZE_MAX (UINT64_C(1) << 62) /* leaves */
#define MS_BATCH_MAX (UINT64_C(1) << 16)     /* leaves of one append */
#define MS_FRONTIER_WIRE_MAX (8u + 63u * MS_NODE_LEN)

struct ms_node {
	uint8_t h[MS_NODE_LEN];
};

void ms_merkle_leaf(struct ms_span entry, struct ms_node *ret);                                    /* SHA-256(0x00 | entry) */
void ms_merkle_node(const struct ms_node *left, const struct ms_node *right, struct ms_node *ret); /* SHA-256(0x01 | left | right) */
void ms_merkle_empty(struct ms_node *ret);                                                         /* root of a tree of no leaves */
bool ms_node_eq(const struct ms_node *a, const struct ms_node *b);                                 /* public values: not constant time */

/* A proof: nodes from the leaf upwards. */
struct ms_proof {
	size_t n;
	struct ms_node node[MS_PROOF_MAX];
};
/* Number of nodes in the inclusion proof of leaf `index`; index < size. */
size_t ms_merkle_inclusion_len(uint64_t index, uint64_t size);
/* RFC 9162 2.1.3.2. MS_OK: the tree of `size` leaves with this root holds this leaf hash at `index`; else MS_ERR_AUTH. */
MS_MUST_USE enum ms_rc ms_merkle_verify_inclusion(uint64_t index, uint64_t size, const struct ms_node *leaf, const struct ms_node *proof,
    size_t n, const struct ms_node *root, struct ms_err *err);

/* Two trees, old one first, and the subtree variants of them (draft-ietf-plants-merkle-tree-certs 4). */
struct ms_consistency {
	uint64_t size1, size2;
	struct ms_node root1, root2;
	const struct ms_node *proof;
	size_t n;
};
/* RFC 9162 2.1.4.2. MS_OK: the tree of size2 begins with the tree of size1; else MS_ERR_AUTH. Sizes of 0 are refused:
 * every tree begins with the empty one, which proves nothing. */
MS_MUST_USE enum ms_rc ms_merkle_verify_consistency(const struct ms_consistency *c, struct ms_err *err);
/* MS_OK: the leaves start..end-1 of a tree of size2 (c->size1 is not used) hash to root1. */
MS_MUST_USE enum ms_rc ms_merkle_verify_subtree(const struct ms_consistency *c, uint64_t start, uint64_t end, struct ms_err *err);
/* Leaves start..end-1 may be a subtree: start < end and start is a multiple of the power of two that is >= end - start. */
bool ms_merkle_subtree_ok(uint64_t start, uint64_t end);

/* All that is needed to append: roots of the full subtrees that make up the tree, node[k] when bit k of size is set. */
struct ms_frontier {
	uint64_t size;
	struct ms_node node[63];
};
void ms_frontier_init(struct ms_frontier *f); /* the empty tree */
MS_MUST_USE enum ms_rc ms_frontier_append(
    struct ms_frontier *f, const struct ms_node *leaf, struct ms_err *err); /* MS_ERR_TOO_BIG at the cap */
void ms_frontier_root(const struct ms_frontier *f, struct ms_node *ret);
void ms_frontier_build(const struct ms_frontier *f, struct ms_buf *out); /* u64 size | a node for each set bit, highest first */
MS_MUST_USE enum ms_rc ms_frontier_parse(struct ms_span s, struct ms_frontier *ret, struct ms_err *err);

/* Inclusion proofs of the leaves of one batch in the tree that ends with it. A value reused from batch to batch keeps its
 * memory. Zero-initialise. */
struct ms_batch {
	struct ms_node root;
	uint64_t first, size; /* index of the batch's first leaf; leaves in the tree after it */
	size_t n;             /* leaves in the batch */
	/* own memory */
	struct ms_node *proof_nodes, *level_nodes;
	size_t *at;
	size_t proof_cap, level_cap, at_cap;
};
void ms_batch_fini(struct ms_batch *b);
MS_CLEANUP_FINI(struct ms_batch, ms_batch_fini)
/* The proof of leaf first + i: borrowed until the next batch. */
const struct ms_node *ms_batch_proof(const struct ms_batch *b, size_t i, size_t *ret_n);
/* Append n leaves (1..MS_BATCH_MAX) at once. Cost: about n hashes and the proofs' bytes. On an error (MS_ERR_USAGE,
 * MS_ERR_TOO_BIG, MS_ERR_NOMEM) the frontier is as it was. */
MS_MUST_USE enum ms_rc ms_frontier_append_batch(
    struct ms_frontier *f, const struct ms_node *leaves, size_t n, struct ms_batch *ret, struct ms_err *err);

/* A tree whose full nodes can be looked up: level 0 is leaf hashes; (index + 1) << level <= size of all that is asked. */
struct ms_tree {
	uint64_t size;
	enum ms_rc (*get)(void *ctx, unsigned level, uint64_t index, struct ms_node *ret, struct ms_err *err);
	void *ctx;
};
MS_MUST_USE enum ms_rc ms_tree_root(const struct ms_tree *t, uint64_t size, struct ms_node *ret, struct ms_err *err);
/* Proof that leaf `index` is in the tree of the first `size` leaves; index < size <= t->size, else MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_tree_prove(const struct ms_tree *t, uint64_t index, uint64_t size, struct ms_proof *ret, struct ms_err *err);
/* 0 < size1 <= size2 <= t->size, else MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_tree_prove_consistency(
    const struct ms_tree *t, uint64_t size1, uint64_t size2, struct ms_proof *ret, struct ms_err *err);

/* A tree in memory, all nodes kept: for manifests and tests. */
struct ms_memtree;
MS_MUST_USE enum ms_rc ms_memtree_new(const struct ms_node *leaves, size_t n, struct ms_memtree **ret, struct ms_err *err);
void ms_memtree_free(struct ms_memtree *m);
MS_CLEANUP(struct ms_memtree, ms_memtree_free)
struct ms_tree ms_memtree_tree(struct ms_memtree *m); /* borrows m */

#endif
