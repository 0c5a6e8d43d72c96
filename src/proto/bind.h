/* The digests and associated data that bind messages together (docs/protocol.md). Each is a hash or an encoding of a
 * deterministic CBOR array that begins with its own label, so no two meanings share bytes. */
#ifndef MS_BIND_H
#define MS_BIND_H
#include "base/bytes.h"

#define MS_BIND_LEN 32u
#define MS_NONCE_LEN 40u
#define MS_LEAF_LEN 32u
#define MS_CODE_TEXT_MAX 64u

enum ms_purpose {
	MS_PURPOSE_NONE,
	MS_PURPOSE_ENROLL,
	MS_PURPOSE_ATTEST,
	MS_PURPOSE_IDENTITY,
	MS_PURPOSE_SECRET,
	MS_PURPOSE_RESULT,
	MS_PURPOSE_COUNT
};
const char *ms_purpose_name(enum ms_purpose p);       /* "enroll", ... */
enum ms_purpose ms_purpose_by_name(struct ms_span s); /* MS_PURPOSE_NONE for another */

/* extraData of a quote. */
struct ms_bind_quote {
	enum ms_purpose purpose;
	struct ms_span tenant, device, nonce;
	struct ms_span request;   /* its bytes; hashed here */
	struct ms_span authority; /* key id of the release key, 32 bytes */
	struct ms_span exporter;  /* TLS exporter, 32 bytes */
};
MS_MUST_USE enum ms_rc ms_bind_quote(const struct ms_bind_quote *q, uint8_t ret[static MS_BIND_LEN], struct ms_err *err);
/* qualifyingData of TPM2_Certify of the key of a request. */
MS_MUST_USE enum ms_rc ms_bind_certify(enum ms_purpose purpose, struct ms_span tenant, struct ms_span device, struct ms_span nonce,
    uint8_t ret[static MS_BIND_LEN], struct ms_err *err);
/* What keeper's HMAC makes a credential secret of. */
MS_MUST_USE enum ms_rc ms_bind_credential(struct ms_span transcript, struct ms_buf *out, struct ms_err *err);
/* The MACed part of a nonce. */
MS_MUST_USE enum ms_rc ms_bind_nonce(
    enum ms_purpose purpose, struct ms_span tenant, struct ms_span random, uint64_t expires_s, struct ms_buf *out, struct ms_err *err);
/* When a nonce says that it expires: its middle 8 bytes. nonce.len is MS_NONCE_LEN. */
uint64_t ms_nonce_expires_s(struct ms_span nonce);
/* The 8-word code. `text` holds MS_CODE_TEXT_MAX. */
MS_MUST_USE enum ms_rc ms_bind_code(
    struct ms_span ek_hash, struct ms_span ak_name, struct ms_span transcript_hash, char *text, struct ms_err *err);
/* SHA-256(attest | PCR values): names a piece of evidence. */
void ms_evidence_id(struct ms_span attest, struct ms_span pcrs, uint8_t ret[static MS_BIND_LEN]);

/* HPKE info of a secret sealed to a device. */
struct ms_bind_secret {
	struct ms_span deployment, tenant, device, path;
	uint64_t version;
	struct ms_span nonce, evidence, leaf;
};
MS_MUST_USE enum ms_rc ms_bind_secret(const struct ms_bind_secret *s, struct ms_buf *out, struct ms_err *err);
/* HPKE info of a secret on its way in. */
struct ms_bind_intake {
	struct ms_span deployment, tenant, path, rule, class_name;
};
MS_MUST_USE enum ms_rc ms_bind_intake(const struct ms_bind_intake *s, struct ms_buf *out, struct ms_err *err);

#endif
