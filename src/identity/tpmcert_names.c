#include "identity/tpmcert_names.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64u /* GeneralNames of one certificate */
#define DIRECTORY_NAME MS_DER_CONTEXT_CONSTRUCTED(4u)
#define OTHER_NAME MS_DER_CONTEXT_CONSTRUCTED(0u)
#define KEY_USAGE_DIGITAL_SIGNATURE (1u << 0)

/* Text of others, made fit to be shown: UTF-8 without control bytes as it is, all else as hex; cut to fit. */
static void
put_text(struct ms_span s, char *out, size_t cap)
{
	bool plain = ms_utf8_ok(s);
	for (size_t i = 0; plain && i < s.len; i++)
		plain = s.p[i] >= 0x20 && s.p[i] != 0x7f;
	if (plain && s.len < cap) {
		if (s.len > 0)
			memcpy(out, s.p, s.len);
		out[s.len] = '\0';
		return;
	}
	size_t n = s.len < (cap - 1) / 2 - 2 ? s.len : (cap - 1) / 2 - 2;
	memcpy(out, "hex:", 4);
	ms_hex(s.p, n, out + 4);
}

/* ---- TCG TPM Vendor ID Registry ---- */

const char *
ms_tpm_vendor(struct ms_span manufacturer)
{
	static const struct {
		char id[9];
		const char *name;
	} rows[] = {
	    {"414D4400", "AMD"},
	    {"414E5400", "Ant Group"},
	    {"41544D4C", "Atmel"},
	    {"4252434D", "Broadcom"},
	    {"4353434F", "Cisco"},
	    {"464C5953", "Flyslice"},
	    {"474F4F47", "Google"},
	    {"48504500", "HPE"},
	    {"48504900", "HPI"},
	    {"48495349", "Huawei"},
	    {"49424D00", "IBM"},
	    {"49465800", "Infineon"},
	    {"494E5443", "Intel"},
	    {"4C454E00", "Lenovo"},
	    {"4D534654", "Microsoft"},
	    {"4E534D20", "National Semiconductor"},
	    {"4E545A00", "Nationz"},
	    {"4E544300", "Nuvoton"},
	    {"51434F4D", "Qualcomm"},
	    {"524F4343", "Rockchip"},
	    {"534D5343", "SMSC"},
	    {"534D534E", "Samsung"},
	    {"534E5300", "Sinosun"},
	    {"53544D20", "STMicroelectronics"},
	    {"54584E00", "Texas Instruments"},
	    {"57454300", "Winbond"},
	    {"00001014", "IBM (swtpm)"},
	};
	char id[9] = "";
	if (manufacturer.len != 11 || !ms_span_eq(ms_span(manufacturer.p, 3), ms_span_str("id:")))
		return NULL;
	for (size_t i = 0; i < 8; i++) { /* hex digits of either case */
		uint8_t c = manufacturer.p[3 + i];
		id[i] = (char)(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].id, id) == 0)
			return rows[i].name;
	return NULL;
}

/* EK Credential Profile 3.2.9: the TPM's attributes, in the subject alternative name or, before 2014, in the subject. */
static void
read_tpm(struct ms_span name, struct ms_tpmcert *t)
{
	struct ms_span maker = ms_certview_attribute(name, ms_oid(MS_OID_TCG_MANUFACTURER));
	if (maker.len == 0 || t->manufacturer[0] != '\0')
		return;
	const char *vendor = ms_tpm_vendor(maker);
	put_text(maker, t->manufacturer, sizeof t->manufacturer);
	put_text(ms_certview_attribute(name, ms_oid(MS_OID_TCG_MODEL)), t->model, sizeof t->model);
	put_text(ms_certview_attribute(name, ms_oid(MS_OID_TCG_VERSION)), t->version, sizeof t->version);
	(void)snprintf(t->vendor, sizeof t->vendor, "%s", vendor != NULL ? vendor : "");
}

/* RFC 4108 5: HardwareModuleName. The serial is bytes; most makers put text there. */
static bool
read_module(struct ms_der *value, struct ms_tpmcert *t)
{
	struct ms_der d = ms_der_enter(value, MS_DER_SEQUENCE);
	(void)ms_der_read_oid(&d);
	struct ms_span serial = ms_der_read_octets(&d);
	if (!ms_der_done(&d) || !ms_der_done(value) || serial.len == 0)
		return false;
	put_text(serial, t->module_serial, sizeof t->module_serial);
	return true;
}

/* RFC 4043 2: PermanentIdentifier; only the one whose assigner is tcg-on-ekPermIdSha256 names a TPM. */
static bool
read_permanent(struct ms_der *value, struct ms_tpmcert *t)
{
	struct ms_span id = MS_SPAN_NONE, assigner = MS_SPAN_NONE;
	struct ms_der d = ms_der_enter(value, MS_DER_SEQUENCE);
	if (ms_der_peek(&d) == MS_DER_UTF8_STRING)
		id = ms_der_read(&d, MS_DER_UTF8_STRING);
	if (ms_der_peek(&d) == MS_DER_OID)
		assigner = ms_der_read_oid(&d);
	if (!ms_der_done(&d) || !ms_der_done(value))
		return false;
	if (ms_span_eq(assigner, ms_oid(MS_OID_TCG_EK_DIGEST)))
		put_text(id, t->ek_digest, sizeof t->ek_digest);
	return true;
}

/* RFC 5280 4.2.1.6: OtherName. Kinds that are not known are left alone. */
static bool
read_other(struct ms_der *names, struct ms_tpmcert *t)
{
	struct ms_der d = ms_der_enter(names, OTHER_NAME);
	enum ms_oid id = ms_oid_find(ms_der_read_oid(&d));
	struct ms_der value = ms_der_enter(&d, MS_DER_CONTEXT_CONSTRUCTED(0u));
	if (!ms_der_done(&d))
		return false;
	if (id == MS_OID_HARDWARE_MODULE_NAME)
		return read_module(&value, t);
	return id != MS_OID_PERMANENT_IDENTIFIER || read_permanent(&value, t);
}

static enum ms_rc
read_alt_names(struct ms_span san, struct ms_tpmcert *t, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(san), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	bool ok = true;
	for (size_t n = 0; ok && ms_der_peek(&d) != 0; n++) {
		if (n == NAMES_MAX)
			return ms_fail(err, MS_ERR_MALFORMED, "certificate: more than %u alternative names", NAMES_MAX);
		if (ms_der_peek(&d) == DIRECTORY_NAME) {
			struct ms_der one = ms_der_enter(&d, DIRECTORY_NAME);
			struct ms_span name = ms_der_read_raw(&one, MS_DER_SEQUENCE);
			ok = ms_der_done(&one);
			read_tpm(name, t);
		} else if (ms_der_peek(&d) == OTHER_NAME) {
			ok = read_other(&d, t);
		} else {
			ms_der_skip(&d);
		}
	}
	if (!ok || !ms_der_done(&d) || !ms_der_done(&outer))
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: subject alternative name");
	return MS_OK;
}

/* EK Credential Profile 3.2.10: tPMSpecification, in the subject directory attributes. What does not parse there is left alone:
 * nothing is judged by it. */
static void
read_directory(struct ms_span attributes, struct ms_tpmcert *t)
{
	struct ms_der outer = ms_der_over(attributes), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&d) != 0 && !t->has_spec) {
		struct ms_der one = ms_der_enter(&d, MS_DER_SEQUENCE);
		enum ms_oid id = ms_oid_find(ms_der_read_oid(&one));
		struct ms_der values = ms_der_enter(&one, MS_DER_SET), spec = ms_der_enter(&values, MS_DER_SEQUENCE);
		struct ms_span family = ms_der_read(&spec, MS_DER_UTF8_STRING);
		uint64_t level = ms_der_read_uint(&spec), revision = ms_der_read_uint(&spec);
		if (id != MS_OID_TCG_SPECIFICATION || !ms_der_done(&spec))
			continue;
		t->has_spec = true;
		put_text(family, t->spec_family, sizeof t->spec_family);
		t->spec_level = level;
		t->spec_revision = revision;
	}
}

/* TPM 2.0 Keys for Device Identity and Attestation 8.2: what the issuer saw to. */
static void
read_policies(struct ms_span policies, struct ms_tpmcert *t)
{
	struct ms_der outer = ms_der_over(policies), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	while (ms_der_peek(&d) != 0) {
		struct ms_der one = ms_der_enter(&d, MS_DER_SEQUENCE);
		enum ms_oid id = ms_oid_find(ms_der_read_oid(&one));
		t->policy_residency |= id == MS_OID_TCG_TPM_RESIDENCY;
		t->policy_fixed |= id == MS_OID_TCG_TPM_FIXED;
		t->policy_restricted |= id == MS_OID_TCG_TPM_RESTRICTED;
	}
}

/* ---- clouds ---- */

/* Google writes its 64-bit numbers as signed ones. */
static uint64_t
read_number(struct ms_der *d)
{
	struct ms_span s = ms_der_read(d, MS_DER_INTEGER);
	uint64_t v = 0;
	if (s.len > 9 || (s.len == 9 && s.p[0] != 0))
		ms_der_poison(d);
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

static void
read_gce_security(struct ms_der *d, struct ms_tpmcert *t)
{
	struct ms_der wrap = ms_der_enter(d, MS_DER_CONTEXT_CONSTRUCTED(0u)), seq = ms_der_enter(&wrap, MS_DER_SEQUENCE);
	t->gce_has_security = true;
	while (ms_der_peek(&seq) != 0) {
		if (ms_der_peek(&seq) == MS_DER_CONTEXT_CONSTRUCTED(0u)) {
			struct ms_der v = ms_der_enter(&seq, MS_DER_CONTEXT_CONSTRUCTED(0u));
			t->gce_security_version = ms_der_read_uint(&v);
			if (!ms_der_done(&v))
				ms_der_poison(&seq);
		} else if (ms_der_peek(&seq) == MS_DER_CONTEXT_CONSTRUCTED(1u)) {
			struct ms_der v = ms_der_enter(&seq, MS_DER_CONTEXT_CONSTRUCTED(1u));
			t->gce_production = ms_der_read_bool(&v);
			if (!ms_der_done(&v))
				ms_der_poison(&seq);
		} else {
			ms_der_skip(&seq); /* later fields */
		}
	}
	if (!ms_der_done(&seq) || !ms_der_done(&wrap))
		ms_der_poison(d);
}

/* 1.3.6.1.4.1.11129.2.1.21: zone, project number, project, instance number, name, [0] security properties. */
static enum ms_rc
read_google(struct ms_span ext, struct ms_tpmcert *t, struct ms_err *err)
{
	struct ms_der outer = ms_der_over(ext), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	put_text(ms_der_read(&d, MS_DER_UTF8_STRING), t->gce_zone, sizeof t->gce_zone);
	t->gce_project_number = read_number(&d);
	put_text(ms_der_read(&d, MS_DER_UTF8_STRING), t->gce_project, sizeof t->gce_project);
	t->gce_instance = read_number(&d);
	put_text(ms_der_read(&d, MS_DER_UTF8_STRING), t->gce_name, sizeof t->gce_name);
	if (ms_der_peek(&d) == MS_DER_CONTEXT_CONSTRUCTED(0u))
		read_gce_security(&d, t);
	if (!ms_der_done(&d) || !ms_der_done(&outer))
		return ms_fail(err, MS_ERR_MALFORMED, "certificate: Google instance information");
	t->cloud = "google";
	return MS_OK;
}

/* Trusted Launch and confidential VMs: CN=<machine>.TrustedVM.Azure.windows.net, or CN=<machine>.TrustedVM.Azure. */
static void
read_azure(struct ms_tpmcert *t)
{
	static const char mark[] = ".TrustedVM.Azure";
	const char *at = strstr(t->subject_cn, mark);
	if (at == NULL || at == t->subject_cn || (at[sizeof mark - 1] != '\0' && at[sizeof mark - 1] != '.'))
		return;
	t->cloud = "azure";
	(void)snprintf(t->azure_vm, sizeof t->azure_vm, "%.*s", (int)(at - t->subject_cn), t->subject_cn);
}

/* ---- what it is for ---- */

static bool
may_sign(const struct ms_certview *v)
{
	struct ms_span usage;
	if (!ms_certview_extension(v, ms_oid(MS_OID_EXT_KEY_USAGE), &usage, NULL))
		return false;
	struct ms_der d = ms_der_over(usage);
	return (ms_der_read_named_bits(&d, MS_DER_BIT_STRING) & KEY_USAGE_DIGITAL_SIGNATURE) != 0;
}

static enum ms_rc
find_kind(const struct ms_certview *v, struct ms_tpmcert *t, struct ms_err *err)
{
	struct ms_span eku;
	bool device = t->module_serial[0] != '\0', ek = false, ak = false;
	bool has_eku = ms_certview_extension(v, ms_oid(MS_OID_EXT_EXTENDED_KEY_USAGE), &eku, NULL);
	if (has_eku) {
		ek = ms_certview_has_oid(eku, ms_oid(MS_OID_TCG_EK_CERTIFICATE));
		ak = ms_certview_has_oid(eku, ms_oid(MS_OID_TCG_AK_CERTIFICATE));
	}
	if (ek && ak)
		return ms_fail(err, MS_ERR_AUTH, "certificate: for an EK and for an AK at once");
	if (ek)
		t->kind = MS_TPMCERT_EK;
	else if (device)
		t->kind = ak || t->policy_restricted ? MS_TPMCERT_IAK : MS_TPMCERT_IDEVID;
	else if (ak)
		t->kind = MS_TPMCERT_AK;
	else if (has_eku)
		return ms_fail(err, MS_ERR_AUTH, "certificate: it is for another purpose than a TPM's key");
	else /* no usage at all: Google's signing keys say what they do; all else is taken for an EK, as of old */
		t->kind = t->cloud != NULL && may_sign(v) ? MS_TPMCERT_AK : MS_TPMCERT_EK;
	return MS_OK;
}

enum ms_rc
ms_tpmcert_names(const struct ms_certview *v, struct ms_tpmcert *t, struct ms_err *err)
{
	struct ms_span ext;
	enum ms_rc rc = MS_OK;
	size_t n = v->serial.len < (sizeof t->serial - 1) / 2 ? v->serial.len : (sizeof t->serial - 1) / 2;
	ms_hex(v->serial.p, n, t->serial);
	t->not_after_s = v->not_after_s;
	put_text(ms_certview_attribute(v->subject, ms_oid(MS_OID_AT_COMMON_NAME)), t->subject_cn, sizeof t->subject_cn);
	put_text(ms_certview_attribute(v->subject, ms_oid(MS_OID_AT_SERIAL_NUMBER)), t->device_serial, sizeof t->device_serial);
	if (ms_certview_extension(v, ms_oid(MS_OID_EXT_SUBJECT_ALT_NAME), &ext, NULL))
		rc = read_alt_names(ext, t, err);
	read_tpm(v->subject, t);
	if (ms_certview_extension(v, ms_oid(MS_OID_EXT_SUBJECT_DIRECTORY_ATTRIBUTES), &ext, NULL))
		read_directory(ext, t);
	if (ms_certview_extension(v, ms_oid(MS_OID_EXT_CERTIFICATE_POLICIES), &ext, NULL))
		read_policies(ext, t);
	if (rc == MS_OK && ms_certview_extension(v, ms_oid(MS_OID_GOOGLE_INSTANCE), &ext, NULL))
		rc = read_google(ext, t, err);
	else
		read_azure(t);
	return rc == MS_OK ? find_kind(v, t, err) : rc;
}
