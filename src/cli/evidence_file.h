/* One recorded piece of evidence in a file, as `muster evidence export` writes it: what a device proved, what its logs showed, what
 * was known of the device and how it was judged. Deterministic CBOR map {1: format, 2: tenant, 3: device, 4: name, 5: model,
 * 6: serial, 7: state, 8: batch, 9: listed, 10: time_s, 11: PCR values (map), ?12: attest, ?13: signature, ?14: AK (TPMT_PUBLIC),
 * ?15: boot log, ?16: IMA list, ?17: number of its first entry, ?18: how many of its entries the quote covers, ?19: set that
 * accepted it last, ?20: outcome, ?21: reasons (array of text), ?22: policy, ?23: its version, ?24: extraData of the quote}. The
 * file is its maker's word for whose evidence it is: it is for looking at and for tests. */
#ifndef MS_CLI_EVIDENCE_FILE_H
#define MS_CLI_EVIDENCE_FILE_H
#include "cli/case.h"
#include "codec/cbor.h"

#define MS_EVIDENCE_FILE_MAX (64u << 20)
#define MS_EVIDENCE_FILE_FORMAT 1u

struct ms_evidence_file {
	uint64_t present;
	uint64_t format;
	struct ms_span tenant, device, name, model, serial, state, batch;
	bool listed;
	uint64_t time_s;
	struct ms_span pcrs, attest, signature, ak, boot_log, ima;
	uint64_t ima_from;
	uint64_t ima_used;
	struct ms_span last_reference, outcome, reasons, policy;
	uint64_t policy_version;
	struct ms_span extra;
};
#define MS_EVIDENCE_FILE_ATTEST 12u /* keys of what may be absent, for MS_CBOR_HAS */
#define MS_EVIDENCE_FILE_SIGNATURE 13u
#define MS_EVIDENCE_FILE_AK 14u
#define MS_EVIDENCE_FILE_BOOT_LOG 15u
#define MS_EVIDENCE_FILE_IMA 16u
#define MS_EVIDENCE_FILE_IMA_FROM 17u
#define MS_EVIDENCE_FILE_IMA_USED 18u
#define MS_EVIDENCE_FILE_LAST_REFERENCE 19u
#define MS_EVIDENCE_FILE_OUTCOME 20u
#define MS_EVIDENCE_FILE_REASONS 21u
#define MS_EVIDENCE_FILE_POLICY 22u
#define MS_EVIDENCE_FILE_POLICY_VERSION 23u
#define MS_EVIDENCE_FILE_EXTRA 24u
/* Borrowed from the file. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_evidence_file_parse(struct ms_span cbor, struct ms_evidence_file *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_evidence_file_build(const struct ms_evidence_file *f, struct ms_buf *out, struct ms_err *err);

/* Are the PCR values those of the quote, and is the quote by the AK that is in the file? Whose AK it is, the server knows.
 * MS_ERR_NOT_FOUND: there is no quote in it. */
MS_MUST_USE enum ms_rc ms_evidence_file_verify(const struct ms_evidence_file *f, struct ms_err *err);

/* What is in it becomes the case's evidence: PCRs, and logs for ms_case_read_logs(). Facts of the device are not touched. A quote that
 * is there must be good. */
MS_MUST_USE enum ms_rc ms_case_evidence_file(struct ms_case *k, struct ms_span cbor, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_case_take(struct ms_case *k, const struct ms_evidence_file *f, struct ms_err *err);

#endif
