/* The gate of every act that grants: no leaf, no act. The leaf must be about exactly these parameters. */
#include <string.h>

#include "crypto/hash.h"
#include "server/keeper/keeper_int.h"

static enum ms_rc
check_entry(const struct ms_keeper_row *row, const struct ms_keeper_work *w, struct ms_err *err)
{
	const struct ms_entry *e = &w->entry;
	if (!ms_span_eq(e->kind, ms_span_str(row->kind)))
		return ms_fail(err, MS_ERR_AUTH, "%s: its entry is of another kind", row->name);
	if (!ms_span_eq(e->decision, ms_span_str("ok")))
		return ms_fail(err, MS_ERR_AUTH, "%s: its entry is a refusal", row->name);
	if (!ms_span_eq(e->act, ms_span(w->digest, sizeof w->digest)))
		return ms_fail(err, MS_ERR_AUTH, "%s: its entry is about another act", row->name);
	uint64_t apart = e->time_s > w->now_s ? e->time_s - w->now_s : w->now_s - e->time_s;
	if (apart > MS_KEEPER_ENTRY_AGE_S)
		return ms_fail(err, MS_ERR_EXPIRED, "%s: its entry is %llu s away from now", row->name, (unsigned long long)apart);
	if (row->server ? !ms_span_eq(e->tenant, ms_span_str("*")) || !ms_span_eq(e->subject, ms_span_str("server"))
			: !ms_name_ok(e->tenant, sizeof w->tenant - 1))
		return ms_fail(err, MS_ERR_AUTH, "%s: its entry has another tenant or subject", row->name);
	return MS_OK;
}

enum ms_rc
ms_keeper_gate(const struct ms_keeper_row *row, const struct ms_act *act, struct ms_keeper_work *w, struct ms_err *err)
{
	struct ms_ticket t;
	bool given = MS_CBOR_HAS(act, MS_ACT_ENTRY) && MS_CBOR_HAS(act, MS_ACT_TICKET);
	ms_sha256(act->params, w->digest);
	if (row->kind == NULL)
		return MS_OK;
	if (!given)
		return ms_fail(err, MS_ERR_AUTH, "%s: no entry and ticket", row->name);
	if (!row->refuses && ms_authority_jumped(&w->k->clock))
		return ms_fail(err, MS_ERR_CLOCK, "%s: the clock jumped", row->name);
	enum ms_rc rc = ms_entry_parse(act->entry, &w->entry, err);
	if (rc == MS_OK)
		rc = ms_ticket_verify(act->ticket, act->entry, w->k->log, &w->k->memo, &t, err);
	if (rc == MS_OK && t.index != w->entry.seq)
		rc = ms_fail(err, MS_ERR_AUTH, "%s: its entry is at another place in the log than it says", row->name);
	if (rc == MS_OK)
		rc = check_entry(row, w, err);
	if (rc != MS_OK)
		return rc;
	w->leaf = t.leaf;
	memcpy(w->tenant, w->entry.tenant.p, w->entry.tenant.len);
	return MS_OK;
}
