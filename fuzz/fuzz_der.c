/* Every DER reader over the same bytes; what has a writer is written back and compared. */
#include <assert.h>
#include <string.h>
#include "codec/der.h"

static void
walk(struct ms_span s)
{
	struct ms_der d = ms_der_over(s);
	for (unsigned n = 0; ms_der_peek(&d) != 0 && n < 1000; n++) {
		struct ms_der again = d;
		uint8_t tag = ms_der_peek(&d);
		if (tag == MS_DER_UTC_TIME || tag == MS_DER_GENERALIZED_TIME)
			(void)ms_der_read_time(&d);
		else if (tag == MS_DER_INTEGER)
			(void)ms_der_read_integer(&d, 64);
		else if (tag == MS_DER_BIT_STRING)
			(void)ms_der_read_named_bits(&d, tag);
		else if (tag == MS_DER_OID)
			(void)ms_oid_find(ms_der_read_oid(&d));
		else if (tag == MS_DER_BOOLEAN)
			(void)ms_der_read_bool(&d);
		else if ((tag & 0x20) != 0)
			d = ms_der_enter(&again, tag);
		else
			ms_der_skip(&d);
	}
}

static void
write_back(struct ms_span in)
{
	struct ms_der d = ms_der_over(in);
	struct ms_buf out;
	uint8_t tag = ms_der_peek(&d);
	ms_buf_init(&out, 1 << 20);
	if (tag == MS_DER_UTC_TIME || tag == MS_DER_GENERALIZED_TIME)
		ms_der_put_time(&out, ms_der_read_time(&d));
	else if (tag == MS_DER_INTEGER)
		ms_der_put_integer(&out, ms_der_read_integer(&d, 1000));
	else if (tag == MS_DER_BIT_STRING)
		ms_der_put_named_bits(&out, tag, ms_der_read_named_bits(&d, tag));
	else
		ms_der_put(&out, tag, ms_der_read(&d, tag));
	assert(!ms_der_done(&d) || in.len == 0 || in.len > 1000 || ms_span_eq(ms_buf_span(&out), in));
	ms_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_span in = ms_span(data, size);
	struct ms_spki spki;
	struct ms_csr csr;
	struct ms_buf out;
	uint8_t raw[64];
	ms_buf_init(&out, 1 << 20);
	walk(in);
	write_back(in);
	(void)ms_der_csr_parse(in, &csr, NULL);
	if (ms_der_spki_parse(in, &spki, NULL) == MS_OK) {
		if (spki.type == MS_SPKI_P256)
			ms_der_spki_p256(&out, spki.point.p);
		else
			ms_der_spki_rsa(&out, spki.modulus, spki.exponent);
		assert(ms_span_eq(ms_buf_span(&out), in));
	}
	ms_buf_reset(&out);
	if (ms_der_ecdsa_parse(in, raw, NULL) == MS_OK) {
		assert(ms_der_ecdsa_build(raw, &out, NULL) == MS_OK);
		assert(ms_span_eq(ms_buf_span(&out), in));
	}
	ms_buf_fini(&out);
	return 0;
}
