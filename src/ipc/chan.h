/* Channels between processes: frames over a stream socket pair.
 * Frame: u32 payload length | u16 type | u16 zero | u64 id | payload, big-endian. The length is checked against the
 * row of the type before anything is allocated; an unknown type, a bad length or EOF inside a frame is MS_ERR_MALFORMED,
 * which is sticky: the peer is broken or hostile and the channel is to be closed.
 *
 * In an event loop: readable -> ms_chan_fill(), then ms_ipc_dispatch() or ms_chan_next() until *ret_have is false;
 * ms_chan_send() queues; ms_chan_flush() at the end of a turn, and again when writable while ms_chan_wants_write().
 * In a small process: ms_chan_wait_frame() and ms_chan_send_now(), or ms_ipc_serve(). One read takes many frames,
 * one write sends all that are queued. The socket may be blocking or not; a vanished reader raises no signal. */
#ifndef MS_IPC_CHAN_H
#define MS_IPC_CHAN_H
#include "base/io.h"

#define MS_CHAN_HEADER_LEN 16u
#define MS_CHAN_FDS_MAX 8u /* descriptors under way in one direction */

struct ms_chan; /* opaque */
struct ms_ipc_table;

struct ms_frame {
	uint16_t type;
	uint64_t id;
	struct ms_span payload; /* borrowed until the next fill, next, wait or feed on the channel */
	int fd;                 /* -1, or a descriptor (close-on-exec) that the receiver owns */
};

/* Takes fd (also on error). `in` is what may come in: its rows bound every length; it must live as long as the channel.
 * queue_max caps the bytes waiting to be sent. fd -1 makes a channel that is only fed (ms_chan_feed). */
MS_MUST_USE enum ms_rc ms_chan_new(int fd, const struct ms_ipc_table *in, size_t queue_max, struct ms_chan **ret, struct ms_err *err);
void ms_chan_free(struct ms_chan *c); /* closes; wipes its buffers; NULL is a no-op */
MS_CLEANUP(struct ms_chan, ms_chan_free)
/* For frames with secrets, before anything was sent or read: buffers are locked in memory (MS_ERR_NOMEM from later
 * calls when that fails), and the bytes of every frame are wiped as soon as it was sent or the next one is taken. */
void ms_chan_set_wipe(struct ms_chan *c);
const struct ms_ipc_table *ms_chan_table(const struct ms_chan *c);
int ms_chan_fd(const struct ms_chan *c);

/* Read what is there, without waiting. MS_OK also when nothing was. MS_ERR_UNAVAILABLE: the peer closed, and
 * ms_chan_next() has returned all frames that came before. Use level-triggered readiness: one call reads no more than its buffer holds. */
MS_MUST_USE enum ms_rc ms_chan_fill(struct ms_chan *c, struct ms_err *err);
/* The next complete frame, if there is one. */
MS_MUST_USE enum ms_rc ms_chan_next(struct ms_chan *c, struct ms_frame *ret, bool *ret_have, struct ms_err *err);
/* Bytes as if they had been read (tests, fuzzing). */
MS_MUST_USE enum ms_rc ms_chan_feed(struct ms_chan *c, struct ms_span bytes, struct ms_err *err);

/* Queue a frame. MS_ERR_LIMITED when the queue is full: nothing is queued, and frames already queued stay. */
MS_MUST_USE enum ms_rc ms_chan_send(struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, struct ms_err *err);
/* The same with a descriptor, which is taken (also on error) and closed once sent. */
MS_MUST_USE enum ms_rc ms_chan_send_fd(struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, int fd, struct ms_err *err);
/* Write what the socket takes now. MS_ERR_UNAVAILABLE when the peer is gone. */
MS_MUST_USE enum ms_rc ms_chan_flush(struct ms_chan *c, struct ms_err *err);
bool ms_chan_wants_write(const struct ms_chan *c);
size_t ms_chan_queued(const struct ms_chan *c); /* bytes */

/* Wait for one frame, at most timeout_ms (< 0: for ever) on the boot clock. MS_ERR_TIMEOUT; MS_ERR_UNAVAILABLE when
 * the peer closed between frames; MS_ERR_MALFORMED as above. */
MS_MUST_USE enum ms_rc ms_chan_wait_frame(struct ms_chan *c, int timeout_ms, struct ms_frame *ret, struct ms_err *err);
/* Queue and write everything, waiting at most timeout_ms (< 0: for ever). */
MS_MUST_USE enum ms_rc ms_chan_send_now(
    struct ms_chan *c, uint16_t type, uint64_t id, struct ms_span payload, int timeout_ms, struct ms_err *err);
/* Write all that is queued, waiting. */
MS_MUST_USE enum ms_rc ms_chan_drain(struct ms_chan *c, int timeout_ms, struct ms_err *err);
/* A question and its answer, for a process with one question under way: send, then wait for a frame of this id.
 * An answer with another id is MS_ERR_MALFORMED. */
MS_MUST_USE enum ms_rc ms_chan_ask(
    struct ms_chan *c, const struct ms_frame *question, int timeout_ms, struct ms_frame *ret, struct ms_err *err);

#endif
