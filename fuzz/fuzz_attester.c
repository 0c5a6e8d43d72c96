/* Evidence of every attester: `kind | u16 anchor | u16 endorsement | evidence`. Once as it came; and once with what is signed last put
 * into a signature made here, so that what is read after a signature meets hostile bytes too. */
#include <stdlib.h>
#include <string.h>

#include "base/rd.h"
#include "codec/cbor.h"
#include "codec/cose.h"
#include "crypto/key.h"
#include "evidence/attester.h"

static const char *const kinds[] = {"dice", "dice", "dice", "psa", "cca", "eat", "sev-snp", "tdx", "join-token"};
#define N_KINDS (sizeof kinds / sizeof *kinds)

static struct ms_softkey *
the_key(void)
{
	static struct ms_softkey *key;
	static const uint8_t seven[MS_RAW_KEY_LEN] = {[31] = 7};
	if (key == NULL) {
		MS_OWN(ms_secret_free) struct ms_secret *raw = NULL;
		if (ms_secret_from(seven, sizeof seven, &raw, NULL) != MS_OK || ms_softkey_load(MS_KEY_P256, raw, &key, NULL) != MS_OK)
			abort();
	}
	return key;
}

static bool
verifies(const char *kind, const struct ms_attester_input *in)
{
	static int sentinel;
	struct ms_claims *claims = (void *)&sentinel;
	enum ms_attester_reason why;
	struct ms_err err;
	if (ms_attester_verify(ms_attester_find(ms_span_str(kind)), in, &claims, &why, &err) != MS_OK) {
		if (claims != (void *)&sentinel || why == MS_ATTESTER_OK || why == MS_ATTESTER_FAULT)
			abort();
		return false;
	}
	size_t from = 0;
	if (why != MS_ATTESTER_OK || ms_claims_next(claims, ms_span_str("attester.assurance"), &from) == NULL)
		abort();
	ms_claims_free(claims);
	return true;
}

/* COSE_Sign1 of the payload by our key. */
static void
sign(struct ms_span payload, struct ms_buf *out)
{
	static const uint8_t header[] = {0xa1, 0x01, 0x26};
	uint8_t sig[MS_SIG_LEN];
	struct ms_signer signer = ms_softkey_signer(the_key());
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	ms_buf_init(&tbs, 1u << 20);
	ms_cose_build_tbs(ms_span(header, sizeof header), MS_SPAN_NONE, payload, &tbs);
	if (ms_signer_sign(&signer, ms_buf_span(&tbs), sig, NULL) != MS_OK)
		abort();
	ms_cbor_array(out, 4);
	ms_cbor_bytes(out, ms_span(header, sizeof header));
	ms_cbor_map(out, 0);
	ms_cbor_bytes(out, payload);
	ms_cbor_bytes(out, ms_span(sig, sizeof sig));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct ms_rd r = ms_rd_over(p, n);
	const char *kind = kinds[ms_rd_u8(&r) % N_KINDS];
	struct ms_span anchor = ms_rd_bytes(&r, ms_rd_u16(&r)), endorsement = ms_rd_bytes(&r, ms_rd_u16(&r));
	struct ms_span evidence = ms_rd_bytes(&r, ms_rd_left(&r)), own = ms_pubkey_spki(ms_softkey_public(the_key()));
	struct ms_attester_input in = {.evidence = evidence,
	    .anchor = &anchor,
	    .n_anchors = 1,
	    .endorsement = &endorsement,
	    .n_endorsements = endorsement.len > 0,
	    .now_s = 1800000000};
	if (r.bad)
		return 0;
	(void)verifies(kind, &in);
	MS_OWN(ms_buf_fini) struct ms_buf token;
	ms_buf_init(&token, 1u << 20);
	sign(evidence, &token);
	in.evidence = ms_buf_span(&token);
	in.anchor = &own;
	(void)verifies("psa", &in);
	(void)verifies("eat", &in);
	(void)verifies("dice", &in);
	return 0;
}
