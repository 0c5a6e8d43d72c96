/* Certificates that Muster issues: built by us inside fixed profiles, P-256 keys, ecdsa-with-SHA256. A request never
 * brings a name or an extension: params come from what was proven. Same params, same bytes. */
#ifndef MS_CERT_H
#define MS_CERT_H
#include "crypto/key.h"

enum ms_cert_profile {
	MS_CERT_ROOT,       /* self-signed, path length 1 */
	MS_CERT_ISSUING,    /* by the root, path length 0 */
	MS_CERT_DEVICE,     /* by the issuing CA: clientAuth and serverAuth; SPIFFE id, hardware module name */
	MS_CERT_TLS_SERVER, /* by the issuing CA: serverAuth; DNS names and addresses */
	MS_CERT_PROFILE_COUNT
};
#define MS_CERT_ROOT_LIFE_S (UINT64_C(7305) * 86400) /* 20 years */
#define MS_CERT_ISSUING_LIFE_S (UINT64_C(3653) * 86400)
#define MS_CERT_DEVICE_LIFE_S (UINT64_C(7) * 86400)
#define MS_CERT_TLS_LIFE_S (UINT64_C(7) * 86400)

#define MS_CERT_SERIAL_MIN 16u
#define MS_CERT_SERIAL_MAX 20u
#define MS_CERT_MAX 4096u /* bytes of a certificate */
#define MS_CERT_SKI_LEN 20u
#define MS_CERT_NAMES_MAX 16u
#define MS_CERT_URI_MAX 512u

/* One of our certificates, parsed; spans borrow. Nothing is proven until ms_cert_verify(). */
struct ms_cert {
	struct ms_span der;
	struct ms_span tbs; /* what is signed */
	uint8_t signature[MS_SIG_LEN];
	enum ms_cert_profile profile; /* whose shape it has */
	struct ms_span serial;        /* magnitude, without leading zeros */
	uint64_t not_before_s, not_after_s;
	struct ms_span issuer, subject; /* Names, whole TLV */
	struct ms_span point;           /* MS_POINT_LEN bytes; not checked to be on the curve */
	struct ms_span ski, aki;
	struct ms_span uri;                /* device: its SPIFFE id; else empty */
	struct ms_span hw_type, hw_serial; /* device */
	struct ms_span names;              /* TLS: content of the GeneralNames */
	struct ms_span crl_uri;            /* may be empty */
};

struct ms_cert_name {
	bool is_ip;
	struct ms_span value; /* lower-case DNS name without wildcard, or 4 or 16 bytes of address */
};

struct ms_cert_params {
	enum ms_cert_profile profile;
	struct ms_span serial;        /* 16..20 random bytes, not all zero; with 20, the top bit clear */
	const uint8_t *point;         /* subject's key: MS_POINT_LEN bytes */
	const struct ms_cert *issuer; /* NULL for a root only; else a root (issuing) or an issuing CA (others) */
	uint64_t not_before_s, not_after_s;
	struct ms_span crl_uri;                      /* optional, not for a root: "http://..." */
	struct ms_span deployment;                   /* CA profiles: its name, 1..48 printable ASCII; in the common name */
	struct ms_span trust_domain, tenant, device; /* device: checked against their alphabets */
	struct ms_span hw_serial;                    /* device: 1..64 bytes (802.1AR, RFC 4108) */
	const struct ms_cert_name *names;            /* TLS: 1..MS_CERT_NAMES_MAX */
	size_t n_names;
};

/* Append the TBSCertificate. MS_ERR_USAGE when the params break the profile in any way: life longer than the profile's or
 * beyond the issuer's end, an issuer of the wrong profile, names out of form, fields of another profile set. The
 * point is checked to be on the curve (MS_ERR_MALFORMED). */
MS_MUST_USE enum ms_rc ms_cert_tbs(const struct ms_cert_params *p, struct ms_buf *out, struct ms_err *err);
/* Append SEQUENCE { tbs, ecdsa-with-SHA256, signature }; also for a TBSCertList. sig is r | s over tbs. */
MS_MUST_USE enum ms_rc ms_cert_assemble(struct ms_span tbs, const uint8_t sig[static MS_SIG_LEN], struct ms_buf *out, struct ms_err *err);
/* Both, with a signer at hand. */
MS_MUST_USE enum ms_rc ms_cert_issue(
    const struct ms_signer *issuer_key, const struct ms_cert_params *p, struct ms_buf *out, struct ms_err *err);

/* Parse untrusted bytes; takes only what ms_cert_tbs() builds: MS_ERR_MALFORMED, MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED. */
MS_MUST_USE enum ms_rc ms_cert_parse_min(struct ms_span der, struct ms_cert *ret, struct ms_err *err);
/* The signature is issuer's (for a root: its own, issuer == c), issuer is a CA of the right profile, and its name and key
 * id are those in c. MS_ERR_AUTH otherwise. Time: MS_ERR_EXPIRED unless now_s is inside c's life; pass 0 not to ask. */
MS_MUST_USE enum ms_rc ms_cert_verify(const struct ms_cert *c, const struct ms_cert *issuer, uint64_t now_s, struct ms_err *err);
/* "spiffe://<trust domain>/device/<id>" for the tenant "default", else "spiffe://<trust domain>/t/<tenant>/device/<id>". */
MS_MUST_USE enum ms_rc ms_cert_spiffe_id(
    struct ms_span trust_domain, struct ms_span tenant, struct ms_span device, struct ms_buf *out, struct ms_err *err);

#endif
