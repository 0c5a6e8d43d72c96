/* Attestation results as signed tokens: EAR (draft-ietf-rats-ear-04), with the trustworthiness vector of
 * draft-ietf-rats-ar4si. This is the writing half, deterministic and without a JSON library: keeper builds the claims
 * from what its log entry says. How judgements map to claims: docs/attestation-results.md. */
#ifndef MS_EAR_H
#define MS_EAR_H
#include "base/bytes.h"

#define MS_EAR_PROFILE "tag:ietf.org,2026:rats/ear#04"
#define MS_EAR_TYP "eat+jwt" /* RFC 9782 */
#define MS_EAR_SUBMOD "tpm"
#define MS_EAR_NONCE_MIN 8u /* RFC 9711 4.1 */
#define MS_EAR_NONCE_MAX 64u
#define MS_EAR_AUDIENCE_MAX 256u
#define MS_EAR_LIFE_MAX_S 86400u /* whatever a policy says */
#define MS_EAR_CLAIMS_MAX 8192u

/* The eight categories of AR4SI 2.3.4, in its order. */
enum ms_ear_category {
	MS_EAR_INSTANCE_IDENTITY,
	MS_EAR_CONFIGURATION,
	MS_EAR_EXECUTABLES,
	MS_EAR_FILE_SYSTEM,
	MS_EAR_HARDWARE,
	MS_EAR_RUNTIME_OPAQUE,
	MS_EAR_STORAGE_OPAQUE,
	MS_EAR_SOURCED_DATA,
	MS_EAR_CATEGORIES
};
const char *ms_ear_category_name(unsigned category); /* "instance-identity" */

/* Tiers of AR4SI 2.3.2: of a status, and of a claim's number. */
enum ms_ear_tier { MS_EAR_NONE = 0, MS_EAR_AFFIRMING = 2, MS_EAR_WARNING = 32, MS_EAR_CONTRAINDICATED = 96 };
const char *ms_ear_tier_name(enum ms_ear_tier t); /* "affirming" */
enum ms_ear_tier ms_ear_tier_of(int claim);
/* What a number of a category means, in words: "approved executables were booted". Never NULL. */
const char *ms_ear_claim_text(unsigned category, int claim);

/* What an appraisal looked at: bits of `judged` and `failed`. */
#define MS_EAR_JUDGED_HARDWARE 1u /* the EK certificate chains to an accepted maker's root */
#define MS_EAR_JUDGED_BOOT 2u     /* code that booted: PCRs 0, 2 and 4, or their events */
#define MS_EAR_JUDGED_CONFIG 4u   /* Secure Boot's state and keys: PCR 7, or its events or claims */
#define MS_EAR_JUDGED_FILES 8u    /* every file that IMA measured */
#define MS_EAR_JUDGED_OTHER 16u   /* something that no category is for: shows in the status only */
#define MS_EAR_JUDGED_ALL 31u
/* What came of it. `failed` and `waived` (would have failed, but an operator's waiver took it) are parts of `judged`. */
struct ms_ear_judged {
	unsigned judged, failed, waived; /* MS_EAR_JUDGED_ */
};
/* MS_ERR_MALFORMED: bits that are none, or that were not judged; or both failed and waived. */
MS_MUST_USE enum ms_rc ms_ear_judged_check(const struct ms_ear_judged *j, struct ms_err *err);
/* Contraindicated when something failed, a warning when something was waived, else affirming. */
enum ms_ear_tier ms_ear_status(const struct ms_ear_judged *j);
void ms_ear_vector(const struct ms_ear_judged *j, int8_t ret[static MS_EAR_CATEGORIES]);

struct ms_ear {
	struct ms_span deployment;                   /* 16 bytes */
	struct ms_span trust_domain, tenant, device; /* names: of the deployment root and of an admission */
	struct ms_span ek_hash;                      /* 32 bytes */
	struct ms_span nonce, audience;              /* the relying party's; empty: none */
	uint64_t issued_s, expires_s;
	struct ms_ear_judged judged;
	struct ms_span policy, evidence; /* 32 bytes each: ids */
	struct ms_span log_origin;
	uint64_t log_index;
	struct ms_span log_leaf; /* 32 bytes */
	const char *build;       /* version of the verifier */
};
/* Append the claims as JSON. MS_ERR_USAGE: a field has no such form, or expires_s is not within MS_EAR_LIFE_MAX_S after
 * issued_s; MS_ERR_MALFORMED as ms_ear_judged_check(). */
MS_MUST_USE enum ms_rc ms_ear_build(const struct ms_ear *e, struct ms_buf *out, struct ms_err *err);

#endif
