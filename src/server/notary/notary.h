/* notary: appends leaves to its file and signs one checkpoint for each batch. It cannot be asked for anything else. */
#ifndef MS_NOTARY_H
#define MS_NOTARY_H
#include "audit/checkpoint.h"
#include "ipc/table.h"

struct ms_notary;
struct ms_notary_params {
	const char *dir;             /* holds `leaves` and `checkpoint` */
	const struct ms_vkey *vkey;  /* the log's, from the deployment root */
	struct ms_signer signer;     /* must be the key of vkey: MS_ERR_AUTH */
	struct ms_chan *core;        /* made with ms_notary_table */
	bool (*signer_dead)(void *); /* asked when signing failed: true ends the process; may be NULL */
	void *signer_ctx;
};
/* Opens the leaf file. MS_ERR_CONFLICT: the last signed checkpoint (dir/checkpoint) is not of this tree: leaves are
 * missing, or are others than were signed for. Borrows what is in p. */
MS_MUST_USE enum ms_rc ms_notary_new(const struct ms_notary_params *p, struct ms_notary **ret, struct ms_err *err);
void ms_notary_free(struct ms_notary *n);
MS_CLEANUP(struct ms_notary, ms_notary_free)
extern const struct ms_ipc_table ms_notary_table; /* core -> notary; its handlers' ctx is the ms_notary */
/* Answer until core is gone (MS_ERR_UNAVAILABLE) or breaks a rule. */
MS_MUST_USE enum ms_rc ms_notary_serve(struct ms_notary *n, struct ms_err *err);

#endif
