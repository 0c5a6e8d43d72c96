#include "server/net/reply.h"

#include "codec/cbor.h"

static const char *
phrase(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} rows[] = {{200, "OK"}, {202, "Accepted"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
	    {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"}, {411, "Length Required"}, {413, "Content Too Large"},
	    {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {426, "Upgrade Required"},
	    {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
	    {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Other";
}

void
ms_reply_head(struct ms_buf *out, const struct ms_net_response *r, const char *allow, bool close)
{
	static const char *const types[MS_NET_KIND_END] = {[MS_NET_CBOR] = "application/cbor",
	    [MS_NET_OCTET] = "application/octet-stream",
	    [MS_NET_TEXT] = "text/plain; charset=utf-8",
	    [MS_NET_JWKS] = "application/jwk-set+json"};
	ms_buf_fmt(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", r->status,
	    phrase(r->status), types[r->kind], r->body.len);
	if (r->retry_after_s > 0)
		ms_buf_fmt(out, "Retry-After: %u\r\n", r->retry_after_s);
	if (allow != NULL)
		ms_buf_fmt(out, "Allow: %s\r\n", allow);
	ms_buf_fmt(out, "%s\r\n", close ? "Connection: close\r\n" : "");
}

void
ms_reply_error_body(struct ms_buf *out, enum ms_rc rc, const char *text, uint32_t retry_after_s)
{
	ms_cbor_map(out, 4);
	ms_cbor_uint(out, 1);
	ms_cbor_text(out, ms_rc_name(rc));
	ms_cbor_uint(out, 2);
	ms_cbor_text(out, text);
	ms_cbor_uint(out, 3);
	ms_cbor_text(out, "");
	ms_cbor_uint(out, 4);
	ms_cbor_uint(out, retry_after_s);
}
