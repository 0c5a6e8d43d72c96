/* A whole deployment for tests: keys in key files or SoftHSM tokens, CA certificates, deployment root, operators. */
#ifndef MS_TEST_DEPLOYMENT_H
#define MS_TEST_DEPLOYMENT_H
#include "audit/note.h"
#include "crypto/key.h"
#include "proto/root.h"
#include "server/token/token.h"
#include "support/roleproc.h"

#define TEST_TENANT "default"
#define TEST_TRUST_DOMAIN "muster.test"
#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

struct test_owner {    /* keeper or notary: where its keys are */
	char dir[160]; /* its state directory */
	char conf[200], pin_file[200], passphrase_file[200], keyfile[200], uri[64];
	struct ms_token_config config; /* borrows from the above */
};
struct test_deployment {
	char dir[128], public_dir[160], root_file[200];
	bool softhsm;
	struct test_owner keeper, notary, ca;
	struct ms_root *root;
	struct ms_vkey *vkey;
	struct ms_softkey *admin, *factory, *other_admin; /* operators: of every tenant, of TEST_TENANT, of tenant "other" */
};
void deployment_new(struct test_deployment *d, bool softhsm);
void deployment_fini(struct test_deployment *d); /* removes its directory */

/* muster-token of keeper or notary. *ret_fd is the owner's end of its channel. */
void deployment_start_token(const struct test_deployment *d, const struct test_owner *o, struct roleproc *p, int *ret_fd);
/* Remove a directory and everything below. */
void remove_tree(const char *path);

#endif
