/* The token's side of its one channel. */
#ifndef MS_TOKEN_SERVE_H
#define MS_TOKEN_SERVE_H
#include "ipc/table.h"
#include "server/token/token.h"

extern const struct ms_ipc_table ms_token_request_table;
struct ms_token_server {
	struct ms_chan *chan; /* made with ms_token_request_table, set to wipe */
	struct ms_token *token;
};
/* Answer until the owner is gone (MS_ERR_UNAVAILABLE) or breaks a rule (MS_ERR_MALFORMED). */
MS_MUST_USE enum ms_rc ms_token_serve(struct ms_token_server *s, struct ms_err *err);

#endif
