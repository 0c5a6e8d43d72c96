/* Verification of COSE_Sign1 that others made, and public keys in the forms in which operators have them. Signing, and the
 * verification of what is ours, is crypto/cosesig.h. */
#ifndef MS_COSESIG_ANY_H
#define MS_COSESIG_ANY_H
#include "codec/cose_any.h"
#include "crypto/key.h"

/* MS_OK: m is signed by key over external_aad. The algorithm is the key's: ES256 by P-256, ES384 by P-384, EdDSA by Ed25519,
 * PS256, PS384, PS512 by RSA; MS_ERR_AUTH when the message names another, or has its algorithm unprotected, or the
 * signature does not verify. A key id is only a hint: it is not compared. */
MS_MUST_USE enum ms_rc ms_cose_any_verify(
    const struct ms_cose_any *m, const struct ms_pubkey *key, struct ms_span external_aad, struct ms_err *err);

/* COSE_Key (RFC 9052 7): OKP with Ed25519, EC2 with P-256 or P-384 and both coordinates, RSA. alg and key_ops must allow
 * verification where they are there. MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED. */
MS_MUST_USE enum ms_rc ms_pubkey_from_cose(const struct ms_any *map, struct ms_pubkey **ret, struct ms_err *err);
/* A key file: PEM ("PUBLIC KEY"), DER of a SubjectPublicKeyInfo, COSE_Key, or JWK (or a JWKS of one). A private key is refused. */
MS_MUST_USE enum ms_rc ms_pubkey_from_file(struct ms_span file, struct ms_pubkey **ret, struct ms_err *err);

#endif
