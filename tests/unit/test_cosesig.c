#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/cosesig.h"

static const uint8_t deployment[16] = {1, 2, 3}, other_deployment[16] = {9};
static const uint8_t empty_map[] = {0xa0};

static struct ms_softkey *
make_key(enum ms_key_type type)
{
	struct ms_softkey *k = NULL;
	CHECK_OK(ms_softkey_generate(type, &k, NULL), NULL);
	return k;
}

static void
make_statement(struct ms_softkey *k, struct ms_buf *out)
{
	struct ms_signer s = ms_softkey_signer(k);
	struct ms_err err;
	struct ms_statement_fields f = {.kind = "verdict",
	    .deployment = deployment,
	    .audience = "device-1",
	    .tenant = "default",
	    .issued_s = 1000,
	    .expires_s = 2000,
	    .epoch = 5,
	    .body = ms_span(empty_map, 1)};
	ms_buf_init(out, 4096);
	CHECK_OK(ms_statement_sign(&s, &f, out, &err), &err);
}

static struct ms_statement_expect
expected(void)
{
	return (struct ms_statement_expect){
	    .kind = "verdict", .deployment = deployment, .audience = "device-1", .tenant = "default", .now_s = 1500, .min_epoch = 5};
}

static enum ms_rc
check(const struct ms_buf *w, const struct ms_softkey *k, struct ms_statement_expect x)
{
	struct ms_statement st;
	return ms_statement_verify(ms_buf_span(w), ms_softkey_public(k), &x, &st, NULL);
}

MS_TEST(statement_verifies_and_tells_what_was_signed)
{
	static const enum ms_key_type types[] = {MS_KEY_P256, MS_KEY_ED25519};
	for (size_t i = 0; i < 2; i++) {
		struct ms_softkey *k = make_key(types[i]);
		struct ms_buf w;
		struct ms_statement st;
		struct ms_err err;
		struct ms_statement_expect x = expected();
		make_statement(k, &w);
		CHECK_OK(ms_statement_verify(ms_buf_span(&w), ms_softkey_public(k), &x, &st, &err), &err);
		CHECK(ms_span_eq(st.body, ms_span(empty_map, 1)));
		CHECK(ms_span_eq(st.kid, ms_span(ms_pubkey_id(ms_softkey_public(k)), 32)));
		CHECK(ms_span_eq(st.signed_bytes, ms_buf_span(&w)));
		CHECK_INT(st.epoch, 5);
		ms_buf_fini(&w);
		ms_softkey_free(k);
	}
}

MS_TEST(I14_statement_for_anything_else_is_refused)
{
	struct ms_softkey *k = make_key(MS_KEY_P256), *other = make_key(MS_KEY_P256), *ed = make_key(MS_KEY_ED25519);
	struct ms_buf w;
	struct ms_statement_expect x = expected();
	make_statement(k, &w);
	CHECK_INT(check(&w, k, x), MS_OK);
	CHECK_INT(check(&w, other, x), MS_ERR_AUTH);
	CHECK_INT(check(&w, ed, x), MS_ERR_AUTH);
	x.kind = "secret";
	CHECK_INT(check(&w, k, x), MS_ERR_AUTH);
	x = expected(), x.deployment = other_deployment;
	CHECK_INT(check(&w, k, x), MS_ERR_AUTH);
	x = expected(), x.audience = "device-2";
	CHECK_INT(check(&w, k, x), MS_ERR_AUTH);
	x = expected(), x.tenant = "";
	CHECK_INT(check(&w, k, x), MS_ERR_AUTH);
	x = expected(), x.now_s = 999;
	CHECK_INT(check(&w, k, x), MS_ERR_EXPIRED);
	x = expected(), x.now_s = 2001;
	CHECK_INT(check(&w, k, x), MS_ERR_EXPIRED);
	x = expected(), x.min_epoch = 6;
	CHECK_INT(check(&w, k, x), MS_ERR_REPLAY);
	ms_buf_fini(&w);
	ms_softkey_free(k);
	ms_softkey_free(other);
	ms_softkey_free(ed);
}

MS_TEST(statement_with_any_flipped_bit_or_cut_is_refused)
{
	struct ms_softkey *k = make_key(MS_KEY_P256);
	struct ms_buf w;
	make_statement(k, &w);
	for (size_t bit = 0; bit < w.len * 8; bit++) {
		w.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK(check(&w, k, expected()) != MS_OK);
		w.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	size_t len = w.len;
	for (w.len = 0; w.len < len; w.len++)
		CHECK(check(&w, k, expected()) != MS_OK);
	w.len = len;
	CHECK_INT(check(&w, k, expected()), MS_OK);
	ms_buf_fini(&w);
	ms_softkey_free(k);
}

MS_TEST(I16_a_cose_signature_does_not_pass_for_another_type_or_context)
{
	struct ms_softkey *k = make_key(MS_KEY_P256);
	struct ms_signer s = ms_softkey_signer(k);
	struct ms_cose_sign1 m;
	struct ms_buf w;
	struct ms_span type = ms_span_str("muster/v1/x"), aad = ms_span_str("aad"), payload = ms_span("p", 1);
	ms_buf_init(&w, 4096);
	CHECK_OK(ms_cose_sign(&s, type, aad, payload, &w, NULL), NULL);
	CHECK_OK(ms_cose_verify(ms_buf_span(&w), s.pub, type, aad, &m, NULL), NULL);
	CHECK(ms_span_eq(m.payload, payload));
	CHECK_INT(ms_cose_verify(ms_buf_span(&w), s.pub, ms_span_str("muster/v1/y"), aad, &m, NULL), MS_ERR_AUTH);
	CHECK_INT(ms_cose_verify(ms_buf_span(&w), s.pub, type, MS_SPAN_NONE, &m, NULL), MS_ERR_AUTH);
	ms_buf_fini(&w);
	ms_softkey_free(k);
}

static enum ms_rc
broken_sign(MS_UNUSED void *ctx, MS_UNUSED struct ms_span msg, MS_UNUSED uint8_t sig[static MS_SIG_LEN], struct ms_err *err)
{
	return ms_fail(err, MS_ERR_UNAVAILABLE, "token");
}

MS_TEST(I12_a_signer_that_fails_is_no_verdict_and_leaves_no_message)
{
	static const struct ms_signer_ops ops = {"broken", broken_sign};
	struct ms_softkey *k = make_key(MS_KEY_P256);
	struct ms_signer s = ms_softkey_signer(k);
	struct ms_buf w;
	s.ops = &ops;
	ms_buf_init(&w, 4096);
	CHECK_INT(ms_cose_sign(&s, ms_span_str("muster/v1/x"), MS_SPAN_NONE, ms_span("p", 1), &w, NULL), MS_ERR_UNAVAILABLE);
	CHECK_INT(w.len, 0);
	ms_buf_fini(&w);
	ms_softkey_free(k);
}
