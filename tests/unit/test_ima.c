/* IMA lists as evidence: replay in every bank, appraisals, continued lists, boot aggregates. */
#include "support/imalists.h"

#define SHA1_BANK (1u << MS_HASH_SHA1)
#define SHA256_BANK (1u << MS_HASH_SHA256)
#define SHA384_BANK (1u << MS_HASH_SHA384)

struct recorded {
	uint8_t *p;
	size_t len;
	uint8_t pcr[32];
};

static void
recorded_fini(struct recorded *r)
{
	free(r->p);
}
MS_CLEANUP_FINI(struct recorded, recorded_fini)

static struct recorded
machine(const char *name, const char *form)
{
	char path[96];
	struct recorded r = {.p = NULL};
	(void)snprintf(path, sizeof path, "measured-boot/%s/%s", name, form);
	r.p = test_file(path, &r.len);
	CHECK(r.p != NULL);
	recorded_pcr(name, "sha256", 10, r.pcr, sizeof r.pcr);
	return r;
}

/* Steps until PCR 10 of one bank is `want`; the entries it took, or -1 when they end, or the error. */
static int
replays(struct ms_span list, enum ms_hash bank, struct ms_span want, enum ms_ima_extend *ret_how, struct ms_err *err)
{
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	MS_OWN(ms_ima_replay_free) struct ms_ima_replay *r = NULL;
	CHECK(ms_ima_replay_new(1u << bank, &r, NULL) == MS_OK);
	struct ms_ima_entry e;
	int n = 0;
	enum ms_rc rc = ms_imalist_init(&it, list, 0, &MS_IMA_CAPS_OFFLINE, err);
	while (rc == MS_OK && !ms_imalist_done(&it)) {
		rc = ms_imalist_next(&it, &e, err);
		if (rc == MS_OK)
			rc = ms_ima_replay_step(r, &e, err);
		n++;
		if (rc == MS_OK && ms_ima_bank_is(ms_ima_replay_bank(r, bank), want, ret_how))
			return n;
	}
	return rc == MS_OK ? -1 : -2;
}

MS_TEST(recorded_lists_replay_to_pcr_10_of_the_machine_in_every_bank_and_both_forms)
{
	static const struct {
		const char *machine, *bank;
		enum ms_hash hash;
		enum ms_ima_extend how;
	} rows[] = {{"good", "sha256", MS_HASH_SHA256, MS_IMA_EXTEND_HASHED}, {"cmdline", "sha256", MS_HASH_SHA256, MS_IMA_EXTEND_HASHED},
	    {"banks", "sha1", MS_HASH_SHA1, MS_IMA_EXTEND_HASHED}, {"banks", "sha256", MS_HASH_SHA256, MS_IMA_EXTEND_HASHED},
	    {"banks", "sha384", MS_HASH_SHA384, MS_IMA_EXTEND_PADDED}}; /* its kernel has SHA-384 as a module, too late for IMA */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t want[MS_HASH_LEN_MAX];
		size_t len = ms_hash_len(rows[i].hash);
		enum ms_ima_extend how = MS_IMA_EXTEND_PADDED;
		struct ms_err err = {.rc = MS_OK};
		MS_OWN(recorded_fini) struct recorded a = machine(rows[i].machine, "ima_ascii"), b = machine(rows[i].machine, "ima_binary");
		recorded_pcr(rows[i].machine, rows[i].bank, 10, want, len);
		CHECK(replays(ms_span(a.p, a.len), rows[i].hash, ms_span(want, len), &how, &err) > 30);
		CHECK(replays(ms_span(b.p, b.len), rows[i].hash, ms_span(want, len), &how, &err) > 30);
		CHECK_INT(how, rows[i].how);
		want[0] ^= 1;
		CHECK_INT(replays(ms_span(b.p, b.len), rows[i].hash, ms_span(want, len), &how, &err), -1);
	}
}

MS_TEST(kernels_before_5_8_extend_banks_with_the_sha1_filled_up_with_zeros)
{
	uint8_t pcr[32] = {0}, digest[32] = {0};
	MS_OWN(ms_buf_fini) struct ms_buf list;
	MS_OWN(ms_imalist_fini) struct ms_imalist it;
	enum ms_ima_extend how = MS_IMA_EXTEND_HASHED;
	struct ms_ima_entry e;
	struct ms_err err;
	ms_buf_init(&list, 1u << 16);
	for (unsigned i = 0; i < 3; i++)
		ima_put_file(&list, i);
	ima_put(&list, &(struct ima_entry){.path = ms_span_str("/v"), .violation = true});
	CHECK_OK(ms_imalist_init(&it, ms_buf_span(&list), 0, &MS_IMA_CAPS_OFFLINE, &err), &err);
	while (!ms_imalist_done(&it)) {
		CHECK_OK(ms_imalist_next(&it, &e, &err), &err);
		memcpy(digest, e.listed.p, 20);
		if (e.violation)
			memset(digest, 0xff, 20); /* of 20 bytes only: the rest stays zero */
		const struct ms_span parts[] = {{pcr, 32}, {digest, 32}};
		ms_sha256v(parts, 2, pcr);
	}
	CHECK_INT(replays(ms_buf_span(&list), MS_HASH_SHA256, ms_span(pcr, 32), &how, &err), 4);
	CHECK_INT(how, MS_IMA_EXTEND_PADDED);
}

MS_TEST(a_violation_extends_all_ones)
{
	uint8_t pcr[32] = {0}, ones[32];
	memset(ones, 0xff, sizeof ones);
	const struct ms_span parts[] = {{pcr, 32}, {ones, 32}};
	enum ms_ima_extend how;
	struct ms_err err;
	MS_OWN(ms_buf_fini) struct ms_buf list;
	ms_buf_init(&list, 4096);
	ima_put(&list, &(struct ima_entry){.path = ms_span_str("/v"), .violation = true});
	ms_sha256v(parts, 2, pcr);
	CHECK_INT(replays(ms_buf_span(&list), MS_HASH_SHA256, ms_span(pcr, 32), &how, &err), 1);
}

static enum ms_rc
step_one(const struct ima_entry *e, struct ms_err *err)
{
	uint8_t none[32] = {1};
	enum ms_ima_extend how;
	MS_OWN(ms_buf_fini) struct ms_buf list;
	ms_buf_init(&list, 1u << 16);
	ima_put(&list, e);
	*err = (struct ms_err){.rc = MS_OK};
	CHECK(replays(ms_buf_span(&list), MS_HASH_SHA256, ms_span(none, 32), &how, err) < 0);
	return err->rc;
}

MS_TEST(entries_of_other_pcrs_and_buffers_that_are_not_their_digest_are_refused_by_number)
{
	struct ms_err err;
	uint8_t digest[32];
	ms_sha256(ms_span_str("root=/dev/vda"), digest);
	struct ima_entry e = {.template = "ima-buf",
	    .digest = ms_span(digest, 32),
	    .path = ms_span_str("kexec-cmdline"),
	    .last = ms_span_str("root=/dev/vda")};
	CHECK_INT(step_one(&e, &err), MS_OK);
	e.last = ms_span_str("root=/dev/vdb");
	CHECK_INT(step_one(&e, &err), MS_ERR_AUTH);
	CHECK(strstr(err.text, "IMA entry 0: the buffer") != NULL);
	e.last = ms_span_str("root=/dev/vda");
	e.pcr = 11;
	CHECK_INT(step_one(&e, &err), MS_ERR_UNSUPPORTED);
	CHECK(strstr(err.text, "extends PCR 11") != NULL);
}

static uint64_t
next_random(uint64_t *s)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *s >> 33;
}

MS_TEST(I6_no_list_with_any_byte_changed_replays_to_the_quoted_value)
{
	uint64_t seed = 2026;
	MS_OWN(recorded_fini) struct recorded r = machine("good", "ima_binary");
	for (int i = 0; i < 10000; i++) {
		enum ms_ima_extend how;
		struct ms_err err;
		size_t at = next_random(&seed) % r.len;
		uint8_t was = r.p[at];
		r.p[at] ^= (uint8_t)(1 + next_random(&seed) % 255);
		CHECK(replays(ms_span(r.p, r.len), MS_HASH_SHA256, ms_span(r.pcr, 32), &how, &err) < 0);
		r.p[at] = was;
	}
}

MS_TEST(I6_no_line_changed_replays_to_the_quoted_value)
{
	uint64_t seed = 7;
	MS_OWN(recorded_fini) struct recorded r = machine("good", "ima_ascii");
	size_t last = r.len;
	while (last > 0 && r.p[last - 1] == '\n') /* the newlines at the end say nothing */
		last--;
	for (int i = 0; i < 10000; i++) {
		enum ms_ima_extend how;
		struct ms_err err;
		size_t at = next_random(&seed) % last;
		uint8_t was = r.p[at];
		r.p[at] ^= (uint8_t)(1 + next_random(&seed) % 255);
		CHECK(replays(ms_span(r.p, r.len), MS_HASH_SHA256, ms_span(r.pcr, 32), &how, &err) < 0);
		r.p[at] = was;
	}
}

/* ---- appraisals ---- */

static struct ms_appraisal *
appraise(const struct ms_ima_evidence *ev, enum ms_rc want, struct ms_err *err)
{
	struct ms_appraisal *a = NULL;
	CHECK(ms_appraisal_new(&a, NULL) == MS_OK);
	enum ms_rc rc = ms_ima_appraise(ev, a, err);
	if (rc != want)
		print_error("%s: %s\n", ms_rc_name(rc), rc == MS_OK ? "" : err->text);
	CHECK_INT(rc, want);
	return a;
}

static const struct ms_claim *
claim(const struct ms_appraisal *a, const char *name)
{
	size_t from = 0;
	return ms_claims_next(a->claims, ms_span_str(name), &from);
}

static bool
claim_is(const struct ms_appraisal *a, const char *name, const char *text)
{
	char shown[512] = "";
	size_t from = 0;
	const struct ms_claim *c;
	while ((c = ms_claims_next(a->claims, ms_span_str(name), &from)) != NULL) {
		ms_claim_text(c, shown, sizeof shown);
		if (strcmp(shown, text) == 0)
			return c->proven;
	}
	print_error("%s is %s\n", name, shown);
	return false;
}

MS_TEST(an_appraisal_of_a_recorded_list_replays_and_survives_the_wire)
{
	static const char *const forms[] = {"ima_binary", "ima_ascii"};
	for (size_t i = 0; i < 2; i++) {
		MS_OWN(recorded_fini) struct recorded r = machine("good", forms[i]);
		MS_OWN(ms_buf_fini) struct ms_buf wire;
		MS_OWN(ms_appraisal_free) struct ms_appraisal *b = NULL;
		const struct ms_ima_state zero = {.entries = 0};
		struct ms_ima_evidence ev = ima_evidence(ms_span(r.p, r.len));
		struct ms_ima_state after;
		struct ms_err err;
		size_t used = 0;
		MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
		ms_buf_init(&wire, MS_APPRAISAL_WIRE_MAX);
		CHECK_OK(ms_appraisal_build(a, &wire, &err), &err);
		CHECK_OK(ms_appraisal_parse(ms_buf_span(&wire), &b, &err), &err);
		CHECK_OK(ms_appraisal_ima_replay(b, &zero, r.pcr, &after, &used, &err), &err);
		CHECK(used == b->n_files && used == after.entries && used > 30);
		CHECK(ms_span_eq(b->file[1].path, ms_span_str("/init")) && b->file[1].digest.len == 32 &&
		      b->file[1].hash == MS_IMA_HASH_SHA256);
		CHECK(claim_is(b, "ima.boot-aggregate", "unchecked") && claim_is(b, "ima.template", "ima-sig") &&
		      claim_is(b, "ima.hash", "sha256") && claim_is(b, "ima.violations", "0"));
		CHECK_INT(claim(b, "ima.entries")->number, used);
	}
}

MS_TEST(what_came_after_the_quote_is_in_no_tuple_no_file_and_no_claim)
{
	MS_OWN(ms_buf_fini) struct ms_buf list;
	static const uint8_t zeros[32];
	uint8_t digest[32];
	const struct ms_ima_state zero = {.entries = 0};
	struct ms_ima_state after;
	struct ms_err err;
	size_t used = 0;
	ms_buf_init(&list, 1u << 16);
	for (unsigned i = 0; i < 5; i++)
		ima_put_file(&list, i);
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *before = appraise(&ev, MS_OK, &err);
	uint8_t pcr[32] = {0};
	for (size_t i = 0; i < before->ima.n; i++) {
		const struct ms_span parts[] = {{pcr, 32}, {before->ima.item[i].digest, 32}};
		ms_sha256v(parts, 2, pcr);
	}
	ms_sha256(ms_span_str("evil=1"), digest);
	ima_put(&list,
	    &(struct ima_entry){
		.template = "ima-buf", .digest = ms_span(digest, 32), .path = ms_span_str("kexec-cmdline"), .last = ms_span_str("evil=1")});
	ev = ima_evidence(ms_buf_span(&list));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *all = appraise(&ev, MS_OK, &err);
	CHECK(claim_is(all, "ima.kexec-cmdline", "evil=1"));
	CHECK_OK(ms_appraisal_ima_replay(all, &zero, pcr, &after, &used, &err), &err);
	CHECK_INT(used, 5); /* a prefix explains the quote */
	ev.start = zeros;
	ev.quoted = pcr;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *quoted = appraise(&ev, MS_OK, &err);
	CHECK_INT(quoted->ima.n, 5);
	CHECK_INT(quoted->n_files, 5);
	CHECK(claim(quoted, "ima.kexec-cmdline") == NULL);
	CHECK_INT(claim(quoted, "ima.entries")->number, 5);
	ev.start = NULL;
	ms_appraisal_free(appraise(&ev, MS_ERR_USAGE, &err));
}

/* ---- continued lists ---- */

struct two {
	struct ms_buf all;
	size_t cut; /* where the tail begins */
	uint8_t pcr_cut[32], pcr_all[32];
};

static void
two_fini(struct two *t)
{
	ms_buf_fini(&t->all);
}
MS_CLEANUP_FINI(struct two, two_fini)

static void
make_two(struct two *t, unsigned first, unsigned n)
{
	struct ms_err err;
	ms_buf_init(&t->all, 1u << 20);
	for (unsigned i = 0; i < n; i++) {
		if (i == n / 2)
			t->cut = t->all.len;
		ima_put_file(&t->all, first + i);
	}
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&t->all));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
	memset(t->pcr_all, 0, sizeof t->pcr_all);
	for (size_t i = 0; i < a->ima.n; i++) {
		if (i == n / 2)
			memcpy(t->pcr_cut, t->pcr_all, sizeof t->pcr_all);
		const struct ms_span parts[] = {{t->pcr_all, 32}, {a->ima.item[i].digest, 32}};
		ms_sha256v(parts, 2, t->pcr_all);
	}
}

static enum ms_rc
continue_with(const struct two *t, size_t off, uint32_t from, const struct ms_ima_state *state, struct ms_ima_state *ret, size_t *used)
{
	struct ms_err err;
	struct ms_ima_evidence ev = ima_evidence(ms_span(t->all.p + off, t->all.len - off));
	ev.from = from;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
	return ms_appraisal_ima_replay(a, state, t->pcr_all, ret, used, &err);
}

MS_TEST(a_tail_continues_the_state_that_was_kept)
{
	MS_OWN(two_fini) struct two t = {.cut = 0};
	struct ms_ima_state after, kept = {.reset_count = 3, .entries = 10};
	size_t used = 0;
	make_two(&t, 0, 20);
	memcpy(kept.pcr, t.pcr_cut, 32);
	CHECK_INT(continue_with(&t, t.cut, 10, &kept, &after, &used), MS_OK);
	CHECK(used == 10 && after.entries == 20 && after.reset_count == 3 && memcmp(after.pcr, t.pcr_all, 32) == 0);
	CHECK_INT(continue_with(&t, t.all.len, 20, &after, &kept, &used), MS_OK); /* nothing new */
	CHECK_INT(used, 0);
}

MS_TEST(I6_a_tail_with_a_gap_an_overlap_or_of_another_boot_explains_nothing)
{
	MS_OWN(two_fini) struct two t = {.cut = 0}, other = {.cut = 0};
	struct ms_ima_state after = {.entries = 77}, kept = {.reset_count = 3, .entries = 10};
	size_t used = 99;
	make_two(&t, 0, 20);
	make_two(&other, 100, 20);
	memcpy(kept.pcr, t.pcr_cut, 32);
	size_t entry = t.all.len / 20; /* all but some have the same length: find the next one exactly */
	struct ms_imalist it;
	struct ms_ima_entry e;
	CHECK(ms_imalist_init(&it, ms_span(t.all.p + t.cut, t.all.len - t.cut), 10, &MS_IMA_CAPS_OFFLINE, NULL) == MS_OK);
	CHECK(ms_imalist_next(&it, &e, NULL) == MS_OK && e.number == 10);
	ms_imalist_fini(&it);
	CHECK(e.len <= entry + 1);
	CHECK_INT(continue_with(&t, t.cut + e.len, 10, &kept, &after, &used), MS_ERR_MALFORMED); /* gap, hidden */
	CHECK_INT(continue_with(&t, t.cut + e.len, 11, &kept, &after, &used), MS_ERR_CONFLICT);  /* gap, said */
	CHECK_INT(continue_with(&t, 0, 0, &kept, &after, &used), MS_ERR_CONFLICT);               /* all of it */
	CHECK_INT(continue_with(&t, 0, 10, &kept, &after, &used), MS_ERR_MALFORMED);             /* all of it, hidden */
	memcpy(t.pcr_all, other.pcr_all, 32);
	CHECK_INT(continue_with(&t, t.cut, 10, &kept, &after, &used), MS_ERR_MALFORMED);         /* the quote is of another boot */
	CHECK_INT(continue_with(&other, other.cut, 10, &kept, &after, &used), MS_ERR_MALFORMED); /* the tail is */
	CHECK(used == 99 && after.entries == 77);
}

/* ---- what entries say ---- */

MS_TEST(I6_a_violation_proves_neither_its_path_nor_its_digest)
{
	MS_OWN(ms_buf_fini) struct ms_buf list;
	struct ms_err err;
	uint8_t digest[32] = {1};
	ms_buf_init(&list, 4096);
	ima_put_file(&list, 0);
	ima_put(&list, &(struct ima_entry){.digest = ms_span(digest, 32), .path = ms_span_str("/tmp/excluded"), .violation = true});
	ima_put(&list, &(struct ima_entry){.template = "ima-buf", .path = ms_span_str("kexec-cmdline"), .violation = true});
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
	CHECK_INT(claim(a, "ima.violations")->number, 2);
	CHECK(a->file[1].violation && a->file[1].digest.len == 0);
	CHECK(a->ima.item[1].flags == MS_TUPLE_VIOLATION && a->ima.item[1].digest[31] == 0xff);
	CHECK(claim(a, "ima.kexec-cmdline") == NULL && claim(a, "ima.buffer") == NULL);
}

MS_TEST(buffers_become_claims_by_their_names)
{
	static const struct {
		const char *name, *value;
	} rows[] = {{"kexec-cmdline", "root=/dev/sda1 ro"}, {"kernel_version", "6.1.0-28-amd64"}, {"selinux-state", "initialized=1;"},
	    {".ima", "no key at all"}};
	MS_OWN(ms_buf_fini) struct ms_buf list;
	struct ms_err err;
	uint8_t digest[32];
	char hex[65], want[160];
	ms_buf_init(&list, 1u << 16);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ms_sha256(ms_span_str(rows[i].value), digest);
		ima_put(&list, &(struct ima_entry){.template = "ima-buf",
				   .digest = ms_span(digest, 32),
				   .path = ms_span_str(rows[i].name),
				   .last = ms_span_str(rows[i].value)});
	}
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
	CHECK(claim_is(a, "ima.kexec-cmdline", rows[0].value));
	CHECK(claim_is(a, "ima.kernel-version", rows[1].value));
	ms_sha256(ms_span_str(rows[2].value), digest);
	ms_hex(digest, 32, hex);
	(void)snprintf(want, sizeof want, "selinux-state sha256:%s", hex);
	CHECK(claim_is(a, "ima.buffer", want));
	ms_sha256(ms_span_str(rows[3].value), digest);
	ms_hex(digest, 32, hex);
	(void)snprintf(want, sizeof want, ".ima sha256:%s", hex);
	CHECK(claim_is(a, "ima.keyring", want));
}

MS_TEST(a_long_command_line_is_cut_and_says_so)
{
	MS_OWN(ms_buf_fini) struct ms_buf list;
	static char line[MS_CLAIM_VALUE_MAX + 100];
	struct ms_err err;
	uint8_t digest[32];
	ms_buf_init(&list, 1u << 16);
	for (size_t i = 0; i + 1 < sizeof line; i += 2)
		memcpy(line + i, "\xc3\xa4", 2);
	struct ms_span v = ms_span(line, sizeof line);
	ms_sha256(v, digest);
	ima_put(&list,
	    &(struct ima_entry){.template = "ima-buf", .digest = ms_span(digest, 32), .path = ms_span_str("kexec-cmdline"), .last = v});
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = appraise(&ev, MS_OK, &err);
	struct ms_span got = claim(a, "ima.kexec-cmdline")->bytes;
	CHECK(got.len <= MS_CLAIM_VALUE_MAX && got.len > MS_CLAIM_VALUE_MAX - 8 && memcmp(got.p + got.len - 3, "...", 3) == 0);
	CHECK(ms_utf8_ok(got) && got.p[0] == 0xc3); /* not taken for other than UTF-8 */
}

MS_TEST(I10_caps_of_an_appraisal_are_named)
{
	MS_OWN(ms_buf_fini) struct ms_buf list;
	struct ms_err err;
	ms_buf_init(&list, 1u << 16);
	for (unsigned i = 0; i < 3; i++)
		ima_put_file(&list, i);
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	ev.caps.entries = 2;
	ms_appraisal_free(appraise(&ev, MS_ERR_TOO_BIG, &err));
	CHECK(strstr(err.text, "evidence.ima_entries") != NULL);
	ev.caps = (struct ms_imalist_caps){.bytes = list.len - 1, .entries = 3};
	ms_appraisal_free(appraise(&ev, MS_ERR_TOO_BIG, &err));
	CHECK(strstr(err.text, "evidence.ima_bytes") != NULL);
}

/* ---- boot aggregate ---- */

struct aggregate {
	uint8_t value[10][32];
	struct ms_ima_aggregate_pcrs pcrs;
	uint8_t digest[32];
	struct ms_ima_file first;
};

/* What the recorded machine's list and TPM say. */
static void
recorded_aggregate(struct aggregate *g, const char *name)
{
	struct ms_ima_entry e;
	struct ms_imalist it;
	size_t n = 0;
	char path[96], row[16];
	MS_OWN(recorded_fini) struct recorded r = machine(name, "ima_binary");
	(void)snprintf(path, sizeof path, "measured-boot/%s/pcrs_all.txt", name);
	uint8_t *file = test_file(path, &n);
	CHECK(file != NULL);
	const uint8_t *bank = memmem(file, n, "sha256:", 7);
	CHECK(bank != NULL);
	*g = (struct aggregate){.pcrs = {.hash = MS_IMA_HASH_SHA256}};
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(row, sizeof row, "%u : 0x", i);
		const uint8_t *at = memmem(bank, n - (size_t)(bank - file), row, strlen(row));
		CHECK(at != NULL && ms_unhex((const char *)at + strlen(row), 64, g->value[i], 32) == MS_OK);
		g->pcrs.pcr[i] = g->value[i];
	}
	free(file);
	CHECK(ms_imalist_init(&it, ms_span(r.p, r.len), 0, &MS_IMA_CAPS_OFFLINE, NULL) == MS_OK);
	CHECK(ms_imalist_next(&it, &e, NULL) == MS_OK && e.digest.value.len == 32);
	memcpy(g->digest, e.digest.value.p, 32);
	g->first = (struct ms_ima_file){.hash = e.digest.hash, .digest = ms_span(g->digest, 32), .path = ms_span_str("boot_aggregate")};
	ms_imalist_fini(&it);
}

MS_TEST(boot_aggregate_of_a_recorded_machine_is_the_digest_of_its_pcrs_0_to_9)
{
	static const char *const machines[] = {"good", "banks"};
	for (size_t m = 0; m < 2; m++) {
		struct aggregate g;
		recorded_aggregate(&g, machines[m]);
		CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_PCRS_0_9);
		for (unsigned i = 0; i < 10; i++) {
			g.value[i][5] ^= 1;
			CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_DIFFERS);
			g.value[i][5] ^= 1;
		}
	}
}

MS_TEST(boot_aggregates_of_older_kernels_and_of_no_tpm_are_told)
{
	struct aggregate g;
	struct ms_span part[8];
	recorded_aggregate(&g, "good");
	for (size_t i = 0; i < 8; i++)
		part[i] = ms_span(g.value[i], 32);
	ms_sha256v(part, 8, g.digest);
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_PCRS_0_7);
	memset(g.digest, 0, 32);
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_ZEROS);
	g.digest[0] = 1;
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_DIFFERS);
	g.pcrs.pcr[9] = NULL;
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_UNCHECKED);
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, NULL), MS_IMA_AGGREGATE_UNCHECKED);
	recorded_aggregate(&g, "good");
	g.first.entry = 1; /* a file that calls itself so, later in the list */
	CHECK_INT(ms_ima_boot_aggregate_check(&g.first, &g.pcrs), MS_IMA_AGGREGATE_UNCHECKED);
}

MS_TEST(an_appraisal_with_a_boot_log_says_whether_the_boot_aggregate_fits_it)
{
	MS_OWN(ms_buf_fini) struct ms_buf list;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_pcrs boot;
	struct ms_span part[10];
	uint8_t digest[32];
	struct ms_err err;
	CHECK(ms_appraisal_new(&a, NULL) == MS_OK);
	a->has_boot = true;
	struct ms_tuple t = {.pcr = 4, .digest = {9}};
	CHECK(ms_tuples_add(&a->boot, &t, 10, NULL) == MS_OK);
	ms_appraisal_boot_pcrs(a, &boot);
	for (size_t i = 0; i < 10; i++)
		part[i] = ms_span(boot.value[i], 32);
	ms_sha256v(part, 10, digest);
	ms_buf_init(&list, 4096);
	ima_put(&list, &(struct ima_entry){.digest = ms_span(digest, 32), .path = ms_span_str("boot_aggregate")});
	struct ms_ima_evidence ev = ima_evidence(ms_buf_span(&list));
	CHECK_OK(ms_ima_appraise(&ev, a, &err), &err);
	CHECK(claim_is(a, "ima.boot-aggregate", "pcrs-0-9"));
}
