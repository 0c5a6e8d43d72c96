#include "support/keeper_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/rd.h"
#include "crypto/cosesig.h"
#include "crypto/hpke.h"
#include "fleet/device_id.h"
#include "identity/leafcert.h"
#include "ipc/core_notary.h"
#include "ipc/table.h"
#include "support/test.h"

#define WAIT_MS 30000

static const struct ms_ipc_row keeper_rows[] = {
#define ROW(type) \
	{ \
		type, #type, MS_IPC_ANY_STATE, false, false, 1, MS_ACT_FRAME_MAX, NULL \
	}
    ROW(MS_ACT_CREDENTIAL),
    ROW(MS_ACT_PROOF),
    ROW(MS_ACT_CHALLENGE_KEY),
    ROW(MS_ACT_TLS_CERT),
    ROW(MS_ACT_BIND),
    ROW(MS_ACT_ADMIT),
    ROW(MS_ACT_IDENTITY),
    ROW(MS_ACT_SECRET_PUT),
    ROW(MS_ACT_SECRET_RELEASE),
    ROW(MS_ACT_CRL),
    ROW(MS_ACT_RESULT),
#undef ROW
};
static const struct ms_ipc_table keeper_table = MS_IPC_TABLE("keeper->test", keeper_rows);
static const struct ms_ipc_row notary_rows[] = {
    {MS_NOTARY_APPENDED, "appended", MS_IPC_ANY_STATE, false, false, 10, MS_NOTARY_FRAME_MAX, NULL},
    {MS_NOTARY_SIZE, "size", MS_IPC_ANY_STATE, false, false, 42, 8192, NULL},
    {MS_NOTARY_WRONG_SIZE, "wrong-size", MS_IPC_ANY_STATE, false, false, 8, 8, NULL},
    {MS_NOTARY_ERROR, "error", MS_IPC_ANY_STATE, false, false, 0, 512, NULL},
};
static const struct ms_ipc_table notary_table = MS_IPC_TABLE("notary->test", notary_rows);
static const char *const server_names[] = {"localhost", "127.0.0.1", NULL};

/* ---- processes ---- */

static void
start_owner(struct rig *r, bool keeper)
{
	struct ms_err err;
	char dir[200];
	int to_token, pair[2];
	struct roleproc *token = keeper ? &r->keeper_token : &r->notary_token, *role = keeper ? &r->keeper : &r->notary;
	(void)snprintf(dir, sizeof dir, "%.100s/%s", r->d.dir, keeper ? "keeper" : "notary");
	CHECK_OK(ms_io_mkdir(dir, 0700, &err), &err);
	deployment_start_token(&r->d, keeper ? &r->d.keeper : &r->d.notary, token, &to_token);
	const struct role_pair pairs[] = {{.key = "state_dir", .text = dir}, {.key = "deployment_dir", .text = r->d.public_dir},
	    {.key = "server_names", .list = server_names}};
	socket_pair(pair);
	const int fds[] = {pair[1], to_token};
	roleproc_start(role, keeper ? MS_PROGRAM_KEEPER : MS_PROGRAM_NOTARY, keeper ? "keeper" : "notary", pairs, 3, fds, 2);
	CHECK_OK(ms_chan_new(
		     pair[0], keeper ? &keeper_table : &notary_table, 4 * MS_ACT_FRAME_MAX, keeper ? &r->to_keeper : &r->to_notary, &err),
	    &err);
	CHECK(roleproc_ready(role, WAIT_MS));
}

void
rig_start_notary(struct rig *r)
{
	ms_chan_free(r->to_notary);
	r->to_notary = NULL;
	start_owner(r, false);
}

void
rig_start_keeper(struct rig *r)
{
	ms_chan_free(r->to_keeper);
	r->to_keeper = NULL;
	start_owner(r, true);
}

void
rig_start(struct rig *r, bool softhsm)
{
	*r = (struct rig){.size = 0};
	deployment_new(&r->d, softhsm);
	start_owner(r, true);
	start_owner(r, false);
}

void
rig_stop(struct rig *r)
{
	ms_chan_free(r->to_keeper);
	ms_chan_free(r->to_notary);
	CHECK_INT(roleproc_wait(&r->keeper, 5000), 0);
	CHECK_INT(roleproc_wait(&r->notary, 5000), 0);
	CHECK_INT(roleproc_wait(&r->keeper_token, 5000), 0);
	CHECK_INT(roleproc_wait(&r->notary_token, 5000), 0);
	deployment_fini(&r->d);
}

/* ---- the log ---- */

void
rig_log(struct rig *r, struct ms_span entry, struct ms_buf *ticket)
{
	struct ms_err err;
	struct ms_node leaf, proof[MS_PROOF_MAX];
	struct ms_buf q;
	struct ms_frame a;
	ms_merkle_leaf(entry, &leaf);
	ms_buf_init(&q, 64);
	ms_buf_u64(&q, r->size);
	ms_buf_put(&q, leaf.h, sizeof leaf.h);
	const struct ms_frame f = {.type = MS_NOTARY_APPEND, .id = ++r->id, .payload = ms_buf_span(&q), .fd = -1};
	CHECK_OK(ms_chan_ask(r->to_notary, &f, WAIT_MS, &a, &err), &err);
	CHECK_INT(a.type, MS_NOTARY_APPENDED);
	struct ms_rd rd = ms_rd_span(a.payload);
	CHECK(ms_rd_u64(&rd) == r->size + 1);
	struct ms_span checkpoint = ms_rd_tpm2b(&rd, 4096);
	size_t n = ms_rd_u8(&rd);
	CHECK(n <= MS_PROOF_MAX);
	ms_rd_copy(&rd, proof, n * MS_NODE_LEN);
	CHECK(ms_rd_done(&rd));
	CHECK_OK(ms_ticket_build(r->size, proof, n, checkpoint, ticket, &err), &err);
	r->size++;
	ms_buf_fini(&q);
}

/* ---- acts ---- */

void
rig_act_init(struct rig_act *a, unsigned type, const char *kind)
{
	static const uint8_t request[32];
	*a = (struct rig_act){.type = type};
	ms_buf_init(&a->params, 1u << 20);
	ms_buf_init(&a->wire, MS_ENTRY_MAX);
	ms_buf_init(&a->ticket, MS_TICKET_MAX);
	if (kind == NULL)
		return;
	a->entry = (struct ms_entry){.kind = ms_span_str(kind),
	    .tenant = ms_span_str(TEST_TENANT),
	    .actor = ms_span_str("server"),
	    .decision = ms_span_str("ok"),
	    .request = ms_span(request, sizeof request)};
}

static void
free_span(struct ms_span s)
{
	free((void *)(uintptr_t)s.p);
}

void
rig_act_fini(struct rig_act *a)
{
	if (a->entry.data.len > 0) /* the one member that is made on the heap */
		free_span(a->entry.data);
	ms_buf_fini(&a->params);
	ms_buf_fini(&a->wire);
	ms_buf_fini(&a->ticket);
}

static void
log_entry(struct rig *r, struct rig_act *a)
{
	struct ms_err err;
	ms_sha256(ms_buf_span(&a->params), a->digest);
	if (!a->keep_digest)
		a->entry.act = ms_span(a->digest, sizeof a->digest);
	if (!a->keep_time)
		a->entry.time_s = ms_clock_wall_s();
	if (!a->keep_seq)
		a->entry.seq = r->size;
	CHECK_OK(ms_entry_build(&a->entry, &a->wire, &err), &err);
	rig_log(r, ms_buf_span(&a->wire), &a->ticket);
}

static enum ms_rc
take_answer(const struct ms_frame *f, struct ms_buf *result)
{
	struct ms_err err;
	struct ms_act_done d;
	CHECK_OK(ms_cbor_parse_map(&ms_act_done_table, f->payload, &d, &err), &err);
	if (MS_CBOR_HAS(&d, MS_ACT_DONE_RESULT)) {
		if (result != NULL) {
			ms_buf_reset(result);
			ms_buf_put_span(result, d.result);
			CHECK(!result->bad);
		}
		return MS_OK;
	}
	if (getenv("RIG_VERBOSE") != NULL)
		print_message("keeper: %.*s %.*s\n", (int)d.code.len, (const char *)d.code.p, (int)d.text.len, (const char *)d.text.p);
	for (unsigned rc = 1; rc < MS_RC_COUNT; rc++)
		if (ms_span_eq(d.code, ms_span_str(ms_rc_name((enum ms_rc)rc))))
			return (enum ms_rc)rc;
	fail_msg("keeper answered a code that is none");
	return MS_ERR_INTERNAL;
}

/* With RIG_SEEDS set to a directory: the first act of each type, as fuzz/fuzz_keeper_act.c reads it. */
static void
save_seed(unsigned type, struct ms_span payload)
{
	static bool saved[MS_ACT_END];
	const char *dir = getenv("RIG_SEEDS");
	char path[300];
	struct ms_buf b;
	if (dir == NULL || type >= MS_ACT_END || saved[type])
		return;
	saved[type] = true;
	(void)snprintf(path, sizeof path, "%.200s/act-%u", dir, type);
	ms_buf_init(&b, MS_ACT_FRAME_MAX);
	ms_buf_u8(&b, (uint8_t)type);
	ms_buf_put_span(&b, payload);
	CHECK(ms_io_write_file(path, 0644, ms_buf_span(&b), NULL) == MS_OK);
	ms_buf_fini(&b);
}

enum ms_rc
rig_send(struct rig *r, struct rig_act *a, struct ms_buf *result)
{
	struct ms_err err;
	struct ms_buf payload;
	struct ms_frame answer;
	struct ms_act act = {.params = ms_buf_span(&a->params)};
	if (a->entry.kind.len > 0 && a->ticket.len == 0)
		log_entry(r, a);
	if (a->wire.len > 0) {
		act.entry = ms_buf_span(&a->wire);
		act.present |= MS_CBOR_BIT(MS_ACT_ENTRY);
	}
	if (a->ticket.len > 0) {
		act.ticket = ms_buf_span(&a->ticket);
		act.present |= MS_CBOR_BIT(MS_ACT_TICKET);
	}
	ms_buf_init(&payload, MS_ACT_FRAME_MAX);
	CHECK_OK(ms_cbor_build_map(&ms_act_table, &act, &payload, &err), &err);
	save_seed(a->type, ms_buf_span(&payload));
	const struct ms_frame f = {.type = (uint16_t)a->type, .id = ++r->id, .payload = ms_buf_span(&payload), .fd = -1};
	CHECK_OK(ms_chan_ask(r->to_keeper, &f, WAIT_MS, &answer, &err), &err);
	ms_buf_fini(&payload);
	CHECK_INT(answer.type, a->type);
	return take_answer(&answer, result);
}

bool
rig_raw(struct rig *r, unsigned type, struct ms_span payload)
{
	struct ms_frame answer;
	const struct ms_frame f = {.type = (uint16_t)type, .id = ++r->id, .payload = payload, .fd = -1};
	return ms_chan_ask(r->to_keeper, &f, WAIT_MS, &answer, NULL) == MS_OK;
}

static void
set_data(struct rig_act *a, const struct ms_cbor_table *t, const void *data)
{
	struct ms_err err;
	struct ms_buf b;
	ms_buf_init(&b, MS_ENTRY_DATA_MAX);
	CHECK_OK(ms_cbor_build_map(t, data, &b, &err), &err);
	a->entry.data = ms_span(test_dup(b.p, b.len), b.len);
	ms_buf_fini(&b);
}

/* Memory for spans of an entry that must outlive their maker; one test uses few. */
static struct ms_span
keep(const void *p, size_t len)
{
	static uint8_t ring[64][128];
	static size_t at;
	uint8_t *slot = ring[at++ % 64];
	CHECK(len <= sizeof ring[0]);
	memcpy(slot, p, len);
	return ms_span(slot, len);
}

static struct ms_span
keep_hash(struct ms_span s)
{
	uint8_t h[32];
	ms_sha256(s, h);
	return keep(h, sizeof h);
}

/* ---- enrolment ---- */

void
rig_device_init(struct rig_device *v, const char *name, const char *serial, const char *model)
{
	*v = (struct rig_device){.name = name, .serial = serial, .model = model};
	softtpm_init(&v->tpm);
	ms_device_id(v->tpm.ek_hash, 1, v->id);
	ms_buf_init(&v->transcript, 4096);
	ms_buf_init(&v->binding, 8192);
	ms_buf_init(&v->admission, 8192);
}

void
rig_device_fini(struct rig_device *v)
{
	softtpm_fini(&v->tpm);
	ms_buf_fini(&v->transcript);
	ms_buf_fini(&v->binding);
	ms_buf_fini(&v->admission);
}

void
rig_nonce(uint64_t expires_s, uint8_t ret[static MS_NONCE_LEN])
{
	struct ms_err err;
	CHECK_OK(ms_random(ret, MS_NONCE_LEN, &err), &err);
	for (size_t i = 0; i < 8; i++)
		ret[16 + i] = (uint8_t)(expires_s >> 8 * (7 - i));
}

void
rig_credential(struct rig *r, struct rig_device *v)
{
	struct ms_err err;
	uint8_t nonce[MS_NONCE_LEN];
	struct rig_act a;
	struct ms_buf result;
	struct ms_credential c;
	struct ms_secret *secret = NULL;
	rig_nonce(ms_clock_wall_s() + 100, nonce);
	const struct softtpm_enrolment e = {.deployment = r->d.root->deployment,
	    .tenant = TEST_TENANT,
	    .name = v->name,
	    .serial = v->serial,
	    .model = v->model,
	    .nonce = nonce};
	ms_buf_reset(&v->transcript);
	softtpm_transcript(&v->tpm, &e, &v->transcript);
	ms_buf_init(&result, 4096);
	rig_act_init(&a, MS_ACT_CREDENTIAL, NULL);
	const struct ms_act_credential p = {.transcript = ms_buf_span(&v->transcript)};
	CHECK_OK(ms_cbor_build_map(&ms_act_credential_table, &p, &a.params, &err), &err);
	CHECK_INT(rig_send(r, &a, &result), MS_OK);
	CHECK_OK(ms_cbor_parse_map(&ms_credential_table, ms_buf_span(&result), &c, &err), &err);
	CHECK_OK(softtpm_activate(&v->tpm, c.blob, c.secret, &secret, &err), &err);
	softtpm_proof(secret, ms_buf_span(&v->transcript), v->proof);
	ms_secret_free(secret);
	rig_act_fini(&a);
	ms_buf_fini(&result);
}

/* A quote of `tpm` over a request. */
static void
make_quote(struct rig *r, struct softtpm *tpm, const struct ms_bind_quote *b, struct softtpm_attest *ret)
{
	struct ms_err err;
	uint8_t extra[MS_BIND_LEN];
	struct ms_bind_quote q = *b;
	q.authority = ms_span(ms_pubkey_id(r->d.root->release), MS_KEY_ID_LEN);
	CHECK_OK(ms_bind_quote(&q, extra, &err), &err);
	softtpm_quote(tpm, extra, ret);
}

static struct ms_span
evidence_id(const struct softtpm_attest *quote, const struct ms_buf *pcrs)
{
	uint8_t id[MS_BIND_LEN];
	ms_evidence_id(softtpm_attest_span(quote), ms_buf_span(pcrs), id);
	return keep(id, sizeof id);
}

static const uint8_t default_exporter[32] = {0xee};

void
rig_make_bind(struct rig *r, struct rig_device *v, struct softtpm *quoter, struct rig_act *a)
{
	struct ms_err err;
	struct ms_transcript t;
	struct softtpm_attest quote;
	struct ms_buf pcrs;
	static const uint8_t claims[32] = {1};
	ms_buf_init(&pcrs, MS_PCRS_WIRE_MAX);
	softtpm_pcrs(quoter, &pcrs);
	CHECK_OK(ms_cbor_parse_map(&ms_transcript_table, ms_buf_span(&v->transcript), &t, &err), &err);
	const struct ms_bind_quote b = {.purpose = MS_PURPOSE_ENROLL,
	    .tenant = ms_span_str(TEST_TENANT),
	    .device = ms_span_str(v->tpm.ek_hex),
	    .nonce = t.nonce,
	    .request = ms_buf_span(&v->transcript),
	    .exporter = ms_span(default_exporter, 32)};
	make_quote(r, quoter, &b, &quote);
	rig_act_init(a, MS_ACT_BIND, "device.bind");
	const struct ms_act_bind p = {.transcript = ms_buf_span(&v->transcript),
	    .proof = ms_span(v->proof, sizeof v->proof),
	    .attest = softtpm_attest_span(&quote),
	    .signature = softtpm_signature_span(&quote),
	    .pcrs = ms_buf_span(&pcrs),
	    .exporter = b.exporter};
	CHECK_OK(ms_cbor_build_map(&ms_act_bind_table, &p, &a->params, &err), &err);
	struct ms_span hash = keep_hash(ms_buf_span(&v->transcript));
	const struct ms_data_bind data = {.ek_hash = ms_span(v->tpm.ek_hash, 32),
	    .ak_public = softtpm_area(&v->tpm.ak_public),
	    .ak_name = ms_tpm_name_span(&v->tpm.ak_name),
	    .transcript_hash = hash,
	    .claims = ms_span(claims, 32),
	    .status = ms_span_str("expected")};
	set_data(a, &ms_data_bind_table, &data);
	a->entry.subject = ms_span_str(v->id);
	a->entry.request = hash;
	a->entry.evidence = evidence_id(&quote, &pcrs);
	ms_buf_fini(&pcrs);
}

void
rig_bind(struct rig *r, struct rig_device *v)
{
	struct rig_act a;
	rig_make_bind(r, v, &v->tpm, &a);
	CHECK_INT(rig_send(r, &a, &v->binding), MS_OK);
	rig_act_fini(&a);
}

/* ---- authority ---- */

static void
sign_as(struct ms_softkey *by, struct rig *r, const struct ms_statement_fields *f, struct ms_buf *out)
{
	struct ms_err err;
	struct ms_signer s = ms_softkey_signer(by);
	struct ms_statement_fields g = *f;
	g.deployment = r->d.root->deployment;
	g.audience = "server";
	CHECK_OK(ms_statement_sign(&s, &g, out, &err), &err);
}

void
rig_make_batch(struct rig *r, const struct rig_device *v, struct ms_softkey *by, const char *tenant, struct rig_batch *b)
{
	struct ms_err err;
	struct ms_buf rows[3], body;
	struct ms_node leaves[3], root;
	struct ms_memtree *tree = NULL;
	struct ms_proof proof;
	uint8_t other[32] = {9};
	for (size_t i = 0; i < 3; i++) {
		ms_buf_init(&rows[i], 512);
		other[1] = (uint8_t)i;
		const struct ms_manifest_row row = {.serial = ms_span_str(i == 1 ? v->serial : "SN-other"),
		    .model = ms_span_str(i == 1 ? v->model : "other"),
		    .ek_hash = i == 1 ? ms_span(v->tpm.ek_hash, 32) : ms_span(other, 32)};
		CHECK_OK(ms_cbor_build_map(&ms_manifest_row_table, &row, &rows[i], &err), &err);
		ms_merkle_leaf(ms_buf_span(&rows[i]), &leaves[i]);
	}
	CHECK_OK(ms_memtree_new(leaves, 3, &tree, &err), &err);
	struct ms_tree t = ms_memtree_tree(tree);
	CHECK_OK(ms_tree_root(&t, 3, &root, &err), &err);
	CHECK_OK(ms_tree_prove(&t, 1, 3, &proof, &err), &err);
	*b = (struct rig_batch){.index = 1};
	ms_buf_init(&b->statement, 8192);
	ms_buf_init(&b->row, 512);
	ms_buf_init(&b->proof, 2048);
	ms_buf_put_span(&b->row, ms_buf_span(&rows[1]));
	ms_buf_put(&b->proof, proof.node, proof.n * MS_NODE_LEN);
	const struct ms_manifest_body m = {
	    .id = ms_span_str("lot-1"), .maker = ms_span_str("maker"), .count = 3, .root = ms_span(root.h, sizeof root.h)};
	ms_buf_init(&body, 1024);
	CHECK_OK(ms_cbor_build_map(&ms_manifest_body_table, &m, &body, &err), &err);
	uint64_t now = ms_clock_wall_s();
	const struct ms_statement_fields f = {
	    .kind = "manifest", .tenant = tenant, .issued_s = now, .expires_s = now + 86400, .body = ms_buf_span(&body)};
	sign_as(by, r, &f, &b->statement);
	ms_buf_fini(&body);
	for (size_t i = 0; i < 3; i++)
		ms_buf_fini(&rows[i]);
	ms_memtree_free(tree);
}

void
rig_batch_fini(struct rig_batch *b)
{
	ms_buf_fini(&b->statement);
	ms_buf_fini(&b->row);
	ms_buf_fini(&b->proof);
}

static void
admit_data(struct rig_act *a, const char *authority)
{
	static const uint8_t claims[32] = {1};
	const struct ms_data_admit data = {.authority = ms_span_str(authority), .claims = ms_span(claims, 32)};
	set_data(a, &ms_data_admit_table, &data);
}

void
rig_make_admit(struct rig *r, struct rig_device *v, const struct rig_batch *b, struct rig_act *a)
{
	struct ms_err err;
	(void)r;
	rig_act_init(a, MS_ACT_ADMIT, "device.admit");
	const struct ms_act_admit p = {.binding = ms_buf_span(&v->binding),
	    .authority = ms_buf_span(&b->statement),
	    .row = ms_buf_span(&b->row),
	    .row_index = b->index,
	    .proof = ms_buf_span(&b->proof),
	    .present = MS_CBOR_BIT(MS_ACT_ADMIT_ROW) | MS_CBOR_BIT(MS_ACT_ADMIT_ROW_INDEX) | MS_CBOR_BIT(MS_ACT_ADMIT_PROOF)};
	CHECK_OK(ms_cbor_build_map(&ms_act_admit_table, &p, &a->params, &err), &err);
	admit_data(a, "batch:lot-1");
	a->entry.subject = ms_span_str(v->id);
}

void
rig_enrol(struct rig *r, struct rig_device *v)
{
	struct rig_act a;
	struct rig_batch b;
	rig_credential(r, v);
	rig_bind(r, v);
	rig_make_batch(r, v, r->d.admin, TEST_TENANT, &b);
	rig_make_admit(r, v, &b, &a);
	CHECK_INT(rig_send(r, &a, &v->admission), MS_OK);
	rig_act_fini(&a);
	rig_batch_fini(&b);
}

void
rig_make_op(struct rig *r, const struct rig_op *o, struct ms_buf *out)
{
	struct ms_err err;
	static uint64_t sequence;
	static const uint8_t no_bases[1] = {0x80};
	uint8_t op_id[16];
	struct ms_buf body;
	CHECK_OK(ms_random(op_id, sizeof op_id, &err), &err);
	ms_buf_init(&body, 1u << 20);
	const struct ms_op_body m = {.operation = ms_span_str(o->operation),
	    .args = o->args,
	    .sequence = ++sequence,
	    .bases = ms_span(no_bases, 1),
	    .op_id = ms_span(op_id, sizeof op_id)};
	CHECK_OK(ms_cbor_build_map(&ms_op_body_table, &m, &body, &err), &err);
	uint64_t issued = o->issued_s != 0 ? o->issued_s : ms_clock_wall_s();
	const struct ms_statement_fields f = {.kind = "op",
	    .tenant = o->tenant != NULL ? o->tenant : TEST_TENANT,
	    .issued_s = issued,
	    .expires_s = issued + (o->life_s != 0 ? o->life_s : 300),
	    .body = ms_buf_span(&body)};
	sign_as(o->by, r, &f, out);
	ms_buf_fini(&body);
}

/* ---- acts over a quote ---- */

struct made {
	struct softtpm_attest quote, certify;
	struct ms_buf pcrs, request;
	uint8_t nonce[MS_NONCE_LEN];
	const uint8_t *exporter;
	struct ms_span admission;
};

static void
made_fini(struct made *m)
{
	ms_buf_fini(&m->pcrs);
	ms_buf_fini(&m->request);
}

static void
make_certification(struct rig_device *v, const struct rig_ask *q, enum ms_purpose purpose, struct made *m)
{
	struct ms_err err;
	uint8_t extra[MS_BIND_LEN];
	struct ms_span tenant = ms_span_str(q->tenant != NULL ? q->tenant : TEST_TENANT);
	if (q->nonce != NULL)
		memcpy(m->nonce, q->nonce, sizeof m->nonce);
	else
		rig_nonce(ms_clock_wall_s() + 100, m->nonce);
	CHECK_OK(ms_bind_certify(purpose, tenant, ms_span_str(v->id), ms_span(m->nonce, MS_NONCE_LEN), extra, &err), &err);
	softtpm_certify(q->certifier != NULL ? q->certifier : &v->tpm, q->key, extra, &m->certify);
}

/* The quote over m->request, and what of it the entry says. */
static void
make_evidence(struct rig *r, struct rig_device *v, const struct rig_ask *q, enum ms_purpose purpose, struct made *m, struct rig_act *a)
{
	struct softtpm *quoter = q->quoter != NULL ? q->quoter : &v->tpm;
	m->exporter = q->exporter != NULL ? q->exporter : default_exporter;
	m->admission = q->admission.len > 0 ? q->admission : ms_buf_span(&v->admission);
	ms_buf_init(&m->pcrs, MS_PCRS_WIRE_MAX);
	softtpm_pcrs(quoter, &m->pcrs);
	const struct ms_bind_quote b = {.purpose = q->purpose != MS_PURPOSE_NONE ? q->purpose : purpose,
	    .tenant = ms_span_str(q->tenant != NULL ? q->tenant : TEST_TENANT),
	    .device = ms_span_str(v->id),
	    .nonce = ms_span(m->nonce, sizeof m->nonce),
	    .request = ms_buf_span(&m->request),
	    .exporter = ms_span(default_exporter, 32)};
	make_quote(r, quoter, &b, &m->quote);
	a->entry.subject = ms_span_str(v->id);
	a->entry.request = keep_hash(ms_buf_span(&m->request));
	a->entry.evidence = evidence_id(&m->quote, &m->pcrs);
}

static void
identity_data(struct rig *r, struct rig_device *v, const struct rig_ask *q, const struct ms_act_identity *p, struct rig_act *a)
{
	struct ms_err err;
	struct ms_buf tbs;
	struct ms_span serial = ms_span_str(q->hw_serial != NULL ? q->hw_serial : v->serial);
	ms_buf_init(&tbs, MS_CERT_MAX);
	const struct ms_leafcert leaf = {.issuing = r->d.root->body.ca_issuing,
	    .serial = p->serial,
	    .point = ms_pubkey_point(ms_softkey_public(q->key->sign)).p,
	    .not_before_s = p->not_before_s,
	    .not_after_s = p->not_after_s,
	    .trust_domain = r->d.root->body.trust_domain,
	    .tenant = ms_span_str(TEST_TENANT),
	    .device = ms_span_str(v->id),
	    .hw_serial = serial};
	if (ms_leafcert_tbs(&leaf, &tbs, &err) != MS_OK) /* out of the profile: any digest will do */
		ms_buf_u8(&tbs, 0);
	const struct ms_data_cert data = {
	    .serial = p->serial, .tbs = keep_hash(ms_buf_span(&tbs)), .not_before_s = p->not_before_s, .not_after_s = p->not_after_s};
	set_data(a, &ms_data_cert_table, &data);
	ms_buf_fini(&tbs);
}

void
rig_make_identity(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a)
{
	struct ms_err err;
	struct made m;
	uint8_t serial[16], op_id[16] = {3};
	uint64_t now = ms_clock_wall_s();
	rig_act_init(a, MS_ACT_IDENTITY, "cert.issue");
	make_certification(v, q, MS_PURPOSE_IDENTITY, &m);
	ms_buf_init(&m.request, 16384);
	const struct ms_identity_req req = {.key = softtpm_area(&q->key->public),
	    .certify = softtpm_attest_span(&m.certify),
	    .certify_sig = softtpm_signature_span(&m.certify),
	    .csr = ms_span_str("not looked at by keeper"),
	    .op_id = ms_span(op_id, sizeof op_id)};
	CHECK_OK(ms_cbor_build_map(&ms_identity_req_table, &req, &m.request, &err), &err);
	make_evidence(r, v, q, MS_PURPOSE_IDENTITY, &m, a);
	CHECK_OK(ms_random(serial, sizeof serial, &err), &err);
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	const struct ms_act_identity p = {.admission = m.admission,
	    .nonce = ms_span(m.nonce, sizeof m.nonce),
	    .exporter = ms_span(m.exporter, 32),
	    .request = ms_buf_span(&m.request),
	    .attest = softtpm_attest_span(&m.quote),
	    .signature = softtpm_signature_span(&m.quote),
	    .pcrs = ms_buf_span(&m.pcrs),
	    .serial = ms_span(serial, sizeof serial),
	    .not_before_s = now - MS_CERT_BACKDATE_S,
	    .not_after_s = now + (q->life_s != 0 ? q->life_s : 3600)};
	CHECK_OK(ms_cbor_build_map(&ms_act_identity_table, &p, &a->params, &err), &err);
	identity_data(r, v, q, &p, a);
	made_fini(&m);
}

void
rig_make_release(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a)
{
	struct ms_err err;
	struct made m;
	struct ms_wrapped w;
	struct ms_wrapped_header h;
	uint8_t op_id[16] = {4};
	rig_act_init(a, MS_ACT_SECRET_RELEASE, "secret.release");
	CHECK_OK(ms_cbor_parse_map(&ms_wrapped_table, q->wrapped, &w, &err), &err);
	CHECK_OK(ms_cbor_parse_map(&ms_wrapped_header_table, w.header, &h, &err), &err);
	make_certification(v, q, MS_PURPOSE_SECRET, &m);
	ms_buf_init(&m.request, 16384);
	const struct ms_secret_req req = {.path = q->path != NULL ? ms_span_str(q->path) : h.path,
	    .key = softtpm_area(&q->key->public),
	    .certify = softtpm_attest_span(&m.certify),
	    .certify_sig = softtpm_signature_span(&m.certify),
	    .least = q->least,
	    .op_id = ms_span(op_id, sizeof op_id)};
	CHECK_OK(ms_cbor_build_map(&ms_secret_req_table, &req, &m.request, &err), &err);
	make_evidence(r, v, q, MS_PURPOSE_SECRET, &m, a);
	const struct ms_act_secret_release p = {.admission = m.admission,
	    .nonce = ms_span(m.nonce, sizeof m.nonce),
	    .exporter = ms_span(m.exporter, 32),
	    .request = ms_buf_span(&m.request),
	    .attest = softtpm_attest_span(&m.quote),
	    .signature = softtpm_signature_span(&m.quote),
	    .pcrs = ms_buf_span(&m.pcrs),
	    .wrapped = q->wrapped,
	    .seal_mask = q->seal_mask != 0 ? q->seal_mask : SOFTTPM_SEAL_MASK};
	CHECK_OK(ms_cbor_build_map(&ms_act_secret_release_table, &p, &a->params, &err), &err);
	const struct ms_data_secret_release data = {
	    .path = h.path, .version = h.version, .key_name = ms_tpm_name_span(&q->key->name), .nonce = p.nonce};
	set_data(a, &ms_data_secret_release_table, &data);
	made_fini(&m);
}

void
rig_make_result(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a)
{
	struct ms_err err;
	struct made m;
	static const uint8_t op_id[16] = {5}, policy[32] = {6};
	struct ms_result_req req = q->result;
	struct ms_data_result data = *q->said;
	rig_act_init(a, MS_ACT_RESULT, "result.issue");
	if (q->nonce != NULL)
		memcpy(m.nonce, q->nonce, sizeof m.nonce);
	else
		rig_nonce(ms_clock_wall_s() + 100, m.nonce);
	ms_buf_init(&m.request, 16384);
	req.op_id = ms_span(op_id, sizeof op_id);
	CHECK_OK(ms_cbor_build_map(&ms_result_req_table, &req, &m.request, &err), &err);
	make_evidence(r, v, q, MS_PURPOSE_RESULT, &m, a);
	const struct ms_act_result p = {.admission = m.admission,
	    .nonce = ms_span(m.nonce, sizeof m.nonce),
	    .exporter = ms_span(m.exporter, 32),
	    .request = ms_buf_span(&m.request),
	    .attest = softtpm_attest_span(&m.quote),
	    .signature = softtpm_signature_span(&m.quote),
	    .pcrs = ms_buf_span(&m.pcrs)};
	CHECK_OK(ms_cbor_build_map(&ms_act_result_table, &p, &a->params, &err), &err);
	if (data.nonce.len == 0)
		data.nonce = p.nonce;
	set_data(a, &ms_data_result_table, &data);
	a->entry.policy = q->no_policy ? MS_SPAN_NONE : ms_span(policy, sizeof policy);
	made_fini(&m);
}

void
rig_make_put(struct rig *r, const struct rig_put *p, struct rig_act *a)
{
	struct ms_err err;
	struct ms_buf info, ct, args, op;
	struct ms_secret *value = NULL;
	uint8_t enc[MS_HPKE_ENC_LEN];
	char subject[200];
	struct ms_span path = ms_span_str(p->path), rule = ms_span_str(p->rule);
	struct ms_span class_name = ms_span_str(p->class_name != NULL ? p->class_name : "device");
	ms_buf_init(&info, 2048);
	ms_buf_init(&ct, 70000);
	ms_buf_init(&args, 80000);
	ms_buf_init(&op, 90000);
	const struct ms_bind_intake b = {.deployment = ms_span(r->d.root->deployment, 16),
	    .tenant = ms_span_str(TEST_TENANT),
	    .path = p->info_path != NULL ? ms_span_str(p->info_path) : path,
	    .rule = rule,
	    .class_name = class_name};
	CHECK_OK(ms_bind_intake(&b, &info, &err), &err);
	CHECK_OK(ms_secret_from(p->value, strlen(p->value), &value, &err), &err);
	const struct ms_hpke_to to = {.point = r->d.root->body.intake_point.p, .info = ms_buf_span(&info)};
	CHECK_OK(ms_hpke_seal(&to, value, enc, &ct, &err), &err);
	const struct ms_args_secret_put m = {
	    .path = path, .rule = rule, .class_name = class_name, .enc = ms_span(enc, sizeof enc), .ct = ms_buf_span(&ct)};
	CHECK_OK(ms_cbor_build_map(&ms_args_secret_put_table, &m, &args, &err), &err);
	const struct rig_op o = {.by = p->by != NULL ? p->by : r->d.admin,
	    .operation = "secret.put",
	    .args = ms_buf_span(&args),
	    .issued_s = p->issued_s,
	    .life_s = p->life_s};
	rig_make_op(r, &o, &op);
	rig_act_init(a, MS_ACT_SECRET_PUT, "secret.put");
	const struct ms_act_secret_put act = {.op = ms_buf_span(&op), .version = 1};
	CHECK_OK(ms_cbor_build_map(&ms_act_secret_put_table, &act, &a->params, &err), &err);
	struct ms_span op_hash = keep_hash(ms_buf_span(&op));
	const struct ms_data_secret_put data = {.path = path, .version = 1, .rule = rule, .class_name = class_name, .op = op_hash};
	set_data(a, &ms_data_secret_put_table, &data);
	(void)snprintf(subject, sizeof subject, "secret:%.100s", p->path);
	a->entry.subject = keep(subject, strlen(subject));
	a->entry.request = op_hash;
	ms_secret_free(value);
	ms_buf_fini(&info);
	ms_buf_fini(&ct);
	ms_buf_fini(&args);
	ms_buf_fini(&op);
}
