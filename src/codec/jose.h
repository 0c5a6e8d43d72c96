/* JOSE texts: compact JWS (RFC 7515), JWK and JWKS (RFC 7517), strictly. Only what Muster's tokens and the keys of
 * their issuers need: ES256 with P-256, EdDSA with Ed25519. Nothing here says that a token is authentic: that is
 * crypto/jws.h. */
#ifndef MS_JOSE_H
#define MS_JOSE_H
#include "base/bytes.h"

#define MS_JWS_MAX (16u << 10)         /* bytes of a token */
#define MS_JWS_HEADER_MAX 1024u        /* decoded */
#define MS_JWS_PAYLOAD_MAX (12u << 10) /* decoded */
#define MS_JWS_SIG_LEN 64u             /* r | s, and Ed25519 */
#define MS_JOSE_KID_MAX 128u
#define MS_JOSE_TYP_MAX 64u
#define MS_JWKS_MAX (64u << 10)
#define MS_JWKS_KEYS_MAX 64u

/* Why a token is refused: stable names. MS_TOKEN_OK with an error: not the token is at fault. */
enum ms_token_reason {
	MS_TOKEN_OK,
	MS_TOKEN_TOO_BIG,
	MS_TOKEN_MALFORMED,       /* not three parts of base64url; not JSON, or JSON with a member twice */
	MS_TOKEN_ALG_NONE,        /* unsigned */
	MS_TOKEN_ALG_UNSUPPORTED, /* neither ES256 nor EdDSA */
	MS_TOKEN_ALG_MISMATCH,    /* the key with this id is for another algorithm */
	MS_TOKEN_CRIT,            /* a header that must be understood, and is not */
	MS_TOKEN_OWN_KEY,         /* brings or names the key it wants to be verified with */
	MS_TOKEN_TYPE,            /* "typ" of another kind of token */
	MS_TOKEN_NO_KID,          /* no key id, and not one key only to choose from */
	MS_TOKEN_KID_UNKNOWN,
	MS_TOKEN_SIGNATURE,
	MS_TOKEN_CLAIMS,  /* a claim is missing or is not of its form */
	MS_TOKEN_PROFILE, /* another EAT profile */
	MS_TOKEN_NO_EXPIRY,
	MS_TOKEN_EXPIRED,
	MS_TOKEN_NOT_YET,  /* issued in the future */
	MS_TOKEN_NONCE,    /* missing, or not the one that was asked for */
	MS_TOKEN_AUDIENCE, /* for someone else */
	MS_TOKEN_STATUS,   /* a status better than what it sums up */
	MS_TOKEN_REASON_COUNT
};
const char *ms_token_reason_name(enum ms_token_reason r); /* "alg-none" */

enum ms_jose_alg { MS_JOSE_ES256, MS_JOSE_EDDSA };
const char *ms_jose_alg_name(enum ms_jose_alg alg); /* "ES256", "EdDSA" */

/* A compact JWS taken apart. Spans borrow from the text. */
struct ms_jws_parts {
	enum ms_jose_alg alg;
	char kid[MS_JOSE_KID_MAX + 1]; /* empty: none */
	char typ[MS_JOSE_TYP_MAX + 1]; /* empty: none */
	struct ms_span signed_text;    /* header . payload */
	struct ms_span payload;        /* base64url text, not looked into yet */
	uint8_t sig[MS_JWS_SIG_LEN];
};
/* *ret_reason is set with every error; it may be NULL. */
MS_MUST_USE enum ms_rc ms_jws_parse(struct ms_span text, struct ms_jws_parts *ret, enum ms_token_reason *ret_reason, struct ms_err *err);

/* A public key as a JWK says it. */
struct ms_jwk {
	enum ms_jose_alg alg;
	char kid[MS_JOSE_KID_MAX + 1]; /* empty: none */
	uint8_t x[32], y[32];          /* Ed25519: x */
};
struct ms_jwks {
	size_t n;
	size_t skipped; /* keys of other types, or not for signatures */
	struct ms_jwk key[MS_JWKS_KEYS_MAX];
};
/* A JWK or a JWK set. Keys of kinds that are not taken here are skipped (RFC 7517 5); a private key, an id that comes twice,
 * and a set without a key to use are refused: MS_ERR_MALFORMED, MS_ERR_AUTH (private), MS_ERR_TOO_BIG, MS_ERR_UNSUPPORTED. */
MS_MUST_USE enum ms_rc ms_jwks_parse(struct ms_span text, struct ms_jwks *ret, struct ms_err *err);

#endif
