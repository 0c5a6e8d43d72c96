#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "server/keeper/keeper_int.h"

#define CLOCK_TOLERANCE_S 300u
#define BOOT_SECRET_LEN 32u
#define RESULT_MAX 1500000u /* as struct ms_act_done takes: a CRL of a large fleet */
#define TEXT_MAX 400u

void
ms_keeper_free(struct ms_keeper *k)
{
	if (k == NULL)
		return;
	ms_vkey_free(k->log);
	ms_secret_free(k->boot_secret);
	ms_nonces_fini(&k->nonces);
	ms_buf_fini(&k->answer);
	free(k);
}

/* The token's keys are the ones everybody was given in the deployment root. */
static enum ms_rc
take_keys(struct ms_keeper *k, struct ms_err *err)
{
	const struct ms_root *root = k->p.root;
	struct ms_cert issuing;
	enum ms_rc rc = ms_cert_parse_min(root->body.ca_issuing, &issuing, err);
	if (rc != MS_OK)
		return rc;
	const struct {
		unsigned slot;
		struct ms_span point;
	} rows[] = {{MS_SLOT_CA_ISSUING, issuing.point}, {MS_SLOT_RELEASE, root->body.release_point},
	    {MS_SLOT_INTAKE, root->body.intake_point}, {MS_SLOT_TOKEN, root->body.token_point}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct ms_pubkey *pub = ms_token_client_public(k->p.token, rows[i].slot);
		if (pub == NULL || !ms_span_eq(ms_pubkey_point(pub), rows[i].point))
			return ms_fail(err, MS_ERR_AUTH, "the token's key \"%s\" is not the one in the deployment root",
			    ms_slot_row(rows[i].slot)->label);
	}
	k->issuing = ms_token_client_signer(k->p.token, MS_SLOT_CA_ISSUING);
	k->release = ms_token_client_signer(k->p.token, MS_SLOT_RELEASE);
	k->token = ms_token_client_signer(k->p.token, MS_SLOT_TOKEN);
	k->intake = ms_token_client_ecdh(k->p.token, MS_SLOT_INTAKE);
	return MS_OK;
}

enum ms_rc
ms_keeper_new(const struct ms_keeper_params *p, struct ms_keeper **ret, struct ms_err *err)
{
	MS_OWN(ms_keeper_free) struct ms_keeper *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "keeper");
	k->p = *p;
	ms_buf_init(&k->answer, MS_ACT_FRAME_MAX);
	ms_authority_clock_init(&k->clock, 0, CLOCK_TOLERANCE_S);
	enum ms_rc rc = take_keys(k, err);
	if (rc == MS_OK)
		rc = ms_vkey_parse(p->root->body.log_vkey, &k->log, err);
	if (rc == MS_OK)
		rc = ms_secret_new(BOOT_SECRET_LEN, &k->boot_secret, err);
	if (rc == MS_OK)
		rc = ms_random(ms_secret_bytes(k->boot_secret), BOOT_SECRET_LEN, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(k->boot_secret, BOOT_SECRET_LEN);
	*ret = k;
	k = NULL;
	return MS_OK;
}

/* ---- one act ---- */

static enum ms_rc
do_act(struct ms_keeper *k, const struct ms_keeper_row *row, const struct ms_act *act, struct ms_buf *result, struct ms_err *err)
{
	_Alignas(uint64_t) uint8_t params[MS_KEEPER_PARAMS_MAX] = {0};
	struct ms_keeper_work w = {.k = k, .now_s = ms_authority_now_s(&k->clock)};
	enum ms_rc rc = ms_keeper_gate(row, act, &w, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(row->params, act->params, params, err);
	if (rc == MS_OK)
		rc = row->act(&w, params, result, err);
	return rc == MS_OK ? ms_buf_check(result, err) : rc;
}

/* Printable characters only: the text may quote what came in. */
static struct ms_span
clean_text(const struct ms_err *err, char text[static TEXT_MAX])
{
	size_t n = 0;
	for (; n < TEXT_MAX && err->text[n] != '\0'; n++)
		text[n] = err->text[n] >= 0x20 && err->text[n] < 0x7f ? err->text[n] : '?';
	return ms_span(text, n);
}

enum ms_rc
ms_keeper_act(struct ms_keeper *k, unsigned type, struct ms_span wire, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_keeper_row *row = ms_keeper_row(type);
	struct ms_act act;
	struct ms_err why = {0};
	struct ms_buf out;
	char text[TEXT_MAX];
	if (row == NULL)
		return ms_fail(err, MS_ERR_MALFORMED, "no act %u", type);
	enum ms_rc rc = ms_cbor_parse_map(&ms_act_table, wire, &act, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_init(&out, RESULT_MAX);
	rc = do_act(k, row, &act, &out, &why);
	struct ms_act_done done = {.present = MS_CBOR_BIT(MS_ACT_DONE_RESULT), .result = ms_buf_span(&out)};
	if (rc != MS_OK) {
		/* what any device may get wrong is no news; an act that core logged should stand */
		ms_log(row->kind == NULL ? MS_LOG_DEBUG : MS_LOG_WARN, "keeper.refuses", "act=%s rc=%s %s", row->name, ms_rc_name(rc),
		    why.text);
		done = (struct ms_act_done){.present = MS_CBOR_BIT(MS_ACT_DONE_CODE) | MS_CBOR_BIT(MS_ACT_DONE_TEXT),
		    .code = ms_span_str(ms_rc_name(rc)),
		    .text = clean_text(&why, text)};
	}
	rc = ms_cbor_build_map(&ms_act_done_table, &done, result, err);
	ms_buf_fini(&out);
	return rc;
}

/* ---- serving ---- */

static enum ms_rc
on_act(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_keeper *k = ctx;
	ms_buf_reset(&k->answer);
	enum ms_rc rc = ms_keeper_act(k, f->type, f->payload, &k->answer, err);
	if (rc == MS_OK && ms_token_client_dead(k->p.token))
		rc = ms_fail(err, MS_ERR_UNAVAILABLE, "the token is gone");
	return rc == MS_OK ? ms_chan_send(k->p.core, f->type, f->id, ms_buf_span(&k->answer), err) : rc;
}

static const struct ms_ipc_row rows[] = {
#define ROW(type, name) \
	{ \
		type, name, MS_IPC_ANY_STATE, false, false, 1, MS_ACT_FRAME_MAX, on_act \
	}
    ROW(MS_ACT_CREDENTIAL, "credential"),
    ROW(MS_ACT_PROOF, "proof"),
    ROW(MS_ACT_CHALLENGE_KEY, "challenge-key"),
    ROW(MS_ACT_TLS_CERT, "tls-cert"),
    ROW(MS_ACT_BIND, "bind"),
    ROW(MS_ACT_ADMIT, "admit"),
    ROW(MS_ACT_IDENTITY, "identity"),
    ROW(MS_ACT_SECRET_PUT, "secret-put"),
    ROW(MS_ACT_SECRET_RELEASE, "secret-release"),
    ROW(MS_ACT_CRL, "crl"),
    ROW(MS_ACT_RESULT, "result"),
#undef ROW
};
const struct ms_ipc_table ms_keeper_table = MS_IPC_TABLE("core->keeper", rows);

enum ms_rc
ms_keeper_serve(struct ms_keeper *k, struct ms_err *err)
{
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	enum ms_rc rc;
	do
		rc = ms_ipc_serve(k->p.core, &st, k, -1, err);
	while (rc == MS_OK);
	return rc;
}
