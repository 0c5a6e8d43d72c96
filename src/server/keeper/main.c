/* muster-keeper: the deployment's keys act here, under leaves of the log. No network, and no file once it serves. */
#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "crypto/lib.h"
#include "ipc/core_keeper.h"
#include "server/keeper/keeper.h"
#include "server/role.h"

static enum ms_rc
load_root(const struct ms_role *role, struct ms_root **ret, struct ms_err *err)
{
	const char *dir;
	char path[4096];
	struct ms_buf file;
	enum ms_rc rc = ms_role_need_text(role, "deployment_dir", &dir, err);
	if (rc != MS_OK)
		return rc;
	(void)snprintf(path, sizeof path, "%s/root.cbor", dir);
	ms_buf_init(&file, MS_ROOT_MAX);
	rc = ms_crypto_init(err);
	if (rc == MS_OK)
		rc = ms_io_read_file(path, MS_ROOT_MAX, &file, err);
	if (rc == MS_OK)
		rc = ms_root_load(ms_buf_span(&file), NULL, ret, err);
	ms_buf_fini(&file);
	return rc;
}

static enum ms_rc
load_names(const struct ms_role *role, const char *names[static MS_KEEPER_NAMES_MAX + 1], struct ms_err *err)
{
	size_t n = 0;
	for (; n < MS_KEEPER_NAMES_MAX && ms_role_get_item(role, "server_names", n) != NULL; n++)
		names[n] = ms_role_get_item(role, "server_names", n);
	names[n] = NULL;
	if (n == 0 || ms_role_get_item(role, "server_names", n) != NULL)
		return ms_fail(err, MS_ERR_USAGE, "server_names: 1 to %u are wanted", MS_KEEPER_NAMES_MAX);
	return MS_OK;
}

int
main(void)
{
	struct ms_err err = {0};
	const char *names[MS_KEEPER_NAMES_MAX + 1];
	MS_OWN(ms_role_free) struct ms_role *role = NULL;
	MS_OWN(ms_root_free) struct ms_root *root = NULL;
	MS_OWN(ms_token_client_free) struct ms_token_client *token = NULL;
	MS_OWN(ms_chan_free) struct ms_chan *core = NULL;
	MS_OWN(ms_keeper_free) struct ms_keeper *keeper = NULL;
	if (ms_role_init(MS_ROLE_KEEPER, &role, &err) != MS_OK || load_root(role, &root, &err) != MS_OK ||
	    load_names(role, names, &err) != MS_OK)
		return ms_role_die("keeper.start", &err);
	if (ms_role_enter(role, NULL, 0, &err) != MS_OK)
		return ms_role_die("keeper.sandbox", &err);
	if (ms_token_client_new(ms_role_chan_fd(role, 1), MS_SLOTS_KEEPER, &token, &err) != MS_OK ||
	    ms_chan_new(ms_role_chan_fd(role, 0), &ms_keeper_table, 4 * MS_ACT_FRAME_MAX, &core, &err) != MS_OK)
		return ms_role_die("keeper.token", &err);
	const struct ms_keeper_params p = {.root = root, .token = token, .core = core, .server_names = names};
	if (ms_keeper_new(&p, &keeper, &err) != MS_OK)
		return ms_role_die("keeper.keys", &err);
	ms_role_ready(role);
	ms_log(MS_LOG_INFO, "keeper.serves", "operators=%zu", root->n_operators);
	enum ms_rc rc = ms_keeper_serve(keeper, &err);
	return rc == MS_ERR_UNAVAILABLE && !ms_token_client_dead(token) ? 0 : ms_role_die("keeper.peer", &err);
}
