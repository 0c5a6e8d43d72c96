/* Strict DER (X.690): one-byte tags, definite minimal lengths, minimal integers; a reader over TLVs, a writer into
 * a buffer, and the few ASN.1 shapes that Muster needs outside of certificates: public keys, ECDSA signatures, CSRs. */
#ifndef MS_DER_H
#define MS_DER_H
#include "base/rd.h"

#define MS_DER_BOOLEAN 0x01u
#define MS_DER_INTEGER 0x02u
#define MS_DER_BIT_STRING 0x03u
#define MS_DER_OCTET_STRING 0x04u
#define MS_DER_NULL 0x05u
#define MS_DER_OID 0x06u
#define MS_DER_ENUMERATED 0x0au
#define MS_DER_UTF8_STRING 0x0cu
#define MS_DER_PRINTABLE_STRING 0x13u
#define MS_DER_IA5_STRING 0x16u
#define MS_DER_UTC_TIME 0x17u
#define MS_DER_GENERALIZED_TIME 0x18u
#define MS_DER_SEQUENCE 0x30u
#define MS_DER_SET 0x31u
#define MS_DER_CONTEXT(n) (0x80u | (n))             /* [n] IMPLICIT of a primitive type, n <= 30 */
#define MS_DER_CONTEXT_CONSTRUCTED(n) (0xa0u | (n)) /* [n] EXPLICIT, or IMPLICIT of a constructed type */

/* Object identifiers by name; the rows are in der_oid.c. */
enum ms_oid {
	MS_OID_NONE, /* not one of ours */
	MS_OID_EC_PUBLIC_KEY,
	MS_OID_P256,
	MS_OID_P384,
	MS_OID_RSA,
	MS_OID_ED25519,
	MS_OID_ECDSA_SHA256,
	MS_OID_RSA_SHA256,
	MS_OID_SHA1,
	MS_OID_SHA256,
	MS_OID_AT_COMMON_NAME,
	MS_OID_AT_SERIAL_NUMBER,
	MS_OID_AT_COUNTRY,
	MS_OID_AT_ORGANIZATION,
	MS_OID_AT_ORGANIZATIONAL_UNIT,
	MS_OID_EXT_SUBJECT_KEY_ID,
	MS_OID_EXT_KEY_USAGE,
	MS_OID_EXT_SUBJECT_ALT_NAME,
	MS_OID_EXT_BASIC_CONSTRAINTS,
	MS_OID_EXT_NAME_CONSTRAINTS,
	MS_OID_EXT_CRL_NUMBER,
	MS_OID_EXT_REASON_CODE,
	MS_OID_EXT_ISSUING_DISTRIBUTION_POINT,
	MS_OID_EXT_CRL_DISTRIBUTION_POINTS,
	MS_OID_EXT_CERTIFICATE_POLICIES,
	MS_OID_EXT_AUTHORITY_KEY_ID,
	MS_OID_EXT_EXTENDED_KEY_USAGE,
	MS_OID_EXT_AUTHORITY_INFO_ACCESS,
	MS_OID_EXT_NETSCAPE_CERT_TYPE,
	MS_OID_KP_SERVER_AUTH,
	MS_OID_KP_CLIENT_AUTH,
	MS_OID_KP_OCSP_SIGNING,
	MS_OID_AD_OCSP,
	MS_OID_AD_CA_ISSUERS,
	MS_OID_HARDWARE_MODULE_NAME, /* RFC 4108: id-on-hardwareModuleName */
	MS_OID_TCG_MANUFACTURER,
	MS_OID_TCG_MODEL,
	MS_OID_TCG_VERSION,
	MS_OID_TCG_SPECIFICATION,
	MS_OID_TCG_EK_CERTIFICATE,
	MS_OID_TCG_AK_CERTIFICATE,
	MS_OID_TCG_TPM_RESIDENCY,
	MS_OID_TCG_TPM_FIXED,
	MS_OID_TCG_TPM_RESTRICTED,
	MS_OID_TCG_EK_DIGEST,
	MS_OID_PERMANENT_IDENTIFIER,
	MS_OID_EXT_SUBJECT_DIRECTORY_ATTRIBUTES,
	MS_OID_GOOGLE_INSTANCE,
	MS_OID_P521,
	MS_OID_RSA_OAEP,
	MS_OID_RSA_PSS,
	MS_OID_CHALLENGE_PASSWORD,
	MS_OID_EXTENSION_REQUEST,
	MS_OID_COUNT
};
struct ms_span ms_oid(enum ms_oid id);           /* its content bytes; static */
enum ms_oid ms_oid_find(struct ms_span content); /* MS_OID_NONE when unknown */

/* Reader, sticky as ms_rd: a wrong tag, a bad or non-minimal encoding poisons it. A cursor from ms_der_enter() is
 * its own: check ms_der_done() of each. All spans borrow from the input. */
struct ms_der {
	struct ms_rd rd;
};
struct ms_der ms_der_over(struct ms_span s);
uint8_t ms_der_peek(const struct ms_der *d);                   /* the next tag; 0 at the end or when poisoned */
struct ms_span ms_der_read(struct ms_der *d, uint8_t tag);     /* content of the next TLV, which must have this tag */
struct ms_span ms_der_read_raw(struct ms_der *d, uint8_t tag); /* the whole TLV; tag 0 takes any */
struct ms_der ms_der_enter(struct ms_der *d, uint8_t tag);     /* a cursor over its content */
bool ms_der_read_bool(struct ms_der *d);
uint64_t ms_der_read_uint(struct ms_der *d);                      /* INTEGER 0..2^64-1 */
struct ms_span ms_der_read_integer(struct ms_der *d, size_t max); /* non-negative: magnitude without leading zero, at most max
                                                                    * bytes; zero is {NULL, 0} */
struct ms_span ms_der_read_oid(struct ms_der *d);                 /* content bytes, well-formed */
struct ms_span ms_der_read_octets(struct ms_der *d);
struct ms_span ms_der_read_bits(struct ms_der *d);              /* BIT STRING of whole bytes */
uint32_t ms_der_read_named_bits(struct ms_der *d, uint8_t tag); /* BIT STRING of at most 32 named bits: bit n of the result is bit n */
void ms_der_read_null(struct ms_der *d);
uint64_t ms_der_read_time(struct ms_der *d); /* RFC 5280 4.1.2.5, to seconds since 1970 (before it: poisons) */
void ms_der_skip(struct ms_der *d);          /* one TLV of any tag; its content is not looked at */
void ms_der_poison(struct ms_der *d);
bool ms_der_done(const struct ms_der *d);

/* Writer. Errors stick in the buffer. A nested value is written between open and close:
 *	size_t seq = ms_der_open(b, MS_DER_SEQUENCE); ... ms_der_close(b, seq); */
MS_MUST_USE size_t ms_der_open(struct ms_buf *b, uint8_t tag);
void ms_der_close(struct ms_buf *b, size_t mark);
void ms_der_put(struct ms_buf *b, uint8_t tag, struct ms_span content);
void ms_der_put_text(struct ms_buf *b, uint8_t tag, const char *s); /* UTF8String, IA5String, PrintableString: checked against its set */
void ms_der_put_text_span(struct ms_buf *b, uint8_t tag, struct ms_span s);
void ms_der_put_bool(struct ms_buf *b, bool v);
void ms_der_put_uint(struct ms_buf *b, uint64_t v);
void ms_der_put_integer(struct ms_buf *b, struct ms_span magnitude); /* unsigned big-endian, leading zeros dropped */
void ms_der_put_oid(struct ms_buf *b, enum ms_oid id);
void ms_der_put_octets(struct ms_buf *b, struct ms_span s);
void ms_der_put_bits(struct ms_buf *b, struct ms_span s);                 /* whole bytes */
void ms_der_put_named_bits(struct ms_buf *b, uint8_t tag, uint32_t bits); /* trailing zero bits dropped, as DER wants */
void ms_der_put_null(struct ms_buf *b);
void ms_der_put_time(struct ms_buf *b, uint64_t wall_s); /* UTCTime until 2049, GeneralizedTime from 2050; after 9999: bad */

/* Public keys (RFC 5280 4.1.2.7, RFC 5480, RFC 3279). */
#define MS_DER_P256_POINT_LEN 65u
enum ms_spki_type { MS_SPKI_P256, MS_SPKI_RSA };
struct ms_spki {
	enum ms_spki_type type;
	struct ms_span point;   /* P-256: 04 | x | y; not checked to be on the curve */
	struct ms_span modulus; /* RSA: magnitude, 128..512 bytes */
	uint64_t exponent;      /* RSA: odd, >= 3 */
};
/* MS_ERR_MALFORMED, or MS_ERR_UNSUPPORTED for another algorithm or curve. */
MS_MUST_USE enum ms_rc ms_der_spki_parse(struct ms_span s, struct ms_spki *ret, struct ms_err *err);
void ms_der_spki_p256(struct ms_buf *b, const uint8_t point[static MS_DER_P256_POINT_LEN]);
void ms_der_spki_rsa(struct ms_buf *b, struct ms_span modulus, uint64_t exponent);

/* ECDSA-Sig-Value of P-256, to and from r | s of 32 bytes each. Strict both ways: positive, minimal, r and s not zero. */
#define MS_DER_ECDSA_MAX 72u
MS_MUST_USE enum ms_rc ms_der_ecdsa_parse(struct ms_span der, uint8_t ret[static 64], struct ms_err *err);
MS_MUST_USE enum ms_rc ms_der_ecdsa_build(const uint8_t raw[static 64], struct ms_buf *out, struct ms_err *err);

/* PKCS#10 (RFC 2986), pure parsing: the signature is not verified and no name in it is believed. */
#define MS_DER_CSR_MAX 16384u
struct ms_csr {
	struct ms_span info;       /* CertificationRequestInfo: what is signed */
	struct ms_span subject;    /* Name, whole TLV */
	struct ms_span spki;       /* SubjectPublicKeyInfo, whole TLV */
	struct ms_span attributes; /* content of [0] */
	enum ms_oid signature_alg; /* MS_OID_ECDSA_SHA256 or MS_OID_RSA_SHA256 */
	struct ms_span signature;  /* as in the BIT STRING */
};
MS_MUST_USE enum ms_rc ms_der_csr_parse(struct ms_span s, struct ms_csr *ret, struct ms_err *err);

#endif
