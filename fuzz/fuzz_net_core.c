/* Payloads between net and core: what parses builds again to the same bytes. First byte: which of the three. */
#include <stdint.h>
#include <stdlib.h>

#include "ipc/net_core.h"

static void
must_equal(const struct ms_buf *built, struct ms_span in)
{
	if (ms_buf_check(built, NULL) != MS_OK || !ms_span_eq(ms_buf_span(built), in))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct ms_span in = ms_span(data + 1, size - 1);
	struct ms_net_request q;
	struct ms_net_response r;
	struct ms_net_tls_cert c;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_NET_RESPONSE_FRAME_MAX);
	if (data[0] % 3 == 0 && ms_net_request_parse(in, &q, NULL) == MS_OK) {
		ms_net_request_build(&q, &b);
		must_equal(&b, in);
	} else if (data[0] % 3 == 1 && ms_net_response_parse(in, &r, NULL) == MS_OK) {
		ms_net_response_build(&r, &b);
		must_equal(&b, in);
	} else if (data[0] % 3 == 2 && ms_net_tls_cert_parse(in, &c, NULL) == MS_OK) {
		ms_net_tls_cert_build(&c, &b);
		must_equal(&b, in);
	}
	return 0;
}
