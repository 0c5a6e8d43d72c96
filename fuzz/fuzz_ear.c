/* Claims that are rightly signed and say anything: a verifier that was taken over. What is taken has a status that no part of it
 * contradicts, and a time that has come and not gone. */
#include <assert.h>

#include "identity/ear_read.h"

#define NOW 1800000000u

static struct ms_softkey *key;
static struct ms_jws_keys *keys;

static bool
set_up(void)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {.max = MS_JWKS_MAX};
	if (key != NULL)
		return true;
	if (ms_softkey_generate(MS_KEY_ED25519, &key, NULL) != MS_OK)
		return false;
	const struct ms_pubkey *const one[] = {ms_softkey_public(key)};
	return ms_jwks_build(one, 1, &text, NULL) == MS_OK && ms_jws_keys_load(ms_buf_span(&text), &keys, NULL) == MS_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ms_ear_expect x = {.now_s = NOW};
	MS_OWN(ms_buf_fini) struct ms_buf token = {.max = MS_JWS_MAX};
	MS_OWN(ms_ear_read_fini) struct ms_ear_read r = {.claims = NULL};
	if (!set_up())
		return 0;
	const struct ms_signer s = ms_softkey_signer(key);
	if (ms_jws_sign(&s, MS_EAR_TYP, ms_span(data, size), &token, NULL) != MS_OK)
		return 0;
	if (ms_ear_verify(keys, ms_buf_span(&token), &x, &r, NULL, NULL) != MS_OK)
		return 0;
	assert(r.claims != NULL && r.n_submods > 0);
	assert(r.issued_s <= NOW + MS_EAR_SKEW_S && r.expires_s > NOW && r.expires_s > r.issued_s);
	return 0;
}
