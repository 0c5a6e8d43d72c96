/* A key file: a secret under a passphrase, scrypt (RFC 7914) and AES-256-GCM. */
#ifndef MS_SCRYPTBOX_H
#define MS_SCRYPTBOX_H
#include "base/bytes.h"
#include "base/secret.h"

#define MS_SCRYPTBOX_LABEL_MAX 32u
#define MS_SCRYPTBOX_SECRET_MAX 65536u
#define MS_SCRYPTBOX_MAX (MS_SCRYPTBOX_SECRET_MAX + 128u) /* bytes of a file */

/* Append the file's bytes: header (see scryptbox.c) | ciphertext | tag. `label` (1..32 of [a-z0-9._-]) says what is inside and is
 * bound to it: a file of one purpose does not open as another. Costs about 128 MiB and half a second. */
MS_MUST_USE enum ms_rc ms_scryptbox_seal(
    const char *label, const struct ms_secret *passphrase, const struct ms_secret *secret, struct ms_buf *out, struct ms_err *err);
/* MS_ERR_AUTH: wrong passphrase, another label, or changed bytes. MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED (version, cost
 * outside 2^17..2^20). The cost is bounded before any work is done. */
MS_MUST_USE enum ms_rc ms_scryptbox_open(
    const char *label, const struct ms_secret *passphrase, struct ms_span file, struct ms_secret **ret, struct ms_err *err);

#endif
