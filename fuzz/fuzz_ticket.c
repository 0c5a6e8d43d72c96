/* What parses builds to the same bytes; no ticket proves an entry to a key that signed nothing like it. */
#include <assert.h>
#include "audit/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char key[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
	static struct ms_vkey *v;
	struct ms_ticket_raw raw;
	struct ms_ticket t;
	struct ms_node proof[MS_PROOF_MAX];
	if (v == NULL && ms_vkey_parse(ms_span_str(key), &v, NULL) != MS_OK)
		return 0;
	assert(ms_ticket_verify(ms_span(p, len), ms_span_str("entry"), v, NULL, &t, NULL) != MS_OK);
	if (ms_ticket_parse(ms_span(p, len), &raw, NULL) != MS_OK)
		return 0;
	assert(raw.proof.len <= sizeof proof && raw.proof.len % MS_NODE_LEN == 0);
	for (size_t i = 0; i < raw.proof.len; i++)
		proof[i / MS_NODE_LEN].h[i % MS_NODE_LEN] = raw.proof.p[i];
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, len);
	assert(ms_ticket_build(raw.index, proof, raw.proof.len / MS_NODE_LEN, raw.checkpoint, &b, NULL) == MS_OK);
	assert(ms_span_eq(ms_buf_span(&b), ms_span(p, len)));
	return 0;
}
