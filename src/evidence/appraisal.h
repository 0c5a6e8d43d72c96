/* What appraising one piece of evidence yields: tuples that say what was extended into which PCR, in order, and claims. A worker
 * builds it from hostile bytes; core takes it as the word of a process that read hostile bytes: core replays the tuples itself
 * against the PCR values of a verified quote, and believes the rest only about that one device. */
#ifndef MS_APPRAISAL_H
#define MS_APPRAISAL_H
#include "evidence/claims.h"
#include "evidence/pcrs.h"

#define MS_APPRAISAL_BOOT_MAX 4096u  /* events of a boot log that extend */
#define MS_APPRAISAL_IMA_MAX 200000u /* entries of an IMA list */
#define MS_APPRAISAL_WIRE_MAX (32u << 20)
#define MS_TUPLE_LEN 46u

enum ms_tuple_flag {
	MS_TUPLE_RECOMPUTED = 1, /* the digest is that of the bytes at offset, as the standard says to hash them: type and data count */
	MS_TUPLE_VIOLATION = 2,  /* IMA: the kernel could not measure; extends all ones */
};
/* One event that extends a PCR, SHA-256 bank. On the wire: u8 pcr | u8 flags | u32 type | u32 offset | u32 len | digest. */
struct ms_tuple {
	uint8_t pcr, flags;
	uint32_t type;        /* boot log: EventType; IMA: number of the template (enum ms_ima_template) */
	uint32_t offset, len; /* of the event's data (boot log), of the entry (IMA) in the bytes that were sent */
	uint8_t digest[MS_PCR_LEN];
};
struct ms_tuples {
	struct ms_tuple *item; /* owned */
	size_t n, cap;
};
MS_MUST_USE enum ms_rc ms_tuples_add(struct ms_tuples *t, const struct ms_tuple *one, size_t max, struct ms_err *err);

/* What IMA says of one file, for policy to look up. Spans of an appraisal borrow from its own copy. */
enum ms_ima_signature { MS_IMA_SIG_NONE, MS_IMA_SIG_GOOD, MS_IMA_SIG_BAD, MS_IMA_SIG_UNKNOWN_KEY };
struct ms_ima_file {
	uint32_t entry; /* number in the list since boot, from 0 */
	bool violation;
	enum ms_ima_signature signature;
	uint8_t hash;          /* of the digest, in the kernel's numbers (linux/hash_info.h: 2 SHA-1, 4 SHA-256) */
	struct ms_span digest; /* of the file; empty for a violation */
	struct ms_span path;   /* as the list has it; for ima-buf its name, such as ".ima" or "kexec-cmdline" */
	struct ms_span key_id; /* who signed it, empty: no signature */
};

struct ms_appraisal {
	uint8_t boot_locality; /* start value of PCR 0: zeros, and this in the last byte (TCG PFP, StartupLocality) */
	bool has_boot, has_ima;
	struct ms_tuples boot, ima;
	uint32_t ima_from;        /* number of the first entry that was sent */
	struct ms_ima_file *file; /* owned */
	size_t n_files, files_cap;
	struct ms_claims *claims; /* never NULL */
	uint8_t *mem;             /* what the files borrow from, after ms_appraisal_parse() */
};
MS_MUST_USE enum ms_rc ms_appraisal_new(struct ms_appraisal **ret, struct ms_err *err);
void ms_appraisal_free(struct ms_appraisal *a);
MS_CLEANUP(struct ms_appraisal, ms_appraisal_free)
MS_MUST_USE enum ms_rc ms_appraisal_add_file(struct ms_appraisal *a, const struct ms_ima_file *f, struct ms_err *err);
/* Room for n IMA tuples and files at once, so that a long list is not moved as it grows. Memory that is not used stays untouched. */
MS_MUST_USE enum ms_rc ms_appraisal_reserve_ima(struct ms_appraisal *a, size_t n, struct ms_err *err);

MS_MUST_USE enum ms_rc ms_appraisal_build(const struct ms_appraisal *a, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_appraisal_parse(struct ms_span wire, struct ms_appraisal **ret, struct ms_err *err);

/* Replay the boot log's tuples from the start values. *ret has every PCR that an event extended, and PCRs 0 to 7 always. */
void ms_appraisal_boot_pcrs(const struct ms_appraisal *a, struct ms_pcrs *ret);
/* PCRs that the boot log has to explain: those that every boot measures (0 to 7), those that it says were extended, and every other
 * quoted one that something extended; but not IMA's PCR 10 unless the log speaks of it. */
uint32_t ms_appraisal_to_explain(const struct ms_appraisal *a, const struct ms_pcrs *quoted);
/* PCRs of `mask` whose replayed value is not the quoted one: what the log leaves unexplained. A PCR that no event extended
 * is explained by zeros (17 to 22: all ones); PCR 11 also by the words that systemd extends as a boot goes on, after the log. */
uint32_t ms_appraisal_unexplained(const struct ms_appraisal *a, const struct ms_pcrs *quoted, uint32_t mask);

/* Where IMA stood: all that is kept of a device's list, and bound to its boot. */
struct ms_ima_state {
	uint32_t reset_count; /* of the boot it belongs to */
	uint32_t entries;
	uint8_t pcr[MS_PCR_LEN]; /* PCR 10 after them; zeros when entries is 0 */
};
/* Replay IMA tuples from `from` until PCR 10 is the quoted value: *ret_used entries of those sent explain it (the list may
 * have grown after the quote). MS_ERR_MALFORMED: no prefix does; MS_ERR_CONFLICT: the tail does not begin where `from` ends.
 * *ret is the new state. */
MS_MUST_USE enum ms_rc ms_appraisal_ima_replay(const struct ms_appraisal *a, const struct ms_ima_state *from,
    const uint8_t quoted[static MS_PCR_LEN], struct ms_ima_state *ret, size_t *ret_used, struct ms_err *err);

#endif
