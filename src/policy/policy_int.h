/* A policy in memory, shared by the compiler, the loader, the judge and the checker. */
#ifndef MS_POLICY_INT_H
#define MS_POLICY_INT_H
#include "codec/cbor.h"
#include "policy/policy.h"

#define MS_POLICY_PCR_IMA 10u          /* moves with every measured file: never sealed to */
#define MS_POLICY_SEAL_DEFAULT 0x5b95u /* 0,2,4,7,8,9,11,12,14 */
#define MS_POLICY_INTERVAL_MIN 5u
#define MS_POLICY_INTERVAL_MAX 604800u
#define MS_POLICY_INTERVAL_DEFAULT 600u
#define MS_POLICY_LIFE_MIN 300u
#define MS_POLICY_LIFE_MAX 604800u
#define MS_POLICY_LIFE_DEFAULT 86400u
#define MS_POLICY_AGE_MIN 5u
#define MS_POLICY_AGE_MAX 86400u
#define MS_POLICY_AGE_DEFAULT 600u

struct ms_policy_rule {
	struct ms_span name;
	struct ms_span *models; /* owned array of borrowed names */
	size_t n_models;
	bool all; /* every model; then there are no models */
	uint32_t pcrs;
	struct ms_span *references;
	size_t n_references;
	bool identity;
};
struct ms_policy {
	struct ms_policy_settings set;
	uint8_t *bytes; /* what the names borrow from; NULL while it is compiled */
	struct ms_policy_rule *rules;
};

/* Everything at its default and no rules. */
void ms_policy_defaults(struct ms_policy *p);
/* Rules that hold across fields. MS_ERR_MALFORMED. */
MS_MUST_USE enum ms_rc ms_policy_validate(const struct ms_policy *p, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_policy_validate_rule(const struct ms_policy *p, const struct ms_policy_rule *r, struct ms_err *err);
/* Append as CBOR. MS_ERR_USAGE for what load would refuse. */
MS_MUST_USE enum ms_rc ms_policy_build(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err);
/* "0,2,4" */
#define MS_POLICY_PCRS_TEXT 80u
void ms_policy_pcrs_text(uint32_t mask, char out[static MS_POLICY_PCRS_TEXT]);

#endif
