/* EK certificates as makers issue them: does this one chain to a maker's root, what does it say, and is its key this TPM's EK? */
#ifndef MS_EKCERT_H
#define MS_EKCERT_H
#include "codec/tpm.h"
#include "crypto/key.h"
#include "crypto/x509.h"
#include "evidence/claims.h"

#define MS_EKCERT_MAX 8192u         /* bytes, with padding */
#define MS_EKCHAIN_MAX (256u << 10) /* bytes of a chain that came with it */

/* Makers' roots (self-signed CAs), intermediates and CRLs: what the operator trusts. */
struct ms_ekroots;
MS_MUST_USE enum ms_rc ms_ekroots_new(struct ms_ekroots **ret, struct ms_err *err); /* empty: it trusts no one */
void ms_ekroots_free(struct ms_ekroots *r);
MS_CLEANUP(struct ms_ekroots, ms_ekroots_free)
/* Add what is in a PEM or DER file's bytes. MS_ERR_MALFORMED when there is no certificate, or one that is not a CA's. */
MS_MUST_USE enum ms_rc ms_ekroots_add(struct ms_ekroots *r, struct ms_span pem_or_der, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_ekroots_add_crl(struct ms_ekroots *r, struct ms_span pem_or_der, struct ms_err *err);
/* All *.pem, *.crt, *.cer and *.der files (certificates) and *.crl files of a directory, at most 1000 of at most 256 KiB (CRLs:
 * 8 MiB); others are left alone. An error names the file. */
MS_MUST_USE enum ms_rc ms_ekroots_load(const char *dir, struct ms_ekroots **ret, struct ms_err *err);
/* Certificates past their end are refused unless this was called: makers let theirs lapse while the chips live on. */
void ms_ekroots_allow_expired(struct ms_ekroots *r);
size_t ms_ekroots_count(const struct ms_ekroots *r, size_t *ret_roots); /* all; *ret_roots (may be NULL): roots among them */
size_t ms_ekroots_crls(const struct ms_ekroots *r);

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

/* Certificates of TPM keys, by what they are for. */
enum ms_tpmcert_kind {
	MS_TPMCERT_EK,     /* extended key usage tcg-kp-EKCertificate, or a TPM's name and no usage (before 2014) */
	MS_TPMCERT_AK,     /* tcg-kp-AIKCertificate: an AK whose issuer saw to it that it is in a TPM; clouds' vTPMs */
	MS_TPMCERT_IAK,    /* TPM 2.0 Keys for Device Identity and Attestation: the maker's attestation key */
	MS_TPMCERT_IDEVID, /* the same: the maker's identity key */
};
const char *ms_tpmcert_kind_name(enum ms_tpmcert_kind k); /* "ek", "ak", "iak", "idevid" */

/* Why one is refused: every reason of the chain, and these beside them. */
enum ms_tpmcert_reason {
	MS_TPMCERT_CHAIN = MS_X509_REASON_COUNT, /* never given; marks where these begin */
	MS_TPMCERT_IS_CA,
	MS_TPMCERT_PURPOSE,   /* its extended key usage is for something else */
	MS_TPMCERT_OTHER_KEY, /* it verifies, but is for another key */
	MS_TPMCERT_NAMES,     /* its TPM attributes or names do not parse */
};
const char *ms_tpmcert_reason_name(unsigned reason); /* "other-key", "no-root", ...: stable, static */

struct ms_tpmcert_params {
	const struct ms_ekroots *roots;
	struct ms_span cert;             /* DER, padding allowed */
	struct ms_span chain;            /* came with it: PEM or DER certificates in a row; help only. May be empty */
	const struct ms_tpm_public *key; /* that it must be for; NULL does not ask */
	struct ms_span key_spki;         /* the same, of a key without a public area; empty does not ask */
	uint64_t now_s;
	bool allow_expired; /* as ms_ekroots_allow_expired() */
	bool partial;       /* an intermediate in the roots is trusted: the result says so */
	bool crl_required;
	bool any_kind; /* AKs' and devices' too; else EKs' only */
};

#define MS_TPMCERT_TEXT_MAX 256u
/* What a certificate that verified says. Texts are UTF-8, cut to fit, empty when it does not say. */
struct ms_tpmcert {
	enum ms_tpmcert_kind kind;
	bool key_checked;
	struct ms_x509_chain chain;
	uint64_t not_after_s;
	char serial[2 * 40 + 1]; /* hex of the INTEGER's content */
	char subject_cn[MS_TPMCERT_TEXT_MAX];
	/* EK Credential Profile 3.2.9: the TPM */
	char manufacturer[MS_TPMCERT_TEXT_MAX]; /* as written: "id:53544D20" */
	char vendor[64];                        /* "STMicroelectronics"; empty: not in the registry */
	char model[MS_TPMCERT_TEXT_MAX], version[MS_TPMCERT_TEXT_MAX];
	bool has_spec; /* tPMSpecification */
	char spec_family[16];
	uint64_t spec_level, spec_revision;
	/* TPM 2.0 Keys for Device Identity and Attestation, 8 */
	char device_serial[MS_TPMCERT_TEXT_MAX]; /* subject serialNumber, of IDevID and IAK */
	char module_serial[MS_TPMCERT_TEXT_MAX]; /* hardwareModuleName hwSerialNum: text, or hex */
	char ek_digest[MS_TPMCERT_TEXT_MAX]; /* permanentIdentifier assigned by tcg-on-ekPermIdSha256: hex SHA-256 of the EK certificate */
	bool policy_residency, policy_fixed, policy_restricted;
	/* Clouds' vTPMs */
	const char *cloud; /* "azure", "google": by what the certificate says; NULL */
	char azure_vm[MS_TPMCERT_TEXT_MAX];
	char gce_zone[MS_TPMCERT_TEXT_MAX], gce_project[MS_TPMCERT_TEXT_MAX], gce_name[MS_TPMCERT_TEXT_MAX];
	uint64_t gce_project_number, gce_instance;
	bool gce_has_security, gce_production;
	uint64_t gce_security_version;
};
/* The chain, then purpose, then key. On refusal *ret_reason (may be NULL) is an enum ms_x509_reason or ms_tpmcert_reason, and the
 * code as of ms_ekcert_check(). */
MS_MUST_USE enum ms_rc ms_tpmcert_verify(
    const struct ms_tpmcert_params *p, struct ms_tpmcert *ret, unsigned *ret_reason, struct ms_err *err);
/* What it says as claims ek.* or ak.*, all proven: the issuer signed them, and the caller trusts the root. */
MS_MUST_USE enum ms_rc ms_tpmcert_claims(const struct ms_tpmcert *t, struct ms_claims *claims, struct ms_err *err);

#endif
