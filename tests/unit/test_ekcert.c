#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/der.h"
#include "crypto/x509.h"
#include "identity/cert.h"
#include "identity/ekcert.h"

#define IN_2023 UINT64_C(1700000000)
#define IN_2030 UINT64_C(1900000000)

/* ---- of the shared vectors: an EK certificate as odd as they come, and 51 makers' CAs ---- */

struct world {
	struct ms_ekroots *roots;
	uint8_t *leaf; /* padded */
	size_t len;
	struct ms_buf spki;
	struct ms_tpm_public ek;
};

static const char *
vector(const char *name, char path[static 4096])
{
	const char *dir = test_vectors();
	if (dir == NULL)
		skip();
	(void)snprintf(path, 4096, "%s/ek-certs/%s", dir != NULL ? dir : "", name); /* gcc does not know that skip() leaves */
	return path;
}

/* The EK is taken from the certificate's own key, so that it fits. */
static void
world_init(struct world *w)
{
	char path[4096];
	struct ms_err err;
	struct ms_x509_store *store = NULL;
	struct ms_x509_chain chain;
	struct ms_spki spki;
	struct ms_span der;
	memset(w, 0, sizeof *w);
	CHECK_OK(ms_ekroots_load(vector("keylime-store", path), &w->roots, &err), &err);
	w->leaf = test_file(vector("leaf/st_sha256_with_rsa_der.der", path), &w->len);
	assert_non_null(w->leaf);
	ms_buf_init(&w->spki, MS_EKCERT_MAX);
	CHECK_OK(ms_ekcert_strip(ms_span(w->leaf, w->len), &der, &err), &err);
	CHECK_INT(w->len - der.len, 431);
	/* a store of its own, to reach the key */
	static const char *const chain_files[] = {"STM_RSA_RT.pem", "STM_RSA_05I.pem", "GS_TPM_RT.pem"};
	CHECK_OK(ms_x509_store_new(&store, NULL), NULL);
	for (size_t i = 0; i < 3; i++) {
		char name[64];
		size_t n;
		(void)snprintf(name, sizeof name, "keylime-store/%s", chain_files[i]);
		uint8_t *pem = test_file(vector(name, path), &n);
		CHECK_OK(ms_x509_store_add(store, ms_span(pem, n), &err), &err);
		free(pem);
	}
	CHECK_OK(ms_x509_verify(store, der, IN_2023, &chain, &w->spki, &err), &err);
	CHECK_OK(ms_der_spki_parse(ms_buf_span(&w->spki), &spki, &err), &err);
	w->ek =
	    (struct ms_tpm_public){.type = MS_TPM_ALG_RSA, .key_bits = 2048, .exponent = (uint32_t)spki.exponent, .modulus = spki.modulus};
	ms_x509_store_free(store);
}

static void
world_fini(struct world *w)
{
	ms_ekroots_free(w->roots);
	ms_buf_fini(&w->spki);
	free(w->leaf);
}

static enum ms_rc
check(const struct ms_ekroots *r, const uint8_t *p, size_t n, const struct ms_tpm_public *ek, uint64_t now_s, struct ms_err *err)
{
	char maker[64] = "untouched";
	uint8_t *w = test_dup(p, n);
	enum ms_rc rc = ms_ekcert_check(r, ms_span(w, n), ek, now_s, maker, sizeof maker, err);
	CHECK((strcmp(maker, "untouched") == 0) == (rc != MS_OK));
	free(w);
	return rc;
}

MS_TEST(ekcert_of_st_with_padding_chains_to_its_makers_root)
{
	struct world w;
	struct ms_err err;
	char maker[64];
	size_t roots;
	world_init(&w);
	CHECK(ms_ekroots_count(w.roots, &roots) >= 51 && roots >= 5);
	CHECK_OK(ms_ekcert_check(w.roots, ms_span(w.leaf, w.len), &w.ek, IN_2023, maker, sizeof maker, &err), &err);
	CHECK(strstr(maker, "STM") != NULL || strstr(maker, "GlobalSign") != NULL);
	CHECK(strlen(maker) < sizeof maker);
	CHECK_OK(ms_ekcert_check(w.roots, ms_span(w.leaf, w.len), &w.ek, IN_2023, maker, 3, &err), &err); /* cut to fit */
	CHECK_INT(strlen(maker), 2);
	world_fini(&w);
}

MS_TEST(ekcert_for_another_key_is_its_own_error)
{
	struct world w;
	struct ms_err err;
	world_init(&w);
	uint8_t *n = test_dup(w.ek.modulus.p, w.ek.modulus.len);
	n[10] ^= 1;
	w.ek.modulus.p = n;
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, IN_2023, &err), MS_ERR_CONFLICT);
	CHECK(strstr(err.text, "another key") != NULL);
	w.ek.exponent = 3;
	n[10] ^= 1;
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, IN_2023, &err), MS_ERR_CONFLICT);
	free(n);
	world_fini(&w);
}

MS_TEST(ekcert_without_a_maker_root_names_the_issuer)
{
	struct world w;
	struct ms_err err;
	struct ms_ekroots *none = NULL;
	char path[4096];
	size_t n;
	world_init(&w);
	CHECK_OK(ms_ekroots_new(&none, NULL), NULL);
	CHECK_INT(check(none, w.leaf, w.len, &w.ek, IN_2023, &err), MS_ERR_NOT_FOUND);
	CHECK(strstr(err.text, "no maker root for issuer") != NULL && strstr(err.text, "STM TPM EK Intermediate CA 05") != NULL);
	/* an intermediate alone is no root */
	uint8_t *pem = test_file(vector("keylime-store/STM_RSA_05I.pem", path), &n);
	CHECK_OK(ms_ekroots_add(none, ms_span(pem, n), NULL), NULL);
	CHECK_INT(check(none, w.leaf, w.len, &w.ek, IN_2023, &err), MS_ERR_NOT_FOUND);
	free(pem);
	/* and this one's root is not in the store */
	pem = test_file(vector("leaf/st_ecdsa_sha256_der.der", path), &n);
	CHECK_INT(check(w.roots, pem, n, &w.ek, IN_2023, &err), MS_ERR_NOT_FOUND);
	free(pem);
	ms_ekroots_free(none);
	world_fini(&w);
}

MS_TEST(ekcert_time_is_judged_unless_policy_lets_it_lapse)
{
	struct world w;
	struct ms_err err;
	world_init(&w);
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, IN_2030, &err), MS_ERR_EXPIRED);
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, 1000, &err), MS_ERR_EXPIRED);
	size_t der_len = w.len - 431;
	w.leaf[der_len - 1] ^= 1; /* expired and forged is forged */
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, IN_2030, &err), MS_ERR_AUTH);
	w.leaf[der_len - 1] ^= 1;
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, 0, &err), MS_ERR_INTERNAL);
	ms_ekroots_allow_expired(w.roots);
	CHECK_OK(check(w.roots, w.leaf, w.len, &w.ek, IN_2030, &err), &err);
	world_fini(&w);
}

MS_TEST(ekcert_with_changed_bytes_or_cut_is_refused)
{
	struct world w;
	struct ms_err err;
	world_init(&w);
	size_t der_len = w.len - 431;
	for (size_t i = 0; i < der_len; i += 13) {
		w.leaf[i] ^= 0x04;
		CHECK(check(w.roots, w.leaf, w.len, &w.ek, IN_2023, &err) != MS_OK);
		w.leaf[i] ^= 0x04;
	}
	for (size_t n = 0; n < der_len; n += 7)
		CHECK_INT(check(w.roots, w.leaf, n, &w.ek, IN_2023, &err), MS_ERR_MALFORMED);
	w.leaf[w.len - 1] = 0x01;
	CHECK_INT(check(w.roots, w.leaf, w.len, &w.ek, IN_2023, &err), MS_ERR_MALFORMED);
	CHECK_INT(check(w.roots, w.leaf, der_len, &w.ek, IN_2023, &err), MS_OK);
	world_fini(&w);
}

MS_TEST(ekcert_strip_takes_both_paddings_and_caps_the_size)
{
	static uint8_t big[MS_EKCERT_MAX + 1] = {0x30, 0x01, 0x00};
	struct ms_span der;
	CHECK_OK(ms_ekcert_strip(ms_span(big, MS_EKCERT_MAX), &der, NULL), NULL);
	CHECK(der.p == big && der.len == 3);
	CHECK_INT(ms_ekcert_strip(ms_span(big, sizeof big), &der, NULL), MS_ERR_TOO_BIG);
	CHECK_OK(ms_ekcert_strip(ms_span("\x30\x00\xff\x00\xff", 5), &der, NULL), NULL);
	CHECK_INT(der.len, 2);
	CHECK_INT(ms_ekcert_strip(ms_span("\x30\x00\xfe", 3), &der, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekcert_strip(ms_span("\x31\x00", 2), &der, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekcert_strip(ms_span("\x30\x80\x00\x00", 4), &der, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekcert_strip(ms_span("\xff\xff", 2), &der, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekcert_strip(MS_SPAN_NONE, &der, NULL), MS_ERR_MALFORMED);
}

/* ---- with a CA of our own: certificates that chain well, but are not an EK's ---- */

struct made {
	struct ms_softkey *root_key, *key; /* the issuing CA's and the server's key are one here */
	struct ms_buf root, issuing, server;
};

static void
make(struct made *m)
{
	static const uint8_t serial[16] = {1};
	struct ms_cert_name name = {false, ms_span_str("a.example")};
	struct ms_cert root, issuing;
	struct ms_err err;
	memset(m, 0, sizeof *m);
	ms_buf_init(&m->root, MS_CERT_MAX);
	ms_buf_init(&m->issuing, MS_CERT_MAX);
	ms_buf_init(&m->server, MS_CERT_MAX);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &m->root_key, NULL), NULL);
	CHECK_OK(ms_softkey_generate(MS_KEY_P256, &m->key, NULL), NULL);
	struct ms_signer s = ms_softkey_signer(m->root_key), s2 = ms_softkey_signer(m->key);
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(serial, 16),
	    .point = ms_pubkey_point(s.pub).p,
	    .not_before_s = IN_2023 - 100,
	    .not_after_s = IN_2023 + 10000,
	    .deployment = ms_span_str("maker")};
	CHECK_OK(ms_cert_issue(&s, &p, &m->root, &err), &err);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&m->root), &root, &err), &err);
	p.profile = MS_CERT_ISSUING, p.issuer = &root, p.point = ms_pubkey_point(s2.pub).p;
	CHECK_OK(ms_cert_issue(&s, &p, &m->issuing, &err), &err);
	CHECK_OK(ms_cert_parse_min(ms_buf_span(&m->issuing), &issuing, &err), &err);
	p.profile = MS_CERT_TLS_SERVER, p.issuer = &issuing, p.deployment = MS_SPAN_NONE, p.names = &name, p.n_names = 1;
	CHECK_OK(ms_cert_issue(&s2, &p, &m->server, &err), &err);
}

static void
unmake(struct made *m)
{
	ms_softkey_free(m->root_key);
	ms_softkey_free(m->key);
	ms_buf_fini(&m->root);
	ms_buf_fini(&m->issuing);
	ms_buf_fini(&m->server);
}

static struct ms_tpm_public
ek_of(const struct ms_softkey *k)
{
	const uint8_t *p = ms_pubkey_point(ms_softkey_public(k)).p;
	return (struct ms_tpm_public){.type = MS_TPM_ALG_ECC, .curve = 3, .x = ms_span(p + 1, 32), .y = ms_span(p + 33, 32)};
}

MS_TEST(ekcert_that_is_a_cas_or_for_another_purpose_is_refused)
{
	struct made m;
	struct ms_ekroots *r = NULL;
	struct ms_err err;
	make(&m);
	struct ms_tpm_public ek = ek_of(m.key);
	CHECK_OK(ms_ekroots_new(&r, NULL), NULL);
	CHECK_INT(check(r, m.issuing.p, m.issuing.len, &ek, IN_2023, &err), MS_ERR_NOT_FOUND);
	CHECK_OK(ms_ekroots_add(r, ms_buf_span(&m.root), &err), &err);
	CHECK_INT(check(r, m.issuing.p, m.issuing.len, &ek, IN_2023, &err), MS_ERR_AUTH);
	CHECK(strstr(err.text, "CA's") != NULL);
	CHECK_INT(check(r, m.root.p, m.root.len, &ek, IN_2023, &err), MS_ERR_AUTH);
	CHECK_INT(check(r, m.server.p, m.server.len, &ek, IN_2023, &err), MS_ERR_NOT_FOUND);
	CHECK_OK(ms_ekroots_add(r, ms_buf_span(&m.issuing), &err), &err);
	CHECK_INT(check(r, m.server.p, m.server.len, &ek, IN_2023, &err), MS_ERR_AUTH);
	CHECK(strstr(err.text, "purpose") != NULL);
	ms_ekroots_free(r);
	unmake(&m);
}

MS_TEST(ekcert_with_a_forged_signature_is_no_matter_of_roots)
{
	struct made m;
	struct ms_ekroots *r = NULL;
	struct ms_err err;
	make(&m);
	struct ms_tpm_public ek = ek_of(m.key);
	CHECK_OK(ms_ekroots_new(&r, NULL), NULL);
	CHECK_OK(ms_ekroots_add(r, ms_buf_span(&m.root), &err), &err);
	m.issuing.p[m.issuing.len - 1] ^= 1;
	CHECK_INT(check(r, m.issuing.p, m.issuing.len, &ek, IN_2023, &err), MS_ERR_AUTH);
	CHECK(strstr(err.text, "does not verify") != NULL);
	ms_ekroots_free(r);
	unmake(&m);
}

MS_TEST(ekroots_refuse_leaves_rubbish_and_directories_that_are_not)
{
	static const char rubbish[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	struct made m;
	struct ms_ekroots *r = NULL, *loaded = NULL;
	make(&m);
	CHECK_OK(ms_ekroots_new(&r, NULL), NULL);
	CHECK_INT(ms_ekroots_add(r, ms_buf_span(&m.server), NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_add(r, MS_SPAN_NONE, NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_add(r, ms_span_str("hello"), NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_add(r, ms_span_str(rubbish), NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_add(r, ms_span(m.root.p, m.root.len - 1), NULL), MS_ERR_MALFORMED);
	ms_buf_u8(&m.root, 0);
	CHECK_INT(ms_ekroots_add(r, ms_buf_span(&m.root), NULL), MS_ERR_MALFORMED);
	CHECK_INT(ms_ekroots_count(r, NULL), 0);
	CHECK_INT(ms_ekroots_load("/nonexistent", &loaded, NULL), MS_ERR_NOT_FOUND);
	CHECK(loaded == NULL);
	ms_ekroots_free(r);
	unmake(&m);
}
