#include "evidence/ima.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"
#include "evidence/ima_int.h"

#define CUT "..."
#define ENTRY_LEN_USUAL 72u /* bytes of an entry, at least: those with the shortest of paths */

struct reading {
	const struct ms_ima_evidence *ev;
	struct ms_appraisal *a;
	struct ms_ima_keyring *measured;
	bool ascii;
	size_t mem_len, mem_cap;    /* of a->mem: what files borrow from when the list cannot lend it */
	uint32_t templates, hashes; /* seen: bits */
	uint64_t violations, good, bad, unknown;
	uint8_t pcr[MS_PCR_LEN];
};

/* An entry that needs it has more bytes in the list than are kept of it: of an ASCII entry its path and half of its digest's
 * digits, of any signed entry 32 bytes beside those. */
static enum ms_rc
keep(struct reading *r, struct ms_span *s, struct ms_err *err)
{
	if (r->a->mem == NULL) {
		r->mem_cap = 2 * r->ev->list.len;
		if ((r->a->mem = malloc(r->mem_cap)) == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "IMA list");
	}
	if (s->len > r->mem_cap - r->mem_len)
		return ms_fail(err, MS_ERR_INTERNAL, "IMA list: no room for what is kept");
	if (s->len > 0)
		memcpy(r->a->mem + r->mem_len, s->p, s->len);
	s->p = r->a->mem + r->mem_len;
	r->mem_len += s->len;
	return MS_OK;
}

static enum ms_rc
add_tuple(struct reading *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	struct ms_tuple t = {.pcr = e->pcr, .type = e->template, .offset = (uint32_t)e->offset, .len = (uint32_t)e->len};
	if (e->violation) {
		t.flags = MS_TUPLE_VIOLATION;
		memset(t.digest, 0xff, sizeof t.digest);
	} else {
		struct ms_span parts[MS_IMA_PARTS_MAX];
		t.flags = MS_TUPLE_RECOMPUTED;
		ms_sha256v(parts, ms_ima_entry_parts(e, parts), t.digest);
	}
	if (r->ev->quoted != NULL) {
		const struct ms_span parts[] = {{r->pcr, sizeof r->pcr}, {t.digest, sizeof t.digest}};
		ms_sha256v(parts, 2, r->pcr);
	}
	return ms_tuples_add(&r->a->ima, &t, MS_APPRAISAL_IMA_MAX, err);
}

/* ---- claims ---- */

/* "NAME sha256:HEX": what was measured, by the digest that the entry has. */
static enum ms_rc
add_named_digest(struct reading *r, const char *claim, const struct ms_ima_entry *e, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	char hex[2 * MS_IMA_DIGEST_MAX + 1];
	ms_buf_init(&b, MS_IMA_PATH_MAX + sizeof hex + 32);
	ms_hex(e->digest.value.p, e->digest.value.len, hex);
	ms_buf_put_span(&b, e->path);
	ms_buf_fmt(&b, " %s:%s", ms_ima_hash_name(e->digest.hash), hex);
	enum ms_rc rc = ms_buf_check(&b, err);
	if (rc == MS_OK && b.len > MS_CLAIM_VALUE_MAX)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "IMA entry %u: name of %zu bytes", e->number, e->path.len);
	return rc == MS_OK ? ms_claims_add_text(r->a->claims, claim, true, ms_buf_span(&b), err) : rc;
}

static enum ms_rc
add_buffer_text(struct reading *r, const char *claim, struct ms_span v, struct ms_err *err)
{
	char text[MS_CLAIM_VALUE_MAX];
	while (v.len > 0 && v.p[v.len - 1] == 0) /* some kernels measure the NUL */
		v.len--;
	if (v.len <= sizeof text)
		return ms_claims_add_text(r->a->claims, claim, true, v, err);
	size_t cut = sizeof text - strlen(CUT);
	while (cut > 0 && (v.p[cut] & 0xc0) == 0x80) /* not within a character */
		cut--;
	memcpy(text, v.p, cut);
	memcpy(text + cut, CUT, strlen(CUT));
	return ms_claims_add_text(r->a->claims, claim, true, ms_span(text, cut + strlen(CUT)), err);
}

/* Keyrings have names with a dot or an underscore before them; a key that cannot be read verifies nothing, and its digest is
 * in the claim all the same. */
static enum ms_rc
read_buffer(struct reading *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	if (ms_span_eq(e->path, ms_span_str("kexec-cmdline")))
		return add_buffer_text(r, "ima.kexec-cmdline", e->buffer, err);
	if (ms_span_eq(e->path, ms_span_str("kernel_version")))
		return add_buffer_text(r, "ima.kernel-version", e->buffer, err);
	if (e->path.len == 0 || (e->path.p[0] != '.' && e->path.p[0] != '_'))
		return add_named_digest(r, "ima.buffer", e, err);
	if (r->measured == NULL) {
		enum ms_rc rc = ms_ima_keyring_new(&r->measured, err);
		if (rc != MS_OK)
			return rc;
	}
	if (ms_ima_keyring_count(r->measured) < MS_IMA_KEYS_MAX && ms_ima_keyring_add(r->measured, e->buffer, NULL) == MS_ERR_NOMEM)
		return ms_fail(err, MS_ERR_NOMEM, "IMA keys");
	return add_named_digest(r, "ima.keyring", e, err);
}

static enum ms_rc
note_kinds(struct reading *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	uint32_t template = UINT32_C(1) << e->template, hash = UINT32_C(1) << e->digest.hash;
	if ((r->templates & template) == 0)
		rc = ms_claims_add_text(r->a->claims, "ima.template", true, ms_span_str(ms_ima_template_name(e->template)), err);
	if (rc == MS_OK && (r->hashes & hash) == 0)
		rc = ms_claims_add_text(r->a->claims, "ima.hash", true, ms_span_str(ms_ima_hash_name(e->digest.hash)), err);
	r->templates |= template;
	r->hashes |= hash;
	return rc;
}

/* ---- files ---- */

static enum ms_rc
read_signature(struct reading *r, const struct ms_ima_entry *e, struct ms_ima_file *f, struct ms_err *err)
{
	struct ms_ima_signed s;
	ms_ima_signature_check(e, r->ev->keys, r->measured, &s);
	f->signature = s.state;
	f->key_id = s.key_id.len != 0 ? s.key_id : ms_span(s.short_id, sizeof s.short_id);
	r->good += s.state == MS_IMA_SIG_GOOD;
	r->bad += s.state == MS_IMA_SIG_BAD;
	r->unknown += s.state == MS_IMA_SIG_UNKNOWN_KEY;
	enum ms_rc rc = keep(r, &f->key_id, err); /* before s goes, and a measured key with its ring */
	if (rc == MS_OK && s.state == MS_IMA_SIG_GOOD)
		rc = ms_claims_add_bytes(r->a->claims, s.measured ? "ima.signer-measured" : "ima.signer", true, f->key_id, err);
	return rc;
}

static enum ms_rc
add_file(struct reading *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	struct ms_ima_file f = {.entry = e->number, .violation = e->violation, .hash = e->digest.hash, .path = e->path};
	enum ms_rc rc = MS_OK;
	if (!e->violation)
		f.digest = e->digest.value;
	if (e->signature.len != 0 && !e->violation)
		rc = read_signature(r, e, &f, err);
	if (rc == MS_OK && r->ascii)
		rc = keep(r, &f.digest, err);
	if (rc == MS_OK && r->ascii)
		rc = keep(r, &f.path, err);
	return rc == MS_OK ? ms_appraisal_add_file(r->a, &f, err) : rc;
}

static enum ms_rc
read_entry(struct reading *r, const struct ms_ima_entry *e, struct ms_err *err)
{
	enum ms_rc rc = ms_ima_entry_check(e, err);
	if (rc == MS_OK)
		rc = add_tuple(r, e, err);
	if (rc == MS_OK)
		rc = add_file(r, e, err);
	if (rc != MS_OK)
		return rc;
	if (e->violation) { /* nothing else that the list says of it is proven */
		r->violations++;
		return MS_OK;
	}
	rc = note_kinds(r, e, err);
	if (rc == MS_OK && e->template == MS_IMA_TEMPLATE_BUF)
		rc = read_buffer(r, e, err);
	return rc;
}

/* ---- all of it ---- */

static enum ms_ima_aggregate
check_aggregate(const struct ms_appraisal *a)
{
	struct ms_pcrs boot;
	struct ms_ima_aggregate_pcrs p = {.hash = MS_IMA_HASH_SHA256};
	ms_appraisal_boot_pcrs(a, &boot);
	for (size_t i = 0; i < sizeof p.pcr / sizeof *p.pcr; i++)
		p.pcr[i] = boot.value[i]; /* one that no event extended is zeros */
	return ms_ima_boot_aggregate_check(&a->file[0], a->has_boot ? &p : NULL);
}

static enum ms_rc
add_counts(struct reading *r, struct ms_err *err)
{
	const struct {
		const char *claim;
		uint64_t n;
	} rows[] = {{"ima.entries", r->a->ima.n}, {"ima.violations", r->violations}, {"ima.signatures-good", r->good},
	    {"ima.signatures-bad", r->bad}, {"ima.signatures-unknown", r->unknown}};
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < sizeof rows / sizeof *rows; i++)
		rc = ms_claims_add_uint(r->a->claims, rows[i].claim, true, rows[i].n, err);
	if (rc == MS_OK && r->a->n_files > 0 && ms_ima_is_boot_aggregate(&r->a->file[0])) {
		const char *name = ms_ima_aggregate_name(check_aggregate(r->a));
		rc = ms_claims_add_text(r->a->claims, "ima.boot-aggregate", true, ms_span_str(name), err);
	}
	return rc;
}

static bool
quote_reached(const struct reading *r)
{
	return r->ev->quoted != NULL && memcmp(r->pcr, r->ev->quoted, MS_PCR_LEN) == 0;
}

static enum ms_rc
read_list(struct reading *r, struct ms_err *err)
{
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	struct ms_ima_entry e;
	enum ms_rc rc = ms_imalist_init(&it, r->ev->list, r->ev->from, &r->ev->caps, err);
	r->ascii = it.ascii;
	if (rc == MS_OK)
		rc = ms_appraisal_reserve_ima(r->a, r->ev->list.len / ENTRY_LEN_USUAL + 1, err);
	while (rc == MS_OK && !ms_imalist_done(&it) && !quote_reached(r)) {
		rc = ms_imalist_next(&it, &e, err);
		if (rc == MS_OK)
			rc = read_entry(r, &e, err);
	}
	return rc == MS_OK ? add_counts(r, err) : rc;
}

enum ms_rc
ms_ima_appraise(const struct ms_ima_evidence *ev, struct ms_appraisal *a, struct ms_err *err)
{
	struct reading r = {.ev = ev, .a = a};
	if (a->has_ima || a->mem != NULL || (ev->start == NULL) != (ev->quoted == NULL) || ev->list.len > UINT32_MAX / 2)
		return ms_fail(err, MS_ERR_USAGE, "IMA list: one for each appraisal, with both values of PCR 10 or none");
	if (ev->start != NULL)
		memcpy(r.pcr, ev->start, sizeof r.pcr);
	a->has_ima = true;
	a->ima_from = ev->from;
	enum ms_rc rc = read_list(&r, err);
	ms_ima_keyring_free(r.measured);
	return rc;
}
