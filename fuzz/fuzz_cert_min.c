/* A certificate that claims to be one of ours. */
#include <assert.h>

#include "identity/cert.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_cert c;
	if (ms_cert_parse_min(ms_span(p, n), &c, NULL) != MS_OK)
		return 0;
	assert(c.der.len == n && c.tbs.len < n && c.point.len == MS_POINT_LEN);
	assert(c.serial.len > 0 && c.serial.p[0] != 0 && c.not_before_s < c.not_after_s);
	assert((c.profile == MS_CERT_DEVICE) == (c.uri.len > 0));
	assert((c.profile == MS_CERT_TLS_SERVER) == (c.names.len > 0));
	enum ms_rc rc = ms_cert_verify(&c, &c, c.not_before_s, NULL);
	assert(rc != MS_OK || c.profile == MS_CERT_ROOT);
	return 0;
}
