/* The files and directories of a deployment; nothing that exists is overwritten. */
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "cli/init.h"
#include "server/links.h"
#include "store/store.h"

enum ms_rc
ms_init_path(const struct ms_init *in, char out[static MS_CLI_PATH_MAX], struct ms_err *err, const char *fmt, ...)
{
	char rel[256];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(rel, sizeof rel, fmt, ap);
	va_end(ap);
	int n = snprintf(out, MS_CLI_PATH_MAX, "%s/%s", in->dir, rel);
	return n > 0 && (size_t)n < MS_CLI_PATH_MAX ? MS_OK : ms_fail(err, MS_ERR_USAGE, "%s: too long", in->dir);
}

enum ms_rc
ms_init_random_file(const char *path, struct ms_secret **ret, struct ms_err *err)
{
	uint8_t random[16];
	MS_OWN(ms_secret_free) struct ms_secret *s = NULL;
	enum ms_rc rc = ms_secret_new(2 * sizeof random + 1, &s, err);
	if (rc == MS_OK)
		rc = ms_random(random, sizeof random, err);
	if (rc != MS_OK)
		return rc;
	ms_hex(random, sizeof random, (char *)ms_secret_bytes(s));
	ms_wipe(random, sizeof random);
	ms_secret_set_len(s, 2 * sizeof random);
	rc = ms_io_create_file(path, 0600, ms_span(ms_secret_peek(s), ms_secret_len(s)), err);
	if (rc == MS_OK && ret != NULL) {
		*ret = s;
		s = NULL;
	}
	return rc;
}

/* ---- directories ---- */

static enum ms_rc
check_empty(const char *dir, struct ms_err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	enum ms_rc rc = MS_OK;
	if (d == NULL)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", dir, strerror(errno));
	while (rc == MS_OK && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = ms_fail(err, MS_ERR_CONFLICT, "%s is not empty: init overwrites nothing", dir);
	(void)closedir(d);
	return rc;
}

static enum ms_rc
absolute(struct ms_init *in, struct ms_err *err)
{
	char real[PATH_MAX];
	if (realpath(in->dir, real) == NULL || strlen(real) >= sizeof in->dir - 100)
		return ms_fail(err, MS_ERR_USAGE, "%s: no usable path", in->dir);
	for (const char *p = real; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\')
			return ms_fail(err, MS_ERR_USAGE, "%s: quotes, backslashes and control characters are not taken", in->dir);
	(void)snprintf(in->dir, sizeof in->dir, "%s", real);
	return MS_OK;
}

enum ms_rc
ms_init_dirs(struct ms_init *in, struct ms_err *err)
{
	static const struct {
		const char *name;
		mode_t mode;
	} rows[] = {{"client", 0700}, {"offline", 0700}, {"state", 0711}, {"state/deployment", 0755}, {"state/core", 0700},
	    {"state/notary", 0700}, {"state/keeper", 0700}, {"state/token-keeper", 0700}, {"state/token-notary", 0700}};
	if (mkdir(in->dir, 0755) != 0 && errno != EEXIST)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s", in->dir, strerror(errno));
	enum ms_rc rc = check_empty(in->dir, err);
	if (rc == MS_OK)
		rc = absolute(in, err);
	for (size_t i = 0; rc == MS_OK && i < sizeof rows / sizeof *rows; i++) {
		char path[MS_CLI_PATH_MAX];
		rc = ms_init_path(in, path, err, "%s", rows[i].name);
		if (rc == MS_OK)
			rc = ms_io_mkdir(path, rows[i].mode, err);
		if (rc == MS_OK && chmod(path, rows[i].mode) != 0)
			rc = ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	}
	return rc;
}

/* ---- files ---- */

static enum ms_rc
put_file(const struct ms_init *in, const char *rel, mode_t mode, struct ms_buf *b, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	enum ms_rc rc = ms_buf_check(b, err);
	if (rc == MS_OK)
		rc = ms_init_path(in, path, err, "%s", rel);
	return rc == MS_OK ? ms_io_create_file(path, mode, ms_buf_span(b), err) : rc;
}

static void
tpm_config(const struct ms_init *in, struct ms_buf *b)
{
	const char *before = "  tpm_pcrs: [";
	ms_buf_fmt(b, "  tcti: \"%s\"\n", in->tcti);
	for (unsigned pcr = 0; pcr < 24; pcr++)
		if ((in->tpm_pcrs >> pcr & 1) != 0) {
			ms_buf_fmt(b, "%s%u", before, pcr);
			before = ", ";
		}
	if (in->tpm_pcrs != 0)
		ms_buf_fmt(b, "]\n");
}

static void
token_config(const struct ms_init *in, const char *owner, struct ms_buf *b)
{
	ms_buf_fmt(b, "%s:\n", owner);
	if (in->softhsm) {
		ms_buf_fmt(b, "  uri: \"pkcs11:token=muster-%s\"\n  module: \"%s\"\n", owner, in->module);
		ms_buf_fmt(b, "  module_conf: \"%s/state/token-%s/softhsm2.conf\"\n", in->dir, owner);
		ms_buf_fmt(b, "  pin_file: \"%s/state/token-%s/pin\"\n", in->dir, owner);
	} else {
		ms_buf_fmt(b, "  keyfile: \"%s/state/token-%s/keys\"\n", in->dir, owner);
		if (in->tcti == NULL)
			ms_buf_fmt(b, "  passphrase_file: \"%s/state/token-%s/passphrase\"\n", in->dir, owner);
		else
			tpm_config(in, b);
	}
}

static enum ms_rc
write_config(const struct ms_init *in, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 32768);
	ms_buf_fmt(&b, "# Made by muster init. musterd --config-keys explains every key; musterd --check-config checks this file.\n");
	ms_buf_fmt(&b, "state_dir: \"%s/state\"\nlisten:\n  - \"%s\"\nserver_names:\n", in->dir, in->listen);
	for (size_t i = 0; i < in->n_names; i++)
		ms_buf_fmt(&b, "  - \"%s\"\n", in->server_name[i]);
	if (in->uid_base != 0)
		ms_buf_fmt(&b, "uid_base: %llu\n", (unsigned long long)in->uid_base);
	token_config(in, "keeper", &b);
	token_config(in, "notary", &b);
	return put_file(in, "musterd.yaml", 0644, &b, err);
}

/* The port is what follows the last colon. */
static enum ms_rc
write_client(const struct ms_init *in, const char *sub, bool with_passphrase, struct ms_err *err)
{
	char rel[64];
	bool v6 = strchr(in->server_name[0], ':') != NULL;
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, 4096);
	ms_buf_fmt(
	    &b, "# What muster needs to reach the server. File names are relative to this directory, which can be copied as a whole.\n");
	ms_buf_fmt(&b, "server: \"https://%s%s%s%s\"\ntenant: default\noperator_key: operator.key\n", v6 ? "[" : "", in->server_name[0],
	    v6 ? "]" : "", strrchr(in->listen, ':'));
	if (with_passphrase)
		ms_buf_fmt(&b, "passphrase_file: passphrase\n");
	(void)snprintf(rel, sizeof rel, "%s/client.yaml", sub);
	return put_file(in, rel, 0644, &b, err);
}

enum ms_rc
ms_init_client(struct ms_cli *c, struct ms_init *in, const char *sub, const char *role, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX], prompt[80];
	const char *given = ms_cli_option(c, "passphrase-file");
	MS_OWN(ms_secret_free) struct ms_secret *pass = NULL;
	enum ms_rc rc = ms_init_path(in, path, err, "%s", sub);
	if (rc == MS_OK)
		rc = ms_io_mkdir(path, 0700, err);
	if (rc == MS_OK)
		rc = ms_init_path(in, path, err, "%s/passphrase", sub);
	(void)snprintf(prompt, sizeof prompt, "Passphrase for the %s key: ", role);
	if (rc == MS_OK)
		rc = given != NULL ? ms_cli_passphrase(c, given, prompt, &pass, err) : ms_init_random_file(path, &pass, err);
	if (rc == MS_OK)
		rc = ms_init_path(in, path, err, "%s/operator.key", sub);
	if (rc == MS_OK)
		in->operator_role[in->n_operators] = role;
	if (rc == MS_OK)
		rc = ms_init_operator(in, path, pass, err);
	return rc == MS_OK ? write_client(in, sub, given == NULL, err) : rc;
}

enum ms_rc
ms_init_config(struct ms_init *in, struct ms_err *err)
{
	const struct {
		const char *file;
		bool wanted;
	} roots[] = {{"root.cbor", true}, {"state/deployment/root.cbor", true}, {"client/root.cbor", true},
	    {"factory/root.cbor", in->factory}, {"reader/root.cbor", in->reader}};
	char path[MS_CLI_PATH_MAX];
	MS_OWN(ms_store_close) struct ms_store *store = NULL;
	enum ms_rc rc = MS_OK;
	for (size_t i = 0; rc == MS_OK && i < sizeof roots / sizeof *roots; i++)
		if (roots[i].wanted)
			rc = put_file(in, roots[i].file, 0644, &in->root, err);
	if (rc == MS_OK)
		rc = write_config(in, err);
	if (rc == MS_OK)
		rc = ms_init_path(in, path, err, "state/core/store.db");
	return rc == MS_OK ? ms_store_open(path, MS_STORE_CREATE, &store, err) : rc;
}

/* ---- owners ---- */

static bool
find_user(const struct ms_init *in, enum ms_role_id id, uid_t *uid, gid_t *gid)
{
	if (in->uid_base != 0) {
		*uid = (uid_t)in->uid_base + (uid_t)id;
		*gid = (gid_t)*uid;
		return true;
	}
	const struct passwd *pw = getpwnam(ms_role_row(id)->user);
	if (pw == NULL)
		return false; /* musterd gives them when it starts */
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

static enum ms_rc
give_tree(char *path, uid_t uid, gid_t gid, struct ms_err *err)
{
	char *paths[] = {path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *e;
	enum ms_rc rc = walk != NULL ? MS_OK : ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	while (rc == MS_OK && (e = fts_read(walk)) != NULL)
		if (e->fts_info != FTS_DP && lchown(e->fts_path, uid, gid) != 0)
			rc = ms_fail(err, MS_ERR_IO, "%s: %s", e->fts_path, strerror(errno));
	if (walk != NULL)
		(void)fts_close(walk);
	return rc;
}

enum ms_rc
ms_init_owners(const struct ms_init *in, struct ms_err *err)
{
	char path[MS_CLI_PATH_MAX];
	uid_t uid = 0;
	gid_t gid = 0;
	for (int i = 0; geteuid() == 0 && i < MS_ROLE_COUNT; i++) {
		enum ms_role_id id = (enum ms_role_id)i;
		if (!ms_role_row(id)->state || !find_user(in, id, &uid, &gid))
			continue;
		enum ms_rc rc = ms_init_path(in, path, err, "state/%s", ms_role_row(id)->name);
		if (rc == MS_OK && access(path, F_OK) == 0)
			rc = give_tree(path, uid, gid, err);
		if (rc != MS_OK)
			return rc;
	}
	return MS_OK;
}
