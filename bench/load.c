/* Load for a real musterd: devices with TPMs in software over real TLS connections. Every answer counts only when it is what was
 * asked for; everything else is an error and is reported. Prints rates, latencies, and where the CPU time went. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "conn.h"
#include "device.h"
#include "logs.h"
#include "measure.h"
#include "peers.h"
#include "usage.h"

#define SLOTS_MAX 4096u
#define SAMPLES_MAX (1u << 20)
#define ERRORS_SHOWN 3u
#define STALL_S 20.0
#define KEY_HEAP_BYTES (64u << 20)

static struct ms_err err;
#define MUST(call) bench_must((call), #call, &err)

struct options {
	const char *root, *hook, *csv, *label;
	const char *jobs; /* only those whose names are in it, beside the enrolments; NULL: all */
	char host[64];
	unsigned port, devices, connections, seconds;
	pid_t server;
	bool profile; /* ask the hook to look at the server in each window */
};

struct slot {
	struct bench_conn conn;
	struct bench_exchange x;
	bool busy;
	unsigned turn; /* exchanges begun in this phase */
	double began_s;
};

struct phase {
	const char *what;
	enum bench_job job;
	bool new_tls;      /* a connection of its own for each exchange */
	unsigned first, n; /* its devices */
	bool once;         /* each device once; else around and around until the time is over */
	double crypto_s;   /* CPU seconds of raw cryptography on the server's side, by `openssl speed` */
	unsigned connections;
};

struct load {
	struct options o;
	struct ms_root *root;
	struct bench_device *devices;
	struct bench_conn_config to;
	struct slot *slots;
	struct bench_peers peers;
	/* of the phase */
	const struct phase *phase;
	unsigned begun, done, in_flight, errors;
	bool measuring, stopping;
	double began_s, ended_s, cpu_began_s, cpu_s;
	struct bench_usage usage_began, usage_ended;
	unsigned counted;
	size_t n_samples;
	float *samples; /* milliseconds */
};

/* ---- slots ---- */

static struct bench_device *
next_device(struct load *l, struct slot *s)
{
	const struct phase *p = l->phase;
	unsigned slot = (unsigned)(s - l->slots);
	if (p->once)
		return l->begun < p->n ? &l->devices[p->first + l->begun] : NULL;
	/* each slot has devices of its own: one device asks one thing at a time */
	unsigned own = (p->n - slot + p->connections - 1) / p->connections;
	return own == 0 ? NULL : &l->devices[p->first + slot + (s->turn % own) * p->connections];
}

static void slot_turn(struct load *l, struct slot *s);

static void
slot_open(struct load *l, struct slot *s)
{
	MUST(bench_conn_open(&s->conn, &l->to, (uint64_t)(s - l->slots), &err));
}

static void
slot_begin(struct load *l, struct slot *s)
{
	struct bench_device *d = l->stopping ? NULL : next_device(l, s);
	s->busy = d != NULL;
	if (d == NULL)
		return;
	l->begun++;
	l->in_flight++;
	s->turn++;
	s->x.check = !l->measuring;
	s->began_s = bench_now_s();
	MUST(bench_exchange_start(&s->x, d, l->phase->job, &err));
	if (s->conn.fd < 0)
		slot_open(l, s);
	if (s->conn.up)
		bench_conn_post(&s->conn, &l->to, s->x.path, ms_buf_span(&s->x.body));
}

static void
slot_error(struct load *l, struct slot *s, const struct ms_err *e)
{
	if (l->errors++ < ERRORS_SHOWN)
		(void)fprintf(stderr, "bench-load: %s: %s (step %u): %s\n", l->phase->what, s->x.device->name, s->x.step, e->text);
	bench_conn_close(&s->conn);
	l->in_flight--;
	s->busy = false;
}

static void
slot_done(struct load *l, struct slot *s)
{
	l->done++;
	l->in_flight--;
	s->busy = false;
	if (l->measuring) {
		l->counted++;
		if (l->n_samples < SAMPLES_MAX)
			l->samples[l->n_samples++] = (float)((bench_now_s() - s->began_s) * 1e3);
	}
	if (l->phase->new_tls)
		bench_conn_close(&s->conn);
}

static bool
slot_answer(struct load *l, struct slot *s)
{
	struct ms_err e = {0};
	switch (bench_exchange_next(&s->x, s->conn.status, s->conn.body, s->conn.exporter, &e)) {
	case BENCH_SEND:
		bench_conn_post(&s->conn, &l->to, s->x.path, ms_buf_span(&s->x.body));
		return true;
	case BENCH_DONE:
		slot_done(l, s);
		break;
	case BENCH_FAILED:
		slot_error(l, s, &e);
		break;
	}
	slot_begin(l, s);
	return s->busy;
}

static void
slot_turn(struct load *l, struct slot *s)
{
	struct ms_err e = {0};
	while (s->busy) {
		switch (bench_conn_turn(&s->conn, &e)) {
		case BENCH_CONN_WAIT:
			return;
		case BENCH_CONN_UP:
			bench_conn_post(&s->conn, &l->to, s->x.path, ms_buf_span(&s->x.body));
			break;
		case BENCH_CONN_ANSWER:
			if (!slot_answer(l, s))
				return;
			break;
		case BENCH_CONN_FAILED:
			slot_error(l, s, &e);
			slot_begin(l, s);
			break;
		}
	}
}

/* ---- a phase ---- */

static void hook(const struct load *l, const char *step, const char *arg);

static void
measure_start(struct load *l)
{
	if (l->o.profile && l->phase->n > 1)
		hook(l, "profile", bench_job_name(l->phase->job));
	l->measuring = true;
	l->counted = 0;
	l->n_samples = 0;
	bench_usage_take(l->o.server, &l->usage_began);
	l->began_s = bench_now_s();
	l->cpu_began_s = bench_cpu_s();
}

static void
measure_end(struct load *l)
{
	l->ended_s = bench_now_s();
	l->cpu_s = bench_cpu_s() - l->cpu_began_s;
	bench_usage_take(l->o.server, &l->usage_ended);
	l->measuring = false;
	l->stopping = true;
}

/* Warm-up, window, end: by count when each device goes once, else by time. */
static void
control(struct load *l, double start_s)
{
	const struct phase *p = l->phase;
	double now_s = bench_now_s();
	bool warm = p->once ? l->done + l->errors >= p->n / 10 : now_s - start_s >= 1;
	bool over = p->once ? l->done + l->errors >= p->n - p->connections : now_s - start_s >= 1 + l->o.seconds;
	if (!l->measuring && !l->stopping && warm)
		measure_start(l);
	else if (l->measuring && over)
		measure_end(l);
	if (p->once)
		l->stopping = false;
}

static void
run(struct load *l, const struct phase *p)
{
	struct epoll_event ev[256];
	double start_s = bench_now_s(), last_s = start_s;
	unsigned seen = 0;
	l->phase = p;
	l->begun = l->done = l->in_flight = l->errors = l->counted = 0;
	l->measuring = l->stopping = false;
	l->ended_s = 0;
	for (unsigned i = 0; i < p->connections; i++) {
		l->slots[i].turn = 0;
		slot_begin(l, &l->slots[i]);
		slot_turn(l, &l->slots[i]);
	}
	while (l->in_flight > 0) {
		int n = epoll_wait(l->to.epoll, ev, 256, 100);
		for (int i = 0; i < n; i++)
			slot_turn(l, &l->slots[ev[i].data.u64]);
		if (l->ended_s == 0)
			control(l, start_s);
		if (l->done + l->errors != seen)
			seen = l->done + l->errors, last_s = bench_now_s();
		if (bench_now_s() - last_s > STALL_S)
			bench_must(MS_ERR_TIMEOUT, "no answer", NULL);
	}
	for (unsigned i = 0; i < SLOTS_MAX && l->slots[i].conn.fd >= 0; i++)
		bench_conn_close(&l->slots[i].conn);
}

/* ---- report ---- */

static int
by_value(const void *a, const void *b)
{
	float x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static double
quantile(const struct load *l, double q)
{
	return l->n_samples == 0 ? 0 : (double)l->samples[(size_t)((double)(l->n_samples - 1) * q)];
}

static void
report_cpu(const struct load *l)
{
	double each = 1e6 / (l->counted > 0 ? l->counted : 1), sum = 0, passed = l->ended_s - l->began_s;
	(void)printf("    CPU us each:");
	for (size_t i = 0; i < l->usage_ended.n; i++) {
		const char *name = l->usage_ended.row[i].name;
		bool first = true;
		for (size_t k = 0; k < i; k++)
			first = first && strcmp(l->usage_ended.row[k].name, name) != 0;
		double s = first ? bench_usage_between(&l->usage_began, &l->usage_ended, name) : 0;
		sum += s;
		if (s * each >= 0.5)
			(void)printf(" %s %.0f,", name, s * each);
	}
	(void)printf(" generator %.0f; of all %ld cores: server %.0f %%, generator %.0f %%\n", l->cpu_s * each,
	    sysconf(_SC_NPROCESSORS_ONLN), 100 * sum / passed / (double)sysconf(_SC_NPROCESSORS_ONLN),
	    100 * l->cpu_s / passed / (double)sysconf(_SC_NPROCESSORS_ONLN));
}

static void
report(struct load *l)
{
	double per_s = l->counted / (l->ended_s - l->began_s);
	double bound = (double)sysconf(_SC_NPROCESSORS_ONLN) / l->phase->crypto_s;
	qsort(l->samples, l->n_samples, sizeof *l->samples, by_value);
	(void)printf("%-50s %8.0f   %8.1f %8.1f   %6u   %22.0f %7.2f\n", l->phase->what, per_s, quantile(l, 0.5), quantile(l, 0.99),
	    l->errors, bound, per_s / bound);
	report_cpu(l);
	(void)fflush(stdout);
}

static void
measure(struct load *l, const struct phase *p)
{
	run(l, p);
	if (l->counted > 0)
		report(l);
	else
		(void)printf("%-50s nothing succeeded: %u errors\n", p->what, l->errors);
}

/* ---- set up ---- */

static void
hook(const struct load *l, const char *step, const char *arg)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		(void)execl(l->o.hook, l->o.hook, step, arg, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		(void)fprintf(stderr, "bench-load: hook %s %s failed\n", step, arg);
		exit(1);
	}
}

static void
make_devices(struct load *l)
{
	l->devices = calloc(l->o.devices, sizeof *l->devices);
	FILE *f = fopen(l->o.csv, "we");
	if (l->devices == NULL || f == NULL)
		bench_must(MS_ERR_IO, l->o.csv, NULL);
	(void)fprintf(f, "serial,model,ek_hash\n");
	for (unsigned i = 0; i < l->o.devices; i++) {
		char hex[65];
		MUST(bench_device_init(&l->devices[i], i, &err));
		ms_hex(bench_tpm_ek_hash(l->devices[i].tpm).p, 32, hex);
		(void)fprintf(f, "%s,%s,%s\n", l->devices[i].serial, BENCH_MODEL, hex);
	}
	if (fclose(f) != 0)
		bench_must(MS_ERR_IO, l->o.csv, NULL);
}

static void
set_up(struct load *l)
{
	struct ms_buf b;
	ms_buf_init(&b, MS_ROOT_MAX);
	MUST(ms_io_read_file(l->o.root, MS_ROOT_MAX, &b, &err));
	MUST(ms_root_load(ms_buf_span(&b), NULL, &l->root, &err));
	ms_buf_fini(&b);
	MUST(bench_conn_ctx(l->root->body.ca_root, &l->to.ctx, &err));
	l->to.host = l->o.host;
	l->to.to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)l->o.port)};
	(void)inet_pton(AF_INET, "127.0.0.1", &l->to.to.sin_addr);
	l->to.epoll = epoll_create1(EPOLL_CLOEXEC);
	l->slots = calloc(SLOTS_MAX, sizeof *l->slots);
	l->samples = calloc(SAMPLES_MAX, sizeof *l->samples);
	if (l->to.epoll < 0 || l->slots == NULL || l->samples == NULL)
		bench_must(MS_ERR_NOMEM, "slots", NULL);
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		l->slots[i].conn.fd = -1;
		bench_exchange_init(&l->slots[i].x, l->root);
	}
	l->peers = bench_peers();
	make_devices(l);
}

/* One device proves its state before there is a policy: it is refused, and its measurements become reference values. */
static void
adopt_policy(struct load *l)
{
	const struct phase p = {.what = "(set-up) a proof under the policy that denies",
	    .job = BENCH_ATTEST,
	    .n = 1,
	    .once = true,
	    .crypto_s = 1,
	    .connections = 1};
	FILE *null = fopen("/dev/null", "we"), *keep = stderr;
	stderr = null != NULL ? null : keep;
	run(l, &p);
	stderr = keep;
	if (null != NULL)
		(void)fclose(null);
	hook(l, "policy", l->devices[0].name);
}

static void
run_all(struct load *l)
{
	unsigned half = l->o.devices / 2, n = l->o.connections;
	double sign = 1 / l->peers.ecdsa_sign, verify = 1 / l->peers.ecdsa_verify, ecdh = 1 / l->peers.ecdh;
	/* what the server must compute, whatever its code: "raw" in README.md */
	double attest = 2 * sign + verify, enroll = 3 * sign + 3 * verify + sign + ecdh, handshake = sign + sign + ecdh;
	double identity = attest + 2 * verify + 3 * verify + sign, secret = attest + verify + 3 * verify + sign + sign + ecdh;
	/* hashing: each event's data and each extension of core and worker; an entry's data (twice: SHA-1 and SHA-256), then the same */
	double boot = BENCH_BOOT_EVENTS * 2 / l->peers.sha256_65, ima = BENCH_IMA_ENTRIES * 5 / l->peers.sha256_65;
	unsigned few = 4 * n; /* each went before with what is only meant by hash and tail */
	const struct phase phases[] = {
	    {"enrolments, kept connections", BENCH_ENROLL, false, 0, half, true, enroll, n},
	    {"enrolments, a new TLS connection each", BENCH_ENROLL, true, half, l->o.devices - half, true, enroll + handshake, n},
	    {"attestations", BENCH_ATTEST, false, 0, l->o.devices, false, attest, n},
	    {"attestations, a new TLS connection each", BENCH_ATTEST, true, 0, l->o.devices, false, attest + handshake, n},
	    {"identities (certificates)", BENCH_IDENTITY, false, 0, l->o.devices, false, identity, n},
	    {"secret releases", BENCH_SECRET_GET, false, 0, l->o.devices, false, secret, n},
	    {"attestations with a boot log of 120 events", BENCH_BOOT_LOG, false, 0, l->o.devices, false, attest + boot, n},
	    {"attestations with the hash of that log", BENCH_BOOT_HASH, false, 0, few, false, attest + boot / 2, n},
	    {"attestations with 5,000 IMA entries", BENCH_IMA, false, 0, few, false, attest + ima, n},
	    {"attestations with 5,000 IMA entries and boot log", BENCH_BOTH, false, 0, few, false, attest + ima + boot, n},
	    {"attestations with 10 new entries, and hash", BENCH_TAIL, false, 0, few, false, attest + boot / 2 + ima / 500, n},
	};
	hook(l, "import", l->o.csv);
	(void)printf("\n%s\n%-50s %8s   %8s %8s   %6s   %22s %7s\n", l->o.label, "over HTTPS, durable, logged", "per s", "p50 ms", "p99 ms",
	    "errors", "raw crypto, all cores/s", "ratio");
	for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
		if (i == 2)
			adopt_policy(l);
		if (i < 2 || l->o.jobs == NULL || strstr(l->o.jobs, bench_job_name(phases[i].job)) != NULL)
			measure(l, &phases[i]);
	}
}

static void
usage_exit(void)
{
	(void)fprintf(stderr,
	    "usage: bench-load --root FILE --port PORT --server PID --hook PROGRAM --csv FILE [--host NAME] [--label TEXT] [--devices N] "
	    "[--connections N] [--seconds N] [--jobs NAMES] [--profile]\n");
	exit(2);
}

static void
read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {{"root", required_argument, NULL, 'r'}, {"port", required_argument, NULL, 'p'},
	    {"server", required_argument, NULL, 's'}, {"hook", required_argument, NULL, 'h'}, {"csv", required_argument, NULL, 'c'},
	    {"host", required_argument, NULL, 'H'}, {"label", required_argument, NULL, 'l'}, {"devices", required_argument, NULL, 'd'},
	    {"connections", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 't'},
	    {"jobs", required_argument, NULL, 'j'}, {"profile", no_argument, NULL, 'P'}, {0}};
	int c;
	*o = (struct options){.label = "", .host = "localhost", .devices = 2000, .connections = 128, .seconds = 5};
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
		switch (c) {
		case 'r':
			o->root = optarg;
			break;
		case 'p':
			o->port = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			o->server = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'h':
			o->hook = optarg;
			break;
		case 'c':
			o->csv = optarg;
			break;
		case 'H':
			(void)snprintf(o->host, sizeof o->host, "%s", optarg);
			break;
		case 'l':
			o->label = optarg;
			break;
		case 'd':
			o->devices = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			o->connections = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			o->seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			o->jobs = optarg;
			break;
		case 'P':
			o->profile = true;
			break;
		default:
			usage_exit();
		}
	if (o->root == NULL || o->port == 0 || o->server == 0 || o->hook == NULL || o->csv == NULL || o->connections == 0 ||
	    o->connections > SLOTS_MAX || o->devices < 4 * o->connections)
		usage_exit();
}

int
main(int argc, char **argv)
{
	static struct load l;
	read_options(argc, argv, &l.o);
	/* private keys of thousands of devices: more than the library's own secure heap holds, and of no worth */
	(void)CRYPTO_secure_malloc_init((size_t)KEY_HEAP_BYTES, 32);
	set_up(&l);
	run_all(&l);
	return 0;
}
