/* What PSA, CCA and other entity attestation tokens (EAT, RFC 9711) share: a map of claims in a COSE_Sign1. */
#ifndef MS_ATTESTER_TOKEN_H
#define MS_ATTESTER_TOKEN_H
#include "evidence/attester_int.h"

/* Keys of EAT and PSA claims (RFC 9711 4, RFC 9783 4). */
enum {
	MS_EAT_NONCE = 10,
	MS_EAT_UEID = 256,
	MS_EAT_PROFILE = 265,
	MS_PSA_CLIENT = 2394,
	MS_PSA_LIFECYCLE,
	MS_PSA_IMPLEMENTATION,
	MS_PSA_BOOT_SEED,
	MS_PSA_CERTIFICATION,
	MS_PSA_COMPONENTS,
	MS_PSA_SERVICE,
	MS_CCA_CONFIG,
	MS_CCA_HASH
};

struct ms_token {
	struct ms_cose_any cose;
	struct ms_any claims; /* a map; unproven until the signature is */
};
/* Syntax only. A CWT tag (61) around it is taken away. */
MS_MUST_USE enum ms_rc ms_token_parse(struct ms_span s, struct ms_token *ret, enum ms_attester_reason *why, struct ms_err *err);

/* Walks over a token's claims: each call takes the claim with this key, of this type and length, if it is there; the first that is
 * not as it must be sticks. */
struct ms_token_reader {
	const struct ms_any *map;
	struct ms_findings *f;
	const char *bad; /* name of the claim that is wrong; NULL: all well so far */
};
enum ms_token_need { MS_TOKEN_OPTIONAL, MS_TOKEN_REQUIRED };
struct ms_span ms_token_bytes(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need, size_t min, size_t max);
struct ms_span ms_token_text(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need);
bool ms_token_uint(struct ms_token_reader *r, int64_t key, const char *claim, enum ms_token_need need, uint64_t max, uint64_t *ret);
/* The profile: text, alone or as a URI (tag 32), or an OID. Added in dotted form when it is one. */
struct ms_span ms_token_profile(struct ms_token_reader *r, int64_t key, const char *claim);
/* MS_OK, or the refusal that names the claim. */
MS_MUST_USE enum ms_rc ms_token_reader_end(const struct ms_token_reader *r, enum ms_attester_reason *why, struct ms_err *err);

/* RFC 9783 4.3.1: the name of a life cycle's state; NULL: not one. *ret_secured: the root of trust cannot be debugged. */
const char *ms_psa_lifecycle_name(uint64_t v, bool *ret_secured);
/* Software components (RFC 9783 4.4.1) as claims PREFIX.component, .component-signer and .component-version. */
struct ms_component_names {
	const char *component, *signer, *version;
};
void ms_psa_components(struct ms_token_reader *r, int64_t key, enum ms_token_need need, const struct ms_component_names *names);

#endif
