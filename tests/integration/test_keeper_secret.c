/* keeper in its cage with a real token and a real log, and the test in the place of a core that was taken over: what it
 * could do with secrets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "crypto/cosesig.h"
#include "crypto/hpke.h"
#include "identity/crl.h"
#include "identity/leafcert.h"
#include "support/keeper_fixture.h"
#include "support/test.h"

/* ---- secrets in ---- */

static void
try_put(const struct rig_put *p, enum ms_rc want)
{
	struct rig_act a;
	rig_make_put(rig(), p, &a);
	refused_with(&a, want);
}

MS_TEST(I5_only_an_administrator_of_the_tenant_puts_secrets)
{
	(void)rig();
	struct rig_put p = {.path = "a/b", .rule = "model=gw-1", .value = "v", .by = rig()->d.factory};
	try_put(&p, MS_ERR_DENIED);
	p.by = rig()->d.other_admin;
	try_put(&p, MS_ERR_AUTH);
	p.by = rig()->d.admin;
	p.life_s = 301;
	try_put(&p, MS_ERR_AUTH);
	p.life_s = 300;
	p.issued_s = ms_clock_wall_s() - 1000;
	try_put(&p, MS_ERR_EXPIRED);
}

MS_TEST(I1_a_secret_has_a_path_a_rule_and_the_one_class)
{
	static const struct rig_put bad[] = {{.path = "../x", .rule = "model=m", .value = "v"},
	    {.path = "a//b", .rule = "model=m", .value = "v"}, {.path = "a", .rule = "everyone", .value = "v"},
	    {.path = "a", .rule = "model=", .value = "v"}, {.path = "a", .rule = "model=m", .class_name = "escrow", .value = "v"},
	    {.path = "a", .rule = "model=m", .class_name = "tls", .value = "v"}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		try_put(&bad[i], MS_OK);
}

/* HPKE binds the value to path, rule and class: core cannot move it to where another may read it. */
MS_TEST(I1_a_value_sealed_for_one_path_is_not_put_at_another)
{
	const struct rig_put p = {.path = "mine/readable", .rule = "model=gw-1", .value = "v", .info_path = "app/db"};
	try_put(&p, MS_ERR_AUTH);
}

MS_TEST(I13_a_put_that_the_leaf_does_not_name_is_refused)
{
	struct rig_act a, b;
	const struct rig_put p = {.path = "a/b", .rule = "model=gw-1", .value = "v"},
			     q = {.path = "a/c", .rule = "model=gw-2", .value = "v"};
	rig_make_put(rig(), &p, &a);
	rig_make_put(rig(), &q, &b);
	struct ms_span data = a.entry.data;
	a.entry.data = b.entry.data;
	b.entry.data = data;
	refused_with(&a, MS_ERR_AUTH);
	struct ms_span subject = b.entry.subject;
	b.entry.subject = ms_span_str("secret:a/b");
	(void)subject;
	refused_with(&b, MS_ERR_AUTH);
}

/* ---- secrets out ---- */

MS_TEST(I1_a_rule_that_does_not_name_the_device_releases_nothing)
{
	struct rig_act a;
	struct softtpm_key k;
	struct rig_ask q = ask_release();
	softtpm_sealing_key(&other_dev.tpm, SOFTTPM_SEAL_MASK, &k);
	q.key = &k;
	rig_make_release(rig(), &other_dev, &q, &a); /* model gw-2 */
	refused_with(&a, MS_ERR_DENIED);
	softtpm_key_fini(&k);
}

/* Any change to a wrapped secret, its header first of all, and it does not open. */
MS_TEST(I1_a_changed_header_or_ciphertext_releases_nothing)
{
	struct ms_err err;
	struct ms_wrapped w;
	struct ms_wrapped_header h;
	struct ms_buf header, changed;
	struct rig_act a;
	struct rig_ask q = ask_release();
	CHECK_OK(ms_cbor_parse_map(&ms_wrapped_table, ms_buf_span(&wrapped), &w, &err), &err);
	CHECK_OK(ms_cbor_parse_map(&ms_wrapped_header_table, w.header, &h, &err), &err);
	for (int what = 0; what < 5; what++) {
		struct ms_wrapped_header g = h;
		struct ms_wrapped v = w;
		uint8_t ct[256], iv[12];
		memcpy(ct, w.ct.p, w.ct.len);
		memcpy(iv, w.iv.p, 12);
		if (what == 0)
			g.rule = ms_span_str("model=gw-2");
		else if (what == 1)
			g.version = 2;
		else if (what == 2)
			g.path = ms_span_str("app/other");
		ct[0] ^= what == 3;
		iv[0] ^= what == 4;
		ms_buf_init(&header, 2048);
		ms_buf_init(&changed, 80000);
		CHECK_OK(ms_cbor_build_map(&ms_wrapped_header_table, &g, &header, &err), &err);
		v.header = ms_buf_span(&header);
		v.ct = ms_span(ct, w.ct.len);
		v.iv = ms_span(iv, 12);
		CHECK_OK(ms_cbor_build_map(&ms_wrapped_table, &v, &changed, &err), &err);
		q.wrapped = ms_buf_span(&changed);
		struct rig_device *who = what == 0 ? &other_dev : &dev;
		struct softtpm_key k;
		softtpm_sealing_key(&who->tpm, SOFTTPM_SEAL_MASK, &k);
		q.key = &k;
		rig_make_release(rig(), who, &q, &a);
		refused(&a);
		softtpm_key_fini(&k);
		ms_buf_fini(&header);
		ms_buf_fini(&changed);
	}
}

MS_TEST(I14_an_older_version_or_another_path_is_not_released)
{
	struct rig_act a;
	struct rig_ask q = ask_release();
	q.least = 2;
	rig_make_release(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_REPLAY);
	q = ask_release();
	q.path = "app/other";
	rig_make_release(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}

MS_TEST(I1_a_secret_is_sealed_to_a_sealing_key_in_the_proven_state_only)
{
	struct rig_act a;
	struct softtpm_key k;
	struct rig_ask q = ask_release();
	q.key = &identity_key; /* signs: not for sealing */
	rig_make_release(rig(), &dev, &q, &a);
	refused(&a);
	softtpm_sealing_key(&dev.tpm, 0x1u, &k); /* another seal set than the act says */
	q.key = &k;
	rig_make_release(rig(), &dev, &q, &a);
	refused(&a);
	softtpm_key_fini(&k);
	struct ms_pcrs was = dev.tpm.pcrs; /* a key of another state of the machine */
	memset(dev.tpm.pcrs.value[7], 0x66, MS_PCR_LEN);
	softtpm_sealing_key(&dev.tpm, SOFTTPM_SEAL_MASK, &k);
	dev.tpm.pcrs = was;
	rig_make_release(rig(), &dev, &q, &a);
	refused(&a);
	softtpm_key_fini(&k);
	static const uint32_t masks[] = {0x7fffu, 0x400u, 0x8001u, 0x800001u}; /* with PCR 10; beyond what is quoted */
	for (size_t i = 0; i < 4; i++) {
		q = ask_release();
		q.seal_mask = masks[i];
		rig_make_release(rig(), &dev, &q, &a);
		refused(&a);
	}
}

MS_TEST(I13_a_sealing_key_of_another_TPM_gets_nothing)
{
	struct rig_act a;
	struct rig_ask q = ask_release();
	q.certifier = &other_dev.tpm;
	rig_make_release(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_release();
	q.quoter = &other_dev.tpm;
	rig_make_release(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
	q = ask_release();
	q.admission = ms_buf_span(&other_dev.admission);
	rig_make_release(rig(), &dev, &q, &a);
	refused_with(&a, MS_ERR_AUTH);
}
