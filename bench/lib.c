/* What the libraries do, per second of CPU, beside the raw operation that bounds it, measured in the same run: raw crypto by
 * `openssl speed`, the disk by a loop of fdatasync. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/entry.h"
#include "audit/ticket.h"
#include "base/clock.h"
#include "base/io.h"
#include "crypto/credential.h"
#include "crypto/cosesig.h"
#include "crypto/hpke.h"
#include "evidence/quote.h"
#include "identity/leafcert.h"
#include "bootlog.h"
#include "ima.h"
#include "measure.h"
#include "peers.h"
#include "tpm.h"
#include "store/store.h"

static struct ms_err err;
#define MUST(call) bench_must((call), #call, &err)

/* ---- evidence ---- */

struct quote {
	struct bench_tpm *tpm;
	struct ms_ak *ak;
	struct ms_buf attest, signature;
	uint8_t extra[32];
};

static void
quote_init(struct quote *q, unsigned flags)
{
	*q = (struct quote){.extra = {7}};
	ms_buf_init(&q->attest, MS_TPM_ATTEST_MAX);
	ms_buf_init(&q->signature, MS_TPM_SIGNATURE_MAX);
	MUST(bench_tpm_new("bench", flags, &q->tpm, &err));
	struct bench_tpm_attest out = {&q->attest, &q->signature};
	MUST(bench_tpm_quote(q->tpm, ms_span(q->extra, 32), MS_PCRS_ATTEST_MASK, &out, &err));
	MUST(ms_ak_new(bench_tpm_ak_public(q->tpm), MS_SPAN_NONE, &q->ak, NULL, &err));
}

static void
quote_fini(struct quote *q)
{
	ms_ak_free(q->ak);
	bench_tpm_free(q->tpm);
	ms_buf_fini(&q->attest);
	ms_buf_fini(&q->signature);
}

static void
verify_with(struct quote *q, const struct ms_ak *ak)
{
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = NULL;
	MUST(ms_quote_take(ms_buf_span(&q->attest), ms_buf_span(&q->signature), &raw, NULL, &err));
	struct ms_quote_check check = {
	    .ak = ak, .extra = ms_span(q->extra, 32), .mask = MS_PCRS_ATTEST_MASK, .pcrs = bench_tpm_pcrs(q->tpm)};
	MUST(ms_quote_verify(raw, &check, &v, NULL, &err));
}

static void
verify_cached(void *ctx)
{
	struct quote *q = ctx;
	verify_with(q, q->ak);
}

static void
verify_fresh(void *ctx)
{
	struct quote *q = ctx;
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	MUST(ms_ak_new(bench_tpm_ak_public(q->tpm), MS_SPAN_NONE, &ak, NULL, &err));
	verify_with(q, ak);
}

static void
credential_once(void *ctx)
{
	const struct quote *q = ctx;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *ek = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf blob, encrypted;
	struct ms_tpm_public area;
	ms_buf_init(&blob, MS_CREDENTIAL_BLOB_MAX);
	ms_buf_init(&encrypted, MS_CREDENTIAL_ENCRYPTED_MAX);
	MUST(ms_tpm_public_parse(bench_tpm_ek_public(q->tpm), &area, &err));
	MUST(ms_pubkey_from_rsa(area.modulus, area.exponent, &ek, &err));
	MUST(ms_secret_from(q->extra, 32, &secret, &err));
	MUST(ms_credential_make(ek, bench_tpm_ak_name(q->tpm).p, secret, &blob, &encrypted, &err));
}

static void
bench_evidence(const struct bench_peers *p)
{
	struct quote ecc, rsa;
	quote_init(&ecc, BENCH_TPM_EK_ECC);
	quote_init(&rsa, BENCH_TPM_AK_RSA);
	bench_heading("evidence (per CPU second)");
	bench_line("verify a quote, P-256, AK kept", bench_rate_cpu(verify_cached, &ecc), "openssl speed: ECDSA verify", p->ecdsa_verify);
	bench_line("verify a quote, P-256, AK decoded each time", bench_rate_cpu(verify_fresh, &ecc), "openssl speed: ECDSA verify",
	    p->ecdsa_verify);
	bench_line(
	    "verify a quote, RSA-2048, AK kept", bench_rate_cpu(verify_cached, &rsa), "openssl speed: RSA-2048 verify", p->rsa_verify);
	bench_line("verify a quote, RSA-2048, AK decoded each time", bench_rate_cpu(verify_fresh, &rsa), "openssl speed: RSA-2048 verify",
	    p->rsa_verify);
	bench_line(
	    "make a credential for an RSA-2048 EK", bench_rate_cpu(credential_once, &rsa), "openssl speed: RSA-2048 verify", p->rsa_verify);
	quote_fini(&ecc);
	quote_fini(&rsa);
}

/* ---- certificates ---- */

struct ca {
	struct ms_softkey *root_key, *key, *subject;
	struct ms_buf root, issuing, statement;
	uint8_t serial[16];
	uint64_t now_s;
};

static const uint8_t *
point_of(const struct ms_softkey *k)
{
	return ms_pubkey_point(ms_softkey_public(k)).p;
}

static void
ca_init(struct ca *c)
{
	struct ms_cert root;
	*c = (struct ca){.serial = {0x41, 2, 3}, .now_s = ms_clock_wall_s()};
	ms_buf_init(&c->root, MS_CERT_MAX);
	ms_buf_init(&c->issuing, MS_CERT_MAX);
	ms_buf_init(&c->statement, 4096);
	MUST(ms_softkey_generate(MS_KEY_P256, &c->root_key, &err));
	MUST(ms_softkey_generate(MS_KEY_P256, &c->key, &err));
	MUST(ms_softkey_generate(MS_KEY_P256, &c->subject, &err));
	struct ms_signer s = ms_softkey_signer(c->root_key);
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(c->serial, 16),
	    .point = point_of(c->root_key),
	    .not_before_s = c->now_s,
	    .not_after_s = c->now_s + MS_CERT_ROOT_LIFE_S / 2,
	    .deployment = ms_span_str("bench")};
	MUST(ms_cert_issue(&s, &p, &c->root, &err));
	MUST(ms_cert_parse_min(ms_buf_span(&c->root), &root, &err));
	p.profile = MS_CERT_ISSUING, p.issuer = &root, p.point = point_of(c->key), p.not_after_s = c->now_s + MS_CERT_ISSUING_LIFE_S / 2;
	MUST(ms_cert_issue(&s, &p, &c->issuing, &err));
}

static void
ca_fini(struct ca *c)
{
	ms_softkey_free(c->root_key);
	ms_softkey_free(c->key);
	ms_softkey_free(c->subject);
	ms_buf_fini(&c->root);
	ms_buf_fini(&c->issuing);
	ms_buf_fini(&c->statement);
}

static void
issue_once(void *ctx)
{
	struct ca *c = ctx;
	uint8_t sig[MS_SIG_LEN];
	MS_OWN(ms_buf_fini) struct ms_buf tbs, der;
	ms_buf_init(&tbs, MS_CERT_MAX);
	ms_buf_init(&der, MS_CERT_MAX);
	struct ms_leafcert l = {.issuing = ms_buf_span(&c->issuing),
	    .serial = ms_span(c->serial, 16),
	    .point = point_of(c->subject),
	    .not_before_s = c->now_s,
	    .not_after_s = c->now_s + 3600,
	    .trust_domain = ms_span_str("bench.example"),
	    .tenant = ms_span_str("default"),
	    .device = ms_span_str("4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d-1"),
	    .hw_serial = ms_span_str("SN-0001")};
	struct ms_signer s = ms_softkey_signer(c->key);
	MUST(ms_leafcert_tbs(&l, &tbs, &err));
	MUST(ms_signer_sign(&s, ms_buf_span(&tbs), sig, &err));
	MUST(ms_cert_assemble(ms_buf_span(&tbs), sig, &der, &err));
}

static const uint8_t deployment[16] = {1};

static void
statement_sign_once(void *ctx)
{
	struct ca *c = ctx;
	struct ms_signer s = ms_softkey_signer(c->key);
	struct ms_statement_fields f = {.kind = "challenge",
	    .deployment = deployment,
	    .audience = "agent",
	    .tenant = "default",
	    .issued_s = c->now_s,
	    .expires_s = c->now_s + 120,
	    .body = ms_span("\xa1\x01\x58\x20"
			    "0123456789abcdef0123456789abcdef",
		36)};
	ms_buf_reset(&c->statement);
	MUST(ms_statement_sign(&s, &f, &c->statement, &err));
}

static void
statement_verify_once(void *ctx)
{
	struct ca *c = ctx;
	struct ms_statement st;
	struct ms_statement_expect x = {
	    .kind = "challenge", .deployment = deployment, .audience = "agent", .tenant = "default", .now_s = c->now_s};
	MUST(ms_statement_verify(ms_buf_span(&c->statement), ms_softkey_public(c->key), &x, &st, &err));
}

static void
bench_identity(const struct bench_peers *p)
{
	struct ca c;
	ca_init(&c);
	bench_heading("certificates and statements (per CPU second)");
	bench_line("issue a P-256 device certificate", bench_rate_cpu(issue_once, &c), "openssl speed: ECDSA sign", p->ecdsa_sign);
	bench_line("sign a statement (COSE_Sign1)", bench_rate_cpu(statement_sign_once, &c), "openssl speed: ECDSA sign", p->ecdsa_sign);
	bench_line("verify a statement", bench_rate_cpu(statement_verify_once, &c), "openssl speed: ECDSA verify", p->ecdsa_verify);
	ca_fini(&c);
}

/* ---- secrets ---- */

struct sealing {
	struct ms_ecdh_key *key;
	struct ms_secret *secret;
	struct ms_buf ct;
	uint8_t point[MS_POINT_LEN], enc[MS_HPKE_ENC_LEN];
};

static void
seal_once(void *ctx)
{
	struct sealing *s = ctx;
	struct ms_hpke_to to = {.point = s->point, .info = ms_span_str("bench")};
	ms_buf_reset(&s->ct);
	MUST(ms_hpke_seal(&to, s->secret, s->enc, &s->ct, &err));
}

static void
open_once(void *ctx)
{
	struct sealing *s = ctx;
	MS_OWN(ms_secret_free) struct ms_secret *got = NULL;
	struct ms_ecdh e = ms_ecdh_key_ecdh(s->key);
	struct ms_hpke_from from = {.key = &e, .info = ms_span_str("bench")};
	MUST(ms_hpke_open(&from, s->enc, ms_buf_span(&s->ct), &got, &err));
}

static void
secret_once(void *ctx)
{
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	(void)ctx;
	MUST(ms_secret_new(32, &s, &err));
	memset(ms_secret_bytes(s), 1, 32);
}

static void
bench_secrets(const struct bench_peers *p)
{
	struct sealing s = {.key = NULL};
	ms_buf_init(&s.ct, 1024);
	MUST(ms_ecdh_key_generate(&s.key, &err));
	MUST(ms_secret_from("correct horse battery staple", 28, &s.secret, &err));
	struct ms_ecdh e = ms_ecdh_key_ecdh(s.key);
	memcpy(s.point, e.point, sizeof s.point);
	/* to seal is to make a key pair (as costly as a signature) and to derive */
	double derive_s = 1 / p->ecdh + 1 / p->ecdsa_sign;
	bench_heading("secrets (per CPU second)");
	bench_line("HPKE seal", bench_rate_cpu(seal_once, &s), "openssl speed: ECDH + ECDSA sign", 1 / derive_s);
	bench_line("HPKE open", bench_rate_cpu(open_once, &s), "openssl speed: ECDH", p->ecdh);
	bench_line("locked memory for one secret, taken and given back", bench_rate_cpu(secret_once, NULL), NULL, 0);
	ms_ecdh_key_free(s.key);
	ms_secret_free(s.secret);
	ms_buf_fini(&s.ct);
}

/* ---- the log ---- */

#define LOG_BATCH 100u
struct log {
	struct ms_softkey *key;
	struct ms_signer signer;
	struct ms_vkey *vkey;
	struct ms_frontier frontier;
	struct ms_batch batch;
	struct ms_buf entries[LOG_BATCH], checkpoint, ticket;
	struct ms_ticket_memo memo;
};

/* As notary and core do it: hash the entries, integrate, sign one checkpoint, make a ticket of each. */
static void
log_append(void *ctx)
{
	struct log *l = ctx;
	struct ms_node leaves[LOG_BATCH];
	for (size_t i = 0; i < LOG_BATCH; i++)
		ms_merkle_leaf(ms_buf_span(&l->entries[i]), &leaves[i]);
	MUST(ms_frontier_append_batch(&l->frontier, leaves, LOG_BATCH, &l->batch, &err));
	ms_buf_reset(&l->checkpoint);
	MUST(ms_checkpoint_sign("bench.example/log", l->batch.size, &l->batch.root, &l->signer, &l->checkpoint, &err));
	for (size_t i = 0; i < LOG_BATCH; i++) {
		size_t n;
		const struct ms_node *proof = ms_batch_proof(&l->batch, i, &n);
		ms_buf_reset(&l->ticket);
		MUST(ms_ticket_build(l->batch.first + i, proof, n, ms_buf_span(&l->checkpoint), &l->ticket, &err));
	}
}

static void
ticket_alone(void *ctx)
{
	struct log *l = ctx;
	struct ms_ticket t;
	MUST(ms_ticket_verify(ms_buf_span(&l->ticket), ms_buf_span(&l->entries[LOG_BATCH - 1]), l->vkey, NULL, &t, &err));
}

static void
ticket_memo(void *ctx)
{
	struct log *l = ctx;
	struct ms_ticket t;
	MUST(ms_ticket_verify(ms_buf_span(&l->ticket), ms_buf_span(&l->entries[LOG_BATCH - 1]), l->vkey, &l->memo, &t, &err));
}

static void
entry_make(uint64_t seq, struct ms_buf *out)
{
	static const uint8_t digest[32] = {9};
	struct ms_entry e = {.seq = seq,
	    .time_s = ms_clock_wall_s(),
	    .tenant = ms_span_str("default"),
	    .kind = ms_span_str("device.attest"),
	    .actor = ms_span_str("device:4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d-1"),
	    .subject = ms_span_str("4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d4f2a8c1d-1"),
	    .request = ms_span(digest, 32),
	    .decision = ms_span_str("ok"),
	    .policy = ms_span(digest, 32),
	    .evidence = ms_span(digest, 32)};
	ms_buf_reset(out);
	MUST(ms_entry_build(&e, out, &err));
}

static void
bench_log(const struct bench_peers *p)
{
	static struct log l; /* large */
	ms_frontier_init(&l.frontier);
	ms_buf_init(&l.checkpoint, MS_NOTE_MAX);
	ms_buf_init(&l.ticket, MS_TICKET_MAX);
	for (size_t i = 0; i < LOG_BATCH; i++) {
		ms_buf_init(&l.entries[i], MS_ENTRY_MAX);
		entry_make(i, &l.entries[i]);
	}
	MUST(ms_softkey_generate(MS_KEY_ED25519, &l.key, &err));
	l.signer = ms_softkey_signer(l.key);
	MUST(ms_vkey_new("bench.example/log", ms_pubkey_point(ms_softkey_public(l.key)).p, &l.vkey, &err));
	for (unsigned i = 0; i < 100; i++) /* so that proofs have a usual length */
		log_append(&l);
	bench_heading("the log (per CPU second)");
	bench_line("append an entry, integrated, signed, with ticket (100 each)", bench_rate_cpu(log_append, &l) * LOG_BATCH,
	    "openssl speed: SHA-256 of 65 bytes", p->sha256_65);
	ticket_alone(&l);
	bench_line("verify a ticket alone", bench_rate_cpu(ticket_alone, &l), "openssl speed: Ed25519 verify", p->ed25519_verify);
	bench_line("verify a ticket of a checkpoint seen before", bench_rate_cpu(ticket_memo, &l), "openssl speed: Ed25519 verify",
	    p->ed25519_verify);
	for (size_t i = 0; i < LOG_BATCH; i++)
		ms_buf_fini(&l.entries[i]);
	ms_buf_fini(&l.checkpoint);
	ms_buf_fini(&l.ticket);
	ms_batch_fini(&l.batch);
	ms_vkey_free(l.vkey);
	ms_softkey_free(l.key);
}

/* ---- the store ---- */

struct disk {
	struct ms_store *store;
	struct ms_buf entry;
	uint64_t next;
	unsigned batch;
	int fd;
};

static void
commit_once(void *ctx)
{
	struct disk *d = ctx;
	uint8_t key[8];
	MUST(ms_store_begin(d->store, &err));
	for (unsigned i = 0; i < d->batch; i++) {
		ms_store_key_u64(d->next++, key);
		MUST(ms_store_insert(d->store, MS_TABLE_ENTRIES, ms_span(key, 8), ms_buf_span(&d->entry), &err));
	}
	MUST(ms_store_commit(d->store, &err));
}

/* The limit: one page written where the file already has blocks, then synced. */
static void
sync_once(void *ctx)
{
	struct disk *d = ctx;
	uint8_t page[4096];
	memset(page, (int)(d->next++ & 0xff), sizeof page);
	if (pwrite(d->fd, page, sizeof page, 0) != (ssize_t)sizeof page || fdatasync(d->fd) != 0)
		bench_must(MS_ERR_IO, "fdatasync", NULL);
}

static void
bench_disk(const char *dir)
{
	char path[512], what[80];
	struct disk d = {.fd = -1};
	ms_buf_init(&d.entry, MS_ENTRY_MAX);
	entry_make(0, &d.entry);
	(void)snprintf(path, sizeof path, "%s/sync", dir);
	d.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d.fd < 0)
		bench_must(MS_ERR_IO, path, NULL);
	double syncs = bench_rate_wall(sync_once, &d);
	(void)snprintf(path, sizeof path, "%s/store.db", dir);
	MUST(ms_store_open(path, MS_STORE_CREATE, &d.store, &err));
	bench_heading("the store, every commit synced (per second)");
	for (d.batch = 1; d.batch <= 1000; d.batch *= 10) {
		(void)snprintf(what, sizeof what, "rows of %zu bytes, %u in a commit", d.entry.len, d.batch);
		bench_line(what, bench_rate_wall(commit_once, &d) * d.batch, "fdatasync of one page", syncs);
	}
	ms_store_close(d.store);
	ms_fd_close(d.fd);
	ms_buf_fini(&d.entry);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		(void)fprintf(stderr, "usage: bench-lib DIRECTORY (new, on the disk to measure)\n");
		return 2;
	}
	struct bench_peers p = bench_peers();
	bench_evidence(&p);
	bench_bootlog(&p);
	bench_ima(&p);
	bench_identity(&p);
	bench_secrets(&p);
	bench_log(&p);
	bench_disk(argv[1]);
	return 0;
}
