#include "audit/tiles.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/rd.h"

void
ms_tile_path(const struct ms_tile *t, char out[static MS_TILE_PATH_MAX])
{
	char n[40] = "", part[40];
	uint64_t left = t->index / 1000;
	for (; left != 0; left /= 1000) { /* groups of three digits, all but the last with an x before them */
		(void)snprintf(part, sizeof part, "x%03u/%.30s", (unsigned)(left % 1000), n);
		memcpy(n, part, sizeof n);
	}
	char level[8] = "entries", width[8] = "";
	if (t->level != MS_TILE_ENTRIES)
		(void)snprintf(level, sizeof level, "%u", t->level % 64u);
	if (t->width != MS_TILE_WIDTH)
		(void)snprintf(width, sizeof width, ".p/%u", t->width % MS_TILE_WIDTH);
	(void)snprintf(out, MS_TILE_PATH_MAX, "tile/%s/%s%03u%s", level, n, (unsigned)(t->index % 1000), width);
}

static bool
take(struct ms_span *s, const char *word)
{
	size_t len = strlen(word);
	if (s->len < len || memcmp(s->p, word, len) != 0)
		return false;
	*s = ms_span(s->p + len, s->len - len);
	return true;
}

static unsigned
take_digits(struct ms_span *s, unsigned max_digits, unsigned *ret)
{
	unsigned v = 0, n = 0;
	for (; n < max_digits && s->len != 0 && s->p[0] >= '0' && s->p[0] <= '9'; n++) {
		v = v * 10 + (unsigned)(s->p[0] - '0');
		*s = ms_span(s->p + 1, s->len - 1);
	}
	*ret = v;
	return n;
}

enum ms_rc
ms_tile_parse(struct ms_span path, struct ms_tile *ret, struct ms_err *err)
{
	struct ms_span s = path;
	struct ms_tile t = {.width = MS_TILE_WIDTH};
	char canonical[MS_TILE_PATH_MAX];
	unsigned group, digits = 3;
	bool more = true;
	if (!take(&s, "tile/"))
		return ms_fail(err, MS_ERR_MALFORMED, "not a tile path");
	if (take(&s, "entries/"))
		t.level = MS_TILE_ENTRIES;
	else if (take_digits(&s, 2, &t.level) == 0 || !take(&s, "/") || t.level >= MS_TILE_LEVELS)
		return ms_fail(err, MS_ERR_MALFORMED, "not a tile path: level");
	for (unsigned groups = 0; more && digits == 3 && groups < 6; groups++) {
		more = take(&s, "x");
		digits = take_digits(&s, 3, &group);
		t.index = t.index * 1000 + group;
		if (more && !take(&s, "/"))
			digits = 0;
	}
	if (take(&s, ".p/") && (take_digits(&s, 3, &t.width) == 0 || t.width == 0 || t.width >= MS_TILE_WIDTH))
		digits = 0;
	ms_tile_path(&t, canonical);
	if (digits != 3 || more || s.len != 0 || !ms_span_eq(path, ms_span_str(canonical)))
		return ms_fail(err, MS_ERR_MALFORMED, "not a tile path");
	*ret = t;
	return MS_OK;
}

unsigned
ms_tile_width(unsigned level, uint64_t index, uint64_t size)
{
	unsigned row = level == MS_TILE_ENTRIES ? 0 : level;
	if (row >= MS_TILE_LEVELS || index > UINT64_MAX / MS_TILE_WIDTH)
		return 0;
	uint64_t count = size >> (8 * row), first = index * MS_TILE_WIDTH;
	if (first >= count)
		return 0;
	return count - first < MS_TILE_WIDTH ? (unsigned)(count - first) : MS_TILE_WIDTH;
}

enum ms_rc
ms_bundle_parse(struct ms_span s, size_t n, struct ms_span *entries, size_t *ret_good, struct ms_err *err)
{
	struct ms_rd rd = ms_rd_span(s);
	for (size_t i = 0; i < n; i++) {
		size_t len = ms_rd_u16(&rd);
		entries[i] = ms_rd_bytes(&rd, len);
		if (rd.bad) {
			*ret_good = i;
			return ms_fail(err, MS_ERR_MALFORMED, "entry bundle: ends in entry %zu of %zu", i, n);
		}
	}
	*ret_good = n;
	return ms_rd_done(&rd) ? MS_OK : ms_fail(err, MS_ERR_MALFORMED, "entry bundle: bytes after entry %zu", n);
}

void
ms_bundle_put(struct ms_buf *out, struct ms_span entry)
{
	if (entry.len > UINT16_MAX) {
		out->bad = true;
		return;
	}
	ms_buf_u16(out, (uint16_t)entry.len);
	ms_buf_put_span(out, entry);
}

void
ms_row_root(const struct ms_node *row, size_t n, struct ms_node *ret)
{
	struct ms_node half[MS_TILE_WIDTH / 2];
	if (n == 1) {
		*ret = row[0];
		return;
	}
	for (size_t i = 0; i < n / 2; i++)
		ms_merkle_node(&row[2 * i], &row[2 * i + 1], &half[i]);
	for (n /= 2; n > 1; n /= 2)
		for (size_t i = 0; i < n / 2; i++)
			ms_merkle_node(&half[2 * i], &half[2 * i + 1], &half[i]);
	*ret = half[0];
}

enum ms_rc
ms_tiles_join(const char *dir, const char *rel, char *out, size_t out_len, struct ms_err *err)
{
	int n = snprintf(out, out_len, "%s/%s", dir, rel);
	return n > 0 && (size_t)n < out_len ? MS_OK : ms_fail(err, MS_ERR_USAGE, "%s: path too long", dir);
}

enum ms_rc
ms_tile_read(const char *dir, const struct ms_tile *t, struct ms_buf *out, struct ms_err *err)
{
	char rel[MS_TILE_PATH_MAX], path[PATH_MAX];
	size_t want = (size_t)t->width * MS_NODE_LEN, max = t->level == MS_TILE_ENTRIES ? MS_BUNDLE_BYTES_MAX : want;
	ms_tile_path(t, rel);
	ms_buf_reset(out);
	enum ms_rc rc = ms_tiles_join(dir, rel, path, sizeof path, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(path, max, out, err);
	if (rc == MS_OK && t->level != MS_TILE_ENTRIES && out->len != want)
		return ms_fail(err, MS_ERR_MALFORMED, "%s: %zu bytes, not %zu", rel, out->len, want);
	return rc;
}
