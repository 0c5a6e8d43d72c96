/* Inside identity/: what builder and parser of certificates and CRLs share. */
#ifndef MS_CERT_INT_H
#define MS_CERT_INT_H
#include "codec/der.h"
#include "identity/cert.h"

#define MS_KU_DIGITAL_SIGNATURE (1u << 0)
#define MS_KU_CERT_SIGN (1u << 5)
#define MS_KU_CRL_SIGN (1u << 6)

struct ms_cert_shape {
	const char *name;
	uint64_t life_s;
	bool ca;
	uint64_t path_len;
	uint32_t key_usage;
	bool client_auth, server_auth;
	enum ms_cert_profile issuer;
};
const struct ms_cert_shape *ms_cert_shape(enum ms_cert_profile p); /* NULL when there is none */

/* hwType: TPM 2.0 (TCG registry, 2.23.133.1.2) */
struct ms_span ms_cert_hw_type(void);
/* RFC 7093 method 1: the first 160 bits of SHA-256 of the key's bits */
void ms_cert_ski(const uint8_t point[static MS_POINT_LEN], uint8_t ski[static MS_CERT_SKI_LEN]);
bool ms_cert_dns_ok(struct ms_span s);
bool ms_cert_uri_ok(struct ms_span s);         /* http://, printable */
struct ms_span ms_cert_trim(struct ms_span n); /* without leading zeros */
/* by magnitude; both without leading zeros */
int ms_cert_serial_cmp(struct ms_span a, struct ms_span b);

/* AlgorithmIdentifier of ecdsa-with-SHA256 */
void ms_cert_put_alg(struct ms_buf *b);
bool ms_cert_read_alg(struct ms_der *d);

/* SEQUENCE { tbs, alg, BIT STRING }: both kinds of signed objects. */
struct ms_cert_signed {
	struct ms_span tbs; /* whole TLV */
	uint8_t signature[MS_SIG_LEN];
};
MS_MUST_USE enum ms_rc ms_cert_read_signed(struct ms_span der, struct ms_cert_signed *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_cert_verify_signature(
    const struct ms_cert *issuer, struct ms_span tbs, const uint8_t sig[static MS_SIG_LEN], struct ms_err *err);

struct ms_cert_ext_mark {
	size_t seq, octets;
};
MS_MUST_USE struct ms_cert_ext_mark ms_cert_ext_open(struct ms_buf *b, enum ms_oid id, bool critical);
void ms_cert_ext_close(struct ms_buf *b, struct ms_cert_ext_mark m);
void ms_cert_put_aki(struct ms_buf *b, struct ms_span ski); /* the whole extension */
/* The next extension; false at the end or on a malformed one (then d is poisoned). */
struct ms_cert_ext {
	enum ms_oid id;
	bool critical;
	struct ms_span value;
};
bool ms_cert_ext_next(struct ms_der *d, struct ms_cert_ext *ret);
struct ms_span ms_cert_read_aki(struct ms_span value); /* key id, MS_CERT_SKI_LEN bytes; empty when malformed */

#endif
