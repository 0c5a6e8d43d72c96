/* The deployment root: what an agent, an operator and an auditor are given to trust. */
#ifndef MS_ROOT_H
#define MS_ROOT_H
#include "crypto/key.h"
#include "proto/msg.h"

#define MS_ROOT_MAX (128u << 10)
#define MS_ROOT_OPERATORS_MAX 64u

struct ms_operator_key {
	char name[65];
	char role[17];   /* "admin", "factory" or "reader" */
	char tenant[65]; /* "*": every tenant */
	struct ms_pubkey *key;
};
/* A verified deployment root. Owned memory; all members borrowed by the caller. */
struct ms_root {
	uint8_t deployment[16];
	uint8_t hash[32];         /* SHA-256 of the file: what is pinned */
	struct ms_span wire;      /* the file */
	struct ms_root_body body; /* its spans borrow from `wire` */
	struct ms_pubkey *release, *intake, *token;
	size_t n_operators;
	struct ms_operator_key operators[MS_ROOT_OPERATORS_MAX];
	uint8_t *mem;
};
/* Parse, and verify that the CA root key it carries signed it. It is trusted only when its hash is the pinned one, or
 * the file came from a trusted place: `pin` (32 bytes, or NULL for a file given by hand). MS_ERR_AUTH when the hash is
 * another. */
MS_MUST_USE enum ms_rc ms_root_load(struct ms_span wire, const uint8_t *pin, struct ms_root **ret, struct ms_err *err);
void ms_root_free(struct ms_root *r);
MS_CLEANUP(struct ms_root, ms_root_free)
/* The operator whose key has this id and who may act in the tenant; NULL when there is none. */
const struct ms_operator_key *ms_root_operator(const struct ms_root *r, struct ms_span kid, struct ms_span tenant);
/* May this role ask for the operation? `factory` may import batches, `reader` ask for attestation results, `admin` everything. */
bool ms_role_may(const char *role, struct ms_span operation);

#endif
