/* Do a verified quote, a boot log and an IMA list tell the same story? For evidence in files; the server has its own path, which
 * keeps state (evidence/appraisal.h). */
#ifndef MS_AGREE_H
#define MS_AGREE_H
#include "evidence/bootlog.h"
#include "evidence/ima.h"
#include "evidence/quotefile.h"

#define MS_AGREE_IMA_BYTES (64u << 20)

struct ms_agree_input {
	const struct ms_quotefile *quote;
	bool has_boot_log, has_ima;
	struct ms_span boot_log, ima;
	const struct ms_ima_keyring *keys; /* of files; may be NULL */
};
/* What is said of the quoted PCRs of one bank. */
struct ms_agree_bank {
	uint16_t alg;
	uint32_t quoted;
	uint32_t contradicted; /* a log speaks of them, and leads to other values */
	uint32_t unexplained;  /* no log that is here speaks of them, and they are not as after a reset */
	bool log_lacks;        /* the boot log has no digests of this bank */
};
struct ms_agree {
	struct ms_pcr_banks banks; /* values of the quoted PCRs; none when they are not known */
	bool derived;              /* no values were given: they were computed from the logs and have the quoted digest */
	size_t n;
	struct ms_agree_bank bank[MS_PCR_BANKS_MAX];
	uint32_t boot_events;
	uint32_t log_not_quoted;        /* PCRs that the log extends and the quote leaves out: then no claim of it is proven */
	uint32_t ima_entries, ima_used; /* in the list; those that explain PCR 10 (the list may have grown after the quote) */
	enum ms_ima_aggregate aggregate;
	struct ms_appraisal *appraisal; /* owned: claims; tuples and files where there are SHA-256 values */
};
void ms_agree_fini(struct ms_agree *a);
MS_CLEANUP_FINI(struct ms_agree, ms_agree_fini)

/* MS_OK: they agree, *ret is the caller's to fini. Otherwise *ret_reason is a stable name ("log-does-not-replay",
 * "ima-does-not-replay", "ima-not-quoted", "boot-aggregate", "boot-log-malformed", "ima-malformed") or NULL when it is no
 * verdict, and ret->bank says which PCRs where that is known (fini it all the same). */
MS_MUST_USE enum ms_rc ms_agree_check(const struct ms_agree_input *in, struct ms_agree *ret, const char **ret_reason, struct ms_err *err);

#endif
