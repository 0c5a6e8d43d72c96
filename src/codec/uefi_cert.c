/* The name of a certificate's subject, for people: nothing is verified, and certificates of firmware are as odd as they come, so
 * only as much is read as leads to the subject. */
#include <stdio.h>
#include <string.h>

#include "codec/der.h"
#include "codec/uefi.h"

#define TELETEX_STRING 0x14u
#define BMP_STRING 0x1eu
#define SHOWN 64u

/* Printable ASCII, at most SHOWN of it. */
static void
put_text(struct ms_span s, bool two, char out[static MS_UEFI_SUBJECT_MAX])
{
	size_t n = 0, step = two ? 2 : 1;
	for (size_t i = two ? 1 : 0; i < s.len && n < SHOWN; i += step)
		out[n++] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	out[n] = '\0';
	if (s.len / step > SHOWN)
		memcpy(out + n, "...", 4);
	if (n == 0)
		memcpy(out, "(no name)", 10);
}

/* How well an attribute names its holder. */
static unsigned
rank_of(struct ms_span oid)
{
	switch (ms_oid_find(oid)) {
	case MS_OID_AT_COMMON_NAME:
		return 4;
	case MS_OID_AT_ORGANIZATION:
		return 3;
	case MS_OID_AT_ORGANIZATIONAL_UNIT:
		return 2;
	default:
		return 1;
	}
}

static bool
read_name(struct ms_der *name, char out[static MS_UEFI_SUBJECT_MAX])
{
	unsigned best = 0;
	memcpy(out, "(no name)", 10);
	while (ms_der_peek(name) == MS_DER_SET) {
		struct ms_der set = ms_der_enter(name, MS_DER_SET);
		while (ms_der_peek(&set) == MS_DER_SEQUENCE) {
			struct ms_der pair = ms_der_enter(&set, MS_DER_SEQUENCE);
			struct ms_span oid = ms_der_read_oid(&pair);
			uint8_t tag = ms_der_peek(&pair);
			struct ms_span value = ms_der_read(&pair, tag);
			unsigned rank = rank_of(oid);
			bool text = tag == MS_DER_UTF8_STRING || tag == MS_DER_PRINTABLE_STRING || tag == MS_DER_IA5_STRING ||
				    tag == TELETEX_STRING || tag == BMP_STRING;
			if (!pair.rd.bad && text && rank > best) {
				best = rank;
				put_text(value, tag == BMP_STRING, out);
			}
		}
	}
	return !name->rd.bad;
}

bool
ms_uefi_cert_subject(struct ms_span der, char out[static MS_UEFI_SUBJECT_MAX])
{
	struct ms_der d = ms_der_over(der);
	struct ms_der cert = ms_der_enter(&d, MS_DER_SEQUENCE);
	struct ms_der tbs = ms_der_enter(&cert, MS_DER_SEQUENCE);
	if (ms_der_peek(&tbs) == MS_DER_CONTEXT_CONSTRUCTED(0))
		ms_der_skip(&tbs);
	for (unsigned i = 0; i < 4; i++) /* serialNumber, signature, issuer, validity */
		ms_der_skip(&tbs);
	struct ms_der name = ms_der_enter(&tbs, MS_DER_SEQUENCE);
	return !tbs.rd.bad && read_name(&name, out);
}
