/* The worker's parsers, and core's pool as a hostile appraiser and hostile workers meet it. */
#include "support/test.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/cbor.h"
#include "evidence/appraise.h"
#include "ipc/chan.h"
#include "ipc/msg.h"
#include "ipc/table.h"
#include "server/core/appraisers.h"

static enum ms_rc
appraise(const char *kind, struct ms_span bytes, struct ms_buf *claims)
{
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_APPRAISE_REQUEST_MAX);
	ms_buf_init(claims, MS_APPRAISE_CLAIMS_MAX);
	CHECK_OK(ms_appraise_request_build(kind, bytes, &b, &err), &err);
	uint8_t *p = test_dup(b.p, b.len);
	enum ms_rc rc = ms_appraise(ms_span(p, b.len), claims, &err);
	free(p);
	return rc;
}

static void
expect(const char *kind, struct ms_span bytes, enum ms_rc rc)
{
	MS_OWN(ms_buf_fini) struct ms_buf claims = {0};
	CHECK_INT(appraise(kind, bytes, &claims), rc);
}

static void
put_pcr(struct ms_buf *b, uint64_t index, size_t len)
{
	uint8_t digest[64];
	memset(digest, (int)index + 1, sizeof digest);
	ms_cbor_uint(b, index);
	ms_cbor_bytes(b, ms_span(digest, len));
}

MS_TEST(pcrs_become_tuples_in_rising_order)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0}, claims = {0};
	struct ms_pcr_claims p;
	struct ms_err err;
	ms_buf_init(&b, 4096);
	ms_cbor_map(&b, 24);
	for (unsigned i = 0; i < 24; i++)
		put_pcr(&b, i, 32);
	CHECK_INT(appraise(MS_APPRAISE_PCRS, ms_buf_span(&b), &claims), MS_OK);
	CHECK_OK(ms_pcr_claims_parse(ms_buf_span(&claims), &p, &err), &err);
	CHECK(p.n == 24 && p.index[23] == 23 && p.digest[23][31] == 24);
}

MS_TEST(pcrs_refuse_every_other_shape)
{
	static const struct {
		uint64_t index[2];
		size_t n, len;
	} bad[] = {{{24, 0}, 1, 32}, {{0, 24}, 2, 32}, {{1, 0}, 2, 32}, {{3, 3}, 2, 32}, {{0, 0}, 0, 0}, {{0, 1}, 2, 31}, {{0, 1}, 2, 33},
	    {{0, 0}, 1, 0}, {{UINT64_MAX, 0}, 1, 32}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b = {0};
		ms_buf_init(&b, 4096);
		ms_cbor_map(&b, bad[i].n);
		for (size_t k = 0; k < bad[i].n; k++)
			put_pcr(&b, bad[i].index[k], bad[i].len);
		expect(MS_APPRAISE_PCRS, ms_buf_span(&b), MS_ERR_MALFORMED);
	}
	expect(MS_APPRAISE_PCRS, ms_span("", 0), MS_ERR_MALFORMED);
	expect(MS_APPRAISE_PCRS, ms_span("\x80", 1), MS_ERR_MALFORMED);
	expect(MS_APPRAISE_PCRS, ms_span("\xa1\x00\x00", 3), MS_ERR_MALFORMED);
	expect(MS_APPRAISE_PCRS, ms_span("\xa1\x61\x30\x40", 4), MS_ERR_MALFORMED);
}

MS_TEST(claims_of_pcrs_are_checked_again_by_core)
{
	uint8_t w[2 + 2 * 33] = {2};
	struct ms_pcr_claims p = {.n = 99};
	w[1] = 3, w[34] = 4;
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, 67), &p, NULL), MS_OK);
	p.n = 99;
	for (size_t n = 0; n < sizeof w + 1; n++)
		if (n != 67) {
			uint8_t *d = test_dup(w, n < sizeof w ? n : sizeof w);
			CHECK_INT(ms_pcr_claims_parse(ms_span(d, n < sizeof w ? n : sizeof w), &p, NULL), MS_ERR_MALFORMED);
			free(d);
		}
	w[34] = 3; /* twice */
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, 67), &p, NULL), MS_ERR_MALFORMED);
	w[34] = 2; /* falling */
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, 67), &p, NULL), MS_ERR_MALFORMED);
	w[34] = 24;
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, 67), &p, NULL), MS_ERR_MALFORMED);
	w[0] = 0;
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, 1), &p, NULL), MS_ERR_MALFORMED);
	w[0] = 25;
	CHECK_INT(ms_pcr_claims_parse(ms_span(w, sizeof w), &p, NULL), MS_ERR_MALFORMED);
	CHECK_INT(p.n, 99);
}

/* SEQUENCE { SEQUENCE { INTEGER 1 }, SEQUENCE { OID 1.2.3 }, BIT STRING 00 } */
static const uint8_t cert[] = {0x30, 0x0f, 0x30, 0x03, 0x02, 0x01, 0x01, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03, 0x03, 0x02, 0x00, 0x55};

MS_TEST(ekcert_loses_its_padding_of_either_kind_and_nothing_else)
{
	uint8_t w[200];
	for (unsigned pad = 0; pad < 2; pad++)
		for (size_t n = sizeof cert; n <= sizeof w; n++) {
			MS_OWN(ms_buf_fini) struct ms_buf claims = {0};
			memset(w, pad == 0 ? 0xff : 0, sizeof w);
			memcpy(w, cert, sizeof cert);
			CHECK_INT(appraise(MS_APPRAISE_EKCERT, ms_span(w, n), &claims), MS_OK);
			CHECK(ms_span_eq(ms_buf_span(&claims), ms_span(cert, sizeof cert)));
		}
	memset(w, 0xff, sizeof w);
	memcpy(w, cert, sizeof cert);
	w[sizeof cert + 3] = 0; /* mixed */
	expect(MS_APPRAISE_EKCERT, ms_span(w, sizeof cert + 5), MS_ERR_MALFORMED);
	w[sizeof cert] = 0x30;
	expect(MS_APPRAISE_EKCERT, ms_span(w, sizeof cert + 1), MS_ERR_MALFORMED);
}

MS_TEST(ekcert_refuses_every_cut_and_what_is_not_der_all_the_way_down)
{
	uint8_t w[sizeof cert];
	for (size_t n = 0; n < sizeof cert; n++)
		expect(MS_APPRAISE_EKCERT, ms_span(cert, n), MS_ERR_MALFORMED);
	static const size_t broken[] = {0, 1, 2, 3, 5, 7, 8, 10, 13, 14};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		memcpy(w, cert, sizeof w);
		w[broken[i]] ^= 0x40;
		expect(MS_APPRAISE_EKCERT, ms_span(w, sizeof w), MS_ERR_MALFORMED);
	}
	/* nested far too deep: 60 SEQUENCEs around nothing, in the place of tbsCertificate */
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 4096);
	ms_buf_u16(&b, 0x3082), ms_buf_u16(&b, 120 + 10);
	b.p[1] = 0x81;
	b.len = 3, b.p[2] = 120 + 10;
	for (unsigned i = 0; i < 60; i++) {
		ms_buf_u8(&b, 0x30);
		ms_buf_u8(&b, (uint8_t)(118 - 2 * i));
	}
	ms_buf_put(&b, cert + 7, 10);
	expect(MS_APPRAISE_EKCERT, ms_buf_span(&b), MS_ERR_MALFORMED);
	static uint8_t big[20000];
	expect(MS_APPRAISE_EKCERT, ms_span(big, sizeof big), MS_ERR_TOO_BIG);
}

MS_TEST(appraise_refuses_unknown_kinds_and_malformed_requests)
{
	struct ms_buf claims;
	expect("eventlog", ms_span("x", 1), MS_ERR_UNSUPPORTED);
	expect("pcr", ms_span("x", 1), MS_ERR_UNSUPPORTED);
	ms_buf_init(&claims, 100);
	CHECK(ms_appraise(ms_span("\xa0", 1), &claims, NULL) == MS_ERR_MALFORMED);
	CHECK(ms_appraise(ms_span("", 0), &claims, NULL) == MS_ERR_MALFORMED);
	CHECK_INT(claims.len, 0);
	ms_buf_fini(&claims);
}

/* ---- core's pool ---- */

struct told {
	unsigned n;
	uint64_t id;
	enum ms_rc rc;
	size_t len;
};

static void
on_done(void *ctx, uint64_t id, enum ms_rc rc, struct ms_span claims)
{
	struct told *t = ctx;
	*t = (struct told){.n = t->n + 1, .id = id, .rc = rc, .len = claims.len};
}

static const struct ms_ipc_row any_rows[] = {
    {.type = MS_WORKER_EVIDENCE, .name = "EVIDENCE", .states = MS_IPC_ANY_STATE, .max_len = MS_WORKER_EVIDENCE_MAX}};
static const struct ms_ipc_table any_table = MS_IPC_TABLE("test", any_rows);

struct pool {
	struct told told;
	struct ms_appraisers *a;
	struct ms_chan *zygote;
};

static void
pool_init(struct pool *p, unsigned timeout_ms)
{
	int sv[2];
	struct ms_err err;
	*p = (struct pool){0};
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK_OK(ms_chan_new(sv[1], &any_table, 1u << 20, &p->zygote, &err), &err);
	CHECK_OK(ms_appraisers_new(sv[0], 2, timeout_ms, on_done, &p->told, &p->a, &err), &err);
}

static void
pool_fini(struct pool *p)
{
	ms_appraisers_free(p->a);
	ms_chan_free(p->zygote);
}

/* A worker joins; its end is returned. */
static struct ms_chan *
join(struct pool *p)
{
	int sv[2];
	struct ms_chan *w = NULL;
	struct ms_err err;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK_OK(ms_chan_new(sv[1], &any_table, 4u << 20, &w, &err), &err);
	CHECK_OK(ms_chan_send_fd(p->zygote, MS_APPRAISER_WORKER, 1, ms_span("\0\0\0\1", 4), sv[0], &err), &err);
	CHECK_OK(ms_chan_drain(p->zygote, 1000, &err), &err);
	CHECK_OK(ms_appraisers_turn(p->a, &err), &err);
	return w;
}

static void
turn_until(struct pool *p, unsigned n)
{
	struct ms_err err;
	while (p->told.n < n) {
		struct pollfd pfd = {.fd = ms_appraisers_fd(p->a), .events = POLLIN};
		CHECK(poll(&pfd, 1, ms_appraisers_wait_ms(p->a)) >= 0);
		CHECK_OK(ms_appraisers_turn(p->a, &err), &err);
	}
	CHECK_INT(p->told.n, n);
}

/* Give evidence 7 to a worker that answers with this frame. */
static enum ms_rc
worker_says(uint16_t type, uint64_t id, struct ms_span payload)
{
	struct pool p;
	struct ms_frame f;
	struct ms_err err;
	pool_init(&p, 5000);
	struct ms_chan *w = join(&p);
	CHECK_OK(ms_appraisers_start(p.a, 7, ms_span_str("evidence"), &err), &err);
	CHECK_OK(ms_chan_wait_frame(w, 1000, &f, &err), &err);
	CHECK(f.type == MS_WORKER_EVIDENCE && f.id == 7 && ms_span_eq(f.payload, ms_span_str("evidence")));
	CHECK_OK(ms_chan_send_now(w, type, id, payload, 1000, &err), &err);
	turn_until(&p, 1);
	CHECK_INT(p.told.id, 7);
	CHECK_INT(ms_appraisers_idle(p.a), 0);
	enum ms_rc rc = p.told.rc;
	ms_chan_free(w);
	pool_fini(&p);
	return rc;
}

MS_TEST(I12_only_a_workers_word_about_the_evidence_is_more_than_a_failure_of_infrastructure)
{
	CHECK_INT(worker_says(MS_WORKER_CLAIMS, 7, ms_span_str("claims")), MS_OK);
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("\0\2no", 4)), MS_ERR_MALFORMED);
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("\0\3", 2)), MS_ERR_TOO_BIG);
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("\0\0", 2)), MS_ERR_UNAVAILABLE); /* "error: ok" */
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("\0\x09", 2)), MS_ERR_UNAVAILABLE);
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("\xff\xff", 2)), MS_ERR_UNAVAILABLE);
	CHECK_INT(worker_says(MS_WORKER_CLAIMS, 8, ms_span_str("claims")), MS_ERR_UNAVAILABLE); /* for another device */
	CHECK_INT(worker_says(MS_WORKER_EVIDENCE, 7, ms_span_str("claims")), MS_ERR_UNAVAILABLE);
	CHECK_INT(worker_says(77, 7, ms_span_str("claims")), MS_ERR_UNAVAILABLE);
	CHECK_INT(worker_says(MS_WORKER_ERROR, 7, ms_span("", 0)), MS_ERR_UNAVAILABLE);
}

MS_TEST(a_worker_that_dies_or_sleeps_costs_its_own_evidence_only)
{
	struct pool p;
	struct ms_err err;
	pool_init(&p, 200);
	struct ms_chan *dies = join(&p);
	CHECK_OK(ms_appraisers_start(p.a, 1, ms_span_str("e"), &err), &err);
	ms_chan_free(dies);
	turn_until(&p, 1);
	CHECK(p.told.id == 1 && p.told.rc == MS_ERR_UNAVAILABLE);
	struct ms_chan *sleeps = join(&p);
	CHECK_OK(ms_appraisers_start(p.a, 2, ms_span_str("e"), &err), &err);
	turn_until(&p, 2);
	CHECK(p.told.id == 2 && p.told.rc == MS_ERR_TIMEOUT);
	ms_chan_free(sleeps);
	/* an idle worker that speaks unasked is dropped and given nothing */
	struct ms_chan *chatty = join(&p);
	CHECK_INT(ms_appraisers_idle(p.a), 1);
	CHECK_OK(ms_chan_send_now(chatty, MS_WORKER_CLAIMS, 3, ms_span_str("claims"), 1000, &err), &err);
	CHECK_OK(ms_appraisers_turn(p.a, &err), &err);
	CHECK_INT(ms_appraisers_idle(p.a), 0);
	CHECK_INT(p.told.n, 2);
	ms_chan_free(chatty);
	pool_fini(&p);
}

MS_TEST(evidence_waits_for_a_worker_up_to_a_limit_and_a_deadline)
{
	struct pool p;
	struct ms_err err;
	struct ms_frame f;
	pool_init(&p, 300);
	CHECK_OK(ms_appraisers_start(p.a, 1, ms_span_str("one"), &err), &err);
	CHECK_OK(ms_appraisers_start(p.a, 2, ms_span_str("two"), &err), &err);
	CHECK_INT(ms_appraisers_start(p.a, 3, ms_span_str("three"), &err), MS_ERR_LIMITED);
	struct ms_chan *w = join(&p);
	CHECK_OK(ms_chan_wait_frame(w, 1000, &f, &err), &err);
	CHECK(f.id == 1 && ms_span_eq(f.payload, ms_span_str("one")));
	CHECK_OK(ms_chan_send_now(w, MS_WORKER_CLAIMS, 1, MS_SPAN_NONE, 1000, &err), &err);
	turn_until(&p, 1);
	CHECK(p.told.id == 1 && p.told.rc == MS_OK);
	turn_until(&p, 2); /* nobody comes for the second */
	CHECK(p.told.id == 2 && p.told.rc == MS_ERR_TIMEOUT);
	CHECK_INT(ms_appraisers_wait_ms(p.a), -1);
	ms_chan_free(w);
	pool_fini(&p);
}

MS_TEST(an_appraiser_that_breaks_its_table_or_ends_ends_the_pool)
{
	struct pool p;
	struct ms_err err;
	pool_init(&p, 300);
	CHECK_OK(ms_chan_send_now(p.zygote, MS_APPRAISER_WORKER, 1, ms_span("\0\0\0\1", 4), 1000, &err), &err);
	CHECK_INT(ms_appraisers_turn(p.a, &err), MS_ERR_MALFORMED); /* no descriptor */
	pool_fini(&p);
	pool_init(&p, 300);
	CHECK_OK(ms_chan_send_now(p.zygote, MS_WORKER_CLAIMS, 1, ms_span_str("x"), 1000, &err), &err);
	CHECK_INT(ms_appraisers_turn(p.a, &err), MS_ERR_MALFORMED);
	pool_fini(&p);
	pool_init(&p, 300);
	ms_chan_free(p.zygote);
	p.zygote = NULL;
	CHECK_INT(ms_appraisers_turn(p.a, &err), MS_ERR_UNAVAILABLE);
	pool_fini(&p);
}
