/* Keys in one file, under a passphrase or sealed to a TPM. Inside the box: deterministic CBOR
 * {1: version, 10 + slot: key bytes 32, ...}. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "codec/cbor.h"
#include "crypto/scryptbox.h"
#include "server/token/token_int.h"
#include "server/token/tpmfile.h"

#define LABEL "muster-keys"
#define VERSION 1u
#define FORM_MAX 512u

struct form {
	uint64_t present;
	uint64_t version;
	struct ms_span ca_root, ca_issuing, release, intake, wrap, log, token;
};
#define KEY_ROW(slot, member) MS_CBOR_F_BYTES(10 + (slot), struct form, member, MS_CBOR_OPT, MS_RAW_KEY_LEN, MS_RAW_KEY_LEN)
static const struct ms_cbor_field form_rows[] = {
    MS_CBOR_F_UINT(1, struct form, version, MS_CBOR_REQ, VERSION, VERSION),
    KEY_ROW(MS_SLOT_CA_ROOT, ca_root),
    KEY_ROW(MS_SLOT_CA_ISSUING, ca_issuing),
    KEY_ROW(MS_SLOT_RELEASE, release),
    KEY_ROW(MS_SLOT_INTAKE, intake),
    KEY_ROW(MS_SLOT_WRAP, wrap),
    KEY_ROW(MS_SLOT_LOG, log),
    KEY_ROW(MS_SLOT_TOKEN, token),
};
static const struct ms_cbor_table form_table = MS_CBOR_TABLE("key file", struct form, form_rows);

struct keyfile {
	char *path;
	char *tcti, *tpm_program; /* sealed to a TPM: which, and how it is reached; program NULL: the installed one */
	uint32_t tpm_pcrs;
	struct ms_secret *key; /* the passphrase; or, from the TPM, the key of the file; NULL when there is no file yet */
	struct ms_buf file;
	struct ms_softkey *sign[MS_SLOT_END];
	struct ms_ecdh_key *derive[MS_SLOT_END];
	struct ms_secret *wrap[MS_SLOT_END];
};

static struct ms_span *
member_of(struct form *f, unsigned slot)
{
	struct ms_span *const members[MS_SLOT_END] = {[MS_SLOT_CA_ROOT] = &f->ca_root,
	    [MS_SLOT_CA_ISSUING] = &f->ca_issuing,
	    [MS_SLOT_RELEASE] = &f->release,
	    [MS_SLOT_INTAKE] = &f->intake,
	    [MS_SLOT_WRAP] = &f->wrap,
	    [MS_SLOT_LOG] = &f->log,
	    [MS_SLOT_TOKEN] = &f->token};
	return members[slot];
}

static void
keyfile_free(void *ctx)
{
	struct keyfile *k = ctx;
	if (k == NULL)
		return;
	for (unsigned slot = 0; slot < MS_SLOT_END; slot++) {
		ms_softkey_free(k->sign[slot]);
		ms_ecdh_key_free(k->derive[slot]);
		ms_secret_free(k->wrap[slot]);
	}
	ms_secret_free(k->key);
	ms_buf_fini(&k->file);
	free(k->path);
	free(k->tcti);
	free(k->tpm_program);
	free(k);
}

static enum ms_rc
new_keyfile(const struct ms_token_config *c, size_t max, struct keyfile **ret, struct ms_err *err)
{
	struct keyfile *k = calloc(1, sizeof *k);
	if (k == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "key file");
	ms_buf_init(&k->file, max);
	k->path = strdup(c->keyfile);
	k->tcti = c->tcti != NULL ? strdup(c->tcti) : NULL;
	k->tpm_program = c->tpm_program != NULL ? strdup(c->tpm_program) : NULL;
	k->tpm_pcrs = c->tpm_pcrs;
	if (k->path == NULL || (k->tcti == NULL) != (c->tcti == NULL) || (k->tpm_program == NULL) != (c->tpm_program == NULL)) {
		keyfile_free(k);
		return ms_fail(err, MS_ERR_NOMEM, "key file");
	}
	*ret = k;
	return MS_OK;
}

/* The file may not be there yet (generate). */
static enum ms_rc
keyfile_prepare(const struct ms_token_config *c, void **ret, struct ms_err *err)
{
	struct keyfile *k = NULL;
	enum ms_rc rc = new_keyfile(c, MS_SCRYPTBOX_MAX, &k, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_token_read_line(c->passphrase_file, 8, 1024, &k->key, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(c->keyfile, MS_SCRYPTBOX_MAX, &k->file, err);
	if (rc != MS_OK && (rc != MS_ERR_NOT_FOUND || k->key == NULL)) {
		keyfile_free(k);
		return rc;
	}
	*ret = k;
	return MS_OK;
}

#define PCRS_TEXT_MAX 80u

static void
pcrs_text(uint32_t mask, char out[static PCRS_TEXT_MAX])
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < 24; i++)
		if ((mask >> i & 1) != 0)
			n += (size_t)snprintf(out + n, PCRS_TEXT_MAX - n, "%s%u", n > 0 ? "," : "", i);
	if (n == 0)
		(void)snprintf(out, PCRS_TEXT_MAX, "none");
}

static enum ms_rc
check_pcrs(uint32_t want, uint32_t sealed_to, struct ms_err *err)
{
	char a[PCRS_TEXT_MAX], b[PCRS_TEXT_MAX];
	if (want == 0 || want == sealed_to)
		return MS_OK;
	pcrs_text(sealed_to, a);
	pcrs_text(want, b);
	return ms_fail(err, MS_ERR_USAGE, "key file: sealed to PCRs %s, and tpm_pcrs says %s", a, b);
}

/* Before the sandbox, for only there a TPM is reached. */
static enum ms_rc
unseal_key(struct keyfile *k, struct ms_err *err)
{
	const struct ms_tpmfile_tpm tpm = {.program = k->tpm_program, .tcti = k->tcti};
	struct ms_tpmfile_header h;
	enum ms_rc rc = ms_tpmfile_parse(ms_buf_span(&k->file), &h, err);
	if (rc == MS_OK)
		rc = check_pcrs(k->tpm_pcrs, h.pcrs, err);
	if (rc == MS_OK)
		rc = ms_tpmfile_unseal(&tpm, LABEL, ms_buf_span(&k->file), &k->key, err);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s", k->path);
}

static enum ms_rc
tpm_prepare(const struct ms_token_config *c, void **ret, struct ms_err *err)
{
	struct keyfile *k = NULL;
	enum ms_rc rc = new_keyfile(c, MS_TPMFILE_MAX, &k, err);
	if (rc != MS_OK)
		return rc;
	rc = ms_io_read_file(c->keyfile, MS_TPMFILE_MAX, &k->file, err);
	if (rc == MS_OK)
		rc = unseal_key(k, err);
	else if (rc == MS_ERR_NOT_FOUND)
		rc = MS_OK;
	if (rc != MS_OK) {
		keyfile_free(k);
		return rc;
	}
	*ret = k;
	return MS_OK;
}

static enum ms_rc
load_key(struct keyfile *k, unsigned slot, struct ms_span raw, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	enum ms_rc rc = ms_secret_from(raw.p, raw.len, &s, err);
	if (rc != MS_OK)
		return rc;
	switch (ms_slot_row(slot)->use) {
	case MS_SLOT_SIGNS_P256:
		return ms_softkey_load(MS_KEY_P256, s, &k->sign[slot], err);
	case MS_SLOT_SIGNS_ED25519:
		return ms_softkey_load(MS_KEY_ED25519, s, &k->sign[slot], err);
	case MS_SLOT_DERIVES:
		return ms_ecdh_key_load(s, &k->derive[slot], err);
	case MS_SLOT_WRAPS:
		k->wrap[slot] = s;
		s = NULL;
		return MS_OK;
	case MS_SLOT_NO_USE:
		break;
	}
	return ms_fail(err, MS_ERR_INTERNAL, "key file: slot %u", slot);
}

/* Only the keys of `slots` are taken out of the box; it is then wiped. */
static enum ms_rc
keyfile_start(void *ctx, uint32_t slots, struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct form f;
	MS_OWN(ms_secret_free) struct ms_secret *plain = NULL;
	if (k->file.len == 0)
		return ms_fail(err, MS_ERR_NOT_FOUND, "%s: there is no key file", k->path);
	enum ms_rc rc = k->tcti != NULL ? ms_tpmfile_open(k->key, ms_buf_span(&k->file), &plain, err)
					: ms_scryptbox_open(LABEL, k->key, ms_buf_span(&k->file), &plain, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&form_table, ms_span(ms_secret_peek(plain), ms_secret_len(plain)), &f, err);
	for (unsigned slot = 0; rc == MS_OK && slot < MS_SLOT_END; slot++) {
		if ((slots & MS_SLOT_BIT(slot)) == 0)
			continue;
		struct ms_span raw = *member_of(&f, slot);
		rc = raw.len > 0 ? load_key(k, slot, raw, err)
				 : ms_fail(err, MS_ERR_NOT_FOUND, "key \"%s\" is not in it", ms_slot_row(slot)->label);
	}
	ms_secret_free(k->key);
	k->key = NULL;
	ms_buf_fini(&k->file);
	return rc == MS_OK ? MS_OK : ms_prefix(err, rc, "%s", k->path);
}

/* ---- generation ---- */

static enum ms_rc
new_key(struct keyfile *k, unsigned slot, struct ms_secret **ret, struct ms_err *err)
{
	enum ms_slot_use use = ms_slot_row(slot)->use;
	enum ms_rc rc;
	if (use == MS_SLOT_DERIVES) {
		rc = ms_ecdh_key_generate(&k->derive[slot], err);
		return rc == MS_OK ? ms_ecdh_key_save(k->derive[slot], ret, err) : rc;
	}
	if (use != MS_SLOT_WRAPS) {
		rc = ms_softkey_generate(use == MS_SLOT_SIGNS_ED25519 ? MS_KEY_ED25519 : MS_KEY_P256, &k->sign[slot], err);
		return rc == MS_OK ? ms_softkey_save(k->sign[slot], ret, err) : rc;
	}
	rc = ms_secret_new(MS_RAW_KEY_LEN, &k->wrap[slot], err);
	if (rc == MS_OK)
		rc = ms_random(ms_secret_bytes(k->wrap[slot]), MS_RAW_KEY_LEN, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(k->wrap[slot], MS_RAW_KEY_LEN);
	return ms_secret_from(ms_secret_peek(k->wrap[slot]), MS_RAW_KEY_LEN, ret, err);
}

static enum ms_rc
seal_form(struct keyfile *k, const struct form *f, struct ms_err *err)
{
	MS_OWN(ms_secret_free) struct ms_secret *plain = NULL;
	struct ms_buf file;
	enum ms_rc rc = ms_secret_new(FORM_MAX, &plain, err);
	if (rc != MS_OK)
		return rc;
	/* a buffer over locked memory: its capacity is its cap, so it never moves */
	struct ms_buf form = {.p = ms_secret_bytes(plain), .cap = FORM_MAX, .max = FORM_MAX};
	rc = ms_cbor_build_map(&form_table, f, &form, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(plain, form.len);
	ms_buf_init(&file, MS_SCRYPTBOX_MAX);
	const struct ms_tpmfile_tpm tpm = {.program = k->tpm_program, .tcti = k->tcti};
	rc = k->tcti != NULL ? ms_tpmfile_seal(&tpm, k->tpm_pcrs, LABEL, plain, &file, err)
			     : ms_scryptbox_seal(LABEL, k->key, plain, &file, err);
	if (rc == MS_OK)
		rc = ms_io_create_file(k->path, 0600, ms_buf_span(&file), err);
	ms_buf_fini(&file);
	return rc;
}

static enum ms_rc
keyfile_generate(void *ctx, uint32_t slots, struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct form f = {.version = VERSION};
	struct ms_secret *raw[MS_SLOT_END] = {NULL};
	enum ms_rc rc = k->file.len > 0 ? ms_fail(err, MS_ERR_CONFLICT, "%s: there is a file already", k->path) : MS_OK;
	for (unsigned slot = 0; rc == MS_OK && slot < MS_SLOT_END; slot++) {
		if ((slots & MS_SLOT_BIT(slot)) == 0)
			continue;
		rc = new_key(k, slot, &raw[slot], err);
		if (rc != MS_OK)
			break;
		*member_of(&f, slot) = ms_span(ms_secret_peek(raw[slot]), ms_secret_len(raw[slot]));
		f.present |= MS_CBOR_BIT(10 + slot);
	}
	if (rc == MS_OK)
		rc = seal_form(k, &f, err);
	for (unsigned slot = 0; slot < MS_SLOT_END; slot++)
		ms_secret_free(raw[slot]);
	ms_secret_free(k->key);
	k->key = NULL;
	return rc;
}

/* ---- use ---- */

static enum ms_rc
keyfile_public(void *ctx, unsigned slot, uint8_t raw[static MS_POINT_LEN], MS_UNUSED struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct ms_span p =
	    ms_pubkey_point(k->derive[slot] != NULL ? ms_ecdh_key_public(k->derive[slot]) : ms_softkey_public(k->sign[slot]));
	memcpy(raw, p.p, p.len);
	return MS_OK;
}

static enum ms_rc
keyfile_sign(void *ctx, unsigned slot, struct ms_span in, uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct ms_signer s = ms_softkey_signer(k->sign[slot]);
	if (ms_slot_row(slot)->use == MS_SLOT_SIGNS_ED25519)
		return ms_signer_sign(&s, in, sig, err);
	return ms_softkey_sign_digest(k->sign[slot], in.p, sig, err);
}

static enum ms_rc
keyfile_derive(void *ctx, unsigned slot, const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct ms_ecdh e = ms_ecdh_key_ecdh(k->derive[slot]);
	return e.ops->derive(e.ctx, peer, z, err);
}

static enum ms_rc
keyfile_wrap(void *ctx, unsigned slot, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct ms_aead with = {.alg = MS_AES_256_GCM, .key = k->wrap[slot], .iv = a->iv, .aad = a->aad};
	return ms_aead_seal(&with, pt, out, err);
}

static enum ms_rc
keyfile_unwrap(void *ctx, unsigned slot, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err)
{
	struct keyfile *k = ctx;
	struct ms_aead with = {.alg = MS_AES_256_GCM, .key = k->wrap[slot], .iv = a->iv, .aad = a->aad};
	return ms_aead_open(&with, ct, ret, err);
}

const struct ms_token_ops ms_token_keyfile = {
    .name = "keyfile",
    .prepare = keyfile_prepare,
    .generate = keyfile_generate,
    .start = keyfile_start,
    .free = keyfile_free,
    .public = keyfile_public,
    .sign = keyfile_sign,
    .derive = keyfile_derive,
    .wrap = keyfile_wrap,
    .unwrap = keyfile_unwrap,
};

const struct ms_token_ops ms_token_tpm = {
    .name = "tpm",
    .prepare = tpm_prepare,
    .generate = keyfile_generate,
    .start = keyfile_start,
    .free = keyfile_free,
    .public = keyfile_public,
    .sign = keyfile_sign,
    .derive = keyfile_derive,
    .wrap = keyfile_wrap,
    .unwrap = keyfile_unwrap,
};
