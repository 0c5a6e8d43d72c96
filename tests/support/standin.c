/* Stands in for every role program in the tests of the supervisor: starts as a role does, enters its cage, answers on the
 * listeners. As core it has the real appraiser's workers do some work before it is ready. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "evidence/appraise.h"
#include "server/core/appraisers.h"
#include "server/role.h"

#define JOBS 40u

struct work {
	unsigned good, malformed, unsupported, other;
};

static void
on_done(void *ctx, uint64_t id, enum ms_rc rc, struct ms_span claims)
{
	struct work *w = ctx;
	if (id % 3 == 0 && rc == MS_OK && claims.len == 34 && claims.p[1] == 7 && claims.p[2] == 0x40)
		w->good++;
	else if (id % 3 == 1 && rc == MS_ERR_MALFORMED)
		w->malformed++;
	else if (id % 3 == 2 && rc == MS_ERR_UNSUPPORTED)
		w->unsupported++;
	else
		w->other++;
}

static enum ms_rc
start_job(struct ms_appraisers *a, uint64_t id, struct ms_err *err)
{
	static const char *const kinds[] = {MS_APPRAISE_PCRS, MS_APPRAISE_EKCERT, "horoscope"};
	uint8_t pcr7[36] = {0xa1, 0x07, 0x58, 0x20, 0x40};
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 4096);
	enum ms_rc rc = ms_appraise_request_build(kinds[id % 3], ms_span(pcr7, sizeof pcr7), &b, err);
	return rc == MS_OK ? ms_appraisers_start(a, id, ms_buf_span(&b), err) : rc;
}

static enum ms_rc
use_appraisers(struct ms_role *role, struct ms_err *err)
{
	struct work w = {0};
	MS_OWN(ms_appraisers_free) struct ms_appraisers *a = NULL;
	enum ms_rc rc = MS_OK;
	int fd = -1;
	for (size_t i = 0; i < ms_role_n_chans(role); i++)
		if (ms_role_chan_peer(role, i) == MS_ROLE_APPRAISER)
			fd = ms_role_chan_fd(role, i);
	rc = ms_appraisers_new(dup(fd), JOBS, 20000, on_done, &w, &a, err);
	for (uint64_t id = 0; rc == MS_OK && id < JOBS; id++)
		rc = start_job(a, id, err);
	while (rc == MS_OK && w.good + w.malformed + w.unsupported + w.other < JOBS) {
		struct pollfd p = {.fd = ms_appraisers_fd(a), .events = POLLIN};
		(void)poll(&p, 1, ms_appraisers_wait_ms(a));
		rc = ms_appraisers_turn(a, err);
	}
	ms_log(
	    MS_LOG_INFO, "standin.appraised", "good=%u malformed=%u unsupported=%u other=%u", w.good, w.malformed, w.unsupported, w.other);
	return rc == MS_OK && w.other != 0 ? ms_fail(err, MS_ERR_INTERNAL, "appraisal") : rc;
}

static void
serve(struct ms_role *role)
{
	struct pollfd p[32];
	nfds_t n = 0;
	for (size_t i = 0; i < ms_role_n_listeners(role); i++)
		p[n++] = (struct pollfd){.fd = ms_role_listener_fd(role, i), .events = POLLIN};
	for (;;) {
		if (poll(p, n, -1) < 0)
			continue;
		for (nfds_t i = 0; i < n; i++) {
			char text[64];
			int c = p[i].revents != 0 ? accept4(p[i].fd, NULL, NULL, SOCK_CLOEXEC) : -1;
			if (c < 0)
				continue;
			int len = snprintf(text, sizeof text, "net %u pid %ld\n", ms_role_index(role), (long)getpid());
			(void)!send(c, text, (size_t)len, MSG_NOSIGNAL);
			(void)close(c);
		}
	}
}

/* As a token does, before it has its own user. */
static enum ms_rc
read_keyfile(const struct ms_role *role, struct ms_err *err)
{
	const char *path = ms_role_get_text(role, "keyfile", NULL);
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 100);
	return path != NULL ? ms_io_read_file(path, 100, &b, err) : MS_OK;
}

int
main(void)
{
	struct ms_err err;
	struct ms_role *role = NULL;
	if (ms_role_init(MS_ROLE_NONE, &role, &err) != MS_OK)
		return ms_role_die("standin.start", &err);
	enum ms_role_id id = ms_role_id(role);
	struct ms_sandbox_path path = {.path = ms_role_get_text(role, "state_dir", ""), .access = MS_SANDBOX_WRITE};
	bool files = ms_role_row(id)->state && id != MS_ROLE_KEEPER;
	enum ms_rc rc = read_keyfile(role, &err);
	if (rc == MS_OK)
		rc = ms_role_enter(role, files ? &path : NULL, files ? 1 : 0, &err);
	if (rc == MS_OK && id == MS_ROLE_CORE)
		rc = use_appraisers(role, &err);
	if (rc != MS_OK)
		return ms_role_die("standin.start", &err);
	ms_role_ready(role);
	serve(role);
	return 0;
}
