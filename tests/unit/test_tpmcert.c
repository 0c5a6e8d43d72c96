/* Certificates of TPM keys with everything odd that is seen in the wild: tests/data/tpmcerts, made by its script `make`. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/certview.h"
#include "identity/ekcert.h"
#include "identity/tpmcert_names.h"

#define IN_2026 UINT64_C(1767225600)

struct bytes {
	uint8_t *p;
	size_t len;
};

static struct bytes
data(const char *name)
{
	char path[128];
	struct bytes b;
	(void)snprintf(path, sizeof path, "tpmcerts/%s", name);
	b.p = test_file(path, &b.len);
	if (b.p == NULL)
		fail_msg("%s is missing", path);
	return b;
}

/* What the operator trusts: names of files, ended by NULL; those that end in .crl are CRLs. */
static struct ms_ekroots *
trusting(const char *const *names)
{
	struct ms_ekroots *r = NULL;
	struct ms_err err;
	CHECK_OK(ms_ekroots_new(&r, &err), &err);
	for (; *names != NULL; names++) {
		struct bytes b = data(*names);
		bool crl = strstr(*names, ".crl") != NULL;
		CHECK_OK(crl ? ms_ekroots_add_crl(r, ms_span(b.p, b.len), &err) : ms_ekroots_add(r, ms_span(b.p, b.len), &err), &err);
		free(b.p);
	}
	return r;
}
#define TRUSTING(...) trusting((const char *const[]){__VA_ARGS__, NULL})

struct judged {
	enum ms_rc rc;
	const char *reason; /* "" when accepted */
	struct ms_tpmcert cert;
	struct ms_err err;
};

/* Judge a file, by `p` for all that it says beside roots and certificate. Frees the roots. */
static struct judged
judge_as(struct ms_ekroots *r, const char *name, struct ms_tpmcert_params p)
{
	struct bytes b = data(name), spki = data("leaf.spki");
	struct judged j = {.reason = ""};
	unsigned why = 0;
	p.roots = r;
	p.cert = ms_span(b.p, b.len);
	p.now_s = p.now_s != 0 ? p.now_s : IN_2026;
	if (p.key_spki.len == 0)
		p.key_spki = ms_span(spki.p, spki.len);
	memset(&j.cert, 0x5a, sizeof j.cert);
	struct ms_tpmcert untouched = j.cert;
	j.rc = ms_tpmcert_verify(&p, &j.cert, &why, &j.err);
	if (j.rc != MS_OK) {
		CHECK(memcmp(&untouched, &j.cert, sizeof untouched) == 0);
		j.reason = ms_tpmcert_reason_name(why);
	}
	free(b.p);
	free(spki.p);
	ms_ekroots_free(r);
	return j;
}

static struct judged
judge(struct ms_ekroots *r, const char *name)
{
	return judge_as(r, name, (struct ms_tpmcert_params){.partial = false});
}

static void
expect(struct judged j, const char *reason)
{
	if (strcmp(j.reason, reason) != 0)
		fail_msg("\"%s\" where \"%s\" is due: %s", j.reason, reason, j.rc == MS_OK ? "accepted" : j.err.text);
}

/* ---- as found in the wild: accepted ---- */

MS_TEST(tpmcert_takes_padding_odd_serials_and_criticals_that_say_false)
{
	static const char *const odd[] = {"ek.der", "ek-padded-ff.der", "ek-padded-00.der", "ek-negative-serial.der", "ek-long-serial.der",
	    "ek-zero-serial.der", "ek-false-critical.der", "ek-no-usage.der", "ek-in-subject.der", "ek-unsorted.der", "ek-google.der"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct judged j = judge(TRUSTING("root.der", "inter.der"), odd[i]);
		expect(j, "");
		CHECK_INT(j.cert.kind, MS_TPMCERT_EK);
		CHECK(j.cert.key_checked && !j.cert.chain.partial);
		CHECK_INT(j.cert.chain.length, 3);
		CHECK(strcmp(j.cert.chain.root, "CN=Maker Root") == 0);
		CHECK_INT(j.cert.chain.revocation, MS_X509_UNCHECKED);
	}
}

MS_TEST(tpmcert_says_maker_model_version_and_specification)
{
	struct judged j = judge(TRUSTING("root.der", "inter.der"), "ek.der");
	expect(j, "");
	CHECK(strcmp(j.cert.manufacturer, "id:53544D20") == 0 && strcmp(j.cert.vendor, "STMicroelectronics") == 0);
	CHECK(strcmp(j.cert.model, "ST33HTPH") == 0 && strcmp(j.cert.version, "id:00010102") == 0);
	CHECK(j.cert.has_spec && strcmp(j.cert.spec_family, "2.0") == 0);
	CHECK_INT(j.cert.spec_level, 0);
	CHECK_INT(j.cert.spec_revision, 138);
	CHECK(strcmp(j.cert.serial, "1000") == 0);
	j = judge(TRUSTING("root.der", "inter.der"), "ek-unsorted.der");
	CHECK(strcmp(j.cert.vendor, "Nuvoton") == 0 && strcmp(j.cert.model, "NPCT75x") == 0 && strcmp(j.cert.version, "id:7") == 0);
	CHECK(!j.cert.has_spec);
	j = judge(TRUSTING("root.der", "inter.der"), "ek-in-subject.der");
	CHECK(strcmp(j.cert.vendor, "Infineon") == 0 && strcmp(j.cert.model, "SLB9670") == 0);
	j = judge(TRUSTING("root.der", "inter.der"), "ek-negative-serial.der");
	CHECK(strcmp(j.cert.serial, "b669fd2e") == 0);
}

MS_TEST(tpmcert_text_with_control_bytes_becomes_hex)
{
	struct judged j = judge(TRUSTING("root.der", "inter.der"), "ek-control-bytes.der");
	expect(j, "");
	CHECK(strncmp(j.cert.model, "hex:611b5b33", 12) == 0);
}

MS_TEST(tpmcert_vendors_are_those_of_the_registry_in_either_case)
{
	CHECK(strcmp(ms_tpm_vendor(ms_span_str("id:414D4400")), "AMD") == 0);
	CHECK(strcmp(ms_tpm_vendor(ms_span_str("id:414d4400")), "AMD") == 0);
	CHECK(ms_tpm_vendor(ms_span_str("id:FFFFFFFF")) == NULL);
	CHECK(ms_tpm_vendor(ms_span_str("414D4400")) == NULL);
	CHECK(ms_tpm_vendor(ms_span_str("id:414D44000")) == NULL);
	CHECK(ms_tpm_vendor(MS_SPAN_NONE) == NULL);
}

/* ---- trust ---- */

MS_TEST(tpmcert_without_its_root_names_the_issuer)
{
	struct judged j = judge(TRUSTING("root-same-name.der"), "ek.der");
	expect(j, "no-root");
	CHECK_INT(j.rc, MS_ERR_NOT_FOUND);
	CHECK(strstr(j.err.text, "CN=Maker Intermediate") != NULL);
	expect(judge(TRUSTING("root-same-name.der", "inter.der"), "ek.der"), "partial-chain"); /* its issuer has another key */
}

MS_TEST(tpmcert_partial_chain_is_only_for_who_asks_and_is_said)
{
	struct ms_tpmcert_params partial = {.partial = true};
	struct judged j = judge(TRUSTING("inter.der"), "ek.der");
	expect(j, "partial-chain");
	CHECK_INT(j.rc, MS_ERR_NOT_FOUND);
	CHECK(strstr(j.err.text, "no maker root for issuer CN=Maker Root") != NULL);
	j = judge_as(TRUSTING("inter.der"), "ek.der", partial);
	expect(j, "");
	CHECK(j.cert.chain.partial && j.cert.chain.length == 2);
	CHECK(strcmp(j.cert.chain.root, "CN=Maker Intermediate") == 0);
	j = judge_as(TRUSTING("root.der", "inter.der"), "ek.der", partial); /* the whole chain when there is one */
	expect(j, "");
	CHECK(!j.cert.chain.partial && j.cert.chain.length == 3);
	expect(judge_as(TRUSTING("short.der"), "ek.der", partial), "no-root");
}

MS_TEST(tpmcert_chain_file_helps_and_is_never_trusted)
{
	struct bytes inter = data("inter.der"), root = data("root.der");
	struct ms_tpmcert_params p = {.chain = ms_span(inter.p, inter.len)};
	struct ms_tpmcert_params both = {.partial = true};
	uint8_t *row = malloc(inter.len + root.len + 3);
	assert_non_null(row);
	memcpy(row, inter.p, inter.len);
	memcpy(row + inter.len, root.p, root.len);
	memcpy(row + inter.len + root.len, "\xff\xff\0", 3); /* as read from an NV index */
	both.chain = ms_span(row, inter.len + root.len + 3);
	expect(judge(TRUSTING("root.der"), "ek.der"), "no-root");
	expect(judge_as(TRUSTING("root.der"), "ek.der", p), "");
	expect(judge_as(TRUSTING("short.der"), "ek.der", p), "no-root");
	expect(judge_as(TRUSTING("short.der"), "ek.der", both), "no-root");
	expect(judge_as(TRUSTING("root.der"), "ek.der", both), "");
	both.chain.len--; /* a cut certificate */
	for (size_t n = inter.len + 1; n < inter.len + root.len; n += 17) {
		both.chain.len = n;
		expect(judge_as(TRUSTING("root.der"), "ek.der", both), "malformed");
	}
	free(row);
	free(inter.p);
	free(root.p);
}

MS_TEST(tpmcert_chain_file_of_too_many_is_refused)
{
	struct bytes inter = data("inter.der");
	struct ms_buf b;
	ms_buf_init(&b, 65536);
	for (size_t i = 0; i < 11; i++)
		ms_buf_put(&b, inter.p, inter.len);
	struct ms_tpmcert_params p = {.chain = ms_buf_span(&b)};
	expect(judge_as(TRUSTING("root.der"), "ek.der", p), "malformed");
	p.chain.len = 10 * inter.len;
	expect(judge_as(TRUSTING("root.der"), "ek.der", p), "");
	ms_buf_fini(&b);
	free(inter.p);
}

/* ---- each refusal by its own name ---- */

MS_TEST(tpmcert_refuses_each_wrong_certificate_by_name)
{
	static const struct {
		const char *file, *reason;
	} rows[] = {
	    {"ek-expired.der", "expired"},
	    {"ek-future.der", "not-yet-valid"},
	    {"ek-server.der", "wrong-purpose"},
	    {"ek-and-ak.der", "wrong-purpose"},
	    {"ek-critical-unknown.der", "unknown-extension"},
	    {"ek-twice.der", "malformed"},
	    {"ek-bad-names.der", "malformed"},
	    {"ek-rsa1024.der", "weak-or-unknown-key"},
	    {"ek-rsa16384.der", "weak-or-unknown-key"},
	    {"ek-rsa-exponent.der", "malformed"},
	    {"ek-explicit-curve.der", "weak-or-unknown-key"},
	    {"ek-forged.der", "bad-signature"},
	    {"ek-sha1.der", "weak-or-unknown-key"},
	    {"ek-of-root-same-name.der", "bad-signature"},
	    {"ca-as-ek.der", "is-ca"},
	    {"root.der", "is-ca"},
	    {"ak-azure.der", "wrong-purpose"}, /* any_kind was not asked for */
	    {"iak.der", "wrong-purpose"},
	    {"idevid.der", "wrong-purpose"},
	    {"ak-google.der", "wrong-purpose"},
	    {"ek-below-short.der", "bad-path"},
	    {"ek-deep.der", "bad-path"},
	    {"inter.crl", "malformed"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(
		    judge(TRUSTING("root.der", "inter.der", "short.der", "below.der", "deep0.der", "deep1.der", "deep2.der", "deep3.der"),
			rows[i].file),
		    rows[i].reason);
}

MS_TEST(tpmcert_issued_by_a_ca_that_may_not_sign_certificates_is_refused)
{
	struct bytes mute = data("mute.der");
	struct ms_tpmcert_params p = {.chain = ms_span(mute.p, mute.len)};
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek-by-mute.der", p), "bad-path");
	struct ms_ekroots *r = TRUSTING("root.der");
	CHECK_INT(ms_ekroots_add(r, p.chain, NULL), MS_ERR_MALFORMED); /* nor is it taken for a CA's */
	ms_ekroots_free(r);
	free(mute.p);
}

MS_TEST(tpmcert_issued_by_an_ek_is_refused)
{
	struct bytes ek = data("ek.der");
	struct ms_tpmcert_params p = {.chain = ms_span(ek.p, ek.len), .partial = true};
	struct judged j = judge_as(TRUSTING("root.der", "inter.der"), "ek-by-ek.der", p);
	CHECK(j.rc == MS_ERR_NOT_FOUND || j.rc == MS_ERR_AUTH);
	free(ek.p);
}

MS_TEST(tpmcert_for_another_key_is_refused_with_and_without_a_public_area)
{
	static const uint8_t coord[32] = {1};
	struct ms_tpm_public area = {.type = MS_TPM_ALG_ECC, .curve = MS_TPM_P256, .x = ms_span(coord, 32), .y = ms_span(coord, 32)};
	struct bytes spki = data("leaf.spki");
	struct ms_tpmcert_params p = {.key = &area};
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek.der", p), "other-key");
	area.x = ms_span(spki.p + spki.len - 64, 32), area.y = ms_span(spki.p + spki.len - 32, 32);
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek.der", p), "");
	spki.p[spki.len - 1] ^= 1;
	p = (struct ms_tpmcert_params){.key_spki = ms_span(spki.p, spki.len)};
	struct judged j = judge_as(TRUSTING("root.der", "inter.der"), "ek.der", p);
	expect(j, "other-key");
	CHECK_INT(j.rc, MS_ERR_CONFLICT);
	free(spki.p);
}

MS_TEST(tpmcert_times_are_not_looked_at_only_when_told_so)
{
	struct ms_tpmcert_params p = {.allow_expired = true};
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek-expired.der", p), "");
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek-forged.der", p), "bad-signature");
	expect(judge_as(TRUSTING("root.der", "inter.der", "inter-expired.crl", "root.crl"), "ek.der", p), "");
	expect(judge_as(TRUSTING("root.der", "inter.der", "inter-expired-revokes-ek.crl"), "ek.der", p), "revoked");
}

MS_TEST(tpmcert_flipped_anywhere_is_never_accepted)
{
	struct bytes ek = data("ek.der"), spki = data("leaf.spki");
	struct ms_ekroots *r = TRUSTING("root.der", "inter.der");
	struct ms_tpmcert t;
	struct ms_tpmcert_params p = {.roots = r, .now_s = IN_2026, .key_spki = ms_span(spki.p, spki.len)};
	for (size_t i = 0; i < ek.len; i++) {
		uint8_t *w = test_dup(ek.p, ek.len);
		w[i] ^= (uint8_t)(1u << (i % 8));
		p.cert = ms_span(w, ek.len);
		CHECK(ms_tpmcert_verify(&p, &t, NULL, NULL) != MS_OK);
		free(w);
		w = test_dup(ek.p, i);
		p.cert = ms_span(w, i);
		CHECK(ms_tpmcert_verify(&p, &t, NULL, NULL) != MS_OK);
		free(w);
	}
	ms_ekroots_free(r);
	free(ek.p);
	free(spki.p);
}

/* ---- CRLs ---- */

MS_TEST(tpmcert_crls_of_every_issuer_count_as_checked)
{
	struct ms_tpmcert_params required = {.crl_required = true};
	struct judged j = judge_as(TRUSTING("root.der", "inter.der", "root.crl", "inter.crl"), "ek.der", required);
	expect(j, "");
	CHECK_INT(j.cert.chain.revocation, MS_X509_CHECKED);
	j = judge(TRUSTING("root.der", "inter.der", "root.crl", "inter-revokes-other.crl"), "ek.der");
	expect(j, "");
	CHECK_INT(j.cert.chain.revocation, MS_X509_CHECKED);
	j = judge(TRUSTING("root.der", "inter.der", "inter.crl"), "ek.der");
	expect(j, "");
	CHECK_INT(j.cert.chain.revocation, MS_X509_PARTLY);
	required.partial = true; /* no CRL is asked for the trust anchor itself */
	j = judge_as(TRUSTING("inter.der", "inter.crl"), "ek.der", required);
	expect(j, "");
	CHECK_INT(j.cert.chain.revocation, MS_X509_CHECKED);
}

MS_TEST(tpmcert_refuses_by_crl_each_with_its_own_name)
{
	struct ms_tpmcert_params required = {.crl_required = true};
	expect(judge(TRUSTING("root.der", "inter.der", "root.crl", "inter-revokes-ek.crl"), "ek.der"), "revoked");
	expect(judge(TRUSTING("root.der", "inter.der", "root-revokes-inter.crl"), "ek.der"), "revoked");
	expect(judge(TRUSTING("root.der", "inter.der", "inter-expired.crl"), "ek.der"), "crl-expired");
	expect(judge(TRUSTING("root.der", "inter.der", "inter-future.crl"), "ek.der"), "crl-expired");
	expect(judge(TRUSTING("root.der", "inter.der", "inter-expired-revokes-ek.crl"), "ek.der"), "revoked");
	expect(judge(TRUSTING("root.der", "inter.der", "inter-forged.crl"), "ek.der"), "crl-not-by-issuer");
	expect(judge(TRUSTING("root.der", "inter.der", "inter-forged-no-akid.crl"), "ek.der"), "crl-not-by-issuer");
	expect(judge(TRUSTING("root.der", "inter.der", "no-crl.der", "no-crl.crl"), "ek-by-no-crl.der"), "crl-not-by-issuer");
	expect(judge_as(TRUSTING("root.der", "inter.der"), "ek.der", required), "crl-missing");
	struct judged j = judge_as(TRUSTING("root.der", "inter.der", "inter.crl"), "ek.der", required);
	expect(j, "crl-missing");
	CHECK(strstr(j.err.text, "CN=Maker Root") != NULL);
	j = judge_as(TRUSTING("root.der", "inter.der", "root.crl"), "ek.der", required);
	expect(j, "crl-missing");
	CHECK(strstr(j.err.text, "CN=Maker Intermediate") != NULL);
}

MS_TEST(ekroots_refuse_crls_over_sha1_and_what_is_none)
{
	struct ms_ekroots *r = NULL;
	struct bytes sha1 = data("inter-sha1.crl"), crl = data("inter.crl"), cert = data("root.der");
	CHECK_OK(ms_ekroots_new(&r, NULL), NULL);
	CHECK_INT(ms_ekroots_add_crl(r, ms_span(sha1.p, sha1.len), NULL), MS_ERR_UNSUPPORTED);
	CHECK_INT(ms_ekroots_add_crl(r, ms_span(cert.p, cert.len), NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_add_crl(r, MS_SPAN_NONE, NULL), MS_ERR_MALFORMED);
	for (size_t n = 1; n < crl.len; n += 11) {
		uint8_t *w = test_dup(crl.p, n);
		CHECK_INT(ms_ekroots_add_crl(r, ms_span(w, n), NULL), MS_ERR_MALFORMED);
		free(w);
	}
	CHECK_INT(ms_ekroots_crls(r), 0);
	CHECK_INT(ms_ekroots_add(r, ms_span(crl.p, crl.len), NULL), MS_ERR_MALFORMED);
	CHECK_OK(ms_ekroots_add_crl(r, ms_span(crl.p, crl.len), NULL), NULL);
	CHECK_INT(ms_ekroots_crls(r), 1);
	ms_ekroots_free(r);
	free(sha1.p);
	free(crl.p);
	free(cert.p);
}

/* ---- signing keys ---- */

static struct judged
judge_any(const char *name)
{
	return judge_as(TRUSTING("root.der", "inter.der"), name, (struct ms_tpmcert_params){.any_kind = true});
}

MS_TEST(tpmcert_of_devices_say_module_serial_and_ek)
{
	struct judged j = judge_any("idevid.der");
	expect(j, "");
	CHECK_INT(j.cert.kind, MS_TPMCERT_IDEVID);
	CHECK(strcmp(j.cert.module_serial, "TPM-SN-0042") == 0 && strcmp(j.cert.device_serial, "SN-77") == 0);
	CHECK(strlen(j.cert.ek_digest) == 64 && strncmp(j.cert.ek_digest, "abab", 4) == 0);
	CHECK(j.cert.policy_residency && j.cert.policy_fixed && !j.cert.policy_restricted);
	j = judge_any("iak.der");
	expect(j, "");
	CHECK_INT(j.cert.kind, MS_TPMCERT_IAK);
	CHECK(j.cert.policy_residency && !j.cert.policy_fixed && j.cert.policy_restricted);
	expect(judge_any("idevid-bad-module.der"), "malformed-names");
}

MS_TEST(tpmcert_of_azure_names_the_machine_and_a_look_alike_does_not)
{
	struct judged j = judge_any("ak-azure.der");
	expect(j, "");
	CHECK_INT(j.cert.kind, MS_TPMCERT_AK);
	assert_non_null(j.cert.cloud);
	CHECK(strcmp(j.cert.cloud, "azure") == 0 && strcmp(j.cert.azure_vm, "f859864a6a31") == 0);
	j = judge_any("ak-azure-look-alike.der");
	expect(j, "");
	CHECK(j.cert.cloud == NULL && j.cert.azure_vm[0] == '\0');
}

MS_TEST(tpmcert_of_google_says_the_instance)
{
	struct judged j = judge_any("ak-google.der");
	expect(j, "");
	CHECK_INT(j.cert.kind, MS_TPMCERT_AK);
	assert_non_null(j.cert.cloud);
	CHECK(strcmp(j.cert.cloud, "google") == 0 && strcmp(j.cert.gce_zone, "us-central1-a") == 0);
	CHECK(strcmp(j.cert.gce_project, "core-eso") == 0 && strcmp(j.cert.gce_name, "instance-1") == 0);
	CHECK(j.cert.gce_instance == UINT64_C(6524697943022743941) && j.cert.gce_project_number == UINT64_C(995109960348));
	CHECK(j.cert.gce_has_security && j.cert.gce_production && j.cert.gce_security_version == 3);
	j = judge_any("ak-google-negative.der"); /* numbers above 2^63 are written as negative ones */
	expect(j, "");
	CHECK(!j.cert.gce_has_security);
	j = judge_any("ek-google.der"); /* the same issuer's certificate of the key that does not sign */
	expect(j, "");
	CHECK_INT(j.cert.kind, MS_TPMCERT_EK);
	expect(judge_any("ak-google-bad.der"), "malformed-names");
}

MS_TEST(tpmcert_claims_are_what_the_certificate_says)
{
	static const struct {
		const char *file, *claim, *value;
	} rows[] = {
	    {"ek.der", "ek.maker", "STMicroelectronics"},
	    {"ek.der", "ek.chain-root", "CN=Maker Root"},
	    {"ek.der", "ek.partial-chain", "false"},
	    {"ek.der", "ek.revocation-checked", "false"},
	    {"ek.der", "ek.spec-revision", "138"},
	    {"iak.der", "ak.device-serial", "SN-77"},
	    {"iak.der", "ak.certificate-kind", "iak"},
	    {"ak-google.der", "ak.google.instance-id", "6524697943022743941"},
	    {"ak-azure.der", "ak.azure.vm", "f859864a6a31"},
	};
	char text[256];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		MS_OWN(ms_claims_free) struct ms_claims *claims = NULL;
		struct judged j = judge_any(rows[i].file);
		size_t from = 0;
		expect(j, "");
		CHECK_OK(ms_claims_new(&claims, NULL), NULL);
		CHECK_OK(ms_tpmcert_claims(&j.cert, claims, &j.err), &j.err);
		const struct ms_claim *c = ms_claims_next(claims, ms_span_str(rows[i].claim), &from);
		assert_non_null(c);
		ms_claim_text(c, text, sizeof text);
		CHECK(c->proven && strcmp(text, rows[i].value) == 0);
	}
}

/* ---- the reader alone ---- */

MS_TEST(certview_reads_every_store_certificate_and_refuses_every_cut_of_one)
{
	struct ms_certview v;
	struct ms_span value;
	bool critical = false;
	struct bytes b = data("ek.der");
	CHECK_OK(ms_certview_parse(ms_span(b.p, b.len), &v, NULL), NULL);
	CHECK(ms_certview_extension(&v, ms_oid(MS_OID_EXT_SUBJECT_ALT_NAME), &value, &critical) && critical);
	CHECK(!ms_certview_extension(&v, ms_oid(MS_OID_EXT_CRL_NUMBER), &value, &critical));
	CHECK_INT(v.not_before_s, 1577836800);
	for (size_t n = 0; n < b.len; n++) {
		uint8_t *w = test_dup(b.p, n);
		CHECK_INT(ms_certview_parse(ms_span(w, n), &v, NULL), MS_ERR_MALFORMED);
		free(w);
	}
	free(b.p);
}

MS_TEST(certview_key_bounds_are_seen_to_before_any_arithmetic)
{
	static const struct {
		const char *file;
		enum ms_rc rc;
	} rows[] = {{"ek.der", MS_OK}, {"ek-rsa1024.der", MS_ERR_UNSUPPORTED}, {"ek-rsa16384.der", MS_ERR_UNSUPPORTED},
	    {"ek-rsa-exponent.der", MS_ERR_MALFORMED}, {"ek-explicit-curve.der", MS_ERR_UNSUPPORTED}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ms_certview v;
		struct bytes b = data(rows[i].file);
		CHECK_OK(ms_certview_parse(ms_span(b.p, b.len), &v, NULL), NULL);
		CHECK_INT(ms_certview_key_ok(v.spki, NULL), rows[i].rc);
		free(b.p);
	}
	CHECK_INT(ms_certview_key_ok(MS_SPAN_NONE, NULL), MS_ERR_MALFORMED);
}
