/* The catalogue of claims: X(name, type, count, unproven, sentence), sorted by name. What no row names, no evidence says and no
 * policy can ask for. `unproven` says whether evidence can hold the claim without proof (evidence/claims.h). The sentences
 * are docs/claims.md, which scripts/check-docs holds to this table. */
#ifndef MS_CLAIM_NAMES_H
#define MS_CLAIM_NAMES_H

#define MS_CLAIM_NAMES(X) \
	X("attester.assurance", TEXT, ONE, NEVER, "low, software or hardware: how much the kind of attester can prove") \
	X("attester.kind", TEXT, ONE, NEVER, "the row of the attester registry that verified this evidence")

#endif
