/* File: "MUSTERTF" | version u8 = 1 | label length u8 | label | PCR mask u32 | iv[12] | length u16 | sealed key |
 * ciphertext | tag[16]. AES-256-GCM with all before the ciphertext as aad. */
#include "server/token/tpmfile.h"

#include "base/io.h"
#include "base/rd.h"
#include "crypto/aead.h"
#include "tpm/client.h"

#define MAGIC "MUSTERTF"
#define MAGIC_LEN 8u
#define VERSION 1u
#define KEY_LEN 32u
#define HEADER_MAX (MAGIC_LEN + 2u + MS_TPMFILE_LABEL_MAX + 4u + MS_AEAD_IV_LEN + 2u + MS_TPMFILE_SEALED_MAX)
_Static_assert(HEADER_MAX + MS_TPMFILE_SECRET_MAX + MS_AEAD_TAG_LEN <= MS_TPMFILE_MAX, "room for the longest header");

enum ms_rc
ms_tpmfile_parse(struct ms_span file, struct ms_tpmfile_header *ret, struct ms_err *err)
{
	struct ms_tpmfile_header h;
	if (file.len > MS_TPMFILE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file of %zu bytes", file.len);
	struct ms_rd rd = ms_rd_span(file);
	struct ms_span magic = ms_rd_bytes(&rd, MAGIC_LEN);
	if (!ms_span_eq(magic, ms_span(MAGIC, MAGIC_LEN)))
		return ms_fail(err, MS_ERR_MALFORMED, "not a key file that is sealed to a TPM");
	uint8_t version = ms_rd_u8(&rd);
	h.label = ms_rd_bytes(&rd, ms_rd_u8(&rd));
	h.pcrs = ms_rd_u32(&rd);
	h.iv = ms_rd_bytes(&rd, MS_AEAD_IV_LEN);
	h.sealed = ms_rd_tpm2b(&rd, MS_TPMFILE_SEALED_MAX);
	h.header = ms_span(file.p, rd.off);
	h.ct = ms_rd_bytes(&rd, ms_rd_left(&rd));
	if (!rd.bad && version != VERSION)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "key file: version %u", version);
	if (!ms_rd_done(&rd) || !ms_name_ok(h.label, MS_TPMFILE_LABEL_MAX) || h.pcrs >> MS_TPM_PCR_COUNT != 0 || h.sealed.len == 0 ||
	    h.ct.len < MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_MALFORMED, "key file: cut short or out of form");
	if (h.ct.len > MS_TPMFILE_SECRET_MAX + MS_AEAD_TAG_LEN)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file: %zu bytes inside", h.ct.len);
	*ret = h;
	return MS_OK;
}

static enum ms_rc
open_tpm(const struct ms_tpmfile_tpm *tpm, struct ms_tpm **ret, struct ms_err *err)
{
	const struct ms_tpm_client_params p = {.program = tpm->program, .tcti = tpm->tcti};
	return ms_tpm_client_open(&p, ret, err);
}

/* A new key, and what the TPM made of it. */
static enum ms_rc
new_key(const struct ms_tpmfile_tpm *tpm, uint32_t pcrs, struct ms_secret **ret_key, struct ms_tpm_blob *ret_sealed, struct ms_err *err)
{
	MS_OWN(ms_tpm_free) struct ms_tpm *t = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	struct ms_tpm_blob sealed;
	enum ms_rc rc = ms_secret_new(KEY_LEN, &key, err);
	if (rc == MS_OK)
		rc = ms_random(ms_secret_bytes(key), KEY_LEN, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(key, KEY_LEN);
	rc = open_tpm(tpm, &t, err);
	if (rc == MS_OK)
		rc = ms_tpm_data_seal(t, key, pcrs, &sealed, err);
	if (rc == MS_OK && sealed.len > MS_TPMFILE_SEALED_MAX)
		rc = ms_fail(err, MS_ERR_TOO_BIG, "key file: the TPM sealed its key to %zu bytes", sealed.len);
	if (rc != MS_OK)
		return rc;
	*ret_sealed = sealed;
	*ret_key = key;
	key = NULL;
	return MS_OK;
}

static void
build_header(struct ms_buf *b, const struct ms_tpmfile_header *h)
{
	ms_buf_put(b, MAGIC, MAGIC_LEN);
	ms_buf_u8(b, VERSION);
	ms_buf_u8(b, (uint8_t)h->label.len);
	ms_buf_put_span(b, h->label);
	ms_buf_u32(b, h->pcrs);
	ms_buf_put_span(b, h->iv);
	ms_buf_u16(b, (uint16_t)h->sealed.len);
	ms_buf_put_span(b, h->sealed);
}

enum ms_rc
ms_tpmfile_seal(const struct ms_tpmfile_tpm *tpm, uint32_t pcrs, const char *label, const struct ms_secret *secret, struct ms_buf *out,
    struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf header;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	struct ms_tpm_blob sealed;
	uint8_t iv[MS_AEAD_IV_LEN];
	struct ms_tpmfile_header h = {.pcrs = pcrs, .label = ms_span_str(label), .iv = ms_span(iv, sizeof iv)};
	ms_buf_init(&header, HEADER_MAX);
	if (!ms_name_ok(h.label, MS_TPMFILE_LABEL_MAX))
		return ms_fail(err, MS_ERR_USAGE, "key file: bad label");
	if (ms_secret_len(secret) > MS_TPMFILE_SECRET_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "key file: secret of %zu bytes", ms_secret_len(secret));
	enum ms_rc rc = ms_random(iv, sizeof iv, err);
	if (rc == MS_OK)
		rc = new_key(tpm, pcrs, &key, &sealed, err);
	if (rc != MS_OK)
		return rc;
	h.sealed = ms_tpm_blob_span(&sealed);
	build_header(&header, &h);
	rc = ms_buf_check(&header, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_put_span(out, ms_buf_span(&header));
	const struct ms_aead a = {MS_AES_256_GCM, key, iv, ms_buf_span(&header)};
	return ms_aead_seal(&a, secret, out, err);
}

enum ms_rc
ms_tpmfile_unseal(const struct ms_tpmfile_tpm *tpm, const char *label, struct ms_span file, struct ms_secret **ret_key, struct ms_err *err)
{
	struct ms_tpmfile_header h;
	MS_OWN(ms_tpm_free) struct ms_tpm *t = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *key = NULL;
	enum ms_rc rc = ms_tpmfile_parse(file, &h, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(h.label, ms_span_str(label)))
		return ms_fail(err, MS_ERR_AUTH, "key file: holds \"%.*s\", not \"%s\"", (int)h.label.len, (const char *)h.label.p, label);
	rc = open_tpm(tpm, &t, err);
	if (rc == MS_OK)
		rc = ms_tpm_data_unseal(t, h.sealed, h.pcrs, &key, err);
	if (rc == MS_OK && ms_secret_len(key) != KEY_LEN)
		rc = ms_fail(err, MS_ERR_AUTH, "key file: what is sealed in it is no key");
	if (rc != MS_OK)
		return rc;
	*ret_key = key;
	key = NULL;
	return MS_OK;
}

enum ms_rc
ms_tpmfile_open(const struct ms_secret *key, struct ms_span file, struct ms_secret **ret, struct ms_err *err)
{
	struct ms_tpmfile_header h;
	enum ms_rc rc = ms_tpmfile_parse(file, &h, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_aead a = {MS_AES_256_GCM, key, h.iv.p, h.header};
	rc = ms_aead_open(&a, h.ct, ret, err);
	return rc == MS_ERR_AUTH ? ms_fail(err, rc, "key file: it was changed") : rc;
}
