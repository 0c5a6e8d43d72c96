/* Certificates of TPM keys: our own reader, the names in them, the bounds of their keys; and as a chain file and a CRL, which OpenSSL
 * reads. Nothing chains to a root here: it trusts no one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "identity/ekcert.h"
#include "identity/tpmcert_names.h"

static void
fuzz_names(struct ms_span s)
{
	struct ms_certview v;
	struct ms_tpmcert t = {.kind = MS_TPMCERT_EK};
	struct ms_claims *claims = NULL;
	if (ms_certview_parse(s, &v, NULL) != MS_OK)
		return;
	(void)ms_certview_key_ok(v.spki, NULL);
	if (ms_tpmcert_names(&v, &t, NULL) != MS_OK)
		return;
	assert(memchr(t.model, 0, sizeof t.model) != NULL && memchr(t.gce_name, 0, sizeof t.gce_name) != NULL);
	if (ms_claims_new(&claims, NULL) != MS_OK)
		abort();
	enum ms_rc rc = ms_tpmcert_claims(&t, claims, NULL);
	assert(rc == MS_OK);
	ms_claims_free(claims);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_ekroots *r = NULL;
	struct ms_tpmcert t;
	fuzz_names(ms_span(p, n));
	if (ms_ekroots_new(&r, NULL) != MS_OK)
		abort();
	(void)ms_ekroots_add_crl(r, ms_span(p, n), NULL);
	struct ms_tpmcert_params params = {
	    .roots = r, .cert = ms_span(p, n), .chain = ms_span(p, n), .now_s = 1, .any_kind = true, .partial = true};
	enum ms_rc rc = ms_tpmcert_verify(&params, &t, NULL, NULL);
	assert(rc != MS_OK);
	ms_ekroots_free(r);
	return 0;
}
