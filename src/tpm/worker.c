#include "tpm/worker.h"

#include <limits.h>
#include <unistd.h>
#include <fcntl.h>

#include "tpm/wire.h"

#define SEND_TIMEOUT_MS 10000
#define QUEUE_MAX (2 * MS_TPM_WIRE_REPLY_MAX)

struct worker {
	struct ms_chan *chan;
	struct ms_tpm *tpm;
	bool gone;
};

static enum ms_rc handle(void *ctx, struct ms_frame *f, struct ms_err *err);

#define ROW(op, a_name) \
	{ \
		.type = (op), .name = (a_name), .states = MS_IPC_ANY_STATE, .min_len = MS_TPM_WIRE_REQUEST_MIN, \
		.max_len = MS_TPM_WIRE_REQUEST_MAX, .handler = handle \
	}
static const struct ms_ipc_row rows[] = {
    ROW(MS_TPM_OP_INFO, "info"),
    ROW(MS_TPM_OP_RANDOM, "random"),
    ROW(MS_TPM_OP_PCRS, "pcrs"),
    ROW(MS_TPM_OP_EK, "ek"),
    ROW(MS_TPM_OP_AK, "ak"),
    ROW(MS_TPM_OP_ACTIVATE, "activate"),
    ROW(MS_TPM_OP_QUOTE, "quote"),
    ROW(MS_TPM_OP_IDENTITY, "identity"),
    ROW(MS_TPM_OP_IDENTITY_CERTIFY, "identity-certify"),
    ROW(MS_TPM_OP_IDENTITY_SIGN, "identity-sign"),
    ROW(MS_TPM_OP_SEAL_CERTIFY, "seal-certify"),
    ROW(MS_TPM_OP_SEAL_ECDH, "seal-ecdh"),
    ROW(MS_TPM_OP_DATA_SEAL, "data-seal"),
    ROW(MS_TPM_OP_DATA_UNSEAL, "data-unseal"),
};
static const struct ms_ipc_table table = MS_IPC_TABLE("agent->tpm", rows);

static enum ms_rc
answer(struct worker *w, uint64_t id, enum ms_rc rc, const struct ms_err *detail, const struct ms_tpm_reply *r, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf out;
	ms_buf_init(&out, MS_TPM_WIRE_REPLY_MAX);
	ms_tpm_wire_put_reply(rc, detail, r, &out);
	enum ms_rc sent = ms_buf_check(&out, err);
	return sent != MS_OK ? sent : ms_chan_send(w->chan, MS_TPM_WIRE_REPLY, id, ms_buf_span(&out), err);
}

/* A refusal by the TPM is an answer; only a malformed request ends the conversation. */
static enum ms_rc
handle(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct worker *w = ctx;
	struct ms_tpm_request q;
	enum ms_rc rc = ms_tpm_wire_parse_request(f->type, f->payload, &q, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_tpm_reply_fini) struct ms_tpm_reply r;
	ms_tpm_reply_init(&r);
	struct ms_err detail = {0};
	rc = w->tpm->ops->call(w->tpm, &q, &r, &detail);
	w->gone = rc == MS_ERR_UNAVAILABLE;
	return answer(w, f->id, rc, &detail, &r, err);
}

static enum ms_rc
open_chan(int fd, struct ms_chan **ret, struct ms_err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return ms_fail(err, MS_ERR_IO, "TPM: no socket on descriptor %d", fd);
	enum ms_rc rc = ms_chan_new(own, &table, QUEUE_MAX, ret, err);
	if (rc == MS_OK)
		ms_chan_set_wipe(*ret);
	return rc;
}

enum ms_rc
ms_tpm_worker_hello(int fd, enum ms_rc open_rc, const struct ms_err *open_err, struct ms_err *err)
{
	MS_OWN(ms_chan_free) struct ms_chan *c = NULL;
	enum ms_rc rc = open_chan(fd, &c, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_buf_fini) struct ms_buf out;
	ms_buf_init(&out, MS_TPM_WIRE_REPLY_MAX);
	ms_tpm_wire_put_reply(open_rc, open_err, NULL, &out);
	rc = ms_buf_check(&out, err);
	return rc != MS_OK ? rc : ms_chan_send_now(c, MS_TPM_WIRE_HELLO, 0, ms_buf_span(&out), SEND_TIMEOUT_MS, err);
}

enum ms_rc
ms_tpm_worker_serve(int fd, struct ms_tpm *t, unsigned idle_ms, struct ms_err *err)
{
	MS_OWN(ms_chan_free) struct ms_chan *c = NULL;
	enum ms_rc rc = open_chan(fd, &c, err);
	if (rc != MS_OK)
		return rc;
	struct worker w = {.chan = c, .tpm = t};
	struct ms_ipc_state state = MS_IPC_STATE_INIT;
	while (rc == MS_OK && !w.gone)
		rc = ms_ipc_serve(c, &state, &w, idle_ms > INT_MAX ? INT_MAX : (int)idle_ms, err);
	if (w.gone)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "TPM: it went away");
	return rc == MS_ERR_UNAVAILABLE || rc == MS_ERR_TIMEOUT ? MS_OK : rc;
}
