#include "evidence/quotefile.h"

#include <string.h>

#include "codec/der.h"
#include "evidence/ak_int.h"
#include "evidence/quotekey_int.h"
#include "evidence/reason_int.h"

#define COORD_MAX 48u

const char *
ms_quote_signer_name(enum ms_quote_signer s)
{
	static const char *const names[] = {"unknown", "endorsement", "owner", "platform", "null", "child of the parent given"};
	return (unsigned)s < sizeof names / sizeof *names ? names[s] : names[0];
}

/* ---- signature ---- */

static const struct scheme {
	uint16_t scheme, hash_alg;
	enum ms_sig_scheme sig;
	enum ms_hash hash;
} schemes[] = {
    {MS_TPM_ALG_ECDSA, MS_TPM_ALG_SHA256, MS_SIG_ECDSA_SHA256, MS_HASH_SHA256},
    {MS_TPM_ALG_ECDSA, MS_TPM_ALG_SHA384, MS_SIG_ECDSA_SHA384, MS_HASH_SHA384},
    {MS_TPM_ALG_ECDSA, MS_TPM_ALG_SHA512, MS_SIG_ECDSA_SHA512, MS_HASH_SHA512},
    {MS_TPM_ALG_ECDSA, MS_TPM_ALG_SHA1, MS_SIG_ECDSA_SHA1, MS_HASH_SHA1},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA256, MS_SIG_RSA_PKCS1_SHA256, MS_HASH_SHA256},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA384, MS_SIG_RSA_PKCS1_SHA384, MS_HASH_SHA384},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA512, MS_SIG_RSA_PKCS1_SHA512, MS_HASH_SHA512},
    {MS_TPM_ALG_RSASSA, MS_TPM_ALG_SHA1, MS_SIG_RSA_PKCS1_SHA1, MS_HASH_SHA1},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA256, MS_SIG_RSA_PSS_SHA256_TPM, MS_HASH_SHA256},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA384, MS_SIG_RSA_PSS_SHA384_TPM, MS_HASH_SHA384},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA512, MS_SIG_RSA_PSS_SHA512_TPM, MS_HASH_SHA512},
    {MS_TPM_ALG_RSAPSS, MS_TPM_ALG_SHA1, MS_SIG_RSA_PSS_SHA1_TPM, MS_HASH_SHA1},
};

static const struct scheme *
scheme_of(uint16_t scheme, uint16_t hash)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (schemes[i].scheme == scheme && schemes[i].hash_alg == hash)
			return &schemes[i];
	return NULL;
}

struct verify {
	const struct ms_quotefile_params *p;
	struct ms_span attest; /* TPMS_ATTEST */
	const struct scheme *scheme;
	struct ms_tpm_attest a; /* once its signature is known to be good */
	struct ms_quotefile result;
	enum ms_evidence_reason *why;
	struct ms_err *err;
};

static enum ms_rc
refuse(struct verify *v, enum ms_evidence_reason why)
{
	return ms_refuse(v->why, why, v->err);
}

/* With a sentence of its own after the reason's name. */
static enum ms_rc
refuse_as(struct verify *v, enum ms_evidence_reason why, const char *text)
{
	(void)ms_fail(v->err, ms_evidence_reason_rc(why), "%s", text);
	return ms_refuse_more(v->why, why, v->err);
}

/* r | s, each padded on the left to the curve's length. */
static bool
raw_ecdsa(struct ms_span r, struct ms_span s, size_t coord, uint8_t out[static 2 * COORD_MAX])
{
	if (r.len == 0 || s.len == 0 || r.len > coord || s.len > coord)
		return false;
	memset(out, 0, 2 * COORD_MAX);
	memcpy(out + coord - r.len, r.p, r.len);
	memcpy(out + 2 * coord - s.len, s.p, s.len);
	return true;
}

/* One try; the scheme fits the key or this is MS_ERR_USAGE. */
static enum ms_rc
try_scheme(const struct verify *v, const struct scheme *scheme, struct ms_span sig)
{
	return ms_pubkey_verify(v->p->ak->key, scheme->sig, v->attest, sig, NULL);
}

static enum ms_rc
judged(struct verify *v, const struct scheme *scheme, enum ms_rc rc)
{
	v->scheme = scheme;
	if (ms_is_fault(rc))
		return ms_refuse_fault(v->why, ms_fail(v->err, rc, "signature verification"));
	return rc == MS_OK ? MS_OK : refuse(v, MS_EVIDENCE_BAD_SIGNATURE);
}

static enum ms_rc
sha1_refused(struct verify *v)
{
	return refuse_as(v, MS_EVIDENCE_SIGNATURE_ALGORITHM, "it signs over SHA-1, which can be made to collide and was not allowed");
}

static bool
key_fits(const struct ms_quotekey *k, uint16_t scheme, uint16_t hash)
{
	bool rsa = ms_pubkey_type(k->key) == MS_KEY_RSA;
	if (rsa != (scheme != MS_TPM_ALG_ECDSA))
		return false;
	return !k->has_area || k->area.scheme == MS_TPM_ALG_NULL || (k->area.scheme == scheme && k->area.scheme_hash == hash);
}

static enum ms_rc
check_tpmt(struct verify *v)
{
	struct ms_tpm_signature sig;
	uint8_t raw[2 * COORD_MAX];
	const struct ms_quotekey *k = v->p->ak;
	enum ms_rc rc = ms_tpm_signature_parse_old(v->p->signature, &sig, v->err);
	if (rc != MS_OK)
		return ms_refuse_more(
		    v->why, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_SIGNATURE_ALGORITHM : MS_EVIDENCE_MALFORMED_SIGNATURE, v->err);
	if (sig.hash == MS_TPM_ALG_SHA1 && !v->p->allow_sha1)
		return sha1_refused(v);
	const struct scheme *scheme = scheme_of(sig.scheme, sig.hash);
	if (scheme == NULL || !key_fits(k, sig.scheme, sig.hash))
		return refuse(v, MS_EVIDENCE_SIGNATURE_ALGORITHM);
	struct ms_span bytes = sig.rsa;
	if (sig.scheme == MS_TPM_ALG_ECDSA) {
		size_t coord = ms_pubkey_bits(k->key) / 8;
		if (!raw_ecdsa(sig.r, sig.s, coord, raw))
			return refuse(v, MS_EVIDENCE_MALFORMED_SIGNATURE);
		bytes = ms_span(raw, 2 * coord);
	}
	return judged(v, scheme, try_scheme(v, scheme, bytes));
}

/* A bare signature does not say its algorithm. The key's public area does; without one every hash that is taken is tried (and for
 * RSA both paddings), which a forger gains nothing by. */
static enum ms_rc
check_bare(struct verify *v, struct ms_span sig)
{
	const struct ms_quotekey *k = v->p->ak;
	const struct scheme *last = NULL;
	enum ms_rc rc = MS_ERR_AUTH;
	bool sha1 = false;
	for (size_t i = 0; rc == MS_ERR_AUTH && i < sizeof schemes / sizeof *schemes; i++) {
		if (!key_fits(k, schemes[i].scheme, schemes[i].hash_alg))
			continue;
		if (schemes[i].hash == MS_HASH_SHA1 && !v->p->allow_sha1) {
			sha1 |= try_scheme(v, &schemes[i], sig) == MS_OK;
			continue;
		}
		last = &schemes[i];
		rc = try_scheme(v, last, sig);
	}
	if (sha1 && rc == MS_ERR_AUTH)
		return sha1_refused(v);
	return judged(v, last, rc);
}

static enum ms_rc
check_bare_ecdsa(struct verify *v)
{
	uint8_t raw[2 * COORD_MAX];
	size_t coord = ms_pubkey_bits(v->p->ak->key) / 8;
	struct ms_der outer = ms_der_over(v->p->signature), d = ms_der_enter(&outer, MS_DER_SEQUENCE);
	struct ms_span r = ms_der_read_integer(&d, COORD_MAX), s = ms_der_read_integer(&d, COORD_MAX);
	if (!ms_der_done(&d) || !ms_der_done(&outer) || !raw_ecdsa(r, s, coord, raw))
		return refuse(v, MS_EVIDENCE_MALFORMED_SIGNATURE);
	return check_bare(v, ms_span(raw, 2 * coord));
}

static enum ms_rc
check_signature(struct verify *v)
{
	struct ms_span sig = v->p->signature;
	const struct ms_pubkey *key = v->p->ak->key;
	if (sig.len > MS_TPM_SIGNATURE_MAX)
		return refuse(v, MS_EVIDENCE_TOO_BIG);
	if (ms_pubkey_type(key) == MS_KEY_RSA && sig.len == ms_pubkey_modulus(key).len)
		return check_bare(v, sig); /* TPMT_SIGNATURE is longer */
	if (ms_pubkey_type(key) != MS_KEY_RSA && sig.len > 0 && sig.p[0] == MS_DER_SEQUENCE)
		return check_bare_ecdsa(v);
	return check_tpmt(v);
}

/* ---- what was signed ---- */

static bool
name_is(struct ms_span signer, enum ms_rc rc, const struct ms_tpm_name *want)
{
	return rc == MS_OK && ms_span_eq(signer, ms_tpm_name_span(want));
}

static enum ms_rc
check_parent(struct verify *v, const struct ms_tpm_name *ak)
{
	static const uint32_t hierarchies[] = {MS_TPM_RH_ENDORSEMENT, MS_TPM_RH_OWNER};
	struct ms_tpm_public parent;
	struct ms_tpm_name name, above, qualified;
	enum ms_rc rc = ms_tpm_public_parse(ms_quotekey_area_bytes(v->p->parent), &parent, v->err);
	if (rc == MS_OK)
		rc = ms_tpm_public_name(&parent, &name, v->err);
	if (rc != MS_OK)
		return ms_refuse_more(v->why, rc == MS_ERR_UNSUPPORTED ? MS_EVIDENCE_KEY_ALGORITHM : MS_EVIDENCE_KEY_MALFORMED, v->err);
	for (size_t i = 0; i < sizeof hierarchies / sizeof *hierarchies; i++) {
		rc = ms_tpm_primary_name(hierarchies[i], &name, &above, v->err);
		if (rc == MS_OK)
			rc = ms_tpm_qualified_name(ms_tpm_name_span(&above), ak, &qualified, v->err);
		if (name_is(v->a.signer, rc, &qualified)) {
			v->result.signer = MS_SIGNER_CHILD;
			return MS_OK;
		}
	}
	return ms_is_fault(rc) ? ms_refuse_fault(v->why, rc) : refuse(v, MS_EVIDENCE_WRONG_SIGNER);
}

/* The qualified name of a primary is known from its public area; that of a child needs its parents'. The key that signed is known
 * either way: this says where in the TPM it lives. */
static enum ms_rc
check_signer(struct verify *v)
{
	static const struct {
		uint32_t handle;
		enum ms_quote_signer signer;
	} rows[] = {{MS_TPM_RH_ENDORSEMENT, MS_SIGNER_ENDORSEMENT}, {MS_TPM_RH_OWNER, MS_SIGNER_OWNER},
	    {MS_TPM_RH_PLATFORM, MS_SIGNER_PLATFORM}, {MS_TPM_RH_NULL, MS_SIGNER_NULL}};
	struct ms_tpm_name name, qualified;
	v->result.signer = MS_SIGNER_UNKNOWN;
	v->result.attributes_checked = v->p->ak->has_area;
	if (!v->p->ak->has_area)
		return v->p->parent.len == 0
			   ? MS_OK
			   : ms_refuse_fault(v->why, ms_fail(v->err, MS_ERR_USAGE, "the AK's parent needs the AK's public area"));
	enum ms_rc rc = ms_tpm_public_name(&v->p->ak->area, &name, v->err);
	if (ms_is_fault(rc))
		return ms_refuse_fault(v->why, rc);
	if (v->p->parent.len > 0)
		return rc == MS_OK ? check_parent(v, &name) : ms_refuse_more(v->why, MS_EVIDENCE_KEY_ALGORITHM, v->err);
	for (size_t i = 0; rc == MS_OK && i < sizeof rows / sizeof *rows; i++)
		if (name_is(v->a.signer, ms_tpm_primary_name(rows[i].handle, &name, &qualified, NULL), &qualified))
			v->result.signer = rows[i].signer;
	return MS_OK;
}

static enum ms_rc
check_nonce(struct verify *v)
{
	struct ms_span n = v->p->nonce;
	if (v->a.extra.len != n.len || (n.len > 0 && !ms_ct_eq(v->a.extra.p, n.p, n.len)))
		return refuse(v, MS_EVIDENCE_NONCE_MISMATCH);
	return MS_OK;
}

static enum ms_rc
check_selection(struct verify *v)
{
	const struct ms_tpm_selection *s = &v->a.selection;
	uint32_t any = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		any |= s->bank[i].mask;
		for (uint32_t k = 0; k < i; k++)
			if (s->bank[k].alg == s->bank[i].alg)
				return refuse_as(v, MS_EVIDENCE_PCR_SELECTION, "it names a bank twice");
	}
	if (any == 0)
		return refuse_as(v, MS_EVIDENCE_PCR_SELECTION, "it quotes no PCR at all");
	if (any >> MS_TPM_PCR_COUNT != 0)
		return refuse_as(v, MS_EVIDENCE_PCR_SELECTION, "it quotes a PCR above 23");
	return MS_OK;
}

/* ---- PCR values ---- */

/* The values of the quoted PCRs, and nothing else, in the order of the selection. */
static enum ms_rc
pick(struct verify *v, const struct ms_pcrfile *file, struct ms_pcr_banks *out)
{
	const struct ms_tpm_selection *s = &v->a.selection;
	unsigned have = 0, used = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct ms_pcr_bank *bank = ms_pcr_banks_find(&file->banks, s->bank[i].alg);
		if (s->bank[i].mask == 0)
			continue;
		if (bank == NULL || (s->bank[i].mask & ~bank->mask) != 0)
			return refuse(v, MS_EVIDENCE_PCR_VALUES);
		out->bank[out->n] = *bank;
		out->bank[out->n++].mask = s->bank[i].mask;
		used += (unsigned)__builtin_popcount(s->bank[i].mask);
	}
	for (size_t i = 0; i < file->banks.n; i++)
		have += (unsigned)__builtin_popcount(file->banks.bank[i].mask);
	v->result.pcrs_ignored = have - used;
	return file->exact && have != used ? refuse(v, MS_EVIDENCE_PCR_VALUES) : MS_OK;
}

static enum ms_rc
check_pcrs(struct verify *v)
{
	struct ms_pcrfile file;
	struct ms_pcr_banks picked = {.n = 0};
	struct ms_span parts[MS_PCR_BANKS_MAX * MS_TPM_PCR_COUNT];
	uint8_t digest[MS_HASH_LEN_MAX];
	size_t n = 0, len = ms_hash_len(v->scheme->hash);
	enum ms_rc rc = ms_pcrfile_parse(v->p->pcrs, &v->a.selection, &file, v->err);
	if (ms_is_fault(rc))
		return ms_refuse_fault(v->why, rc);
	if (rc != MS_OK)
		return ms_refuse_more(v->why, MS_EVIDENCE_PCR_VALUES, v->err);
	rc = pick(v, &file, &picked);
	if (rc != MS_OK)
		return rc;
	for (size_t b = 0; b < picked.n; b++)
		for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
			if ((picked.bank[b].mask >> i & 1u) != 0)
				parts[n++] = ms_span(picked.bank[b].value[i], picked.bank[b].len);
	ms_hashv(v->scheme->hash, parts, n, digest); /* Part 3, 18.4: with the hash of the signing scheme */
	if (v->a.pcr_digest.len != len || !ms_ct_eq(v->a.pcr_digest.p, digest, len))
		return refuse(v, MS_EVIDENCE_PCR_DIGEST);
	for (size_t b = 0; b < picked.n; b++)
		for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) /* what was not quoted is not there */
			if ((picked.bank[b].mask >> i & 1u) == 0)
				memset(picked.bank[b].value[i], 0, sizeof picked.bank[b].value[i]);
	v->result.banks = picked;
	v->result.pcrs_checked = true;
	return MS_OK;
}

static void
fill(struct verify *v)
{
	struct ms_quotefile *r = &v->result;
	r->selection = v->a.selection;
	r->pcr_digest_len = v->a.pcr_digest.len;
	if (v->a.pcr_digest.len > 0)
		memcpy(r->pcr_digest, v->a.pcr_digest.p, v->a.pcr_digest.len);
	r->clock = v->a.clock;
	r->firmware = v->a.firmware;
	r->reset_count = v->a.reset_count;
	r->restart_count = v->a.restart_count;
	r->safe = v->a.safe;
	r->scheme = v->scheme->sig;
	r->hash = v->scheme->hash;
}

static struct ms_span
attest_bytes(struct ms_span file)
{
	bool sized = file.len > 2 && (size_t)(file.p[0] << 8 | file.p[1]) == file.len - 2;
	return sized ? ms_span(file.p + 2, file.len - 2) : file;
}

enum ms_rc
ms_quotefile_verify(const struct ms_quotefile_params *p, struct ms_quotefile *ret, enum ms_evidence_reason *ret_reason, struct ms_err *err)
{
	struct verify v = {.p = p, .attest = attest_bytes(p->quote), .why = ret_reason, .err = err};
	if (p->nonce.len > MS_QUOTEFILE_NONCE_MAX)
		return ms_refuse_fault(ret_reason, ms_fail(err, MS_ERR_USAGE, "nonce of %zu bytes", p->nonce.len));
	if (v.attest.len > MS_TPM_ATTEST_MAX)
		return refuse(&v, MS_EVIDENCE_TOO_BIG);
	enum ms_rc rc = check_signature(&v);
	if (rc == MS_OK)
		rc = ms_attest_form(v.attest, MS_TPM_ST_QUOTE, &v.a, ret_reason, err);
	if (rc == MS_OK)
		rc = check_signer(&v);
	if (rc == MS_OK)
		rc = check_nonce(&v);
	if (rc == MS_OK)
		rc = check_selection(&v);
	if (rc == MS_OK && p->pcrs.p != NULL)
		rc = check_pcrs(&v);
	if (rc != MS_OK)
		return rc;
	fill(&v);
	*ret = v.result;
	return MS_OK;
}
