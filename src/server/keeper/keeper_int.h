/* Inside keeper: its state, an act that passed the gate, the table of acts, and the checks they share. */
#ifndef MS_KEEPER_INT_H
#define MS_KEEPER_INT_H
#include "audit/entry.h"
#include "audit/ticket.h"
#include "codec/statement.h"
#include "evidence/certify.h"
#include "evidence/quote.h"
#include "identity/cert.h"
#include "ipc/core_keeper.h"
#include "proto/bind.h"
#include "proto/data.h"
#include "server/keeper/keeper.h"
#include "server/keeper/nonces.h"

#define MS_KEEPER_STATEMENT_LIFE_S (UINT64_C(3653) * 86400) /* bindings and admissions: 10 years */
#define MS_KEEPER_DEVICE_LABEL "muster/v1/enroll"

struct ms_keeper {
	struct ms_keeper_params p;
	struct ms_vkey *log;
	struct ms_ticket_memo memo;
	struct ms_signer release, issuing, token;
	struct ms_ecdh intake;
	struct ms_secret *boot_secret; /* credential secrets are derived from it */
	struct ms_authority_clock clock;
	struct ms_nonces nonces;
	uint64_t crl_number; /* the last that was signed */
	struct ms_buf answer;
};

/* An act that passed the gate. Spans borrow from the frame. */
struct ms_keeper_work {
	struct ms_keeper *k;
	uint64_t now_s;
	uint8_t digest[32]; /* of the params */
	/* acts with a leaf; else empty */
	struct ms_entry entry;
	char tenant[65];
	struct ms_node leaf;
};

typedef enum ms_rc (*ms_keeper_fn)(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
struct ms_keeper_row {
	const char *name;
	const char *kind; /* of its entry; NULL: it needs none, for it grants nothing */
	bool server;      /* the entry is about the whole deployment: tenant "*", subject "server" */
	bool refuses;     /* takes away rather than grants: done while the clock is in doubt (I15) */
	const struct ms_cbor_table *params;
	ms_keeper_fn act;
};
const struct ms_keeper_row *ms_keeper_row(unsigned type); /* NULL: no such act */
#define MS_KEEPER_PARAMS_MAX 256u                         /* bytes of the largest params struct */

/* gate.c: entry and ticket of an act. On MS_OK w->entry is in the log and is about exactly these params. */
MS_MUST_USE enum ms_rc ms_keeper_gate(
    const struct ms_keeper_row *row, const struct ms_act *act, struct ms_keeper_work *w, struct ms_err *err);

/* The acts. */
enum ms_rc ms_keeper_credential(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_proof(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_bind(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_admit(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_identity(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_secret_put(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_secret_release(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_challenge_key(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_tls_cert(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_result(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);
enum ms_rc ms_keeper_crl(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err);

/* ---- check.c: what several acts check ---- */

/* A quote over a request. Spans borrow. */
struct ms_keeper_evidence {
	enum ms_purpose purpose;
	struct ms_span device, ak_public;
	struct ms_span nonce, exporter, request;
	struct ms_span attest, signature, pcrs;
};
/* The nonce's time, then the quote by this AK over exactly this request; then the entry names this request and evidence.
 * On MS_OK the caller owns both. */
MS_MUST_USE enum ms_rc ms_keeper_check_quote(const struct ms_keeper_work *w, const struct ms_keeper_evidence *e, struct ms_ak **ret_ak,
    struct ms_quote_verified **ret, struct ms_err *err);
/* I7: the nonce is used for these params, now and never for others. */
MS_MUST_USE enum ms_rc ms_keeper_use_nonce(const struct ms_keeper_work *w, struct ms_span nonce, struct ms_err *err);
/* A statement by our own release key, of this kind, for the act's tenant. */
MS_MUST_USE enum ms_rc ms_keeper_check_own(const struct ms_keeper_work *w, const char *kind, const char *audience, struct ms_span wire,
    struct ms_statement *ret, struct ms_err *err);
/* A statement by an operator of the root who may do `operation` in the act's tenant. With `at_issue` its life is judged at
 * the time it was made (what it decided lasts), and that it is not from the future; else at the entry's time. */
struct ms_keeper_operator_check {
	const char *kind, *operation;
	bool at_issue;
	uint64_t life_max_s; /* 0: not asked */
};
MS_MUST_USE enum ms_rc ms_keeper_check_operator(const struct ms_keeper_work *w, const struct ms_keeper_operator_check *c,
    struct ms_span wire, struct ms_statement *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_keeper_check_subject(const struct ms_keeper_work *w, struct ms_span subject, struct ms_err *err);
/* The entry's data by its table. */
MS_MUST_USE enum ms_rc ms_keeper_data(const struct ms_keeper_work *w, const struct ms_cbor_table *t, void *ret, struct ms_err *err);

/* Sign a statement with the release key, dated as the entry is. */
struct ms_keeper_says {
	const char *kind, *audience;
	uint64_t expires_s;
	const struct ms_cbor_table *table;
	const void *body;
};
MS_MUST_USE enum ms_rc ms_keeper_say(
    const struct ms_keeper_work *w, const struct ms_keeper_says *s, struct ms_buf *out, struct ms_err *err);
/* A certificate's TBS against what the entry says of it, then its signature by the issuing key. */
struct ms_keeper_cert {
	struct ms_span serial;
	uint64_t not_before_s, not_after_s;
	struct ms_span tbs;
};
MS_MUST_USE enum ms_rc ms_keeper_issue(
    const struct ms_keeper_work *w, const struct ms_keeper_cert *c, struct ms_buf *out, struct ms_err *err);

#endif
