/* notary in its cage with a real token, and the test in the place of core: it appends, and nothing else can be got from it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/rd.h"
#include "ipc/core_notary.h"
#include "server/notary/leaves.h"
#include "support/keeper_rig.h"
#include "support/test.h"

#define WAIT_MS 30000
#define LEAVES_MAX 8192u

/* A notary of its own, with all that it was given. */
struct log {
	struct rig r;
	struct ms_node leaf[LEAVES_MAX];
	size_t n;
};

static struct test_deployment shared;

static void
log_open(struct log *l)
{
	static unsigned n;
	memset(l, 0, sizeof *l);
	if (shared.root == NULL)
		deployment_new(&shared, true);
	l->r.d = shared;
	/* the keys are shared, the state is not */
	(void)snprintf(l->r.d.dir, sizeof l->r.d.dir, "%.60s/log-%u", shared.dir, n++);
	CHECK(mkdir(l->r.d.dir, 0700) == 0);
	rig_start_notary(&l->r);
}

static void
log_close(struct log *l)
{
	ms_chan_free(l->r.to_notary);
	CHECK_INT(roleproc_wait(&l->r.notary, 5000), 0);
	CHECK_INT(roleproc_wait(&l->r.notary_token, 5000), 0);
}

static void
log_kill(struct log *l)
{
	roleproc_kill(&l->r.notary);
	(void)roleproc_wait(&l->r.notary_token, 5000);
}

static void
leaf_path(const struct log *l, char path[static 300])
{
	(void)snprintf(path, 300, "%.200s/notary/leaves", l->r.d.dir);
}

static off_t
leaf_file_len(const struct log *l)
{
	char path[300];
	struct stat st;
	leaf_path(l, path);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

static struct ms_frame
ask(struct log *l, unsigned type, struct ms_span payload)
{
	struct ms_err err;
	struct ms_frame a;
	const struct ms_frame f = {.type = (uint16_t)type, .id = ++l->r.id, .payload = payload, .fd = -1};
	CHECK_OK(ms_chan_ask(l->r.to_notary, &f, WAIT_MS, &a, &err), &err);
	return a;
}

/* Append n new leaves as of `size`; the answer's type. Its tickets are checked. */
static unsigned
append(struct log *l, uint64_t size, size_t n)
{
	struct ms_err err;
	struct ms_buf q;
	struct ms_checkpoint cp;
	struct ms_node proof[MS_PROOF_MAX];
	ms_buf_init(&q, MS_NOTARY_FRAME_MAX);
	ms_buf_u64(&q, size);
	for (size_t i = 0; i < n; i++) {
		CHECK_OK(ms_random(l->leaf[size + i].h, MS_NODE_LEN, &err), &err);
		ms_buf_put(&q, l->leaf[size + i].h, MS_NODE_LEN);
	}
	struct ms_frame a = ask(l, MS_NOTARY_APPEND, ms_buf_span(&q));
	ms_buf_fini(&q);
	if (a.type != MS_NOTARY_APPENDED)
		return a.type;
	struct ms_rd r = ms_rd_span(a.payload);
	CHECK_INT(ms_rd_u64(&r), size + n);
	CHECK_OK(ms_checkpoint_verify(ms_rd_tpm2b(&r, 4096), l->r.d.vkey, &cp, &err), &err);
	CHECK(cp.size == size + n);
	for (size_t i = 0; i < n; i++) {
		size_t count = ms_rd_u8(&r);
		CHECK(count <= MS_PROOF_MAX);
		ms_rd_copy(&r, proof, count * MS_NODE_LEN);
		CHECK_OK(ms_merkle_verify_inclusion(size + i, cp.size, &l->leaf[size + i], proof, count, &cp.root, &err), &err);
	}
	CHECK(ms_rd_done(&r));
	l->n = (size_t)cp.size;
	return a.type;
}

static uint64_t
size_of(struct log *l, struct ms_node *root)
{
	struct ms_err err;
	struct ms_checkpoint cp;
	struct ms_frame a = ask(l, MS_NOTARY_SIZE, MS_SPAN_NONE);
	CHECK_INT(a.type, MS_NOTARY_SIZE);
	struct ms_rd r = ms_rd_span(a.payload);
	uint64_t size = ms_rd_u64(&r);
	ms_rd_copy(&r, root->h, MS_NODE_LEN);
	struct ms_span note = ms_rd_tpm2b(&r, 4096);
	CHECK(ms_rd_done(&r));
	if (size == 0) {
		CHECK(note.len == 0);
		return 0;
	}
	CHECK_OK(ms_checkpoint_verify(note, l->r.d.vkey, &cp, &err), &err);
	CHECK(cp.size == size && ms_node_eq(&cp.root, root));
	return size;
}

/* Its tree is exactly the leaves it was given. */
static void
check_tree(struct log *l)
{
	struct ms_err err;
	struct ms_node root, want;
	struct ms_memtree *m = NULL;
	CHECK_INT(size_of(l, &root), l->n);
	if (l->n == 0)
		return;
	CHECK_OK(ms_memtree_new(l->leaf, l->n, &m, &err), &err);
	struct ms_tree t = ms_memtree_tree(m);
	CHECK_OK(ms_tree_root(&t, l->n, &want, &err), &err);
	CHECK(ms_node_eq(&root, &want));
	ms_memtree_free(m);
}

MS_TEST(appends_with_proofs_under_one_checkpoint_a_batch)
{
	static struct log l;
	log_open(&l);
	check_tree(&l);
	static const size_t batches[] = {1, 2, 1, 64, 3, 200, 1, 4096, 1};
	for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
		CHECK_INT(append(&l, l.n, batches[i]), MS_NOTARY_APPENDED);
		check_tree(&l);
	}
	log_close(&l);
}

MS_TEST(a_wrong_expected_size_appends_nothing)
{
	static struct log l;
	struct ms_node root, after;
	log_open(&l);
	CHECK_INT(append(&l, 0, 5), MS_NOTARY_APPENDED);
	CHECK_INT(size_of(&l, &root), 5);
	static const uint64_t wrong[] = {0, 4, 6, 1000, UINT64_MAX, UINT64_MAX / 32};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct ms_buf q;
		uint8_t leaf[32] = {1};
		ms_buf_init(&q, 64);
		ms_buf_u64(&q, wrong[i]);
		ms_buf_put(&q, leaf, 32);
		struct ms_frame a = ask(&l, MS_NOTARY_APPEND, ms_buf_span(&q));
		CHECK_INT(a.type, MS_NOTARY_WRONG_SIZE);
		struct ms_rd r = ms_rd_span(a.payload);
		CHECK_INT(ms_rd_u64(&r), 5);
		ms_buf_fini(&q);
		CHECK_INT(leaf_file_len(&l), 5 * 32);
	}
	CHECK_INT(size_of(&l, &after), 5);
	CHECK(ms_node_eq(&root, &after));
	log_close(&l);
}

MS_TEST(an_append_replayed_is_refused)
{
	static struct log l;
	struct ms_buf q;
	uint8_t leaf[64] = {1};
	log_open(&l);
	ms_buf_init(&q, 128);
	ms_buf_u64(&q, 0);
	ms_buf_put(&q, leaf, 64);
	CHECK_INT(ask(&l, MS_NOTARY_APPEND, ms_buf_span(&q)).type, MS_NOTARY_APPENDED);
	CHECK_INT(ask(&l, MS_NOTARY_APPEND, ms_buf_span(&q)).type, MS_NOTARY_WRONG_SIZE);
	CHECK_INT(leaf_file_len(&l), 64);
	ms_buf_fini(&q);
	log_close(&l);
}

static void
expect_end(unsigned type, size_t len)
{
	static struct log l;
	struct ms_frame a;
	uint8_t *bytes = calloc(1, len + 8);
	log_open(&l);
	CHECK_INT(append(&l, 0, 2), MS_NOTARY_APPENDED);
	bytes[7] = 2;
	const struct ms_frame f = {.type = (uint16_t)type, .id = 9, .payload = ms_span(bytes, len), .fd = -1};
	CHECK(ms_chan_ask(l.r.to_notary, &f, WAIT_MS, &a, NULL) == MS_ERR_UNAVAILABLE);
	int status = roleproc_wait(&l.r.notary, 5000);
	CHECK(status != 0 && status < 128);
	CHECK_INT(roleproc_wait(&l.r.notary_token, 5000), 0);
	CHECK_INT(leaf_file_len(&l), 64);
	ms_chan_free(l.r.to_notary);
	free(bytes);
}

MS_TEST(there_is_nothing_else_to_ask_for)
{
	expect_end(0, 0);
	expect_end(MS_NOTARY_APPENDED, 40);
	expect_end(MS_NOTARY_WRONG_SIZE, 8); /* no rollback */
	expect_end(MS_NOTARY_ERROR, 0);
	expect_end(6, 40);
	expect_end(MS_NOTARY_SIZE, 8);
	expect_end(MS_NOTARY_APPEND, 8);      /* no leaf */
	expect_end(MS_NOTARY_APPEND, 8 + 33); /* not whole leaves */
	expect_end(MS_NOTARY_APPEND, 8 + 32 * (MS_NOTARY_BATCH_MAX + 1));
}

MS_TEST(a_killed_notary_comes_back_with_the_same_tree)
{
	static struct log l;
	log_open(&l);
	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(append(&l, l.n, 7 + i), MS_NOTARY_APPENDED);
		log_kill(&l);
		rig_start_notary(&l.r);
		check_tree(&l);
	}
	log_close(&l);
}

MS_TEST(a_torn_tail_is_cut_off_at_start)
{
	static struct log l;
	char path[300];
	log_open(&l);
	CHECK_INT(append(&l, 0, 3), MS_NOTARY_APPENDED);
	log_kill(&l);
	leaf_path(&l, path);
	for (size_t torn = 1; torn < 32; torn += 10) {
		uint8_t bytes[32] = {0xff};
		MS_OWN(ms_fd_close) ms_fd fd = open(path, O_WRONLY | O_APPEND);
		CHECK(fd >= 0 && write(fd, bytes, torn) == (ssize_t)torn);
		rig_start_notary(&l.r);
		CHECK_INT(leaf_file_len(&l), 96);
		check_tree(&l);
		log_kill(&l);
	}
	rig_start_notary(&l.r);
	CHECK_INT(append(&l, 3, 1), MS_NOTARY_APPENDED);
	check_tree(&l);
	log_close(&l);
}

/* Start on what is in the directory; it must refuse. */
static void
expect_refusal(struct log *l)
{
	char dir[200];
	int to_token, pair[2];
	(void)snprintf(dir, sizeof dir, "%.100s/notary", l->r.d.dir);
	deployment_start_token(&l->r.d, &l->r.d.notary, &l->r.notary_token, &to_token);
	const struct role_pair pairs[] = {{.key = "state_dir", .text = dir}, {.key = "deployment_dir", .text = l->r.d.public_dir}};
	socket_pair(pair);
	const int fds[] = {pair[1], to_token};
	roleproc_start(&l->r.notary, MS_PROGRAM_NOTARY, "notary", pairs, 2, fds, 2);
	CHECK(!roleproc_ready(&l->r.notary, WAIT_MS));
	int status = roleproc_wait(&l->r.notary, 5000);
	CHECK(status != 0 && status < 128);
	(void)roleproc_wait(&l->r.notary_token, 5000);
	(void)close(pair[0]);
}

MS_TEST(leaves_that_went_missing_refuse_the_start)
{
	static struct log l;
	char path[300];
	log_open(&l);
	CHECK_INT(append(&l, 0, 9), MS_NOTARY_APPENDED);
	log_kill(&l);
	leaf_path(&l, path);
	CHECK(truncate(path, 8 * 32) == 0);
	expect_refusal(&l);
	CHECK(unlink(path) == 0);
	expect_refusal(&l);
}

MS_TEST(leaves_that_were_changed_refuse_the_start)
{
	static struct log l;
	char path[300];
	uint8_t byte = 0x55;
	log_open(&l);
	CHECK_INT(append(&l, 0, 9), MS_NOTARY_APPENDED);
	log_kill(&l);
	leaf_path(&l, path);
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_RDWR);
	uint8_t was = 0;
	CHECK(pread(fd, &was, 1, 100) == 1);
	byte = (uint8_t)(was ^ 1);
	CHECK(pwrite(fd, &byte, 1, 100) == 1);
	expect_refusal(&l);
	CHECK(pwrite(fd, &was, 1, 100) == 1);
	rig_start_notary(&l.r);
	check_tree(&l);
	log_close(&l);
}

MS_TEST(a_checkpoint_of_another_log_refuses_the_start)
{
	static struct log l;
	char path[300];
	struct ms_err err;
	log_open(&l);
	CHECK_INT(append(&l, 0, 2), MS_NOTARY_APPENDED);
	log_kill(&l);
	(void)snprintf(path, sizeof path, "%.200s/notary/checkpoint", l.r.d.dir);
	CHECK_OK(ms_io_write_file(path, 0600, ms_span_str("not a checkpoint\n"), &err), &err);
	expect_refusal(&l);
	CHECK(truncate(path, 0) == 0); /* what a power cut may leave */
	rig_start_notary(&l.r);
	check_tree(&l);
	log_close(&l);
}

MS_TEST(a_token_with_another_log_key_refuses_the_start)
{
	static struct log l;
	static struct test_deployment other;
	log_open(&l);
	log_close(&l);
	deployment_new(&other, true);
	l.r.d.notary.config = other.notary.config;
	memcpy(l.r.d.notary.uri, other.notary.uri, sizeof other.notary.uri);
	memcpy(l.r.d.notary.conf, other.notary.conf, sizeof other.notary.conf);
	memcpy(l.r.d.notary.dir, other.notary.dir, sizeof other.notary.dir);
	expect_refusal(&l);
	deployment_fini(&other);
}

MS_TEST(two_notaries_cannot_have_one_log)
{
	static struct log l;
	log_open(&l);
	CHECK_INT(append(&l, 0, 2), MS_NOTARY_APPENDED);
	struct roleproc first = l.r.notary, first_token = l.r.notary_token;
	expect_refusal(&l);
	l.r.notary = first;
	l.r.notary_token = first_token;
	check_tree(&l);
	log_close(&l);
}

/* Killed after the sync and before the answer: core never heard of the leaves, and finds them by their size. */
MS_TEST(killed_between_append_and_answer_keeps_the_leaves)
{
	static struct log l;
	struct ms_err err;
	struct ms_buf q;
	log_open(&l);
	CHECK_INT(append(&l, 0, 3), MS_NOTARY_APPENDED);
	CHECK(kill(l.r.notary_token.pid, SIGSTOP) == 0); /* signing waits */
	ms_buf_init(&q, 128);
	ms_buf_u64(&q, 3);
	for (size_t i = 3; i < 5; i++) {
		CHECK_OK(ms_random(l.leaf[i].h, MS_NODE_LEN, &err), &err);
		ms_buf_put(&q, l.leaf[i].h, MS_NODE_LEN);
	}
	CHECK_OK(ms_chan_send_now(l.r.to_notary, MS_NOTARY_APPEND, 77, ms_buf_span(&q), WAIT_MS, &err), &err);
	for (int i = 0; i < 500 && leaf_file_len(&l) != 5 * 32; i++)
		(void)usleep(10000);
	CHECK_INT(leaf_file_len(&l), 5 * 32);
	roleproc_kill(&l.r.notary);
	CHECK(kill(l.r.notary_token.pid, SIGCONT) == 0);
	(void)roleproc_wait(&l.r.notary_token, 5000);
	rig_start_notary(&l.r);
	l.n = 5;
	check_tree(&l);
	CHECK_INT(ask(&l, MS_NOTARY_APPEND, ms_buf_span(&q)).type, MS_NOTARY_WRONG_SIZE);
	CHECK_INT(append(&l, 5, 1), MS_NOTARY_APPENDED);
	check_tree(&l);
	ms_buf_fini(&q);
	log_close(&l);
}

MS_TEST(a_dead_token_ends_notary)
{
	static struct log l;
	struct ms_frame a;
	uint8_t q[40] = {0};
	log_open(&l);
	(void)kill(l.r.notary_token.pid, SIGKILL);
	const struct ms_frame f = {.type = MS_NOTARY_APPEND, .id = 1, .payload = ms_span(q, sizeof q), .fd = -1};
	CHECK(ms_chan_ask(l.r.to_notary, &f, WAIT_MS, &a, NULL) == MS_ERR_UNAVAILABLE);
	CHECK(roleproc_wait(&l.r.notary, 5000) != 0);
	(void)roleproc_wait(&l.r.notary_token, 5000);
	ms_chan_free(l.r.to_notary);
}

/* ---- the leaf file by itself ---- */

MS_TEST(a_full_disk_leaves_whole_leaves_and_an_unchanged_tree)
{
	struct ms_err err;
	char dir[] = "/tmp/muster-leaves-XXXXXX";
	MS_OWN(ms_leaves_free) struct ms_leaves *l = NULL;
	MS_OWN(ms_batch_fini) struct ms_batch batch = {.n = 0};
	struct ms_node leaves[8] = {{{1}}, {{2}}};
	struct rlimit was, tight = {.rlim_cur = 2 * 32 + 5 * 32 + 16, .rlim_max = RLIM_INFINITY};
	struct ms_frontier before;
	CHECK(mkdtemp(dir) != NULL);
	CHECK_OK(ms_leaves_open(dir, NULL, NULL, &l, &err), &err);
	CHECK_OK(ms_leaves_append(l, leaves, 2, &batch, &err), &err);
	before = *ms_leaves_frontier(l);
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &was) == 0);
	tight.rlim_max = was.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &tight) == 0);
	CHECK(ms_leaves_append(l, leaves, 8, &batch, &err) == MS_ERR_IO); /* 5 leaves and a half fit */
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
	CHECK(memcmp(&before, ms_leaves_frontier(l), sizeof before) == 0);
	char path[64];
	struct stat st;
	(void)snprintf(path, sizeof path, "%s/leaves", dir);
	CHECK(stat(path, &st) == 0 && st.st_size == 64);
	CHECK_OK(ms_leaves_append(l, leaves, 8, &batch, &err), &err);
	CHECK(batch.size == 10);
	remove_tree(dir);
}

MS_TEST(a_leaf_file_that_is_no_file_is_refused)
{
	struct ms_err err;
	char dir[] = "/tmp/muster-leaves-XXXXXX", path[64];
	struct ms_leaves *l = NULL;
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof path, "%s/leaves", dir);
	CHECK(symlink("/etc/passwd", path) == 0);
	CHECK(ms_leaves_open(dir, NULL, NULL, &l, &err) == MS_ERR_IO);
	CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
	CHECK(ms_leaves_open(dir, NULL, NULL, &l, &err) == MS_ERR_IO);
	CHECK(l == NULL);
	remove_tree(dir);
}
