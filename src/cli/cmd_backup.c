/* backup create, restore: a whole deployment in one tar file, also while the server runs. The notary's leaves are read
 * before the database is copied, so that the database of a backup is never older than its log. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/archive_late.h"
#include "cli/remote.h"
#include "store/store.h"

#define CHUNK 65536u
#define FILES_MAX 100000u
#define STORE "state/core/store.db"

/* In this order. What is not there is left out: not every deployment has a factory's or reader's key. The CA root key (offline/) is not
 * in a backup, as it is not on the server; the exported log is made again from the database. */
static const char *const parts[] = {"musterd.yaml", "root.cbor", "client", "factory", "reader", "state/deployment", "state/token-keeper",
    "state/token-notary", "state/keeper", "state/notary"};

static const char *
deployment_of(const struct ms_cli *c)
{
	const char *dir = ms_cli_option(c, "deployment");
	if (dir == NULL)
		dir = getenv("MUSTER_DEPLOYMENT");
	return dir != NULL && dir[0] != '\0' ? dir : "/etc/muster";
}

struct writer {
	struct archive *a;
	const char *dir; /* the deployment's */
	struct ms_cli *c;
	uint64_t files;
};

static enum ms_rc
fail_archive(struct archive *a, struct ms_err *err)
{
	const char *why = archive_error_string(a);
	return ms_fail(err, MS_ERR_USAGE, "archive: %s", why != NULL ? why : "failed");
}

static enum ms_rc
write_header(struct writer *w, const char *name, const struct stat *st, struct ms_err *err)
{
	struct archive_entry *e = archive_entry_new();
	if (e == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "archive");
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, S_ISDIR(st->st_mode) ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(e, st->st_mode & 0777);
	archive_entry_set_uid(e, st->st_uid);
	archive_entry_set_gid(e, st->st_gid);
	archive_entry_set_mtime(e, st->st_mtime, 0);
	archive_entry_set_size(e, S_ISDIR(st->st_mode) ? 0 : st->st_size);
	int r = archive_write_header(w->a, e);
	archive_entry_free(e);
	return r == ARCHIVE_OK ? MS_OK : fail_archive(w->a, err);
}

/* As much as it had when it was opened: a file that grows meanwhile is taken as it was. */
static enum ms_rc
write_file(struct writer *w, const char *path, const char *name, struct ms_err *err)
{
	static const size_t chunk = CHUNK;
	struct stat st;
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
	enum ms_rc rc = write_header(w, name, &st, err);
	uint8_t *buf = malloc(chunk);
	if (buf == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "archive");
	for (off_t left = st.st_size; rc == MS_OK && left > 0;) {
		size_t n = left < (off_t)chunk ? (size_t)left : chunk;
		rc = ms_io_read_exact(fd, buf, n, err);
		if (rc == MS_OK && archive_write_data(w->a, buf, n) != (la_ssize_t)n)
			rc = fail_archive(w->a, err);
		left -= (off_t)n;
	}
	ms_wipe(buf, chunk); /* key files and PINs go through it */
	free(buf);
	w->files++;
	return rc;
}

static enum ms_rc
write_tree(struct writer *w, const char *part, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", w->dir, part);
	char *paths[] = {path, NULL};
	enum ms_rc rc = MS_OK;
	if (access(path, F_OK) != 0)
		return MS_OK;
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *e;
	if (walk == NULL)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", path, strerror(errno));
	while (rc == MS_OK && (e = fts_read(walk)) != NULL) {
		const char *name = e->fts_path + strlen(w->dir) + 1;
		if (e->fts_info == FTS_D)
			rc = write_header(w, name, e->fts_statp, err);
		else if (e->fts_info == FTS_F)
			rc = write_file(w, e->fts_path, name, err);
		else if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR)
			rc = ms_fail(err, MS_ERR_USAGE, "%s: %s", e->fts_path, strerror(e->fts_errno));
	}
	(void)fts_close(walk);
	return rc;
}

static enum ms_rc
write_store(struct writer *w, const char *out, struct ms_err *err)
{
	char live[MS_CLI_PATH_MAX], copy[MS_CLI_PATH_MAX];
	struct stat st;
	MS_OWN(ms_store_close) struct ms_store *s = NULL;
	(void)snprintf(live, sizeof live, "%s/%s", w->dir, STORE);
	int n = snprintf(copy, sizeof copy, "%s.store", out);
	if (n < 0 || (size_t)n >= sizeof copy)
		return ms_fail(err, MS_ERR_USAGE, "%s: too long", out);
	enum ms_rc rc = ms_store_open(live, MS_STORE_READONLY, &s, err);
	if (rc == MS_OK)
		rc = ms_store_backup(s, copy, err);
	if (rc != MS_OK)
		return rc;
	if (stat(live, &st) == 0 && chown(copy, st.st_uid, st.st_gid) != 0 && geteuid() == 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", copy, strerror(errno));
	(void)snprintf(live, sizeof live, "%s/state/core", w->dir);
	if (rc == MS_OK && stat(live, &st) == 0)
		rc = write_header(w, "state/core", &st, err);
	if (rc == MS_OK)
		rc = write_file(w, copy, STORE, err);
	(void)unlink(copy);
	return rc;
}

static enum ms_rc
write_all(struct writer *w, const char *out, struct ms_err *err)
{
	static const size_t n = sizeof parts / sizeof *parts;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < n; i++) {
		ms_cli_progress(w->c, "backup", i, n + 1);
		rc = write_tree(w, parts[i], err);
	}
	ms_cli_progress(w->c, "backup", n, n + 1);
	if (rc == MS_OK)
		rc = write_store(w, out, err);
	ms_cli_progress_end(w->c);
	return rc;
}

static enum ms_rc
run_create(struct ms_cli *c, struct ms_err *err)
{
	char state[MS_CLI_PATH_MAX];
	const char *out = ms_cli_option(c, "out");
	struct writer w = {.dir = deployment_of(c), .c = c};
	if (out == NULL)
		return ms_fail(err, MS_ERR_USAGE, "backup create wants -o FILE");
	(void)snprintf(state, sizeof state, "%s/%s", w.dir, STORE);
	if (access(state, R_OK) != 0)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s: give --deployment, the directory that init made", state, strerror(errno));
	enum ms_rc rc = ms_archive_load(err);
	if (rc != MS_OK)
		return rc;
	(void)umask(077);
	MS_OWN(ms_fd_close) ms_fd fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ms_fail(err, errno == EEXIST ? MS_ERR_CONFLICT : MS_ERR_USAGE, "%s: %s", out, strerror(errno));
	w.a = archive_write_new();
	rc = w.a != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "archive");
	if (rc == MS_OK && (archive_write_set_format_pax_restricted(w.a) != ARCHIVE_OK || archive_write_open_fd(w.a, fd) != ARCHIVE_OK))
		rc = fail_archive(w.a, err);
	if (rc == MS_OK)
		rc = write_all(&w, out, err);
	if (rc == MS_OK && archive_write_close(w.a) != ARCHIVE_OK)
		rc = fail_archive(w.a, err);
	(void)archive_write_free(w.a);
	if (rc == MS_OK && fsync(fd) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", out, strerror(errno));
	if (rc != MS_OK) {
		(void)unlink(out);
		return rc;
	}
	MS_OWN(ms_json_free) json_t *more = json_pack("{s:s, s:I}", "file", out, "files", (json_int_t)w.files);
	return ms_out_done(
	    c, more, "%s holds %llu files, keys and PINs among them: keep it as you keep the keys", out, (unsigned long long)w.files);
}

/* ---- restore ---- */

/* Relative, plain, inside. */
static bool
name_ok(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > 500 || s[0] == '/')
		return false;
	for (const char *p = s; *p != '\0';) {
		size_t len = strcspn(p, "/");
		if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.') || (len == 0 && p[0] == '/'))
			return false;
		p += len + (p[len] == '/' ? 1 : 0);
	}
	return true;
}

static enum ms_rc
check_empty(const char *dir, struct ms_err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	enum ms_rc rc = MS_OK;
	if (d == NULL)
		return errno == ENOENT ? MS_OK : ms_fail(err, MS_ERR_USAGE, "%s: %s", dir, strerror(errno));
	while (rc == MS_OK && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = ms_fail(err, MS_ERR_CONFLICT, "%s is not empty: a backup is restored into a new directory only", dir);
	(void)closedir(d);
	return rc;
}

static enum ms_rc
make_parents(char *path, size_t from, struct ms_err *err)
{
	enum ms_rc rc = MS_OK;
	for (char *p = path + from; rc == MS_OK && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		rc = ms_io_mkdir(path, 0755, err);
		*p = '/';
	}
	return rc;
}

static enum ms_rc
read_data(struct archive *a, int fd, const char *path, struct ms_err *err)
{
	static const size_t chunk = CHUNK;
	uint8_t *buf = malloc(chunk);
	enum ms_rc rc = buf != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "archive");
	la_ssize_t n = 0;
	while (rc == MS_OK && (n = archive_read_data(a, buf, chunk)) > 0)
		rc = ms_io_write_all(fd, buf, (size_t)n, err);
	if (rc == MS_OK && n < 0)
		rc = fail_archive(a, err);
	if (rc == MS_OK && fsync(fd) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (buf != NULL)
		ms_wipe(buf, chunk);
	free(buf);
	return rc;
}

static enum ms_rc
restore_one(struct archive *a, struct archive_entry *e, const char *dir, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	const char *name = archive_entry_pathname(e);
	mode_t type = archive_entry_filetype(e), mode = archive_entry_perm(e) & 0777;
	if (name == NULL || !name_ok(name) || (type != AE_IFREG && type != AE_IFDIR))
		return ms_fail(err, MS_ERR_USAGE, "the archive holds what no backup does");
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "%s: too long", dir);
	while (n > 0 && path[n - 1] == '/')
		path[--n] = '\0';
	enum ms_rc rc = make_parents(path, strlen(dir) + 1, err);
	if (rc == MS_OK && type == AE_IFDIR)
		rc = ms_io_mkdir(path, mode, err);
	if (rc != MS_OK)
		return rc;
	MS_OWN(ms_fd_close)
	ms_fd fd = type == AE_IFDIR ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				    : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (type == AE_IFREG)
		rc = read_data(a, fd, path, err);
	if (rc == MS_OK && geteuid() == 0 && fchown(fd, (uid_t)archive_entry_uid(e), (gid_t)archive_entry_gid(e)) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if (rc == MS_OK && fchmod(fd, mode) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	return rc;
}

static enum ms_rc
restore_all(struct archive *a, const char *dir, uint64_t *files, struct ms_err *err)
{
	struct archive_entry *e = NULL;
	enum ms_rc rc = MS_OK;
	int r = ARCHIVE_OK;
	while (rc == MS_OK && (r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		if (++*files > FILES_MAX)
			return ms_fail(err, MS_ERR_TOO_BIG, "the archive holds more than %u files", FILES_MAX);
		rc = restore_one(a, e, dir, err);
	}
	if (rc == MS_OK && r != ARCHIVE_EOF)
		rc = fail_archive(a, err);
	return rc;
}

/* Configuration files name the directory in which init made them. */
static void
warn_moved(struct ms_cli *c, const char *dir)
{
	char path[MS_CLI_PATH_MAX], line[MS_CLI_PATH_MAX + 32], real[PATH_MAX];
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 65536);
	(void)snprintf(path, sizeof path, "%s/musterd.yaml", dir);
	if (realpath(dir, real) == NULL || ms_io_read_file(path, 65535, &b, NULL) != MS_OK)
		return;
	ms_buf_u8(&b, 0);
	(void)snprintf(line, sizeof line, "\"%.900s/state\"", real);
	if (!b.bad && strstr((const char *)b.p, line) == NULL)
		(void)fprintf(
		    c->errout, "warning: musterd.yaml and softhsm2.conf name the directory they were made in: change them to %s\n", real);
}

static enum ms_rc
run_restore(struct ms_cli *c, struct ms_err *err)
{
	const char *dir = ms_cli_option(c, "dir");
	uint64_t files = 0;
	if (dir == NULL)
		dir = deployment_of(c);
	enum ms_rc rc = check_empty(dir, err);
	if (rc == MS_OK)
		rc = ms_archive_load(err);
	struct archive *a = rc == MS_OK ? archive_read_new() : NULL;
	if (rc == MS_OK && a == NULL)
		rc = ms_fail(err, MS_ERR_NOMEM, "archive");
	if (rc != MS_OK)
		return rc;
	if (archive_read_support_format_tar(a) != ARCHIVE_OK || archive_read_open_filename(a, c->arg[0], CHUNK) != ARCHIVE_OK)
		rc = fail_archive(a, err);
	if (rc == MS_OK)
		rc = ms_io_mkdir(dir, 0755, err);
	if (rc == MS_OK)
		rc = restore_all(a, dir, &files, err);
	(void)archive_read_free(a);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "%s", c->arg[0]);
	warn_moved(c, dir);
	MS_OWN(ms_json_free) json_t *more = json_pack("{s:s, s:I}", "dir", dir, "files", (json_int_t)files);
	return ms_out_done(
	    c, more, "restored into %s. A log that went on after the backup was made is refused by the server: see musterd(8)", dir);
}

static const struct ms_cli_option create_options[] = {{"out", "FILE", "the archive (-o FILE); must not exist"}, {NULL, NULL, NULL}};
static const struct ms_cli_option restore_options[] = {
    {"dir", "DIR", "where to restore it; absent or empty (default: that of --deployment)"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_backup[] = {
    {.noun = "backup",
	.verb = "create",
	.run = run_create,
	.help = "copy a deployment into one file, also while the server runs",
	.args = "",
	.options = create_options,
	.example = "muster backup create -o muster-2026-01-31.tar --deployment /etc/muster"},
    {.noun = "backup",
	.verb = "restore",
	.run = run_restore,
	.help = "make a deployment from a backup, in a new directory only",
	.args = "FILE",
	.min_args = 1,
	.max_args = 1,
	.options = restore_options,
	.example = "muster backup restore muster-2026-01-31.tar --dir /etc/muster"},
    {.noun = NULL},
};
