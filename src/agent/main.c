/* muster-agent: one table of commands. */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/commands.h"
#include "agent/options.h"
#include "base/log.h"
#include "crypto/lib.h"

const struct ms_agent_command ms_agent_commands[] = {
    {"identify", "", "Print the hash of this machine's endorsement key, and what its TPM is.", "csm",
	"muster-agent identify --csv --serial SN-0001 --model gateway-2", ms_cmd_identify},
    {"enroll", "", "Trust a deployment and become one of its devices.", "nsmurwa",
	"muster-agent enroll --server https://muster.example:8443 --root 4f1c...d2 --wait", ms_cmd_enroll},
    {"attest", "", "Prove this machine's state now, and print the verdict.", "iBM", "muster-agent attest --identity --json", ms_cmd_attest},
    {"result", "", "Get an attestation result: a signed token that relying parties check without the server.", "NAoBM",
	"muster-agent result --nonce 8f0c41d2a97be653 --audience https://gate.example --out result.jwt", ms_cmd_result},
    {"run", "", "Stay proven: attest when due, renew the certificate, keep secrets delivered.", "pIBM",
	"muster-agent run --secret app/db=/run/muster-agent/db", ms_cmd_run},
    {"secret get", "PATH", "Get a secret that only this machine, in its present state, can open.", "odOCBM",
	"muster-agent secret get app/db --out /run/muster-agent/db", ms_cmd_secret_get},
    {"status", "", "Print what this machine knows of itself; asks nobody.", "", "muster-agent status --json", ms_cmd_status},
    {.words = NULL},
};

/* Whatever comes: no core file, nobody attaches, nothing gains privileges, no file is for others. */
static enum ms_rc
harden(struct ms_err *err)
{
	const struct rlimit none = {0, 0};
	(void)umask(077);
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ms_fail(err, MS_ERR_INTERNAL, "cannot harden the process");
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? ms_fail(err, MS_ERR_INTERNAL, "signals") : MS_OK;
}

int
main(int argc, char **argv)
{
	const struct ms_agent_command *command = NULL;
	struct ms_agent_options o;
	struct ms_err err = {.rc = MS_OK};
	int status = ms_agent_options_parse(argc, argv, &command, &o);
	if (status >= 0)
		return status;
	ms_log_init("agent", MS_LOG_WARN);
	enum ms_rc rc = harden(&err);
	if (rc == MS_OK)
		rc = ms_crypto_init(&err);
	if (rc != MS_OK) {
		(void)fprintf(stderr, "muster-agent: %s\n", err.text);
		return ms_rc_exit(rc);
	}
	return command->run(&o);
}
