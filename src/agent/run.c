/* muster-agent run: stay proven. Attests when due, renews the certificate at half of its life, keeps secrets delivered. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/attested.h"
#include "agent/backoff.h"
#include "agent/commands.h"
#include "agent/deliver.h"
#include "base/clock.h"
#include "base/log.h"

#define RETRY_FIRST_MS 1000u
#define RETRY_MAX_MS 300000u
#define NEXT_MIN_S 5u
#define NEXT_MAX_S 86400u

struct runner {
	const struct ms_agent_options *o;
	struct ms_session s;
	bool open;
	int signals;
	struct ms_backoff backoff;
	uint64_t next_s; /* of the last verdict; 0: not told */
	uint32_t poll_s; /* how often to ask whether evidence is wanted; 0: not told */
};

/* ---- secrets ---- */

/* Opens what is kept when that still works; else a new one comes. `refresh`: ask the server for the latest in any case. */
static enum ms_rc
one_secret(struct runner *r, const char *arg, struct ms_err *err)
{
	struct ms_secret_got got = {.value = NULL};
	const char *eq = strchr(arg, '=');
	struct ms_span path = ms_span(arg, (size_t)(eq - arg));
	enum ms_rc rc = ms_secret_fetch(&r->s, path, &got, err);
	if (rc == MS_OK)
		rc = ms_deliver_file(eq + 1, got.value, err);
	if (rc == MS_OK)
		rc = ms_secret_note_file(&r->s, path, eq + 1, err);
	ms_secret_free(got.value);
	if (rc == MS_OK)
		ms_log(MS_LOG_INFO, "agent.secret", "path=%.*s version=%llu", (int)path.len, arg, (unsigned long long)got.version);
	return rc;
}

/* One that is refused does not keep the others from coming; what cannot be reached does. */
static enum ms_rc
all_secrets(struct runner *r, struct ms_err *err)
{
	for (unsigned i = 0; i < r->o->n_secrets; i++) {
		enum ms_rc rc = one_secret(r, r->o->secrets[i], err);
		if (rc != MS_OK && ms_rc_exit(rc) == 3)
			return rc;
		if (rc != MS_OK)
			ms_log(MS_LOG_ERROR, "agent.secret", "which=%u rc=%s text=\"%s\"", i + 1, ms_rc_name(rc), err->text);
	}
	return MS_OK;
}

/* ---- one round ---- */

static enum ms_rc
round_of(struct runner *r, struct ms_err *err)
{
	MS_OWN(ms_attested_done_fini) struct ms_attested_done d = {.challenge = {.c = {.key = NULL}}};
	enum ms_rc rc = ms_enroll_settle(&r->s, err);
	if (rc == MS_OK)
		rc = ms_identity_due(&r->s) ? ms_identity(&r->s, &d, err) : ms_attest(&r->s, &d, err);
	if (d.challenge.c.key == NULL)
		return rc;
	const struct ms_verdict_body *v = &d.answer.verdict;
	r->next_s = v->next_s;
	r->poll_s = d.challenge.c.poll_s;
	ms_log(MS_LOG_INFO, "agent.verdict", "outcome=%.*s state=%.*s next_s=%llu", (int)v->outcome.len, (const char *)v->outcome.p,
	    (int)v->state.len, (const char *)v->state.p, (unsigned long long)v->next_s);
	if (rc == MS_OK)
		rc = ms_attested_passed(&d, err);
	else if (d.answer.outcome == MS_TRUST_PASS && rc == MS_ERR_DENIED) {
		ms_log(MS_LOG_INFO, "agent.identity", "text=\"%s\"", err->text); /* a rule without certificates: go on */
		rc = MS_OK;
	}
	return rc == MS_OK ? all_secrets(r, err) : rc;
}

static enum ms_rc
open_or_lock(struct runner *r, struct ms_err *err)
{
	if (r->open)
		return ms_session_lock(&r->s, err);
	enum ms_rc rc = ms_session_open(&r->s, r->o, err);
	r->open = rc == MS_OK;
	if (rc != MS_OK)
		ms_session_fini(&r->s);
	return rc;
}

/* How long to rest after a round. */
static uint64_t
rest_ms(struct runner *r, enum ms_rc rc)
{
	if (rc != MS_OK && ms_rc_exit(rc) != 1)
		return ms_backoff_next_ms(&r->backoff);
	if (rc != MS_OK && r->next_s == 0)
		return ms_backoff_next_ms(&r->backoff);
	r->backoff.failures = 0;
	uint64_t s = r->next_s < NEXT_MIN_S ? NEXT_MIN_S : r->next_s > NEXT_MAX_S ? NEXT_MAX_S : r->next_s;
	if (r->o->interval_s != 0 && r->o->interval_s < s)
		s = r->o->interval_s;
	return ms_jitter_ms(s * 1000);
}

static void
report(enum ms_rc rc, const struct ms_err *err, uint64_t ms)
{
	if (rc == MS_OK)
		return;
	enum ms_log_level level = ms_rc_exit(rc) == 3 || rc == MS_ERR_PENDING ? MS_LOG_WARN : MS_LOG_ERROR;
	ms_log(level, "agent.round", "rc=%s text=\"%s\" again_in_ms=%llu", ms_rc_name(rc), err->text, (unsigned long long)ms);
}

/* Does an operator want evidence now? A server that cannot be asked is asked again later. */
static bool
wanted(struct runner *r)
{
	struct ms_err err = {.rc = MS_OK};
	bool now = false;
	uint32_t poll_s = r->poll_s;
	if (ms_session_poll(&r->s, &now, &poll_s, &err) != MS_OK)
		return false;
	r->poll_s = poll_s;
	if (now)
		ms_log(MS_LOG_INFO, "agent.wanted", "text=\"an operator asks for evidence\"");
	(void)malloc_trim(0);
	return now;
}

static uint64_t
next_poll_ms(const struct runner *r)
{
	return r->open && r->poll_s != 0 ? ms_clock_boot_ms() + ms_jitter_ms((uint64_t)r->poll_s * 1000) : UINT64_MAX;
}

/* True when it is time to end. */
static bool
rest(struct runner *r, uint64_t ms)
{
	uint64_t until = ms_clock_boot_ms() + ms, ask = next_poll_ms(r);
	struct pollfd p = {.fd = r->signals, .events = POLLIN};
	struct signalfd_siginfo info;
	(void)malloc_trim(0); /* a round needs much more than a rest */
	for (;;) {
		uint64_t now = ms_clock_boot_ms();
		if (now >= until)
			return false;
		if (now >= ask) {
			if (wanted(r))
				return false;
			ask = next_poll_ms(r);
			continue;
		}
		uint64_t wait = until < ask ? until - now : ask - now;
		int n = poll(&p, 1, wait > 60000 ? 60000 : (int)wait); /* the boot clock runs on in suspend, poll does not */
		if (n > 0)
			return read(r->signals, &info, sizeof info) != -1 || errno != EAGAIN;
		if (n < 0 && errno != EINTR)
			return true;
	}
}

static bool
watch_signals(struct runner *r)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals >= 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0;
}

/* For ever: only a signal, or a command line that cannot work, ends it. */
static int
loop(struct runner *r)
{
	for (;;) {
		struct ms_err err = {.rc = MS_OK};
		r->next_s = 0;
		enum ms_rc rc = open_or_lock(r, &err);
		if (rc == MS_OK)
			rc = round_of(r, &err);
		if (r->open)
			ms_session_unlock(&r->s);
		if (rc == MS_ERR_USAGE || (rc == MS_ERR_NOT_FOUND && !r->open)) {
			ms_log(MS_LOG_ERROR, "agent.start", "rc=%s text=\"%s\"", ms_rc_name(rc), err.text);
			return ms_rc_exit(rc);
		}
		uint64_t ms = rest_ms(r, rc);
		report(rc, &err, ms);
		if (rest(r, ms))
			return 0;
	}
}

int
ms_cmd_run(const struct ms_agent_options *o)
{
	struct runner r = {.o = o, .signals = -1, .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS}};
	ms_log_init("agent", MS_LOG_INFO);
	int status = watch_signals(&r) ? loop(&r) : ms_rc_exit(MS_ERR_INTERNAL);
	ms_session_fini(&r.s);
	if (r.signals >= 0)
		(void)close(r.signals);
	ms_log(MS_LOG_INFO, "agent.end", "status=%d", status);
	return status;
}
