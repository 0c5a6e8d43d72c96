/* The crypto half of COSE_Sign1 and of statements: codec/ builds and parses, here they are signed and verified. */
#ifndef MS_COSESIG_H
#define MS_COSESIG_H
#include "codec/cose.h"
#include "codec/statement.h"
#include "crypto/key.h"

/* Append a COSE_Sign1; alg and kid (the key id) come from the signer. */
MS_MUST_USE enum ms_rc ms_cose_sign(const struct ms_signer *s, struct ms_span content_type, struct ms_span external_aad,
    struct ms_span payload, struct ms_buf *out, struct ms_err *err);
/* MS_OK: wire is a COSE_Sign1 of this content type, by key (its key id is the kid), over external_aad. Spans of *ret
 * borrow from wire. MS_ERR_AUTH when any of that is not so; MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED as ms_cose_parse(). */
MS_MUST_USE enum ms_rc ms_cose_verify(struct ms_span wire, const struct ms_pubkey *key, struct ms_span content_type,
    struct ms_span external_aad, struct ms_cose_sign1 *ret, struct ms_err *err);

/* Build and sign: f->alg and f->kid are ignored, they come from the signer. Appends the COSE message. */
MS_MUST_USE enum ms_rc ms_statement_sign(
    const struct ms_signer *s, const struct ms_statement_fields *f, struct ms_buf *out, struct ms_err *err);

/* The only way to a struct ms_statement: signature by `key` (its key id is the kid), then kind, deployment, audience,
 * tenant, time and epoch. Spans of *ret borrow from the wire bytes. MS_ERR_AUTH, MS_ERR_EXPIRED, MS_ERR_REPLAY, or
 * what parsing says. */
MS_MUST_USE enum ms_rc ms_statement_verify(
    struct ms_span wire, const struct ms_pubkey *key, const struct ms_statement_expect *x, struct ms_statement *ret, struct ms_err *err);
/* The same for what was parsed before, to look the key up by ms_statement_kid(). */
MS_MUST_USE enum ms_rc ms_statement_verify_raw(const struct ms_statement_raw *raw, const struct ms_pubkey *key,
    const struct ms_statement_expect *x, struct ms_statement *ret, struct ms_err *err);

#endif
