/* A token from anywhere. Nothing verifies by chance; what parses has its parts where the text has them. */
#include <assert.h>

#include "crypto/jws.h"

/* RFC 7517 A.1, and RFC 8037 A.2. */
static const char set_text[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"
			       "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"1\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
			       "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"2\"}]}";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ms_jws_keys *keys;
	struct ms_jws_parts p;
	enum ms_token_reason reason = MS_TOKEN_OK;
	MS_OWN(ms_buf_fini) struct ms_buf payload = {.max = MS_JWS_PAYLOAD_MAX};
	if (keys == NULL && ms_jws_keys_load(ms_span_str(set_text), &keys, NULL) != MS_OK)
		return 0;
	bool parsed = ms_jws_parse(ms_span(data, size), &p, &reason, NULL) == MS_OK;
	assert(parsed == (reason == MS_TOKEN_OK));
	if (parsed) {
		assert(p.signed_text.p == data && p.signed_text.len < size);
		assert(p.payload.p + p.payload.len == data + p.signed_text.len);
	}
	bool ok = ms_jws_verify(keys, ms_span(data, size), NULL, &payload, &reason, NULL) == MS_OK;
	/* RFC 8037 A.4 prints a token for the second key; it names no key, and there are two */
	assert(!ok && payload.len == 0);
	return 0;
}
