/* For each PCR the longest common subsequence of the digests; between what both have, events that are about the same thing are
 * paired. */
#include "evidence/bootlog_diff.h"

#include <stdlib.h>
#include <string.h>

#include "codec/uefi.h"
#include "evidence/bootlog_int.h"

#define TABLE_MAX (4u << 20) /* cells of the search; beyond it, two logs have little in common worth finding */

const char *
ms_boot_change_name(enum ms_boot_change_kind k)
{
	static const char *const names[] = {
	    [MS_BOOT_CHANGED] = "changed", [MS_BOOT_ADDED] = "added", [MS_BOOT_REMOVED] = "removed", [MS_BOOT_MOVED] = "moved"};
	return (unsigned)k < sizeof names / sizeof *names ? names[k] : "unknown";
}

void
ms_boot_changes_fini(struct ms_boot_changes *c)
{
	free(c->item);
	*c = (struct ms_boot_changes){.n = 0};
}

static enum ms_rc
add(struct ms_boot_changes *c, struct ms_boot_change one, struct ms_err *err)
{
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 32 : 2 * c->cap;
		struct ms_boot_change *item = realloc(c->item, cap * sizeof *item);
		if (item == NULL)
			return ms_fail(err, MS_ERR_NOMEM, "comparison");
		c->item = item;
		c->cap = cap;
	}
	c->item[c->n++] = one;
	return MS_OK;
}

/* Events of one PCR, in order. */
struct row {
	const struct ms_bootlog_event **e; /* owned */
	size_t n;
};

static void
row_fini(struct row *r)
{
	free(r->e);
}
MS_CLEANUP_FINI(struct row, row_fini)

static enum ms_rc
take_row(const struct ms_bootlog *b, uint32_t pcr, struct row *ret, struct ms_err *err)
{
	ret->n = 0;
	ret->e = calloc(b->n == 0 ? 1 : b->n, sizeof *ret->e);
	if (ret->e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "comparison");
	for (size_t i = 0; i < b->n; i++)
		if (b->event[i].pcr == pcr && b->event[i].state != MS_EVENT_UNMEASURED)
			ret->e[ret->n++] = &b->event[i];
	return MS_OK;
}

static bool
same_digest(const struct ms_bootlog_event *a, const struct ms_bootlog_event *b)
{
	return ms_span_eq(a->digest, b->digest);
}

/* ---- what an event is about, to pair an old with a new one ---- */

static struct ms_span
first_word(struct ms_span s)
{
	const uint8_t *end = s.len == 0 ? NULL : memchr(s.p, ' ', s.len);
	return end == NULL ? s : ms_span(s.p, (size_t)(end - s.p));
}

static bool
same_subject(const struct ms_bootlog_event *a, const struct ms_bootlog_event *b)
{
	struct ms_uefi_variable v, w;
	struct ms_span x, y;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case MS_EV_EFI_VARIABLE_DRIVER_CONFIG:
	case MS_EV_EFI_VARIABLE_BOOT:
	case MS_EV_EFI_VARIABLE_BOOT2:
	case MS_EV_EFI_VARIABLE_AUTHORITY:
		return ms_uefi_variable_parse(a->data, &v, NULL) == MS_OK && ms_uefi_variable_parse(b->data, &w, NULL) == MS_OK &&
		       ms_span_eq(v.name, w.name) && memcmp(v.guid, w.guid, MS_GUID_LEN) == 0;
	case MS_EV_IPL:
		if (ms_bootlog_string(a->data, &x) != ms_bootlog_string(b->data, &y))
			return false;
		switch (ms_bootlog_string(a->data, &x)) {
		case MS_BOOT_STRING_COMMAND:
			return ms_span_eq(first_word(x), first_word(y));
		case MS_BOOT_STRING_NONE:
			return a->pcr != 9 || ms_span_eq(a->data, b->data);
		default:
			return true;
		}
	case MS_EV_EFI_ACTION:
		return false;
	default:
		return true;
	}
}

/* ---- the search ---- */

struct pair {
	const struct row *a, *b;
	size_t a_from, a_to, b_from, b_to; /* the part that is not the same at both ends */
};

/* Between two common events: old ones against new ones, in order. */
static enum ms_rc
add_hunk(const struct pair *p, struct ms_boot_changes *out, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	size_t done = p->b_from;
	for (size_t i = p->a_from; rc == MS_OK && i < p->a_to; i++) {
		size_t k = done;
		while (k < p->b_to && !same_subject(p->a->e[i], p->b->e[k]))
			k++;
		if (k == p->b_to) {
			rc = add(out, (struct ms_boot_change){MS_BOOT_REMOVED, p->a->e[i], NULL}, err);
			continue;
		}
		for (; rc == MS_OK && done < k; done++)
			rc = add(out, (struct ms_boot_change){MS_BOOT_ADDED, NULL, p->b->e[done]}, err);
		if (rc == MS_OK)
			rc = add(out, (struct ms_boot_change){MS_BOOT_CHANGED, p->a->e[i], p->b->e[k]}, err);
		done = k + 1;
	}
	for (; rc == MS_OK && done < p->b_to; done++)
		rc = add(out, (struct ms_boot_change){MS_BOOT_ADDED, NULL, p->b->e[done]}, err);
	return rc;
}

/* length[i][k]: of the longest common subsequence of what follows i and k. */
static enum ms_rc
search(const struct pair *p, struct ms_boot_changes *out, struct ms_err *err)
{
	size_t n = p->a_to - p->a_from, m = p->b_to - p->b_from, w = m + 1;
	if (n == 0 || m == 0 || (n + 1) * w > TABLE_MAX)
		return add_hunk(p, out, err);
	uint16_t *length = calloc((n + 1) * w, sizeof *length);
	if (length == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "comparison");
	for (size_t i = n; i-- > 0;)
		for (size_t k = m; k-- > 0;) {
			uint16_t skip = length[(i + 1) * w + k] > length[i * w + k + 1] ? length[(i + 1) * w + k] : length[i * w + k + 1];
			bool same = same_digest(p->a->e[p->a_from + i], p->b->e[p->b_from + k]);
			length[i * w + k] = same ? (uint16_t)(length[(i + 1) * w + k + 1] + 1) : skip;
		}
	enum ms_rc rc = MS_OK;
	struct pair hunk = *p;
	for (size_t i = 0, k = 0; rc == MS_OK && i < n && k < m;) {
		if (same_digest(p->a->e[p->a_from + i], p->b->e[p->b_from + k])) {
			hunk.a_to = p->a_from + i++;
			hunk.b_to = p->b_from + k++;
			rc = add_hunk(&hunk, out, err);
			hunk.a_from = p->a_from + i;
			hunk.b_from = p->b_from + k;
		} else if (length[(i + 1) * w + k] >= length[i * w + k + 1]) {
			i++;
		} else {
			k++;
		}
	}
	free(length);
	hunk.a_to = p->a_to;
	hunk.b_to = p->b_to;
	return rc == MS_OK ? add_hunk(&hunk, out, err) : rc;
}

/* The index of an added event with this digest; c->n: none. */
static size_t
find_added(const struct ms_boot_changes *c, size_t from, const struct ms_bootlog_event *e)
{
	for (size_t k = from; k < c->n; k++)
		if (c->item[k].kind == MS_BOOT_ADDED && same_digest(e, c->item[k].to))
			return k;
	return c->n;
}

/* What went in one place and came in another was moved. */
static void
find_moved(struct ms_boot_changes *c, size_t from)
{
	for (size_t i = from; i < c->n;) {
		size_t k = c->item[i].kind == MS_BOOT_REMOVED ? find_added(c, from, c->item[i].from) : c->n;
		if (k == c->n) {
			i++;
			continue;
		}
		c->item[k].kind = MS_BOOT_MOVED;
		c->item[k].from = c->item[i].from;
		memmove(&c->item[i], &c->item[i + 1], (c->n - i - 1) * sizeof c->item[0]);
		c->n--;
	}
}

static enum ms_rc
diff_pcr(const struct ms_bootlog *from, const struct ms_bootlog *to, uint32_t pcr, struct ms_boot_changes *out, struct ms_err *err)
{
	MS_OWN(row_fini) struct row a = {.n = 0};
	MS_OWN(row_fini) struct row b = {.n = 0};
	size_t before = out->n;
	enum ms_rc rc = take_row(from, pcr, &a, err);
	if (rc == MS_OK)
		rc = take_row(to, pcr, &b, err);
	if (rc != MS_OK)
		return rc;
	struct pair p = {&a, &b, 0, a.n, 0, b.n};
	while (p.a_from < p.a_to && p.b_from < p.b_to && same_digest(a.e[p.a_from], b.e[p.b_from])) {
		p.a_from++;
		p.b_from++;
	}
	while (p.a_from < p.a_to && p.b_from < p.b_to && same_digest(a.e[p.a_to - 1], b.e[p.b_to - 1])) {
		p.a_to--;
		p.b_to--;
	}
	rc = search(&p, out, err);
	if (rc == MS_OK)
		find_moved(out, before);
	return rc;
}

enum ms_rc
ms_bootlog_diff(const struct ms_bootlog *from, const struct ms_bootlog *to, struct ms_boot_changes *ret, struct ms_err *err)
{
	MS_OWN(ms_boot_changes_fini) struct ms_boot_changes c = {.n = 0};
	enum ms_rc rc = MS_OK;
	if (from->bank != to->bank || from->kind != to->kind)
		return ms_fail(err, MS_ERR_USAGE, "the logs have no bank in common, or are of different kinds");
	for (uint32_t pcr = 0; rc == MS_OK && pcr < MS_EVENTLOG_PCRS; pcr++) {
		rc = diff_pcr(from, to, pcr, &c, err);
		if (memcmp(from->pcrs.value[pcr], to->pcrs.value[pcr], from->pcrs.len) != 0)
			c.pcrs |= UINT32_C(1) << pcr;
	}
	if (rc != MS_OK)
		return rc;
	*ret = c;
	c = (struct ms_boot_changes){.n = 0};
	return MS_OK;
}
