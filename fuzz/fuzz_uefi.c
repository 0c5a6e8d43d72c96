/* Data of events: every parser of codec/uefi.h over the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "codec/uefi.h"

static void
lists(struct ms_span s)
{
	struct ms_uefi_sigs l = ms_uefi_sigs_over(s);
	struct ms_uefi_sig sig;
	char name[MS_UEFI_SUBJECT_MAX];
	size_t bytes = 0;
	while (ms_uefi_sigs_next(&l, &sig)) {
		bytes += sig.data.len + MS_GUID_LEN;
		if (bytes > s.len)
			abort();
		(void)ms_uefi_cert_subject(sig.data, name);
	}
	struct ms_tagged_walk w = ms_tagged_over(s);
	struct ms_tagged t;
	for (size_t n = 0; ms_tagged_next(&w, &t); n++)
		if (n > s.len || w.depth > MS_TAGGED_NESTING_MAX)
			abort();
	struct ms_sbat_row row;
	struct ms_span text = s;
	for (size_t before = text.len; ms_sbat_next(&text, &row); before = text.len)
		if (text.len >= before)
			abort();
}

static void
structures(struct ms_span s, struct ms_buf *text)
{
	struct ms_uefi_variable v;
	struct ms_uefi_load_option o;
	struct ms_uefi_image_load i;
	struct ms_uefi_gpt g;
	struct ms_uefi_partition p;
	struct ms_uefi_blob b;
	struct ms_uefi_tables t;
	if (ms_uefi_variable_parse(s, &v, NULL) == MS_OK) {
		(void)ms_utf16_text(v.name, text);
		lists(v.data);
		if (ms_uefi_load_option_parse(v.data, &o, NULL) == MS_OK)
			ms_uefi_path_text(o.path, text);
	}
	if (ms_uefi_image_load_parse(s, &i, NULL) == MS_OK) {
		ms_uefi_path_file(i.path, text);
		(void)ms_uefi_path_source(i.path);
	}
	if (ms_uefi_gpt_parse(s, &g, NULL) == MS_OK)
		for (uint64_t k = 0; k < g.count; k++) {
			ms_uefi_gpt_at(&g, k, &p);
			(void)ms_utf16_text(p.name, text);
		}
	for (unsigned second = 0; second < 2; second++) {
		(void)ms_uefi_blob_parse(s, second != 0, &b, NULL);
		(void)ms_uefi_tables_parse(s, second != 0, &t, NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct ms_span s = ms_span(p, n);
	char name[MS_UEFI_SUBJECT_MAX];
	ms_buf_init(&text, 4u << 20);
	if (ms_uefi_cert_subject(s, name) && strlen(name) >= sizeof name)
		abort();
	lists(s);
	structures(s, &text);
	ms_uefi_path_text(s, &text);
	ms_buf_reset(&text);
	if (ms_utf16_plausible(s) && (!ms_utf16_text(s, &text) || !ms_utf8_ok(ms_buf_span(&text))))
		abort();
	(void)ms_ascii_plausible(s);
	return 0;
}
