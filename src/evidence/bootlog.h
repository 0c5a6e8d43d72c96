/* Boot logs: replay to PCR values, digests recomputed from the data, and what the log then says of the machine. A log is bytes from
 * the device: nothing in it is believed for being there. Replay shows that its digests, in their order, are what the TPM was
 * given (once its PCRs match a quote); a digest that is recomputed from the event's data shows that the data is. The type of an
 * event is in no digest: a claim follows from the PCR, the covered bytes and the order in that PCR, never from a type alone. */
#ifndef MS_BOOTLOG_H
#define MS_BOOTLOG_H
#include "codec/eventlog.h"
#include "evidence/appraisal.h"
#include "evidence/pcrbank.h"

/* What recomputing the digest of one event, in one bank, showed. */
enum ms_event_state {
	MS_EVENT_RECOMPUTED, /* digest of all its data, as the standard says to hash this type */
	MS_EVENT_PARTLY,     /* digest of a part of its data (a variable's content without its name, a boot command without its prefix) */
	MS_EVENT_OPAQUE,     /* digest of something that is not in the log: an image, a file, a firmware volume. Its data is a hint */
	MS_EVENT_MISMATCHED, /* should be that of its data and is not: its data is not believed in anything */
	MS_EVENT_UNMEASURED, /* extends nothing (EV_NO_ACTION): said by whoever wrote the log */
};
const char *ms_event_state_name(enum ms_event_state s); /* "recomputed", ...; static */
/* `bank`: a hash of ours that the event has a digest of (else OPAQUE). *ret_covered, if asked: the bytes of the data that the
 * digest is of; empty but for the first two. */
enum ms_event_state ms_bootlog_check_event(const struct ms_event *e, const struct ms_bank_alg *bank, struct ms_span *ret_covered);

/* Replay in every bank of the log that we can compute. */
struct ms_bootlog_replay {
	enum ms_eventlog_form form;
	enum ms_eventlog_kind kind; /* CC: banks hold registers (0 MRTD, n RTMR n-1) instead of PCRs */
	uint8_t locality;           /* StartupLocality; 0 when not said */
	uint32_t events;
	uint32_t n_skipped;        /* banks of no hash of ours */
	struct ms_pcr_banks banks; /* masks: what events extended; PCRs 0 to 7 always in a log of PCRs */
};
/* caps NULL: the defaults. As ms_eventlog_open() and ms_eventlog_next(); MS_ERR_MALFORMED also for an event that lacks the
 * digest of a bank that the header lists, MS_ERR_UNSUPPORTED when no bank is of a hash of ours. */
MS_MUST_USE enum ms_rc ms_bootlog_replay(
    struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, struct ms_bootlog_replay *ret, struct ms_err *err);
/* PCRs of mask that `quoted` has and the log does not explain. A PCR that no event extended is explained by its reset value.
 * All of mask when the log has no such bank. */
uint32_t ms_bootlog_unexplained(const struct ms_bootlog_replay *r, const struct ms_pcr_bank *quoted, uint32_t mask);

/* For a worker: tuples (SHA-256 bank), start locality and claims into *a; has_boot is set. Errors as above, and
 * MS_ERR_UNSUPPORTED for a log without SHA-256 digests. On an error *a is as before, but may hold more claims. */
MS_MUST_USE enum ms_rc ms_bootlog_appraise(
    struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_appraisal *a, struct ms_err *err);
/* The claims alone, believed by the digests of this bank. */
MS_MUST_USE enum ms_rc ms_bootlog_claims(struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, uint16_t alg,
    struct ms_claims *claims, struct ms_err *err);

/* One line for people about an event's data ("SecureBoot = on", "\EFI\debian\grubx64.efi"), UTF-8, at most `max` bytes; what is
 * decoded from hostile bytes has its control characters left in: print it with ms_out_text(). */
void ms_bootlog_describe(const struct ms_event *e, struct ms_span covered, struct ms_buf *out);

#endif
