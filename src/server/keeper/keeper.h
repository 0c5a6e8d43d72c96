/* keeper: acts with the deployment's keys, each act under a leaf of the log. It believes no one: what an act rests on is
 * checked here, from signatures and from the notary's ticket (I13). Its own keys are in its token process. */
#ifndef MS_KEEPER_H
#define MS_KEEPER_H
#include "base/clock.h"
#include "ipc/table.h"
#include "proto/root.h"
#include "server/token/client.h"

#define MS_KEEPER_SKEW_S 300u      /* how far signers' clocks may be off */
#define MS_KEEPER_ENTRY_AGE_S 600u /* how old the entry of an act may be, and how far ahead of us */
#define MS_KEEPER_NAMES_MAX 16u

struct ms_keeper;
struct ms_keeper_params {
	const struct ms_root *root;
	struct ms_token_client *token;   /* asked for MS_SLOTS_KEEPER */
	struct ms_chan *core;            /* made with ms_keeper_table */
	const char *const *server_names; /* of TLS certificates, NULL-terminated, at most MS_KEEPER_NAMES_MAX */
};
/* MS_ERR_AUTH: the token's keys are not those of the deployment root. Borrows what is in p. */
MS_MUST_USE enum ms_rc ms_keeper_new(const struct ms_keeper_params *p, struct ms_keeper **ret, struct ms_err *err);
void ms_keeper_free(struct ms_keeper *k);
MS_CLEANUP(struct ms_keeper, ms_keeper_free)
extern const struct ms_ipc_table ms_keeper_table; /* core -> keeper; its handlers' ctx is the ms_keeper */
/* Answer until core is gone (MS_ERR_UNAVAILABLE), breaks a rule, or the token is gone. */
MS_MUST_USE enum ms_rc ms_keeper_serve(struct ms_keeper *k, struct ms_err *err);

/* One act, without a channel: *result is an ms_act_done either way. An error means that `wire` is no act at all, which
 * ends the peer. (keeper_serve, tests and fuzzing come through here.) */
MS_MUST_USE enum ms_rc ms_keeper_act(struct ms_keeper *k, unsigned type, struct ms_span wire, struct ms_buf *result, struct ms_err *err);

#endif
