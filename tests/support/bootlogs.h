/* Boot logs for tests: our own recordings, the shared vectors, and logs written event by event. */
#ifndef MS_TEST_BOOTLOGS_H
#define MS_TEST_BOOTLOGS_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "evidence/bootlog.h"

struct test_log {
	uint8_t *p; /* owned; NULL: not there */
	size_t len;
};
static inline void
test_log_free(struct test_log *l)
{
	free(l->p);
}
MS_CLEANUP_FINI(struct test_log, test_log_free)

static inline struct test_log
recorded_log(const char *variant)
{
	char path[128];
	struct test_log l = {NULL, 0};
	(void)snprintf(path, sizeof path, "measured-boot/%s/binary_bios_measurements", variant);
	l.p = test_file(path, &l.len);
	CHECK(l.p != NULL);
	return l;
}

static inline struct test_log
vector_log(const char *name)
{
	char path[512];
	struct test_log l = {NULL, 0};
	if (test_vectors() == NULL)
		skip();
	(void)snprintf(path, sizeof path, "%s/%s", test_vectors(), name);
	l.p = test_file(path, &l.len);
	CHECK(l.p != NULL);
	return l;
}

static inline struct ms_span
log_span(const struct test_log *l)
{
	return ms_span(l->p, l->len);
}

/* ---- written by the test: little-endian ---- */

static inline void
put_le16(struct ms_buf *b, unsigned v)
{
	ms_buf_u8(b, (uint8_t)v);
	ms_buf_u8(b, (uint8_t)(v >> 8));
}

static inline void
put_le32(struct ms_buf *b, uint32_t v)
{
	put_le16(b, v & 0xffff);
	put_le16(b, v >> 16);
}

static inline void
put_le64(struct ms_buf *b, uint64_t v)
{
	put_le32(b, (uint32_t)v);
	put_le32(b, (uint32_t)(v >> 32));
}

/* The head of a crypto-agile log with one bank. */
static inline void
begin_log(struct ms_buf *b, uint16_t alg)
{
	static const uint8_t zeros[20];
	const struct ms_bank_alg *a = ms_bank_alg_of(alg);
	ms_buf_init(b, 1u << 20);
	put_le32(b, 0);
	put_le32(b, MS_EV_NO_ACTION);
	ms_buf_put(b, zeros, sizeof zeros);
	put_le32(b, 33);
	ms_buf_put(b, "Spec ID Event03", 16);
	put_le32(b, 0);
	ms_buf_put(b, "\x00\x02\x00\x02", 4);
	put_le32(b, 1);
	put_le16(b, a->alg);
	put_le16(b, a->len);
	ms_buf_u8(b, 0);
}

/* An event whose digest is of `hashed`, and whose data is `data`. */
static inline void
put_event(struct ms_buf *b, uint16_t alg, unsigned pcr, uint32_t type, struct ms_span hashed, struct ms_span data)
{
	uint8_t digest[MS_HASH_LEN_MAX] = {0};
	const struct ms_bank_alg *a = ms_bank_alg_of(alg);
	CHECK(ms_hash_need(a->hash, NULL) == MS_OK);
	if (type != MS_EV_NO_ACTION)
		ms_hashv(a->hash, &hashed, 1, digest);
	put_le32(b, pcr);
	put_le32(b, type);
	put_le32(b, 1);
	put_le16(b, a->alg);
	ms_buf_put(b, digest, a->len);
	put_le32(b, (uint32_t)data.len);
	ms_buf_put_span(b, data);
}

static inline void
put_own_event(struct ms_buf *b, unsigned pcr, uint32_t type, struct ms_span data)
{
	put_event(b, MS_TPM_ALG_SHA256, pcr, type, data, data);
}

static inline void
put_separator(struct ms_buf *b, unsigned pcr)
{
	put_own_event(b, pcr, MS_EV_SEPARATOR, ms_span("\0\0\0\0", 4));
}

/* UEFI_VARIABLE_DATA with an ASCII name. */
static inline void
put_variable(struct ms_buf *out, const uint8_t *guid, const char *name, struct ms_span data)
{
	ms_buf_put(out, guid, 16);
	put_le64(out, strlen(name));
	put_le64(out, data.len);
	for (const char *p = name; *p != '\0'; p++)
		put_le16(out, (unsigned char)*p);
	ms_buf_put_span(out, data);
}

#endif
