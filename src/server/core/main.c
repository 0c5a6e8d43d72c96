/* muster-core: one loop, no locks. Each turn reads all that waits, decides it in one transaction, pushes the leaves, answers. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "audit/export.h"
#include "base/io.h"
#include "base/log.h"
#include "crypto/lib.h"
#include "identity/ekcert.h"
#include "server/core/appraisers.h"
#include "server/core/core.h"

#define QUEUE_MAX (64u << 20)
#define APPRAISE_QUEUE 1024u
#define APPRAISE_TIMEOUT_MS 5000u
#define CLOCK_TOLERANCE_S 300u
#define CLOCK_BEHIND_MAX_S 600u /* further from the log than this, keeper takes no entry of ours as fresh */
#define TURN_MS 1000
#define HEAP_KEPT (32 << 20) /* bytes of free heap that are not given back */
#define EXPORT_EVERY_MS 500u
#define PATH_LEN 4096u

enum ms_rc
ms_core_may_grant(const struct ms_core *c, struct ms_err *err)
{
	if (ms_authority_jumped(&c->clock))
		return ms_fail(err, MS_ERR_CLOCK,
		    "the wall clock moved away from the clock that the log and this boot give: set it right and restart");
	return MS_OK;
}

/* ---- net ---- */

static const ms_request_fn requests[MS_OP_END] = {
    [MS_OP_ROOT] = ms_request_root,
    [MS_OP_CRL] = ms_request_crl,
    [MS_OP_CHALLENGE] = ms_request_challenge,
    [MS_OP_ENROLL_BEGIN] = ms_request_enroll_begin,
    [MS_OP_ENROLL_FINISH] = ms_request_enroll_finish,
    [MS_OP_ENROLL_STATUS] = ms_request_enroll_status,
    [MS_OP_ATTESTED] = ms_request_attested,
    [MS_OP_OPERATOR] = ms_request_operator,
    [MS_OP_JWKS] = ms_request_jwks,
};

/* Is it one of the tenants that this server has? Nothing else is told about another (I8). */
static bool
tenant_served(const struct ms_core *c, struct ms_span tenant)
{
	const char *one;
	for (size_t i = 0; (one = ms_role_get_item(c->role, "tenants", i)) != NULL; i++)
		if (ms_span_eq(tenant, ms_span_str(one)))
			return true;
	return false;
}

static void
refuse_busy(struct ms_net_link *l, uint64_t frame)
{
	struct ms_net_response r = {.status = 503, .kind = MS_NET_TEXT, .retry_after_s = 1, .body = ms_span_str("busy\n")};
	struct ms_buf b;
	ms_buf_init(&b, 256);
	ms_net_response_build(&r, &b);
	if (ms_chan_send(l->chan, MS_NET_RESPONSE, frame, ms_buf_span(&b), NULL) != MS_OK)
		ms_log(MS_LOG_WARN, "core.busy", "net=%u", l->index);
	ms_buf_fini(&b);
}

static enum ms_rc
on_request(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_net_link *l = ctx;
	struct ms_core *c = l->core;
	struct ms_net_request q;
	struct ms_job *j = NULL;
	struct ms_err job_err = {0};
	enum ms_rc rc = ms_net_request_parse(f->payload, &q, err);
	if (rc != MS_OK)
		return rc; /* ends net: it sends no such thing unless it was broken into */
	if (ms_job_new(c, &j, &job_err) != MS_OK) {
		refuse_busy(l, f->id);
		return MS_OK;
	}
	j->net = l->index;
	j->frame = f->id;
	j->op = q.op;
	memcpy(j->tenant, q.tenant.p == NULL ? (const uint8_t *)"" : q.tenant.p, q.tenant.len);
	memcpy(j->exporter, q.exporter, sizeof j->exporter);
	ms_buf_put_span(&j->body, q.body);
	rc = ms_buf_check(&j->body, &job_err);
	if (rc == MS_OK && q.tenant.len > 0 && !tenant_served(c, q.tenant))
		rc = ms_fail(&job_err, MS_ERR_NOT_FOUND, "no such tenant");
	if (rc == MS_OK)
		rc = requests[q.op](c, j, &job_err);
	ms_job_settle(c, j, rc, &job_err);
	return MS_OK;
}

static enum ms_rc
on_tls(void *ctx, struct ms_frame *f, MS_UNUSED struct ms_err *err)
{
	struct ms_net_link *l = ctx;
	struct ms_job *j = NULL;
	struct ms_err job_err = {0};
	enum ms_rc rc = ms_job_new(l->core, &j, &job_err);
	if (rc != MS_OK) { /* net asks again */
		ms_log(MS_LOG_ERROR, "core.tls", "code=%s detail=\"%s\"", ms_rc_name(rc), job_err.text);
		return MS_OK;
	}
	j->net = l->index;
	j->frame = f->id;
	ms_buf_put_span(&j->body, f->payload);
	rc = ms_request_tls(l->core, j, &job_err);
	if (rc != MS_OK) {
		ms_log(MS_LOG_ERROR, "core.tls", "code=%s detail=\"%s\"", ms_rc_name(rc), job_err.text);
		ms_job_free(l->core, j);
	}
	return MS_OK;
}

static enum ms_rc
on_ping(void *ctx, struct ms_frame *f, struct ms_err *err)
{
	struct ms_net_link *l = ctx;
	return ms_chan_send(l->chan, MS_NET_PONG, f->id, MS_SPAN_NONE, err);
}

static const struct ms_ipc_row net_rows[] = {
    {MS_NET_REQUEST, "request", MS_IPC_ANY_STATE, false, false, 3, MS_NET_REQUEST_FRAME_MAX, on_request},
    {MS_NET_TLS_REQUEST, "tls-request", MS_IPC_ANY_STATE, false, false, 1, MS_NET_SPKI_MAX, on_tls},
    {MS_NET_PING, "ping", MS_IPC_ANY_STATE, false, false, 0, 0, on_ping},
};
static const struct ms_ipc_table net_table = MS_IPC_TABLE("net->core", net_rows);

static void
on_appraised(void *ctx, uint64_t id, enum ms_rc rc, struct ms_span said)
{
	struct ms_core *c = ctx;
	struct ms_job *j = ms_job_by_id(c, id);
	if (j != NULL && j->appraised != NULL)
		j->appraised(c, j, rc, said);
}

/* ---- start ---- */

static enum ms_rc
load_root(struct ms_core *c, const char *dir, struct ms_err *err)
{
	char path[PATH_LEN];
	struct ms_buf b;
	ms_buf_init(&b, MS_ROOT_MAX);
	(void)snprintf(path, sizeof path, "%s/root.cbor", dir);
	enum ms_rc rc = ms_io_read_file(path, MS_ROOT_MAX, &b, err);
	if (rc == MS_OK)
		rc = ms_root_load(ms_buf_span(&b), NULL, &c->root, err);
	ms_buf_fini(&b);
	return rc;
}

struct last {
	uint64_t time_s;
	struct ms_err *err;
};

static enum ms_rc
last_entry(void *ctx, MS_UNUSED struct ms_span key, struct ms_span val)
{
	struct last *l = ctx;
	struct ms_entry e;
	enum ms_rc rc = ms_entry_parse(val, &e, l->err);
	if (rc == MS_OK)
		l->time_s = e.time_s;
	return rc;
}

/* The clock starts at the later of wall time and the last thing that was logged: it never moves authority backwards (I15). */
static enum ms_rc
start_clock(struct ms_core *c, struct ms_err *err)
{
	struct last l = {.err = err};
	struct ms_scan q = {.table = MS_TABLE_ENTRIES, .limit = 1, .reverse = true};
	enum ms_rc rc = ms_store_scan(c->store, &q, last_entry, &l, err);
	uint64_t wall_s = ms_clock_wall_s();
	if (rc == MS_OK && l.time_s > wall_s && l.time_s - wall_s > CLOCK_BEHIND_MAX_S)
		return ms_fail(err, MS_ERR_CLOCK,
		    "the wall clock is %llu s before the last entry of the log: set it right, until then nothing is served",
		    (unsigned long long)(l.time_s - wall_s));
	ms_authority_clock_init(&c->clock, l.time_s, CLOCK_TOLERANCE_S);
	c->now_s = c->started_s = c->refusals_since_s = ms_authority_now_s(&c->clock);
	return rc;
}

static enum ms_rc
make_boot_keys(struct ms_core *c, struct ms_err *err)
{
	enum ms_rc rc = ms_softkey_generate(MS_KEY_P256, &c->boot_key, err);
	if (rc == MS_OK)
		rc = ms_secret_new(32, &c->nonce_key, err);
	if (rc == MS_OK)
		rc = ms_random(ms_secret_bytes(c->nonce_key), 32, err);
	if (rc != MS_OK)
		return rc;
	ms_secret_set_len(c->nonce_key, 32);
	c->boot_signer = ms_softkey_signer(c->boot_key);
	return MS_OK;
}

static enum ms_rc
open_channels(struct ms_core *c, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < ms_role_n_chans(c->role); i++) {
		int fd = ms_role_chan_fd(c->role, i);
		switch (ms_role_chan_peer(c->role, i)) {
		case MS_ROLE_NOTARY:
			rc = ms_chan_new(fd, &ms_core_notary_table, QUEUE_MAX, &c->notary, err);
			break;
		case MS_ROLE_KEEPER:
			rc = ms_chan_new(fd, &ms_core_keeper_table, QUEUE_MAX, &c->keeper, err);
			break;
		case MS_ROLE_APPRAISER:
			rc = ms_appraisers_new(fd, APPRAISE_QUEUE, APPRAISE_TIMEOUT_MS, on_appraised, c, &c->appraisers, err);
			break;
		default:
			if (c->n_nets == MS_CORE_NETS_MAX)
				return ms_fail(err, MS_ERR_USAGE, "more than %u net processes", MS_CORE_NETS_MAX);
			c->nets[c->n_nets] = (struct ms_net_link){.core = c, .index = (unsigned)c->n_nets, .state = MS_IPC_STATE_INIT};
			rc = ms_chan_new(fd, &net_table, QUEUE_MAX, &c->nets[c->n_nets++].chan, err);
		}
	}
	if (rc == MS_OK && (c->notary == NULL || c->keeper == NULL || c->appraisers == NULL))
		rc = ms_fail(err, MS_ERR_USAGE, "a channel is missing: core is started by musterd");
	return rc;
}

static enum ms_rc
open_state(struct ms_core *c, struct ms_err *err)
{
	char path[PATH_LEN];
	const char *dir = NULL;
	enum ms_rc rc = ms_role_need_text(c->role, "state_dir", &dir, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(path, sizeof path, "%s/store.db", dir);
	rc = ms_store_open(path, 0, &c->store, err);
	if (rc != MS_OK)
		return rc;
	c->fold = (struct ms_fold){.state = c->store, .blobs = c->store};
	(void)snprintf(path, sizeof path, "%s/log", dir);
	rc = ms_export_open(path, &c->export, err);
	return rc == MS_OK ? start_clock(c, err) : rc;
}

static void
read_caps(struct ms_core *c)
{
	c->poll_s = ms_role_get_uint(c->role, "poll_s", 300);
	c->evidence = (struct ms_evidence_config){.boot_log_bytes = ms_role_get_uint(c->role, "boot_log_bytes", 512u << 10),
	    .boot_log_events = ms_role_get_uint(c->role, "boot_log_events", 4096),
	    .boot_log_event_bytes = ms_role_get_uint(c->role, "boot_log_event_bytes", 128u << 10),
	    .ima_bytes = ms_role_get_uint(c->role, "ima_bytes", 4u << 20),
	    .ima_entries = ms_role_get_uint(c->role, "ima_entries", 50000),
	    .keep_days = ms_role_get_uint(c->role, "keep_days", 30),
	    .keep_per_device = ms_role_get_uint(c->role, "keep_per_device", 16)};
}

static enum ms_rc
start(struct ms_core *c, struct ms_err *err)
{
	const char *state = NULL, *deployment = NULL, *makers = ms_role_get_text(c->role, "maker_roots", NULL);
	enum ms_rc rc = ms_crypto_init(err);
	if (rc == MS_OK)
		rc = ms_role_need_text(c->role, "state_dir", &state, err);
	if (rc == MS_OK)
		rc = ms_role_need_text(c->role, "deployment_dir", &deployment, err);
	if (rc == MS_OK)
		rc = load_root(c, deployment, err);
	if (rc == MS_OK && makers != NULL && makers[0] != '\0')
		rc = ms_ekroots_load(makers, &c->makers, err);
	else if (rc == MS_OK)
		rc = ms_ekroots_new(&c->makers, err); /* no maker is trusted: devices in no manifest are refused */
	read_caps(c);
	struct ms_sandbox_path paths[] = {{state, MS_SANDBOX_WRITE}};
	if (rc == MS_OK)
		rc = ms_role_enter(c->role, paths, 1, err);
	if (rc == MS_OK)
		rc = make_boot_keys(c, err);
	if (rc == MS_OK)
		rc = ms_policy_cache_new(&c->policies, err);
	if (rc == MS_OK)
		rc = ms_ak_cache_new(&c->aks, err);
	if (rc == MS_OK)
		rc = open_state(c, err);
	if (rc == MS_OK)
		rc = open_channels(c, err);
	if (rc == MS_OK)
		rc = ms_notary_reconcile(c, err);
	if (rc == MS_OK)
		rc = ms_statement_get(c, "crl", ms_span_str("*"), MS_SPAN_NONE, &c->crl, err);
	if (rc == MS_ERR_NOT_FOUND)
		rc = MS_OK;
	return rc == MS_OK ? ms_start_job(c, err) : rc;
}

/* ---- the loop ---- */

#define FIXED_FDS 4u

static enum ms_rc
serve_chan(struct ms_chan *chan, struct ms_ipc_state *st, void *ctx, struct ms_err *err)
{
	enum ms_rc filled = ms_chan_fill(chan, err);
	if (filled != MS_OK && filled != MS_ERR_UNAVAILABLE)
		return filled;
	enum ms_rc rc = ms_ipc_dispatch(chan, st, ctx, err);
	return rc == MS_OK ? filled : rc;
}

static short
wants(const struct ms_chan *chan)
{
	return (short)(POLLIN | (ms_chan_wants_write(chan) ? POLLOUT : 0));
}

static int
wait_ms(const struct ms_core *c)
{
	int appraise = ms_appraisers_wait_ms(c->appraisers);
	if (c->jobs.ready.head != NULL)
		return 0;
	return appraise >= 0 && appraise < TURN_MS ? appraise : TURN_MS;
}

static enum ms_rc
read_all(struct ms_core *c, const struct pollfd *p, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	if (p[1].revents != 0)
		rc = serve_chan(c->notary, &c->notary_state, c, err);
	if (rc == MS_OK && p[2].revents != 0)
		rc = serve_chan(c->keeper, &c->keeper_state, c, err);
	if (rc == MS_OK)
		rc = ms_appraisers_turn(c->appraisers, err);
	for (size_t i = 0; rc == MS_OK && i < c->n_nets; i++)
		if (p[FIXED_FDS + i].revents != 0)
			rc = serve_chan(c->nets[i].chan, &c->nets[i].state, &c->nets[i], err);
	return rc;
}

static enum ms_rc
write_all(struct ms_core *c, struct ms_err *err)
{
	enum ms_rc rc = ms_notary_push(c, err);
	if (rc == MS_OK)
		rc = ms_chan_flush(c->notary, err);
	if (rc == MS_OK)
		rc = ms_chan_flush(c->keeper, err);
	for (size_t i = 0; rc == MS_OK && i < c->n_nets; i++)
		rc = ms_chan_flush(c->nets[i].chan, err);
	return rc;
}

static void
export_when_due(struct ms_core *c, uint64_t *next_ms)
{
	struct ms_err err = {0};
	uint64_t now_ms = ms_clock_boot_ms();
	if (!c->exporting || now_ms < *next_ms)
		return;
	*next_ms = now_ms + EXPORT_EVERY_MS;
	if (ms_notary_export(c, &err) != MS_OK)
		ms_log(MS_LOG_ERROR, "core.export", "detail=\"%s\"", err.text);
}

static void
fill_poll(struct ms_core *c, int signals, struct pollfd *p)
{
	p[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	p[1] = (struct pollfd){.fd = ms_chan_fd(c->notary), .events = wants(c->notary)};
	p[2] = (struct pollfd){.fd = ms_chan_fd(c->keeper), .events = wants(c->keeper)};
	p[3] = (struct pollfd){.fd = ms_appraisers_fd(c->appraisers), .events = POLLIN};
	for (size_t i = 0; i < c->n_nets; i++)
		p[FIXED_FDS + i] = (struct pollfd){.fd = ms_chan_fd(c->nets[i].chan), .events = wants(c->nets[i].chan)};
}

static enum ms_rc
loop(struct ms_core *c, int signals, struct ms_err *err)
{
	struct pollfd p[FIXED_FDS + MS_CORE_NETS_MAX];
	uint64_t next_export_ms = 0;
	enum ms_rc rc = MS_OK;
	bool ready = false;
	while (rc == MS_OK) {
		fill_poll(c, signals, p);
		if (poll(p, FIXED_FDS + c->n_nets, wait_ms(c)) < 0 && errno != EINTR)
			return ms_fail(err, MS_ERR_IO, "poll: %s", strerror(errno));
		if (p[0].revents != 0)
			return MS_OK; /* asked to stop: what was acknowledged is durable */
		c->now_s = ms_authority_now_s(&c->clock);
		rc = read_all(c, p, err);
		if (rc == MS_OK)
			rc = ms_timers_run(c, err);
		ms_jobs_batch(c);
		if (rc == MS_OK)
			rc = write_all(c, err);
		export_when_due(c, &next_export_ms);
		if (!ready && c->challenge_key.len > 0) {
			ready = true;
			ms_role_ready(c->role);
			ms_log(MS_LOG_INFO, "core.ready", "entries=%llu", (unsigned long long)c->next_seq);
		}
	}
	return rc;
}

static int
stop_signals(void)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
core_free(struct ms_core *c)
{
	ms_jobs_fini(&c->jobs);
	for (size_t i = 0; i < c->n_nets; i++)
		ms_chan_free(c->nets[i].chan);
	ms_chan_free(c->notary);
	ms_chan_free(c->keeper);
	ms_appraisers_free(c->appraisers);
	ms_export_free(c->export);
	ms_store_close(c->store);
	ms_policy_cache_free(c->policies);
	ms_ak_cache_free(c->aks);
	ms_ekroots_free(c->makers);
	ms_softkey_free(c->boot_key);
	ms_secret_free(c->nonce_key);
	ms_root_free(c->root);
	ms_buf_fini(&c->challenge_key);
	ms_buf_fini(&c->checkpoint);
	ms_buf_fini(&c->crl);
	ms_buf_fini(&c->purge_cursor);
	ms_role_free(c->role);
	free(c);
}

int
main(void)
{
	struct ms_err err = {0};
	struct ms_role *role = NULL;
	if (ms_role_init(MS_ROLE_CORE, &role, &err) != MS_OK)
		return ms_role_die("core.start", &err);
	struct ms_core *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ms_role_die("core.start", &err);
	c->role = role;
	c->notary_state = c->keeper_state = (struct ms_ipc_state)MS_IPC_STATE_INIT;
	ms_jobs_init(&c->jobs);
	ms_buf_init(&c->challenge_key, 1024);
	ms_buf_init(&c->checkpoint, 16384);
	ms_buf_init(&c->crl, 2u << 20);
	ms_buf_init(&c->purge_cursor, MS_STORE_KEY_MAX);
	(void)mallopt(M_MMAP_THRESHOLD, HEAP_KEPT); /* logs come and go: their memory is not mapped anew for each */
	(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	int signals = stop_signals();
	enum ms_rc rc = start(c, &err);
	if (rc == MS_OK)
		rc = loop(c, signals, &err);
	int status = rc == MS_OK ? 0 : ms_role_die("core.end", &err);
	core_free(c);
	return status;
}
