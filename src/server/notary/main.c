/* muster-notary: the transparency log's key (in its token) and leaves. */
#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "crypto/lib.h"
#include "ipc/core_notary.h"
#include "proto/root.h"
#include "server/notary/notary.h"
#include "server/role.h"
#include "server/token/client.h"

static enum ms_rc
load_vkey(const struct ms_role *role, struct ms_vkey **ret, struct ms_err *err)
{
	MS_OWN(ms_root_free) struct ms_root *root = NULL;
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
		rc = ms_root_load(ms_buf_span(&file), NULL, &root, err);
	if (rc == MS_OK)
		rc = ms_vkey_parse(root->body.log_vkey, ret, err);
	ms_buf_fini(&file);
	return rc;
}

static bool
token_dead(void *ctx)
{
	return ms_token_client_dead(ctx);
}

int
main(void)
{
	struct ms_err err = {0};
	const char *state;
	MS_OWN(ms_role_free) struct ms_role *role = NULL;
	MS_OWN(ms_vkey_free) struct ms_vkey *vkey = NULL;
	MS_OWN(ms_token_client_free) struct ms_token_client *token = NULL;
	MS_OWN(ms_chan_free) struct ms_chan *core = NULL;
	MS_OWN(ms_notary_free) struct ms_notary *notary = NULL;
	if (ms_role_init(MS_ROLE_NOTARY, &role, &err) != MS_OK || load_vkey(role, &vkey, &err) != MS_OK ||
	    ms_role_need_text(role, "state_dir", &state, &err) != MS_OK)
		return ms_role_die("notary.start", &err);
	const struct ms_sandbox_path paths[] = {{state, MS_SANDBOX_WRITE}};
	if (ms_role_enter(role, paths, 1, &err) != MS_OK)
		return ms_role_die("notary.sandbox", &err);
	if (ms_token_client_new(ms_role_chan_fd(role, 1), MS_SLOTS_NOTARY, &token, &err) != MS_OK ||
	    ms_chan_new(ms_role_chan_fd(role, 0), &ms_notary_table, 2 * MS_NOTARY_FRAME_MAX, &core, &err) != MS_OK)
		return ms_role_die("notary.token", &err);
	const struct ms_notary_params p = {.dir = state,
	    .vkey = vkey,
	    .signer = ms_token_client_signer(token, MS_SLOT_LOG),
	    .core = core,
	    .signer_dead = token_dead,
	    .signer_ctx = token};
	if (ms_notary_new(&p, &notary, &err) != MS_OK)
		return ms_role_die("notary.tree", &err);
	ms_role_ready(role);
	ms_log(MS_LOG_INFO, "notary.serves", "log=%s", ms_vkey_name(vkey));
	enum ms_rc rc = ms_notary_serve(notary, &err);
	return rc == MS_ERR_UNAVAILABLE && !ms_token_client_dead(token) ? 0 : ms_role_die("notary.peer", &err);
}
