/* Reference sets as text in a policy directory, references/NAME.yaml (docs/policy.md): what is signed and stored is the set that
 * this text and the files that it names compile to. The text is its author's; nothing here says that the values are good. */
#ifndef MS_REFERENCE_YAML_H
#define MS_REFERENCE_YAML_H
#include "policy/policy.h"
#include "policy/reference.h"

#define MS_REFERENCE_YAML_MAX (4u << 20)

/* A file that the text names, appended to `out`. Errors are the author's. */
typedef enum ms_rc (*ms_reference_open_fn)(void *ctx, const char *name, size_t max, struct ms_buf *out, struct ms_err *err);
/* MS_OK: the caller owns *ret; its version is 1 (the store counts versions). MS_ERR_USAGE: err reads
 * "FILE:LINE: KEY: what is wrong". */
MS_MUST_USE enum ms_rc ms_reference_from_yaml(
    const struct ms_policy_file *text, ms_reference_open_fn open, void *ctx, struct ms_reference **ret, struct ms_err *err);
/* The set as text that compiles to the same values, appended; where each came from, when it is not the set's own source, becomes a
 * comment. `files` names the file that ms_reference_export_sums() is for; NULL when the set has no files. */
MS_MUST_USE enum ms_rc ms_reference_to_yaml(const struct ms_reference *r, const char *files, struct ms_buf *out, struct ms_err *err);

#endif
