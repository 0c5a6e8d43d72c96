/* The deployment as this operator sees it: pinned root, operator's key, server. Every request is signed; answers are
 * believed as far as they are signed. */
#ifndef MS_CLI_REMOTE_H
#define MS_CLI_REMOTE_H
#include "cli/cli.h"
#include "client/http.h"
#include "crypto/key.h"
#include "proto/root.h"

#define MS_OPERATOR_KEY_LABEL "operator"
#define MS_OPERATOR_KEY_FILE_MAX 4096u
#define MS_CLI_PATH_MAX 1024u

struct ms_remote {
	char dir[MS_CLI_PATH_MAX]; /* with client.yaml */
	char server[300], tenant[65], key_file[MS_CLI_PATH_MAX], passphrase_file[MS_CLI_PATH_MAX];
	struct ms_root *root;
	struct ms_softkey *key; /* once ms_remote_unlock() was called */
	struct ms_signer signer;
	struct ms_client *client;
	uint64_t last_sequence;
};
void ms_remote_free(struct ms_remote *r);
MS_CLEANUP(struct ms_remote, ms_remote_free)

/* client.yaml and root.cbor of --deployment. c->remote is set. */
MS_MUST_USE enum ms_rc ms_remote_open(struct ms_cli *c, struct ms_err *err);
/* The operator's key, which must be in the root. */
MS_MUST_USE enum ms_rc ms_remote_unlock(struct ms_cli *c, struct ms_err *err);
/* Only the root of --deployment: for offline work. The caller frees it. */
MS_MUST_USE enum ms_rc ms_cli_root(struct ms_cli *c, struct ms_root **ret, struct ms_err *err);
/* A passphrase from --passphrase-file, `file` (may be NULL or empty), or the terminal. */
MS_MUST_USE enum ms_rc ms_cli_passphrase(
    struct ms_cli *c, const char *file, const char *prompt, struct ms_secret **ret, struct ms_err *err);

struct ms_reply {
	struct ms_client_response http;
	struct ms_op_resp msg; /* borrows from http.body */
	json_t *result;        /* NULL: there is none */
};
void ms_reply_fini(struct ms_reply *r); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_reply, ms_reply_fini)

/* Ask for one operation. `base` may be NULL; else the object that was looked at, at `base_version`. An answer with a receipt is taken
 * only when the receipt verifies. */
struct ms_request {
	const char *operation;
	const struct ms_cbor_table *table; /* of its arguments */
	const void *args;
	const char *base;
	uint64_t base_version;
};
MS_MUST_USE enum ms_rc ms_remote_ask(struct ms_cli *c, const struct ms_request *q, struct ms_reply *ret, struct ms_err *err);
/* The whole list, page by page, at most `limit` rows (0: all). The caller frees *ret. */
MS_MUST_USE enum ms_rc ms_remote_list(struct ms_cli *c, const char *operation, uint64_t limit, json_t **ret, struct ms_err *err);
/* Recorded evidence: of one device (its id) or all (NULL), since then (0: all), by device, oldest first. The caller frees *ret. */
MS_MUST_USE enum ms_rc ms_remote_records(
    struct ms_cli *c, const char *device, uint64_t since_s, uint64_t limit, json_t **ret, struct ms_err *err);
/* Print what the server says was done. */
MS_MUST_USE enum ms_rc ms_remote_done(struct ms_cli *c, const struct ms_reply *r, const char *what, struct ms_err *err);

/* A device that was named by id, by the beginning of its id or by name. */
struct ms_found_device {
	json_t *json; /* what the server says */
	const char *id;
	uint64_t version;
	struct ms_buf wire;
	bool proven; /* `binding` was signed by the release key, and is about the device that was asked for */
	struct ms_binding_body binding;
};
void ms_found_device_fini(struct ms_found_device *d);
MS_CLEANUP_FINI(struct ms_found_device, ms_found_device_fini)
/* MS_ERR_AUTH when the answer is about another device than the one named. */
MS_MUST_USE enum ms_rc ms_remote_device(struct ms_cli *c, const char *text, struct ms_found_device *ret, struct ms_err *err);

#endif
