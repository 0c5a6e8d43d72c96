/* Values for a reference set out of files that other tools write. The bytes are what the author named, not what is trusted for being
 * there: parsers are bounded, and each error says what of the file is wrong. */
#ifndef MS_REFERENCE_IMPORT_H
#define MS_REFERENCE_IMPORT_H
#include "policy/reference.h"

#define MS_REFERENCE_PCRS_JSON_MAX (64u << 10)
#define MS_REFERENCE_BOOT_LOG_MAX (4u << 20)
#define MS_REFERENCE_IMA_MAX (64u << 20)
#define MS_REFERENCE_SUMS_MAX (64u << 20)
#define MS_REFERENCE_PEM_MAX (64u << 10)

/* {"sha256": {"0": "hex", ...}}: the values of the PCRs in mask; MS_ERR_USAGE when none of them is there. */
MS_MUST_USE enum ms_rc ms_reference_import_pcrs(struct ms_reference_builder *b, struct ms_span json, uint32_t mask, struct ms_err *err);
/* A boot log: the values that it leads to in the PCRs of `pcrs` that it extends, and the digests of its events in those of `events`. */
MS_MUST_USE enum ms_rc ms_reference_import_boot_log(
    struct ms_reference_builder *b, struct ms_span log, uint32_t pcrs, uint32_t events, struct ms_err *err);
/* An IMA list since boot, binary or ASCII: its files. */
MS_MUST_USE enum ms_rc ms_reference_import_ima(struct ms_reference_builder *b, struct ms_span list, struct ms_err *err);
/* What sha256sum and its sisters write, a line a file: digest, space, space or *, path; a line that begins with \ has the path
 * escaped. Paths begin with /, or with ./ which is read as /. The hash is that of so many digits (SHA-1, 256, 384, 512). */
MS_MUST_USE enum ms_rc ms_reference_import_sums(struct ms_reference_builder *b, struct ms_span text, struct ms_err *err);
/* Keys or certificates that sign files, PEM or one DER. */
MS_MUST_USE enum ms_rc ms_reference_import_keys(struct ms_reference_builder *b, struct ms_span pem_or_der, struct ms_err *err);

/* The other way: files of a set as such lines, and its keys as PEM, appended. MS_ERR_UNSUPPORTED: a hash that such a line cannot say. */
MS_MUST_USE enum ms_rc ms_reference_export_sums(const struct ms_reference *r, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_reference_export_key(struct ms_span der, struct ms_buf *out, struct ms_err *err);

#endif
