/* Certificates of TPM keys: chain, purpose, key, and what they say. */
#include <string.h>

#include "identity/ekcert.h"
#include "identity/ekcert_int.h"
#include "identity/tpmcert_names.h"

const char *
ms_tpmcert_kind_name(enum ms_tpmcert_kind k)
{
	static const char *const names[] = {"ek", "ak", "iak", "idevid"};
	return (unsigned)k < sizeof names / sizeof *names ? names[k] : "unknown";
}

const char *
ms_tpmcert_reason_name(unsigned reason)
{
	switch (reason) {
	case MS_TPMCERT_IS_CA:
		return "is-ca";
	case MS_TPMCERT_PURPOSE:
		return "wrong-purpose";
	case MS_TPMCERT_OTHER_KEY:
		return "other-key";
	case MS_TPMCERT_NAMES:
		return "malformed-names";
	default:
		return ms_x509_reason_name((enum ms_x509_reason)reason);
	}
}

/* RSA under id-RSAES-OAEP (RFC 4055 4), as some makers name it: the numbers are compared, not the algorithm's parameters. */
static bool
oaep_key_is(struct ms_span spki, const struct ms_tpm_public *ek)
{
	struct ms_der all = ms_der_over(spki), seq = ms_der_enter(&all, MS_DER_SEQUENCE), alg = ms_der_enter(&seq, MS_DER_SEQUENCE);
	struct ms_span oid = ms_der_read_oid(&alg);
	struct ms_der bits = ms_der_over(ms_der_read_bits(&seq)), rsa = ms_der_enter(&bits, MS_DER_SEQUENCE);
	struct ms_span n = ms_der_read_integer(&rsa, MS_RSA_MAX);
	uint64_t e = ms_der_read_uint(&rsa);
	return ms_der_done(&rsa) && ms_der_done(&bits) && ms_der_done(&seq) && ms_der_done(&all) &&
	       ms_span_eq(oid, ms_oid(MS_OID_RSA_OAEP)) && n.len > 0 && ms_span_eq(n, ek->modulus) && e == ek->exponent;
}

static enum ms_rc
other_key(unsigned *why, struct ms_err *err)
{
	*why = MS_TPMCERT_OTHER_KEY;
	return ms_fail(err, MS_ERR_CONFLICT, "it is for another key");
}

static enum ms_rc
check_key(struct ms_span spki, const struct ms_tpmcert_params *p, unsigned *why, struct ms_err *err)
{
	if (p->key_spki.len > 0 && !ms_span_eq(spki, p->key_spki))
		return other_key(why, err);
	if (p->key == NULL)
		return MS_OK;
	MS_OWN(ms_buf_fini) struct ms_buf mine;
	ms_buf_init(&mine, MS_TPM_SPKI_MAX);
	enum ms_rc rc = ms_tpm_public_spki(p->key, &mine, err);
	if (rc != MS_OK)
		return rc;
	return ms_span_eq(spki, ms_buf_span(&mine)) || oaep_key_is(spki, p->key) ? MS_OK : other_key(why, err);
}

static enum ms_rc
check_purpose(const struct ms_tpmcert_params *p, struct ms_span der, struct ms_tpmcert *t, unsigned *why, struct ms_err *err)
{
	struct ms_certview v;
	if (t->chain.is_ca) {
		*why = MS_TPMCERT_IS_CA;
		return ms_fail(err, MS_ERR_AUTH, "it is a CA's");
	}
	*why = MS_TPMCERT_NAMES;
	enum ms_rc rc = ms_certview_parse(der, &v, err);
	if (rc == MS_OK)
		rc = ms_tpmcert_names(&v, t, err);
	if (rc == MS_OK && t->kind != MS_TPMCERT_EK && !p->any_kind)
		rc = ms_fail(err, MS_ERR_AUTH, "it is for another purpose than an EK");
	if (rc == MS_ERR_AUTH)
		*why = MS_TPMCERT_PURPOSE;
	return rc;
}

static enum ms_rc
judge(const struct ms_tpmcert_params *p, struct ms_tpmcert *t, unsigned *why, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	enum ms_x509_reason reason = MS_X509_MALFORMED;
	struct ms_span der;
	ms_buf_init(&spki, MS_EKCERT_MAX);
	*why = MS_X509_MALFORMED;
	enum ms_rc rc = ms_ekcert_strip(p->cert, &der, err);
	if (rc != MS_OK)
		return rc;
	if (p->chain.len > MS_EKCHAIN_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "chain of %zu bytes", p->chain.len);
	struct ms_x509_params x = {.store = p->roots->store,
	    .leaf = der,
	    .chain = p->chain,
	    .now_s = p->allow_expired || p->roots->allow_expired ? 0 : p->now_s,
	    .partial = p->partial,
	    .crl_required = p->crl_required};
	rc = ms_x509_verify_chain(&x, &t->chain, &spki, &reason, err);
	*why = reason;
	if (rc == MS_OK)
		rc = check_purpose(p, der, t, why, err);
	if (rc == MS_OK)
		rc = check_key(ms_buf_span(&spki), p, why, err);
	t->key_checked = p->key != NULL || p->key_spki.len > 0;
	return rc;
}

enum ms_rc
ms_tpmcert_verify(const struct ms_tpmcert_params *p, struct ms_tpmcert *ret, unsigned *ret_reason, struct ms_err *err)
{
	struct ms_tpmcert t = {.kind = MS_TPMCERT_EK};
	unsigned why = MS_X509_FAULT;
	if (p->now_s == 0 && !p->allow_expired && !p->roots->allow_expired)
		return ms_fail(err, MS_ERR_INTERNAL, "certificate: no time to judge it by");
	enum ms_rc rc = judge(p, &t, &why, err);
	if (rc == MS_OK) {
		*ret = t;
		return MS_OK;
	}
	if (rc == MS_ERR_NOMEM || rc == MS_ERR_CRYPTO || rc == MS_ERR_INTERNAL)
		why = MS_X509_FAULT;
	if (ret_reason != NULL)
		*ret_reason = why;
	return ms_prefix(err, rc, p->any_kind ? "certificate" : "EK certificate");
}

enum ms_rc
ms_ekcert_check(const struct ms_ekroots *r, struct ms_span cert, const struct ms_tpm_public *ek, uint64_t now_s, char *maker,
    size_t maker_cap, struct ms_err *err)
{
	struct ms_tpmcert_params p = {.roots = r, .cert = cert, .key = ek, .now_s = now_s};
	struct ms_tpmcert t;
	if (maker_cap == 0)
		return ms_fail(err, MS_ERR_INTERNAL, "EK certificate: no room for the maker's name");
	enum ms_rc rc = ms_tpmcert_verify(&p, &t, NULL, err);
	if (rc != MS_OK)
		return rc;
	size_t n = strnlen(t.chain.root, sizeof t.chain.root);
	n = n < maker_cap ? n : maker_cap - 1;
	memcpy(maker, t.chain.root, n);
	maker[n] = '\0';
	return MS_OK;
}

/* ---- claims ---- */

struct adding {
	struct ms_claims *claims;
	enum ms_rc rc; /* of the first that failed */
	struct ms_err *err;
};

static void
text(struct adding *a, const char *name, const char *s)
{
	if (a->rc == MS_OK && s[0] != '\0')
		a->rc = ms_claims_add_text(a->claims, name, true, ms_span_str(s), a->err);
}

static void
number(struct adding *a, const char *name, uint64_t v)
{
	if (a->rc == MS_OK)
		a->rc = ms_claims_add_uint(a->claims, name, true, v, a->err);
}

static void
truth(struct adding *a, const char *name, bool v)
{
	if (a->rc == MS_OK)
		a->rc = ms_claims_add_bool(a->claims, name, true, v, a->err);
}

static void
add_ek(struct adding *a, const struct ms_tpmcert *t)
{
	text(a, "ek.certificate-serial", t->serial);
	text(a, "ek.chain-root", t->chain.root);
	text(a, "ek.maker-id", t->manufacturer);
	text(a, "ek.maker", t->vendor);
	text(a, "ek.model", t->model);
	text(a, "ek.firmware-version", t->version);
	truth(a, "ek.partial-chain", t->chain.partial);
	truth(a, "ek.revocation-checked", t->chain.revocation == MS_X509_CHECKED);
	if (!t->has_spec)
		return;
	text(a, "ek.spec-family", t->spec_family);
	number(a, "ek.spec-level", t->spec_level);
	number(a, "ek.spec-revision", t->spec_revision);
}

static void
add_google(struct adding *a, const struct ms_tpmcert *t)
{
	text(a, "ak.google.zone", t->gce_zone);
	text(a, "ak.google.project-id", t->gce_project);
	number(a, "ak.google.project-number", t->gce_project_number);
	number(a, "ak.google.instance-id", t->gce_instance);
	text(a, "ak.google.instance-name", t->gce_name);
	if (!t->gce_has_security)
		return;
	number(a, "ak.google.security-version", t->gce_security_version);
	truth(a, "ak.google.production", t->gce_production);
}

static void
add_ak(struct adding *a, const struct ms_tpmcert *t)
{
	text(a, "ak.certificate-kind", ms_tpmcert_kind_name(t->kind));
	text(a, "ak.certificate-serial", t->serial);
	text(a, "ak.chain-root", t->chain.root);
	truth(a, "ak.partial-chain", t->chain.partial);
	truth(a, "ak.revocation-checked", t->chain.revocation == MS_X509_CHECKED);
	truth(a, "ak.verified-residency", t->policy_residency);
	text(a, "ak.module-serial", t->module_serial);
	text(a, "ak.ek-digest", t->ek_digest);
	if (t->kind == MS_TPMCERT_IAK || t->kind == MS_TPMCERT_IDEVID)
		text(a, "ak.device-serial", t->device_serial);
	if (t->cloud == NULL)
		return;
	text(a, "ak.cloud", t->cloud);
	text(a, "ak.azure.vm", t->azure_vm);
	if (strcmp(t->cloud, "google") == 0)
		add_google(a, t);
}

enum ms_rc
ms_tpmcert_claims(const struct ms_tpmcert *t, struct ms_claims *claims, struct ms_err *err)
{
	struct adding a = {claims, MS_OK, err};
	if (t->kind == MS_TPMCERT_EK)
		add_ek(&a, t);
	else
		add_ak(&a, t);
	return a.rc;
}
