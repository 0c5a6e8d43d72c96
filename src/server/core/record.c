#include "server/core/record.h"

#include <stdlib.h>
#include <string.h>

#define HEX_MAX 64u

void
ms_record_init(struct ms_record *r)
{
	r->n = 0;
	ms_buf_init(&r->mem, MS_RECORD_BYTES_MAX);
}

void
ms_record_fini(struct ms_record *r)
{
	ms_buf_fini(&r->mem);
}

static void
begin(struct ms_record *r, const char *key)
{
	if (r->n == MS_RECORD_ITEMS_MAX) {
		r->mem.bad = true;
		return;
	}
	r->item[r->n].key = key;
	r->item[r->n].off = r->mem.len;
}

static void
end(struct ms_record *r)
{
	if (r->mem.bad)
		return;
	r->item[r->n].len = r->mem.len - r->item[r->n].off;
	r->n++;
}

void
ms_record_text(struct ms_record *r, const char *key, struct ms_span s)
{
	begin(r, key);
	ms_cbor_text_span(&r->mem, s);
	end(r);
}

void
ms_record_uint(struct ms_record *r, const char *key, uint64_t v)
{
	begin(r, key);
	ms_cbor_uint(&r->mem, v);
	end(r);
}

void
ms_record_bytes(struct ms_record *r, const char *key, struct ms_span s)
{
	begin(r, key);
	ms_cbor_bytes(&r->mem, s);
	end(r);
}

void
ms_record_hex(struct ms_record *r, const char *key, struct ms_span s)
{
	char text[2 * HEX_MAX + 1];
	ms_hex(s.p, s.len < HEX_MAX ? s.len : HEX_MAX, text);
	ms_record_text(r, key, ms_span_str(text));
}

void
ms_record_bool(struct ms_record *r, const char *key, bool v)
{
	begin(r, key);
	ms_cbor_bool(&r->mem, v);
	end(r);
}

void
ms_record_raw(struct ms_record *r, const char *key, struct ms_span item)
{
	begin(r, key);
	ms_cbor_raw(&r->mem, item);
	end(r);
}

/* RFC 8949 4.2.1 for short text keys: by length, then bytewise. */
static bool
before(const char *a, const char *b)
{
	size_t al = strlen(a), bl = strlen(b);
	return al != bl ? al < bl : strcmp(a, b) < 0;
}

enum ms_rc
ms_record_build(struct ms_record *r, struct ms_buf *out, struct ms_err *err)
{
	size_t order[MS_RECORD_ITEMS_MAX];
	enum ms_rc rc = ms_buf_check(&r->mem, err);
	if (rc != MS_OK)
		return rc;
	for (size_t i = 0; i < r->n; i++) {
		size_t at = i;
		for (; at > 0 && before(r->item[i].key, r->item[order[at - 1]].key); at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	ms_cbor_map(out, r->n);
	for (size_t i = 0; i < r->n; i++) {
		ms_cbor_text(out, r->item[order[i]].key);
		ms_cbor_raw(out, ms_span(r->mem.p + r->item[order[i]].off, r->item[order[i]].len));
	}
	r->n = 0;
	ms_buf_reset(&r->mem);
	return ms_buf_check(out, err);
}
