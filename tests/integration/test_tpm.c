/* muster-tpm and what the agent asks of it, against a real (software) TPM. */
#include "support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "crypto/credential.h"
#include "crypto/ecdh.h"
#include "evidence/certify.h"
#include "evidence/quote.h"
#include "support/swtpm.h"
#include "tpm/client.h"

#define PROGRAM MS_BUILD_DIR "/src/agent/muster-tpm"
#define QUOTE_MASK 0x7fffu
#define SEAL_MASK 0x5b95u /* 0,2,4,7,8,9,11,12,14 */

static const uint8_t salt_a[32] = {1, 2, 3}, salt_b[32] = {4, 5, 6}, salt_c[32] = {7};
static const uint8_t extra[32] = {0xee, 0xaa};

static struct ms_tpm *
client_of(const char *tcti)
{
	struct ms_err err;
	struct ms_tpm *t = NULL;
	const struct ms_tpm_client_params p = {.program = PROGRAM, .tcti = tcti, .timeout_ms = 60000};
	CHECK_OK(ms_tpm_client_open(&p, &t, &err), &err);
	return t;
}

static struct ms_tpm *
begin(struct swtpm *s, bool cert)
{
	swtpm_start(s, cert);
	return client_of(s->tcti);
}

static void
end(struct swtpm *s, struct ms_tpm *t)
{
	ms_tpm_free(t);
	swtpm_fini(s);
}

/* A bare TPM serves one at a time. */
static int
tool(const struct swtpm *s, struct ms_tpm *t, const char *command)
{
	ms_tpm_client_release(t);
	return swtpm_tool(s, command);
}

static struct ms_pubkey *
ek_key(struct ms_tpm *t)
{
	struct ms_err err;
	struct ms_tpm_blob pub;
	struct ms_tpm_public p;
	struct ms_pubkey *k = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf cert;
	ms_buf_init(&cert, MS_TPM_EK_CERT_MAX);
	enum ms_evidence_reason reason;
	CHECK_OK(ms_tpm_ek(t, &pub, &cert, &err), &err);
	CHECK_OK(ms_tpm_public_parse(ms_tpm_blob_span(&pub), &p, &err), &err);
	CHECK_OK(ms_ek_public_ok(&p, &reason, &err), &err);
	CHECK_OK(ms_pubkey_from_rsa(p.modulus, p.exponent, &k, &err), &err);
	return k;
}

MS_TEST(ek_comes_with_a_certificate_that_holds_its_key)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, true);
	struct ms_err err;
	struct ms_tpm_blob pub, again;
	struct ms_tpm_public p;
	MS_OWN(ms_buf_fini) struct ms_buf cert;
	ms_buf_init(&cert, MS_TPM_EK_CERT_MAX);
	CHECK_OK(ms_tpm_ek(t, &pub, &cert, &err), &err);
	CHECK_OK(ms_tpm_public_parse(ms_tpm_blob_span(&pub), &p, &err), &err);
	CHECK(cert.len > 500 && cert.p[0] == 0x30);
	CHECK(memmem(cert.p, cert.len, p.modulus.p, p.modulus.len) != NULL);
	/* the persistent copy only saves time: without it, and with another key in its place, the EK is the same */
	CHECK_INT(tool(&s, t, "tpm2_evictcontrol -C o -c 0x81010001"), 0);
	CHECK_OK(ms_tpm_ek(t, &again, &cert, &err), &err);
	CHECK(ms_span_eq(ms_tpm_blob_span(&pub), ms_tpm_blob_span(&again)));
	CHECK_INT(tool(&s, t, "tpm2_createprimary -Q -C o -G rsa2048 -c p.ctx"), 0);
	CHECK_INT(tool(&s, t, "tpm2_evictcontrol -Q -C o -c p.ctx 0x81010001"), 0);
	ms_buf_reset(&cert);
	CHECK_OK(ms_tpm_ek(t, &again, &cert, &err), &err);
	CHECK(ms_span_eq(ms_tpm_blob_span(&pub), ms_tpm_blob_span(&again)));
	end(&s, t);
}

MS_TEST(ek_without_certificate_is_no_error)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_blob pub;
	MS_OWN(ms_buf_fini) struct ms_buf cert;
	ms_buf_init(&cert, MS_TPM_EK_CERT_MAX);
	CHECK_OK(ms_tpm_ek(t, &pub, &cert, &err), &err);
	CHECK(pub.len > 256 && cert.len == 0);
	end(&s, t);
}

MS_TEST(ak_is_the_same_after_a_reboot_and_another_with_another_salt)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_ak a, b, other;
	struct ms_tpm_blob identity, identity_after;
	enum ms_evidence_reason reason;
	CHECK_OK(ms_tpm_ak(t, salt_a, &a, &err), &err);
	CHECK_OK(ms_tpm_ak(t, salt_b, &other, &err), &err);
	CHECK_OK(ms_tpm_identity(t, salt_a, &identity, &err), &err);
	ms_tpm_client_release(t);
	swtpm_reboot(&s);
	CHECK_OK(ms_tpm_ak(t, salt_a, &b, &err), &err);
	CHECK_OK(ms_tpm_identity(t, salt_a, &identity_after, &err), &err);
	CHECK(ms_span_eq(ms_tpm_blob_span(&a.pub), ms_tpm_blob_span(&b.pub)));
	CHECK(memcmp(a.name, b.name, sizeof a.name) == 0);
	CHECK(!ms_span_eq(ms_tpm_blob_span(&a.pub), ms_tpm_blob_span(&other.pub)));
	CHECK(ms_span_eq(ms_tpm_blob_span(&identity), ms_tpm_blob_span(&identity_after)));
	MS_OWN(ms_ak_free) struct ms_ak *ak = NULL;
	CHECK_OK(ms_ak_new(ms_tpm_blob_span(&a.pub), MS_SPAN_NONE, &ak, &reason, &err), &err);
	CHECK(memcmp(ms_ak_name(ak)->p, a.name, sizeof a.name) == 0);
	end(&s, t);
}

MS_TEST(credential_activates_for_its_ek_and_ak_only)
{
	struct swtpm s, s2;
	struct ms_tpm *t = begin(&s, false), *t2 = begin(&s2, false);
	struct ms_err err;
	struct ms_tpm_ak ak;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *ek = ek_key(t);
	CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *got = NULL;
	CHECK_OK(ms_secret_from("0123456789abcdef0123456789abcdef", 32, &secret, &err), &err);
	MS_OWN(ms_buf_fini) struct ms_buf blob, enc;
	ms_buf_init(&blob, MS_CREDENTIAL_BLOB_MAX);
	ms_buf_init(&enc, MS_CREDENTIAL_ENCRYPTED_MAX);
	CHECK_OK(ms_credential_make(ek, ak.name, secret, &blob, &enc, &err), &err);
	CHECK_OK(ms_tpm_activate(t, salt_a, ms_buf_span(&blob), ms_buf_span(&enc), &got, &err), &err);
	CHECK(ms_secret_len(got) == 32 && ms_ct_eq(ms_secret_peek(got), ms_secret_peek(secret), 32));
	struct ms_secret *none = NULL;
	CHECK_INT(ms_tpm_activate(t, salt_b, ms_buf_span(&blob), ms_buf_span(&enc), &none, &err), MS_ERR_AUTH);
	CHECK_INT(ms_tpm_activate(t2, salt_a, ms_buf_span(&blob), ms_buf_span(&enc), &none, &err), MS_ERR_AUTH);
	CHECK_INT(ms_tpm_activate(t, salt_a, ms_buf_span(&blob), ms_span(enc.p, enc.len - 1), &none, &err), MS_ERR_AUTH);
	CHECK_INT(ms_tpm_activate(t, salt_a, MS_SPAN_NONE, ms_buf_span(&enc), &none, &err), MS_ERR_USAGE);
	for (size_t i = 0; i < blob.len; i += 7) {
		blob.p[i] ^= 1;
		CHECK_INT(ms_tpm_activate(t, salt_a, ms_buf_span(&blob), ms_buf_span(&enc), &none, &err), MS_ERR_AUTH);
		blob.p[i] ^= 1;
	}
	CHECK(none == NULL);
	end(&s2, t2);
	end(&s, t);
}

static struct ms_pcrs
pcrs_of(const struct ms_tpm_pcrs *p)
{
	struct ms_pcrs out = {.mask = p->mask};
	memcpy(out.value, p->value, sizeof out.value);
	return out;
}

static struct ms_ak *
ak_of(struct ms_tpm *t, const uint8_t *salt)
{
	struct ms_err err;
	struct ms_tpm_ak ak;
	struct ms_ak *ret = NULL;
	enum ms_evidence_reason reason;
	CHECK_OK(ms_tpm_ak(t, salt, &ak, &err), &err);
	CHECK_OK(ms_ak_new(ms_tpm_blob_span(&ak.pub), MS_SPAN_NONE, &ret, &reason, &err), &err);
	return ret;
}

static enum ms_rc
verify(const struct ms_tpm_quote *q, const struct ms_ak *ak, struct ms_span want, struct ms_quote_seen *seen)
{
	enum ms_evidence_reason reason;
	struct ms_err err = {0};
	MS_OWN(ms_quote_raw_free) struct ms_quote_raw *raw = NULL;
	MS_OWN(ms_quote_verified_free) struct ms_quote_verified *v = NULL;
	struct ms_pcrs pcrs = pcrs_of(&q->pcrs);
	const struct ms_quote_check check = {.ak = ak, .extra = want, .mask = QUOTE_MASK, .pcrs = &pcrs};
	CHECK_OK(ms_quote_take(ms_tpm_blob_span(&q->attest), ms_tpm_blob_span(&q->signature), &raw, &reason, &err), &err);
	enum ms_rc rc = ms_quote_verify(raw, &check, &v, &reason, &err);
	if (rc == MS_OK && seen != NULL)
		*seen = ms_quote_to_seen(v);
	else if (rc != MS_OK && seen != NULL)
		print_error("quote: %s\n", err.text);
	return rc;
}

MS_TEST(quote_verifies_with_its_values_and_a_reboot_shows_in_its_counter)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_quote q, other;
	struct ms_quote_seen before, after;
	swtpm_boot(&s, "pump", "1");
	MS_OWN(ms_ak_free) struct ms_ak *ak = ak_of(t, salt_a);
	CHECK_OK(ms_tpm_quote(t, salt_a, QUOTE_MASK, extra, &q, &err), &err);
	CHECK_INT(verify(&q, ak, ms_span(extra, 32), &before), MS_OK);
	CHECK(verify(&q, ak, ms_span(salt_a, 32), NULL) != MS_OK);
	CHECK_OK(ms_tpm_quote(t, salt_b, QUOTE_MASK, extra, &other, &err), &err);
	CHECK(verify(&other, ak, ms_span(extra, 32), NULL) != MS_OK);
	struct ms_tpm_quote lie = q;
	lie.pcrs.value[9][3] ^= 1;
	CHECK(verify(&lie, ak, ms_span(extra, 32), NULL) != MS_OK);
	ms_tpm_client_release(t);
	swtpm_reboot(&s);
	swtpm_boot(&s, "pump", "1");
	CHECK_OK(ms_tpm_quote(t, salt_a, QUOTE_MASK, extra, &other, &err), &err);
	CHECK_INT(verify(&other, ak, ms_span(extra, 32), &after), MS_OK);
	CHECK(memcmp(q.pcrs.value, other.pcrs.value, sizeof q.pcrs.value) == 0); /* the same boot, the same values */
	CHECK(after.reset_count > before.reset_count);
	CHECK_INT(ms_tpm_quote(t, salt_a, 0, extra, &other, &err), MS_ERR_USAGE);
	CHECK_INT(ms_tpm_quote(t, salt_a, 1u << 24, extra, &other, &err), MS_ERR_USAGE);
	end(&s, t);
}

static struct ms_certified *
certified(const struct ms_tpm_certified *c, const struct ms_ak *ak)
{
	struct ms_err err;
	enum ms_evidence_reason reason;
	struct ms_certified *ret = NULL;
	const struct ms_certify_evidence e = {
	    .attest = ms_tpm_blob_span(&c->attest), .signature = ms_tpm_blob_span(&c->signature), .tpmt_public = ms_tpm_blob_span(&c->pub)};
	const struct ms_certify_check check = {.ak = ak, .extra = ms_span(extra, 32)};
	CHECK_OK(ms_certify_verify(&e, &check, &ret, &reason, &err), &err);
	return ret;
}

MS_TEST(I4_I16_identity_key_is_certified_signs_digests_and_is_not_a_sealing_key)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_certified c;
	uint8_t point[65], sig[64];
	enum ms_evidence_reason reason;
	MS_OWN(ms_ak_free) struct ms_ak *ak = ak_of(t, salt_a);
	CHECK_OK(ms_tpm_identity_certify(t, salt_b, salt_a, extra, &c, &err), &err);
	MS_OWN(ms_certified_free) struct ms_certified *proof = certified(&c, ak);
	CHECK_OK(ms_certified_identity(proof, point, &reason, &err), &err);
	CHECK_OK(ms_tpm_identity_sign(t, salt_b, extra, sig, &err), &err);
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	CHECK_OK(ms_pubkey_from_point(point, &key, &err), &err);
	CHECK_OK(ms_pubkey_verify_digest(key, MS_SIG_ECDSA_SHA256, ms_span(extra, 32), ms_span(sig, 64), &err), &err);
	CHECK_INT(ms_pubkey_verify_digest(key, MS_SIG_ECDSA_SHA256, ms_span(salt_a, 32), ms_span(sig, 64), &err), MS_ERR_AUTH);
	struct ms_secret *z = NULL;
	const struct ms_tpm_seal as_seal = {.pub = ms_tpm_blob_span(&c.pub), .salt = salt_b, .mask = SEAL_MASK};
	CHECK_INT(ms_tpm_seal_ecdh(t, &as_seal, point, &z, &err), MS_ERR_MALFORMED);
	CHECK(z == NULL);
	end(&s, t);
}

static enum ms_rc
open_seal(struct ms_tpm *t, const struct ms_tpm_certified *c, const uint8_t *peer, struct ms_secret **z, struct ms_err *err)
{
	const struct ms_tpm_seal key = {.pub = ms_tpm_blob_span(&c->pub), .salt = salt_c, .mask = SEAL_MASK};
	return ms_tpm_seal_ecdh(t, &key, peer, z, err);
}

MS_TEST(sealing_key_opens_in_its_state_only_and_dies_with_the_boot)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, true);
	struct ms_err err;
	struct ms_tpm_certified c, later;
	struct ms_tpm_pcrs values;
	uint8_t point[65];
	enum ms_evidence_reason reason;
	swtpm_boot(&s, "pump", "1");
	MS_OWN(ms_ak_free) struct ms_ak *ak = ak_of(t, salt_a);
	CHECK_OK(ms_tpm_seal_certify(t, salt_c, SEAL_MASK, salt_a, extra, &c, &err), &err);
	CHECK_OK(ms_tpm_read_pcrs(t, QUOTE_MASK, &values, &err), &err);
	MS_OWN(ms_certified_free) struct ms_certified *proof = certified(&c, ak);
	struct ms_pcrs pcrs = pcrs_of(&values);
	const struct ms_sealing_state good = {.pcrs = &pcrs, .mask = SEAL_MASK};
	CHECK_OK(ms_certified_sealing(proof, &good, point, &reason, &err), &err);
	/* the same Z on both sides */
	MS_OWN(ms_ecdh_key_free) struct ms_ecdh_key *eph = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *ours = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *theirs = NULL;
	CHECK_OK(ms_ecdh_key_generate(&eph, &err), &err);
	const uint8_t *peer = ms_pubkey_point(ms_ecdh_key_public(eph)).p;
	struct ms_ecdh soft = ms_ecdh_key_ecdh(eph);
	CHECK_OK(ms_ecdh_derive(&soft, point, &theirs, &err), &err);
	CHECK_OK(open_seal(t, &c, peer, &ours, &err), &err);
	CHECK(ms_secret_len(ours) == 32 && ms_ct_eq(ms_secret_peek(ours), ms_secret_peek(theirs), 32));
	struct ms_secret *z = NULL;
	uint8_t off[65];
	memcpy(off, peer, 65);
	off[64] ^= 1;
	CHECK_INT(open_seal(t, &c, off, &z, &err), MS_ERR_AUTH);
	off[0] = 3;
	CHECK_INT(open_seal(t, &c, off, &z, &err), MS_ERR_MALFORMED);
	/* a PCR outside the set moves nothing; one inside closes it */
	const char *const ones = "1111111111111111111111111111111111111111111111111111111111111111";
	char line[128];
	(void)snprintf(line, sizeof line, "tpm2_pcrextend 10:sha256=%s", ones);
	CHECK_INT(tool(&s, t, line), 0);
	CHECK_OK(open_seal(t, &c, peer, &z, &err), &err);
	ms_secret_free(z);
	z = NULL;
	(void)snprintf(line, sizeof line, "tpm2_pcrextend 9:sha256=%s", ones);
	CHECK_INT(tool(&s, t, line), 0);
	CHECK_INT(open_seal(t, &c, peer, &z, &err), MS_ERR_DENIED);
	CHECK(strstr(err.text, "the machine is not in the state the secret was sealed to") != NULL);
	ms_tpm_client_release(t);
	swtpm_reboot(&s);
	swtpm_boot(&s, "pump", "1");
	CHECK_INT(open_seal(t, &c, peer, &z, &err), MS_ERR_EXPIRED);
	CHECK(z == NULL);
	CHECK_OK(ms_tpm_seal_certify(t, salt_c, SEAL_MASK, salt_a, extra, &later, &err), &err);
	CHECK(!ms_span_eq(ms_tpm_blob_span(&c.pub), ms_tpm_blob_span(&later.pub)));
	end(&s, t);
}

MS_TEST(I4_sealing_key_cannot_be_used_without_its_policy)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_certified c;
	struct ms_tpm_public p;
	CHECK_OK(ms_tpm_seal_certify(t, salt_c, SEAL_MASK, salt_a, extra, &c, &err), &err);
	CHECK_OK(ms_tpm_public_parse(ms_tpm_blob_span(&c.pub), &p, &err), &err);
	CHECK_INT(p.attributes, MS_TPMA_FIXED_TPM | MS_TPMA_FIXED_PARENT | MS_TPMA_SENSITIVE_DATA_ORIGIN | MS_TPMA_DECRYPT | MS_TPMA_NO_DA);
	CHECK_INT(p.auth_policy.len, 32);
	/* with a mask that is not that of the policy, the TPM's own check refuses */
	uint8_t peer[65];
	CHECK_OK(ms_tpm_public_p256(&p, peer, &err), &err);
	const struct ms_tpm_seal other = {.pub = ms_tpm_blob_span(&c.pub), .salt = salt_c, .mask = SEAL_MASK ^ 1u};
	struct ms_secret *z = NULL;
	CHECK_INT(ms_tpm_seal_ecdh(t, &other, peer, &z, &err), MS_ERR_DENIED);
	CHECK(z == NULL);
	end(&s, t);
}

MS_TEST(nothing_stays_loaded_on_a_bare_tpm_over_50_requests_good_and_bad)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, true);
	struct ms_err err;
	uint8_t junk[256] = {1, 2, 3}, sig[64];
	for (int i = 0; i < 10; i++) {
		struct ms_tpm_certified c;
		struct ms_tpm_quote q;
		struct ms_secret *z = NULL;
		CHECK_INT(ms_tpm_activate(t, salt_a, ms_span(junk, 68), ms_span(junk, 256), &z, &err), MS_ERR_AUTH);
		CHECK_OK(ms_tpm_seal_certify(t, salt_c, SEAL_MASK, salt_a, extra, &c, &err), &err);
		junk[0] = 4;
		CHECK_INT(open_seal(t, &c, junk, &z, &err), MS_ERR_AUTH);
		CHECK_OK(ms_tpm_quote(t, salt_a, QUOTE_MASK, extra, &q, &err), &err);
		CHECK_OK(ms_tpm_identity_sign(t, salt_b, extra, sig, &err), &err);
		CHECK_OK(ms_tpm_random(t, 33, &z, &err), &err);
		CHECK_INT(ms_secret_len(z), 33);
		ms_secret_free(z);
	}
	ms_tpm_client_release(t);
	CHECK_INT(swtpm_loaded(&s), 0);
	end(&s, t);
}

MS_TEST(killed_worker_is_started_again_and_what_it_left_in_the_tpm_is_flushed)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, true);
	struct ms_err err;
	struct ms_tpm_ak ak;
	for (int i = 0; i < 4; i++) {
		CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
		int pid = ms_tpm_client_pid(t);
		CHECK(pid > 1);
		CHECK_INT(kill(pid, SIGKILL), 0);
		CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
		CHECK(ms_tpm_client_pid(t) != pid);
	}
	for (int i = 0; i < 3; i++) /* somebody else's leftovers: all three slots */
		CHECK_INT(tool(&s, t, "tpm2_createprimary -Q -C n -G ecc -c left.ctx"), 0);
	CHECK_INT(swtpm_loaded(&s), 3);
	CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
	end(&s, t);
}

MS_TEST(idle_worker_lets_go_of_the_tpm_and_comes_back)
{
	struct swtpm s;
	swtpm_start(&s, false);
	struct ms_err err;
	struct ms_tpm *t = NULL;
	struct ms_tpm_info info;
	const struct ms_tpm_client_params p = {.program = PROGRAM, .tcti = s.tcti, .idle_ms = 100};
	CHECK_OK(ms_tpm_client_open(&p, &t, &err), &err);
	CHECK_OK(ms_tpm_get_info(t, &info, &err), &err);
	CHECK(info.manufacturer[0] != '\0' && !info.in_lockout && info.lockout_max > 0);
	CHECK_INT(swtpm_tool(&s, "tpm2_getrandom 4"), 0); /* would wait for ever, were the connection still held */
	CHECK_OK(ms_tpm_get_info(t, &info, &err), &err);
	end(&s, t);
}

MS_TEST(tpm_that_goes_away_is_unavailable_and_comes_back)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_ak ak, again;
	CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
	swtpm_kill(&s);
	CHECK_INT(ms_tpm_ak(t, salt_a, &again, &err), MS_ERR_UNAVAILABLE);
	CHECK_INT(ms_tpm_ak(t, salt_a, &again, &err), MS_ERR_UNAVAILABLE);
	CHECK(strstr(err.text, "cannot open") != NULL);
	swtpm_resume(&s);
	CHECK_OK(ms_tpm_ak(t, salt_a, &again, &err), &err);
	CHECK(memcmp(ak.name, again.name, sizeof ak.name) == 0);
	end(&s, t);
}

MS_TEST(lockout_is_told_with_what_to_do_and_our_keys_work_on)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_info info;
	struct ms_tpm_quote q;
	struct ms_tpm_blob pub;
	MS_OWN(ms_buf_fini) struct ms_buf cert;
	ms_buf_init(&cert, MS_TPM_EK_CERT_MAX);
	/* something in the EK certificate's place that is subject to lockout, and a victim for wrong guesses */
	CHECK_INT(tool(&s, t, "tpm2_nvdefine -Q 0x1c00002 -C o -s 8 -a 'ownerread|ownerwrite|authread|authwrite'"), 0);
	CHECK_INT(tool(&s, t, "sh -c 'printf 01234567 | tpm2_nvwrite -Q 0x1c00002 -C o -i -'"), 0);
	CHECK_INT(tool(&s, t, "tpm2_nvdefine -Q 0x1500001 -C o -s 8 -p right -a 'authread|authwrite'"), 0);
	CHECK_OK(ms_tpm_ek(t, &pub, &cert, &err), &err);
	CHECK_INT(cert.len, 8);
	for (int i = 0; i < 64; i++) {
		CHECK(tool(&s, t, "tpm2_nvread -Q 0x1500001 -C 0x1500001 -P wrong") != 0);
		CHECK_OK(ms_tpm_get_info(t, &info, &err), &err);
		if (info.in_lockout)
			break;
	}
	CHECK(info.in_lockout);
	CHECK_INT(ms_tpm_ek(t, &pub, &cert, &err), MS_ERR_LIMITED);
	CHECK(strstr(err.text, "dictionary-attack lockout") != NULL && strstr(err.text, "tpm2_dictionarylockout --clear-lockout") != NULL);
	CHECK_OK(ms_tpm_quote(t, salt_a, QUOTE_MASK, extra, &q, &err), &err); /* noDA */
	CHECK_INT(tool(&s, t, "tpm2_dictionarylockout --clear-lockout"), 0);
	CHECK_OK(ms_tpm_ek(t, &pub, &cert, &err), &err);
	end(&s, t);
}

MS_TEST(tpm_without_startup_is_told_clearly)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_ak ak;
	char line[512];
	swtpm_stop(&s);
	(void)snprintf(line, sizeof line,
	    "swtpm socket --tpm2 --daemon --tpmstate dir=%s/state --pid file=%s/pid --server type=tcp,port=%u --ctrl type=tcp,port=%u "
	    "--flags "
	    "not-need-init",
	    s.dir, s.dir, s.port, s.port + 1);
	CHECK_INT(swtpm_tool(&s, line), 0);
	CHECK_INT(ms_tpm_ak(t, salt_a, &ak, &err), MS_ERR_TPM);
	CHECK(strstr(err.text, "TPM2_Startup") != NULL);
	end(&s, t);
}

MS_TEST(worker_runs_caged)
{
	struct swtpm s;
	struct ms_tpm *t = begin(&s, false);
	struct ms_err err;
	struct ms_tpm_info info;
	char path[64];
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 65536);
	CHECK_OK(ms_tpm_get_info(t, &info, &err), &err);
	(void)snprintf(path, sizeof path, "/proc/%d/status", ms_tpm_client_pid(t));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_OK(ms_io_read_fd(fd, 65536, &b, &err), &err);
	(void)close(fd);
	ms_buf_u8(&b, 0);
	CHECK(strstr((const char *)b.p, "Seccomp:\t2") != NULL);
	CHECK(strstr((const char *)b.p, "NoNewPrivs:\t1") != NULL);
	end(&s, t);
}

/* A client whose worker is a shell script. */
static enum ms_rc
ask_script(const char *body, unsigned timeout_ms, struct ms_err *err)
{
	char path[] = "/tmp/muster-test-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK(dprintf(fd, "#!/bin/sh\n%s\n", body) > 0);
	CHECK_INT(fchmod(fd, 0700), 0);
	CHECK_INT(close(fd), 0);
	struct ms_tpm *t = NULL;
	struct ms_tpm_info info;
	const struct ms_tpm_client_params p = {.program = path, .tcti = "swtpm:host=127.0.0.1,port=1", .timeout_ms = timeout_ms};
	CHECK_OK(ms_tpm_client_open(&p, &t, err), err);
	enum ms_rc rc = ms_tpm_get_info(t, &info, err);
	CHECK_INT(ms_tpm_client_pid(t), 0);
	ms_tpm_free(t);
	CHECK_INT(unlink(path), 0);
	return rc;
}

MS_TEST(I10_client_survives_a_worker_that_is_silent_dies_or_lies)
{
	struct ms_err err;
	CHECK_INT(ask_script("exec sleep 60", 200, &err), MS_ERR_TIMEOUT);
	CHECK_INT(ask_script("exit 0", 5000, &err), MS_ERR_UNAVAILABLE);
	CHECK_INT(ask_script("exec head -c 100 /dev/zero >&3", 5000, &err), MS_ERR_MALFORMED);
	CHECK_INT(ask_script("exec head -c 100000 /dev/urandom >&3", 5000, &err), MS_ERR_MALFORMED);
	/* a good hello (type 101, 4 bytes: rc 0, no text), then death: twice */
	CHECK_INT(
	    ask_script("printf '\\0\\0\\0\\004\\0\\145\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3", 5000, &err), MS_ERR_UNAVAILABLE);
	CHECK(strstr(err.text, "died twice") != NULL);
	/* a hello that says no */
	CHECK_INT(ask_script("printf '\\0\\0\\0\\004\\0\\145\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\021\\0\\0' >&3", 5000, &err), MS_ERR_TPM);
}

MS_TEST(tcti_that_runs_programs_is_refused_and_a_dead_port_is_unavailable)
{
	struct ms_err err;
	struct ms_tpm_info info;
	static const char *const bad[] = {"cmd:touch /tmp/muster-owned", "", "mssim", "/tmp/x.so", "device"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_tpm *t = client_of(bad[i]);
		CHECK_INT(ms_tpm_get_info(t, &info, &err), MS_ERR_USAGE);
		ms_tpm_free(t);
	}
	CHECK(access("/tmp/muster-owned", F_OK) != 0);
	static const char *const dead[] = {"swtpm:host=127.0.0.1,port=1", "device:/nonexistent/tpm0"};
	for (size_t i = 0; i < sizeof dead / sizeof *dead; i++) {
		struct ms_tpm *t = client_of(dead[i]);
		CHECK_INT(ms_tpm_get_info(t, &info, &err), MS_ERR_UNAVAILABLE);
		ms_tpm_free(t);
	}
}

MS_TEST(swtpm_is_reached_over_a_unix_socket_too)
{
	struct swtpm s;
	swtpm_start(&s, false);
	swtpm_stop(&s);
	struct ms_err err;
	struct ms_tpm_ak ak;
	char line[512], tcti[128];
	(void)snprintf(line, sizeof line,
	    "swtpm socket --tpm2 --daemon --tpmstate dir=%s/state --pid file=%s/pid --server type=unixio,path=%s/sock --ctrl "
	    "type=unixio,path=%s/ctrl --flags not-need-init,startup-clear",
	    s.dir, s.dir, s.dir, s.dir);
	CHECK_INT(swtpm_tool(&s, line), 0);
	(void)snprintf(tcti, sizeof tcti, "swtpm:path=%s/sock", s.dir);
	struct ms_tpm *t = client_of(tcti);
	CHECK_OK(ms_tpm_ak(t, salt_a, &ak, &err), &err);
	end(&s, t);
}

/* A TPM that answers every command with the same bytes, on a socket of its own; returns its pid. */
static pid_t
liar(const char *path, const uint8_t *answer, size_t len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 4) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	while (pid == 0) {
		uint8_t command[4096];
		int c = accept(fd, NULL, NULL);
		while (c >= 0 && read(c, command, sizeof command) > 0)
			if (write(c, answer, len) != (ssize_t)len)
				break;
		(void)close(c);
	}
	(void)close(fd);
	return pid;
}

MS_TEST(I10_tpm_that_lies_is_an_error_and_never_kills_the_worker)
{
	/* tag, size, code, then what the lie is about */
	static const struct {
		uint8_t bytes[40];
		size_t len;
	} lies[] = {
	    {{0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0}, 10},                                        /* success without a body */
	    {{0x80, 1, 0, 0, 0, 9, 0, 0, 0, 0}, 10},                                         /* shorter than its header */
	    {{0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 10},                                         /* no size */
	    {{0x80, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 10},                             /* 4 GiB */
	    {{0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0, 1, 2, 3}, 13},                               /* bytes after its end */
	    {{0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1}, 10},                                        /* failure mode */
	    {{0x12, 0x34, 0, 0, 0, 10, 0, 0, 0, 0}, 10},                                     /* no such tag */
	    {{0x80, 1, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}, 19}, /* 2^32-1 handles */
	    {{0x80, 2, 0, 0, 0, 14, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 14},                /* parameters beyond the end */
	};
	char dir[] = "/tmp/muster-liar-XXXXXX", path[64], tcti[96];
	CHECK(mkdtemp(dir) != NULL);
	(void)snprintf(path, sizeof path, "%s/sock", dir);
	(void)snprintf(tcti, sizeof tcti, "swtpm:path=%s", path);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct ms_err err;
		struct ms_tpm_ak ak;
		pid_t pid = liar(path, lies[i].bytes, lies[i].len);
		struct ms_tpm *t = client_of(tcti);
		enum ms_rc rc = ms_tpm_ak(t, salt_a, &ak, &err);
		CHECK(rc == MS_ERR_TPM || rc == MS_ERR_UNAVAILABLE || rc == MS_ERR_UNSUPPORTED);
		CHECK(strstr(err.text, "TPM: ") != NULL && strstr(err.text, "closed by the peer") == NULL);
		ms_tpm_free(t);
		CHECK_INT(kill(pid, SIGKILL), 0);
		CHECK_INT(waitpid(pid, NULL, 0), pid);
		CHECK_INT(unlink(path), 0);
	}
	CHECK_INT(rmdir(dir), 0);
}
