/* A hostile core's act at keeper. First the whole frame, as it comes; then its parameters and entry as if the gate had let them
 * pass, so that every act's own parsers are reached. Input: u8 act | the act's wire form (proto/msg.h, struct ms_act). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "codec/cose.h"
#include "identity/cert.h"
#include "server/keeper/keeper_int.h"

#define NOW_S UINT64_C(1795000000)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ms_keeper keeper;
static struct ms_root root;
static struct ms_buf root_der, issuing_der;

static void
must(enum ms_rc rc, const struct ms_err *err)
{
	if (rc == MS_OK)
		return;
	(void)fprintf(stderr, "%s\n", err->text);
	abort();
}

static struct ms_softkey *
key_of(uint8_t scalar)
{
	struct ms_err err;
	uint8_t raw[MS_RAW_KEY_LEN] = {0};
	struct ms_secret *s = NULL;
	struct ms_softkey *k = NULL;
	raw[31] = scalar;
	must(ms_secret_from(raw, sizeof raw, &s, &err), &err);
	must(ms_softkey_load(MS_KEY_P256, s, &k, &err), &err);
	ms_secret_free(s);
	return k;
}

static void
make_certs(struct ms_softkey *ca, struct ms_softkey *issuing)
{
	struct ms_err err;
	struct ms_cert parsed;
	static const uint8_t serial[16] = {0x41};
	struct ms_signer s = ms_softkey_signer(ca);
	struct ms_cert_params p = {.profile = MS_CERT_ROOT,
	    .serial = ms_span(serial, sizeof serial),
	    .point = ms_pubkey_point(s.pub).p,
	    .not_before_s = NOW_S - 86400,
	    .not_after_s = NOW_S + 86400 * 365,
	    .deployment = ms_span_str("fuzz")};
	ms_buf_init(&root_der, MS_CERT_MAX);
	ms_buf_init(&issuing_der, MS_CERT_MAX);
	must(ms_cert_issue(&s, &p, &root_der, &err), &err);
	must(ms_cert_parse_min(ms_buf_span(&root_der), &parsed, &err), &err);
	p.profile = MS_CERT_ISSUING;
	p.issuer = &parsed;
	p.point = ms_pubkey_point(ms_softkey_public(issuing)).p;
	must(ms_cert_issue(&s, &p, &issuing_der, &err), &err);
}

int
LLVMFuzzerInitialize(MS_UNUSED int *argc, MS_UNUSED char ***argv)
{
	struct ms_err err;
	static const char *const names[] = {"localhost", NULL};
	static const uint8_t log_key[MS_ED25519_LEN] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64,
	    0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}; /* RFC 8032 7.1 */
	struct ms_softkey *ca = key_of(1), *issuing = key_of(2), *release = key_of(3), *admin = key_of(4);
	ms_log_init("fuzz", MS_LOG_ERROR);
	make_certs(ca, issuing);
	keeper.release = ms_softkey_signer(release);
	keeper.issuing = ms_softkey_signer(issuing);
	must(ms_pubkey_from_point(ms_pubkey_point(keeper.release.pub).p, &root.release, &err), &err);
	must(ms_pubkey_from_point(ms_pubkey_point(ms_softkey_public(admin)).p, &root.operators[0].key, &err), &err);
	root.n_operators = 1;
	memcpy(root.operators[0].role, "admin", 6);
	memcpy(root.operators[0].tenant, "*", 2);
	root.body = (struct ms_root_body){
	    .trust_domain = ms_span_str("fuzz.test"), .ca_root = ms_buf_span(&root_der), .ca_issuing = ms_buf_span(&issuing_der)};
	keeper.p = (struct ms_keeper_params){.root = &root, .server_names = names};
	must(ms_vkey_new("fuzz/log", log_key, &keeper.log, &err), &err);
	must(ms_secret_from("0123456789abcdef0123456789abcdef", 32, &keeper.boot_secret, &err), &err);
	keeper.clock = (struct ms_authority_clock){.base_wall_s = NOW_S, .base_boot_ms = ms_clock_boot_ms(), .tolerance_s = UINT64_MAX / 2};
	ms_softkey_free(ca);
	ms_softkey_free(admin);
	return 0;
}

/* Past the gate, with the entry that came. */
static void
act_as_if_logged(const struct ms_keeper_row *row, const struct ms_act *act)
{
	_Alignas(uint64_t) uint8_t params[MS_KEEPER_PARAMS_MAX] = {0};
	struct ms_keeper_work w = {.k = &keeper, .now_s = NOW_S, .tenant = "default"};
	struct ms_buf out;
	if (row->kind != NULL && (!MS_CBOR_HAS(act, MS_ACT_ENTRY) || ms_entry_parse(act->entry, &w.entry, NULL) != MS_OK))
		return;
	w.now_s = w.entry.time_s != 0 ? w.entry.time_s : NOW_S;
	if (row->kind != NULL && w.entry.tenant.len < sizeof w.tenant) {
		memset(w.tenant, 0, sizeof w.tenant);
		if (w.entry.tenant.len > 0)
			memcpy(w.tenant, w.entry.tenant.p, w.entry.tenant.len);
	}
	ms_buf_init(&out, 1u << 20);
	if (ms_cbor_parse_map(row->params, act->params, params, NULL) == MS_OK)
		(void)!row->act(&w, params, &out, NULL);
	ms_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_act act;
	struct ms_buf result;
	if (size < 1)
		return 0;
	unsigned type = data[0];
	struct ms_span wire = ms_span(data + 1, size - 1);
	ms_buf_init(&result, MS_ACT_FRAME_MAX);
	(void)!ms_keeper_act(&keeper, type, wire, &result, NULL);
	ms_buf_fini(&result);
	const struct ms_keeper_row *row = ms_keeper_row(type);
	if (row != NULL && ms_cbor_parse_map(&ms_act_table, wire, &act, NULL) == MS_OK)
		act_as_if_logged(row, &act);
	keeper.crl_number = 0;
	return 0;
}
