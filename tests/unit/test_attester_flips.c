/* Evidence of every attester with bytes changed: apart from the other tests, for it takes its time. */
#include "support/test.h"

#include "support/forge.h"

static enum ms_rc
run(const struct forge *f, struct ms_claims **ret, enum ms_attester_reason *why, struct ms_err *err)
{
	return ms_attester_verify(ms_attester_find(ms_span_str(f->attester)), &f->in, ret, why, err);
}

static void
build(const struct ms_claims *c, struct ms_buf *out)
{
	ms_buf_init(out, MS_CLAIMS_WIRE_MAX);
	CHECK_INT(ms_claims_build(c, out, NULL), MS_OK);
}

/* 10,000 seeded changes of one byte. Refused, or (in what nothing signs, such as a header's padding) accepted with the very same claims. */
static void
flip(const struct forge_kind *kind)
{
	MS_OWN(forge_fini) struct forge f;
	MS_OWN(ms_buf_fini) struct ms_buf good, now;
	struct ms_claims *claims;
	struct ms_err err;
	enum ms_attester_reason why;
	uint32_t seed = 20260101;
	size_t accepted = 0;
	kind->make(&f, FORGE_GOOD);
	CHECK_OK(run(&f, &claims, &why, &err), &err);
	build(claims, &good);
	ms_buf_init(&now, 1);
	ms_claims_free(claims);
	for (size_t i = 0; i < 10000; i++) {
		seed = seed * 1664525u + 1013904223u;
		size_t at = (seed >> 8) % f.evidence.len;
		seed = seed * 1664525u + 1013904223u;
		uint8_t old = f.evidence.p[at], change = (uint8_t)(1 + (seed >> 8) % 255);
		f.evidence.p[at] ^= change;
		if (run(&f, &claims, &why, NULL) == MS_OK) {
			accepted++;
			build(claims, &now);
			CHECK(ms_span_eq(ms_buf_span(&good), ms_buf_span(&now)));
			ms_buf_fini(&now);
			ms_buf_init(&now, 1);
			ms_claims_free(claims);
		}
		CHECK(why != MS_ATTESTER_FAULT);
		f.evidence.p[at] = old;
	}
	if (accepted > 200)
		print_error("%s: %zu of 10000 changes are still accepted\n", kind->name, accepted);
	CHECK(accepted <= 200);
}

MS_TEST(no_byte_changed_in_dice_chains_of_tcg_changes_a_claim)
{
	flip(&forge_kinds[0]);
}

MS_TEST(no_byte_changed_in_open_dice_chains_changes_a_claim)
{
	flip(&forge_kinds[1]);
}

MS_TEST(no_byte_changed_in_cbor_dice_chains_changes_a_claim)
{
	flip(&forge_kinds[2]);
}

MS_TEST(no_byte_changed_in_psa_tokens_changes_a_claim)
{
	flip(&forge_kinds[3]);
}

MS_TEST(no_byte_changed_in_cca_tokens_changes_a_claim)
{
	flip(&forge_kinds[4]);
}

MS_TEST(no_byte_changed_in_other_eats_changes_a_claim)
{
	flip(&forge_kinds[5]);
}

MS_TEST(no_byte_changed_in_snp_reports_changes_a_claim)
{
	flip(&forge_kinds[6]);
}

MS_TEST(no_byte_changed_in_tdx_quotes_changes_a_claim)
{
	flip(&forge_kinds[7]);
}

MS_TEST(no_byte_changed_in_join_evidence_changes_a_claim)
{
	flip(&forge_kinds[8]);
}
