/* The configuration of musterd: one table of keys. It is read from, checked against, printed (--config-keys) and handed to the
 * roles by this table; the manual page is held against it. */
#ifndef MS_SERVER_CONFIG_H
#define MS_SERVER_CONFIG_H
#include "base/bytes.h"
#include "server/links.h"

enum ms_config_type {
	MS_CONFIG_TEXT,
	MS_CONFIG_PATH, /* absolute */
	MS_CONFIG_UINT,
	MS_CONFIG_BOOL,
	MS_CONFIG_LIST, /* of texts */
};
#define MS_CONFIG_ITEMS_MAX 32u
struct ms_config_row {
	const char *key; /* dotted: a dot is a level of the file */
	enum ms_config_type type;
	uint64_t min, max;    /* of a number; of the length of a text or item */
	const char *absent;   /* what it is when the file is silent, as in the file; NULL: must be set; "": unset; items parted by spaces */
	const char *choices;  /* NULL, or the only values, parted by spaces */
	uint32_t roles;       /* mask of 1 << enum ms_role_id: who gets it */
	const char *role_key; /* its name there */
	const char *doc;
};
const struct ms_config_row *ms_config_rows(size_t *ret_n);
const char *ms_config_type_name(enum ms_config_type t);

struct ms_config;
/* Parse and check every value by itself; says nothing about the machine. `file` is a name for error texts. */
MS_MUST_USE enum ms_rc ms_config_parse(const char *file, struct ms_span text, struct ms_config **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_config_load(const char *path, struct ms_config **ret, struct ms_err *err);
void ms_config_free(struct ms_config *c);
MS_CLEANUP(struct ms_config, ms_config_free)
/* Keys must be of the table, of that type: else it is our own bug. NULL when a text is unset. */
const char *ms_config_text(const struct ms_config *c, const char *key);
uint64_t ms_config_uint(const struct ms_config *c, const char *key);
const char *ms_config_item(const struct ms_config *c, const char *key, size_t i); /* NULL past the end */

/* What the supervisor adds for one process. */
struct ms_config_process {
	enum ms_role_id role;
	unsigned index;
	unsigned listeners;
	bool drop_user, development;
	uint32_t uid, gid;
};
/* The role's configuration as role.h reads it: deterministic CBOR. */
MS_MUST_USE enum ms_rc ms_config_build(
    const struct ms_config *c, const struct ms_config_process *p, struct ms_buf *out, struct ms_err *err);

#endif
