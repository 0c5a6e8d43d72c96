#include "logs.h"

#include <stdio.h>
#include <string.h>

#define ALG_SHA256 0x000bu /* TPM_ALG_ID */
#define EV_NO_ACTION 3u
#define EV_SEPARATOR 4u
#define EV_IPL 13u
#define LOG_MAX (1u << 20)

static void
le32(struct ms_buf *b, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static void
le16(struct ms_buf *b, uint16_t v)
{
	ms_buf_u8(b, (uint8_t)v);
	ms_buf_u8(b, (uint8_t)(v >> 8));
}

static void
extend(uint8_t pcr[static MS_PCR_LEN], const uint8_t digest[static MS_PCR_LEN])
{
	const struct ms_span parts[] = {{pcr, MS_PCR_LEN}, {digest, MS_PCR_LEN}};
	ms_sha256v(parts, 2, pcr);
}

/* TCG_EfiSpecIDEvent (PFP 10.4.5.1) */
static void
put_header(struct ms_buf *b)
{
	static const uint8_t zeros[20];
	le32(b, 0);
	le32(b, EV_NO_ACTION);
	ms_buf_put(b, zeros, sizeof zeros);
	le32(b, 33);
	ms_buf_put(b, "Spec ID Event03", 16);
	le32(b, 0);
	ms_buf_put(b, "\0\2\0\2", 4);
	le32(b, 1);
	le16(b, ALG_SHA256);
	le16(b, MS_PCR_LEN);
	ms_buf_u8(b, 0);
}

static void
put_event(struct bench_logs *l, unsigned pcr, uint32_t type, struct ms_span data)
{
	uint8_t digest[MS_PCR_LEN];
	ms_sha256(data, digest);
	le32(&l->boot_log, pcr);
	le32(&l->boot_log, type);
	le32(&l->boot_log, 1);
	le16(&l->boot_log, ALG_SHA256);
	ms_buf_put(&l->boot_log, digest, sizeof digest);
	le32(&l->boot_log, (uint32_t)data.len);
	ms_buf_put_span(&l->boot_log, data);
	extend(l->pcrs.value[pcr], digest);
}

static void
make_boot_log(struct bench_logs *l)
{
	char text[200];
	put_header(&l->boot_log);
	for (unsigned pcr = 0; pcr < 8; pcr++)
		put_event(l, pcr, EV_SEPARATOR, ms_span("\0\0\0\0", 4));
	for (unsigned i = 8; i < BENCH_BOOT_EVENTS; i++) {
		int n = snprintf(
		    text, sizeof text, "grub_cmd: linux /boot/vmlinuz-%u root=/dev/mapper/vg-root ro quiet splash module=%u", i, i * 7);
		put_event(l, 8 + i % 2, EV_IPL, ms_span(text, (size_t)n));
	}
}

/* Template ima-ng, as the kernel's binary list has it. */
static void
put_file(struct ms_buf *b, const char *path, struct ms_span file_digest, uint8_t pcr[static MS_PCR_LEN])
{
	struct ms_buf data;
	uint8_t listed[MS_SHA1_LEN], template[MS_PCR_LEN];
	ms_buf_init(&data, 512);
	le32(&data, 8 + MS_PCR_LEN);
	ms_buf_put(&data, "sha256:", 8);
	ms_buf_put_span(&data, file_digest);
	le32(&data, (uint32_t)strlen(path) + 1);
	ms_buf_put(&data, path, strlen(path) + 1);
	struct ms_span whole = ms_buf_span(&data);
	ms_hashv(MS_HASH_SHA1, &whole, 1, listed);
	ms_sha256(whole, template);
	le32(b, 10);
	ms_buf_put(b, listed, sizeof listed);
	le32(b, 6);
	ms_buf_put(b, "ima-ng", 6);
	le32(b, (uint32_t)data.len);
	ms_buf_put_span(b, whole);
	ms_buf_fini(&data);
	extend(pcr, template);
}

void
bench_logs_run(uint32_t from, unsigned n, uint8_t pcr10[static MS_PCR_LEN], struct ms_buf *out)
{
	for (uint32_t i = from; i < from + n; i++) {
		char path[96];
		uint8_t digest[MS_PCR_LEN];
		int len = snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/muster-bench/libexample-%u.so.%u", i, i % 7);
		ms_sha256(ms_span(path, (size_t)len), digest);
		put_file(out, path, ms_span(digest, sizeof digest), pcr10);
	}
}

void
bench_logs_own(const char *name, uint8_t pcr10[static MS_PCR_LEN], struct ms_buf *out)
{
	uint8_t digest[MS_PCR_LEN];
	ms_sha256(ms_span_str(name), digest);
	put_file(out, name, ms_span(digest, sizeof digest), pcr10);
}

const struct bench_logs *
bench_logs(void)
{
	static struct bench_logs l;
	uint8_t digest[MS_PCR_LEN];
	struct ms_span boot[10];
	if (l.pcrs.mask != 0)
		return &l;
	l.pcrs.mask = MS_PCRS_ATTEST_MASK;
	ms_buf_init(&l.boot_log, LOG_MAX);
	ms_buf_init(&l.ima, LOG_MAX);
	make_boot_log(&l);
	for (unsigned i = 0; i < 10; i++)
		boot[i] = ms_span(l.pcrs.value[i], MS_PCR_LEN);
	ms_sha256v(boot, 10, digest);
	put_file(&l.ima, "boot_aggregate", ms_span(digest, sizeof digest), l.pcrs.value[10]);
	bench_logs_run(1, BENCH_IMA_ENTRIES - 2, l.pcrs.value[10], &l.ima);
	return &l;
}
