/* Apart from the parsers, so that who only writes tokens needs no JSON library. */
#include "codec/jose.h"

static const char *const reasons[MS_TOKEN_REASON_COUNT] = {
    [MS_TOKEN_OK] = "ok",
    [MS_TOKEN_TOO_BIG] = "too-big",
    [MS_TOKEN_MALFORMED] = "malformed",
    [MS_TOKEN_ALG_NONE] = "alg-none",
    [MS_TOKEN_ALG_UNSUPPORTED] = "alg-unsupported",
    [MS_TOKEN_ALG_MISMATCH] = "alg-mismatch",
    [MS_TOKEN_CRIT] = "crit",
    [MS_TOKEN_OWN_KEY] = "own-key",
    [MS_TOKEN_TYPE] = "type",
    [MS_TOKEN_NO_KID] = "no-kid",
    [MS_TOKEN_KID_UNKNOWN] = "kid-unknown",
    [MS_TOKEN_SIGNATURE] = "signature",
    [MS_TOKEN_CLAIMS] = "claims",
    [MS_TOKEN_PROFILE] = "profile",
    [MS_TOKEN_NO_EXPIRY] = "no-expiry",
    [MS_TOKEN_EXPIRED] = "expired",
    [MS_TOKEN_NOT_YET] = "not-yet",
    [MS_TOKEN_NONCE] = "nonce",
    [MS_TOKEN_AUDIENCE] = "audience",
    [MS_TOKEN_STATUS] = "status",
};

const char *
ms_token_reason_name(enum ms_token_reason r)
{
	return r < MS_TOKEN_REASON_COUNT ? reasons[r] : "unknown";
}

const char *
ms_jose_alg_name(enum ms_jose_alg alg)
{
	return alg == MS_JOSE_EDDSA ? "EdDSA" : "ES256";
}
