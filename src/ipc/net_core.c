#include "ipc/net_core.h"

#include <string.h>

#include "base/rd.h"

void
ms_net_request_build(const struct ms_net_request *r, struct ms_buf *out)
{
	ms_buf_u16(out, (uint16_t)r->op);
	ms_buf_u8(out, (uint8_t)r->tenant.len);
	ms_buf_put_span(out, r->tenant);
	ms_buf_put(out, r->exporter, sizeof r->exporter);
	ms_buf_put(out, r->peer, sizeof r->peer);
	ms_buf_put_span(out, r->body);
}

static bool
op_wants_tenant(enum ms_net_op op)
{
	return op != MS_OP_ROOT && op != MS_OP_CRL && op != MS_OP_JWKS;
}

enum ms_rc
ms_net_request_parse(struct ms_span in, struct ms_net_request *ret, struct ms_err *err)
{
	struct ms_net_request r = {0};
	struct ms_rd rd = ms_rd_span(in);
	uint16_t op = ms_rd_u16(&rd);
	r.tenant = ms_rd_bytes(&rd, ms_rd_u8(&rd));
	ms_rd_copy(&rd, r.exporter, sizeof r.exporter);
	ms_rd_copy(&rd, r.peer, sizeof r.peer);
	r.body = ms_rd_bytes(&rd, ms_rd_left(&rd));
	if (!ms_rd_done(&rd) || op == 0 || op >= MS_OP_END)
		return ms_fail(err, MS_ERR_MALFORMED, "net request: op %u, %zu bytes", op, in.len);
	r.op = (enum ms_net_op)op;
	if (r.body.len > MS_NET_BODY_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "net request: body of %zu bytes", r.body.len);
	if (op_wants_tenant(r.op) ? !ms_name_ok(r.tenant, MS_NET_TENANT_MAX) : r.tenant.len != 0)
		return ms_fail(err, MS_ERR_MALFORMED, "net request: tenant name");
	*ret = r;
	return MS_OK;
}

void
ms_net_response_build(const struct ms_net_response *r, struct ms_buf *out)
{
	ms_buf_u16(out, r->status);
	ms_buf_u8(out, (uint8_t)r->kind);
	ms_buf_u32(out, r->retry_after_s);
	ms_buf_put_span(out, r->body);
}

enum ms_rc
ms_net_response_parse(struct ms_span in, struct ms_net_response *ret, struct ms_err *err)
{
	struct ms_net_response r = {0};
	struct ms_rd rd = ms_rd_span(in);
	r.status = ms_rd_u16(&rd);
	uint8_t kind = ms_rd_u8(&rd);
	r.retry_after_s = ms_rd_u32(&rd);
	r.body = ms_rd_bytes(&rd, ms_rd_left(&rd));
	if (!ms_rd_done(&rd) || r.status < 200 || r.status > 599 || kind >= MS_NET_KIND_END)
		return ms_fail(err, MS_ERR_MALFORMED, "net response: status %u, kind %u", r.status, kind);
	if (r.body.len > MS_NET_RESPONSE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "net response: body of %zu bytes", r.body.len);
	r.kind = (enum ms_net_kind)kind;
	*ret = r;
	return MS_OK;
}

void
ms_net_tls_cert_build(const struct ms_net_tls_cert *c, struct ms_buf *out)
{
	ms_buf_u8(out, (uint8_t)c->n);
	for (size_t i = 0; i < c->n; i++) {
		ms_buf_u16(out, (uint16_t)c->chain[i].len);
		ms_buf_put_span(out, c->chain[i]);
	}
	ms_buf_u64(out, c->not_after_s);
}

enum ms_rc
ms_net_tls_cert_parse(struct ms_span in, struct ms_net_tls_cert *ret, struct ms_err *err)
{
	struct ms_net_tls_cert c = {0};
	struct ms_rd rd = ms_rd_span(in);
	uint8_t n = ms_rd_u8(&rd);
	if (n == 0 || n > MS_NET_CHAIN_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "net certificate: chain of %u", n);
	for (; c.n < n; c.n++) {
		c.chain[c.n] = ms_rd_tpm2b(&rd, MS_NET_CERT_MAX);
		if (c.chain[c.n].len == 0)
			ms_rd_poison(&rd);
	}
	c.not_after_s = ms_rd_u64(&rd);
	if (!ms_rd_done(&rd))
		return ms_fail(err, MS_ERR_MALFORMED, "net certificate: %zu bytes", in.len);
	*ret = c;
	return MS_OK;
}
