#include "identity/leafcert.h"

#include <arpa/inet.h>
#include <string.h>

static void
name_from_text(const char *text, uint8_t address[static 16], struct ms_cert_name *ret)
{
	if (inet_pton(AF_INET, text, address) == 1)
		*ret = (struct ms_cert_name){.is_ip = true, .value = ms_span(address, 4)};
	else if (inet_pton(AF_INET6, text, address) == 1)
		*ret = (struct ms_cert_name){.is_ip = true, .value = ms_span(address, 16)};
	else
		*ret = (struct ms_cert_name){.is_ip = false, .value = ms_span_str(text)};
}

enum ms_rc
ms_leafcert_tbs(const struct ms_leafcert *c, struct ms_buf *out, struct ms_err *err)
{
	struct ms_cert issuing;
	struct ms_cert_name names[MS_CERT_NAMES_MAX];
	uint8_t addresses[MS_CERT_NAMES_MAX][16];
	struct ms_cert_params p = {.profile = c->names != NULL ? MS_CERT_TLS_SERVER : MS_CERT_DEVICE,
	    .serial = c->serial,
	    .point = c->point,
	    .issuer = &issuing,
	    .not_before_s = c->not_before_s,
	    .not_after_s = c->not_after_s};
	enum ms_rc rc = ms_cert_parse_min(c->issuing, &issuing, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "issuing certificate");
	if (c->names == NULL) {
		p.trust_domain = c->trust_domain;
		p.tenant = c->tenant;
		p.device = c->device;
		p.hw_serial = c->hw_serial;
		return ms_cert_tbs(&p, out, err);
	}
	for (; c->names[p.n_names] != NULL; p.n_names++) {
		if (p.n_names == MS_CERT_NAMES_MAX)
			return ms_fail(err, MS_ERR_USAGE, "more than %u server names", MS_CERT_NAMES_MAX);
		name_from_text(c->names[p.n_names], addresses[p.n_names], &names[p.n_names]);
	}
	p.names = names;
	return ms_cert_tbs(&p, out, err);
}
