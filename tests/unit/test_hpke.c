#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hpke.h"
#include "crypto/hpke_int.h"

/* RFC 9180 appendix A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0. Checked
 * against the copies in other projects' tests. */
#define SK_E "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb"
#define PK_E \
	"04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18" \
	"c4"
#define SK_R "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2"
#define PK_R \
	"04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72e" \
	"a0"
#define INFO "4f6465206f6e2061204772656369616e2055726e"
#define PT "4265617574792069732074727574682c20747275746820626561757479"
#define AAD "436f756e742d30"
#define CT "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434"

struct bytes {
	uint8_t *p;
	size_t len;
};
static struct bytes
hex(const char *s)
{
	struct bytes b;
	b.p = test_hex(s, &b.len);
	return b;
}
static struct ms_span
span(struct bytes b)
{
	return ms_span(b.p, b.len);
}

static struct ms_ecdh_key *
key_of(const char *scalar)
{
	struct bytes b = hex(scalar);
	struct ms_secret *s = NULL;
	struct ms_ecdh_key *k = NULL;
	CHECK_OK(ms_secret_from(b.p, b.len, &s, NULL), NULL);
	CHECK_OK(ms_ecdh_key_load(s, &k, NULL), NULL);
	ms_secret_free(s);
	free(b.p);
	return k;
}

MS_TEST(hpke_gives_the_rfc_9180_ciphertext_and_opens_it)
{
	struct bytes pk_e = hex(PK_E), pk_r = hex(PK_R), info = hex(INFO), pt = hex(PT), aad = hex(AAD), want = hex(CT);
	struct ms_ecdh_key *e = key_of(SK_E), *r = key_of(SK_R);
	struct ms_ecdh er = ms_ecdh_key_ecdh(r);
	struct ms_secret *in = NULL, *out = NULL;
	struct ms_buf ct;
	uint8_t enc[MS_HPKE_ENC_LEN];
	ms_buf_init(&ct, 1000);
	CHECK(ms_span_eq(ms_pubkey_point(ms_ecdh_key_public(r)), span(pk_r)));
	CHECK_OK(ms_secret_from(pt.p, pt.len, &in, NULL), NULL);
	struct ms_hpke_to to = {pk_r.p, span(info), span(aad)};
	CHECK_OK(ms_hpke_seal_with(&to, e, in, enc, &ct, NULL), NULL);
	CHECK(ms_span_eq(ms_span(enc, sizeof enc), span(pk_e)));
	CHECK(ms_span_eq(ms_buf_span(&ct), span(want)));
	struct ms_hpke_from from = {&er, span(info), span(aad)};
	CHECK_OK(ms_hpke_open(&from, enc, ms_buf_span(&ct), &out, NULL), NULL);
	CHECK(ms_span_eq(ms_span(ms_secret_peek(out), ms_secret_len(out)), span(pt)));
	ms_secret_free(in);
	ms_secret_free(out);
	ms_ecdh_key_free(e);
	ms_ecdh_key_free(r);
	ms_buf_fini(&ct);
	free(pk_e.p), free(pk_r.p), free(info.p), free(pt.p), free(aad.p), free(want.p);
}

struct sealed {
	struct ms_ecdh_key *key;
	struct ms_ecdh ecdh;
	struct ms_buf ct;
	uint8_t enc[MS_HPKE_ENC_LEN];
};
static void
seal(struct sealed *s)
{
	struct ms_secret *pt = NULL;
	CHECK_OK(ms_ecdh_key_generate(&s->key, NULL), NULL);
	s->ecdh = ms_ecdh_key_ecdh(s->key);
	ms_buf_init(&s->ct, 1000);
	CHECK_OK(ms_secret_from("payload", 7, &pt, NULL), NULL);
	struct ms_hpke_to to = {s->ecdh.point, ms_span("info", 4), ms_span("aad", 3)};
	CHECK_OK(ms_hpke_seal(&to, pt, s->enc, &s->ct, NULL), NULL);
	ms_secret_free(pt);
}
static void
unseal(struct sealed *s)
{
	ms_ecdh_key_free(s->key);
	ms_buf_fini(&s->ct);
}

MS_TEST(hpke_opens_only_with_the_same_key_info_and_aad)
{
	struct sealed s;
	struct ms_secret *out = NULL;
	struct ms_ecdh_key *other = NULL;
	seal(&s);
	CHECK_OK(ms_ecdh_key_generate(&other, NULL), NULL);
	struct ms_ecdh eo = ms_ecdh_key_ecdh(other);
	struct ms_hpke_from from = {&s.ecdh, ms_span("info", 4), ms_span("aad", 3)};
	CHECK_OK(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), NULL);
	CHECK(ms_secret_len(out) == 7 && ms_ct_eq(ms_secret_peek(out), "payload", 7));
	ms_secret_free(out);
	out = NULL;
	from.info = ms_span("inf", 3);
	CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_AUTH);
	from.info = ms_span("info", 4), from.aad = MS_SPAN_NONE;
	CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_AUTH);
	from.aad = ms_span("aad", 3), from.key = &eo;
	CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_AUTH);
	from.key = &s.ecdh;
	CHECK_INT(ms_hpke_open(&from, eo.point, ms_buf_span(&s.ct), &out, NULL), MS_ERR_AUTH);
	CHECK(out == NULL);
	ms_ecdh_key_free(other);
	unseal(&s);
}

MS_TEST(hpke_refuses_any_changed_byte_and_any_cut)
{
	struct sealed s;
	struct ms_secret *out = NULL;
	seal(&s);
	struct ms_hpke_from from = {&s.ecdh, ms_span("info", 4), ms_span("aad", 3)};
	for (size_t i = 0; i < s.ct.len; i++) {
		s.ct.p[i] ^= 1;
		CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_AUTH);
		s.ct.p[i] ^= 1;
		CHECK_INT(ms_hpke_open(&from, s.enc, ms_span(s.ct.p, i), &out, NULL), MS_ERR_AUTH);
	}
	for (size_t i = 0; i < sizeof s.enc; i++) {
		s.enc[i] ^= 1; /* off the curve */
		CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_MALFORMED);
		s.enc[i] ^= 1;
	}
	CHECK(out == NULL);
	unseal(&s);
}

static enum ms_rc
short_derive(MS_UNUSED void *ctx, MS_UNUSED const uint8_t peer[static MS_POINT_LEN], struct ms_secret *z, MS_UNUSED struct ms_err *err)
{
	ms_secret_set_len(z, 31);
	return MS_OK;
}
static enum ms_rc
failing_derive(MS_UNUSED void *ctx, MS_UNUSED const uint8_t peer[static MS_POINT_LEN], MS_UNUSED struct ms_secret *z, struct ms_err *err)
{
	return ms_fail(err, MS_ERR_TPM, "policy");
}

MS_TEST(hpke_refuses_what_a_broken_key_backend_gives)
{
	static const struct ms_ecdh_ops short_ops = {"short", short_derive}, failing_ops = {"failing", failing_derive};
	struct sealed s;
	struct ms_secret *out = NULL;
	seal(&s);
	struct ms_hpke_from from = {&s.ecdh, ms_span("info", 4), ms_span("aad", 3)};
	s.ecdh.ops = &short_ops;
	CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_CRYPTO);
	s.ecdh.ops = &failing_ops;
	CHECK_INT(ms_hpke_open(&from, s.enc, ms_buf_span(&s.ct), &out, NULL), MS_ERR_TPM);
	CHECK(out == NULL);
	unseal(&s);
}

MS_TEST(hpke_refuses_to_seal_to_what_is_no_point)
{
	uint8_t point[MS_POINT_LEN] = {4, 1}, enc[MS_HPKE_ENC_LEN] = {0};
	struct ms_secret *pt = NULL;
	struct ms_buf ct;
	ms_buf_init(&ct, 100);
	CHECK_OK(ms_secret_from("x", 1, &pt, NULL), NULL);
	struct ms_hpke_to to = {point, MS_SPAN_NONE, MS_SPAN_NONE};
	CHECK_INT(ms_hpke_seal(&to, pt, enc, &ct, NULL), MS_ERR_MALFORMED);
	CHECK(ct.len == 0 && enc[0] == 0);
	ms_secret_free(pt);
	ms_buf_fini(&ct);
}
