/* A policy directory in a git repository, as the commands take it: YAML files right in it are the policy, those in references
 * are the reference sets that are kept as code, those in tests say what must come out (policy/testfile.h). Files are found
 * by the endings .yaml and .yml and read in the order of their names. */
#ifndef MS_CLI_POLICYDIR_H
#define MS_CLI_POLICYDIR_H
#include "cli/cli.h"
#include "policy/policy.h"
#include "policy/reference.h"

#define MS_POLICY_DIR_FILES_MAX 64u
#define MS_POLICY_DIR_REFERENCES_MAX 256u

/* Paths of the YAML files right in a directory, sorted; what begins with a dot is left out. */
struct ms_yaml_files {
	char **path; /* owned */
	size_t n;
};
void ms_yaml_files_fini(struct ms_yaml_files *f);
MS_CLEANUP_FINI(struct ms_yaml_files, ms_yaml_files_fini)
/* MS_ERR_USAGE: cannot be read, or more than `max`. MS_ERR_NOT_FOUND: there is no such directory. */
MS_MUST_USE enum ms_rc ms_yaml_files_find(const char *dir, const char *below, size_t max, struct ms_yaml_files *ret, struct ms_err *err);

struct ms_policy_dir {
	char *path;
	struct ms_buf cbor; /* the policy as it is signed */
	struct ms_policy *policy;
	struct ms_yaml_files reference_files;
	struct ms_reference **reference; /* one for each file */
};
void ms_policy_dir_free(struct ms_policy_dir *d);
MS_CLEANUP(struct ms_policy_dir, ms_policy_dir_free)
/* MS_ERR_USAGE; err reads "FILE:LINE: KEY: what is wrong". */
MS_MUST_USE enum ms_rc ms_policy_dir_load(const char *path, struct ms_policy_dir **ret, struct ms_err *err);
/* NULL: the directory has no set of that name. */
const struct ms_reference *ms_policy_dir_reference(const struct ms_policy_dir *d, struct ms_span name);
/* A ms_policy_reference_fn over a struct ms_policy_dir. */
enum ms_rc ms_policy_dir_lookup(void *dir, struct ms_span name, const struct ms_reference **ret, struct ms_err *err);

/* Warnings of ms_policy_check(): each is appended to the array `warnings`, and told on the error stream unless --json. */
void ms_policy_dir_warn(struct ms_cli *c, struct ms_policy_dir *d, json_t *warnings);

/* A file that another file names: relative to the directory of that file. An absolute name is refused, so that a policy directory
 * says the same wherever it is checked out. */
MS_MUST_USE enum ms_rc ms_cli_read_beside(const char *beside, const char *name, size_t max, struct ms_buf *out, struct ms_err *err);

#endif
