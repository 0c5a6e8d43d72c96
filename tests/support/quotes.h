/* What scripts/record-quotes recorded from a software TPM, and a stand-in AK for bytes that no TPM would sign. */
#ifndef MS_TEST_QUOTES_H
#define MS_TEST_QUOTES_H
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"
#include "evidence/certify.h"
#include "evidence/quote.h"

#define MASK_QUOTED MS_PCRS_ATTEST_MASK
#define MASK_SEALED 0x5b95u /* 0,2,4,7,8,9,11,12,14 */

struct bytes {
	uint8_t p[1200];
	size_t len;
};
static inline struct ms_span
sp(const struct bytes *b)
{
	return ms_span(b->p, b->len);
}

static inline struct bytes
recorded(const char *name, const char *suffix)
{
	char path[128];
	struct bytes b = {.len = 0};
	(void)snprintf(path, sizeof path, "quotes/%s%s", name, suffix);
	uint8_t *p = test_file(path, &b.len);
	CHECK(p != NULL && b.len <= sizeof b.p);
	memcpy(b.p, p, b.len);
	free(p);
	return b;
}

static inline struct ms_pcrs
recorded_pcrs(const char *name)
{
	struct ms_pcrs p = {.mask = MASK_QUOTED};
	struct bytes b = recorded(name, ".bin");
	CHECK_INT(b.len, sizeof p.value);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((p.mask >> i & 1u) != 0)
			memcpy(p.value[i], b.p + i * MS_PCR_LEN, MS_PCR_LEN);
	return p;
}

static inline struct ms_ak *
recorded_ak(const char *name)
{
	struct ms_ak *ak = NULL;
	struct ms_err err;
	struct bytes pub = recorded(name, ".pub");
	CHECK_OK(ms_ak_new(sp(&pub), MS_SPAN_NONE, &ak, NULL, &err), &err);
	return ak;
}

/* A software key dressed as an AK of the endorsement hierarchy. */
struct soft_ak {
	struct ms_softkey *key;
	struct ms_ak *ak;
	struct bytes pub;
	struct ms_tpm_name qualified;
};

static inline struct soft_ak
soft_ak_new(void)
{
	struct soft_ak s = {.key = NULL};
	struct ms_err err;
	struct ms_tpm_public area;
	struct ms_tpm_name name;
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &s.key, &err), &err);
	struct ms_span point = ms_pubkey_point(ms_softkey_public(s.key));
	s.pub = recorded("ak", ".pub");
	memcpy(s.pub.p + s.pub.len - 66, point.p + 1, 32);
	memcpy(s.pub.p + s.pub.len - 32, point.p + 33, 32);
	CHECK_OK(ms_ak_new(sp(&s.pub), MS_SPAN_NONE, &s.ak, NULL, &err), &err);
	CHECK_OK(ms_tpm_public_parse(sp(&s.pub), &area, &err), &err);
	CHECK_OK(ms_tpm_public_name(&area, &name, &err), &err);
	CHECK_OK(ms_tpm_primary_name(MS_TPM_RH_ENDORSEMENT, &name, &s.qualified, &err), &err);
	return s;
}

static inline void
soft_ak_free(struct soft_ak *s)
{
	ms_ak_free(s->ak);
	ms_softkey_free(s->key);
}

/* A recorded attestation with the stand-in as its signer (the names are equally long). */
static inline struct bytes
soft_attest(const struct soft_ak *s, const char *name)
{
	struct bytes b = recorded(name, ".attest");
	CHECK(b.len > 8 + s->qualified.len);
	memcpy(b.p + 8, s->qualified.p, s->qualified.len);
	return b;
}

static inline struct bytes
soft_sign(struct soft_ak *s, const struct bytes *attest)
{
	struct bytes sig = {.p = {0, MS_TPM_ALG_ECDSA, 0, MS_TPM_ALG_SHA256, 0, 32}, .len = 72};
	uint8_t raw[MS_SIG_LEN];
	struct ms_err err;
	struct ms_signer signer = ms_softkey_signer(s->key);
	CHECK_OK(ms_signer_sign(&signer, sp(attest), raw, &err), &err);
	memcpy(sig.p + 6, raw, 32);
	sig.p[39] = 32;
	memcpy(sig.p + 40, raw + 32, 32);
	return sig;
}

#endif
