/* make_export DIR SIZE: an exported log of SIZE entries, signed by a fixed key; prints the verifier key. For
 * rfc6962_test.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/export.h"
#include "audit/verify.h"

static enum ms_rc
make(const char *dir, uint64_t size, const struct ms_signer *signer, const struct ms_vkey *v, struct ms_err *err)
{
	MS_OWN(ms_export_free) struct ms_export *e = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf note;
	struct ms_frontier f;
	struct ms_node leaf, root;
	ms_buf_init(&note, 4096);
	ms_frontier_init(&f);
	enum ms_rc rc = ms_export_open(dir, &e, err);
	for (uint64_t i = 0; i < size && rc == MS_OK; i++) {
		char text[32];
		int n = snprintf(text, sizeof text, "entry %llu", (unsigned long long)i);
		ms_merkle_leaf(ms_span(text, (size_t)n), &leaf);
		rc = ms_frontier_append(&f, &leaf, err);
		if (rc == MS_OK)
			rc = ms_export_append(e, ms_span(text, (size_t)n), err);
	}
	if (rc != MS_OK)
		return rc;
	ms_frontier_root(&f, &root);
	rc = ms_checkpoint_sign(ms_vkey_name(v), size, &root, signer, &note, err);
	return rc == MS_OK ? ms_export_commit(e, ms_buf_span(&note), err) : rc;
}

int
main(int argc, char **argv)
{
	MS_OWN(ms_secret_free) struct ms_secret *seed = NULL;
	MS_OWN(ms_softkey_free) struct ms_softkey *key = NULL;
	MS_OWN(ms_vkey_free) struct ms_vkey *v = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf text;
	struct ms_err err = {0};
	uint8_t raw[MS_RAW_KEY_LEN] = {3};
	ms_buf_init(&text, MS_VKEY_TEXT_MAX);
	if (argc != 3)
		return 2;
	enum ms_rc rc = ms_secret_from(raw, sizeof raw, &seed, &err);
	if (rc == MS_OK)
		rc = ms_softkey_load(MS_KEY_ED25519, seed, &key, &err);
	if (rc == MS_OK)
		rc = ms_vkey_new("log.example/peer", ms_pubkey_point(ms_softkey_public(key)).p, &v, &err);
	struct ms_signer signer = {0};
	if (rc == MS_OK) {
		signer = ms_softkey_signer(key);
		rc = make(argv[1], strtoull(argv[2], NULL, 10), &signer, v, &err);
	}
	if (rc != MS_OK) {
		fprintf(stderr, "make_export: %s\n", err.text);
		return 1;
	}
	ms_vkey_build(v, &text);
	printf("%.*s\n", (int)text.len, (const char *)text.p);
	return 0;
}
