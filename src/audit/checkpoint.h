/* C2SP tlog-checkpoint: the text of a note that a log signs: origin, tree size, root hash, extension lines. */
#ifndef MS_CHECKPOINT_H
#define MS_CHECKPOINT_H
#include "audit/merkle.h"
#include "audit/note.h"

#define MS_CHECKPOINT_EXTENSIONS_MAX 16u /* lines */

struct ms_checkpoint {
	struct ms_span origin;
	uint64_t size;
	struct ms_node root;
	struct ms_span extensions; /* whole lines, each with its newline; usually empty */
};
/* The text only; nothing is proven. The root of an empty tree must be that of no leaves. MS_ERR_MALFORMED. Spans borrow. */
MS_MUST_USE enum ms_rc ms_checkpoint_parse(struct ms_span text, struct ms_checkpoint *ret, struct ms_err *err);
/* Append the text. MS_ERR_USAGE when ms_checkpoint_parse() would not take it. */
MS_MUST_USE enum ms_rc ms_checkpoint_build(const struct ms_checkpoint *c, struct ms_buf *out, struct ms_err *err);
/* Verify a signed checkpoint. MS_OK: the log with this key signed it and its origin is the key's name. */
MS_MUST_USE enum ms_rc ms_checkpoint_verify(struct ms_span note, const struct ms_vkey *v, struct ms_checkpoint *ret, struct ms_err *err);
/* Sign and append the note, with the key name `origin`. */
MS_MUST_USE enum ms_rc ms_checkpoint_sign(
    const char *origin, uint64_t size, const struct ms_node *root, const struct ms_signer *signer, struct ms_buf *out, struct ms_err *err);

#endif
