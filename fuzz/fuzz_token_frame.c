/* A hostile owner's bytes at a token with keys of every slot, in memory; and a hostile token's answer at its owner. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "server/token/frames.h"
#include "server/token/generate.h"
#include "server/token/serve.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ms_token *token;

int
LLVMFuzzerInitialize(MS_UNUSED int *argc, MS_UNUSED char ***argv)
{
	struct ms_err err = {0};
	char dir[] = "/tmp/muster-fuzz-XXXXXX", keys[64], pass[64];
	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(keys, sizeof keys, "%s/keys", dir);
	(void)snprintf(pass, sizeof pass, "%s/pass", dir);
	const struct ms_token_config c = {.keyfile = keys, .passphrase_file = pass};
	if (ms_io_write_file(pass, 0600, ms_span_str("a passphrase"), &err) != MS_OK ||
	    ms_token_generate(&c, MS_SLOTS_ROOT | MS_SLOTS_KEEPER | MS_SLOTS_NOTARY, &token, &err) != MS_OK) {
		(void)fprintf(stderr, "%s\n", err.text);
		abort();
	}
	(void)unlink(keys);
	(void)unlink(pass);
	(void)rmdir(dir);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_token_server s = {.token = token};
	struct ms_ipc_state st = MS_IPC_STATE_INIT;
	struct ms_span result;
	(void)!ms_token_answer_parse(ms_span(data, size), &result, NULL);
	if (ms_chan_new(-1, &ms_token_request_table, 64 * MS_TOKEN_FRAME_MAX, &s.chan, NULL) != MS_OK)
		return 0;
	if (ms_chan_feed(s.chan, ms_span(data, size), NULL) == MS_OK)
		(void)!ms_ipc_dispatch(s.chan, &st, &s, NULL);
	ms_chan_free(s.chan);
	return 0;
}
