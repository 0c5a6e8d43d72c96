/* A ticket (receipt): proof that an entry is in the log, checked by keeper before it acts, by agents before they
 * obey, by auditors at any time. Deterministic CBOR {1: leaf index, 2: proof nodes in a row, 3: signed checkpoint}. */
#ifndef MS_TICKET_H
#define MS_TICKET_H
#include "audit/checkpoint.h"

#define MS_TICKET_CHECKPOINT_MAX (16u << 10)
#define MS_TICKET_MAX (MS_TICKET_CHECKPOINT_MAX + MS_PROOF_MAX * MS_NODE_LEN + 32u) /* bytes */

/* As parsed: nothing is proven. Spans borrow. */
struct ms_ticket_raw {
	uint64_t present;
	uint64_t index;
	struct ms_span proof; /* a multiple of MS_NODE_LEN */
	struct ms_span checkpoint;
};
MS_MUST_USE enum ms_rc ms_ticket_parse(struct ms_span s, struct ms_ticket_raw *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_ticket_build(
    uint64_t index, const struct ms_node *proof, size_t n, struct ms_span checkpoint, struct ms_buf *out, struct ms_err *err);

/* What a ticket proved. */
struct ms_ticket {
	uint64_t index;      /* of the entry in the log */
	struct ms_node leaf; /* its leaf hash */
	uint64_t size;       /* of the tree of the checkpoint */
	struct ms_node root;
};
/* The checkpoint that was verified last: tickets of one batch share theirs, so that its signature is checked once.
 * Zero-initialise; one per log key. */
struct ms_ticket_memo {
	bool set;
	uint8_t vkey[32], note[32];
};
/* MS_OK: the log with key v holds exactly these entry bytes at ret->index. MS_ERR_AUTH, or as ms_ticket_parse. memo may be NULL. */
MS_MUST_USE enum ms_rc ms_ticket_verify(struct ms_span ticket, struct ms_span entry, const struct ms_vkey *v, struct ms_ticket_memo *memo,
    struct ms_ticket *ret, struct ms_err *err);

#endif
