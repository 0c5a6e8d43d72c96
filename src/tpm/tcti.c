#include "tpm/tcti.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"

#define MAGIC UINT64_C(0x6d75737465720001)
#define HEADER_LEN 10u /* tag u16 | size u32 | code u32 */
#define COMMAND_MAX 4096u

struct tcti {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: this is what the TSS sees */
	int fd;
	bool waiting; /* a command was sent */
	size_t have;
	uint8_t response[MS_TCTI_RESPONSE_MAX];
};

static struct tcti *
from_context(TSS2_TCTI_CONTEXT *c)
{
	struct tcti *t = (struct tcti *)c;
	return t != NULL && t->common.magic == MAGIC ? t : NULL;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *c, size_t len, const uint8_t *command)
{
	struct tcti *t = from_context(c);
	if (t == NULL || command == NULL || len < HEADER_LEN || len > COMMAND_MAX)
		return TSS2_TCTI_RC_BAD_VALUE;
	if (t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	/* a device takes a command in one write */
	if (ms_io_write_all(t->fd, command, len, NULL) != MS_OK)
		return TSS2_TCTI_RC_IO_ERROR;
	t->waiting = true;
	t->have = 0;
	return TSS2_RC_SUCCESS;
}

/* Size of the response that is coming; 0 while its header is not there. */
static size_t
announced(const struct tcti *t)
{
	if (t->have < HEADER_LEN)
		return 0;
	const uint8_t *r = t->response;
	return (size_t)r[2] << 24 | (size_t)r[3] << 16 | (size_t)r[4] << 8 | r[5];
}

static bool
complete(const struct tcti *t)
{
	return t->have >= HEADER_LEN && t->have >= announced(t);
}

static TSS2_RC
read_some(struct tcti *t, int32_t timeout_ms)
{
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	int n = poll(&p, 1, timeout_ms);
	if (n == 0 || (n < 0 && errno == EINTR))
		return TSS2_TCTI_RC_TRY_AGAIN;
	ssize_t got = n < 0 ? -1 : read(t->fd, t->response + t->have, sizeof t->response - t->have);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return TSS2_TCTI_RC_TRY_AGAIN;
	if (got <= 0)
		return TSS2_TCTI_RC_IO_ERROR;
	t->have += (size_t)got;
	size_t size = announced(t);
	if (t->have >= HEADER_LEN && (size < HEADER_LEN || size > sizeof t->response || t->have > size))
		return TSS2_TCTI_RC_MALFORMED_RESPONSE;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *c, size_t *len, uint8_t *response, int32_t timeout_ms)
{
	struct tcti *t = from_context(c);
	if (t == NULL || len == NULL)
		return TSS2_TCTI_RC_BAD_VALUE;
	if (!t->waiting)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	while (!complete(t)) {
		TSS2_RC rc = read_some(t, timeout_ms);
		if (rc == TSS2_TCTI_RC_TRY_AGAIN && timeout_ms < 0)
			continue;
		if (rc != TSS2_RC_SUCCESS)
			return rc;
	}
	size_t cap = *len;
	*len = t->have;
	if (response == NULL) /* only asked how long it is */
		return TSS2_RC_SUCCESS;
	if (cap < t->have)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, t->response, t->have);
	ms_wipe(t->response, t->have);
	t->waiting = false;
	t->have = 0;
	return TSS2_RC_SUCCESS;
}

static void
finalize(TSS2_TCTI_CONTEXT *c)
{
	struct tcti *t = from_context(c);
	if (t != NULL)
		ms_fd_close(t->fd);
}

static TSS2_RC
no_cancel(MS_UNUSED TSS2_TCTI_CONTEXT *c)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
no_poll_handles(MS_UNUSED TSS2_TCTI_CONTEXT *c, MS_UNUSED TSS2_TCTI_POLL_HANDLE *handles, MS_UNUSED size_t *n)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

static TSS2_RC
no_locality(MS_UNUSED TSS2_TCTI_CONTEXT *c, MS_UNUSED uint8_t locality)
{
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void
ms_tcti_free(TSS2_TCTI_CONTEXT *c)
{
	if (c == NULL)
		return;
	finalize(c);
	free(c);
}

/* What a spec names. Fields are short: a path has to fit a socket address. */
struct where {
	char host[256], port[8], path[sizeof((struct sockaddr_un *)0)->sun_path];
};

static bool
set_field(struct where *w, struct ms_span key, struct ms_span value)
{
	static const struct {
		const char *key;
		size_t offset, cap;
	} fields[] = {
	    {"host", offsetof(struct where, host), sizeof w->host},
	    {"port", offsetof(struct where, port), sizeof w->port},
	    {"path", offsetof(struct where, path), sizeof w->path},
	};
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		char *out = (char *)w + fields[i].offset;
		if (!ms_span_eq(key, ms_span_str(fields[i].key)))
			continue;
		if (value.len == 0 || value.len >= fields[i].cap || *out != '\0')
			return false;
		memcpy(out, value.p, value.len);
		out[value.len] = '\0';
		return true;
	}
	return false;
}

static bool
parse_where(const char *s, struct where *w)
{
	memset(w, 0, sizeof *w);
	while (*s != '\0') {
		size_t item = strcspn(s, ","), key = strcspn(s, "=");
		if (key >= item || !set_field(w, ms_span(s, key), ms_span(s + key + 1, item - key - 1)))
			return false;
		s += item;
		if (*s == ',' && *++s == '\0')
			return false;
	}
	if (w->path[0] != '\0')
		return w->host[0] == '\0' && w->port[0] == '\0';
	return w->port[strspn(w->port, "0123456789")] == '\0';
}

static int
connect_path(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	memcpy(a.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
		int saved = errno;
		ms_fd_close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int
connect_tcp(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	if (getaddrinfo(host, port, &hints, &list) != 0) {
		errno = EHOSTUNREACH;
		return -1;
	}
	int fd = -1, saved = EHOSTUNREACH;
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			saved = errno;
			ms_fd_close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	const int one = 1;
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	errno = saved;
	return fd;
}

static enum ms_rc
open_fd(const char *spec, int *ret, struct ms_err *err)
{
	struct where w;
	int fd;
	if (strncmp(spec, "device:", 7) == 0 && spec[7] != '\0')
		fd = open(spec + 7, O_RDWR | O_CLOEXEC | O_NOCTTY);
	else if (strncmp(spec, "swtpm:", 6) == 0 && parse_where(spec + 6, &w))
		fd = w.path[0] != '\0' ? connect_path(w.path)
				       : connect_tcp(w.host[0] != '\0' ? w.host : "127.0.0.1", w.port[0] != '\0' ? w.port : "2321");
	else
		return ms_fail(err, MS_ERR_USAGE, "TPM: \"%.100s\" is not device:PATH, swtpm:host=H,port=N or swtpm:path=PATH", spec);
	if (fd < 0)
		return ms_fail(err, MS_ERR_UNAVAILABLE, "TPM: cannot open \"%.100s\": %s", spec, strerror(errno));
	*ret = fd;
	return MS_OK;
}

enum ms_rc
ms_tcti_open(const char *spec, TSS2_TCTI_CONTEXT **ret, struct ms_err *err)
{
	int fd;
	enum ms_rc rc = open_fd(spec, &fd, err);
	if (rc != MS_OK)
		return rc;
	struct tcti *t = calloc(1, sizeof *t);
	if (t == NULL) {
		ms_fd_close(fd);
		return ms_fail(err, MS_ERR_NOMEM, "TPM");
	}
	t->common = (TSS2_TCTI_CONTEXT_COMMON_V1){.magic = MAGIC,
	    .version = 1,
	    .transmit = transmit,
	    .receive = receive,
	    .finalize = finalize,
	    .cancel = no_cancel,
	    .getPollHandles = no_poll_handles,
	    .setLocality = no_locality};
	t->fd = fd;
	*ret = (TSS2_TCTI_CONTEXT *)t;
	return MS_OK;
}
