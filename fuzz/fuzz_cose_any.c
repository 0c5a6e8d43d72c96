/* COSE_Sign1 and COSE_Key of others, and key files. */
#include <stdlib.h>

#include "crypto/cosesig_any.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct ms_softkey *key;
	struct ms_cose_any m;
	struct ms_pubkey *k = NULL;
	static const uint8_t one[MS_RAW_KEY_LEN] = {[31] = 7};
	if (key == NULL) {
		MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
		if (ms_secret_from(one, sizeof one, &raw, NULL) != MS_OK || ms_softkey_load(MS_KEY_P256, raw, &key, NULL) != MS_OK)
			abort();
	}
	if (ms_cose_any_parse(ms_span(p, n), &m, NULL) == MS_OK &&
	    ms_cose_any_verify(&m, ms_softkey_public(key), MS_SPAN_NONE, NULL) == MS_OK)
		abort(); /* nobody signed anything */
	if (ms_pubkey_from_file(ms_span(p, n), &k, NULL) == MS_OK)
		ms_pubkey_free(k);
	else if (k != NULL)
		abort();
	return 0;
}
