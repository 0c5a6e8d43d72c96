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

/* A log, read and checked by the digests of one bank. Spans borrow from the log. */
struct ms_bootlog_event {
	uint32_t number, pcr, type;
	enum ms_event_state state;
	size_t offset, data_offset; /* in the log */
	struct ms_span data, covered;
	struct ms_span digest; /* of the bank; empty for EV_NO_ACTION of a log of TPM 1.2 form only */
};
struct ms_bootlog {
	enum ms_eventlog_form form;
	enum ms_eventlog_kind kind; /* CC: pcr counts registers (0 MRTD, n RTMR n-1) */
	const struct ms_bank_alg *bank;
	uint8_t locality; /* StartupLocality; 0 when not said */
	size_t n;
	struct ms_bootlog_event *event; /* owned */
	struct ms_pcr_bank pcrs;        /* replayed; mask as in struct ms_bootlog_replay */
	/* What the order of events in a PCR is worth. */
	uint32_t whole;                        /* PCRs all of whose events are RECOMPUTED or PARTLY, and of types that belong there */
	uint32_t whole_before;                 /* the same of the events before the first separator */
	uint32_t separated[MS_EVENTLOG_PCRS];  /* index of the first separator in `event`; n: there is none */
	uint32_t separators[MS_EVENTLOG_PCRS]; /* how many, by their digests, whatever type the log gives them */
	uint32_t separator_errors;             /* PCRs that have one that tells of an error, or one under another type */
};
/* alg 0: SHA-256, or else the strongest bank of the log. caps NULL: the defaults. Errors as ms_eventlog_open() and
 * ms_eventlog_next(); MS_ERR_UNSUPPORTED when the log has no digests of the bank, MS_ERR_MALFORMED when one event lacks it. */
MS_MUST_USE enum ms_rc ms_bootlog_load(struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, uint16_t alg,
    struct ms_bootlog **ret, struct ms_err *err);
void ms_bootlog_free(struct ms_bootlog *b);
MS_CLEANUP(struct ms_bootlog, ms_bootlog_free)

/* Replay in every bank that we can compute and that every event has a digest of. */
struct ms_bootlog_replay {
	enum ms_eventlog_form form;
	enum ms_eventlog_kind kind; /* CC: banks hold registers (0 MRTD, n RTMR n-1) instead of PCRs */
	uint8_t locality;           /* StartupLocality; 0 when not said */
	uint32_t events;
	uint32_t n_skipped;        /* banks of the header that are not among `banks` */
	struct ms_pcr_banks banks; /* masks: what events extended; PCRs 0 to 7 always in a log of PCRs */
};
/* caps NULL: the defaults. Errors as ms_eventlog_open() and ms_eventlog_next(); MS_ERR_MALFORMED or MS_ERR_UNSUPPORTED when
 * there is no such bank. */
MS_MUST_USE enum ms_rc ms_bootlog_replay(
    struct ms_span log, const struct ms_bootlog_caps *caps, enum ms_eventlog_kind kind, struct ms_bootlog_replay *ret, struct ms_err *err);
/* PCRs of mask that `quoted` has and the log does not explain. A PCR that no event extended is explained by its reset value.
 * All of mask when the log has no such bank. */
uint32_t ms_bootlog_unexplained(const struct ms_bootlog_replay *r, const struct ms_pcr_bank *quoted, uint32_t mask);

/* For a worker: tuples (SHA-256 bank), start locality and claims into *a; has_boot is set. Errors as above, and
 * MS_ERR_UNSUPPORTED for a log without SHA-256 digests. On an error *a is as before, but may hold more claims. */
MS_MUST_USE enum ms_rc ms_bootlog_appraise(
    struct ms_span log, const struct ms_bootlog_caps *caps, struct ms_appraisal *a, struct ms_err *err);
/* The claims alone. On an error *claims may hold some. */
MS_MUST_USE enum ms_rc ms_bootlog_claims(const struct ms_bootlog *b, struct ms_claims *claims, struct ms_err *err);

/* One line for people about an event's data ("SecureBoot is on", "\\EFI\\debian\\grubx64.efi"), appended as UTF-8. Whatever was
 * decoded from the log has its control characters left in: print it with ms_out_text(). */
void ms_bootlog_describe(const struct ms_bootlog_event *e, struct ms_buf *out);

#endif
