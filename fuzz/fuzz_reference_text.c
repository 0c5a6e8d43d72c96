/* A reference set as text: what compiles is printed, and what is printed compiles to the same values. The first byte says where
 * the list of files begins that the text may name. */
#include <stdlib.h>
#include <string.h>

#include "policy/reference_diff.h"
#include "policy/reference_import.h"
#include "policy/reference_yaml.h"

static enum ms_rc
open_file(void *ctx, MS_UNUSED const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	const struct ms_span *file = ctx;
	if (file->len > max)
		return ms_fail(err, MS_ERR_TOO_BIG, "file");
	ms_buf_put_span(out, *file);
	return ms_buf_check(out, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_reference_free) struct ms_reference *a = NULL, *b = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf text;
	MS_OWN(ms_buf_fini) struct ms_buf sums;
	struct ms_err err;
	ms_buf_init(&text, MS_REFERENCE_YAML_MAX);
	ms_buf_init(&sums, MS_REFERENCE_SUMS_MAX);
	size_t at = n == 0 ? 0 : 1 + (size_t)p[0] * 16;
	at = at > n ? n : at;
	struct ms_span file = ms_span(p + at, n - at);
	struct ms_policy_file f = {.name = "r.yaml", .text = ms_span(p + (n > 0), at - (n > 0))};
	if (ms_reference_from_yaml(&f, open_file, &file, &a, &err) != MS_OK || ms_reference_export_sums(a, &sums, &err) != MS_OK)
		return 0;
	if (ms_reference_to_yaml(a, "files", &text, &err) != MS_OK)
		abort();
	file = ms_buf_span(&sums);
	f.text = ms_buf_span(&text);
	if (ms_reference_from_yaml(&f, open_file, &file, &b, &err) != MS_OK || ms_reference_diff(a, b, NULL, NULL) != 0)
		abort();
	return 0;
}
