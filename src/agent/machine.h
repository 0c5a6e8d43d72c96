/* What this machine is: its endorsement key, and what it says of itself. */
#ifndef MS_AGENT_MACHINE_H
#define MS_AGENT_MACHINE_H
#include "agent/options.h"
#include "base/bytes.h"
#include "tpm/tpm.h"

#define MS_MACHINE_TEXT_MAX 64u

struct ms_machine_ek {
	struct ms_tpm_blob pub;
	struct ms_buf cert; /* as in NV; empty when there is none */
	uint8_t hash[32];
	char hex[65];
	const char *kind; /* "RSA-2048", "ECC P-256"; static */
};
MS_MUST_USE enum ms_rc ms_machine_ek(struct ms_tpm *tpm, struct ms_machine_ek *ret, struct ms_err *err);
void ms_machine_ek_fini(struct ms_machine_ek *e); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_machine_ek, ms_machine_ek_fini)

/* Claims: as the options say, else the host's name and what firmware tells of serial and model, else "unknown". */
struct ms_machine_claims {
	char name[MS_MACHINE_TEXT_MAX + 1], serial[MS_MACHINE_TEXT_MAX + 1], model[MS_MACHINE_TEXT_MAX + 1];
};
MS_MUST_USE enum ms_rc ms_machine_claims(const struct ms_agent_options *o, struct ms_machine_claims *ret, struct ms_err *err);
/* Any text to a name: lower case, other letters to '-', nothing bad in front; "unknown" when nothing is left. */
void ms_machine_clean_name(const char *s, char out[static MS_MACHINE_TEXT_MAX + 1]);
/* SHA-256 of this program's file. */
MS_MUST_USE enum ms_rc ms_machine_agent_digest(uint8_t ret[static 32], struct ms_err *err);

#endif
