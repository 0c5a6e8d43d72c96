/* Attesters: every kind of evidence that Muster can verify, behind one function. An attester is one file (attester_NAME.c)
 * and one row of the registry in attester.c; docs/attesters.md says how to add one. All that is given here is bytes from
 * files or messages: nothing is fetched. Evidence is hostile; anchors are what the operator trusts. */
#ifndef MS_ATTESTER_H
#define MS_ATTESTER_H
#include "evidence/claims.h"

#define MS_ATTESTER_EVIDENCE_MAX (1u << 20)
#define MS_ATTESTER_FILES_MAX 64u /* anchors, and endorsements */

enum ms_assurance { MS_ASSURANCE_LOW, MS_ASSURANCE_SOFTWARE, MS_ASSURANCE_HARDWARE };
const char *ms_assurance_name(enum ms_assurance a); /* "low", "software", "hardware" */
MS_MUST_USE enum ms_rc ms_assurance_find(struct ms_span name, enum ms_assurance *ret, struct ms_err *err); /* MS_ERR_NOT_FOUND */

/* Why evidence is refused. Names are stable. A reason never carries what was expected. */
enum ms_attester_reason {
	MS_ATTESTER_OK,
	MS_ATTESTER_FAULT, /* memory or the crypto library failed: not a verdict */
	MS_ATTESTER_TOO_BIG,
	MS_ATTESTER_MALFORMED,
	MS_ATTESTER_UNSUPPORTED,
	MS_ATTESTER_NO_ANCHOR, /* none was given, or none that this attester can use */
	MS_ATTESTER_UNTRUSTED, /* no chain to what the operator trusts */
	MS_ATTESTER_BAD_CHAIN, /* a chain, but a link of it does not verify */
	MS_ATTESTER_EXPIRED,
	MS_ATTESTER_REVOKED,
	MS_ATTESTER_BAD_SIGNATURE,
	MS_ATTESTER_NONCE_MISMATCH,
	MS_ATTESTER_NONCE_MISSING,        /* fresh evidence was asked for, and this does not prove that it is */
	MS_ATTESTER_WRONG_PROFILE,        /* signed, but not of the kind or profile that is due */
	MS_ATTESTER_CLAIM_INVALID,        /* signed, but a claim is not as its standard says */
	MS_ATTESTER_BROKEN_BINDING,       /* two parts that must name each other do not */
	MS_ATTESTER_ENDORSEMENT_MISMATCH, /* the certificate is for another chip or another firmware level than the report */
	MS_ATTESTER_REASON_COUNT
};
const char *ms_attester_reason_name(enum ms_attester_reason r); /* "bad-signature"; unknown: "fault" */
const char *ms_attester_reason_text(enum ms_attester_reason r); /* a sentence for people */
enum ms_rc ms_attester_reason_rc(enum ms_attester_reason r);

struct ms_attester_input {
	struct ms_span evidence;
	/* What the operator trusts: root certificates or public keys; PEM, DER, COSE_Key, JWK, as the attester takes. */
	const struct ms_span *anchor;
	size_t n_anchors;
	/* Certificates that help to build a chain; not trusted. */
	const struct ms_span *endorsement;
	size_t n_endorsements;
	struct ms_span nonce; /* that must be in the evidence; empty: freshness is not asked for, and the claims say so */
	struct ms_span proof; /* attesters whose evidence has no nonce of its own: COSE_Sign1 of the nonce by the key that it names */
	uint64_t now_s;       /* for certificates and expiry; 0 does not ask */
};
struct ms_attester {
	const char *name;            /* "sev-snp": of the command line, of attester.kind */
	enum ms_assurance assurance; /* at most; evidence that says "debug" gives low */
	const char *title;
	const char *takes; /* what evidence and anchors are, for people */
	/* NULL: not by this function (tpm: see evidence/quote.h). Adds to claims; on refusal sets *why and returns its code. */
	enum ms_rc (*verify)(const struct ms_attester_input *in, struct ms_claims *claims, enum ms_assurance *assurance,
	    enum ms_attester_reason *why, struct ms_err *err);
};
const struct ms_attester *ms_attester_at(size_t i); /* NULL past the end */
const struct ms_attester *ms_attester_find(struct ms_span name);

/* MS_OK: the evidence is genuine by the anchors given, and *ret (caller frees) is what it says, with attester.kind,
 * attester.assurance and attester.fresh. Otherwise *ret is untouched, *why says which check, and the code goes with it. Whether the
 * claims are good enough is policy's. */
MS_MUST_USE enum ms_rc ms_attester_verify(const struct ms_attester *a, const struct ms_attester_input *in, struct ms_claims **ret,
    enum ms_attester_reason *why, struct ms_err *err);
/* attester.kind and attester.assurance of evidence that was verified elsewhere (a TPM's). */
MS_MUST_USE enum ms_rc ms_attester_stamp(
    const struct ms_attester *a, enum ms_assurance assurance, struct ms_claims *claims, struct ms_err *err);

#endif
