/* AMD SEV-SNP attestation reports ("SEV Secure Nested Paging Firmware ABI Specification", 56860, ATTESTATION_REPORT), signed
 * by a chip's VCEK or a provider's VLEK ("Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification",
 * 57230). Numbers in a report are little-endian. */
#include <stdio.h>
#include <string.h>

#include "codec/certview.h"
#include "codec/pem.h"
#include "evidence/attester_int.h"

#define REPORT_LEN 1184u
#define SIGNED_LEN 672u
#define VERSION_MIN 2u
#define VERSION_MAX 5u
#define VERSION_WITH_FAMILY 3u /* from this version on the report says what processor it is */
#define ALGO_ECDSA_P384_SHA384 1u
#define POLICY_MIGRATE (UINT64_C(1) << 18)
#define POLICY_DEBUG (UINT64_C(1) << 19)
#define INFO_SMT 1u
#define KEY_VCEK 0u
#define KEY_VLEK 1u
#define FAMILY_TURIN 0x1au
#define PART_MAX 72u /* bytes of r, and of s */
#define P384_LEN 48u

struct report {
	uint32_t version, guest_svn, vmpl, algo, flags;
	uint64_t policy, info;
	struct ms_span family_id, image_id, report_data, measurement, host_data, id_key, author_key, report_id, chip_id, reported_tcb;
	uint8_t cpu_family; /* 0: the report does not say */
	struct ms_span r, s;
};

static struct ms_span
at(struct ms_span report, size_t offset, size_t len)
{
	return ms_span(report.p + offset, len);
}

static bool
all_zero(struct ms_span s)
{
	uint8_t any = 0;
	for (size_t i = 0; i < s.len; i++)
		any |= s.p[i];
	return any == 0;
}

static void
read_report(struct ms_span b, struct report *ret)
{
	struct ms_rd head = ms_rd_span(b), mid = ms_rd_span(at(b, 48, 40));
	struct report r = {0};
	r.version = ms_rd_le32(&head);
	r.guest_svn = ms_rd_le32(&head);
	r.policy = ms_rd_le64(&head);
	r.family_id = at(b, 16, 16);
	r.image_id = at(b, 32, 16);
	r.vmpl = ms_rd_le32(&mid);
	r.algo = ms_rd_le32(&mid);
	(void)ms_rd_le64(&mid); /* current TCB: what runs; the key is that of the reported one */
	r.info = ms_rd_le64(&mid);
	r.flags = ms_rd_le32(&mid);
	r.report_data = at(b, 80, 64);
	r.measurement = at(b, 144, 48);
	r.host_data = at(b, 192, 32);
	r.id_key = at(b, 224, 48);
	r.author_key = at(b, 272, 48);
	r.report_id = at(b, 320, 32);
	r.reported_tcb = at(b, 384, 8);
	r.cpu_family = r.version >= VERSION_WITH_FAMILY ? b.p[392] : 0;
	r.chip_id = at(b, 416, 64);
	r.r = at(b, SIGNED_LEN, PART_MAX);
	r.s = at(b, SIGNED_LEN + PART_MAX, PART_MAX);
	*ret = r;
}

/* 72 bytes, little-endian, to 48, big-endian. */
static bool
number(struct ms_span le, uint8_t out[static P384_LEN])
{
	if (!all_zero(at(le, P384_LEN, PART_MAX - P384_LEN)))
		return false;
	for (size_t i = 0; i < P384_LEN; i++)
		out[i] = le.p[P384_LEN - 1 - i];
	return true;
}

static enum ms_rc
check_signature(struct ms_span wire, const struct report *r, struct ms_span spki, enum ms_attester_reason *why, struct ms_err *err)
{
	uint8_t sig[2 * P384_LEN];
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	if (r->algo != ALGO_ECDSA_P384_SHA384)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "signature algorithm %u", r->algo);
	enum ms_rc rc = ms_pubkey_from_spki(spki, &key, err);
	if (rc == MS_OK && ms_pubkey_type(key) != MS_KEY_P384)
		rc = ms_fail(err, MS_ERR_UNSUPPORTED, "the signer's key is not on P-384");
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_UNSUPPORTED, rc, err);
	bool reserved = !all_zero(at(wire, SIGNED_LEN + 2 * PART_MAX, REPORT_LEN - SIGNED_LEN - 2 * PART_MAX));
	if (reserved || !number(r->r, sig) || !number(r->s, sig + P384_LEN))
		return ms_attester_refuse(why, MS_ATTESTER_BAD_SIGNATURE, err, "the report is not signed by this key");
	rc = ms_pubkey_verify(key, MS_SIG_ECDSA_SHA384, at(wire, 0, SIGNED_LEN), ms_span(sig, sizeof sig), err);
	return rc == MS_OK ? MS_OK : ms_attester_refuse_rc(why, MS_ATTESTER_BAD_SIGNATURE, rc, err);
}

/* ---- the signer's certificate (57230, 3.1) ---- */

/* 1.3.6.1.4.1.3704.1.<n>, and .1.3.<n> for the security versions */
#define AMD 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01
static const uint8_t oid_product[] = {AMD, 2}, oid_hwid[] = {AMD, 4}, oid_csp[] = {AMD, 5};

static bool
extension(const struct ms_certview *c, const uint8_t *oid, size_t len, struct ms_span *ret)
{
	bool critical;
	return ms_certview_extension(c, ms_span(oid, len), ret, &critical);
}

/* The security version in extension .1.3.n; false: none, or not one byte as an INTEGER. */
static bool
svn_of(const struct ms_certview *c, uint8_t n, uint8_t *ret)
{
	const uint8_t oid[] = {AMD, 3, n};
	struct ms_span value;
	if (!extension(c, oid, sizeof oid, &value))
		return false;
	struct ms_der d = ms_der_over(value);
	uint64_t v = ms_der_read_uint(&d);
	if (!ms_der_done(&d) || v > UINT8_MAX)
		return false;
	*ret = (uint8_t)v;
	return true;
}

/* Where each version is in the eight bytes of a TCB (56860, TCB_VERSION), and in which extension. */
static const struct part {
	const char *claim;
	uint8_t extension, offset, offset_turin; /* 255: it has none */
} parts[] = {
    {"snp.tcb.fmc", 9, 255, 0},
    {"snp.tcb.bootloader", 1, 0, 1},
    {"snp.tcb.tee", 2, 1, 2},
    {"snp.tcb.snp", 3, 6, 3},
    {"snp.tcb.microcode", 8, 7, 7},
};

/* The certificate is made for one firmware level: the report must be signed at exactly that. */
static enum ms_rc
check_tcb(const struct report *r, const struct ms_certview *c, struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	uint8_t fmc;
	bool turin = svn_of(c, 9, &fmc) || r->cpu_family >= FAMILY_TURIN;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		uint8_t offset = turin ? parts[i].offset_turin : parts[i].offset, in_cert;
		if (offset == 255)
			continue;
		if (!svn_of(c, parts[i].extension, &in_cert))
			return ms_attester_refuse(
			    why, MS_ATTESTER_ENDORSEMENT_MISMATCH, err, "the signer's certificate has no %s", parts[i].claim);
		if (in_cert != r->reported_tcb.p[offset])
			return ms_attester_refuse(why, MS_ATTESTER_ENDORSEMENT_MISMATCH, err,
			    "%s of the report is not that of the signer's certificate", parts[i].claim);
		ms_find_uint(f, parts[i].claim, in_cert);
	}
	return MS_OK;
}

/* A VCEK is of one chip: 64 bytes of its id, 8 and zeros from Turin on; as they are, or in an OCTET STRING. */
static enum ms_rc
check_chip(const struct report *r, const struct ms_certview *c, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_span id;
	if (!extension(c, oid_hwid, sizeof oid_hwid, &id))
		return ms_attester_refuse(why, MS_ATTESTER_ENDORSEMENT_MISMATCH, err, "the signer's certificate names no chip");
	if (id.len == 66 || id.len == 10) {
		struct ms_der d = ms_der_over(id);
		id = ms_der_read_octets(&d);
	}
	bool same =
	    (id.len == 64 || id.len == 8) && ms_span_eq(id, at(r->chip_id, 0, id.len)) && all_zero(at(r->chip_id, id.len, 64 - id.len));
	if (!same)
		return ms_attester_refuse(why, MS_ATTESTER_ENDORSEMENT_MISMATCH, err, "the signer's certificate is for another chip");
	return MS_OK;
}

static enum ms_rc
check_certificate(const struct report *r, struct ms_span der, struct ms_findings *f, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_certview c;
	struct ms_span value;
	uint32_t key = r->flags >> 2 & 7;
	enum ms_rc rc = ms_certview_parse(der, &c, err);
	if (rc != MS_OK)
		return ms_attester_refuse_rc(why, MS_ATTESTER_MALFORMED, rc, err);
	bool is_vlek = extension(&c, oid_csp, sizeof oid_csp, &value);
	if (key != (is_vlek ? KEY_VLEK : KEY_VCEK))
		return ms_attester_refuse(
		    why, MS_ATTESTER_ENDORSEMENT_MISMATCH, err, "the certificate is not of the kind of key that signed");
	ms_find_text(f, "snp.signer", ms_span_str(is_vlek ? "vlek" : "vcek"));
	rc = check_tcb(r, &c, f, why, err);
	if (rc == MS_OK && !is_vlek)
		rc = check_chip(r, &c, why, err);
	if (rc == MS_OK && extension(&c, oid_product, sizeof oid_product, &value)) {
		struct ms_der d = ms_der_over(value);
		ms_find_text(f, "snp.product", ms_der_read(&d, MS_DER_IA5_STRING));
	}
	return rc;
}

/* ---- where the certificate is: in the table after the report, or among the endorsements ---- */

/* GUIDs of the table (56421, SNP_GET_EXT_REPORT), as RFC 4122 writes their bytes. */
static const uint8_t guid_vcek[16] = {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd};
static const uint8_t guid_vlek[16] = {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1};
static const uint8_t guid_ask[16] = {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82};

struct certs {
	struct ms_span signer, chain;
};

/* Rows of GUID, offset and length, ended by a row of zeros; offsets are from the table's start. */
static enum ms_rc
read_table(struct ms_span table, struct certs *ret, enum ms_attester_reason *why, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(table);
	for (unsigned n = 0; n < 16 && table.len > 0; n++) {
		struct ms_span guid = ms_rd_bytes(&rd, 16);
		uint32_t offset = ms_rd_le32(&rd), len = ms_rd_le32(&rd);
		if (rd.bad || offset > table.len || len > table.len - offset)
			return ms_attester_refuse(why, MS_ATTESTER_MALFORMED, err, "the certificate table does not fit");
		if (all_zero(guid))
			break;
		struct ms_span cert = at(table, offset, len);
		if (ms_span_eq(guid, ms_span(guid_vcek, 16)) || ms_span_eq(guid, ms_span(guid_vlek, 16)))
			ret->signer = cert;
		else if (ms_span_eq(guid, ms_span(guid_ask, 16)))
			ret->chain = cert;
	}
	return MS_OK;
}

static bool
is_signer(struct ms_span der)
{
	struct ms_certview c;
	struct ms_span value;
	return ms_certview_parse(der, &c, NULL) == MS_OK &&
	       (extension(&c, oid_hwid, sizeof oid_hwid, &value) || extension(&c, oid_csp, sizeof oid_csp, &value));
}

/* The first endorsement that is a VCEK's or a VLEK's certificate; `mem` holds it when it came as PEM. */
static enum ms_rc
find_signer(const struct ms_attester_input *in, struct certs *c, struct ms_buf *mem, enum ms_attester_reason *why, struct ms_err *err)
{
	char label[MS_PEM_LABEL_MAX];
	for (size_t i = 0; c->signer.len == 0 && i < in->n_endorsements; i++) {
		struct ms_span file = in->endorsement[i];
		size_t from = 0;
		if (is_signer(file))
			c->signer = file;
		while (c->signer.len == 0 && ms_pem_is(file)) {
			ms_buf_reset(mem);
			if (ms_pem_next(file, &from, label, mem, NULL) != MS_OK)
				break;
			if (is_signer(ms_buf_span(mem)))
				c->signer = ms_buf_span(mem);
		}
	}
	if (c->signer.len == 0)
		return ms_attester_refuse(why, MS_ATTESTER_UNTRUSTED, err,
		    "no VCEK or VLEK certificate came with the report: fetch it from AMD and give it with --chain");
	return MS_OK;
}

static void
find_report(struct ms_findings *f, const struct report *r)
{
	ms_find_uint(f, "snp.version", r->version);
	ms_find_uint(f, "snp.guest-svn", r->guest_svn);
	ms_find_uint(f, "snp.policy", r->policy);
	ms_find_uint(f, "snp.vmpl", r->vmpl);
	ms_find_bool(f, "snp.debug", (r->policy & POLICY_DEBUG) != 0);
	ms_find_bool(f, "snp.migration", (r->policy & POLICY_MIGRATE) != 0);
	ms_find_bool(f, "snp.smt", (r->info & INFO_SMT) != 0);
	ms_find_bytes(f, "snp.family-id", r->family_id);
	ms_find_bytes(f, "snp.image-id", r->image_id);
	ms_find_bytes(f, "snp.report-data", r->report_data);
	ms_find_bytes(f, "snp.measurement", r->measurement);
	ms_find_bytes(f, "snp.host-data", r->host_data);
	ms_find_bytes(f, "snp.report-id", r->report_id);
	if (!all_zero(r->id_key))
		ms_find_bytes(f, "snp.id-key-digest", r->id_key);
	if (!all_zero(r->author_key))
		ms_find_bytes(f, "snp.author-key-digest", r->author_key);
	if (!all_zero(r->chip_id))
		ms_find_bytes(f, "snp.chip-id", r->chip_id);
}

MS_ATTESTER_VERIFY(snp)
{
	struct report r;
	struct certs c = {0};
	struct ms_x509_chain chain;
	struct ms_findings f = {.claims = claims};
	MS_OWN(ms_buf_fini) struct ms_buf mem, spki;
	ms_buf_init(&mem, MS_PEM_BLOCK_MAX);
	ms_buf_init(&spki, MS_SPKI_MAX);
	if (in->evidence.len < REPORT_LEN)
		return ms_attester_refuse(
		    why, MS_ATTESTER_MALFORMED, err, "a report of %zu bytes, must be %u", in->evidence.len, REPORT_LEN);
	struct ms_span wire = at(in->evidence, 0, REPORT_LEN);
	read_report(wire, &r);
	if (r.version < VERSION_MIN || r.version > VERSION_MAX)
		return ms_attester_refuse(why, MS_ATTESTER_UNSUPPORTED, err, "report version %u", r.version);
	enum ms_rc rc = read_table(at(in->evidence, REPORT_LEN, in->evidence.len - REPORT_LEN), &c, why, err);
	if (rc == MS_OK)
		rc = find_signer(in, &c, &mem, why, err);
	if (rc == MS_OK)
		rc = ms_attester_x509(in, c.signer, c.chain, &chain, &spki, why, err);
	if (rc == MS_OK)
		rc = check_signature(wire, &r, ms_buf_span(&spki), why, err);
	if (rc == MS_OK)
		rc = check_certificate(&r, c.signer, &f, why, err);
	if (rc == MS_OK)
		rc = ms_attester_nonce(in, r.report_data, true, why, err);
	if (rc != MS_OK)
		return rc;
	find_report(&f, &r);
	ms_find_text(&f, "snp.chain-root", ms_span_str(chain.root));
	ms_find_bool(&f, "snp.revocation-checked", chain.revocation == MS_X509_CHECKED);
	if ((r.policy & POLICY_DEBUG) != 0) /* the host can write what it likes into such a guest */
		*assurance = MS_ASSURANCE_LOW;
	return ms_findings_end(&f, why, err);
}
