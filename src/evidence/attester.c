#include "evidence/attester.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "evidence/attester_int.h"

static const struct ms_attester attesters[] = {
    {.name = "tpm",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "TPM 2.0 quote, boot log and IMA list",
	.takes = "muster evidence verify --quote, or muster-agent"},
    {.name = "dice",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "DICE certificate chain (TCG DiceTcbInfo, Open DICE)",
	.takes = "chain: PEM, DER or CBOR; root: CA certificate, or key of the first layer",
	.verify = ms_attester_verify_dice},
    {.name = "psa",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "PSA attestation token (RFC 9783, and PSA_IOT_PROFILE_1)",
	.takes = "token: COSE_Sign1; key: the device's attestation key",
	.verify = ms_attester_verify_psa},
    {.name = "cca",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "Arm CCA token: platform and realm",
	.takes = "token: tag 399; key: the platform's attestation key",
	.verify = ms_attester_verify_cca},
    {.name = "eat",
	.assurance = MS_ASSURANCE_SOFTWARE,
	.title = "any other entity attestation token (RFC 9711)",
	.takes = "token: COSE_Sign1 or CWT; key: the signer's",
	.verify = ms_attester_verify_eat},
    {.name = "sev-snp",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "AMD SEV-SNP attestation report",
	.takes = "report: 1184 bytes, with or without its certificate table; roots: AMD's ARK",
	.verify = ms_attester_verify_snp},
    {.name = "tdx",
	.assurance = MS_ASSURANCE_HARDWARE,
	.title = "Intel TDX quote",
	.takes = "quote: version 4 or 5; roots: Intel's SGX root",
	.verify = ms_attester_verify_tdx},
    {.name = "join-token",
	.assurance = MS_ASSURANCE_LOW,
	.title = "join token: an operator's word, once",
	.takes = "token and proof: muster's own; key: the operator's",
	.verify = ms_attester_verify_join},
};

static const char *const assurances[] = {
    [MS_ASSURANCE_LOW] = "low", [MS_ASSURANCE_SOFTWARE] = "software", [MS_ASSURANCE_HARDWARE] = "hardware"};
#define N_ASSURANCES (sizeof assurances / sizeof *assurances)

static const struct reason {
	const char *name;
	enum ms_rc rc;
	const char *text;
} reasons[MS_ATTESTER_REASON_COUNT] = {
    [MS_ATTESTER_OK] = {"ok", MS_ERR_INTERNAL, "nothing was refused"},
    [MS_ATTESTER_FAULT] = {"fault", MS_ERR_INTERNAL, "the check could not be made: not a verdict"},
    [MS_ATTESTER_TOO_BIG] = {"too-big", MS_ERR_TOO_BIG, "larger than any attester of this kind makes it"},
    [MS_ATTESTER_MALFORMED] = {"malformed", MS_ERR_MALFORMED, "not evidence of this kind, or cut short"},
    [MS_ATTESTER_UNSUPPORTED] = {"unsupported", MS_ERR_UNSUPPORTED, "a version, algorithm or key that is not taken"},
    [MS_ATTESTER_NO_ANCHOR] = {"no-anchor", MS_ERR_DENIED, "no root or key was given that this kind of evidence can be verified with"},
    [MS_ATTESTER_UNTRUSTED] = {"untrusted", MS_ERR_AUTH, "does not chain to a root or key that was given"},
    [MS_ATTESTER_BAD_CHAIN] = {"bad-chain", MS_ERR_AUTH, "a link of its certificate chain does not hold"},
    [MS_ATTESTER_EXPIRED] = {"expired", MS_ERR_EXPIRED, "outside its time"},
    [MS_ATTESTER_REVOKED] = {"revoked", MS_ERR_AUTH, "a certificate of its chain is revoked"},
    [MS_ATTESTER_BAD_SIGNATURE] = {"bad-signature", MS_ERR_AUTH, "not signed by the key that must have signed it"},
    [MS_ATTESTER_NONCE_MISMATCH] = {"nonce-mismatch", MS_ERR_AUTH, "made for another nonce"},
    [MS_ATTESTER_NONCE_MISSING] = {"nonce-missing", MS_ERR_AUTH, "a nonce was asked for, and nothing shows that this is fresh"},
    [MS_ATTESTER_WRONG_PROFILE] = {"wrong-profile", MS_ERR_AUTH, "signed, but of another kind or profile"},
    [MS_ATTESTER_CLAIM_INVALID] = {"claim-invalid", MS_ERR_AUTH, "signed, but a claim is not as its standard says"},
    [MS_ATTESTER_BROKEN_BINDING] = {"broken-binding", MS_ERR_AUTH, "two parts that must name each other do not"},
    [MS_ATTESTER_ENDORSEMENT_MISMATCH] = {"endorsement-mismatch", MS_ERR_AUTH,
	"the certificate is for another chip or another firmware level than the report"},
};

const char *
ms_assurance_name(enum ms_assurance a)
{
	return (unsigned)a < N_ASSURANCES ? assurances[a] : assurances[MS_ASSURANCE_LOW];
}

enum ms_rc
ms_assurance_find(struct ms_span name, enum ms_assurance *ret, struct ms_err *err)
{
	for (size_t i = 0; i < N_ASSURANCES; i++)
		if (ms_span_eq(name, ms_span_str(assurances[i]))) {
			*ret = (enum ms_assurance)i;
			return MS_OK;
		}
	return ms_fail(err, MS_ERR_NOT_FOUND, "no such assurance: low, software or hardware");
}

static const struct reason *
reason_of(enum ms_attester_reason r)
{
	return (unsigned)r < MS_ATTESTER_REASON_COUNT ? &reasons[r] : &reasons[MS_ATTESTER_FAULT];
}

const char *
ms_attester_reason_name(enum ms_attester_reason r)
{
	return reason_of(r)->name;
}

const char *
ms_attester_reason_text(enum ms_attester_reason r)
{
	return reason_of(r)->text;
}

enum ms_rc
ms_attester_reason_rc(enum ms_attester_reason r)
{
	return reason_of(r)->rc;
}

const struct ms_attester *
ms_attester_at(size_t i)
{
	return i < sizeof attesters / sizeof *attesters ? &attesters[i] : NULL;
}

const struct ms_attester *
ms_attester_find(struct ms_span name)
{
	for (size_t i = 0; i < sizeof attesters / sizeof *attesters; i++)
		if (ms_span_eq(name, ms_span_str(attesters[i].name)))
			return &attesters[i];
	return NULL;
}

enum ms_rc
ms_attester_stamp(const struct ms_attester *a, enum ms_assurance assurance, struct ms_claims *claims, struct ms_err *err)
{
	enum ms_assurance least = assurance < a->assurance ? assurance : a->assurance;
	enum ms_rc rc = ms_claims_add_text(claims, "attester.kind", true, ms_span_str(a->name), err);
	return rc == MS_OK ? ms_claims_add_text(claims, "attester.assurance", true, ms_span_str(ms_assurance_name(least)), err) : rc;
}

static enum ms_rc
check_input(const struct ms_attester *a, const struct ms_attester_input *in, enum ms_attester_reason *why, struct ms_err *err)
{
	if (a->verify == NULL)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "%s evidence is verified elsewhere: %s", a->name, a->takes);
	if (in->evidence.len > MS_ATTESTER_EVIDENCE_MAX || in->proof.len > MS_ATTESTER_EVIDENCE_MAX)
		return ms_attester_refuse(why, MS_ATTESTER_TOO_BIG, err, "more than %u bytes", MS_ATTESTER_EVIDENCE_MAX);
	if (in->n_anchors > MS_ATTESTER_FILES_MAX || in->n_endorsements > MS_ATTESTER_FILES_MAX)
		return ms_attester_refuse(why, MS_ATTESTER_TOO_BIG, err, "more than %u files", MS_ATTESTER_FILES_MAX);
	if (in->n_anchors == 0)
		return ms_attester_refuse(why, MS_ATTESTER_NO_ANCHOR, err, "give a root or a key: %s", a->takes);
	return MS_OK;
}

enum ms_rc
ms_attester_verify(const struct ms_attester *a, const struct ms_attester_input *in, struct ms_claims **ret, enum ms_attester_reason *why,
    struct ms_err *err)
{
	MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
	enum ms_assurance assurance = a->assurance;
	*why = MS_ATTESTER_FAULT;
	enum ms_rc rc = check_input(a, in, why, err);
	if (rc == MS_OK)
		rc = ms_claims_new(&claims, err);
	if (rc == MS_OK)
		rc = a->verify(in, claims, &assurance, why, err);
	if (rc != MS_OK)
		return rc;
	*why = MS_ATTESTER_FAULT;
	rc = ms_attester_stamp(a, assurance, claims, err);
	if (rc == MS_OK)
		rc = ms_claims_add_bool(claims, "attester.fresh", true, in->nonce.len > 0, err);
	if (rc != MS_OK)
		return rc;
	*why = MS_ATTESTER_OK;
	*ret = claims;
	claims = NULL;
	return MS_OK;
}
