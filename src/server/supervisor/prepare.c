#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "server/supervisor/sup.h"

#define TREE_DEPTH_MAX 8u
#define DIR_PATH_MAX 1100u

enum ms_rc
sup_find_user(const struct ms_config *c, enum ms_role_id id, struct sup_user *ret, struct ms_err *err)
{
	uint64_t base = ms_config_uint(c, "uid_base");
	const char *name = ms_role_row(id)->user;
	if (base != 0) {
		uid_t uid = (uid_t)base + (uid_t)id;
		*ret = (struct sup_user){.uid = uid, .gid = uid};
		return MS_OK;
	}
	const struct passwd *pw = getpwnam(name);
	if (pw == NULL)
		return ms_fail(err, MS_ERR_USAGE, "there is no user %s: make the users (packaging does) or set uid_base", name);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return ms_fail(err, MS_ERR_USAGE, "user %s is root", name);
	*ret = (struct sup_user){.uid = pw->pw_uid, .gid = pw->pw_gid};
	return MS_OK;
}

enum ms_rc
sup_find_users(struct sup *s, struct ms_err *err)
{
	for (unsigned i = 0; i < MS_ROLE_COUNT; i++) {
		enum ms_rc rc = s->root ? sup_find_user(s->config, (enum ms_role_id)i, &s->user[i], err) : MS_OK;
		if (rc != MS_OK)
			return rc;
		for (unsigned k = 0; s->root && k < i; k++)
			if (s->user[k].uid == s->user[i].uid)
				return ms_fail(err, MS_ERR_USAGE, "%s and %s have the same user", ms_role_row((enum ms_role_id)k)->name,
				    ms_role_row((enum ms_role_id)i)->name);
	}
	return MS_OK;
}

/* What muster init made as root goes to the role. Only root's own regular files with one name, and directories: a role cannot
 * have its links followed, as every step is relative to a descriptor and none is followed. */
static enum ms_rc
give_tree(int dir_fd, const struct sup_user *u, unsigned depth, struct ms_err *err)
{
	DIR *d = fdopendir(dup(dir_fd));
	const struct dirent *e;
	enum ms_rc rc = MS_OK;
	if (d == NULL)
		return ms_fail(err, MS_ERR_IO, "opendir: %s", strerror(errno));
	while (rc == MS_OK && (e = readdir(d)) != NULL) {
		struct stat st;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		MS_OWN(ms_fd_close) ms_fd fd = openat(dir_fd, e->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0)
			continue;
		bool dir = S_ISDIR(st.st_mode), mine = st.st_uid == 0 && (dir || (S_ISREG(st.st_mode) && st.st_nlink == 1));
		if (mine && fchownat(fd, "", u->uid, u->gid, AT_EMPTY_PATH) != 0)
			rc = ms_fail(err, MS_ERR_IO, "chown %s: %s", e->d_name, strerror(errno));
		if (rc == MS_OK && dir && depth < TREE_DEPTH_MAX) {
			MS_OWN(ms_fd_close) ms_fd sub = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			rc = sub >= 0 ? give_tree(sub, u, depth + 1, err) : MS_OK;
		}
	}
	(void)closedir(d);
	return rc;
}

static enum ms_rc
make_role_dir(const struct sup *s, enum ms_role_id id, struct ms_err *err)
{
	char path[DIR_PATH_MAX];
	const struct sup_user *u = &s->user[id];
	(void)snprintf(path, sizeof path, "%s/%s", s->state_dir, ms_role_row(id)->name);
	enum ms_rc rc = ms_io_mkdir(path, 0700, err);
	if (rc != MS_OK || !s->root)
		return rc;
	MS_OWN(ms_fd_close) ms_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	if ((rc = give_tree(fd, u, 0, err)) != MS_OK)
		return ms_prefix(err, rc, "%s", path);
	if (fchown(fd, u->uid, u->gid) != 0 || fchmod(fd, 0700) != 0)
		return ms_fail(err, MS_ERR_IO, "%s: %s", path, strerror(errno));
	return MS_OK;
}

enum ms_rc
sup_make_dirs(struct sup *s, struct ms_err *err)
{
	char path[DIR_PATH_MAX];
	enum ms_rc rc = ms_io_mkdir(s->state_dir, 0711, err);
	if (rc == MS_OK && s->root && chmod(s->state_dir, 0711) != 0)
		rc = ms_fail(err, MS_ERR_IO, "%s: %s", s->state_dir, strerror(errno));
	(void)snprintf(path, sizeof path, "%s/run", s->state_dir);
	if (rc == MS_OK)
		rc = ms_io_mkdir(path, 0755, err);
	for (unsigned i = 0; rc == MS_OK && i < MS_ROLE_COUNT; i++)
		if (ms_role_row((enum ms_role_id)i)->state)
			rc = make_role_dir(s, (enum ms_role_id)i, err);
	return rc;
}
