/* muster-token: the private keys of keeper, or of notary, and the PKCS#11 module, behind five requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/lib.h"
#include "server/role.h"
#include "server/token/frames.h"
#include "server/token/serve.h"

#define PROGRAM_MAX 1200u

/* muster-tpm lies beside this program. */
static const char *
tpm_program(char buf[static PROGRAM_MAX])
{
	const char *self = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	const char *slash = self != NULL ? strrchr(self, '/') : NULL;
	if (slash == NULL || slash - self > 1000)
		return NULL;
	(void)snprintf(buf, PROGRAM_MAX, "%.*s/muster-tpm", (int)(slash - self), self);
	return buf;
}

/* A list of numbers, which the configuration's own check has seen. */
static uint32_t
pcr_mask(const struct ms_role *role)
{
	const char *item;
	uint32_t mask = 0;
	for (size_t i = 0; (item = ms_role_get_item(role, "tpm_pcrs", i)) != NULL; i++)
		mask |= UINT32_C(1) << (strtoul(item, NULL, 10) & 31);
	return mask;
}

static enum ms_rc
prepare(const struct ms_role *role, struct ms_token **ret, struct ms_err *err)
{
	char program[PROGRAM_MAX];
	const struct ms_token_config c = {.uri = ms_role_get_text(role, "uri", NULL),
	    .module = ms_role_get_text(role, "module", NULL),
	    .module_conf = ms_role_get_text(role, "module_conf", NULL),
	    .pin_file = ms_role_get_text(role, "pin_file", NULL),
	    .keyfile = ms_role_get_text(role, "keyfile", NULL),
	    .passphrase_file = ms_role_get_text(role, "passphrase_file", NULL),
	    .tcti = ms_role_get_text(role, "tcti", NULL),
	    .tpm_program = tpm_program(program),
	    .tpm_pcrs = pcr_mask(role)};
	enum ms_rc rc = ms_crypto_init(err);
	return rc == MS_OK ? ms_token_prepare(&c, ret, err) : rc;
}

/* Its own directory, where a module may keep its files, and the module's configuration. */
static enum ms_rc
enter(const struct ms_role *role, struct ms_err *err)
{
	const char *conf = ms_role_get_text(role, "module_conf", NULL), *state;
	enum ms_rc rc = ms_role_need_text(role, "state_dir", &state, err);
	if (rc != MS_OK)
		return rc;
	const struct ms_sandbox_path paths[] = {{state, MS_SANDBOX_WRITE}, {conf, MS_SANDBOX_READ}};
	return ms_role_enter(role, paths, conf != NULL ? 2 : 1, err);
}

int
main(void)
{
	struct ms_err err = {0};
	MS_OWN(ms_role_free) struct ms_role *role = NULL;
	MS_OWN(ms_token_free) struct ms_token *token = NULL;
	MS_OWN(ms_chan_free) struct ms_chan *chan = NULL;
	if (ms_role_init(MS_ROLE_NONE, &role, &err) != MS_OK)
		return ms_role_die("token.start", &err);
	enum ms_role_id id = ms_role_id(role);
	if (id != MS_ROLE_TOKEN_KEEPER && id != MS_ROLE_TOKEN_NOTARY) {
		(void)ms_fail(&err, MS_ERR_USAGE, "muster-token is no %s", ms_role_row(id)->name);
		return ms_role_die("token.start", &err);
	}
	if (prepare(role, &token, &err) != MS_OK)
		return ms_role_die("token.start", &err);
	if (enter(role, &err) != MS_OK)
		return ms_role_die("token.sandbox", &err);
	if (ms_token_start(token, id == MS_ROLE_TOKEN_KEEPER ? MS_SLOTS_KEEPER : MS_SLOTS_NOTARY, &err) != MS_OK)
		return ms_role_die("token.open", &err);
	if (ms_chan_new(ms_role_chan_fd(role, 0), &ms_token_request_table, 4 * MS_TOKEN_FRAME_MAX, &chan, &err) != MS_OK)
		return ms_role_die("token.start", &err);
	ms_chan_set_wipe(chan);
	ms_role_ready(role);
	ms_log(MS_LOG_INFO, "token.serves", "backend=%s", ms_token_backend(token));
	struct ms_token_server server = {chan, token};
	enum ms_rc rc = ms_token_serve(&server, &err);
	return rc == MS_ERR_UNAVAILABLE ? 0 : ms_role_die("token.peer", &err);
}
