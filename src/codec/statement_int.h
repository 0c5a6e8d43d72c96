/* The step from a parsed statement to a proven one. Included by ms_statement_verify() (crypto/) and by tests only. */
#ifndef MS_STATEMENT_INT_H
#define MS_STATEMENT_INT_H
#include "codec/statement.h"

/* Call after the signature over ms_statement_tbs() was verified with the key of ms_statement_kid(), never before.
 * MS_ERR_AUTH: other kind, deployment, audience or tenant; MS_ERR_EXPIRED: not yet or no longer valid;
 * MS_ERR_REPLAY: epoch below the least. */
MS_MUST_USE enum ms_rc ms_statement_check(
    const struct ms_statement_raw *raw, const struct ms_statement_expect *x, struct ms_statement *ret, struct ms_err *err);

/* The body before any proof. For the one object that carries the key it verifies with (the deployment root, trusted
 * by its hash): take that key, verify, and use only the body of the proven statement. */
struct ms_span ms_statement_unproven_body(const struct ms_statement_raw *raw);
struct ms_span ms_statement_unproven_deployment(const struct ms_statement_raw *raw); /* for the same object, and for join tokens */
struct ms_span ms_statement_unproven_tenant(const struct ms_statement_raw *raw);     /* for join tokens only */

#endif
