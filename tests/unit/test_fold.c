#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "fleet/device_id.h"
#include "fold/fold.h"
#include "proto/data.h"

/* A store that is both state and log, as core has it, and a way to log into it. */
struct bench {
	struct ms_store *store;
	struct ms_fold fold;
	uint64_t seq;
	uint8_t ek[32];
	char device[MS_DEVICE_ID_MAX + 1];
	uint8_t claims[32];
};

static void
bench_init(struct bench *b, uint8_t tag)
{
	struct ms_err err;
	memset(b, 0, sizeof *b);
	CHECK_OK(ms_store_open(NULL, MS_STORE_MEMORY, &b->store, &err), &err);
	CHECK_OK(ms_store_begin(b->store, &err), &err);
	b->fold = (struct ms_fold){.state = b->store, .blobs = b->store};
	memset(b->ek, tag, sizeof b->ek);
	ms_device_id(b->ek, 1, b->device);
}

static void
put_claims(struct bench *b, const char *name)
{
	struct ms_device_claims c = {.name = ms_span_str(name), .serial = ms_span_str("s"), .model = ms_span_str("m")};
	struct ms_buf out;
	ms_buf_init(&out, 1024);
	CHECK_INT(ms_cbor_build_map(&ms_device_claims_table, &c, &out, NULL), MS_OK);
	CHECK_INT(ms_store_put_blob(b->store, ms_buf_span(&out), b->claims, NULL), MS_OK);
	ms_buf_fini(&out);
}

/* Apply, and when that is taken write the entry, as core does. */
static enum ms_rc
log_one(struct bench *b, struct ms_entry *e, const struct ms_cbor_table *t, const void *data)
{
	static const uint8_t request[32] = {1};
	struct ms_buf d, bytes;
	struct ms_err err;
	uint8_t key[8];
	ms_buf_init(&d, MS_ENTRY_DATA_MAX);
	ms_buf_init(&bytes, MS_ENTRY_MAX);
	if (t != NULL)
		CHECK_OK(ms_cbor_build_map(t, data, &d, &err), &err);
	e->v = MS_ENTRY_VERSION;
	e->seq = b->seq;
	e->time_s = 1000 + b->seq;
	e->tenant = ms_span_str("default");
	e->request = ms_span(request, sizeof request);
	if (e->decision.len == 0)
		e->decision = ms_span_str("ok");
	if (e->actor.len == 0)
		e->actor = ms_span_str("server");
	if (e->subject.len == 0)
		e->subject = ms_span_str(b->device);
	e->data = ms_buf_span(&d);
	CHECK_OK(ms_entry_build(e, &bytes, &err), &err);
	enum ms_rc rc = ms_fold_apply(&b->fold, e, NULL);
	if (rc == MS_OK) {
		ms_store_key_u64(b->seq++, key);
		CHECK_OK(ms_store_insert(b->store, MS_TABLE_ENTRIES, ms_span(key, 8), ms_buf_span(&bytes), &err), &err);
	}
	ms_buf_fini(&d);
	ms_buf_fini(&bytes);
	return rc;
}

static enum ms_rc
bind_device(struct bench *b, const char *status)
{
	static const uint8_t zeros[40];
	struct ms_data_bind d = {.ek_hash = ms_span(b->ek, 32),
	    .ak_public = ms_span("ak", 2),
	    .ak_name = ms_span(zeros, 34),
	    .transcript_hash = ms_span(zeros, 32),
	    .claims = ms_span(b->claims, 32),
	    .maker = ms_span_str(""),
	    .status = ms_span_str(status)};
	struct ms_entry e = {.kind = ms_span_str("device.bind")};
	return log_one(b, &e, &ms_data_bind_table, &d);
}

static enum ms_rc
admit(struct bench *b)
{
	struct ms_data_admit d = {.authority = ms_span_str("batch:x"), .claims = ms_span(b->claims, 32)};
	struct ms_entry e = {.kind = ms_span_str("device.admit")};
	return log_one(b, &e, &ms_data_admit_table, &d);
}

static enum ms_rc
attest(struct bench *b, const char *decision)
{
	static const uint8_t zeros[40];
	struct ms_data_attest d = {.pcrs = ms_span(zeros, 32), .deadline_s = 5000, .nonce = ms_span(zeros, 40)};
	struct ms_entry e = {.kind = ms_span_str("device.attest"), .decision = ms_span_str(decision)};
	return log_one(b, &e, &ms_data_attest_table, &d);
}

static enum ms_rc
life(struct bench *b, const char *kind, const char *state)
{
	struct ms_data_life d = {.state = ms_span_str(state), .reason = ms_span_str("r")};
	struct ms_entry e = {.kind = ms_span_str(kind)};
	return log_one(b, &e, &ms_data_life_table, &d);
}

static enum ms_rc
issue(struct bench *b, uint8_t serial_byte)
{
	uint8_t serial[16] = {serial_byte};
	static const uint8_t zeros[32];
	struct ms_data_cert d = {.serial = ms_span(serial, 16), .tbs = ms_span(zeros, 32), .not_before_s = 1, .not_after_s = 100000};
	struct ms_entry e = {.kind = ms_span_str("cert.issue")};
	return log_one(b, &e, &ms_data_cert_table, &d);
}

static void
check_state(struct bench *b, const char *want)
{
	struct ms_row_device row;
	struct ms_buf mem;
	ms_buf_init(&mem, 65536);
	CHECK_INT(
	    ms_row_get(b->store, MS_TABLE_DEVICES, ms_span_str("default"), ms_span_str(b->device), &ms_row_device_table, &row, &mem, NULL),
	    MS_OK);
	CHECK(ms_span_eq(row.state, ms_span_str(want)));
	ms_buf_fini(&mem);
}

static uint64_t
rows(struct bench *b, enum ms_table t)
{
	uint64_t n = 0;
	CHECK_INT(ms_store_count(b->store, t, &n, NULL), MS_OK);
	return n;
}

static void
trusted_device(struct bench *b)
{
	bench_init(b, 7);
	put_claims(b, "one");
	CHECK_INT(bind_device(b, "expected"), MS_OK);
	CHECK_INT(admit(b), MS_OK);
	CHECK_INT(attest(b, "ok"), MS_OK);
	check_state(b, "trusted");
}

MS_TEST(I3_fail_puts_certificates_on_hold_and_only_a_pass_after_release_takes_them_off)
{
	struct bench b;
	trusted_device(&b);
	CHECK_INT(issue(&b, 1), MS_OK);
	CHECK_INT(issue(&b, 2), MS_OK);
	CHECK_INT(attest(&b, "fail"), MS_OK);
	check_state(&b, "quarantined");
	CHECK_INT(rows(&b, MS_TABLE_REVOKED), 2);
	CHECK_INT(attest(&b, "ok"), MS_ERR_CONFLICT);
	CHECK_INT(life(&b, "device.release", "enrolled"), MS_OK);
	CHECK_INT(rows(&b, MS_TABLE_REVOKED), 2);
	CHECK_INT(attest(&b, "ok"), MS_OK);
	CHECK_INT(rows(&b, MS_TABLE_REVOKED), 0);
	ms_store_close(b.store);
}

MS_TEST(I3_revocation_is_for_good_and_frees_the_name)
{
	struct bench b;
	trusted_device(&b);
	CHECK_INT(issue(&b, 1), MS_OK);
	CHECK_INT(rows(&b, MS_TABLE_NAMES), 1);
	CHECK_INT(life(&b, "device.revoke", "revoked"), MS_OK);
	CHECK_INT(rows(&b, MS_TABLE_NAMES), 0);
	CHECK_INT(rows(&b, MS_TABLE_REVOKED), 1);
	CHECK_INT(attest(&b, "ok"), MS_ERR_CONFLICT);
	CHECK_INT(life(&b, "device.release", "enrolled"), MS_ERR_CONFLICT);
	CHECK_INT(bind_device(&b, "expected"), MS_ERR_CONFLICT);
	ms_store_close(b.store);
}

MS_TEST(I3_a_life_cycle_entry_that_claims_another_state_than_its_arrow_is_refused)
{
	struct bench b;
	trusted_device(&b);
	CHECK_INT(life(&b, "device.quarantine", "trusted"), MS_ERR_CONFLICT);
	CHECK_INT(life(&b, "device.release", "trusted"), MS_ERR_CONFLICT);
	CHECK_INT(life(&b, "device.stale", "stale"), MS_OK);
	ms_store_close(b.store);
}

MS_TEST(I6_a_denial_moves_no_state_and_an_unbound_device_is_no_one)
{
	struct bench b;
	bench_init(&b, 9);
	put_claims(&b, "two");
	CHECK_INT(attest(&b, "ok"), MS_ERR_NOT_FOUND);
	CHECK_INT(admit(&b), MS_ERR_NOT_FOUND);
	CHECK_INT(bind_device(&b, "pending"), MS_OK);
	CHECK_INT(attest(&b, "ok"), MS_ERR_CONFLICT);
	CHECK_INT(admit(&b), MS_OK);
	CHECK_INT(attest(&b, "denied"), MS_OK);
	check_state(&b, "enrolled");
	ms_store_close(b.store);
}

MS_TEST(a_name_has_one_device)
{
	struct bench b;
	trusted_device(&b);
	memset(b.ek, 8, sizeof b.ek);
	ms_device_id(b.ek, 1, b.device);
	CHECK_INT(bind_device(&b, "expected"), MS_OK);
	CHECK_INT(admit(&b), MS_ERR_CONFLICT);
	ms_store_close(b.store);
}

MS_TEST(I10_unknown_kinds_and_malformed_data_are_refused)
{
	struct bench b;
	trusted_device(&b);
	struct ms_entry unknown = {.kind = ms_span_str("device.bless")};
	CHECK_INT(log_one(&b, &unknown, NULL, NULL), MS_ERR_UNSUPPORTED);
	struct ms_entry empty = {.kind = ms_span_str("device.attest")};
	CHECK(log_one(&b, &empty, NULL, NULL) != MS_OK);
	struct ms_data_path path = {.path = ms_span_str("x")};
	struct ms_entry wrong = {.kind = ms_span_str("cert.issue")};
	CHECK(log_one(&b, &wrong, &ms_data_path_table, &path) != MS_OK);
	ms_store_close(b.store);
}

static enum ms_rc
change(struct bench *b, uint64_t sequence)
{
	static const uint8_t zeros[32];
	static const char actor[] = "operator:0000000000000000000000000000000000000000000000000000000000000000";
	struct ms_data_change d = {
	    .operation = ms_span_str("x"), .statement = ms_span(zeros, 32), .sequence = sequence, .result = ms_span_str("executed")};
	struct ms_entry e = {.kind = ms_span_str("change.execute"), .actor = ms_span_str(actor)};
	return log_one(b, &e, &ms_data_change_table, &d);
}

static enum ms_rc
put_secret(struct bench *b, uint64_t version)
{
	static const uint8_t zeros[32];
	struct ms_data_secret_put p = {.path = ms_span_str("db"),
	    .version = version,
	    .rule = ms_span_str("model=m"),
	    .class_name = ms_span_str("device"),
	    .op = ms_span(zeros, 32)};
	struct ms_data_secret_store s = {.path = ms_span_str("db"), .version = version, .wrapped = ms_span(zeros, 32)};
	struct ms_entry put = {.kind = ms_span_str("secret.put")}, store = {.kind = ms_span_str("secret.store")};
	enum ms_rc rc = log_one(b, &put, &ms_data_secret_put_table, &p);
	return rc == MS_OK ? log_one(b, &store, &ms_data_secret_store_table, &s) : rc;
}

MS_TEST(I14_versions_of_a_secret_only_rise_also_over_a_deletion)
{
	struct bench b;
	struct ms_data_path path = {.path = ms_span_str("db")};
	struct ms_entry first = {.kind = ms_span_str("secret.delete")}, second = first, third = first;
	trusted_device(&b);
	CHECK_INT(log_one(&b, &first, &ms_data_path_table, &path), MS_ERR_NOT_FOUND);
	CHECK_INT(put_secret(&b, 1), MS_OK);
	CHECK_INT(put_secret(&b, 1), MS_ERR_REPLAY);
	CHECK_INT(log_one(&b, &second, &ms_data_path_table, &path), MS_OK);
	CHECK_INT(log_one(&b, &third, &ms_data_path_table, &path), MS_ERR_NOT_FOUND);
	CHECK_INT(put_secret(&b, 1), MS_ERR_REPLAY);
	CHECK_INT(put_secret(&b, 2), MS_OK);
	ms_store_close(b.store);
}

MS_TEST(I5_the_sequence_of_an_operator_only_rises)
{
	struct bench b;
	trusted_device(&b);
	CHECK_INT(change(&b, 5), MS_OK);
	CHECK_INT(change(&b, 5), MS_ERR_REPLAY);
	CHECK_INT(change(&b, 4), MS_ERR_REPLAY);
	CHECK_INT(change(&b, 6), MS_OK);
	ms_store_close(b.store);
}

MS_TEST(I3_replay_equals_the_state_and_names_every_row_that_differs)
{
	struct bench b;
	struct ms_err err;
	struct ms_replay r = {0};
	struct ms_row_key k;
	trusted_device(&b);
	CHECK_INT(issue(&b, 1), MS_OK);
	CHECK_INT(attest(&b, "fail"), MS_OK);
	CHECK_INT(change(&b, 5), MS_OK);
	CHECK_OK(ms_store_commit(b.store, &err), &err);
	CHECK_OK(ms_fold_replay(b.store, &r, &err), &err);
	CHECK(r.entries == b.seq && r.rows > 4 && r.differing == 0);

	CHECK_OK(ms_store_begin(b.store, &err), &err);
	CHECK_OK(ms_row_key(&k, ms_span_str("default"), ms_span_str("ghost"), &err), &err);
	CHECK_OK(ms_store_put(b.store, MS_TABLE_NAMES, ms_span(k.bytes, k.len), ms_span_str("x"), &err), &err);
	CHECK_OK(ms_row_key(&k, ms_span_str("default"), ms_span_str(b.device), &err), &err);
	CHECK_OK(ms_store_put(b.store, MS_TABLE_DEVICES, ms_span(k.bytes, k.len), ms_span_str("y"), &err), &err);
	CHECK_OK(ms_row_key(&k, ms_span_str("default"), ms_span_str("one"), &err), &err);
	CHECK_OK(ms_store_delete(b.store, MS_TABLE_NAMES, ms_span(k.bytes, k.len), &err), &err);
	CHECK_OK(ms_store_commit(b.store, &err), &err);
	CHECK_INT(ms_fold_replay(b.store, &r, &err), MS_ERR_DENIED);
	CHECK_INT(r.differing, 3);
	ms_store_close(b.store);
}
