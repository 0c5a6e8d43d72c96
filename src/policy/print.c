/* A policy as the text that compiles to it. */
#include <string.h>

#include "policy/policy_int.h"

/* Code point at p (UTF-8 that was checked) and its length. */
static uint32_t
code_point(const uint8_t *p, size_t *len)
{
	*len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t v = *len == 1 ? p[0] : p[0] & (0x7fu >> *len);
	for (size_t i = 1; i < *len; i++)
		v = v << 6 | (p[i] & 0x3fu);
	return v;
}

/* YAML 1.1 5.1: what a reader need not take as it stands, or takes for the end of a line. */
static bool
printable(uint32_t v)
{
	return v >= 0x20 && !(v >= 0x7f && v < 0xa0) && v != 0x2028 && v != 0x2029 && v != 0xfeff && v != 0xfffe && v != 0xffff;
}

static void
print_text(struct ms_buf *b, struct ms_span s)
{
	size_t n = 1;
	ms_buf_u8(b, '"');
	for (size_t i = 0; i < s.len; i += n) {
		uint32_t v = code_point(s.p + i, &n);
		if (!printable(v)) {
			ms_buf_fmt(b, v < 0x100 ? "\\x%02x" : "\\u%04x", v);
			continue;
		}
		if (v == '"' || v == '\\')
			ms_buf_u8(b, '\\');
		ms_buf_put(b, s.p + i, n);
	}
	ms_buf_u8(b, '"');
}

static void
print_list(struct ms_buf *b, const char *before, const char *key, const struct ms_policy_names *names)
{
	if (names->n == 0)
		return;
	ms_buf_fmt(b, "%s%s: [", before, key);
	for (size_t i = 0; i < names->n; i++) {
		if (i > 0)
			ms_buf_str(b, ", ");
		print_text(b, names->item[i]);
	}
	ms_buf_str(b, "]\n");
}

static void
print_hex(struct ms_buf *b, struct ms_span s)
{
	static const char digits[] = "0123456789abcdef";
	ms_buf_u8(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		ms_buf_u8(b, (uint8_t)digits[s.p[i] >> 4]);
		ms_buf_u8(b, (uint8_t)digits[s.p[i] & 15]);
	}
	ms_buf_u8(b, '"');
}

static void
print_uses(struct ms_buf *b, const char *before, const struct ms_policy_uses *uses)
{
	char time[MS_POLICY_TIME_TEXT];
	ms_buf_fmt(b, "%sreferences: [", before);
	for (size_t i = 0; i < uses->n; i++) {
		const struct ms_policy_use *u = &uses->item[i];
		ms_buf_str(b, i > 0 ? ", " : "");
		if (u->window == MS_WINDOW_NONE) {
			print_text(b, u->name);
			continue;
		}
		ms_policy_time_text(u->until_s, time);
		ms_buf_str(b, "{name: ");
		print_text(b, u->name);
		ms_buf_fmt(b, ", until: %s%s%s}", u->window == MS_WINDOW_DATE ? "\"" : "", u->window == MS_WINDOW_DATE ? time : "moved",
		    u->window == MS_WINDOW_DATE ? "\"" : "");
	}
	ms_buf_str(b, "]\n");
}

static void
print_value(struct ms_buf *b, const struct ms_policy_condition *k, size_t i)
{
	if (k->claim->type == MS_CLAIM_UINT)
		ms_buf_fmt(b, "%llu", (unsigned long long)k->numbers[i]);
	else if (k->claim->type == MS_CLAIM_BYTES)
		print_hex(b, k->values.item[i]);
	else
		print_text(b, k->values.item[i]);
}

static void
print_condition(struct ms_buf *b, const struct ms_policy_condition *k)
{
	const struct ms_policy_op_row *op = ms_policy_op_at(k->op);
	ms_buf_fmt(b, "          - {claim: %s, %s: ", k->claim->name, op->name);
	if (k->claim->type == MS_CLAIM_BOOL) {
		ms_buf_str(b, k->number != 0 ? "true" : "false");
	} else if (!op->list && k->claim->type == MS_CLAIM_UINT) {
		ms_buf_fmt(b, "%llu", (unsigned long long)k->number);
	} else {
		ms_buf_str(b, op->list ? "[" : "");
		for (size_t i = 0; i < k->n_numbers + k->values.n; i++) {
			ms_buf_str(b, i > 0 ? ", " : "");
			print_value(b, k, i);
		}
		ms_buf_str(b, op->list ? "]" : "");
	}
	ms_buf_str(b, "}\n");
}

static void
print_files(struct ms_buf *b, const struct ms_policy_rule *r)
{
	ms_buf_str(b, "        files:\n");
	if (r->file_sets.n > 0)
		print_uses(b, "          ", &r->file_sets);
	print_list(b, "          ", "exclude", &r->exclude);
	if (r->unknown_allowed)
		ms_buf_str(b, "          unknown: allow\n");
	if (r->by_digest)
		ms_buf_str(b, "          by: digest\n");
	if (r->signed_by.n == 0)
		return;
	ms_buf_str(b, "          signed_by: [");
	for (size_t i = 0; i < r->signed_by.n; i++) {
		ms_buf_str(b, i > 0 ? ", " : "");
		print_hex(b, r->signed_by.item[i]);
	}
	ms_buf_str(b, "]\n");
}

static void
print_require(struct ms_buf *b, const struct ms_policy_rule *r)
{
	static const char *const assurance[] = {"", "low", "software", "hardware"};
	char pcrs[MS_POLICY_PCRS_TEXT];
	ms_buf_str(b, "      require:\n");
	if (r->pcrs != 0) {
		ms_policy_pcrs_text(r->pcrs, pcrs);
		ms_buf_fmt(b, "        pcrs: [%s]\n", pcrs);
		print_uses(b, "        ", &r->references);
	}
	if (r->n_claims > 0)
		ms_buf_str(b, "        claims:\n");
	for (size_t i = 0; i < r->n_claims; i++)
		print_condition(b, &r->claims[i]);
	if ((r->has & MS_RULE_EVENTS) != 0) {
		ms_policy_pcrs_text(r->event_pcrs, pcrs);
		ms_buf_fmt(b, "        events:\n          pcrs: [%s]\n", pcrs);
		print_uses(b, "          ", &r->event_sets);
	}
	if ((r->has & MS_RULE_FILES) != 0)
		print_files(b, r);
	if (r->assurance != 0)
		ms_buf_fmt(b, "        assurance: %s\n", assurance[r->assurance]);
}

static void
print_rule(struct ms_buf *b, const struct ms_policy_rule *r)
{
	ms_buf_str(b, "    - name: ");
	print_text(b, r->name);
	ms_buf_str(b, "\n      match:\n");
	if (r->all)
		ms_buf_str(b, "        all: true\n");
	print_list(b, "        ", "models", &r->models);
	print_list(b, "        ", "groups", &r->groups);
	print_list(b, "        ", "batches", &r->batches);
	print_list(b, "        ", "devices", &r->devices);
	print_list(b, "        ", "tenants", &r->tenants);
	print_require(b, r);
	print_list(b, "      ", "allow_unproven", &r->unproven);
	ms_buf_fmt(b, "      identity: %s\n", r->identity ? "true" : "false");
}

static void
print_groups(struct ms_buf *b, const struct ms_policy *p)
{
	if (p->set.groups > 0)
		ms_buf_str(b, "groups:\n");
	for (size_t i = 0; i < p->set.groups; i++) {
		const struct ms_policy_group *g = &p->groups[i];
		ms_buf_str(b, "  ");
		print_text(b, g->name);
		ms_buf_str(b, ":\n");
		print_list(b, "    ", "devices", &g->devices);
		print_list(b, "    ", "batches", &g->batches);
		print_list(b, "    ", "models", &g->models);
	}
}

static void
print_waiver(struct ms_buf *b, const struct ms_policy_waiver *w)
{
	char text[MS_POLICY_PCRS_TEXT], time[MS_POLICY_TIME_TEXT];
	bool first = true;
	ms_buf_str(b, "  - name: ");
	print_text(b, w->name);
	ms_buf_str(b, w->device.len > 0 ? "\n    device: " : "\n    group: ");
	print_text(b, w->device.len > 0 ? w->device : w->group);
	ms_buf_str(b, "\n    allow: [");
	for (unsigned i = 0; i < MS_POLICY_CODE_COUNT; i++)
		if ((w->codes >> i & 1) != 0) {
			ms_buf_fmt(b, "%s%s", first ? "" : ", ", ms_policy_code_name(i));
			first = false;
		}
	ms_buf_str(b, "]\n");
	if (w->pcrs != 0) {
		ms_policy_pcrs_text(w->pcrs, text);
		ms_buf_fmt(b, "    pcrs: [%s]\n", text);
	}
	print_list(b, "    ", "claims", &w->claims);
	print_list(b, "    ", "paths", &w->paths);
	ms_buf_str(b, "    reason: ");
	print_text(b, w->reason);
	ms_buf_str(b, "\n    approver: ");
	print_text(b, w->approver);
	ms_policy_time_text(w->expires_s, time);
	ms_buf_fmt(b, "\n    expires: \"%s\"\n", time);
}

enum ms_rc
ms_policy_print(const struct ms_policy *p, struct ms_buf *out, struct ms_err *err)
{
	char attest[MS_POLICY_PCRS_TEXT], seal[MS_POLICY_PCRS_TEXT];
	ms_policy_pcrs_text(p->set.attest_mask, attest);
	ms_policy_pcrs_text(p->set.seal_mask, seal);
	ms_buf_fmt(out, "version: %u\nname: ", MS_POLICY_FORMAT);
	print_text(out, ms_span_str(p->set.name));
	ms_buf_u8(out, '\n');
	print_groups(out, p);
	ms_buf_fmt(out, "attest:\n  pcrs: [%s]\n  bank: sha256\n  interval: %llus\n", attest, (unsigned long long)p->set.interval_s);
	if (p->set.boot_log_required)
		ms_buf_str(out, "  boot_log: required\n");
	if (p->set.ima_required)
		ms_buf_str(out, "  ima: required\n");
	ms_buf_str(out, p->set.rules == 0 ? "  rules: []\n" : "  rules:\n");
	for (size_t i = 0; i < p->set.rules; i++)
		print_rule(out, &p->rules[i]);
	ms_buf_fmt(out, "seal:\n  pcrs: [%s]\nidentity:\n  life: %llus\n", seal, (unsigned long long)p->set.certificate_life_s);
	ms_buf_fmt(out, "secrets:\n  max_age: %llus\nenrolment:\n  unlisted: %s\n", (unsigned long long)p->set.secret_max_age_s,
	    p->set.unlisted_waits ? "approve" : "deny");
	if (p->set.waivers > 0)
		ms_buf_str(out, "waivers:\n");
	for (size_t i = 0; i < p->set.waivers; i++)
		print_waiver(out, &p->waivers[i]);
	return ms_buf_check(out, err);
}
