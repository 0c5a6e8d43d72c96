/* Claims of a boot log, for tests. */
#ifndef MS_TEST_BOOTCLAIMS_H
#define MS_TEST_BOOTCLAIMS_H
#include "support/bootlogs.h"

/* NULL: refused, for the reason in *err. The caller frees it. */
static inline struct ms_claims *
claims_of(struct ms_span log, uint16_t alg, struct ms_err *err)
{
	MS_OWN(ms_bootlog_free) struct ms_bootlog *b = NULL;
	struct ms_claims *c = NULL;
	if (ms_bootlog_load(log, NULL, MS_EVENTLOG_ANY, alg, &b, err) != MS_OK)
		return NULL;
	CHECK_INT(ms_claims_new(&c, NULL), MS_OK);
	if (ms_bootlog_claims(b, c, err) != MS_OK) {
		ms_claims_free(c);
		return NULL;
	}
	return c;
}

/* "true", "false (unproven)", several with "; " between them, "absent". */
static inline const char *
said(const struct ms_claims *c, const char *name, char *out, size_t size)
{
	size_t from = 0, n = 0;
	const struct ms_claim *one;
	(void)snprintf(out, size, "absent");
	while ((one = ms_claims_next(c, ms_span_str(name), &from)) != NULL && n < size) {
		char text[MS_CLAIM_VALUE_MAX + 1];
		ms_claim_text(one, text, sizeof text);
		n += (size_t)snprintf(out + n, size - n, "%s%s%s", n > 0 ? "; " : "", text, one->proven ? "" : " (unproven)");
	}
	return out;
}

static inline void
expect_said(const struct ms_claims *c, const char *name, const char *want)
{
	char out[2 * MS_CLAIM_VALUE_MAX];
	(void)said(c, name, out, sizeof out);
	if (strcmp(out, want) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", name, out, want);
}
#define EXPECT(name, want) expect_said(claims, name, want)

#endif
