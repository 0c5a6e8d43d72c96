#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/hash.h"

#define FILE_NAME "agent.cbor"
#define LOCK_STEP_US 50000u

static const struct ms_cbor_field agent_rows[] = {
    MS_CBOR_F_UINT(1, struct ms_agent_fields, v, MS_CBOR_REQ, 1, 1),
    MS_CBOR_F_TEXT(2, struct ms_agent_fields, server, MS_CBOR_REQ, 1, 300),
    MS_CBOR_F_TEXT(3, struct ms_agent_fields, tenant, MS_CBOR_REQ, 1, 64),
    MS_CBOR_F_BYTES(4, struct ms_agent_fields, ak_salt, MS_CBOR_REQ, MS_AGENT_SALT_LEN, MS_AGENT_SALT_LEN),
    MS_CBOR_F_TEXT(5, struct ms_agent_fields, status, MS_CBOR_REQ, 1, 16),
    MS_CBOR_F_TEXT(MS_AGENT_DEVICE, struct ms_agent_fields, device, MS_CBOR_OPT, 1, 80),
    MS_CBOR_F_BYTES(MS_AGENT_EK_HASH, struct ms_agent_fields, ek_hash, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(MS_AGENT_AK_NAME, struct ms_agent_fields, ak_name, MS_CBOR_OPT, 34, 34),
    MS_CBOR_F_BYTES(MS_AGENT_AK_PUBLIC, struct ms_agent_fields, ak_public, MS_CBOR_OPT, 1, 512),
    MS_CBOR_F_BYTES(MS_AGENT_TRANSCRIPT, struct ms_agent_fields, transcript_hash, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_BYTES(MS_AGENT_BINDING, struct ms_agent_fields, binding, MS_CBOR_OPT, 1, 8192),
    MS_CBOR_F_BYTES(MS_AGENT_ADMISSION, struct ms_agent_fields, admission, MS_CBOR_OPT, 1, 8192),
    MS_CBOR_F_TEXT(MS_AGENT_CODE, struct ms_agent_fields, code, MS_CBOR_OPT, 1, 64),
    MS_CBOR_F_UINT(MS_AGENT_SEEN, struct ms_agent_fields, seen_s, MS_CBOR_OPT, 1, UINT64_MAX),
    MS_CBOR_F_TEXT(MS_AGENT_LIFE, struct ms_agent_fields, life, MS_CBOR_OPT, 1, 16),
    MS_CBOR_F_TEXT(MS_AGENT_OUTCOME, struct ms_agent_fields, outcome, MS_CBOR_OPT, 1, 8),
    MS_CBOR_F_ARRAY(MS_AGENT_REASONS, struct ms_agent_fields, reasons, MS_CBOR_OPT, 16384),
    MS_CBOR_F_UINT(MS_AGENT_VERDICT, struct ms_agent_fields, verdict_s, MS_CBOR_OPT, 1, UINT64_MAX),
    MS_CBOR_F_UINT(MS_AGENT_NEXT, struct ms_agent_fields, next_s, MS_CBOR_OPT, 1, UINT64_MAX),
    MS_CBOR_F_BYTES(MS_AGENT_IDENTITY_SALT, struct ms_agent_fields, identity_salt, MS_CBOR_OPT, MS_AGENT_SALT_LEN, MS_AGENT_SALT_LEN),
    MS_CBOR_F_UINT(MS_AGENT_CERT_FROM, struct ms_agent_fields, cert_from_s, MS_CBOR_OPT, 1, UINT64_MAX),
    MS_CBOR_F_UINT(MS_AGENT_CERT_UNTIL, struct ms_agent_fields, cert_until_s, MS_CBOR_OPT, 1, UINT64_MAX),
    MS_CBOR_F_UINT(MS_AGENT_LOGS_RESET, struct ms_agent_fields, logs_reset, MS_CBOR_OPT, 1, UINT64_C(1) << 32),
    MS_CBOR_F_BYTES(MS_AGENT_BOOT_LOG_HASH, struct ms_agent_fields, boot_log, MS_CBOR_OPT, 32, 32),
    MS_CBOR_F_UINT(MS_AGENT_IMA_ENTRIES, struct ms_agent_fields, ima_entries, MS_CBOR_OPT, 1, UINT32_MAX),
};
static const struct ms_cbor_table agent_table = MS_CBOR_TABLE("agent state", struct ms_agent_fields, agent_rows);

static const struct ms_cbor_field secret_rows[] = {
    MS_CBOR_F_TEXT(1, struct ms_agent_secret, path, MS_CBOR_REQ, 1, 256),
    MS_CBOR_F_UINT(2, struct ms_agent_secret, version, MS_CBOR_REQ, 1, UINT64_C(4294967296)),
    MS_CBOR_F_BYTES(3, struct ms_agent_secret, statement, MS_CBOR_REQ, 1, 70000),
    MS_CBOR_F_BYTES(4, struct ms_agent_secret, salt, MS_CBOR_REQ, MS_AGENT_SALT_LEN, MS_AGENT_SALT_LEN),
    MS_CBOR_F_UINT(5, struct ms_agent_secret, mask, MS_CBOR_REQ, 1, 0xffffff),
    MS_CBOR_F_BYTES(6, struct ms_agent_secret, key, MS_CBOR_REQ, 1, 512),
    MS_CBOR_F_BYTES(7, struct ms_agent_secret, leaf, MS_CBOR_REQ, 32, 32),
    MS_CBOR_F_UINT(8, struct ms_agent_secret, received_s, MS_CBOR_REQ, 0, UINT64_MAX),
    MS_CBOR_F_TEXT(MS_AGENT_SECRET_FILE, struct ms_agent_secret, file, MS_CBOR_OPT, 1, PATH_MAX),
};
const struct ms_cbor_table ms_agent_secret_table = MS_CBOR_TABLE("kept secret", struct ms_agent_secret, secret_rows);

struct ms_agent_state {
	ms_fd dir; /* holds the lock */
	char path[PATH_MAX / 2];
};

/* ---- the record ---- */

enum ms_rc
ms_agent_record_parse(struct ms_span s, struct ms_agent_record *ret, struct ms_err *err)
{
	struct ms_agent_record r = {.mem = NULL};
	if (s.len > MS_AGENT_STATE_MAX)
		return ms_fail(err, MS_ERR_TOO_BIG, "agent state: %zu bytes", s.len);
	enum ms_rc rc = ms_bytes_dup(s, &r.mem);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&agent_table, ms_span(r.mem, s.len), &r.f, err);
	if (rc != MS_OK) {
		free(r.mem);
		return rc;
	}
	*ret = r;
	return MS_OK;
}

void
ms_agent_record_fini(struct ms_agent_record *r)
{
	free(r->mem);
	*r = (struct ms_agent_record){.mem = NULL};
}

/* An optional member that has a value goes. */
static void
mark_present(struct ms_agent_fields *f)
{
	for (size_t i = 0; i < agent_table.n_fields; i++) {
		const struct ms_cbor_field *row = &agent_table.fields[i];
		const void *member = (const uint8_t *)f + row->offset;
		bool set = row->kind == MS_CBOR_K_UINT ? *(const uint64_t *)member != 0 : ((const struct ms_span *)member)->len > 0;
		if (set)
			f->present |= MS_CBOR_BIT(row->key);
		else
			f->present &= ~MS_CBOR_BIT(row->key);
	}
}

/* ---- the directory ---- */

static enum ms_rc
take_lock(int fd, const char *dir, struct ms_err *err)
{
	uint64_t until = ms_clock_boot_ms() + MS_AGENT_LOCK_WAIT_MS;
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ms_fail(err, MS_ERR_IO, "%s: %s", dir, strerror(errno));
		if (ms_clock_boot_ms() > until)
			return ms_fail(err, MS_ERR_TIMEOUT, "%s: another muster-agent is at work in it", dir);
		(void)usleep(LOCK_STEP_US);
	}
	return MS_OK;
}

static enum ms_rc
open_dir(struct ms_agent_state *s, bool create, struct ms_err *err)
{
	struct stat st;
	if (create) {
		enum ms_rc rc = ms_io_mkdir(s->path, 0700, err);
		if (rc != MS_OK)
			return rc;
	}
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 && errno == ENOENT)
		return ms_fail(
		    err, MS_ERR_NOT_FOUND, "%s is not there: this machine is not enrolled, see muster-agent enroll --help", s->path);
	if (s->dir < 0 || fstat(s->dir, &st) != 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", s->path, strerror(errno));
	if ((st.st_mode & 077) != 0 || st.st_uid != geteuid())
		return ms_fail(err, MS_ERR_AUTH, "%s: others have access to it: chmod 0700, and let %s own it", s->path,
		    geteuid() == 0 ? "root" : "the agent's user");
	return take_lock(s->dir, s->path, err);
}

enum ms_rc
ms_agent_state_open(const char *dir, bool create, struct ms_agent_state **ret, struct ms_err *err)
{
	MS_OWN(ms_agent_state_free) struct ms_agent_state *s = calloc(1, sizeof *s);
	if (s == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "agent state");
	s->dir = -1;
	if (strlen(dir) >= sizeof s->path)
		return ms_fail(err, MS_ERR_USAGE, "--state: the path is too long");
	(void)snprintf(s->path, sizeof s->path, "%s", dir);
	enum ms_rc rc = open_dir(s, create, err);
	if (rc != MS_OK)
		return rc;
	*ret = s;
	s = NULL;
	return MS_OK;
}

void
ms_agent_state_free(struct ms_agent_state *s)
{
	if (s == NULL)
		return;
	ms_fd_close(s->dir);
	free(s);
}

static void
file_path(const struct ms_agent_state *s, const char *name, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s/%s", s->path, name);
}

enum ms_rc
ms_agent_state_read(struct ms_agent_state *s, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	char path[PATH_MAX];
	file_path(s, name, path);
	return ms_io_read_file(path, max, out, err);
}

enum ms_rc
ms_agent_state_write(struct ms_agent_state *s, const char *name, struct ms_span bytes, struct ms_err *err)
{
	char path[PATH_MAX];
	file_path(s, name, path);
	return ms_io_write_file(path, 0600, bytes, err);
}

enum ms_rc
ms_agent_state_load(struct ms_agent_state *s, struct ms_agent_record *ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_AGENT_STATE_MAX);
	enum ms_rc rc = ms_agent_state_read(s, FILE_NAME, MS_AGENT_STATE_MAX, &b, err);
	if (rc == MS_ERR_NOT_FOUND)
		return ms_fail(err, rc, "%s: this machine is not enrolled, see muster-agent enroll --help", s->path);
	if (rc == MS_OK)
		rc = ms_agent_record_parse(ms_buf_span(&b), ret, err);
	return rc == MS_OK ? rc : ms_prefix(err, rc, "%s/" FILE_NAME, s->path);
}

enum ms_rc
ms_agent_state_save(struct ms_agent_state *s, struct ms_agent_fields *f, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, MS_AGENT_STATE_MAX);
	f->v = 1;
	mark_present(f);
	enum ms_rc rc = ms_cbor_build_map(&agent_table, f, &b, err);
	return rc == MS_OK ? ms_agent_state_write(s, FILE_NAME, ms_buf_span(&b), err) : rc;
}

/* ---- kept secrets ---- */

#define SECRET_NAME_LEN (8u + 64u + 6u) /* secrets/ hex .cbor with NUL */

/* A path has many letters, a file name few: the hash names it, and what is inside says which it is. */
static void
secret_name(struct ms_span path, char out[static SECRET_NAME_LEN])
{
	uint8_t hash[MS_SHA256_LEN];
	ms_sha256(path, hash);
	memcpy(out, "secrets/", 8);
	ms_hex(hash, sizeof hash, out + 8);
	memcpy(out + 8 + 64, ".cbor", 6);
}

enum ms_rc
ms_agent_secret_load(struct ms_agent_state *s, struct ms_span path, struct ms_buf *mem, struct ms_agent_secret *ret, struct ms_err *err)
{
	char name[SECRET_NAME_LEN];
	struct ms_agent_secret r;
	secret_name(path, name);
	ms_buf_reset(mem);
	enum ms_rc rc = ms_agent_state_read(s, name, MS_AGENT_SECRET_MAX, mem, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_agent_secret_table, ms_buf_span(mem), &r, err);
	if (rc == MS_OK && !ms_span_eq(r.path, path))
		rc = ms_fail(err, MS_ERR_MALFORMED, "%s/%s: holds another path", s->path, name);
	if (rc == MS_OK)
		*ret = r;
	return rc;
}

enum ms_rc
ms_agent_secret_save(struct ms_agent_state *s, const struct ms_agent_secret *secret, struct ms_err *err)
{
	char name[SECRET_NAME_LEN], dir[PATH_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	secret_name(secret->path, name);
	file_path(s, "secrets", dir);
	ms_buf_init(&b, MS_AGENT_SECRET_MAX);
	enum ms_rc rc = ms_cbor_build_map(&ms_agent_secret_table, secret, &b, err);
	if (rc == MS_OK)
		rc = ms_io_mkdir(dir, 0700, err);
	return rc == MS_OK ? ms_agent_state_write(s, name, ms_buf_span(&b), err) : rc;
}

static enum ms_rc
each_file(struct ms_agent_state *s, const char *file, struct ms_buf *mem, ms_agent_secret_fn fn, void *ctx, struct ms_err *err)
{
	char name[SECRET_NAME_LEN];
	struct ms_agent_secret r;
	size_t len = strlen(file);
	if (len != 64 + 5 || strcmp(file + 64, ".cbor") != 0)
		return MS_OK; /* what a crash left of a write */
	(void)snprintf(name, sizeof name, "secrets/%s", file);
	ms_buf_reset(mem);
	enum ms_rc rc = ms_agent_state_read(s, name, MS_AGENT_SECRET_MAX, mem, err);
	if (rc == MS_OK)
		rc = ms_cbor_parse_map(&ms_agent_secret_table, ms_buf_span(mem), &r, err);
	return rc == MS_OK ? fn(ctx, &r, err) : rc;
}

enum ms_rc
ms_agent_secret_each(struct ms_agent_state *s, ms_agent_secret_fn fn, void *ctx, struct ms_err *err)
{
	char path[PATH_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf mem = {0};
	struct dirent *e;
	size_t n = 0;
	enum ms_rc rc = MS_OK;
	file_path(s, "secrets", path);
	DIR *d = opendir(path);
	if (d == NULL)
		return errno == ENOENT ? MS_OK : ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	ms_buf_init(&mem, MS_AGENT_SECRET_MAX);
	while (rc == MS_OK && (e = readdir(d)) != NULL && n++ < MS_AGENT_SECRETS_MAX + 2)
		rc = each_file(s, e->d_name, &mem, fn, ctx, err);
	(void)closedir(d);
	return rc;
}
