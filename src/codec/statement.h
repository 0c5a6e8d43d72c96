/* Statements: every signed object of Muster is a COSE_Sign1 whose content type and external_aad are
 * "muster/v1/<kind>" and whose payload names deployment, audience, tenant, issue and expiry time, epoch and
 * holds the body, deterministic CBOR of the kind's own table (docs/protocol.md).
 *
 * Two types keep proof apart from claim: ms_statement_raw is what was parsed and shows only what the search for a
 * key and the check of the signature need; struct ms_statement is made by ms_statement_verify() (crypto/) alone. */
#ifndef MS_STATEMENT_H
#define MS_STATEMENT_H
#include "codec/cose.h"

#define MS_STATEMENT_PREFIX "muster/v1/"
#define MS_STATEMENT_KIND_MAX 48u
#define MS_STATEMENT_DEPLOYMENT_LEN 16u
#define MS_STATEMENT_AUDIENCE_MAX 200u
#define MS_STATEMENT_TENANT_MAX 64u

struct ms_statement_raw; /* opaque; borrows from the parsed bytes */

/* Parse untrusted bytes. MS_OK: caller owns *ret; the bytes must outlive it. MS_ERR_MALFORMED, MS_ERR_TOO_BIG,
 * MS_ERR_UNSUPPORTED (algorithm, or another version than v1). Says nothing about authenticity. */
MS_MUST_USE enum ms_rc ms_statement_parse(struct ms_span s, struct ms_statement_raw **ret, struct ms_err *err);
void ms_statement_raw_free(struct ms_statement_raw *raw);
MS_CLEANUP(struct ms_statement_raw, ms_statement_raw_free)
struct ms_span ms_statement_kid(const struct ms_statement_raw *raw); /* which key claims to have signed */
int64_t ms_statement_alg(const struct ms_statement_raw *raw);        /* MS_COSE_ES256 or MS_COSE_EDDSA */
struct ms_span ms_statement_signature(const struct ms_statement_raw *raw);
/* To dispatch a message to its handler, which verifies with that kind: true when it claims to be `kind`. */
bool ms_statement_is(const struct ms_statement_raw *raw, const char *kind);
/* Append the bytes that the signature covers. */
void ms_statement_tbs(const struct ms_statement_raw *raw, struct ms_buf *out);

/* A proven statement: signature by a known key, and all of ms_statement_expect. Spans borrow from the parsed bytes. */
struct ms_statement {
	struct ms_span kind; /* without the prefix */
	struct ms_span kid;
	struct ms_span audience, tenant;
	uint64_t issued_s, expires_s;
	uint64_t epoch;
	struct ms_span body;
	struct ms_span signed_bytes; /* the whole COSE message: what an approval or a log entry hashes */
};

/* What the verifier knows beforehand; each is compared for equality. */
struct ms_statement_expect {
	const char *kind;
	const uint8_t *deployment; /* MS_STATEMENT_DEPLOYMENT_LEN bytes */
	const char *audience;
	const char *tenant; /* "" for what concerns the whole deployment */
	uint64_t now_s;
	uint64_t skew_s;    /* how far the signer's clock may be from ours, either way */
	uint64_t min_epoch; /* older epochs are refused */
};

typedef enum ms_rc (*ms_statement_sign_fn)(void *ctx, struct ms_span tbs, uint8_t sig[static MS_COSE_SIG_LEN], struct ms_err *err);

struct ms_statement_fields {
	const char *kind;
	const uint8_t *deployment; /* MS_STATEMENT_DEPLOYMENT_LEN bytes */
	const char *audience;
	const char *tenant;
	uint64_t issued_s, expires_s; /* issued_s < expires_s */
	uint64_t epoch;
	struct ms_span body; /* deterministic CBOR, a map */
	int64_t alg;
	struct ms_span kid;
};

/* Build and sign in one go. Appends the COSE message. MS_ERR_USAGE on fields out of their bounds; else what `sign` says. */
MS_MUST_USE enum ms_rc ms_statement_build(
    const struct ms_statement_fields *f, ms_statement_sign_fn sign, void *ctx, struct ms_buf *out, struct ms_err *err);

/* The same in two steps, for signers that answer later (a token process, a TPM). */
struct ms_statement_draft {
	struct ms_buf header, payload;
	struct ms_buf tbs; /* sign these bytes */
};
MS_MUST_USE enum ms_rc ms_statement_draft_init(
    struct ms_statement_draft *d, const struct ms_statement_fields *f, struct ms_err *err); /* fini also after an error */
void ms_statement_draft_fini(struct ms_statement_draft *d);
MS_CLEANUP_FINI(struct ms_statement_draft, ms_statement_draft_fini)
void ms_statement_draft_finish(const struct ms_statement_draft *d, const uint8_t sig[static MS_COSE_SIG_LEN], struct ms_buf *out);

#endif
