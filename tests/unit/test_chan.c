#include "support/test.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/chan.h"
#include "ipc/table.h"

enum { HELLO = 1, DATA = 2, BYE = 3, GIFT = 4, ANSWER = 5, BULK = 6 };
#define STATE_NEW 1u
#define STATE_OPEN 2u

struct heard {
	struct ms_ipc_state st;
	unsigned n;
	uint64_t id;
	size_t len;
	int fd;
};

static enum ms_rc
on_hello(void *ctx, MS_UNUSED struct ms_frame *f, MS_UNUSED struct ms_err *err)
{
	struct heard *h = ctx;
	h->st.state = STATE_OPEN;
	h->n++;
	return MS_OK;
}

static enum ms_rc
on_data(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct heard *h = ctx;
	h->n++;
	h->id = f->id;
	h->len = f->payload.len;
	if (f->payload.len > 0 && f->payload.p[0] == 0xee)
		return ms_fail(err, MS_ERR_DENIED, "handler says no");
	return MS_OK;
}

static enum ms_rc
on_gift(void *ctx, struct ms_frame *f, MS_UNUSED struct ms_err *err)
{
	struct heard *h = ctx;
	h->n++;
	h->fd = f->fd;
	f->fd = -1;
	return MS_OK;
}

static const struct ms_ipc_row rows[] = {
    {.type = HELLO, .name = "HELLO", .states = STATE_NEW, .once = true, .max_len = 4, .handler = on_hello},
    {.type = DATA, .name = "DATA", .states = STATE_OPEN, .min_len = 1, .max_len = 1000, .handler = on_data},
    {.type = BYE, .name = "BYE", .states = MS_IPC_ANY_STATE, .once = true, .handler = on_data},
    {.type = GIFT, .name = "GIFT", .states = MS_IPC_ANY_STATE, .fd = true, .max_len = 8, .handler = on_gift},
    {.type = ANSWER, .name = "ANSWER", .states = MS_IPC_ANY_STATE, .max_len = 8},
    {.type = BULK, .name = "BULK", .states = MS_IPC_ANY_STATE, .max_len = 3u << 20, .handler = on_data},
};
static const struct ms_ipc_table table = MS_IPC_TABLE("peer->us", rows);

static struct ms_span
frame(uint8_t *out, uint32_t len, uint16_t type, uint16_t reserved, const char *payload)
{
	const uint8_t head[16] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(type >> 8),
	    (uint8_t)type, (uint8_t)(reserved >> 8), (uint8_t)reserved, 0, 0, 0, 0, 0, 0, 0, 7};
	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, payload, strlen(payload));
	return ms_span(out, sizeof head + strlen(payload));
}

static struct ms_chan *
fed_chan(void)
{
	struct ms_chan *c = NULL;
	CHECK_INT(ms_chan_new(-1, &table, 1000, &c, NULL), MS_OK);
	return c;
}

static void
pair(struct ms_chan **ret_c, int *ret_peer)
{
	int sv[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK_INT(ms_chan_new(sv[0], &table, 4u << 20, ret_c, NULL), MS_OK);
	*ret_peer = sv[1];
}

/* Feed one frame after an optional HELLO; the error must name `word`. */
static void
expect_end(bool hello, struct ms_span bytes, const char *word)
{
	MS_OWN(ms_chan_free) struct ms_chan *c = fed_chan();
	struct heard h = {.st = MS_IPC_STATE_INIT};
	struct ms_err err = {0};
	uint8_t w[16];
	if (hello)
		CHECK_INT(ms_chan_feed(c, frame(w, 0, HELLO, 0, ""), NULL), MS_OK);
	CHECK_INT(ms_chan_feed(c, bytes, NULL), MS_OK);
	CHECK_INT(ms_ipc_dispatch(c, &h.st, &h, &err), MS_ERR_MALFORMED);
	if (strstr(err.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

MS_TEST(I13_a_frame_outside_the_table_ends_the_peer_and_is_named)
{
	uint8_t w[64];
	expect_end(false, frame(w, 0, 99, 0, ""), "type 99");
	expect_end(false, frame(w, 0, 0, 0, ""), "type 0");
	expect_end(false, frame(w, 0, HELLO, 1, ""), "HELLO: reserved");
	expect_end(false, frame(w, 1, DATA, 0, "x"), "DATA: not in this state");
	expect_end(true, frame(w, 0, DATA, 0, ""), "DATA: 0 bytes");
	expect_end(true, frame(w, 0, HELLO, 0, ""), "HELLO: not in this state");
	expect_end(true, frame(w, 0, ANSWER, 0, ""), "ANSWER: nobody asked");
	expect_end(true, frame(w, 0, GIFT, 0, ""), "GIFT: without its descriptor");
}

MS_TEST(a_frame_that_may_come_once_ends_the_peer_the_second_time)
{
	uint8_t w[64];
	MS_OWN(ms_chan_free) struct ms_chan *c = fed_chan();
	struct heard h = {.st = MS_IPC_STATE_INIT};
	struct ms_err err;
	CHECK_INT(ms_chan_feed(c, frame(w, 0, BYE, 0, ""), NULL), MS_OK);
	CHECK_OK(ms_ipc_dispatch(c, &h.st, &h, &err), &err);
	CHECK_INT(ms_chan_feed(c, frame(w, 0, BYE, 0, ""), NULL), MS_OK);
	CHECK_INT(ms_ipc_dispatch(c, &h.st, &h, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "came twice") != NULL);
	CHECK_INT(h.n, 1);
}

MS_TEST(a_length_over_the_rows_cap_is_refused_before_the_payload_is_waited_for_or_allocated)
{
	static const uint32_t lens[] = {1001, 1u << 20, UINT32_MAX};
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		uint8_t w[16];
		struct ms_chan *c;
		int peer;
		struct ms_frame f;
		bool have = true;
		pair(&c, &peer);
		(void)frame(w, lens[i], DATA, 0, "");
		CHECK_INT(write(peer, w, sizeof w), sizeof w);
		struct mallinfo2 before = mallinfo2();
		struct ms_err err;
		enum ms_rc rc = ms_chan_fill(c, &err);
		if (rc == MS_OK)
			rc = ms_chan_next(c, &f, &have, &err);
		CHECK_INT(rc, MS_ERR_MALFORMED);
		CHECK(mallinfo2().uordblks + mallinfo2().hblkhd < before.uordblks + before.hblkhd + (1u << 17));
		/* sticky: a good frame after it is not taken */
		CHECK_INT(write(peer, "\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0", 16), 16);
		CHECK_INT(ms_chan_fill(c, &err), MS_ERR_MALFORMED);
		CHECK_INT(ms_chan_next(c, &f, &have, &err), MS_ERR_MALFORMED);
		CHECK(!have);
		ms_chan_free(c);
		(void)close(peer);
	}
}

MS_TEST(end_of_file_inside_a_frame_is_an_error_and_between_frames_a_close)
{
	for (size_t cut = 0; cut <= 19; cut++) {
		uint8_t w[64];
		struct ms_chan *c;
		int peer;
		struct ms_frame f;
		struct ms_err err;
		pair(&c, &peer);
		(void)frame(w, 3, BULK, 0, "abc");
		CHECK_INT(write(peer, w, cut), (ssize_t)cut);
		(void)close(peer);
		enum ms_rc rc = ms_chan_wait_frame(c, 5000, &f, &err);
		CHECK_INT(rc, cut == 0 ? MS_ERR_UNAVAILABLE : cut < 19 ? MS_ERR_MALFORMED : MS_OK);
		if (cut == 19)
			CHECK_INT(ms_chan_wait_frame(c, 5000, &f, &err), MS_ERR_UNAVAILABLE);
		ms_chan_free(c);
	}
}

MS_TEST(frames_before_a_close_are_all_delivered_by_fill_and_next)
{
	uint8_t w[64];
	struct ms_chan *c;
	int peer;
	struct heard h = {.st = MS_IPC_STATE_INIT};
	struct ms_err err;
	pair(&c, &peer);
	for (unsigned i = 0; i < 10; i++)
		CHECK_INT(write(peer, w, frame(w, 3, BULK, 0, "abc").len), 19);
	(void)close(peer);
	CHECK_OK(ms_chan_fill(c, &err), &err);
	CHECK_OK(ms_ipc_dispatch(c, &h.st, &h, &err), &err);
	CHECK_INT(h.n, 10);
	CHECK_INT(ms_chan_fill(c, &err), MS_ERR_UNAVAILABLE);
	ms_chan_free(c);
}

MS_TEST(frames_cut_at_every_byte_arrive_whole)
{
	uint8_t w[64];
	MS_OWN(ms_chan_free) struct ms_chan *c = fed_chan();
	struct heard h = {.st = MS_IPC_STATE_INIT};
	struct ms_err err;
	struct ms_span hello = frame(w, 0, HELLO, 0, ""), data = frame(w + 16, 5, DATA, 0, "12345");
	for (unsigned round = 0; round < 3; round++)
		for (size_t i = round == 0 ? 0 : hello.len; i < hello.len + data.len; i++) {
			CHECK_OK(ms_chan_feed(c, ms_span(w + i, 1), &err), &err);
			CHECK_OK(ms_ipc_dispatch(c, &h.st, &h, &err), &err);
		}
	CHECK_INT(h.n, 4);
	CHECK_INT(h.len, 5);
	CHECK_INT(h.id, 7);
}

MS_TEST(a_full_queue_refuses_and_keeps_what_it_has)
{
	struct ms_chan *c;
	int sv[2];
	struct ms_err err;
	uint8_t big[600] = {0};
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK_INT(ms_chan_new(sv[0], &table, 1000, &c, NULL), MS_OK);
	CHECK_OK(ms_chan_send(c, DATA, 1, ms_span(big, sizeof big), &err), &err);
	CHECK_INT(ms_chan_send(c, DATA, 2, ms_span(big, sizeof big), &err), MS_ERR_LIMITED);
	CHECK_INT(ms_chan_queued(c), 616);
	CHECK_OK(ms_chan_flush(c, &err), &err);
	CHECK(!ms_chan_wants_write(c));
	CHECK_INT(read(sv[1], big, sizeof big), sizeof big);
	ms_chan_free(c);
	(void)close(sv[1]);
}

MS_TEST(writing_to_a_peer_that_is_gone_is_unavailable_and_no_signal)
{
	struct ms_chan *c;
	int peer;
	struct ms_err err;
	pair(&c, &peer);
	(void)close(peer);
	CHECK_INT(ms_chan_send_now(c, DATA, 1, ms_span_str("x"), 1000, &err), MS_ERR_UNAVAILABLE);
	ms_chan_free(c);
}

MS_TEST(waiting_ends_at_the_deadline_even_when_bytes_trickle)
{
	struct ms_chan *c;
	int peer;
	struct ms_frame f;
	struct ms_err err;
	pair(&c, &peer);
	pid_t child = fork();
	if (child == 0) {
		for (unsigned i = 0; i < 16; i++) {
			(void)!write(peer, "", 1); /* a length of zero, slowly */
			(void)usleep(40000);
		}
		_exit(0);
	}
	uint64_t start = ms_clock_boot_ms();
	CHECK_INT(ms_chan_wait_frame(c, 150, &f, &err), MS_ERR_TIMEOUT);
	CHECK(ms_clock_boot_ms() - start >= 150);
	CHECK_INT(waitpid(child, NULL, 0), child);
	ms_chan_free(c);
	(void)close(peer);
}

static void
echo_bulk(int fd)
{
	struct ms_chan *c = NULL;
	struct ms_frame f;
	if (ms_chan_new(fd, &table, 8u << 20, &c, NULL) != MS_OK)
		_exit(1);
	while (ms_chan_wait_frame(c, 10000, &f, NULL) == MS_OK)
		if (ms_chan_send_now(c, f.type, f.id, f.payload, 10000, NULL) != MS_OK)
			_exit(2);
	ms_chan_free(c);
	_exit(0);
}

MS_TEST(large_and_small_frames_round_trip_between_two_processes)
{
	struct ms_chan *c;
	int peer, status;
	struct ms_err err;
	static uint8_t bulk[3u << 20];
	pair(&c, &peer);
	pid_t child = fork();
	if (child == 0) {
		(void)close(ms_chan_fd(c));
		echo_bulk(peer);
	}
	(void)close(peer);
	memset(bulk, 0x5a, sizeof bulk);
	for (uint64_t i = 0; i < 20; i++) {
		size_t len = i % 3 == 0 ? sizeof bulk : (size_t)i * 1000;
		struct ms_frame q = {.type = BULK, .id = i, .payload = ms_span(bulk, len)}, a;
		CHECK_OK(ms_chan_ask(c, &q, 10000, &a, &err), &err);
		CHECK(a.id == i && ms_span_eq(a.payload, q.payload));
	}
	ms_chan_free(c);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
}

MS_TEST(an_answer_to_another_question_ends_the_channel)
{
	struct ms_chan *c;
	int peer;
	struct ms_err err;
	uint8_t w[64];
	struct ms_frame q = {.type = ANSWER, .id = 8}, a;
	pair(&c, &peer);
	CHECK_INT(write(peer, w, frame(w, 0, ANSWER, 0, "").len), 16);
	CHECK_INT(ms_chan_ask(c, &q, 1000, &a, &err), MS_ERR_MALFORMED);
	ms_chan_free(c);
	(void)close(peer);
}

MS_TEST(descriptors_arrive_with_their_frames_in_order_and_close_on_exec)
{
	struct ms_chan *to = NULL, *from = NULL;
	int sv[2];
	struct ms_err err;
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	CHECK_INT(ms_chan_new(sv[0], &table, 1u << 20, &to, NULL), MS_OK);
	CHECK_INT(ms_chan_new(sv[1], &table, 1u << 20, &from, NULL), MS_OK);
	for (unsigned i = 0; i < 3; i++) {
		int p[2];
		CHECK_INT(pipe2(p, O_CLOEXEC), 0);
		CHECK_INT(write(p[1], &(char){(char)('a' + (int)i)}, 1), 1);
		(void)close(p[1]);
		CHECK_OK(ms_chan_send(to, BULK, i, ms_span_str("between"), &err), &err);
		CHECK_OK(ms_chan_send_fd(to, GIFT, i, ms_span_str("gift"), p[0], &err), &err);
	}
	CHECK_OK(ms_chan_flush(to, &err), &err);
	for (unsigned i = 0; i < 3; i++) {
		struct ms_frame f;
		char ch = 0;
		CHECK_OK(ms_chan_wait_frame(from, 1000, &f, &err), &err);
		CHECK(f.type == BULK && f.fd == -1);
		CHECK_OK(ms_chan_wait_frame(from, 1000, &f, &err), &err);
		CHECK(f.type == GIFT && f.id == i && f.fd >= 0);
		CHECK_INT(fcntl(f.fd, F_GETFD), FD_CLOEXEC);
		CHECK_INT(read(f.fd, &ch, 1), 1);
		CHECK_INT(ch, 'a' + (int)i);
		(void)close(f.fd);
	}
	ms_chan_free(to);
	ms_chan_free(from);
}

MS_TEST(a_descriptor_with_a_frame_that_brings_none_ends_the_peer)
{
	struct ms_chan *c;
	int peer;
	struct ms_err err;
	uint8_t w[64];
	struct heard h = {.st = MS_IPC_STATE_INIT};
	pair(&c, &peer);
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct ms_span s = frame(w, 3, BULK, 0, "abc");
	struct iovec iov = {.iov_base = w, .iov_len = s.len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *ch = CMSG_FIRSTHDR(&m);
	ch->cmsg_level = SOL_SOCKET, ch->cmsg_type = SCM_RIGHTS, ch->cmsg_len = CMSG_LEN(sizeof peer);
	memcpy(CMSG_DATA(ch), &peer, sizeof peer);
	CHECK_INT(sendmsg(peer, &m, 0), (ssize_t)s.len);
	CHECK_OK(ms_chan_fill(c, &err), &err);
	CHECK_INT(ms_ipc_dispatch(c, &h.st, &h, &err), MS_ERR_MALFORMED);
	CHECK(strstr(err.text, "without a frame") != NULL);
	ms_chan_free(c);
	(void)close(peer);
}

MS_TEST(a_handlers_error_ends_the_peer_with_its_code)
{
	uint8_t w[64];
	MS_OWN(ms_chan_free) struct ms_chan *c = fed_chan();
	struct heard h = {.st = {.state = STATE_OPEN}};
	struct ms_err err;
	CHECK_INT(ms_chan_feed(c, frame(w, 1, DATA, 0, "\xee"), NULL), MS_OK);
	CHECK_INT(ms_ipc_dispatch(c, &h.st, &h, &err), MS_ERR_DENIED);
	CHECK(strstr(err.text, "handler says no") != NULL && strstr(err.text, "DATA") != NULL);
}

MS_TEST(I9_a_wiped_channel_leaves_no_copy_of_a_sent_frame)
{
	struct ms_chan *c;
	int peer;
	struct ms_err err;
	static const char canary[] = "canary-0123456789";
	uint8_t got[64];
	pair(&c, &peer);
	ms_chan_set_wipe(c);
	CHECK_OK(ms_chan_send_now(c, BULK, 1, ms_span(canary, sizeof canary), 1000, &err), &err);
	/* answer with the same bytes, then look where the frame was */
	CHECK_INT(read(peer, got, sizeof got), 16 + sizeof canary);
	CHECK_INT(write(peer, got, 16 + sizeof canary), 16 + sizeof canary);
	struct ms_frame f;
	bool have;
	CHECK_OK(ms_chan_wait_frame(c, 1000, &f, &err), &err);
	const uint8_t *where = f.payload.p;
	CHECK(memcmp(where, canary, sizeof canary) == 0);
	CHECK_OK(ms_chan_next(c, &f, &have, &err), &err);
	for (size_t i = 0; i < sizeof canary; i++)
		CHECK_INT(where[i], 0);
	ms_chan_free(c);
	(void)close(peer);
}
