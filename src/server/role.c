#include "server/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "codec/cbor.h"

#define CONFIG_MAX 65536u
#define ENTRIES_MAX 64u
#define FDS_MAX 320u
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct entry {
	char *key;
	enum ms_cbor_type type;
	uint64_t uint;
	char *bytes; /* text or bytes, with a NUL after them; for a list: the items, each with its NUL */
	size_t len;
};
struct ms_role {
	enum ms_role_id id;
	struct entry entry[ENTRIES_MAX];
	size_t n_entries;
	size_t n_chans, n_listeners;
	bool fd_taken[FDS_MAX];
	bool ready;
};

static enum ms_rc
copy_value(struct ms_span s, struct entry *e)
{
	e->bytes = malloc(s.len + 1);
	if (e->bytes == NULL)
		return MS_ERR_NOMEM;
	if (s.len > 0)
		memcpy(e->bytes, s.p, s.len);
	e->bytes[s.len] = '\0';
	e->len = s.len;
	return MS_OK;
}

static enum ms_rc
read_list(struct ms_cbor *c, struct entry *e)
{
	struct ms_buf b;
	ms_buf_init(&b, CONFIG_MAX);
	for (size_t n = ms_cbor_read_array(c); n > 0; n--) {
		ms_buf_put_span(&b, ms_cbor_read_text(c));
		ms_buf_u8(&b, 0);
	}
	enum ms_rc rc = b.bad ? MS_ERR_NOMEM : copy_value(ms_buf_span(&b), e);
	ms_buf_fini(&b);
	return rc;
}

static enum ms_rc
read_value(struct ms_cbor *c, struct entry *e)
{
	e->type = ms_cbor_peek(c);
	switch (e->type) {
	case MS_CBOR_UINT:
		e->uint = ms_cbor_read_uint(c);
		return MS_OK;
	case MS_CBOR_BOOL:
		e->uint = ms_cbor_read_bool(c);
		return MS_OK;
	case MS_CBOR_TEXT:
		return copy_value(ms_cbor_read_text(c), e);
	case MS_CBOR_BYTES:
		return copy_value(ms_cbor_read_bytes(c), e);
	case MS_CBOR_ARRAY:
		return read_list(c, e);
	default:
		ms_cbor_poison(c);
		return MS_OK;
	}
}

static enum ms_rc
parse_config(struct ms_role *r, struct ms_span config, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(config);
	size_t n = ms_cbor_read_map(&c);
	if (n > ENTRIES_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "role configuration: %zu keys", n);
	for (; n > 0; n--) {
		struct entry *e = &r->entry[r->n_entries++], key = {0};
		enum ms_rc rc = copy_value(ms_cbor_read_text(&c), &key);
		e->key = key.bytes;
		if (rc != MS_OK || (rc = read_value(&c, e)) != MS_OK)
			return ms_fail(err, rc, "role configuration");
	}
	return ms_cbor_done(&c) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "role configuration");
}

static enum ms_rc
load_config(struct ms_role *r, struct ms_err *err)
{
	int seals = fcntl(MS_ROLE_FD_CONFIG, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS) != SEALS)
		return ms_fail(err, MS_ERR_USAGE, "this program is started by musterd, not by hand");
	struct ms_buf b;
	ms_buf_init(&b, CONFIG_MAX);
	enum ms_rc rc = lseek(MS_ROLE_FD_CONFIG, 0, SEEK_SET) == 0 ? ms_io_read_fd(MS_ROLE_FD_CONFIG, CONFIG_MAX, &b, err)
								   : ms_fail(err, MS_ERR_IO, "role configuration: %s", strerror(errno));
	if (rc == MS_OK)
		rc = parse_config(r, ms_buf_span(&b), err);
	ms_buf_fini(&b);
	(void)close(MS_ROLE_FD_CONFIG);
	return rc;
}

static const struct entry *
find(const struct ms_role *r, const char *key, enum ms_cbor_type type)
{
	for (size_t i = 0; i < r->n_entries; i++)
		if (strcmp(r->entry[i].key, key) == 0)
			return r->entry[i].type == type ? &r->entry[i] : NULL;
	return NULL;
}

const char *
ms_role_get_text(const struct ms_role *r, const char *key, const char *absent)
{
	const struct entry *e = find(r, key, MS_CBOR_TEXT);
	return e != NULL ? e->bytes : absent;
}

uint64_t
ms_role_get_uint(const struct ms_role *r, const char *key, uint64_t absent)
{
	const struct entry *e = find(r, key, MS_CBOR_UINT);
	return e != NULL ? e->uint : absent;
}

bool
ms_role_get_bool(const struct ms_role *r, const char *key)
{
	const struct entry *e = find(r, key, MS_CBOR_BOOL);
	return e != NULL && e->uint != 0;
}

const char *
ms_role_get_item(const struct ms_role *r, const char *key, size_t i)
{
	const struct entry *e = find(r, key, MS_CBOR_ARRAY);
	for (size_t off = 0; e != NULL && off < e->len; off += strlen(e->bytes + off) + 1)
		if (i-- == 0)
			return e->bytes + off;
	return NULL;
}

enum ms_rc
ms_role_need_text(const struct ms_role *r, const char *key, const char **ret, struct ms_err *err)
{
	const char *s = ms_role_get_text(r, key, NULL);
	if (s == NULL)
		return ms_fail(err, MS_ERR_USAGE, "configuration: %s is not set", key);
	*ret = s;
	return MS_OK;
}

static enum ms_rc
check_role(struct ms_role *r, enum ms_role_id want, struct ms_err *err)
{
	const char *name = ms_role_get_text(r, "role", "");
	for (unsigned id = 0; id < MS_ROLE_COUNT; id++)
		if (strcmp(ms_role_row((enum ms_role_id)id)->name, name) == 0)
			r->id = (enum ms_role_id)id;
	if (r->id == MS_ROLE_NONE || (want != MS_ROLE_NONE && r->id != want))
		return ms_fail(err, MS_ERR_USAGE, "started as role \"%s\"", name);
	return MS_OK;
}

static size_t
peers_of(const struct ms_role *r, enum ms_role_id peer)
{
	return ms_role_row(peer)->many ? (size_t)ms_role_get_uint(r, "net_processes", 1) : 1;
}

static enum ms_rc
check_socket(int fd, bool listener, struct ms_err *err)
{
	int domain = 0, type = 0, accepting = 0;
	socklen_t len = sizeof(int);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) != 0)
		return ms_fail(err, MS_ERR_USAGE, "descriptor %d: %s", fd, strerror(errno));
	if (type != SOCK_STREAM || (domain == AF_UNIX) == listener || (accepting != 0) != listener)
		return ms_fail(err, MS_ERR_USAGE, "descriptor %d is another kind of socket", fd);
	return listener ? ms_io_set_nonblock(fd, err) : MS_OK;
}

static enum ms_rc
check_fds(struct ms_role *r, struct ms_err *err)
{
	const struct ms_role_row *row = ms_role_row(r->id);
	struct stat st;
	for (unsigned i = 0; i < row->n_peers; i++)
		r->n_chans += peers_of(r, row->peers[i]);
	r->n_listeners = row->listeners ? (size_t)ms_role_get_uint(r, "listeners", 0) : 0;
	size_t n = r->n_chans + r->n_listeners;
	if (r->n_chans > FDS_MAX || r->n_listeners > FDS_MAX || n > FDS_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "%zu descriptors", n);
	if (fstat(MS_ROLE_FD_READY, &st) != 0 || !S_ISFIFO(st.st_mode) || fcntl(MS_ROLE_FD_READY, F_SETFD, FD_CLOEXEC) != 0)
		return ms_fail(err, MS_ERR_USAGE, "descriptor %d is not the ready pipe", MS_ROLE_FD_READY);
	for (size_t i = 0; i < n; i++) {
		enum ms_rc rc = check_socket(MS_ROLE_FD_CHANS + (int)i, i >= r->n_chans, err);
		if (rc != MS_OK)
			return rc;
	}
	if (close_range((unsigned)(MS_ROLE_FD_CHANS + n), ~0u, 0) != 0)
		return ms_fail(err, MS_ERR_IO, "close_range: %s", strerror(errno));
	return MS_OK;
}

static enum ms_log_level
level_of(const char *name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum ms_log_level)i;
	return MS_LOG_INFO;
}

enum ms_rc
ms_role_init(enum ms_role_id id, struct ms_role **ret, struct ms_err *err)
{
	ms_log_init(id < MS_ROLE_COUNT ? ms_role_row(id)->name : "role", MS_LOG_INFO);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return ms_fail(err, MS_ERR_INTERNAL, "start: %s", strerror(errno));
	MS_OWN(ms_role_free) struct ms_role *r = calloc(1, sizeof *r);
	if (r == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "role");
	r->id = MS_ROLE_NONE;
	r->ready = true; /* until the pipe is known to be one */
	enum ms_rc rc = load_config(r, err);
	if (rc != MS_OK || (rc = check_role(r, id, err)) != MS_OK || (rc = check_fds(r, err)) != MS_OK)
		return rc;
	ms_log_init(ms_role_row(r->id)->name, level_of(ms_role_get_text(r, "log_level", "info")));
	r->ready = false;
	*ret = r;
	r = NULL;
	return MS_OK;
}

void
ms_role_free(struct ms_role *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n_entries; i++) {
		free(r->entry[i].key);
		free(r->entry[i].bytes);
	}
	free(r);
}

enum ms_role_id
ms_role_id(const struct ms_role *r)
{
	return r->id;
}

int
ms_role_die(const char *event, const struct ms_err *err)
{
	ms_log(MS_LOG_ERROR, event, "rc=%s %s", ms_rc_name(err->rc), err->text);
	int status = ms_rc_exit(err->rc);
	return status != 0 ? status : 1;
}

size_t
ms_role_n_chans(const struct ms_role *r)
{
	return r->n_chans;
}

static int
take_fd(struct ms_role *r, size_t i)
{
	if (r->fd_taken[i])
		return -1;
	r->fd_taken[i] = true;
	return MS_ROLE_FD_CHANS + (int)i;
}

int
ms_role_chan_fd(struct ms_role *r, size_t i)
{
	return i < r->n_chans ? take_fd(r, i) : -1;
}

enum ms_role_id
ms_role_chan_peer(const struct ms_role *r, size_t i)
{
	const struct ms_role_row *row = ms_role_row(r->id);
	for (unsigned p = 0; p < row->n_peers; p++) {
		size_t n = peers_of(r, row->peers[p]);
		if (i < n)
			return row->peers[p];
		i -= n;
	}
	return MS_ROLE_NONE;
}

size_t
ms_role_n_listeners(const struct ms_role *r)
{
	return r->n_listeners;
}

int
ms_role_listener_fd(struct ms_role *r, size_t i)
{
	return i < r->n_listeners ? take_fd(r, r->n_chans + i) : -1;
}

unsigned
ms_role_index(const struct ms_role *r)
{
	return (unsigned)ms_role_get_uint(r, "index", 0);
}

enum ms_rc
ms_role_enter(const struct ms_role *r, const struct ms_sandbox_path *paths, size_t n_paths, struct ms_err *err)
{
	const struct ms_sandbox s = {.profile = ms_role_row(r->id)->profile,
	    .drop_user = ms_role_get_bool(r, "drop_user"),
	    .uid = (uid_t)ms_role_get_uint(r, "uid", 0),
	    .gid = (gid_t)ms_role_get_uint(r, "gid", 0),
	    .paths = paths,
	    .n_paths = n_paths,
	    .development = ms_role_get_bool(r, "development")};
	if (!s.drop_user && !s.development)
		return ms_fail(err, MS_ERR_USAGE, "no user of its own");
	enum ms_rc rc = ms_sandbox_enter(&s, err);
	return rc != MS_OK ? ms_prefix(err, rc, "sandbox") : MS_OK;
}

void
ms_role_ready(struct ms_role *r)
{
	if (r->ready)
		return;
	r->ready = true;
	(void)!write(MS_ROLE_FD_READY, "r", 1);
	(void)close(MS_ROLE_FD_READY);
}
