/* Signed notes, checkpoints and tickets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/ticket.h"
#include "codec/cbor.h"
#include "support/test.h"

/* The published example of an implementation in another language (hex.pm signed_note 1.0.0). */
#define VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define LINE "\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
#define TEXT "This is an example message.\n"
#define DASH "\xe2\x80\x94 "

#define ORIGIN "log.example/muster"

static struct ms_vkey *
vkey_of(const char *text)
{
	struct ms_vkey *v = NULL;
	struct ms_err err;
	CHECK_OK(ms_vkey_parse(ms_span_str(text), &v, &err), &err);
	return v;
}

static enum ms_rc
verify(const char *note, const struct ms_vkey *v, struct ms_note *ret)
{
	uint8_t *w = test_dup(note, strlen(note));
	enum ms_rc rc = ms_note_verify(ms_span(w, strlen(note)), v, ret, NULL);
	free(w); /* the spans of ret are not looked at by who calls this */
	return rc;
}

static struct ms_softkey *
log_key(void)
{
	struct ms_softkey *k = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *seed = NULL;
	uint8_t raw[MS_RAW_KEY_LEN];
	memset(raw, 7, sizeof raw);
	CHECK(ms_secret_from(raw, sizeof raw, &seed, NULL) == MS_OK);
	CHECK(ms_softkey_load(MS_KEY_ED25519, seed, &k, NULL) == MS_OK);
	return k;
}

static struct ms_vkey *
log_vkey(const struct ms_softkey *k)
{
	struct ms_vkey *v = NULL;
	CHECK(ms_vkey_new(ORIGIN, ms_pubkey_point(ms_softkey_public(k)).p, &v, NULL) == MS_OK);
	return v;
}

MS_TEST(vkey_reads_and_writes_the_published_one)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = vkey_of(VKEY);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 1000);
	ms_vkey_build(v, &b);
	CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str(VKEY)));
	assert_string_equal(ms_vkey_name(v), "example.com/foo");
}

MS_TEST(vkey_refuses_every_changed_character_and_every_cut)
{
	for (size_t i = 0; i < strlen(VKEY); i++) {
		char w[] = VKEY;
		struct ms_vkey *v = NULL;
		w[i] ^= 1;
		CHECK(ms_vkey_parse(ms_span_str(w), &v, NULL) != MS_OK);
		CHECK(ms_vkey_parse(ms_span(VKEY, i), &v, NULL) != MS_OK);
		CHECK(v == NULL);
	}
}

MS_TEST(vkey_refuses_other_types_lengths_and_names)
{
	static const char *const bad[] = {"", "+", "++", "a+530d903a+",
	    "a+530d903a+AA==", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
	    "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
	    "a\xc2\xa0"
	    "b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
	    "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", VKEY "\n", " " VKEY};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct ms_vkey *v = NULL;
		CHECK(ms_vkey_parse(ms_span_str(bad[i]), &v, NULL) != MS_OK);
	}
}

MS_TEST(note_verifies_the_published_one)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = vkey_of(VKEY);
	static const char note[] = TEXT "\n" LINE;
	struct ms_note n;
	CHECK(ms_note_verify(ms_span_str(note), v, &n, NULL) == MS_OK);
	CHECK(ms_span_eq(n.text, ms_span_str(TEXT)) && n.others == 0);
}

MS_TEST(note_refuses_every_changed_byte_and_every_cut)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = vkey_of(VKEY);
	static const char note[] = TEXT "\n" LINE;
	struct ms_note n;
	for (size_t i = 0; i < strlen(note); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			char w[] = TEXT "\n" LINE;
			w[i] = (char)(w[i] ^ (1 << bit));
			uint8_t *p = test_dup(w, strlen(note));
			CHECK(ms_note_verify(ms_span(p, strlen(note)), v, &n, NULL) != MS_OK);
			free(p);
		}
		uint8_t *p = test_dup(note, i);
		CHECK(ms_note_verify(ms_span(p, i), v, &n, NULL) != MS_OK);
		free(p);
	}
}

MS_TEST(note_counts_unknown_signatures_and_wants_its_own)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = vkey_of(VKEY);
	struct ms_note n;
	static const char other[] = DASH "other.example AAAAAAE=\n", same_name[] = DASH "example.com/foo AAAAAAE=\n",
			  same_id[] = DASH "other Uw2QOgE=\n";
	char w[1000];
	snprintf(w, sizeof w, "%s\n%s%s%s%s", TEXT, other, LINE, same_name, same_id);
	CHECK(verify(w, v, &n) == MS_OK && n.others == 3);
	snprintf(w, sizeof w, "%s\n%s%s%s", TEXT, other, same_name, same_id);
	CHECK(verify(w, v, &n) == MS_ERR_AUTH);
}

MS_TEST(note_refuses_a_bad_signature_of_its_key_beside_a_good_one)
{
	MS_OWN(ms_vkey_free) struct ms_vkey *v = vkey_of(VKEY);
	struct ms_note n;
	char w[1000];
	snprintf(w, sizeof w, "%s\n%s%sexample.com/foo Uw2QOgE=\n", TEXT, LINE, DASH);
	CHECK(verify(w, v, &n) == MS_ERR_AUTH);
}

MS_TEST(note_refuses_malformed_shapes)
{
	static const char *const bad[] = {"", "\n", "\n\n", "a\n", "a\n\n", "a\n" LINE, "a\n\n\n" LINE "\n", "a\n\n" LINE "x",
	    "a\n\n- x AAAAAAE=\n", "a\n\n" DASH "x\n", "a\n\n" DASH " AAAAAAE=\n", "a\n\n" DASH "x  AAAAAAE=\n",
	    "a\n\n" DASH "x AAAAAAE= \n", "a\n\n" DASH "x AAAAAA==\n", "a\n\n" DASH "x AAAAAAF=\n", "a\n\n" DASH "x+y AAAAAAE=\n",
	    "a\n\n" DASH "x\xe3\x80\x80y AAAAAAE=\n", "a\tb\n\n" DASH "x AAAAAAE=\n", "a\r\n\n" DASH "x AAAAAAE=\n",
	    "a\xff\n\n" DASH "x AAAAAAE=\n", "a\n\n" DASH "x AAAAAAE"};
	struct ms_note_raw raw;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t *p = test_dup(bad[i], strlen(bad[i]));
		if (ms_note_parse(ms_span(p, strlen(bad[i])), &raw, NULL) != MS_ERR_MALFORMED)
			fail_msg("%zu", i);
		free(p);
	}
	static const char good[] = "a\n\nb\n\n" DASH "x AAAAAAE=\n"; /* an empty line belongs to the text: the last one parts */
	CHECK(ms_note_parse(ms_span_str(good), &raw, NULL) == MS_OK && raw.text.len == 5 && raw.n == 1);
}

MS_TEST(note_holds_its_caps)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_note_raw raw;
	ms_buf_init(&b, 4 * MS_NOTE_MAX);
	for (unsigned sigs = MS_NOTE_SIGS_MAX; sigs <= MS_NOTE_SIGS_MAX + 1; sigs++) {
		ms_buf_reset(&b);
		ms_buf_str(&b, "a\n\n");
		for (unsigned i = 0; i < sigs; i++)
			ms_buf_str(&b, DASH "x AAAAAAE=\n");
		CHECK(ms_note_parse(ms_buf_span(&b), &raw, NULL) == (sigs > MS_NOTE_SIGS_MAX ? MS_ERR_TOO_BIG : MS_OK));
	}
	for (size_t size = MS_NOTE_SIG_MAX; size <= MS_NOTE_SIG_MAX + 3; size += 3) {
		ms_buf_reset(&b);
		ms_buf_str(&b, "a\n\n" DASH "x ");
		for (size_t i = 0; i < size; i += 3)
			ms_buf_str(&b, "AAAA");
		ms_buf_str(&b, "\n");
		CHECK(ms_note_parse(ms_buf_span(&b), &raw, NULL) == (size > MS_NOTE_SIG_MAX ? MS_ERR_TOO_BIG : MS_OK));
	}
	ms_buf_reset(&b);
	for (size_t i = 0; i < MS_NOTE_MAX; i++)
		ms_buf_str(&b, "a");
	ms_buf_str(&b, "\n\n" DASH "x AAAAAAE=\n");
	CHECK(ms_note_parse(ms_buf_span(&b), &raw, NULL) == MS_ERR_TOO_BIG);
}

MS_TEST(note_signs_only_clean_text_with_an_ed25519_key)
{
	MS_OWN(ms_softkey_free) struct ms_softkey *k = log_key(), *p256 = NULL;
	MS_OWN(ms_vkey_free) struct ms_vkey *v = log_vkey(k);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_signer s = ms_softkey_signer(k);
	struct ms_note n;
	struct ms_err err;
	static const char *const bad[] = {"", "no newline", "tab\t\n", "\xff\n"};
	ms_buf_init(&b, 10000);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(ms_note_build(ms_span_str(bad[i]), ORIGIN, &s, &b, NULL) == MS_ERR_USAGE);
	CHECK(ms_note_build(ms_span_str("a\n"), "bad name", &s, &b, NULL) == MS_ERR_USAGE);
	CHECK(ms_softkey_generate(MS_KEY_P256, &p256, NULL) == MS_OK);
	struct ms_signer wrong = ms_softkey_signer(p256);
	CHECK(ms_note_build(ms_span_str("a\n"), ORIGIN, &wrong, &b, NULL) == MS_ERR_USAGE);
	CHECK(b.len == 0);
	CHECK_OK(ms_note_build(ms_span_str("a\n"), ORIGIN, &s, &b, &err), &err);
	CHECK_OK(ms_note_verify(ms_buf_span(&b), v, &n, &err), &err);
}

/* ---- Checkpoints ---- */

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

MS_TEST(checkpoint_reads_the_published_one_and_writes_it_again)
{
	static const char text[] = "example.com/behind-the-sofa\n20852163\n" ROOT "\n"; /* C2SP tlog-checkpoint */
	static const char more[] = "example.com/behind-the-sofa\n20852163\n" ROOT "\nan extension\nanother\n";
	const char *const texts[2] = {text, more};
	for (int i = 0; i < 2; i++) {
		MS_OWN(ms_buf_fini) struct ms_buf b;
		struct ms_checkpoint c;
		ms_buf_init(&b, 1000);
		CHECK(ms_checkpoint_parse(ms_span_str(texts[i]), &c, NULL) == MS_OK);
		CHECK(c.size == 20852163 && ms_span_eq(c.origin, ms_span_str("example.com/behind-the-sofa")));
		CHECK(ms_checkpoint_build(&c, &b, NULL) == MS_OK);
		CHECK(ms_span_eq(ms_buf_span(&b), ms_span_str(texts[i])));
	}
}

MS_TEST(checkpoint_refuses_other_forms)
{
	static const char *const bad[] = {"", "\n1\n" ROOT "\n", "a\n", "a\n1\n", "a\n\n" ROOT "\n", "a\n01\n" ROOT "\n",
	    "a\n00\n" ROOT "\n", "a\n+1\n" ROOT "\n", "a\n-1\n" ROOT "\n", "a\n 1\n" ROOT "\n", "a\n1 \n" ROOT "\n", "a\n0x1\n" ROOT "\n",
	    "a\n1\n" ROOT, "a\n1\n" ROOT "\n\n", "a\n1\n" ROOT "\nx", "a\n1\n" ROOT "\n\nx\n", "a\n1\n\n", "a\n1\nAAAA\n",
	    "a\n1\n" ROOT "A\n", "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
	    "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", "a\n4611686018427387905\n" ROOT "\n",
	    "a\n18446744073709551617\n" ROOT "\n", "a\n99999999999999999999\n" ROOT "\n", "a\n0\n" ROOT "\n", "a\tb\n1\n" ROOT "\n",
	    "a\xff\n1\n" ROOT "\n"};
	struct ms_checkpoint c;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint8_t *p = test_dup(bad[i], strlen(bad[i]));
		if (ms_checkpoint_parse(ms_span(p, strlen(bad[i])), &c, NULL) != MS_ERR_MALFORMED)
			fail_msg("%s", bad[i]);
		free(p);
	}
	CHECK(ms_checkpoint_parse(ms_span_str("a\n4611686018427387904\n" ROOT "\n"), &c, NULL) == MS_OK);
	CHECK(ms_checkpoint_parse(ms_span_str("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"), &c, NULL) == MS_OK);
}

MS_TEST(checkpoint_is_not_built_from_what_would_not_parse)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	ms_buf_init(&b, 10000);
	struct ms_checkpoint bad[] = {{.size = 1}, {.origin = ms_span_str("a\nb"), .size = 1}, {.origin = ms_span_str("a"), .size = 0},
	    {.origin = ms_span_str("a"), .size = MS_TREE_SIZE_MAX + 1},
	    {.origin = ms_span_str("a"), .size = 1, .extensions = ms_span_str("x")},
	    {.origin = ms_span_str("a"), .size = 1, .extensions = ms_span_str("\n")}};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(ms_checkpoint_build(&bad[i], &b, NULL) == MS_ERR_USAGE && b.len == 0);
}

MS_TEST(checkpoint_of_another_origin_or_key_is_refused)
{
	MS_OWN(ms_softkey_free) struct ms_softkey *k = log_key();
	MS_OWN(ms_vkey_free) struct ms_vkey *v = log_vkey(k);
	MS_OWN(ms_vkey_free) struct ms_vkey *other = vkey_of(VKEY);
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_signer s = ms_softkey_signer(k);
	struct ms_checkpoint c;
	struct ms_node root;
	ms_buf_init(&b, 10000);
	ms_merkle_empty(&root);
	CHECK(ms_checkpoint_sign(ORIGIN, 0, &root, &s, &b, NULL) == MS_OK);
	CHECK(ms_checkpoint_verify(ms_buf_span(&b), v, &c, NULL) == MS_OK && c.size == 0);
	CHECK(ms_checkpoint_verify(ms_buf_span(&b), other, &c, NULL) == MS_ERR_AUTH);
	ms_buf_reset(&b);
	CHECK(ms_note_build(ms_span_str("elsewhere\n1\n" ROOT "\n"), ORIGIN, &s, &b, NULL) == MS_OK);
	CHECK(ms_checkpoint_verify(ms_buf_span(&b), v, &c, NULL) == MS_ERR_AUTH);
	ms_buf_reset(&b);
	CHECK(ms_note_build(ms_span_str("not a checkpoint\n"), ORIGIN, &s, &b, NULL) == MS_OK);
	CHECK(ms_checkpoint_verify(ms_buf_span(&b), v, &c, NULL) == MS_ERR_MALFORMED);
}

/* ---- Tickets ---- */

#define N 21u
struct stand {
	struct ms_softkey *key;
	struct ms_vkey *vkey;
	struct ms_batch batch;
	struct ms_buf note, ticket;
};
static const char *const entry_text[3] = {"first entry", "second entry", "third entry"};

static void
stand_up(struct stand *s)
{
	struct ms_node leaf[N];
	struct ms_frontier f;
	*s = (struct stand){.key = log_key()};
	s->vkey = log_vkey(s->key);
	struct ms_signer signer = ms_softkey_signer(s->key);
	ms_buf_init(&s->note, 10000);
	ms_buf_init(&s->ticket, MS_TICKET_MAX);
	for (unsigned i = 0; i < N; i++)
		ms_merkle_leaf(ms_span_str(entry_text[i % 3]), &leaf[i]);
	ms_frontier_init(&f);
	CHECK(ms_frontier_append_batch(&f, leaf, N, &s->batch, NULL) == MS_OK);
	CHECK(ms_checkpoint_sign(ORIGIN, N, &s->batch.root, &signer, &s->note, NULL) == MS_OK);
}

static void
stand_ticket(struct stand *s, size_t i)
{
	size_t n;
	const struct ms_node *p = ms_batch_proof(&s->batch, i, &n);
	ms_buf_reset(&s->ticket);
	CHECK(ms_ticket_build(i, p, n, ms_buf_span(&s->note), &s->ticket, NULL) == MS_OK);
}

static void
stand_down(struct stand *s)
{
	ms_buf_fini(&s->note);
	ms_buf_fini(&s->ticket);
	ms_batch_fini(&s->batch);
	ms_vkey_free(s->vkey);
	ms_softkey_free(s->key);
}

MS_TEST(ticket_proves_its_entry_and_no_other)
{
	struct stand s;
	struct ms_ticket t;
	struct ms_ticket_memo memo = {0};
	struct ms_err err;
	stand_up(&s);
	for (unsigned i = 0; i < N; i++) {
		stand_ticket(&s, i);
		for (int round = 0; round < 2; round++) { /* the second from the memo */
			CHECK_OK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[i % 3]), s.vkey, &memo, &t, &err), &err);
			CHECK(t.index == i && t.size == N && ms_node_eq(&t.root, &s.batch.root));
			CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[(i + 1) % 3]), s.vkey, &memo, &t, NULL) ==
			      MS_ERR_AUTH);
		}
		CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), MS_SPAN_NONE, s.vkey, NULL, &t, NULL) == MS_ERR_AUTH);
	}
	stand_down(&s);
}

MS_TEST(I13_ticket_with_any_bit_changed_or_any_cut_is_refused)
{
	struct stand s;
	struct ms_ticket t;
	stand_up(&s);
	stand_ticket(&s, 4);
	struct ms_ticket_memo memo = {0}; /* knows the true checkpoint: must not help a changed one */
	CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[1]), s.vkey, &memo, &t, NULL) == MS_OK);
	for (size_t i = 0; i < s.ticket.len; i++) {
		uint8_t *w = test_dup(s.ticket.p, s.ticket.len);
		for (unsigned bit = 0; bit < 8; bit++) {
			w[i] ^= (uint8_t)(1u << bit);
			if (ms_ticket_verify(ms_span(w, s.ticket.len), ms_span_str(entry_text[1]), s.vkey, &memo, &t, NULL) == MS_OK)
				fail_msg("byte %zu bit %u", i, bit);
			w[i] ^= (uint8_t)(1u << bit);
		}
		free(w);
		uint8_t *cut = test_dup(s.ticket.p, i);
		CHECK(ms_ticket_verify(ms_span(cut, i), ms_span_str(entry_text[1]), s.vkey, &memo, &t, NULL) == MS_ERR_MALFORMED);
		free(cut);
	}
	stand_down(&s);
}

MS_TEST(I13_ticket_of_another_log_is_refused_even_after_its_own_log_was_seen)
{
	struct stand s;
	struct ms_ticket t;
	struct ms_ticket_memo memo = {0};
	MS_OWN(ms_vkey_free) struct ms_vkey *same_key_other_name = NULL, *other = vkey_of(VKEY);
	stand_up(&s);
	stand_ticket(&s, 4);
	CHECK(ms_vkey_new("log.example/other", ms_pubkey_point(ms_softkey_public(s.key)).p, &same_key_other_name, NULL) == MS_OK);
	CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[1]), s.vkey, &memo, &t, NULL) == MS_OK);
	CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[1]), other, &memo, &t, NULL) == MS_ERR_AUTH);
	CHECK(ms_ticket_verify(ms_buf_span(&s.ticket), ms_span_str(entry_text[1]), same_key_other_name, &memo, &t, NULL) == MS_ERR_AUTH);
	stand_down(&s);
}

MS_TEST(ticket_with_a_ragged_or_too_long_proof_is_refused)
{
	MS_OWN(ms_buf_fini) struct ms_buf b;
	struct ms_ticket_raw raw;
	static const uint8_t zeros[MS_NODE_LEN * (MS_PROOF_MAX + 1)];
	for (size_t n = 0; n <= sizeof zeros; n += 16) {
		ms_buf_init(&b, MS_TICKET_MAX * 2);
		ms_cbor_map(&b, 3);
		ms_cbor_uint(&b, 1), ms_cbor_uint(&b, 5);
		ms_cbor_uint(&b, 2), ms_cbor_bytes(&b, ms_span(zeros, n));
		ms_cbor_uint(&b, 3), ms_cbor_bytes(&b, ms_span_str("note"));
		CHECK((ms_ticket_parse(ms_buf_span(&b), &raw, NULL) == MS_OK) == (n % MS_NODE_LEN == 0 && n <= MS_NODE_LEN * MS_PROOF_MAX));
		ms_buf_fini(&b);
	}
	ms_buf_init(&b, 100);
	CHECK(ms_ticket_build(1, NULL, MS_PROOF_MAX + 1, ms_span_str("x"), &b, NULL) == MS_ERR_USAGE);
}
