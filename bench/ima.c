/* A list of 5,000 entries as a whole, and the ten entries that came since: read, hashed in the SHA-256 bank, compared with the
 * quoted PCR 10, with files and claims for policy. Two digests an entry bound it: one of the template data, one to extend. */
#include "ima.h"

#include <stdio.h>
#include <string.h>

#include "evidence/ima.h"
#include "measure.h"

#define ENTRIES 5000u
#define TAIL 10u

static struct ms_err err;
#define MUST(call) bench_must((call), #call, &err)

struct ima {
	struct ms_buf list;
	struct ms_span all, tail;
	struct ms_ima_state start, cut;
	uint8_t pcr[MS_PCR_LEN];
};

static void
put_le(struct ms_buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		ms_buf_u8(b, (uint8_t)(v >> (8 * i)));
}

/* ima-ng, a path as long as those of shared libraries are. */
static void
put_entry(struct ima *m, unsigned i)
{
	char path[80];
	uint8_t digest[MS_SHA256_LEN];
	uint32_t path_len = (uint32_t)snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/libsomething-%05u.so.1", i) + 1;
	ms_sha256(ms_span(path, path_len), digest);
	put_le(&m->list, 10);
	ms_buf_put(&m->list, digest, 20); /* SHA-1 of the list, which is not looked at */
	put_le(&m->list, 6);
	ms_buf_str(&m->list, "ima-ng");
	put_le(&m->list, 4 + 40 + 4 + path_len);
	put_le(&m->list, 40);
	ms_buf_put(&m->list, "sha256:", 8);
	ms_buf_put(&m->list, digest, sizeof digest);
	put_le(&m->list, path_len);
	ms_buf_put(&m->list, path, path_len);
}

static void
verify(struct ima *m, struct ms_span list, const struct ms_ima_state *from)
{
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_ima_state to;
	size_t used = 0;
	MUST(ms_appraisal_new(&a, &err));
	struct ms_ima_evidence ev = {.list = list, .from = from->entries, .caps = MS_IMA_CAPS_OFFLINE};
	MUST(ms_ima_appraise(&ev, a, &err));
	MUST(ms_appraisal_ima_replay(a, from, m->pcr, &to, &used, &err));
}

static void
verify_all(void *ctx)
{
	struct ima *m = ctx;
	verify(m, m->all, &m->start);
}

static void
verify_tail(void *ctx)
{
	struct ima *m = ctx;
	verify(m, m->tail, &m->cut);
}

/* The same with the value that was quoted, as an appraiser worker reads it: what came after is left out, at a third digest an entry. */
static void
verify_quoted(void *ctx)
{
	struct ima *m = ctx;
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	struct ms_ima_state to;
	size_t used = 0;
	MUST(ms_appraisal_new(&a, &err));
	struct ms_ima_evidence ev = {.list = m->all, .caps = MS_IMA_CAPS_OFFLINE, .start = m->start.pcr, .quoted = m->pcr};
	MUST(ms_ima_appraise(&ev, a, &err));
	MUST(ms_appraisal_ima_replay(a, &m->start, m->pcr, &to, &used, &err));
}

static void
read_only(void *ctx)
{
	struct ima *m = ctx;
	MS_OWN(ms_imalist_fini) struct ms_imalist it;
	struct ms_ima_entry e;
	MUST(ms_imalist_init(&it, m->all, 0, &MS_IMA_CAPS_OFFLINE, &err));
	while (!ms_imalist_done(&it))
		MUST(ms_imalist_next(&it, &e, &err));
}

static void
init(struct ima *m)
{
	*m = (struct ima){.cut = {.entries = ENTRIES - TAIL}};
	ms_buf_init(&m->list, 8u << 20);
	size_t cut = 0;
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (i == ENTRIES - TAIL)
			cut = m->list.len;
		put_entry(m, i);
	}
	MUST(ms_buf_check(&m->list, &err));
	m->all = ms_buf_span(&m->list);
	m->tail = ms_span(m->all.p + cut, m->all.len - cut);
	MS_OWN(ms_appraisal_free) struct ms_appraisal *a = NULL;
	MUST(ms_appraisal_new(&a, &err));
	struct ms_ima_evidence ev = {.list = m->all, .caps = MS_IMA_CAPS_OFFLINE};
	MUST(ms_ima_appraise(&ev, a, &err));
	for (size_t i = 0; i < a->ima.n; i++) {
		if (i == ENTRIES - TAIL)
			memcpy(m->cut.pcr, m->pcr, sizeof m->pcr);
		const struct ms_span parts[] = {{m->pcr, MS_PCR_LEN}, {a->ima.item[i].digest, MS_PCR_LEN}};
		ms_sha256v(parts, 2, m->pcr);
	}
}

void
bench_ima(const struct bench_peers *p)
{
	struct ima m;
	init(&m);
	double bound = p->sha256_65 / 2 / ENTRIES; /* about what the two digests of each entry cost */
	bench_heading("IMA lists (per CPU second)");
	bench_line("5,000 entries read, replayed, with files and claims", bench_rate_cpu(verify_all, &m),
	    "openssl speed: 2 SHA-256 an entry", bound);
	bench_line("the same, up to the quoted value", bench_rate_cpu(verify_quoted, &m), "openssl speed: 2 SHA-256 an entry", bound);
	bench_line("5,000 entries read only", bench_rate_cpu(read_only, &m), NULL, 0);
	bench_line("10 entries that are new", bench_rate_cpu(verify_tail, &m), "openssl speed: 2 SHA-256 an entry", bound * ENTRIES / TAIL);
	ms_buf_fini(&m.list);
}
