/* Making a deployment: what was asked for, and what was made on the way. */
#ifndef MS_CLI_INIT_H
#define MS_CLI_INIT_H
#include "cli/remote.h"
#include "server/token/generate.h"

#define MS_INIT_NAMES_MAX 16u
#define MS_INIT_OPERATORS_MAX 3u

struct ms_init {
	/* asked for */
	char dir[512]; /* absolute; no quotes or control characters */
	const char *name, *trust_domain, *listen, *module;
	const char *server_name[MS_INIT_NAMES_MAX + 1];
	size_t n_names;
	bool softhsm, factory, reader;
	const char *tcti, *tpm_helper; /* backend tpm, else NULL; helper NULL: the installed muster-tpm */
	uint32_t tpm_pcrs;             /* mask */
	uint64_t uid_base;
	/* made */
	uint8_t deployment[16];
	uint8_t issuing[MS_POINT_LEN], release[MS_POINT_LEN], intake[MS_POINT_LEN], token[MS_POINT_LEN], log[MS_ED25519_LEN];
	uint8_t operator_point[MS_INIT_OPERATORS_MAX][MS_POINT_LEN];
	const char *operator_role[MS_INIT_OPERATORS_MAX]; /* its name too */
	size_t n_operators;
	struct ms_buf root; /* root.cbor */
};
void ms_init_fini(struct ms_init *in); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_init, ms_init_fini)

/* dir/rel, into out. MS_ERR_USAGE when it is too long. */
MS_MUST_USE enum ms_rc ms_init_path(const struct ms_init *in, char out[static MS_CLI_PATH_MAX], struct ms_err *err, const char *fmt, ...)
    MS_PRINTF(4, 5);
/* A new random passphrase or PIN of 128 bits in a new file of mode 0600. `ret` may be NULL. */
MS_MUST_USE enum ms_rc ms_init_random_file(const char *path, struct ms_secret **ret, struct ms_err *err);

/* ---- init_keys.c: all keys; the root is signed ---- */
MS_MUST_USE enum ms_rc ms_init_keys(struct ms_init *in, struct ms_err *err);
/* The operator's key, sealed under the passphrase; its point goes into the root. */
MS_MUST_USE enum ms_rc ms_init_operator(struct ms_init *in, const char *path, const struct ms_secret *pass, struct ms_err *err);
/* Certificates and root.cbor, signed with the CA root key, which is then closed. */
MS_MUST_USE enum ms_rc ms_init_root(struct ms_init *in, struct ms_err *err);

/* ---- init_files.c ---- */
MS_MUST_USE enum ms_rc ms_init_dirs(struct ms_init *in, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_init_client(struct ms_cli *c, struct ms_init *in, const char *sub, const char *role, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_init_config(struct ms_init *in, struct ms_err *err); /* musterd.yaml, client.yaml's, root.cbor's, store */
/* Give each role its directory, when we are root and the users are known. */
MS_MUST_USE enum ms_rc ms_init_owners(const struct ms_init *in, struct ms_err *err);

#endif
