#include "evidence/tpmname.h"

#include <string.h>

#include "crypto/hash.h"
#include "crypto/lib.h"

/* nameAlg | H(a | b) (Part 1, 16). */
static enum ms_rc
name_of(uint16_t alg, struct ms_span a, struct ms_span b, struct ms_tpm_name *ret, struct ms_err *err)
{
	if (alg != MS_TPM_ALG_SHA256 && alg != MS_TPM_ALG_SHA384)
		return ms_fail(err, MS_ERR_UNSUPPORTED, "name: hash 0x%04x", alg);
	enum ms_rc rc = ms_crypto_init(err);
	if (rc != MS_OK)
		return rc;
	enum ms_hash h = alg == MS_TPM_ALG_SHA256 ? MS_HASH_SHA256 : MS_HASH_SHA384;
	struct ms_tpm_name n = {.p = {(uint8_t)(alg >> 8), (uint8_t)alg}, .len = 2 + ms_hash_len(h)};
	ms_hashv(h, (struct ms_span[]){a, b}, 2, n.p + 2);
	*ret = n;
	return MS_OK;
}

enum ms_rc
ms_tpm_public_name(const struct ms_tpm_public *p, struct ms_tpm_name *ret, struct ms_err *err)
{
	return name_of(p->name_alg, p->raw, MS_SPAN_NONE, ret, err);
}

enum ms_rc
ms_tpm_qualified_name(struct ms_span parent, const struct ms_tpm_name *name, struct ms_tpm_name *ret, struct ms_err *err)
{
	return name_of((uint16_t)(name->p[0] << 8 | name->p[1]), parent, ms_tpm_name_span(name), ret, err);
}

enum ms_rc
ms_tpm_primary_name(uint32_t hierarchy, const struct ms_tpm_name *name, struct ms_tpm_name *ret, struct ms_err *err)
{
	uint8_t h[4] = {(uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16), (uint8_t)(hierarchy >> 8), (uint8_t)hierarchy};
	return ms_tpm_qualified_name(ms_span(h, sizeof h), name, ret, err);
}

enum ms_rc
ms_tpm_public_hash(const struct ms_tpm_public *p, uint8_t ret[static 32], struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf spki;
	ms_buf_init(&spki, MS_TPM_SPKI_MAX);
	enum ms_rc rc = ms_crypto_init(err);
	if (rc == MS_OK)
		rc = ms_tpm_public_spki(p, &spki, err);
	if (rc == MS_OK)
		ms_sha256(ms_buf_span(&spki), ret);
	return rc;
}
