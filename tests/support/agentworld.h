/* A server's side in memory, for tests of what an agent believes: keys of a deployment, and answers as a server makes them, each
 * of whose parts a test may change. */
#ifndef MS_TEST_AGENTWORLD_H
#define MS_TEST_AGENTWORLD_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust.h"
#include "crypto/cosesig.h"
#include "proto/data.h"

#define WORLD_NOW UINT64_C(1800000000)
#define WORLD_EK "7777777777777777777777777777777777777777777777777777777777777777"
#define WORLD_DEVICE WORLD_EK "-1"
#define WORLD_PATH "app/db"

static inline void
must(enum ms_rc rc)
{
	if (rc != MS_OK)
		abort();
}

struct world_buf { /* bytes that live as long as the world */
	struct ms_buf b;
};
#define WORLD_BUFS 512u
struct world {
	struct ms_softkey *ca, *issuing, *release, *boot, *log, *other, *other_log, *identity;
	struct ms_root root;
	struct ms_trust trust;
	char vkey[MS_VKEY_TEXT_MAX + 1];
	struct ms_buf bufs[WORLD_BUFS]; /* handed out by world_buf() */
	size_t n_bufs;
	uint8_t ek_hash[32], ak_name[34], ak_public[90], transcript_hash[32], nonce[MS_NONCE_LEN], key_name[34];
};

static inline struct ms_buf *
world_buf(struct world *w)
{
	if (w->n_bufs == WORLD_BUFS)
		abort();
	struct ms_buf *b = &w->bufs[w->n_bufs++];
	ms_buf_init(b, 1u << 20);
	return b;
}

static inline struct ms_softkey *
world_key(enum ms_key_type type)
{
	struct ms_softkey *k = NULL;
	must(ms_softkey_generate(type, &k, NULL));
	return k;
}

static inline struct ms_span
world_cert(struct world *w, struct ms_softkey *signer, struct ms_cert_params *p)
{
	static const uint8_t serial[16] = {0x41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct ms_signer s = ms_softkey_signer(signer);
	struct ms_buf *tbs = world_buf(w), *out = world_buf(w);
	uint8_t sig[MS_SIG_LEN];
	p->serial = ms_span(serial, sizeof serial);
	must(ms_cert_tbs(p, tbs, NULL));
	must(ms_signer_sign(&s, ms_buf_span(tbs), sig, NULL)); /* by whatever key the test says */
	must(ms_cert_assemble(ms_buf_span(tbs), sig, out, NULL));
	return ms_buf_span(out);
}

static inline void
world_cas(struct world *w)
{
	struct ms_cert root;
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .point = ms_pubkey_point(ms_softkey_public(w->ca)).p,
	    .not_before_s = WORLD_NOW - 1000,
	    .not_after_s = WORLD_NOW + 1000000,
	    .deployment = ms_span_str("test")};
	w->root.body.ca_root = world_cert(w, w->ca, &p);
	must(ms_cert_parse_min(w->root.body.ca_root, &root, NULL));
	p.profile = MS_CERT_ISSUING;
	p.point = ms_pubkey_point(ms_softkey_public(w->issuing)).p;
	p.issuer = &root;
	w->root.body.ca_issuing = world_cert(w, w->ca, &p);
}

static inline void
world_new(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->ca = world_key(MS_KEY_P256);
	w->issuing = world_key(MS_KEY_P256);
	w->release = world_key(MS_KEY_P256);
	w->boot = world_key(MS_KEY_P256);
	w->other = world_key(MS_KEY_P256);
	w->identity = world_key(MS_KEY_P256);
	w->log = world_key(MS_KEY_ED25519);
	w->other_log = world_key(MS_KEY_ED25519);
	memset(w->root.deployment, 0xd0, sizeof w->root.deployment);
	memset(w->ek_hash, 0x77, sizeof w->ek_hash);
	memset(w->ak_name, 0x0b, sizeof w->ak_name);
	memset(w->ak_public, 0xaa, sizeof w->ak_public);
	memset(w->transcript_hash, 0x11, sizeof w->transcript_hash);
	memset(w->nonce, 0x22, sizeof w->nonce);
	memset(w->key_name, 0x33, sizeof w->key_name);
	must(ms_pubkey_from_point(ms_pubkey_point(ms_softkey_public(w->release)).p, &w->root.release, NULL));
	struct ms_vkey *v = NULL;
	must(ms_vkey_new("test.log", ms_pubkey_point(ms_softkey_public(w->log)).p, &v, NULL));
	struct ms_buf *text = world_buf(w);
	ms_vkey_build(v, text);
	ms_vkey_free(v);
	w->root.body.log_vkey = ms_buf_span(text);
	w->root.body.trust_domain = ms_span_str("muster.test");
	world_cas(w);
	must(ms_trust_init(&w->root, "default", &w->trust, NULL));
}

static inline void
world_free(struct world *w)
{
	struct ms_softkey *keys[] = {w->ca, w->issuing, w->release, w->boot, w->log, w->other, w->other_log, w->identity};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		ms_softkey_free(keys[i]);
	ms_trust_fini(&w->trust);
	ms_pubkey_free(w->root.release);
	for (size_t i = 0; i < w->n_bufs; i++)
		ms_buf_fini(&w->bufs[i]);
}

/* Who signs, and what around the body. */
struct world_sign {
	struct ms_softkey *by;
	const char *kind, *audience, *tenant;
	uint64_t issued_s, expires_s; /* 0: about now */
};
static inline struct ms_span
world_statement(struct world *w, const struct world_sign *s, const struct ms_cbor_table *table, const void *body)
{
	struct ms_buf *b = world_buf(w), *out = world_buf(w);
	struct ms_signer signer = ms_softkey_signer(s->by);
	must(ms_cbor_build_map(table, body, b, NULL));
	const struct ms_statement_fields f = {.kind = s->kind,
	    .deployment = w->root.deployment,
	    .audience = s->audience,
	    .tenant = s->tenant,
	    .issued_s = s->issued_s != 0 ? s->issued_s : WORLD_NOW - 1,
	    .expires_s = s->expires_s != 0 ? s->expires_s : WORLD_NOW + 120,
	    .body = ms_buf_span(b)};
	must(ms_statement_sign(&signer, &f, out, NULL));
	return ms_buf_span(out);
}

/* An entry alone in the log of this key: its bytes and its ticket. */
struct world_logged {
	struct ms_span entry, ticket;
	struct ms_node leaf;
};
static inline struct world_logged
world_log(struct world *w, struct ms_softkey *log, struct ms_entry e, const struct ms_cbor_table *table, const void *data)
{
	struct ms_buf *bytes = world_buf(w), *ticket = world_buf(w), *note = world_buf(w), *extra = world_buf(w);
	struct world_logged l;
	struct ms_signer signer = ms_softkey_signer(log);
	must(ms_cbor_build_map(table, data, extra, NULL));
	e.data = ms_buf_span(extra);
	must(ms_entry_build(&e, bytes, NULL));
	ms_merkle_leaf(ms_buf_span(bytes), &l.leaf);
	must(ms_checkpoint_sign("test.log", 1, &l.leaf, &signer, note, NULL));
	must(ms_ticket_build(0, NULL, 0, ms_buf_span(note), ticket, NULL));
	l.entry = ms_buf_span(bytes);
	l.ticket = ms_buf_span(ticket);
	return l;
}

static inline struct ms_trust_device
world_device(const struct world *w)
{
	return (struct ms_trust_device){.id = WORLD_DEVICE,
	    .ek_hash = ms_span(w->ek_hash, 32),
	    .ak_public = ms_span(w->ak_public, sizeof w->ak_public),
	    .ak_name = ms_span(w->ak_name, 34),
	    .transcript_hash = ms_span(w->transcript_hash, 32),
	    .now_s = WORLD_NOW};
}

static inline struct ms_entry
world_entry(const char *kind, const uint8_t request[static 32], const uint8_t evidence[static 32])
{
	return (struct ms_entry){.time_s = WORLD_NOW,
	    .tenant = ms_span_str("default"),
	    .kind = ms_span_str(kind),
	    .actor = ms_span_str("device:" WORLD_DEVICE),
	    .subject = ms_span_str(WORLD_DEVICE),
	    .request = ms_span(request, 32),
	    .decision = ms_span_str("ok"),
	    .evidence = ms_span(evidence, 32)};
}

/* ---- challenge ---- */

struct world_challenge {
	struct world_sign key, challenge;
	struct ms_challenge_body body;
};
static inline struct world_challenge
world_challenge(const struct world *w)
{
	return (struct world_challenge){.key = {w->release, "challenge-key", "agent", "*", 0, WORLD_NOW + 86400},
	    .challenge = {w->boot, "challenge", "agent", "default", 0, 0},
	    .body = {.nonce = ms_span(w->nonce, sizeof w->nonce), .purpose = ms_span_str("attest"), .now_s = WORLD_NOW}};
}
static inline struct ms_span
world_challenge_wire(struct world *w, const struct world_challenge *c)
{
	struct ms_buf *out = world_buf(w);
	const struct ms_challenge_key_body key = {.point = ms_pubkey_point(ms_softkey_public(w->boot))};
	const struct ms_challenge_resp r = {.key = world_statement(w, &c->key, &ms_challenge_key_body_table, &key),
	    .challenge = world_statement(w, &c->challenge, &ms_challenge_body_table, &c->body)};
	must(ms_cbor_build_map(&ms_challenge_resp_table, &r, out, NULL));
	return ms_buf_span(out);
}

/* ---- an attested request's answer ---- */

struct world_attested {
	struct world_sign sign;
	struct ms_verdict_body verdict;
	struct ms_entry entry, act;
	struct ms_data_attest data;
	struct ms_softkey *log, *act_log;
	bool no_act, no_act_ticket, no_result;
	struct ms_data_secret_release release;
	struct world_sign secret_sign;
	struct ms_secret_body secret;
	bool other_leaf;
	/* filled */
	uint8_t body_hash[32], request_hash[32], evidence[32];
};
static const uint8_t world_policy[32] = {9};

/* What was "sent". */
static inline struct ms_trust_sent
world_sent(void)
{
	return (struct ms_trust_sent){
	    .body = ms_span_str("body"), .request = ms_span_str("request"), .attest = ms_span_str("attest"), .pcrs = ms_span_str("pcrs")};
}

static inline void
world_attested_init(const struct world *w, struct world_attested *a)
{
	static const uint8_t no_reasons[1] = {0x80}, zero[65] = {0};
	const struct ms_trust_sent sent = world_sent();
	memset(a, 0, sizeof *a);
	ms_sha256(sent.body, a->body_hash);
	ms_sha256(sent.request, a->request_hash);
	ms_evidence_id(sent.attest, sent.pcrs, a->evidence);
	struct ms_span nonce = ms_span(w->nonce, sizeof w->nonce);
	a->sign = (struct world_sign){w->boot, "verdict", WORLD_DEVICE, "default", 0, 0};
	a->verdict = (struct ms_verdict_body){.device = ms_span_str(WORLD_DEVICE),
	    .outcome = ms_span_str("pass"),
	    .state = ms_span_str("trusted"),
	    .nonce = nonce,
	    .next_s = 300,
	    .reasons = ms_span(no_reasons, 1),
	    .policy = ms_span(world_policy, 32)};
	a->entry = world_entry("device.attest", a->body_hash, a->evidence);
	a->entry.policy = ms_span(world_policy, 32);
	a->data = (struct ms_data_attest){.pcrs = ms_span(world_policy, 32), .nonce = nonce};
	a->act = world_entry("secret.release", a->request_hash, a->evidence);
	a->log = a->act_log = w->log;
	a->release = (struct ms_data_secret_release){
	    .path = ms_span_str(WORLD_PATH), .version = 3, .key_name = ms_span(w->key_name, 34), .nonce = nonce};
	a->secret_sign = (struct world_sign){w->release, "secret", WORLD_DEVICE, "default", 0, 0};
	a->secret = (struct ms_secret_body){.path = a->release.path,
	    .version = 3,
	    .enc = ms_span(zero, 65),
	    .ct = ms_span(zero, 32),
	    .nonce = nonce,
	    .evidence = ms_span(a->evidence, 32),
	    .key_name = a->release.key_name};
}

static inline struct ms_span
world_attested_wire(struct world *w, struct world_attested *a)
{
	static const uint8_t other_leaf[32] = {1};
	struct ms_buf *out = world_buf(w);
	struct world_logged entry = world_log(w, a->log, a->entry, &ms_data_attest_table, &a->data);
	struct world_logged act = world_log(w, a->act_log, a->act, &ms_data_secret_release_table, &a->release);
	a->secret.leaf = ms_span(a->other_leaf ? other_leaf : act.leaf.h, 32);
	struct ms_attested_resp r = {
	    .verdict = world_statement(w, &a->sign, &ms_verdict_body_table, &a->verdict), .entry = entry.entry, .ticket = entry.ticket};
	if (!a->no_act) {
		r.act_entry = act.entry;
		r.present |= MS_CBOR_BIT(MS_ATTESTED_RESP_ACT_ENTRY);
	}
	if (!a->no_act && !a->no_act_ticket) {
		r.act_ticket = act.ticket;
		r.present |= MS_CBOR_BIT(MS_ATTESTED_RESP_ACT_TICKET);
	}
	if (!a->no_result) {
		r.result = world_statement(w, &a->secret_sign, &ms_secret_body_table, &a->secret);
		r.present |= MS_CBOR_BIT(MS_ATTESTED_RESP_RESULT);
	}
	must(ms_cbor_build_map(&ms_attested_resp_table, &r, out, NULL));
	return ms_buf_span(out);
}

/* ---- an enrolment's answer ---- */

struct world_enroll {
	const char *status;
	struct world_sign binding_sign, admission_sign;
	struct ms_binding_body binding;
	struct ms_admission_body admission;
	struct ms_entry entry;
	struct ms_softkey *log;
	bool no_entry, no_admission;
};
static inline struct world_enroll
world_enroll(const struct world *w)
{
	const struct ms_trust_device d = world_device(w);
	struct ms_span text = ms_span_str("x");
	return (struct world_enroll){.status = "enrolled",
	    .binding_sign = {w->release, "binding", "server", "default", 0, WORLD_NOW + 86400},
	    .admission_sign = {w->release, "admission", "all", "default", 0, WORLD_NOW + 86400},
	    .binding = {0, ms_span_str(WORLD_DEVICE), d.ek_hash, d.ak_public, d.ak_name, d.transcript_hash, text, text, text},
	    .admission = {0, ms_span_str(WORLD_DEVICE), d.ek_hash, d.ak_public, d.ak_name, text, text, text, ms_span_str("batch:b1")},
	    .entry = world_entry("device.admit", w->transcript_hash, w->transcript_hash),
	    .log = w->log};
}
static inline struct ms_span
world_enroll_wire(struct world *w, const struct world_enroll *e)
{
	struct ms_buf *out = world_buf(w);
	const struct ms_data_life data = {.state = ms_span_str("enrolled"), .reason = ms_span_str("")};
	struct world_logged l = world_log(w, e->log, e->entry, &ms_data_life_table, &data);
	struct ms_enroll_resp r = {.status = ms_span_str(e->status), .device = ms_span_str(WORLD_DEVICE)};
	r.binding = world_statement(w, &e->binding_sign, &ms_binding_body_table, &e->binding);
	r.present = MS_CBOR_BIT(MS_ENROLL_RESP_BINDING);
	if (!e->no_admission) {
		r.admission = world_statement(w, &e->admission_sign, &ms_admission_body_table, &e->admission);
		r.present |= MS_CBOR_BIT(MS_ENROLL_RESP_ADMISSION);
	}
	if (!e->no_entry) {
		r.entry = l.entry;
		r.ticket = l.ticket;
		r.present |= MS_CBOR_BIT(MS_ENROLL_RESP_ENTRY) | MS_CBOR_BIT(MS_ENROLL_RESP_TICKET);
	}
	must(ms_cbor_build_map(&ms_enroll_resp_table, &r, out, NULL));
	return ms_buf_span(out);
}

#endif
