#include "evidence/reason.h"

#include "evidence/reason_int.h"

static const struct row {
	const char *name;
	enum ms_rc rc;
	const char *text;
} rows[MS_EVIDENCE_REASON_COUNT] = {
    [MS_EVIDENCE_NONE] = {"none", MS_ERR_INTERNAL, "nothing was refused"},
    [MS_EVIDENCE_FAULT] = {"fault", MS_ERR_INTERNAL, "the check could not be made: not a verdict"},
    [MS_EVIDENCE_TOO_BIG] = {"too-big", MS_ERR_TOO_BIG, "larger than any TPM makes it"},
    [MS_EVIDENCE_MALFORMED_SIGNATURE] = {"malformed-signature", MS_ERR_MALFORMED, "the signature does not parse"},
    [MS_EVIDENCE_SIGNATURE_ALGORITHM] = {"signature-algorithm", MS_ERR_UNSUPPORTED,
	"the signature's scheme or hash is not that of the key, or not allowed"},
    [MS_EVIDENCE_BAD_SIGNATURE] = {"bad-signature", MS_ERR_AUTH, "not signed by the attestation key that is enrolled for this device"},
    [MS_EVIDENCE_WRONG_MAGIC] = {"wrong-magic", MS_ERR_MALFORMED, "not a structure made inside a TPM"},
    [MS_EVIDENCE_WRONG_TYPE] = {"wrong-type", MS_ERR_AUTH, "a TPM attestation, but of another type than is due"},
    [MS_EVIDENCE_MALFORMED] = {"malformed", MS_ERR_MALFORMED, "signed, but does not parse"},
    [MS_EVIDENCE_WRONG_SIGNER] = {"wrong-signer", MS_ERR_AUTH, "names another signer than the attestation key in its hierarchy"},
    [MS_EVIDENCE_NONCE_MISMATCH] = {"nonce-mismatch", MS_ERR_AUTH, "made for another nonce, request or connection"},
    [MS_EVIDENCE_CLOCK_UNSAFE] = {"clock-unsafe", MS_ERR_DENIED,
	"the TPM lost power without a shutdown and its clock may repeat: try again in some minutes"},
    [MS_EVIDENCE_RESET_COUNT_BACK] = {"reset-count-back", MS_ERR_REPLAY, "the count of TPM resets went back: cleared, or an older state"},
    [MS_EVIDENCE_RESTART_COUNT_BACK] = {"restart-count-back", MS_ERR_REPLAY, "the count of TPM restarts went back within one boot"},
    [MS_EVIDENCE_CLOCK_BACK] = {"clock-back", MS_ERR_REPLAY, "the TPM clock went back: an older quote, or another state of the TPM"},
    [MS_EVIDENCE_PCR_SELECTION] = {"pcr-selection", MS_ERR_AUTH, "quotes other PCRs or banks than were asked for"},
    [MS_EVIDENCE_PCR_VALUES] = {"pcr-values", MS_ERR_AUTH, "the PCR values given are not those of the PCRs asked for"},
    [MS_EVIDENCE_PCR0_ALL_ZERO] = {"pcr0-all-zero", MS_ERR_DENIED, "PCR 0 is all zero: the firmware measured nothing"},
    [MS_EVIDENCE_PCR_DIGEST] = {"pcr-digest", MS_ERR_AUTH, "the PCR values given are not the quoted ones"},
    [MS_EVIDENCE_KEY_MALFORMED] = {"key-malformed", MS_ERR_MALFORMED, "the key's public area is not one"},
    [MS_EVIDENCE_KEY_ALGORITHM] = {"key-algorithm", MS_ERR_UNSUPPORTED,
	"the key's algorithm, size, scheme or hash is not allowed for its role"},
    [MS_EVIDENCE_KEY_ATTRIBUTES] = {"key-attributes", MS_ERR_DENIED, "the key's attributes are not those of its role"},
    [MS_EVIDENCE_KEY_POLICY] = {"key-policy", MS_ERR_DENIED, "the key's authorisation policy is not that of its role"},
    [MS_EVIDENCE_KEY_NAME] = {"key-name", MS_ERR_AUTH, "another key was certified"},
    [MS_EVIDENCE_KEY_HIERARCHY] = {"key-hierarchy", MS_ERR_DENIED, "the key is not in the hierarchy of its role"},
    [MS_EVIDENCE_LOG_TOO_BIG] = {"log-too-big", MS_ERR_TOO_BIG, "a boot log or IMA list over a cap of the server's configuration"},
    [MS_EVIDENCE_LOG_MALFORMED] = {"log-malformed", MS_ERR_MALFORMED, "a boot log or IMA list that cannot be read"},
    [MS_EVIDENCE_LOG_REPLAY] = {"log-does-not-replay", MS_ERR_AUTH, "the boot log does not explain these PCRs of the quote"},
    [MS_EVIDENCE_LOG_RESEND] = {"boot-log-resend", MS_ERR_CONFLICT, "no boot log with that hash was accepted in this boot: send it whole"},
    [MS_EVIDENCE_IMA_REPLAY] = {"ima-does-not-replay", MS_ERR_AUTH, "the IMA list does not lead to the quoted PCR 10"},
    [MS_EVIDENCE_IMA_AGGREGATE] = {"ima-boot-aggregate", MS_ERR_AUTH, "the list's first entry is not the digest of the boot's PCRs"},
    [MS_EVIDENCE_IMA_RESEND] = {"ima-resend", MS_ERR_CONFLICT, "the list must be judged from its first entry on: send it whole"},
};

static const struct row *
row_of(enum ms_evidence_reason r)
{
	return (unsigned)r < MS_EVIDENCE_REASON_COUNT ? &rows[r] : &rows[MS_EVIDENCE_FAULT];
}

const char *
ms_evidence_reason_name(enum ms_evidence_reason r)
{
	return row_of(r)->name;
}

const char *
ms_evidence_reason_text(enum ms_evidence_reason r)
{
	return row_of(r)->text;
}

enum ms_rc
ms_evidence_reason_rc(enum ms_evidence_reason r)
{
	return row_of(r)->rc;
}

enum ms_rc
ms_refuse(enum ms_evidence_reason *ret_reason, enum ms_evidence_reason why, struct ms_err *err)
{
	if (ret_reason != NULL)
		*ret_reason = why;
	return ms_fail(err, row_of(why)->rc, "%s: %s", row_of(why)->name, row_of(why)->text);
}

enum ms_rc
ms_refuse_more(enum ms_evidence_reason *ret_reason, enum ms_evidence_reason why, struct ms_err *err)
{
	if (ret_reason != NULL)
		*ret_reason = why;
	return ms_prefix(err, row_of(why)->rc, "%s", row_of(why)->name);
}

enum ms_rc
ms_refuse_fault(enum ms_evidence_reason *ret_reason, enum ms_rc rc)
{
	if (ret_reason != NULL)
		*ret_reason = MS_EVIDENCE_FAULT;
	return rc;
}

bool
ms_is_fault(enum ms_rc rc)
{
	return rc == MS_ERR_NOMEM || rc == MS_ERR_CRYPTO || rc == MS_ERR_USAGE || rc == MS_ERR_INTERNAL;
}
