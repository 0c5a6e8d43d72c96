/* One link of a chain of foreign X.509 certificates: is this certificate signed by that key? For chains whose certificates all
 * matter (DICE), which are walked one by one; chains to makers' roots are crypto/x509.h. */
#ifndef MS_CERTLINK_H
#define MS_CERTLINK_H
#include "codec/certview.h"
#include "crypto/key.h"

/* ECDSA with SHA-256, SHA-384, Ed25519, RSA PKCS#1 with SHA-256, SHA-384, SHA-512. MS_ERR_AUTH: not signed by it; MS_ERR_UNSUPPORTED:
 * another algorithm; MS_ERR_MALFORMED. Says nothing of names, time or extensions. */
MS_MUST_USE enum ms_rc ms_certlink_verify(const struct ms_certview *c, const struct ms_pubkey *issuer, struct ms_err *err);

#endif
