/* The deployment root: what makes one whole, and every way in which it is not. */
#include <stdlib.h>
#include <string.h>

#include "audit/note.h"
#include "base/clock.h"
#include "crypto/cosesig.h"
#include "identity/cert.h"
#include "proto/root.h"
#include "support/test.h"

enum { CA, ISSUING, RELEASE, INTAKE, TOKEN, ADMIN, FACTORY, STRANGER, KEYS };
static struct ms_softkey *key[KEYS];
static struct ms_buf ca_der, issuing_der, foreign_der;
static char vkey_text[MS_VKEY_TEXT_MAX + 1];
static const uint8_t deployment[16] = {0xde, 0xb1};

/* What is bent in one root. */
struct bend {
	unsigned signer; /* CA when 0 */
	const char *audience, *tenant, *kind;
	uint64_t epoch, issued_s, expires_s;
	struct ms_span issuing, release, intake, token, log;
	const char *role, *operator_tenant;
	unsigned operator_key;
	size_t n_operators;
};

static struct ms_span
point(unsigned k)
{
	return ms_pubkey_point(ms_softkey_public(key[k]));
}

static void
issue(unsigned by, enum ms_cert_profile profile, const struct ms_cert *issuer, unsigned subject, struct ms_buf *out)
{
	struct ms_err err;
	static const uint8_t serial[16] = {0x41, 1};
	struct ms_signer s = ms_softkey_signer(key[by]);
	uint64_t now = ms_clock_wall_s();
	const struct ms_cert_params p = {.profile = profile,
	    .serial = ms_span(serial, sizeof serial),
	    .point = point(subject).p,
	    .issuer = issuer,
	    .not_before_s = now - 60,
	    .not_after_s = now + 86400,
	    .deployment = ms_span_str("test")};
	ms_buf_init(out, MS_CERT_MAX);
	CHECK_OK(ms_cert_issue(&s, &p, out, &err), &err);
}

static void
set_up(void)
{
	struct ms_err err;
	struct ms_cert ca;
	struct ms_buf text, foreign_ca;
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	MS_OWN(ms_softkey_free) struct ms_softkey *log = NULL;
	if (key[CA] != NULL)
		return;
	for (unsigned i = 0; i < KEYS; i++)
		CHECK_OK(ms_softkey_generate(MS_KEY_P256, &key[i], &err), &err);
	issue(CA, MS_CERT_ROOT, NULL, CA, &ca_der);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&ca_der), &ca, &err), &err);
	issue(CA, MS_CERT_ISSUING, &ca, ISSUING, &issuing_der);
	issue(STRANGER, MS_CERT_ROOT, NULL, STRANGER, &foreign_ca);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&foreign_ca), &ca, &err), &err);
	issue(STRANGER, MS_CERT_ISSUING, &ca, ISSUING, &foreign_der);
	ms_buf_fini(&foreign_ca);
	CHECK_OK(ms_softkey_generate(MS_KEY_ED25519, &log, &err), &err);
	CHECK_OK(ms_vkey_new("test/log", ms_pubkey_point(ms_softkey_public(log)).p, &v, &err), &err);
	ms_buf_init(&text, MS_VKEY_TEXT_MAX);
	ms_vkey_build(v, &text);
	memcpy(vkey_text, text.p, text.len);
	ms_buf_fini(&text);
}

static struct ms_span or (struct ms_span bent, struct ms_span right)
{
	return bent.len > 0 ? bent : right;
}

static void
put_operators(const struct bend *b, struct ms_buf *out)
{
	struct ms_err err;
	size_t n = b->n_operators != 0 ? b->n_operators : 2;
	ms_cbor_array(out, n);
	for (size_t i = 0; i < n; i++) {
		bool first = i == 0;
		const struct ms_root_operator o = {.name = ms_span_str("someone"),
		    .point = point(first ? ADMIN : (b->operator_key != 0 ? b->operator_key : FACTORY)),
		    .role = ms_span_str(first ? "admin" : (b->role != NULL ? b->role : "factory")),
		    .tenant = ms_span_str(first ? "*" : (b->operator_tenant != NULL ? b->operator_tenant : "plant"))};
		CHECK_OK(ms_cbor_build_map(&ms_root_operator_table, &o, out, &err), &err);
	}
}

static void
make(const struct bend *b, struct ms_buf *wire)
{
	struct ms_err err;
	struct ms_buf operators, body;
	set_up();
	ms_buf_init(&operators, 65536);
	ms_buf_init(&body, 100000);
	ms_buf_init(wire, MS_ROOT_MAX);
	put_operators(b, &operators);
	const struct ms_root_body m = {.version = 3,
	    .name = ms_span_str("test"),
	    .trust_domain = ms_span_str("muster.test"),
	    .ca_root = ms_buf_span(&ca_der),
	    .ca_issuing = or (b->issuing, ms_buf_span(&issuing_der)),
	    .release_point = or (b->release, point(RELEASE)),
	    .intake_point = or (b->intake, point(INTAKE)),
	    .token_point = or (b->token, point(TOKEN)),
	    .log_vkey = or (b->log, ms_span_str(vkey_text)),
	    .operators = ms_buf_span(&operators)};
	CHECK_OK(ms_cbor_build_map(&ms_root_body_table, &m, &body, &err), &err);
	uint64_t now = ms_clock_wall_s();
	const struct ms_statement_fields f = {.kind = b->kind != NULL ? b->kind : "root",
	    .deployment = deployment,
	    .audience = b->audience != NULL ? b->audience : "all",
	    .tenant = b->tenant != NULL ? b->tenant : "*",
	    .issued_s = b->issued_s != 0 ? b->issued_s : now,
	    .expires_s = b->expires_s != 0 ? b->expires_s : now + 86400,
	    .epoch = b->epoch != 0 ? b->epoch : 3,
	    .body = ms_buf_span(&body)};
	struct ms_signer s = ms_softkey_signer(key[b->signer]);
	CHECK_OK(ms_statement_sign(&s, &f, wire, &err), &err);
	ms_buf_fini(&operators);
	ms_buf_fini(&body);
}

static void
refused(const struct bend *b)
{
	struct ms_buf wire;
	struct ms_root *r = NULL;
	make(b, &wire);
	CHECK(ms_root_load(ms_buf_span(&wire), NULL, &r, NULL) != MS_OK);
	CHECK(r == NULL);
	ms_buf_fini(&wire);
}

static struct ms_root *
good(void)
{
	struct ms_err err;
	struct ms_buf wire;
	struct ms_root *r = NULL;
	make(&(struct bend){.signer = CA}, &wire);
	CHECK_OK(ms_root_load(ms_buf_span(&wire), NULL, &r, &err), &err);
	ms_buf_fini(&wire); /* the root keeps its own bytes */
	return r;
}

MS_TEST(a_whole_root_loads_and_knows_its_operators)
{
	MS_OWN(ms_root_free) struct ms_root *r = good();
	CHECK(memcmp(r->deployment, deployment, 16) == 0 && r->n_operators == 2);
	CHECK(ms_span_eq(ms_pubkey_point(r->release), point(RELEASE)) && ms_span_eq(ms_pubkey_point(r->intake), point(INTAKE)) &&
	      ms_span_eq(ms_pubkey_point(r->token), point(TOKEN)));
	struct ms_span admin = ms_span(ms_pubkey_id(ms_softkey_public(key[ADMIN])), 32);
	struct ms_span factory = ms_span(ms_pubkey_id(ms_softkey_public(key[FACTORY])), 32);
	struct ms_span stranger = ms_span(ms_pubkey_id(ms_softkey_public(key[STRANGER])), 32);
	CHECK(ms_root_operator(r, admin, ms_span_str("plant")) != NULL && ms_root_operator(r, admin, ms_span_str("other")) != NULL);
	CHECK(ms_root_operator(r, factory, ms_span_str("plant")) != NULL);
	CHECK(ms_root_operator(r, stranger, ms_span_str("plant")) == NULL);
	CHECK(ms_root_operator(r, MS_SPAN_NONE, ms_span_str("plant")) == NULL);
}

MS_TEST(I8_an_operator_of_one_tenant_is_none_of_another)
{
	MS_OWN(ms_root_free) struct ms_root *r = good();
	struct ms_span factory = ms_span(ms_pubkey_id(ms_softkey_public(key[FACTORY])), 32);
	static const char *const others[] = {"other", "plan", "plant2", "*", ""};
	for (size_t i = 0; i < 5; i++)
		CHECK(ms_root_operator(r, factory, ms_span_str(others[i])) == NULL);
}

MS_TEST(a_pin_decides_which_root_it_is)
{
	struct ms_err err;
	uint8_t pin[32];
	MS_OWN(ms_root_free) struct ms_root *first = good();
	struct ms_root *r = NULL;
	memcpy(pin, first->hash, sizeof pin);
	CHECK_OK(ms_root_load(first->wire, pin, &r, &err), &err);
	ms_root_free(r);
	r = NULL;
	for (size_t bit = 0; bit < 256; bit += 17) {
		pin[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK(ms_root_load(first->wire, pin, &r, NULL) == MS_ERR_AUTH && r == NULL);
		pin[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

MS_TEST(a_root_with_any_byte_changed_is_refused)
{
	MS_OWN(ms_root_free) struct ms_root *first = good();
	for (size_t at = 0; at < first->wire.len; at += 7) {
		struct ms_root *r = NULL;
		uint8_t *w = test_dup(first->wire.p, first->wire.len);
		w[at] ^= 0x20;
		CHECK(ms_root_load(ms_span(w, first->wire.len), NULL, &r, NULL) != MS_OK && r == NULL);
		free(w);
	}
	struct ms_root *r = NULL;
	CHECK(ms_root_load(ms_span(first->wire.p, first->wire.len - 1), NULL, &r, NULL) != MS_OK);
	CHECK(ms_root_load(MS_SPAN_NONE, NULL, &r, NULL) != MS_OK && r == NULL);
}

MS_TEST(a_root_is_signed_by_the_CA_root_key_it_carries)
{
	refused(&(struct bend){.signer = STRANGER});
	refused(&(struct bend){.signer = ISSUING});
	refused(&(struct bend){.signer = ADMIN});
}

MS_TEST(I14_a_root_is_a_root_for_all_and_in_its_time)
{
	uint64_t now = ms_clock_wall_s();
	refused(&(struct bend){.kind = "admission"});
	refused(&(struct bend){.audience = "agent"});
	refused(&(struct bend){.tenant = "plant"});
	refused(&(struct bend){.epoch = 4});
	refused(&(struct bend){.issued_s = now - 86400, .expires_s = now - 3600});
	refused(&(struct bend){.issued_s = now + 3600});
}

MS_TEST(a_roots_parts_belong_together)
{
	set_up();
	refused(&(struct bend){.issuing = ms_buf_span(&foreign_der)});
	refused(&(struct bend){.issuing = ms_buf_span(&ca_der)});
	refused(&(struct bend){.log = ms_span_str("test/log+00000000+AQ==")});
	refused(&(struct bend){.role = "owner"});
	refused(&(struct bend){.operator_tenant = "Not A Name"});
	refused(&(struct bend){.n_operators = MS_ROOT_OPERATORS_MAX + 1});
}

MS_TEST(I16_no_key_has_two_roles)
{
	set_up();
	refused(&(struct bend){.release = point(INTAKE)});
	refused(&(struct bend){.release = point(CA)});
	refused(&(struct bend){.intake = point(ISSUING)});
	refused(&(struct bend){.token = point(RELEASE)});
	refused(&(struct bend){.token = point(CA)});
	refused(&(struct bend){.token = point(ADMIN)});
	refused(&(struct bend){.operator_key = RELEASE});
	refused(&(struct bend){.operator_key = ISSUING});
}

MS_TEST(I5_a_reader_may_ask_for_results_and_nothing_else)
{
	static const char *const no[] = {"device.show", "device.list", "batch.import", "policy.show", "device.results", "audit.tail", ""};
	struct ms_buf wire;
	struct ms_root *r = NULL;
	struct ms_err err;
	CHECK(ms_role_may("reader", ms_span_str("device.result")) && ms_role_may("reader", ms_span_str("status")));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		CHECK(!ms_role_may("reader", ms_span_str(no[i])));
	CHECK(!ms_role_may("factory", ms_span_str("device.result")));
	make(&(struct bend){.role = "reader"}, &wire);
	CHECK_OK(ms_root_load(ms_buf_span(&wire), NULL, &r, &err), &err);
	ms_root_free(r);
	ms_buf_fini(&wire);
}

MS_TEST(I5_a_factory_may_import_batches_and_nothing_else)
{
	static const char *const no[] = {"device.approve", "secret.put", "policy.set", "batch", "batch.import2", "", "*"};
	CHECK(ms_role_may("factory", ms_span_str("batch.import")) && ms_role_may("factory", ms_span_str("status")));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		CHECK(!ms_role_may("factory", ms_span_str(no[i])));
		CHECK(!ms_role_may("nobody", ms_span_str(no[i])) && !ms_role_may("", ms_span_str(no[i])));
	}
	CHECK(ms_role_may("admin", ms_span_str("device.approve")));
	CHECK(!ms_role_may("Admin", ms_span_str("batch.import")));
}
