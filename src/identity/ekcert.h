/* EK certificates as makers issue them: does this one chain to a maker's root, and is its key this TPM's EK? */
#ifndef MS_EKCERT_H
#define MS_EKCERT_H
#include "codec/tpm.h"
#include "crypto/key.h"

#define MS_EKCERT_MAX 8192u /* bytes, with padding */

/* Makers' roots (self-signed CAs) and intermediates. */
struct ms_ekroots;
MS_MUST_USE enum ms_rc ms_ekroots_new(struct ms_ekroots **ret, struct ms_err *err); /* empty: it trusts no one */
void ms_ekroots_free(struct ms_ekroots *r);
MS_CLEANUP(struct ms_ekroots, ms_ekroots_free)
/* Add what is in a PEM or DER file's bytes. MS_ERR_MALFORMED when there is no certificate, or one that is not a CA's. */
MS_MUST_USE enum ms_rc ms_ekroots_add(struct ms_ekroots *r, struct ms_span pem_or_der, struct ms_err *err);
/* All *.pem, *.crt, *.cer and *.der files of a directory, at most 1000 of at most 256 KiB; others are left alone. */
MS_MUST_USE enum ms_rc ms_ekroots_load(const char *dir, struct ms_ekroots **ret, struct ms_err *err);
/* Certificates past their end are refused unless this was called: makers let theirs lapse while the chips live on. */
void ms_ekroots_allow_expired(struct ms_ekroots *r);
size_t ms_ekroots_count(const struct ms_ekroots *r, size_t *ret_roots); /* all; *ret_roots (may be NULL): roots among them */

/* The certificate without what makers and NV indices pad it with (0xff or 0x00 after the DER). Borrowed from s.
 * MS_ERR_MALFORMED: no DER SEQUENCE, or other bytes after it. */
MS_MUST_USE enum ms_rc ms_ekcert_strip(struct ms_span s, struct ms_span *ret, struct ms_err *err);

/* cert (padding allowed) is a maker's word that `ek` is in one of its TPMs.
 * MS_OK: `maker` gets the trusted root's name as text (RFC 4514 form, escaped, cut to fit).
 * MS_ERR_NOT_FOUND: no maker root for its issuer ("no maker root for issuer X"): add one, or pin the EK.
 * MS_ERR_AUTH: a chain was found but does not verify; or the certificate is a CA's, or not for EKs.
 * MS_ERR_CONFLICT: it verifies, but is for another key.
 * MS_ERR_EXPIRED: only its time is wrong. MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED: its bytes. */
MS_MUST_USE enum ms_rc ms_ekcert_check(const struct ms_ekroots *r, struct ms_span cert, const struct ms_tpm_public *ek, uint64_t now_s,
    char *maker, size_t maker_cap, struct ms_err *err);

#endif
