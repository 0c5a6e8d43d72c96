/* Quotes in files: recordings of scripts/record-quotes (raw TPM commands) and of recorded machines (tpm2_quote). */
#include "support/quotes.h"

#include "codec/der.h"
#include "evidence/agree.h"
#include "evidence/quotefile.h"

#define BOOT_NONCE "00112233445566778899aabbccddeeff00112233"
#define FILE_MAX 4096u
#define DUMP_HEAD 136u
#define DUMP_LIST 532u

struct file {
	uint8_t p[FILE_MAX];
	size_t len;
};

static struct ms_span
fsp(const struct file *f)
{
	return ms_span(f->p, f->len);
}

static struct file
file_of(const char *path)
{
	struct file f = {.len = 0};
	uint8_t *p = test_file(path, &f.len);
	if (p == NULL || f.len > sizeof f.p)
		fail_msg("%s", path);
	memcpy(f.p, p, f.len);
	free(p);
	return f;
}

static struct file
boot(const char *variant, const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof path, "measured-boot/%s/%s", variant, name);
	return file_of(path);
}

static struct file
quotes(const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof path, "quotes/%s", name);
	return file_of(path);
}

/* One whole set of evidence, to be changed by the test. */
struct set {
	struct file quote, signature, ak, pcrs;
	bool has_pcrs, sha1;
	uint8_t nonce[64];
	size_t nonce_len;
	struct file parent;
};

static struct set
recorded_boot(const char *variant)
{
	struct set s = {.quote = boot(variant, "quote.attest"),
	    .signature = boot(variant, "quote.sig"),
	    .ak = boot(variant, "ak.tpmt"),
	    .pcrs = boot(variant, "quote.pcrs"),
	    .has_pcrs = true,
	    .nonce_len = 20};
	CHECK_OK(ms_unhex(BOOT_NONCE, 40, s.nonce, 20), NULL);
	return s;
}

static struct set
recorded_quote(const char *quote, const char *ak)
{
	char name[64];
	struct set s = {.nonce_len = 32};
	(void)snprintf(name, sizeof name, "%s.attest", quote);
	s.quote = quotes(name);
	(void)snprintf(name, sizeof name, "%s.sig", quote);
	s.signature = quotes(name);
	(void)snprintf(name, sizeof name, "%s.pub", ak);
	s.ak = quotes(name);
	struct file nonce = quotes("nonce.bin");
	memcpy(s.nonce, nonce.p, 32);
	return s;
}

static struct ms_quotefile last; /* of the last that was accepted */

/* "" when accepted, else the reason. All bytes are exact heap copies. */
static const char *
judge(const struct set *s)
{
	MS_OWN(ms_quotekey_free) struct ms_quotekey *ak = NULL;
	enum ms_evidence_reason why = MS_EVIDENCE_NONE;
	struct ms_quotefile q;
	uint8_t *p[4] = {test_dup(s->quote.p, s->quote.len), test_dup(s->signature.p, s->signature.len), test_dup(s->ak.p, s->ak.len),
	    test_dup(s->pcrs.p, s->pcrs.len)};
	enum ms_rc rc = ms_quotekey_load(ms_span(p[2], s->ak.len), &ak, &why, NULL);
	if (rc == MS_OK) {
		struct ms_quotefile_params params = {.quote = ms_span(p[0], s->quote.len),
		    .signature = ms_span(p[1], s->signature.len),
		    .ak = ak,
		    .nonce = ms_span(s->nonce, s->nonce_len),
		    .pcrs = s->has_pcrs ? ms_span(p[3], s->pcrs.len) : MS_SPAN_NONE,
		    .allow_sha1 = s->sha1,
		    .parent = fsp(&s->parent)};
		memset(&q, 0x5a, sizeof q);
		rc = ms_quotefile_verify(&params, &q, &why, NULL);
	}
	for (size_t i = 0; i < 4; i++)
		free(p[i]);
	if (rc == MS_OK) {
		CHECK_INT(why, MS_EVIDENCE_NONE);
		last = q;
		return "";
	}
	CHECK(why != MS_EVIDENCE_NONE && why != MS_EVIDENCE_FAULT);
	return ms_evidence_reason_name(why);
}

static void
expect(const struct set *s, const char *reason)
{
	const char *found = judge(s);
	if (strcmp(found, reason) != 0)
		fail_msg("\"%s\" where \"%s\" is due", found, reason);
}

/* ---- every form ---- */

MS_TEST(quotefile_takes_what_recorded_machines_wrote)
{
	static const char *const variants[] = {"good", "cmdline", "banks"};
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		struct set s = recorded_boot(variants[i]);
		expect(&s, "");
		CHECK(last.pcrs_checked && last.attributes_checked && last.safe);
		CHECK_INT(last.signer, MS_SIGNER_UNKNOWN); /* tpm2_createak makes a child of the EK */
		CHECK_INT(last.banks.n, 1);
		CHECK_INT(last.banks.bank[0].mask, 0x47ff);
		s.ak = boot(variants[i], "ak.pem");
		expect(&s, "");
		CHECK(!last.attributes_checked);
		s.has_pcrs = false;
		expect(&s, "");
		CHECK(!last.pcrs_checked && last.banks.n == 0);
	}
}

MS_TEST(quotefile_takes_sized_structures_and_bare_signatures)
{
	struct set s = recorded_boot("good");
	struct ms_buf der;
	uint8_t raw[64];
	memmove(s.quote.p + 2, s.quote.p, s.quote.len);
	s.quote.p[0] = (uint8_t)(s.quote.len >> 8), s.quote.p[1] = (uint8_t)s.quote.len;
	s.quote.len += 2;
	memmove(s.ak.p + 2, s.ak.p, s.ak.len);
	s.ak.p[0] = 0, s.ak.p[1] = (uint8_t)s.ak.len;
	s.ak.len += 2;
	expect(&s, "");
	memcpy(raw, s.signature.p + 6, 32);
	memcpy(raw + 32, s.signature.p + 40, 32);
	ms_buf_init(&der, 128);
	CHECK_OK(ms_der_ecdsa_build(raw, &der, NULL), NULL);
	memcpy(s.signature.p, der.p, der.len);
	s.signature.len = der.len;
	expect(&s, "");
	s.ak = boot("good", "ak.pem");
	expect(&s, "");
	for (size_t n = 0; n < s.signature.len; n++) {
		struct set cut = s;
		cut.signature.len = n;
		expect(&cut, "malformed-signature");
	}
	for (size_t bit = 0; bit < 8 * s.signature.len; bit++) {
		struct set flipped = s;
		flipped.signature.p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		CHECK(judge(&flipped)[0] != '\0');
	}
	ms_buf_fini(&der);
}

MS_TEST(quotefile_takes_every_kind_of_key_that_quotes)
{
	static const struct {
		const char *quote, *ak;
		enum ms_sig_scheme scheme;
		enum ms_quote_signer signer;
	} rows[] = {
	    {"quote", "ak", MS_SIG_ECDSA_SHA256, MS_SIGNER_ENDORSEMENT},
	    {"quote-ak-rsa", "ak-rsa", MS_SIG_RSA_PKCS1_SHA256, MS_SIGNER_ENDORSEMENT},
	    {"quote-ak-rsa384", "ak-rsa384", MS_SIG_RSA_PKCS1_SHA384, MS_SIGNER_ENDORSEMENT},
	    {"quote-ak-pss", "ak-pss", MS_SIG_RSA_PSS_SHA256_TPM, MS_SIGNER_ENDORSEMENT},
	    {"quote-ak-owner", "ak-owner", MS_SIG_ECDSA_SHA256, MS_SIGNER_OWNER},
	    {"quote-ak-child", "ak-child", MS_SIG_ECDSA_SHA256, MS_SIGNER_UNKNOWN},
	    {"quote-ak-no-noda", "ak-no-noda", MS_SIG_ECDSA_SHA256, MS_SIGNER_ENDORSEMENT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct set s = recorded_quote(rows[i].quote, rows[i].ak);
		expect(&s, "");
		CHECK_INT(last.scheme, rows[i].scheme);
		CHECK_INT(last.signer, rows[i].signer);
		if (s.signature.p[1] == MS_TPM_ALG_ECDSA)
			continue;
		memmove(s.signature.p, s.signature.p + 6, s.signature.len - 6); /* bare, as tpm2_quote -f plain */
		s.signature.len -= 6;
		expect(&s, "");
		CHECK_INT(last.scheme, rows[i].scheme);
		s.signature.p[40] ^= 1;
		expect(&s, "bad-signature");
	}
}

MS_TEST(quotefile_holds_the_signer_against_the_parent_given)
{
	struct set s = recorded_quote("quote-ak-child", "ak-child");
	s.parent = quotes("ak-child-parent.pub");
	expect(&s, "");
	CHECK_INT(last.signer, MS_SIGNER_CHILD);
	s.parent = quotes("ek-rsa.pub");
	expect(&s, "wrong-signer");
	s.parent = quotes("ak.name");
	CHECK(judge(&s)[0] != '\0');
	s = recorded_quote("quote", "ak");
	s.parent = quotes("ek-ecc.pub");
	expect(&s, "wrong-signer");
}

MS_TEST(quotefile_takes_sha1_only_when_it_is_allowed)
{
	struct set s = recorded_quote("quote-ak-sha1", "ak-sha1");
	expect(&s, "signature-algorithm");
	s.sha1 = true;
	expect(&s, "");
	CHECK_INT(last.scheme, MS_SIG_ECDSA_SHA1);
	s.signature.p[20] ^= 1;
	expect(&s, "bad-signature");
	s = recorded_quote("quote", "ak");
	s.sha1 = true;
	expect(&s, "");
}

/* ---- PCR values in each form ---- */

/* As tpm2_quote -o: the dump of a bank's values. */
static struct file
dump_of(uint16_t alg, uint32_t mask, const struct ms_pcr_bank *b)
{
	struct file f = {.len = DUMP_HEAD};
	size_t lists = 0, n = 0;
	f.p[0] = 1;
	f.p[4] = (uint8_t)alg, f.p[5] = (uint8_t)(alg >> 8), f.p[6] = 3;
	f.p[7] = (uint8_t)mask, f.p[8] = (uint8_t)(mask >> 8), f.p[9] = (uint8_t)(mask >> 16);
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		if ((mask >> i & 1u) == 0)
			continue;
		if (n % 8 == 0) {
			lists++;
			f.len += DUMP_LIST;
		}
		uint8_t *list = f.p + DUMP_HEAD + (lists - 1) * DUMP_LIST, *slot = list + 4 + (n % 8) * 66;
		list[0]++;
		slot[0] = b->len;
		memcpy(slot + 2, b->value[i], b->len);
		n++;
	}
	f.p[DUMP_HEAD - 4] = (uint8_t)lists;
	return f;
}

MS_TEST(pcrfile_takes_dump_json_and_bare_values)
{
	struct set s = recorded_boot("good");
	char text[4096];
	size_t n = 0;
	expect(&s, "");
	const struct ms_pcr_bank b = last.banks.bank[0];
	struct file again = dump_of(MS_TPM_ALG_SHA256, b.mask, &b);
	CHECK(ms_span_eq(fsp(&again), fsp(&s.pcrs)));
	s.pcrs.len = 0;
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++)
		if ((b.mask >> i & 1u) != 0) {
			memcpy(s.pcrs.p + s.pcrs.len, b.value[i], 32);
			s.pcrs.len += 32;
		}
	expect(&s, "");
	s.pcrs.len -= 32;
	expect(&s, "pcr-values");
	s.pcrs.len += 33;
	expect(&s, "pcr-values");
	n = (size_t)snprintf(text, sizeof text, "{\"sha256\":{");
	for (unsigned i = 0; i < MS_TPM_PCR_COUNT; i++) {
		char hex[65];
		ms_hex(b.value[i], 32, hex);
		if ((b.mask >> i & 1u) != 0 || i == 23)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%u\":\"%s\"", i > 0 ? "," : "", i, hex);
	}
	n += (size_t)snprintf(text + n, sizeof text - n, "}}");
	memcpy(s.pcrs.p, text, n);
	s.pcrs.len = n;
	expect(&s, "");
	CHECK_INT(last.pcrs_ignored, 1); /* PCR 23 was not quoted: it may be there, and is not used */
	CHECK_INT(last.banks.bank[0].mask, b.mask);
}

MS_TEST(pcrfile_of_another_selection_or_with_other_values_is_refused)
{
	struct set s = recorded_boot("good"), t;
	expect(&s, "");
	struct ms_pcr_bank b = last.banks.bank[0];
	t = s;
	t.pcrs = dump_of(MS_TPM_ALG_SHA256, b.mask & ~0x10u, &b);
	expect(&t, "pcr-values");
	t.pcrs = dump_of(MS_TPM_ALG_SHA256, b.mask | 0x800u, &b); /* one more */
	expect(&t, "pcr-values");
	t.pcrs = dump_of(MS_TPM_ALG_SHA384, b.mask, &b);
	expect(&t, "pcr-values");
	struct ms_pcr_bank swapped = b;
	memcpy(swapped.value[1], b.value[0], 32);
	memcpy(swapped.value[0], b.value[1], 32);
	t.pcrs = dump_of(MS_TPM_ALG_SHA256, b.mask, &swapped);
	expect(&t, "pcr-digest");
	t.pcrs = boot("cmdline", "quote.pcrs");
	expect(&t, "pcr-digest");
	t.pcrs.len = 0;
	expect(&t, "pcr-values");
}

MS_TEST(pcrfile_with_counts_and_sizes_out_of_bounds_is_refused)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 0}, {0, 2}, {0, 17}, {3, 1}, {6, 0}, {6, 5}, {7, 0xfe}, {DUMP_HEAD - 4, 1}, {DUMP_HEAD - 4, 3}, {DUMP_HEAD - 1, 1},
	    {DUMP_HEAD, 0}, {DUMP_HEAD, 7}, {DUMP_HEAD, 9}, {DUMP_HEAD + 3, 1}, {DUMP_HEAD + 4, 31}, {DUMP_HEAD + 4, 64},
	    {DUMP_HEAD + 4, 65}, {DUMP_HEAD + 5, 1}, {DUMP_HEAD + DUMP_LIST, 3}, {DUMP_HEAD + DUMP_LIST, 5}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct set s = recorded_boot("good");
		s.pcrs.p[rows[i].at] = rows[i].value;
		if (rows[i].at == 6 && rows[i].value == 5) { /* a bitmap of 5 bytes does not fit */
			expect(&s, "pcr-values");
			continue;
		}
		CHECK(judge(&s)[0] != '\0');
	}
}

/* ---- each refusal by its reason ---- */

MS_TEST(quotefile_refuses_other_attestations_by_type)
{
	static const char *const others[] = {"nv", "certify-identity", "time", "command-audit", "creation"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct set s = recorded_quote(others[i], "ak");
		expect(&s, "wrong-type");
	}
}

MS_TEST(quotefile_refuses_wrong_nonces_keys_and_unfit_keys)
{
	struct set s = recorded_quote("quote", "ak"), t = s;
	t.nonce[31] ^= 1;
	expect(&t, "nonce-mismatch");
	t = s, t.nonce_len = 31;
	expect(&t, "nonce-mismatch");
	t = s, t.nonce_len = 0;
	expect(&t, "nonce-mismatch");
	t = s, t.nonce_len = 33;
	expect(&t, "nonce-mismatch");
	t = recorded_quote("quote-no-nonce", "ak");
	expect(&t, "nonce-mismatch");
	t.nonce_len = 0;
	expect(&t, "");
	t = recorded_quote("quote-other-nonce", "ak");
	expect(&t, "nonce-mismatch");
	t = s, t.ak = quotes("ak-other.pub");
	expect(&t, "bad-signature");
	t = s, t.ak = quotes("ak-rsa.pub");
	expect(&t, "signature-algorithm");
	t = s, t.ak = quotes("ak-unrestricted.pub");
	expect(&t, "key-attributes");
	t = s, t.ak = quotes("ek-ecc.pub");
	expect(&t, "key-attributes");
	t = s, t.ak = quotes("identity.pub");
	expect(&t, "key-attributes");
	t = s, t.ak = quotes("ak.name");
	CHECK(judge(&t)[0] != '\0');
	t = recorded_quote("quote-forged", "ak");
	CHECK(judge(&t)[0] != '\0');
	t = s, t.ak.len = 0;
	expect(&t, "key-malformed");
}

MS_TEST(quotefile_refuses_a_quote_of_no_pcr)
{
	struct set s = recorded_quote("quote-no-bank", "ak");
	expect(&s, "pcr-selection");
}

MS_TEST(quotefile_takes_any_bank_and_several)
{
	struct set s = recorded_quote("quote-sha1-bank", "ak");
	expect(&s, "");
	CHECK_INT(last.selection.bank[0].alg, MS_TPM_ALG_SHA1);
	s = recorded_quote("quote-two-banks", "ak");
	expect(&s, "");
	CHECK_INT(last.selection.count, 2);
	s.pcrs = boot("good", "quote.pcrs");
	s.has_pcrs = true;
	expect(&s, "pcr-values");
}

/* A quote that a stand-in signs, for what no TPM would say. */
MS_TEST(quotefile_refuses_what_only_a_broken_tpm_would_sign)
{
	struct soft_ak soft = soft_ak_new();
	struct bytes attest = soft_attest(&soft, "quote-two-banks");
	struct set s = recorded_quote("quote", "ak");
	memcpy(s.ak.p, soft.pub.p, soft.pub.len), s.ak.len = soft.pub.len;
	size_t at = attest.len - 34 - 12; /* two rows of 6 bytes before the digest */
	CHECK(attest.p[at + 1] == MS_TPM_ALG_SHA1 || attest.p[at + 1] == MS_TPM_ALG_SHA256);
	memcpy(attest.p + at + 6, attest.p + at, 2); /* the same bank twice */
	struct bytes sig = soft_sign(&soft, &attest);
	memcpy(s.quote.p, attest.p, attest.len), s.quote.len = attest.len;
	memcpy(s.signature.p, sig.p, sig.len), s.signature.len = sig.len;
	expect(&s, "pcr-selection");
	attest = soft_attest(&soft, "quote");
	attest.p[0] ^= 1;
	sig = soft_sign(&soft, &attest);
	memcpy(s.quote.p, attest.p, attest.len), s.quote.len = attest.len;
	memcpy(s.signature.p, sig.p, sig.len), s.signature.len = sig.len;
	expect(&s, "wrong-magic");
	soft_ak_free(&soft);
}

/* ---- hostile bytes ---- */

MS_TEST(quotefile_cut_at_every_length_is_refused)
{
	const struct set s = recorded_boot("good");
	for (size_t n = 0; n < s.quote.len; n++) {
		struct set t = s;
		t.quote.len = n;
		expect(&t, "bad-signature");
	}
	for (size_t n = 0; n < s.signature.len; n++) {
		struct set t = s;
		t.signature.len = n;
		CHECK(judge(&t)[0] != '\0');
	}
	for (size_t n = 0; n < s.ak.len; n++) {
		struct set t = s;
		t.ak.len = n;
		CHECK(judge(&t)[0] != '\0');
	}
	for (size_t n = 0; n < s.pcrs.len; n++) {
		struct set t = s;
		t.pcrs.len = n; /* at one length it could be bare values */
		expect(&t, n == 12 * 32 ? "pcr-digest" : "pcr-values");
	}
	struct file pem = boot("good", "ak.pem");
	for (size_t n = 0; n + 1 < pem.len; n++) {
		struct set t = s;
		t.ak = pem;
		t.ak.len = n;
		CHECK(judge(&t)[0] != '\0');
	}
}

static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* What a flip in the PCR file may change is bytes that were never written: then the values are the same. */
MS_TEST(quotefile_with_10000_seeded_flips_says_no_other_thing)
{
	const struct set s = recorded_boot("good");
	uint32_t seed = 20261122;
	unsigned accepted = 0;
	expect(&s, "");
	const struct ms_quotefile good = last;
	for (unsigned i = 0; i < 10000; i++) {
		struct set t = s;
		struct file *f = i % 3 == 0 ? &t.quote : i % 3 == 1 ? &t.signature : &t.pcrs;
		unsigned flips = 1 + next_random(&seed) % 3;
		for (unsigned k = 0; k < flips; k++)
			f->p[next_random(&seed) % f->len] ^= (uint8_t)(1u << (next_random(&seed) % 8));
		if (memcmp(f->p, i % 3 == 0 ? s.quote.p : i % 3 == 1 ? s.signature.p : s.pcrs.p, f->len) == 0)
			continue; /* flipped back */
		if (judge(&t)[0] != '\0')
			continue;
		accepted++;
		CHECK(f == &t.pcrs);
		CHECK(memcmp(&last.banks, &good.banks, sizeof good.banks) == 0);
	}
	CHECK(accepted > 0 && accepted < 3000); /* most of a dump is unused room */
}

/* ---- agreement with the logs of the same machine ---- */

struct told {
	const char *reason;
	struct ms_agree agree;
};

static struct told
agree(const struct set *s, const char *log_of, const char *ima)
{
	char path[128];
	struct told t = {.reason = ""};
	struct ms_agree_input in = {.quote = &last};
	size_t log_len = 0, ima_len = 0;
	uint8_t *log = NULL, *list = NULL;
	struct ms_err err;
	expect(s, "");
	if (log_of != NULL) {
		(void)snprintf(path, sizeof path, "measured-boot/%s/binary_bios_measurements", log_of);
		log = test_file(path, &log_len);
		if (log == NULL)
			skip();
		in.has_boot_log = true;
		in.boot_log = ms_span(log, log_len);
	}
	if (ima != NULL) {
		(void)snprintf(path, sizeof path, "measured-boot/%s", ima);
		list = test_file(path, &ima_len);
		assert_non_null(list);
		in.has_ima = true;
		in.ima = ms_span(list, ima_len);
	}
	enum ms_rc rc = ms_agree_check(&in, &t.agree, &t.reason, &err);
	CHECK((rc == MS_OK) == (t.reason == NULL));
	if (rc == MS_OK)
		t.reason = "";
	ms_agree_fini(&t.agree);
	free(log);
	free(list);
	return t;
}

MS_TEST(agree_quote_log_and_list_of_one_boot_tell_one_story)
{
	struct set s = recorded_boot("good");
	struct told t = agree(&s, "good", "good/ima_ascii");
	CHECK(strcmp(t.reason, "") == 0);
	CHECK_INT(t.agree.bank[0].contradicted | t.agree.bank[0].unexplained, 0);
	CHECK_INT(t.agree.aggregate, MS_IMA_AGGREGATE_PCRS_0_9);
	CHECK(t.agree.ima_used > 0 && t.agree.ima_used <= t.agree.ima_entries && !t.agree.derived);
	s.has_pcrs = false;
	t = agree(&s, "good", "good/ima_binary");
	CHECK(strcmp(t.reason, "") == 0 && t.agree.derived);
	CHECK_INT(t.agree.banks.bank[0].mask, 0x47ff);
}

MS_TEST(agree_names_the_pcrs_that_a_log_of_another_boot_contradicts)
{
	struct set s = recorded_boot("good");
	struct told t = agree(&s, "cmdline", NULL);
	CHECK(strcmp(t.reason, "log-does-not-replay") == 0);
	CHECK_INT(t.agree.bank[0].contradicted, 0x300); /* the command line: PCRs 8 and 9 */
	t = agree(&s, "good", "cmdline/ima_binary");
	CHECK(strcmp(t.reason, "ima-does-not-replay") == 0);
	CHECK_INT(t.agree.bank[0].contradicted, 0x400);
	s.has_pcrs = false;
	t = agree(&s, "cmdline", "good/ima_binary");
	CHECK(strcmp(t.reason, "log-does-not-replay") == 0);
	t = agree(&s, "good", "cmdline/ima_binary");
	CHECK(strcmp(t.reason, "log-does-not-replay") == 0);
}

MS_TEST(agree_says_which_pcrs_no_log_explains)
{
	struct set s = recorded_boot("good");
	struct told t = agree(&s, NULL, "good/ima_binary");
	CHECK(strcmp(t.reason, "") == 0);
	CHECK_INT(t.agree.bank[0].unexplained, 0x43ff);
	t = agree(&s, "good", NULL);
	CHECK(strcmp(t.reason, "") == 0);
	CHECK_INT(t.agree.bank[0].unexplained, 0x400);
	t = agree(&s, NULL, NULL);
	CHECK(strcmp(t.reason, "") == 0);
	CHECK_INT(t.agree.bank[0].unexplained, 0x47ff);
}

/* A list that grew after the quote explains it; one that ends before it does not. */
MS_TEST(agree_takes_a_list_that_has_grown_and_no_shorter_one)
{
	struct set s = recorded_boot("good");
	struct ms_agree a;
	const char *reason;
	size_t len = 0;
	uint8_t *list = test_file("measured-boot/good/ima_ascii", &len);
	assert_non_null(list);
	expect(&s, "");
	struct ms_buf b;
	ms_buf_init(&b, 1u << 20);
	size_t line = len - 1;
	while (line > 0 && list[line - 1] != '\n')
		line--;
	ms_buf_put(&b, list, len);
	ms_buf_put(&b, list + line, len - line); /* the last entry once more */
	struct ms_agree_input in = {.quote = &last, .has_ima = true, .ima = ms_buf_span(&b)};
	CHECK_OK(ms_agree_check(&in, &a, &reason, NULL), NULL);
	CHECK_INT(a.ima_entries, a.ima_used + 1);
	ms_agree_fini(&a);
	in.ima = ms_span(list, line);
	CHECK_INT(ms_agree_check(&in, &a, &reason, NULL), MS_ERR_AUTH);
	CHECK(strcmp(reason, "ima-does-not-replay") == 0);
	ms_agree_fini(&a);
	ms_buf_fini(&b);
	free(list);
}
