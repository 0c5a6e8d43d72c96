/* Reading operations: each fills o->result with deterministic CBOR, a map or an array of maps with text keys. They write
 * nothing and are not logged. */
#include <stdio.h>
#include <string.h>

#include "server/core/operator.h"

static enum ms_rc
status(struct ms_core *c, MS_UNUSED struct ms_job *j, struct ms_operation *o, struct ms_err *err)
{
	ms_cbor_map(&o->result, 1);
	ms_cbor_text(&o->result, "entries");
	ms_cbor_uint(&o->result, c->next_seq);
	return ms_buf_check(&o->result, err);
}

const struct ms_op_row ms_ops_read[] = {
    {"status", false, "factory", status},
    {NULL, false, NULL, NULL},
};
