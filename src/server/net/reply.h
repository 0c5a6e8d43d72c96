/* The bytes of an HTTP answer. */
#ifndef MS_NET_REPLY_H
#define MS_NET_REPLY_H
#include "ipc/net_core.h"

/* Status line and fields with the empty line; `allow` (a method, or NULL) goes with 405. */
void ms_reply_head(struct ms_buf *out, const struct ms_net_response *r, const char *allow, bool close);
/* net's own refusals, in the form every refusal has (docs/protocol.md, Errors). */
void ms_reply_error_body(struct ms_buf *out, enum ms_rc rc, const char *text, uint32_t retry_after_s);

#endif
