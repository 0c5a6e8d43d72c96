/* The machine's boot log and IMA list beside a quote: read as the kernel shows them, sent whole once in a boot and then as a hash
 * and a tail. Nothing here judges them; a log that the server cannot use is left out, and said so. */
#ifndef MS_AGENT_LOGS_H
#define MS_AGENT_LOGS_H
#include "agent/session.h"
#include "proto/msg.h"

#define MS_AGENT_BOOT_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"
#define MS_AGENT_IMA_FILE_MAX (64u << 20) /* of the whole list, of which a tail goes */
#define MS_AGENT_IMA "/sys/kernel/security/ima/binary_runtime_measurements"

/* How the next attempt sends them; begins zeroed, and changes with what the server refuses. */
struct ms_agent_logs_plan {
	bool boot_whole, ima_whole; /* though a hash or a tail would do */
	bool no_boot, no_ima;       /* the server cannot use it */
	bool sent_hash, sent_tail;  /* in the attempt before */
};
struct ms_agent_logs {
	struct ms_buf boot_log, ima;
	uint8_t boot_hash[32];
};
/* Read what there is, after the quote, and set members 9 to 12 of *m, which borrows from *l (caller's to fini). A log that is not
 * there, or cannot be read, is left out: why is said once on standard error when it was asked for or should be readable. */
MS_MUST_USE enum ms_rc ms_agent_logs_add(struct ms_session *s, struct ms_agent_logs_plan *plan, struct ms_span attest,
    struct ms_agent_logs *l, struct ms_attested *m, struct ms_err *err);
void ms_agent_logs_fini(struct ms_agent_logs *l); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_agent_logs, ms_agent_logs_fini)
/* The server refused with this text: true when another attempt, at once, may do, after the plan was changed. */
bool ms_agent_logs_adapt(struct ms_agent_logs_plan *plan, enum ms_rc rc, const struct ms_err *refused);
/* Remember what the verdict says need not be sent again in the boot that was quoted. */
void ms_agent_logs_keep(struct ms_agent_fields *f, struct ms_span attest, const struct ms_verdict_body *v);

#endif
