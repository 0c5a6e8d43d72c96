/* Why a piece of evidence is refused: one name for each check, for people, tests and the audit log. A reason never
 * carries what was expected. */
#ifndef MS_REASON_H
#define MS_REASON_H
#include "muster/rc.h"

enum ms_evidence_reason {
	MS_EVIDENCE_NONE,  /* nothing was refused */
	MS_EVIDENCE_FAULT, /* memory or the crypto library failed: not a verdict */
	MS_EVIDENCE_TOO_BIG,
	MS_EVIDENCE_MALFORMED_SIGNATURE,
	MS_EVIDENCE_SIGNATURE_ALGORITHM,
	MS_EVIDENCE_BAD_SIGNATURE,
	MS_EVIDENCE_WRONG_MAGIC,
	MS_EVIDENCE_WRONG_TYPE,
	MS_EVIDENCE_MALFORMED,
	MS_EVIDENCE_WRONG_SIGNER,
	MS_EVIDENCE_NONCE_MISMATCH,
	MS_EVIDENCE_CLOCK_UNSAFE,
	MS_EVIDENCE_RESET_COUNT_BACK,
	MS_EVIDENCE_RESTART_COUNT_BACK,
	MS_EVIDENCE_CLOCK_BACK,
	MS_EVIDENCE_PCR_SELECTION,
	MS_EVIDENCE_PCR_VALUES,
	MS_EVIDENCE_PCR0_ALL_ZERO,
	MS_EVIDENCE_PCR_DIGEST,
	MS_EVIDENCE_KEY_MALFORMED,
	MS_EVIDENCE_KEY_ALGORITHM,
	MS_EVIDENCE_KEY_ATTRIBUTES,
	MS_EVIDENCE_KEY_POLICY,
	MS_EVIDENCE_KEY_NAME,
	MS_EVIDENCE_KEY_HIERARCHY,
	MS_EVIDENCE_LOG_TOO_BIG,
	MS_EVIDENCE_LOG_MALFORMED,
	MS_EVIDENCE_LOG_REPLAY,
	MS_EVIDENCE_LOG_RESEND, /* not wrong: the server has it no more, or never had it */
	MS_EVIDENCE_IMA_REPLAY,
	MS_EVIDENCE_IMA_AGGREGATE,
	MS_EVIDENCE_IMA_RESEND, /* not wrong: the whole list is needed */
	MS_EVIDENCE_REASON_COUNT
};
/* "nonce-mismatch", "wrong-type": stable, static; an unknown number reads "fault". */
const char *ms_evidence_reason_name(enum ms_evidence_reason r);
/* The code that goes with it: MS_ERR_AUTH, MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED, MS_ERR_REPLAY (clock and
 * counters) or MS_ERR_DENIED (true, but not good enough); MS_ERR_INTERNAL for none and fault. */
enum ms_rc ms_evidence_reason_rc(enum ms_evidence_reason r);
/* A sentence for people: what is wrong and what to look at. Static. */
const char *ms_evidence_reason_text(enum ms_evidence_reason r);

#endif
