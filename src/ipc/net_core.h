/* What net and core say to each other: operation numbers, frame types and the layout of each payload.
 * Every integer is big-endian. net is believed in nothing but what core checks for itself: the exporter and the
 * peer address are its word, and only a device's signature over the exporter makes it worth something. */
#ifndef MS_NET_CORE_H
#define MS_NET_CORE_H
#include "base/bytes.h"

/* Frame types on the channel. The id of a frame ties an answer to its question; the asker chooses it. */
enum ms_net_frame {
	MS_NET_REQUEST = 1,     /* net -> core: one HTTP request, struct ms_net_request */
	MS_NET_RESPONSE = 2,    /* core -> net: its answer, struct ms_net_response */
	MS_NET_TLS_REQUEST = 3, /* net -> core: SubjectPublicKeyInfo DER of net's fresh P-256 key */
	MS_NET_TLS_CERT = 4,    /* core -> net: the certificates for it, struct ms_net_tls_cert */
	MS_NET_PING = 5,        /* net -> core: empty */
	MS_NET_PONG = 6,        /* core -> net: empty; says that core's loop turns */
};

/* Operations. The number is the contract, never reused. */
enum ms_net_op {
	MS_OP_ROOT = 1,          /* GET  /v1/root: the deployment root */
	MS_OP_CRL = 2,           /* GET  /v1/crl */
	MS_OP_CHALLENGE = 3,     /* POST /v1/t/TENANT/challenge: a nonce for one purpose */
	MS_OP_ENROLL_BEGIN = 4,  /* POST /v1/t/TENANT/enroll/begin */
	MS_OP_ENROLL_FINISH = 5, /* POST /v1/t/TENANT/enroll/finish */
	MS_OP_ENROLL_STATUS = 6, /* POST /v1/t/TENANT/enroll/status */
	MS_OP_ATTESTED = 7,      /* POST /v1/t/TENANT/attested: evidence and the request it is bound to */
	MS_OP_OPERATOR = 8,      /* POST /v1/t/TENANT/op: an operator's signed operation */
	MS_OP_JWKS = 9,          /* GET  /v1/jwks, /.well-known/jwks.json: the keys of attestation results */
	MS_OP_END                /* one past the last */
};

#define MS_NET_EXPORTER_LABEL "EXPORTER-muster-v1" /* TLS exporter label, context empty */
#define MS_NET_EXPORTER_LEN 32u
#define MS_NET_TENANT_MAX 64u
#define MS_NET_BODY_MAX (10u << 20) /* of a request; the route's own cap is lower for most */
#define MS_NET_OPERATION_MAX (1u << 20)
#define MS_NET_ATTESTED_MAX ((9u << 20) + (64u << 10)) /* with a boot log and an IMA list; the configuration says less */
#define MS_NET_RESPONSE_MAX (4u << 20)                 /* of a response body */
#define MS_NET_REQUEST_FRAME_MAX (2u + 1u + MS_NET_TENANT_MAX + MS_NET_EXPORTER_LEN + 16u + MS_NET_BODY_MAX)
#define MS_NET_RESPONSE_FRAME_MAX (2u + 1u + 4u + MS_NET_RESPONSE_MAX)
#define MS_NET_SPKI_MAX 256u
#define MS_NET_CHAIN_MAX 4u
#define MS_NET_CERT_MAX 4096u

/* u16 op | u8 tenant length | tenant | exporter | peer address | body */
struct ms_net_request {
	enum ms_net_op op;
	struct ms_span tenant; /* empty for operations without one, else ms_name_ok */
	uint8_t exporter[MS_NET_EXPORTER_LEN];
	uint8_t peer[16]; /* IPv6, or IPv4 mapped into it (::ffff:a.b.c.d) */
	struct ms_span body;
};
/* Appends; the caller checks with ms_buf_check(). */
void ms_net_request_build(const struct ms_net_request *r, struct ms_buf *out);
/* Spans of *ret are borrowed from `in`. Refuses unknown operations, bad tenants and oversized bodies. */
MS_MUST_USE enum ms_rc ms_net_request_parse(struct ms_span in, struct ms_net_request *ret, struct ms_err *err);

enum ms_net_kind {
	MS_NET_CBOR = 0,  /* application/cbor */
	MS_NET_OCTET = 1, /* application/octet-stream */
	MS_NET_TEXT = 2,  /* text/plain; charset=utf-8 */
	MS_NET_JWKS = 3,  /* application/jwk-set+json */
	MS_NET_KIND_END
};
/* u16 HTTP status | u8 kind | u32 retry_after_s | body */
struct ms_net_response {
	uint16_t status; /* 200..599 */
	enum ms_net_kind kind;
	uint32_t retry_after_s; /* 0: no Retry-After */
	struct ms_span body;
};
void ms_net_response_build(const struct ms_net_response *r, struct ms_buf *out);
MS_MUST_USE enum ms_rc ms_net_response_parse(struct ms_span in, struct ms_net_response *ret, struct ms_err *err);

/* u8 count | count x (u16 length | certificate DER) | u64 not_after_s. The leaf is first. */
struct ms_net_tls_cert {
	struct ms_span chain[MS_NET_CHAIN_MAX];
	size_t n;             /* 1..MS_NET_CHAIN_MAX */
	uint64_t not_after_s; /* of the leaf */
};
void ms_net_tls_cert_build(const struct ms_net_tls_cert *c, struct ms_buf *out);
MS_MUST_USE enum ms_rc ms_net_tls_cert_parse(struct ms_span in, struct ms_net_tls_cert *ret, struct ms_err *err);

#endif
