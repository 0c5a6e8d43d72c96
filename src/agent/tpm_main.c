/* muster-tpm: the one process of a machine that talks to its TPM. Started by muster-agent with a socket on descriptor 3;
 * opens the TPM, tells how that went, locks itself in, and answers until its peer leaves or falls silent. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/sandbox.h"
#include "tpm/worker.h"

#define PEER_FD 3
#define IDLE_MAX_MS 3600000u

struct args {
	const char *tcti;
	unsigned idle_ms;
};

static void
usage(FILE *f)
{
	(void)fprintf(f, "usage: muster-tpm --tcti TCTI [--idle-ms N]\n"
			 "Answers muster-agent's requests to the TPM on descriptor 3. Not for use by hand.\n\n"
			 "  --tcti TCTI    device:/dev/tpmrm0, swtpm:host=127.0.0.1,port=2321 or swtpm:path=SOCKET\n"
			 "  --idle-ms N    end after N milliseconds without a request (default 500)\n"
			 "  --help         this text\n");
}

static bool
parse_idle(const char *s, unsigned *ret)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || *s == '-' || v == 0 || v > IDLE_MAX_MS)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* 0: go on; else the exit status + 1. */
static int
parse_args(int argc, char **argv, struct args *a)
{
	static const struct option options[] = {
	    {"tcti", required_argument, NULL, 't'},
	    {"idle-ms", required_argument, NULL, 'i'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;
	bool ok = true;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return 1;
		}
		if (c == 't')
			a->tcti = optarg;
		else
			ok = ok && c == 'i' && parse_idle(optarg, &a->idle_ms);
	}
	if (!ok || a->tcti == NULL || optind != argc) {
		usage(stderr);
		return 3;
	}
	return 0;
}

static int
die(const char *event, const struct ms_err *err)
{
	ms_log(MS_LOG_ERROR, event, "rc=%s text=\"%s\"", ms_rc_name(err->rc), err->text);
	return ms_rc_exit(err->rc);
}

static int
serve(const struct args *a)
{
	struct ms_err err = {0}, open_err = {0};
	MS_OWN(ms_tpm_free) struct ms_tpm *tpm = NULL;
	enum ms_rc open_rc = ms_tpm_open(a->tcti, &tpm, &open_err);
	const struct ms_sandbox cage = {.profile = MS_SANDBOX_AGENT_TPM, .development = true};
	if (open_rc == MS_OK)
		open_rc = ms_sandbox_enter(&cage, &open_err);
	enum ms_rc rc = ms_tpm_worker_hello(PEER_FD, open_rc, &open_err, &err);
	if (rc != MS_OK)
		return die("tpm.peer", &err);
	if (open_rc != MS_OK)
		return ms_rc_exit(open_rc); /* the peer knows why */
	rc = ms_tpm_worker_serve(PEER_FD, tpm, a->idle_ms, &err);
	if (rc == MS_ERR_UNAVAILABLE)
		return ms_rc_exit(rc);
	return rc == MS_OK ? 0 : die("tpm.serve", &err);
}

int
main(int argc, char **argv)
{
	struct args a = {.tcti = NULL, .idle_ms = 500};
	int stop = parse_args(argc, argv, &a);
	if (stop != 0)
		return stop - 1;
	ms_log_init("tpm", MS_LOG_INFO);
	/* the TSS writes to its socket without MSG_NOSIGNAL: a TPM that went away is an error to report, not a death */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return ms_rc_exit(MS_ERR_INTERNAL);
	_exit(serve(&a)); /* not through atexit(): what libraries would clean up there needs calls that the cage refuses */
}
