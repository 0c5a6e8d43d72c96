/* Payloads between client.c and worker.c. Frame type: the op for a request, MS_TPM_WIRE_REPLY, MS_TPM_WIRE_HELLO.
 *
 * request: salt 32 | ak_salt 32 | hash 32 | mask u32 | len u32 | a u16, bytes | b u16, bytes
 * hello:   rc u16 | text u16, bytes
 * reply:   rc u16 | text u16, bytes | when rc is 0: pub u16, bytes | attest u16, bytes | signature u16, bytes |
 *          PCR mask u32, 32 bytes for each bit | info 47 | certificate u16, bytes | secret u16, bytes */
#ifndef MS_TPM_WIRE_H
#define MS_TPM_WIRE_H
#include "ipc/table.h"
#include "tpm/tpm_int.h"

#define MS_TPM_WIRE_REPLY 100u
#define MS_TPM_WIRE_HELLO 101u
#define MS_TPM_WIRE_REQUEST_MIN 108u
#define MS_TPM_WIRE_REQUEST_MAX (MS_TPM_WIRE_REQUEST_MIN + 2 * MS_TPM_BLOB_MAX)
#define MS_TPM_WIRE_REPLY_MAX 16384u
#define MS_TPM_WIRE_TEXT_MAX (MS_ERR_TEXT_MAX - 1)

extern const struct ms_ipc_table ms_tpm_wire_answers; /* what a client takes */

void ms_tpm_wire_put_request(const struct ms_tpm_request *q, struct ms_buf *out);
/* Also checks the bounds of the op (ms_tpm_request_check). Spans borrow from payload. */
MS_MUST_USE enum ms_rc ms_tpm_wire_parse_request(uint16_t type, struct ms_span payload, struct ms_tpm_request *ret, struct ms_err *err);

/* rc and the text of detail; r may be NULL when rc is not MS_OK. The buffer must be made with MS_TPM_WIRE_REPLY_MAX; it
 * may hold a secret afterwards: ms_buf_fini() wipes it. */
void ms_tpm_wire_put_reply(enum ms_rc rc, const struct ms_err *detail, const struct ms_tpm_reply *r, struct ms_buf *out);
/* The outcome that the worker tells is returned, its text in err; MS_ERR_MALFORMED when it cannot be read. On MS_OK r
 * (initialised) is filled. */
MS_MUST_USE enum ms_rc ms_tpm_wire_parse_reply(struct ms_span payload, struct ms_tpm_reply *r, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_tpm_wire_parse_hello(struct ms_span payload, struct ms_err *err);

#endif
