/* What a role refuses to start with: each child lays out descriptors as the supervisor would, with one thing wrong. */
#include "support/test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "server/config.h"
#include "server/role.h"

#define GOOD \
	"state_dir: /s\nserver_names: [a.example, b.example]\n" \
	"keeper: {keyfile: /k, passphrase_file: /p}\nnotary: {keyfile: /k, passphrase_file: /p}\n"
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct layout {
	enum ms_role_id configured, started;
	int seals;
	unsigned listeners;    /* as the configuration says */
	bool pipe_for_channel; /* instead of a socket */
	bool tcp_for_channel;
	bool file_for_ready;
	bool channel_for_listener;
	bool no_channel;
	bool garbage;
};

static int
config_fd(const struct layout *l)
{
	struct ms_config *c = NULL;
	const struct ms_config_process p = {.role = l->configured, .listeners = l->listeners, .development = true};
	struct ms_buf b;
	ms_buf_init(&b, 65536);
	int fd = memfd_create("test", MFD_ALLOW_SEALING);
	if (ms_config_parse("m", ms_span_str(GOOD), &c, NULL) != MS_OK || ms_config_build(c, &p, &b, NULL) != MS_OK)
		_exit(90);
	if (l->garbage)
		b.p[b.len - 1] ^= 0x55;
	if (ms_io_write_all(fd, b.p, b.len, NULL) != MS_OK || (l->seals != 0 && fcntl(fd, F_ADD_SEALS, l->seals) != 0))
		_exit(91);
	ms_buf_fini(&b);
	ms_config_free(c);
	return fd;
}

static int
channel_fd(const struct layout *l)
{
	int p[2];
	if (l->tcp_for_channel)
		return socket(AF_INET, SOCK_STREAM, 0);
	if (l->pipe_for_channel ? pipe(p) != 0 : socketpair(AF_UNIX, SOCK_STREAM, 0, p) != 0)
		_exit(92);
	return p[0];
}

static int
listener_fd(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0)
		_exit(93);
	return fd;
}

static void
child(const struct layout *l)
{
	int ready[2], n = 0, fds[8];
	struct ms_role *r = NULL;
	struct ms_err err;
	if (pipe(ready) != 0)
		_exit(94);
	fds[n++] = config_fd(l);
	fds[n++] = l->file_for_ready ? open("/dev/null", O_WRONLY) : ready[1];
	if (!l->no_channel)
		fds[n++] = channel_fd(l);
	for (unsigned i = 0; i < l->listeners; i++)
		fds[n++] = l->channel_for_listener ? channel_fd(l) : listener_fd();
	for (int i = 0; i < n; i++)
		fds[i] = fcntl(fds[i], F_DUPFD, 100);
	for (int i = 0; i < n; i++)
		if (dup2(fds[i], 3 + i) < 0)
			_exit(95);
	for (int i = 3 + n; i < 50; i++)
		(void)close(i);
	enum ms_rc rc = ms_role_init(l->started, &r, &err);
	if (rc != MS_OK)
		_exit(rc == MS_ERR_INTERNAL ? 96 : 1);
	bool good = ms_role_id(r) == l->configured && ms_role_n_chans(r) == 1 && ms_role_chan_fd(r, 0) == 5 &&
		    ms_role_chan_fd(r, 0) == -1 && ms_role_chan_fd(r, 1) == -1 && ms_role_n_listeners(r) == l->listeners &&
		    ms_role_chan_peer(r, 1) == MS_ROLE_NONE &&
		    strcmp(ms_role_get_text(r, "state_dir", ""), l->configured == MS_ROLE_NET ? "/s/net" : "/s/appraiser") == 0 &&
		    ms_role_get_uint(r, "state_dir", 5) == 5 && ms_role_get_bool(r, "development") && !ms_role_get_bool(r, "drop_user") &&
		    fcntl(5, F_GETFD) == FD_CLOEXEC && fcntl(100, F_GETFD) == -1 && fcntl(3, F_GETFD) == -1;
	ms_role_free(r);
	_exit(good ? 0 : 97);
}

static int
start(const struct layout *l)
{
	int status;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		child(l);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

MS_TEST(a_role_takes_its_configuration_and_descriptors_and_closes_all_else)
{
	CHECK_INT(start(&(struct layout){MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS}), 0);
	CHECK_INT(start(&(struct layout){MS_ROLE_NET, MS_ROLE_NET, .seals = SEALS, .listeners = 2}), 0);
	CHECK_INT(start(&(struct layout){MS_ROLE_APPRAISER, MS_ROLE_NONE, .seals = SEALS}), 0);
}

MS_TEST(a_role_refuses_to_start_with_anything_out_of_place)
{
	static const struct layout bad[] = {
	    {MS_ROLE_APPRAISER, MS_ROLE_NET, .seals = SEALS},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = 0},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = F_SEAL_GROW},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS, .garbage = true},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS, .pipe_for_channel = true},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS, .tcp_for_channel = true},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS, .no_channel = true},
	    {MS_ROLE_APPRAISER, MS_ROLE_APPRAISER, .seals = SEALS, .file_for_ready = true},
	    {MS_ROLE_NET, MS_ROLE_NET, .seals = SEALS, .listeners = 2, .channel_for_listener = true},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int status = start(&bad[i]);
		if (status != 1)
			fail_msg("layout %zu: exit status %d", i, status);
	}
}
