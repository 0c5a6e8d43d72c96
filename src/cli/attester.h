/* `muster evidence verify --attester NAME ...`: the row is in cmd_evidence.c, the work for all but TPMs in cmd_attester.c. */
#ifndef MS_CLI_ATTESTER_H
#define MS_CLI_ATTESTER_H
#include "cli/cli.h"

/* Reads --attester, --evidence, --roots (file or directory), --key, --crl, --chain, --nonce, --proof, --boot-log (of a TD), --time,
 * --allow-expired, and --policy with --device, --model, --serial and --batch. Prints what was found, or the reason of a refusal, to c->out.
 * MS_ERR_USAGE: options or files. */
MS_MUST_USE enum ms_rc ms_cli_attester_verify(struct ms_cli *c, struct ms_err *err);
/* Rows that the command's option table needs beside its own: name, arg, help; ended by a row without a name. */
#define MS_CLI_ATTESTER_OPTIONS \
	{"attester", "NAME", "kind of evidence other than a TPM quote: see muster attester list"}, \
	    {"evidence", "FILE", "with --attester: the report, token or chain"}, \
	    {"key", "FILE", "with --attester: public key that is trusted (PEM, DER, COSE_Key, JWK, deployment root); may be given again"}, \
	{ \
		"proof", "FILE", "with --attester: COSE_Sign1 of the nonce, for chains that have no nonce of their own" \
	}

#endif
