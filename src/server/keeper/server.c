/* What the server itself needs: core's key of this boot, the TLS certificate of net, the CRL. */
#include <stdlib.h>

#include "codec/cbor.h"
#include "crypto/cosesig.h"
#include "identity/crl.h"
#include "identity/leafcert.h"
#include "server/keeper/keeper_int.h"

#define CHALLENGE_KEY_LIFE_S (7u * 86400u)
#define CRL_LIFE_S 86400u /* a list that is withheld is missed within a day */
#define CRL_ENTRIES_MAX 100000u

enum ms_rc
ms_keeper_challenge_key(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_challenge_key *p = params;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *key = NULL;
	struct ms_data_start logged;
	enum ms_rc rc = ms_pubkey_from_point(p->point.p, &key, err);
	if (rc == MS_OK)
		rc = ms_keeper_data(w, &ms_data_start_table, &logged, err);
	if (rc != MS_OK)
		return rc;
	if (!ms_span_eq(logged.point, p->point))
		return ms_fail(err, MS_ERR_AUTH, "the entry is about another key");
	if (p->expires_s <= w->entry.time_s || p->expires_s - w->entry.time_s > CHALLENGE_KEY_LIFE_S)
		return ms_fail(err, MS_ERR_DENIED, "a challenge key lives at most %u s", CHALLENGE_KEY_LIFE_S);
	const struct ms_challenge_key_body body = {.point = p->point};
	const struct ms_keeper_says says = {
	    .kind = "challenge-key", .audience = "agent", .expires_s = p->expires_s, .table = &ms_challenge_key_body_table, .body = &body};
	return ms_keeper_say(w, &says, result, err);
}

/* Its names are keeper's own configuration: core cannot ask for another's. */
enum ms_rc
ms_keeper_tls_cert(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_tls_cert *p = params;
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	const struct ms_leafcert leaf = {.issuing = w->k->p.root->body.ca_issuing,
	    .serial = p->serial,
	    .point = p->point.p,
	    .not_before_s = p->not_before_s,
	    .not_after_s = p->not_after_s,
	    .names = w->k->p.server_names};
	ms_buf_init(&tbs, MS_CERT_MAX);
	enum ms_rc rc = ms_leafcert_tbs(&leaf, &tbs, err);
	const struct ms_keeper_cert cert = {
	    .serial = p->serial, .not_before_s = p->not_before_s, .not_after_s = p->not_after_s, .tbs = ms_buf_span(&tbs)};
	return rc == MS_OK ? ms_keeper_issue(w, &cert, result, err) : rc;
}

/* ---- CRL ---- */

static enum ms_rc
parse_revoked(struct ms_span raw, struct ms_crl_entry **ret, size_t *ret_n, struct ms_err *err)
{
	struct ms_cbor c = ms_cbor_over(raw);
	size_t n = ms_cbor_read_array(&c);
	if (n > CRL_ENTRIES_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "a CRL of %zu entries", n);
	struct ms_crl_entry *e = calloc(n + 1, sizeof *e);
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "CRL");
	for (size_t i = 0; i < n; i++) {
		if (ms_cbor_read_array(&c) != 3)
			ms_cbor_poison(&c);
		e[i].serial = ms_cbor_read_bytes(&c);
		e[i].time_s = ms_cbor_read_uint(&c);
		e[i].reason = (enum ms_crl_reason)(ms_cbor_read_uint(&c) & 0xff);
	}
	if (!ms_cbor_done(&c)) {
		free(e);
		return ms_fail(err, MS_ERR_MALFORMED, "CRL entries");
	}
	*ret = e;
	*ret_n = n;
	return MS_OK;
}

static enum ms_rc
check_crl(const struct ms_keeper_work *w, const struct ms_act_crl *p, struct ms_err *err)
{
	struct ms_data_crl logged;
	enum ms_rc rc = ms_keeper_data(w, &ms_data_crl_table, &logged, err);
	if (rc != MS_OK)
		return rc;
	if (logged.number != p->number || logged.this_s != p->this_s || logged.next_s != p->next_s)
		return ms_fail(err, MS_ERR_AUTH, "the entry is about another CRL");
	if (p->number < w->k->crl_number)
		return ms_fail(err, MS_ERR_REPLAY, "CRL numbers rise");
	uint64_t apart = p->this_s > w->now_s ? p->this_s - w->now_s : w->now_s - p->this_s;
	if (apart > MS_KEEPER_ENTRY_AGE_S || p->next_s <= p->this_s || p->next_s - p->this_s > CRL_LIFE_S)
		return ms_fail(err, MS_ERR_DENIED, "a CRL begins now and lives at most %u s", CRL_LIFE_S);
	return MS_OK;
}

enum ms_rc
ms_keeper_crl(const struct ms_keeper_work *w, const void *params, struct ms_buf *result, struct ms_err *err)
{
	const struct ms_act_crl *p = params;
	struct ms_cert issuing;
	MS_OWN(ms_buf_fini) struct ms_buf tbs;
	uint8_t sig[MS_SIG_LEN];
	struct ms_crl_entry *entries = NULL;
	struct ms_crl_params crl = {.issuer = &issuing, .number = p->number, .this_s = p->this_s, .next_s = p->next_s};
	ms_buf_init(&tbs, 4u << 20);
	enum ms_rc rc = check_crl(w, p, err);
	if (rc == MS_OK)
		rc = ms_cert_parse_min(w->k->p.root->body.ca_issuing, &issuing, err);
	if (rc == MS_OK)
		rc = parse_revoked(p->revoked, &entries, &crl.n_entries, err);
	crl.entries = entries;
	if (rc == MS_OK)
		rc = ms_crl_tbs(&crl, &tbs, err);
	free(entries);
	if (rc == MS_OK)
		rc = ms_signer_sign(&w->k->issuing, ms_buf_span(&tbs), sig, err);
	if (rc == MS_OK)
		rc = ms_cert_assemble(ms_buf_span(&tbs), sig, result, err);
	if (rc == MS_OK)
		w->k->crl_number = p->number;
	return rc;
}
