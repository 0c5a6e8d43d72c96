/* Answers of a server, as the agent checks them: raw, and with valid signatures around hostile bodies. Nothing that is not
 * the fuzzer's luck with our own keys may pass, and nothing may crash. */
#include <assert.h>

#include "../tests/support/agentworld.h"

static struct world w;

static void
raw(struct ms_span s, unsigned which)
{
	const struct ms_trust_device d = world_device(&w);
	const struct ms_trust_sent sent = world_sent();
	struct ms_challenge c = {.purpose = MS_PURPOSE_ATTEST, .now_s = WORLD_NOW};
	struct ms_challenge got = {.key = NULL};
	struct ms_enroll_answer e;
	struct ms_attested_answer a;
	struct ms_secret_body b;
	must(ms_pubkey_from_point(ms_pubkey_point(ms_softkey_public(w.boot)).p, &c.key, NULL));
	if (which % 4 == 0)
		assert(ms_trust_challenge(&w.trust, s, MS_PURPOSE_ATTEST, 0, &got, NULL) != MS_OK);
	else if (which % 4 == 1 && ms_trust_enrolled(&w.trust, &d, s, true, &e, NULL) == MS_OK)
		assert(e.status == MS_ENROLL_REFUSED); /* needs no signature: it grants nothing */
	else if (which % 4 == 2)
		assert(ms_trust_attested(&w.trust, &d, &c, &sent, s, &a, NULL) != MS_OK);
	else if (which % 4 == 3)
		assert(ms_trust_secret_kept(&w.trust, WORLD_DEVICE, ms_span_str(WORLD_PATH), s, &b, NULL) != MS_OK);
	ms_challenge_fini(&c);
	ms_challenge_fini(&got);
}

/* The bytes as the body of a statement that is signed. */
static struct ms_span
signed_by(struct ms_softkey *k, const char *kind, const char *audience, struct ms_span body, struct ms_buf *out)
{
	struct ms_signer s = ms_softkey_signer(k);
	const struct ms_statement_fields f = {.kind = kind,
	    .deployment = w.root.deployment,
	    .audience = audience,
	    .tenant = "default",
	    .issued_s = WORLD_NOW,
	    .expires_s = WORLD_NOW + 60,
	    .body = body};
	return ms_statement_sign(&s, &f, out, NULL) == MS_OK ? ms_buf_span(out) : MS_SPAN_NONE;
}

static void
wrapped(struct ms_span body)
{
	struct ms_buf st;
	struct ms_secret_body b;
	ms_buf_init(&st, 1u << 20);
	struct ms_span wire = signed_by(w.release, "secret", WORLD_DEVICE, body, &st);
	if (wire.len > 0 && ms_trust_secret_kept(&w.trust, WORLD_DEVICE, ms_span_str(WORLD_PATH), wire, &b, NULL) == MS_OK)
		assert(ms_span_eq(b.path, ms_span_str(WORLD_PATH)) && b.version > 0);
	ms_buf_fini(&st);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	if (!made)
		world_new(&w);
	made = true;
	if (size < 1)
		return 0;
	struct ms_span s = ms_span(data + 1, size - 1);
	if ((data[0] & 4u) != 0)
		wrapped(s);
	else
		raw(s, data[0]);
	return 0;
}
