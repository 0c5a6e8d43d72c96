/* Evidence of every attester, made here: good, or wrong in one chosen way. Keys are fixed numbers, so that it is the same in every run. */
#ifndef MS_TEST_FORGE_H
#define MS_TEST_FORGE_H
#include "crypto/key.h"
#include "evidence/attester.h"

#define FORGE_NOW UINT64_C(1800000000)

struct forge {
	const char *attester;
	struct ms_buf evidence, proof, anchor, endorsement;
	struct ms_span anchor_span, endorsement_span;
	uint8_t nonce[64];
	size_t nonce_len;
	struct ms_attester_input in; /* set by forge_done() */
};
void forge_fini(struct forge *f);
MS_CLEANUP_FINI(struct forge, forge_fini)

/* What is wrong; 0: nothing. Each maker knows those of its kind. */
enum forge_wrong {
	FORGE_GOOD,
	/* certificate chains */
	FORGE_NOT_CA,
	FORGE_PATH_LENGTH,
	FORGE_NO_CERT_SIGN,
	FORGE_UNKNOWN_CRITICAL,
	FORGE_ISSUER_NAME,
	FORGE_LINK_SIGNATURE,
	FORGE_EXPIRED_LEAF,
	FORGE_NOT_YET,
	/* DICE */
	FORGE_PLAIN, /* no DICE extension at all */
	FORGE_DEBUG,
	FORGE_MODE_MISSING,
	FORGE_MODE_UNKNOWN,
	FORGE_TCB_ORDER,
	FORGE_TCB_TWICE,
	FORGE_TCB_TRAILING,
	FORGE_TCB_FWID_SHORT,
	FORGE_TCB_NEGATIVE_SVN,
	FORGE_TCB_NOT_CONTEXT,
	FORGE_PROOF_OTHER_KEY,
	FORGE_PROOF_NONE,
	FORGE_TWO_LEAVES,
	FORGE_OTHER_FIRST_KEY,
	FORGE_HANDOVER,
	FORGE_ALG_UNPROTECTED,
	FORGE_SUBJECT_KEY_BAD,
	/* tokens */
	FORGE_PROFILE,
	FORGE_OLD_PROFILE,
	FORGE_NO_MEASUREMENTS,
	FORGE_NO_NONCE,
	FORGE_NONCE_LENGTH,
	FORGE_NONCE_LIST,
	FORGE_INSTANCE_TYPE,
	FORGE_INSTANCE_LENGTH,
	FORGE_NO_IMPLEMENTATION,
	FORGE_LIFECYCLE_DEBUG,
	FORGE_LIFECYCLE_BAD,
	FORGE_COMPONENT_SHORT,
	FORGE_COMPONENT_NO_SIGNER,
	FORGE_NO_COMPONENTS,
	FORGE_CLAIM_TWICE,
	FORGE_MAC,
	FORGE_CWT_TAG,
	FORGE_EXPIRES,
	FORGE_NOT_BEFORE,
	FORGE_TIME_TEXT,
	FORGE_REALM_OTHER_KEY,
	FORGE_REALM_SIGNATURE,
	FORGE_REALM_REGISTERS,
	FORGE_NO_REALM,
	/* join tokens */
	FORGE_KIND,
	FORGE_PINNED,
	FORGE_PINNED_OTHER,
	FORGE_OTHER_TOKEN,
	FORGE_OTHER_OPERATOR,
	/* SEV-SNP */
	FORGE_TURIN,
	FORGE_VLEK,
	FORGE_TABLE,
	FORGE_TABLE_BROKEN,
	FORGE_NO_CERT,
	FORGE_VERSION_LOW,
	FORGE_VERSION_HIGH,
	FORGE_ALGO,
	FORGE_TCB_LEVEL,
	FORGE_TCB_MISSING,
	FORGE_CHIP,
	FORGE_KEY_KIND,
	FORGE_R_TOO_LONG,
	FORGE_SIGNER_P256,
	/* TDX */
	FORGE_V5,
	FORGE_V5_TD15,
	FORGE_V5_SIZE,
	FORGE_KEY_TYPE,
	FORGE_TEE,
	FORGE_VENDOR,
	FORGE_CERT_TYPE,
	FORGE_PCK_TYPE,
	FORGE_AUTH_DATA,
	FORGE_QE_DEBUG,
	FORGE_QE_SIGNER,
	FORGE_QE_PRODUCT,
	FORGE_QE_SIGNATURE,
	FORGE_TRAILING,
	FORGE_PADDED,
	FORGE_SIGNED_BY_OTHER,
};
typedef void (*forge_fn)(struct forge *f, enum forge_wrong wrong);
void forge_dice_tcg(struct forge *f, enum forge_wrong wrong);
void forge_dice_open(struct forge *f, enum forge_wrong wrong); /* X.509 */
void forge_dice_cbor(struct forge *f, enum forge_wrong wrong);
void forge_psa(struct forge *f, enum forge_wrong wrong);
void forge_cca(struct forge *f, enum forge_wrong wrong);
void forge_eat(struct forge *f, enum forge_wrong wrong);
void forge_snp(struct forge *f, enum forge_wrong wrong);
void forge_tdx(struct forge *f, enum forge_wrong wrong);
void forge_join(struct forge *f, enum forge_wrong wrong);

struct forge_kind {
	const char *name;
	forge_fn make;
};
extern const struct forge_kind forge_kinds[];
#define FORGE_KINDS 9u

/* Registers of the next TDX quotes: RTMR 0 to 3. NULL: a pattern. */
extern const uint8_t (*forge_rtmr)[48];

/* ---- parts, for the makers ---- */
struct ms_softkey *forge_key(uint8_t n); /* P-256 with the private key n; lives for ever */
void forge_start(struct forge *f, const char *attester, size_t nonce_len);
void forge_done(struct forge *f);
struct forge_cert {
	const char *subject, *issuer;
	struct ms_span spki; /* empty: of `key` */
	struct ms_softkey *key, *signer;
	bool ca, no_cert_sign;
	int path_length; /* -1: none */
	struct ms_span extensions;
	uint64_t from_s, to_s; /* 0: around FORGE_NOW */
};
void forge_cert(const struct forge_cert *c, struct ms_buf *out); /* DER */
void forge_extension(struct ms_buf *out, const void *oid, size_t oid_len, bool critical, struct ms_span value);
void forge_pem(struct ms_span der, const char *label, struct ms_buf *out);
void forge_sign(struct ms_softkey *key, struct ms_span msg, uint8_t sig[static MS_SIG_LEN]);
void forge_cose(struct ms_softkey *key, struct ms_span payload, bool unprotected, struct ms_buf *out); /* without a tag */
void forge_cose_key(struct ms_softkey *key, struct ms_buf *out);

#endif
