/* TPM 2.0 structures on the wire (TPM 2.0 Library, Part 2): what a TPM signs, its signatures and its public areas.
 * Pure parsing and building: nothing here says that a structure is authentic or fit for a role. Spans borrow from
 * the input. Numbers are those of the specification, so that what is logged can be looked up there. */
#ifndef MS_TPM_H
#define MS_TPM_H
#include "base/rd.h"

/* Part 2, 6.3: TPM_ALG_ID. */
#define MS_TPM_ALG_RSA 0x0001u
#define MS_TPM_ALG_SHA1 0x0004u
#define MS_TPM_ALG_AES 0x0006u
#define MS_TPM_ALG_MGF1 0x0007u
#define MS_TPM_ALG_SHA256 0x000bu
#define MS_TPM_ALG_SHA384 0x000cu
#define MS_TPM_ALG_SHA512 0x000du
#define MS_TPM_ALG_NULL 0x0010u
#define MS_TPM_ALG_RSASSA 0x0014u
#define MS_TPM_ALG_RSAPSS 0x0016u
#define MS_TPM_ALG_OAEP 0x0017u
#define MS_TPM_ALG_ECDSA 0x0018u
#define MS_TPM_ALG_ECDH 0x0019u
#define MS_TPM_ALG_KDF1_56A 0x0020u
#define MS_TPM_ALG_KDF1_108 0x0022u
#define MS_TPM_ALG_ECC 0x0023u
#define MS_TPM_ALG_CFB 0x0043u
/* 6.4: TPM_ECC_CURVE. */
#define MS_TPM_P256 0x0003u
#define MS_TPM_P384 0x0004u
/* 6.2: TPM_GENERATED_VALUE, and 6.9: TPM_ST of the two attestations we take. */
#define MS_TPM_MAGIC 0xff544347u
#define MS_TPM_ST_CERTIFY 0x8017u
#define MS_TPM_ST_QUOTE 0x8018u
/* 7.4: permanent handles, which stand for the qualified name of a primary's parent. */
#define MS_TPM_RH_OWNER 0x40000001u
#define MS_TPM_RH_NULL 0x40000007u
#define MS_TPM_RH_ENDORSEMENT 0x4000000bu
#define MS_TPM_RH_PLATFORM 0x4000000cu
/* 8.3: TPMA_OBJECT. */
#define MS_TPMA_FIXED_TPM (1u << 1)
#define MS_TPMA_ST_CLEAR (1u << 2)
#define MS_TPMA_FIXED_PARENT (1u << 4)
#define MS_TPMA_SENSITIVE_DATA_ORIGIN (1u << 5)
#define MS_TPMA_USER_WITH_AUTH (1u << 6)
#define MS_TPMA_ADMIN_WITH_POLICY (1u << 7)
#define MS_TPMA_NO_DA (1u << 10)
#define MS_TPMA_ENCRYPTED_DUPLICATION (1u << 11)
#define MS_TPMA_RESTRICTED (1u << 16)
#define MS_TPMA_DECRYPT (1u << 17)
#define MS_TPMA_SIGN (1u << 18)

#define MS_TPM_ATTEST_MAX 1024u
#define MS_TPM_SIGNATURE_MAX 1024u
#define MS_TPM_PUBLIC_MAX 1024u
#define MS_TPM_NAME_MAX 50u /* nameAlg | SHA-384 */
#define MS_TPM_BANKS_MAX 5u /* SHA-1, 256, 384, 512, SM3 */
#define MS_TPM_PCR_COUNT 24u

/* One bank of a PCR selection: bit n of mask is PCR n. */
struct ms_pcr_set {
	uint16_t alg;
	uint32_t mask;
};
struct ms_tpm_selection {
	uint32_t count;
	struct ms_pcr_set bank[MS_TPM_BANKS_MAX];
};
/* "SHA256": the bank, exactly this mask, and nothing beside it. */
bool ms_tpm_selection_is(const struct ms_tpm_selection *s, struct ms_pcr_set want);
/* TPML_PCR_SELECTION of one bank with a 3-byte bitmap. Bits from 24 up turn the buffer bad. */
void ms_tpm_selection_build(struct ms_buf *b, struct ms_pcr_set set);

/* TPMS_ATTEST of type QUOTE or CERTIFY. */
struct ms_tpm_attest {
	uint16_t type;
	struct ms_span signer; /* qualified name of the key that signed */
	struct ms_span extra;
	uint64_t clock; /* milliseconds that this TPM was powered, over its life */
	uint32_t reset_count, restart_count;
	bool safe; /* no greater clock was ever reported */
	uint64_t firmware;
	struct ms_tpm_selection selection; /* quote */
	struct ms_span pcr_digest;         /* quote */
	struct ms_span name;               /* certify */
	struct ms_span qualified_name;     /* certify */
};
/* The bytes that the TPM signed, exactly. MS_ERR_TOO_BIG, MS_ERR_MALFORMED (magic, lengths, trailing bytes), or
 * MS_ERR_UNSUPPORTED for every other type of attestation, which the text names. */
MS_MUST_USE enum ms_rc ms_tpm_attest_parse(struct ms_span s, struct ms_tpm_attest *ret, struct ms_err *err);
/* Magic and type only, for a caller that tells which check failed; zeros when shorter than both. */
uint32_t ms_tpm_attest_magic(struct ms_span s);
uint16_t ms_tpm_attest_type(struct ms_span s);
const char *ms_tpm_st_name(uint16_t type); /* "quote", "nv", ...; "unknown". Static. */

/* TPMT_SIGNATURE: ECDSA (r and s of 1 to 48 bytes), RSASSA and RSAPSS (128 to 512 bytes). */
struct ms_tpm_signature {
	uint16_t scheme, hash;
	struct ms_span r, s; /* ECDSA */
	struct ms_span rsa;
};
/* MS_ERR_TOO_BIG, MS_ERR_MALFORMED, or MS_ERR_UNSUPPORTED for another scheme or hash (SHA-1 too). */
MS_MUST_USE enum ms_rc ms_tpm_signature_parse(struct ms_span s, struct ms_tpm_signature *ret, struct ms_err *err);
/* The same, and SHA-1 too: for who asks a person first. */
MS_MUST_USE enum ms_rc ms_tpm_signature_parse_old(struct ms_span s, struct ms_tpm_signature *ret, struct ms_err *err);
/* r | s of an ECDSA signature, each padded on the left to 32 bytes (P-256). MS_ERR_MALFORMED when one is longer. */
MS_MUST_USE enum ms_rc ms_tpm_signature_p256(const struct ms_tpm_signature *sig, uint8_t ret[static 64], struct ms_err *err);

/* TPMT_PUBLIC of an RSA (2048 to 4096) or ECC (P-256, P-384) key. Algorithms that are absent read MS_TPM_ALG_NULL. */
struct ms_tpm_public {
	uint16_t type, name_alg;
	uint32_t attributes;
	struct ms_span auth_policy;
	uint16_t sym_alg, sym_bits, sym_mode;
	uint16_t scheme, scheme_hash;
	uint16_t curve, kdf, kdf_hash; /* ECC */
	struct ms_span x, y;           /* ECC: each 1 to 32 (P-384: 48) bytes */
	uint16_t key_bits;             /* RSA */
	uint32_t exponent;             /* RSA; the default, 0 on the wire, reads 65537 */
	struct ms_span modulus;        /* RSA: key_bits / 8 bytes, the first and the last bit set */
	struct ms_span raw;            /* the whole area: what the Name is the hash of */
};
/* MS_ERR_TOO_BIG, MS_ERR_MALFORMED, or MS_ERR_UNSUPPORTED for another type, curve, size or algorithm. */
MS_MUST_USE enum ms_rc ms_tpm_public_parse(struct ms_span s, struct ms_tpm_public *ret, struct ms_err *err);
/* 04 | x | y of a P-256 key, padded; not checked to be on the curve. MS_ERR_UNSUPPORTED for another key. */
#define MS_TPM_P256_POINT_LEN 65u
MS_MUST_USE enum ms_rc ms_tpm_public_p256(const struct ms_tpm_public *p, uint8_t ret[static MS_TPM_P256_POINT_LEN], struct ms_err *err);
/* Append its SubjectPublicKeyInfo DER (RFC 5480, RFC 3279). */
#define MS_TPM_SPKI_MAX 600u
MS_MUST_USE enum ms_rc ms_tpm_public_spki(const struct ms_tpm_public *p, struct ms_buf *out, struct ms_err *err);

#endif
