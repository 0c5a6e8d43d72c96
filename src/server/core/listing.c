/* Which manifest lists an EK, and the Merkle proof of its row. */
#include <stdlib.h>
#include <string.h>

#include "audit/merkle.h"
#include "server/core/enroll.h"

#define ROWS_BLOB_MAX (1u << 20)
#define STATEMENT_MAX 8192u

void
ms_listing_fini(struct ms_listing *l)
{
	ms_buf_fini(&l->mem);
	ms_buf_fini(&l->statement);
	ms_buf_fini(&l->row_bytes);
	ms_buf_fini(&l->proof);
}

enum ms_rc
ms_listing_find(struct ms_core *c, struct ms_span tenant, struct ms_span ek_hash, struct ms_listing *l, struct ms_err *err)
{
	memset(l, 0, sizeof *l);
	ms_buf_init(&l->mem, 4096);
	ms_buf_init(&l->statement, STATEMENT_MAX);
	ms_buf_init(&l->row_bytes, 512);
	ms_buf_init(&l->proof, MS_PROOF_MAX * MS_NODE_LEN);
	return ms_row_get(c->store, MS_TABLE_BATCH_ROWS, tenant, ek_hash, &ms_row_expected_table, &l->row, &l->mem, err);
}

/* The rows of the blob as leaves; the row asked for is copied out. */
static enum ms_rc
rows_to_leaves(struct ms_span blob, uint64_t index, struct ms_node **ret, size_t *ret_n, struct ms_buf *row, struct ms_err *err)
{
	struct ms_cbor cb = ms_cbor_over(blob);
	size_t n = ms_cbor_read_array(&cb);
	struct ms_node *leaves = n == 0 ? NULL : calloc(n, sizeof *leaves);
	if (leaves == NULL)
		return ms_fail(err, n == 0 ? MS_ERR_MALFORMED : MS_ERR_NOMEM, "manifest rows");
	for (size_t i = 0; i < n; i++) {
		struct ms_span one = ms_cbor_read_bytes(&cb);
		ms_merkle_leaf(one, &leaves[i]);
		if (i == index)
			ms_buf_put_span(row, one);
	}
	if (!ms_cbor_done(&cb) || index >= n) {
		free(leaves);
		return ms_fail(err, MS_ERR_IO, "manifest rows: the blob is malformed");
	}
	*ret = leaves;
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
prove_row(struct ms_span blob, struct ms_listing *l, struct ms_err *err)
{
	struct ms_node *leaves = NULL;
	MS_OWN(ms_memtree_free) struct ms_memtree *tree = NULL;
	size_t n = 0;
	enum ms_rc rc = rows_to_leaves(blob, l->row.index, &leaves, &n, &l->row_bytes, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_memtree_new(leaves, n, &tree, err);
	free(leaves);
	if (rc != MS_OK)
		return rc;
	struct ms_tree t = ms_memtree_tree(tree);
	struct ms_proof proof;
	rc = ms_tree_prove(&t, l->row.index, n, &proof, err);
	if (rc == MS_OK)
		ms_buf_put(&l->proof, proof.node, proof.n * sizeof proof.node[0]);
	return rc == MS_OK ? ms_buf_check(&l->proof, err) : rc;
}

enum ms_rc
ms_listing_prove(struct ms_core *c, struct ms_span tenant, struct ms_listing *l, struct ms_err *err)
{
	struct ms_row_batch batch;
	struct ms_buf mem, blob;
	ms_buf_init(&mem, 4096);
	ms_buf_init(&blob, ROWS_BLOB_MAX);
	enum ms_rc rc = ms_row_get(c->store, MS_TABLE_BATCHES, tenant, l->row.batch, &ms_row_batch_table, &batch, &mem, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, batch.manifest.p, &l->statement, err);
	if (rc == MS_OK)
		rc = ms_store_get_blob(c->store, batch.rows.p, &blob, err);
	if (rc == MS_OK)
		rc = prove_row(ms_buf_span(&blob), l, err);
	ms_buf_fini(&mem);
	ms_buf_fini(&blob);
	return rc;
}
