#include "agent/logs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "codec/imalist.h"
#include "codec/tpm.h"
#include "crypto/hash.h"

void
ms_agent_logs_fini(struct ms_agent_logs *l)
{
	ms_buf_fini(&l->boot_log);
	ms_buf_fini(&l->ima);
}

/* ---- reading ---- */

/* The kernel's files of a TPM that is not the kernel's say nothing of it. */
static const char *
path_of(const struct ms_session *s, const char *given, const char *usual)
{
	if (given != NULL)
		return strcmp(given, "none") == 0 ? NULL : given;
	return strncmp(s->o->tcti, "device:", 7) == 0 ? usual : NULL;
}

static void
say_once(bool *said, const char *what, const char *why)
{
	if (!*said)
		(void)fprintf(stderr, "muster-agent: %s is not sent: %s\n", what, why);
	*said = true;
}

/* MS_OK with *ret_have: it is there, and no larger than a message holds. */
static enum ms_rc
read_log(const char *path, size_t max, const char *what, bool *said, struct ms_buf *out, bool *ret_have)
{
	struct ms_err why = {.rc = MS_OK};
	enum ms_rc rc = ms_io_read_file(path, max, out, &why);
	*ret_have = rc == MS_OK;
	if (rc == MS_ERR_NOMEM)
		return rc;
	if (rc != MS_OK)
		say_once(said, what, why.text);
	return MS_OK;
}

/* Offset of entry `n` in the kernel's binary list. SIZE_MAX: there are not so many, or it is not such a list. */
static size_t
entry_offset(struct ms_span list, uint32_t n)
{
	static const struct ms_imalist_caps caps = {.bytes = MS_AGENT_IMA_FILE_MAX, .entries = UINT32_MAX};
	MS_OWN(ms_imalist_fini) struct ms_imalist it = {.off = 0};
	struct ms_ima_entry e;
	if (n == 0)
		return 0;
	if (ms_imalist_init(&it, list, 0, &caps, NULL) != MS_OK || it.ascii)
		return SIZE_MAX;
	for (uint32_t i = 0; i < n; i++)
		if (ms_imalist_done(&it) || ms_imalist_next(&it, &e, NULL) != MS_OK)
			return SIZE_MAX;
	return it.off;
}

static bool
reset_count_of(struct ms_span attest, uint32_t *ret)
{
	struct ms_tpm_attest t;
	if (ms_tpm_attest_parse(attest, &t, NULL) != MS_OK)
		return false;
	*ret = t.reset_count;
	return true;
}

/* ---- sending ---- */

static enum ms_rc
add_boot(struct ms_session *s, struct ms_agent_logs_plan *plan, bool same_boot, struct ms_agent_logs *l, struct ms_attested *m)
{
	bool have = false;
	const char *path = path_of(s, s->o->boot_log, MS_AGENT_BOOT_LOG);
	plan->sent_hash = false;
	if (path == NULL || plan->no_boot)
		return MS_OK;
	enum ms_rc rc = read_log(path, MS_ATTESTED_BOOT_LOG_MAX, "the boot log", &s->said_boot_log, &l->boot_log, &have);
	if (rc != MS_OK || !have || l->boot_log.len == 0)
		return rc;
	ms_sha256(ms_buf_span(&l->boot_log), l->boot_hash);
	struct ms_span hash = ms_span(l->boot_hash, sizeof l->boot_hash);
	plan->sent_hash = same_boot && !plan->boot_whole && ms_span_eq(s->rec.f.boot_log, hash);
	if (plan->sent_hash) {
		m->boot_log_hash = hash;
		m->present |= MS_CBOR_BIT(MS_ATTESTED_BOOT_LOG_HASH);
	} else {
		m->boot_log = ms_buf_span(&l->boot_log);
		m->present |= MS_CBOR_BIT(MS_ATTESTED_BOOT_LOG);
	}
	return MS_OK;
}

static enum ms_rc
add_ima(struct ms_session *s, struct ms_agent_logs_plan *plan, bool same_boot, struct ms_agent_logs *l, struct ms_attested *m)
{
	bool have = false;
	const char *path = path_of(s, s->o->ima, MS_AGENT_IMA);
	plan->sent_tail = false;
	if (path == NULL || plan->no_ima)
		return MS_OK;
	enum ms_rc rc = read_log(path, MS_AGENT_IMA_FILE_MAX, "the IMA list", &s->said_ima, &l->ima, &have);
	if (rc != MS_OK || !have)
		return rc;
	struct ms_span list = ms_buf_span(&l->ima);
	uint32_t from = same_boot && !plan->ima_whole ? (uint32_t)s->rec.f.ima_entries : 0;
	size_t at = entry_offset(list, from);
	if (at == SIZE_MAX) {
		from = 0;
		at = 0;
	}
	if (list.len - at > MS_ATTESTED_IMA_MAX) {
		say_once(&s->said_ima, "the IMA list", "it is larger than a message holds");
		return MS_OK;
	}
	plan->sent_tail = from > 0;
	m->ima = list.len > at ? ms_span(list.p + at, list.len - at) : ms_span("", 0);
	m->ima_from = from;
	m->present |= MS_CBOR_BIT(MS_ATTESTED_IMA) | MS_CBOR_BIT(MS_ATTESTED_IMA_FROM);
	return MS_OK;
}

enum ms_rc
ms_agent_logs_add(struct ms_session *s, struct ms_agent_logs_plan *plan, struct ms_span attest, struct ms_agent_logs *l,
    struct ms_attested *m, struct ms_err *err)
{
	uint32_t reset_count = 0;
	bool same_boot = reset_count_of(attest, &reset_count) && s->rec.f.logs_reset == (uint64_t)reset_count + 1;
	ms_buf_init(&l->boot_log, MS_ATTESTED_BOOT_LOG_MAX);
	ms_buf_init(&l->ima, MS_AGENT_IMA_FILE_MAX);
	enum ms_rc rc = add_boot(s, plan, same_boot, l, m);
	if (rc == MS_OK)
		rc = add_ima(s, plan, same_boot, l, m);
	return rc == MS_OK ? rc : ms_fail(err, rc, "memory for the logs");
}

/* ---- what a refusal asks for ---- */

static bool
begins(const struct ms_err *e, const char *name)
{
	return strncmp(e->text, name, strlen(name)) == 0;
}

static bool
leave_out(bool *no, const char *what, const struct ms_err *why)
{
	if (*no)
		return false;
	*no = true;
	(void)fprintf(stderr, "muster-agent: the server cannot use %s: %s\nmuster-agent: trying without it\n", what, why->text);
	return true;
}

static bool
send_whole(bool *whole)
{
	bool again = !*whole;
	*whole = true;
	return again;
}

bool
ms_agent_logs_adapt(struct ms_agent_logs_plan *plan, enum ms_rc rc, const struct ms_err *refused)
{
	static const char boot[] = "the boot log", ima[] = "the IMA list";
	if (rc == MS_OK)
		return false;
	if (begins(refused, "boot-log-resend"))
		return send_whole(&plan->boot_whole);
	if (begins(refused, "ima-resend"))
		return send_whole(&plan->ima_whole);
	if (begins(refused, "log-does-not-replay"))
		return plan->sent_hash ? send_whole(&plan->boot_whole) : leave_out(&plan->no_boot, boot, refused);
	if (begins(refused, "ima-does-not-replay") || begins(refused, "ima-boot-aggregate"))
		return plan->sent_tail ? send_whole(&plan->ima_whole) : leave_out(&plan->no_ima, ima, refused);
	if (!begins(refused, "log-malformed") && rc != MS_ERR_TOO_BIG)
		return false;
	if (strstr(refused->text, "evidence.boot_log_bytes and evidence.ima_bytes") != NULL || strstr(refused->text, "IMA list") != NULL ||
	    strstr(refused->text, "evidence.ima_") != NULL)
		return leave_out(&plan->no_ima, ima, refused) || leave_out(&plan->no_boot, boot, refused);
	return leave_out(&plan->no_boot, boot, refused);
}

void
ms_agent_logs_keep(struct ms_agent_fields *f, struct ms_span attest, const struct ms_verdict_body *v)
{
	uint32_t reset_count = 0;
	bool told = MS_CBOR_HAS(v, MS_VERDICT_BODY_IMA_ENTRIES) && reset_count_of(attest, &reset_count);
	if (!told)
		return;
	if (f->logs_reset != (uint64_t)reset_count + 1)
		f->boot_log = MS_SPAN_NONE; /* of the boot before */
	f->logs_reset = (uint64_t)reset_count + 1;
	f->ima_entries = v->ima_entries;
	if (MS_CBOR_HAS(v, MS_VERDICT_BODY_BOOT_LOG))
		f->boot_log = v->boot_log;
}
