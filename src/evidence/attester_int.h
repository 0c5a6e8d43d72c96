/* What the files of attesters share. An attester's verify function fills a struct ms_findings and says at its end with
 * ms_findings_end() that it is through. */
#ifndef MS_ATTESTER_INT_H
#define MS_ATTESTER_INT_H
#include "codec/cose_any.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "evidence/attester.h"

/* Set *why and the error text ("reason: detail"), and return the reason's code. */
enum ms_rc ms_attester_refuse(enum ms_attester_reason *why, enum ms_attester_reason reason, struct ms_err *err, const char *fmt, ...)
    MS_PRINTF(4, 5);
/* The same for what a function below failed with: its text stays, with the reason before it. Faults stay faults. */
enum ms_rc ms_attester_refuse_rc(enum ms_attester_reason *why, enum ms_attester_reason reason, enum ms_rc rc, struct ms_err *err);

/* Claims, added one after another; the first failure sticks. */
struct ms_findings {
	struct ms_claims *claims;
	enum ms_rc rc;
	struct ms_err err;
};
void ms_find_bool(struct ms_findings *f, const char *name, bool v);
void ms_find_uint(struct ms_findings *f, const char *name, uint64_t v);
void ms_find_text(struct ms_findings *f, const char *name, struct ms_span v); /* cut to fit */
void ms_find_bytes(struct ms_findings *f, const char *name, struct ms_span v);
void ms_find_fmt(struct ms_findings *f, const char *name, const char *fmt, ...) MS_PRINTF(3, 4);
void ms_find_hex(struct ms_findings *f, const char *name, const char *prefix, struct ms_span v);      /* prefix:hex */
void ms_find_label(struct ms_findings *f, const char *name, const char *prefix, struct ms_span text); /* prefix:text */
/* MS_OK, or the refusal: claims that contradict each other, or are too many. */
MS_MUST_USE enum ms_rc ms_findings_end(const struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err);

/* What was signed has this nonce where the nonce goes, compared in constant time; an input without one is fine. `there` may be
 * longer by zeros at its end when `padded`. */
MS_MUST_USE enum ms_rc ms_attester_nonce(
    const struct ms_attester_input *in, struct ms_span there, bool padded, enum ms_attester_reason *why, struct ms_err *err);

/* The anchors as public keys: the first that verified m, into *ret (owned by the caller). */
MS_MUST_USE enum ms_rc ms_attester_cose(const struct ms_attester_input *in, const struct ms_cose_any *m, struct ms_pubkey **ret,
    enum ms_attester_reason *why, struct ms_err *err);

/* Verify leaf (DER) by the anchors, which are certificates and CRLs; `chain` (PEM, or DER in a row) and the endorsements help. spki
 * gets the leaf's key. */
MS_MUST_USE enum ms_rc ms_attester_x509(const struct ms_attester_input *in, struct ms_span leaf, struct ms_span chain,
    struct ms_x509_chain *ret, struct ms_buf *spki, enum ms_attester_reason *why, struct ms_err *err);

/* The verify functions of the registry's rows. */
#define MS_ATTESTER_VERIFY(name) \
	MS_MUST_USE enum ms_rc ms_attester_verify_##name(const struct ms_attester_input *in, struct ms_claims *claims, \
	    enum ms_assurance *assurance, enum ms_attester_reason *why, struct ms_err *err)
MS_ATTESTER_VERIFY(dice);
MS_ATTESTER_VERIFY(psa);
MS_ATTESTER_VERIFY(cca);
MS_ATTESTER_VERIFY(eat);
MS_ATTESTER_VERIFY(snp);
MS_ATTESTER_VERIFY(tdx);
MS_ATTESTER_VERIFY(join);

#endif
