/* IMA lists made by a test: entries with the digests that a kernel would give them. */
#ifndef MS_TEST_IMALISTS_H
#define MS_TEST_IMALISTS_H
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "evidence/ima.h"

static inline void
ima_le(struct ms_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static inline void
ima_field(struct ms_buf *b, struct ms_span s)
{
	ima_le(b, (uint32_t)s.len);
	ms_buf_put_span(b, s);
}

struct ima_entry {
	const char *template;              /* NULL: ima-sig */
	const char *type;                  /* "sha256:" when NULL; "verity:sha256:" */
	struct ms_span digest, path, last; /* last: signature or buffer */
	uint32_t pcr;                      /* 0: 10 */
	bool violation;
};

/* One entry with three fields, and its SHA-1 as the kernel lists it. */
static inline void
ima_put(struct ms_buf *b, const struct ima_entry *e)
{
	static const uint8_t zeros[20];
	const char *template = e->template == NULL ? "ima-sig" : e->template, *type = e->type == NULL ? "sha256:" : e->type;
	uint8_t sha1[20];
	MS_OWN(ms_buf_fini) struct ms_buf data;
	ms_buf_init(&data, 1u << 20);
	ima_le(&data, (uint32_t)(strlen(type) + 1 + e->digest.len));
	ms_buf_put(&data, type, strlen(type) + 1);
	ms_buf_put_span(&data, e->digest);
	ima_le(&data, (uint32_t)e->path.len + 1);
	ms_buf_put_span(&data, e->path);
	ms_buf_u8(&data, 0);
	ima_field(&data, e->last);
	struct ms_span all = ms_buf_span(&data);
	ms_hashv(MS_HASH_SHA1, &all, 1, sha1);
	ima_le(b, e->pcr == 0 ? 10 : e->pcr);
	ms_buf_put(b, e->violation ? zeros : sha1, 20);
	ima_field(b, ms_span_str(template));
	ima_field(b, all);
	CHECK(ms_buf_check(b, NULL) == MS_OK);
}

/* A file whose digest is made of its number. */
static inline void
ima_put_file(struct ms_buf *b, unsigned i)
{
	char path[64];
	uint8_t digest[32];
	(void)snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/libsomething.so.%u", i);
	ms_sha256(ms_span_str(path), digest);
	ima_put(b, &(struct ima_entry){.digest = ms_span(digest, sizeof digest), .path = ms_span_str(path)});
}

static inline struct ms_ima_evidence
ima_evidence(struct ms_span list)
{
	return (struct ms_ima_evidence){.list = list, .caps = MS_IMA_CAPS_OFFLINE};
}

/* The value that sysfs or a tool printed for PCR 10 of a recorded machine. */
static inline void
recorded_pcr(const char *machine, const char *bank, unsigned pcr, uint8_t *out, size_t len)
{
	char name[96], row[32];
	size_t n = 0;
	(void)snprintf(name, sizeof name, "measured-boot/%s/sysfs_pcrs", machine);
	(void)snprintf(row, sizeof row, "%s %u ", bank, pcr);
	uint8_t *file = test_file(name, &n);
	CHECK(file != NULL);
	const uint8_t *at = memmem(file, n, row, strlen(row));
	CHECK(at != NULL && at + strlen(row) + 2 * len <= file + n);
	CHECK(ms_unhex((const char *)at + strlen(row), 2 * len, out, len) == MS_OK);
	free(file);
}

#endif
