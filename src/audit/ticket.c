#include "audit/ticket.h"
#include <string.h>
#include "codec/cbor.h"

static const struct ms_cbor_field fields[] = {
    MS_CBOR_F_UINT(1, struct ms_ticket_raw, index, MS_CBOR_REQ, 0, MS_TREE_SIZE_MAX - 1),
    MS_CBOR_F_BYTES(2, struct ms_ticket_raw, proof, MS_CBOR_REQ, 0, MS_PROOF_MAX *MS_NODE_LEN),
    MS_CBOR_F_BYTES(3, struct ms_ticket_raw, checkpoint, MS_CBOR_REQ, 1, MS_TICKET_CHECKPOINT_MAX),
};
static const struct ms_cbor_table table = MS_CBOR_TABLE("ticket", struct ms_ticket_raw, fields);

enum ms_rc
ms_ticket_parse(struct ms_span s, struct ms_ticket_raw *ret, struct ms_err *err)
{
	struct ms_ticket_raw t;
	if (s.len > MS_TICKET_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "ticket: %zu bytes", s.len);
	enum ms_rc rc = ms_cbor_parse_map(&table, s, &t, err);
	if (rc != MS_OK)
		return rc;
	if (t.proof.len % MS_NODE_LEN != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "ticket: a proof of %zu bytes", t.proof.len);
	*ret = t;
	return MS_OK;
}

enum ms_rc
ms_ticket_build(uint64_t index, const struct ms_node *proof, size_t n, struct ms_span checkpoint, struct ms_buf *out, struct ms_err *err)
{
	if (n > MS_PROOF_MAX)
		return ms_fail(err, MS_ERR_USAGE, "ticket: a proof of %zu nodes", n);
	struct ms_ticket_raw t = {.index = index, .proof = ms_span(proof, n * sizeof *proof), .checkpoint = checkpoint};
	return ms_cbor_build_map(&table, &t, out, err);
}

static bool
memo_hit(const struct ms_ticket_memo *m, const struct ms_vkey *v, const uint8_t note[static MS_SHA256_LEN])
{
	return m->set && ms_span_eq(ms_span(m->vkey, sizeof m->vkey), ms_span(ms_vkey_fingerprint(v), MS_SHA256_LEN)) &&
	       ms_span_eq(ms_span(m->note, sizeof m->note), ms_span(note, MS_SHA256_LEN));
}

/* Verify the checkpoint, or find that just these bytes were verified with this key before. */
static enum ms_rc
open_checkpoint(struct ms_span note, const struct ms_vkey *v, struct ms_ticket_memo *memo, struct ms_checkpoint *ret, struct ms_err *err)
{
	uint8_t digest[MS_SHA256_LEN];
	struct ms_note_raw raw;
	if (memo == NULL)
		return ms_checkpoint_verify(note, v, ret, err);
	ms_sha256(note, digest);
	if (memo_hit(memo, v, digest)) {
		enum ms_rc rc = ms_note_parse(note, &raw, err);
		return rc == MS_OK ? ms_checkpoint_parse(raw.text, ret, err) : rc;
	}
	enum ms_rc rc = ms_checkpoint_verify(note, v, ret, err);
	if (rc != MS_OK)
		return rc;
	memcpy(memo->note, digest, sizeof memo->note);
	memcpy(memo->vkey, ms_vkey_fingerprint(v), sizeof memo->vkey);
	memo->set = true;
	return MS_OK;
}

enum ms_rc
ms_ticket_verify(struct ms_span ticket, struct ms_span entry, const struct ms_vkey *v, struct ms_ticket_memo *memo, struct ms_ticket *ret,
    struct ms_err *err)
{
	struct ms_ticket_raw raw;
	struct ms_checkpoint c;
	struct ms_node proof[MS_PROOF_MAX];
	enum ms_rc rc = ms_ticket_parse(ticket, &raw, err);
	if (rc != MS_OK)
		return rc;
	rc = open_checkpoint(raw.checkpoint, v, memo, &c, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "ticket");
	struct ms_ticket t = {.index = raw.index, .size = c.size, .root = c.root};
	if (raw.proof.len != 0)
		memcpy(proof, raw.proof.p, raw.proof.len);
	ms_merkle_leaf(entry, &t.leaf);
	rc = ms_merkle_verify_inclusion(t.index, t.size, &t.leaf, proof, raw.proof.len / MS_NODE_LEN, &t.root, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "ticket");
	*ret = t;
	return MS_OK;
}
