/* What parses builds to the same bytes; a batch and single appends agree on whatever was parsed. */
#include <assert.h>
#include <string.h>
#include "audit/merkle.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct ms_frontier f, slow;
	struct ms_node leaf[3] = {{{1}}, {{2}}, {{3}}}, root;
	if (ms_frontier_parse(ms_span(p, len), &f, NULL) != MS_OK)
		return 0;
	MS_OWN(ms_buf_fini) struct ms_buf b;
	MS_OWN(ms_batch_fini) struct ms_batch batch = {0};
	ms_buf_init(&b, len);
	ms_frontier_build(&f, &b);
	assert(ms_span_eq(ms_buf_span(&b), ms_span(p, len)));
	slow = f;
	if (ms_frontier_append_batch(&f, leaf, 3, &batch, NULL) != MS_OK)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		size_t n;
		const struct ms_node *proof = ms_batch_proof(&batch, i, &n);
		assert(ms_frontier_append(&slow, &leaf[i], NULL) == MS_OK);
		assert(ms_merkle_verify_inclusion(batch.first + i, batch.size, &leaf[i], proof, n, &batch.root, NULL) == MS_OK);
	}
	ms_frontier_root(&slow, &root);
	assert(ms_node_eq(&root, &batch.root));
	return 0;
}
