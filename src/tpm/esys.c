/* A TPM through the TSS: opening, errors, and the rule that a request leaves nothing loaded behind it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_rc.h>

#include "crypto/lib.h"
#include "tpm/esys_int.h"
#include "tpm/tcti.h"

/* Part 2, 7.2 and 7.5 (the constants of the TSS overflow an int). */
#define HANDLES_TRANSIENT 0x80000000u
#define HANDLES_LOADED_SESSION 0x02000000u

void
ms_esys_free(void *p)
{
	Esys_Free(p);
}

TSS2_RC
ms_esys_bare(TSS2_RC code)
{
	code &= ~(TSS2_RC)TSS2_RC_LAYER_MASK;
	return (code & TPM2_RC_FMT1) != 0 ? code & 0x0bf : code;
}

static bool
from_tpm(TSS2_RC code)
{
	TSS2_RC layer = code & TSS2_RC_LAYER_MASK;
	return layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER;
}

static enum ms_rc
lockout(struct ms_esys *e, const char *what, struct ms_err *err)
{
	struct ms_tpm_info info;
	if (ms_esys_info(e, &info, NULL) != MS_OK)
		return ms_fail(err, MS_ERR_LIMITED,
		    "TPM: %s: the TPM is in dictionary-attack lockout: wait, or run tpm2_dictionarylockout --clear-lockout as root", what);
	return ms_fail(err, MS_ERR_LIMITED,
	    "TPM: %s: the TPM is in dictionary-attack lockout after %u failed authorizations (%u are allowed): wait %u s until it forgets "
	    "one, "
	    "or run tpm2_dictionarylockout --clear-lockout as root",
	    what, info.lockout_counter, info.lockout_max, info.lockout_interval_s);
}

enum ms_rc
ms_esys_rc(struct ms_esys *e, TSS2_RC code, const char *what, struct ms_err *err)
{
	if (code == TSS2_RC_SUCCESS)
		return MS_OK;
	if (!from_tpm(code)) {
		TSS2_RC layer = code & TSS2_RC_LAYER_MASK;
		e->gone = e->gone || layer == TSS2_TCTI_RC_LAYER || (code & ~(TSS2_RC)TSS2_RC_LAYER_MASK) == TSS2_BASE_RC_IO_ERROR;
		return ms_fail(err, e->gone ? MS_ERR_UNAVAILABLE : MS_ERR_TPM, "TPM: %s: %s", what, Tss2_RC_Decode(code));
	}
	switch (ms_esys_bare(code)) {
	case TPM2_RC_LOCKOUT:
		return lockout(e, what, err);
	case TPM2_RC_INITIALIZE:
		return ms_fail(err, MS_ERR_TPM,
		    "TPM: %s: the TPM was not started (firmware sends TPM2_Startup; for swtpm add --flags startup-clear, or run "
		    "tpm2_startup -c)",
		    what);
	case TPM2_RC_FAILURE:
		return ms_fail(
		    err, MS_ERR_TPM, "TPM: %s: the TPM is in failure mode: power-cycle the machine, look at tpm2_gettestresult", what);
	case TPM2_RC_AUTH_FAIL:
	case TPM2_RC_BAD_AUTH:
		return ms_fail(err, MS_ERR_TPM,
		    "TPM: %s: authorization refused (%s): the endorsement and owner hierarchies must have no password", what,
		    Tss2_RC_Decode(code));
	default:
		return ms_fail(err, MS_ERR_TPM, "TPM: %s: %s (%#x)", what, Tss2_RC_Decode(code), code);
	}
}

static void
let_go(struct ms_esys *e, ESYS_TR tr, bool flush)
{
	/* Esys_FlushContext closes the handle when it succeeds; when it does not there is nothing better to do than to forget it. */
	if (!flush || e->gone || Esys_FlushContext(e->ctx, tr) != TSS2_RC_SUCCESS)
		(void)Esys_TR_Close(e->ctx, &tr);
}

void
ms_esys_hold(struct ms_esys *e, ESYS_TR tr, bool flush)
{
	if (e->n_held == MS_ESYS_HELD_MAX) { /* no request holds so many; still, nothing may leak */
		let_go(e, tr, flush);
		return;
	}
	e->held[e->n_held].tr = tr;
	e->held[e->n_held++].flush = flush;
}

void
ms_esys_drop(struct ms_esys *e, ESYS_TR tr)
{
	for (size_t i = 0; i < e->n_held; i++) {
		if (e->held[i].tr != tr)
			continue;
		let_go(e, tr, e->held[i].flush);
		e->held[i] = e->held[--e->n_held];
		return;
	}
}

void
ms_esys_drop_all(struct ms_esys *e)
{
	while (e->n_held > 0) {
		e->n_held--;
		let_go(e, e->held[e->n_held].tr, e->held[e->n_held].flush);
	}
}

static const struct {
	enum ms_tpm_op op;
	enum ms_rc (*run)(struct ms_esys *, const struct ms_tpm_request *, struct ms_tpm_reply *, struct ms_err *);
} more[] = {
    {MS_TPM_OP_RANDOM, ms_esys_random},
    {MS_TPM_OP_ACTIVATE, ms_esys_activate},
    {MS_TPM_OP_QUOTE, ms_esys_quote},
    {MS_TPM_OP_IDENTITY_CERTIFY, ms_esys_certify_identity},
    {MS_TPM_OP_IDENTITY_SIGN, ms_esys_sign},
    {MS_TPM_OP_SEAL_CERTIFY, ms_esys_certify_seal},
    {MS_TPM_OP_SEAL_ECDH, ms_esys_ecdh},
    {MS_TPM_OP_DATA_SEAL, ms_esys_data_seal},
    {MS_TPM_OP_DATA_UNSEAL, ms_esys_data_unseal},
};

static enum ms_rc
run(struct ms_esys *e, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	ESYS_TR key;
	switch ((int)q->op) {
	case MS_TPM_OP_INFO:
		return ms_esys_info(e, &r->info, err);
	case MS_TPM_OP_PCRS:
		return ms_esys_read_pcrs(e, q->mask, &r->pcrs, err);
	case MS_TPM_OP_EK: {
		enum ms_rc rc = ms_esys_ek(e, &key, &r->pub, err);
		if (rc == MS_OK)
			ms_buf_put_span(&r->cert, ms_buf_span(&e->ek_cert));
		return rc == MS_OK ? ms_buf_check(&r->cert, err) : rc;
	}
	case MS_TPM_OP_AK:
		return ms_esys_ak(e, q->ak_salt, &key, &r->pub, err);
	case MS_TPM_OP_IDENTITY:
		return ms_esys_identity(e, q->salt, &key, &r->pub, err);
	}
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (more[i].op == q->op)
			return more[i].run(e, q, r, err);
	return ms_fail(err, MS_ERR_USAGE, "TPM: no request %d", (int)q->op);
}

static enum ms_rc
esys_call(struct ms_tpm *t, const struct ms_tpm_request *q, struct ms_tpm_reply *r, struct ms_err *err)
{
	struct ms_esys *e = (struct ms_esys *)t;
	if (e->gone)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "TPM: %s: the TPM went away", ms_tpm_op_name(q->op));
	enum ms_rc rc = run(e, q, r, err);
	ms_esys_drop_all(e);
	return rc;
}

static void
esys_free(struct ms_tpm *t)
{
	struct ms_esys *e = (struct ms_esys *)t;
	if (e->ctx != NULL) {
		ms_esys_drop_all(e);
		Esys_Finalize(&e->ctx);
	}
	ms_tcti_free(e->tcti);
	ms_buf_fini(&e->ek_cert);
	free(e);
}

static const struct ms_tpm_ops esys_ops = {.name = "esys", .call = esys_call, .free = esys_free};

/* Flush every handle of one kind that is loaded. Through a resource manager these are only our own: none. On a bare TPM
 * they are what a user before us left when it was killed: two such kills would fill the three slots there are. */
static enum ms_rc
flush_left(struct ms_esys *e, TPM2_HANDLE first, struct ms_err *err)
{
	TPMI_YES_NO more_data;
	MS_OWN(ms_esys_free) TPMS_CAPABILITY_DATA *cap = NULL;
	TSS2_RC code = Esys_GetCapability(e->ctx, MS_ESYS_NONE3, TPM2_CAP_HANDLES, first, 16, &more_data, &cap);
	enum ms_rc rc = ms_esys_rc(e, code, "list handles", err);
	if (rc != MS_OK)
		return rc;
	const TPML_HANDLE *l = &cap->data.handles;
	for (UINT32 i = 0; i < l->count && i < TPM2_MAX_CAP_HANDLES; i++) {
		ESYS_TR tr;
		if (l->handle[i] >> 24 != first >> 24 || Esys_TR_FromTPMPublic(e->ctx, l->handle[i], MS_ESYS_NONE3, &tr) != TSS2_RC_SUCCESS)
			continue;
		let_go(e, tr, true);
	}
	return MS_OK;
}

static enum ms_rc
esys_connect(struct ms_esys *e, const char *tcti, struct ms_err *err)
{
	enum ms_rc rc = ms_tcti_open(tcti, &e->tcti, err);
	if (rc != MS_OK)
		return rc;
	TSS2_RC code = Esys_Initialize(&e->ctx, e->tcti, NULL);
	if (code != TSS2_RC_SUCCESS) {
		e->ctx = NULL;
		return ms_esys_rc(e, code, "open", err);
	}
	rc = flush_left(e, HANDLES_TRANSIENT, err);
	if (rc == MS_OK)
		rc = flush_left(e, HANDLES_LOADED_SESSION, err);
	struct ms_tpm_pcrs pcrs; /* the first command that a TPM without TPM2_Startup refuses */
	if (rc == MS_OK)
		rc = ms_esys_read_pcrs(e, 1, &pcrs, err);
	return rc;
}

enum ms_rc
ms_tpm_open(const char *tcti, struct ms_tpm **ret, struct ms_err *err)
{
	enum ms_rc rc = ms_crypto_init(err);
	if (rc != MS_OK)
		return rc;
	struct ms_esys *e = calloc(1, sizeof *e);
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "TPM");
	e->base.ops = &esys_ops;
	ms_buf_init(&e->ek_cert, MS_TPM_EK_CERT_MAX);
	MS_OWN(ms_tpm_free) struct ms_tpm *t = &e->base;
	rc = esys_connect(e, tcti, err);
	if (rc != MS_OK)
		return rc;
	*ret = t;
	t = NULL;
	return MS_OK;
}
