/* Strict YAML for configuration and policy files: one document of block or flow maps with unique plain keys, lists and
 * scalars. Aliases, anchors, tags, duplicate keys, merge keys, second documents, too deep, too many or too big are refused. A scalar is
 * text; its reader says what it must look like (no implicit types). Every error names file, line and key.
 *
 *	struct ms_yaml *y; ms_yaml_load("musterd.yaml", bytes, &y, err);
 *	ms_yaml_get(ms_yaml_root(y), "listen") ... ms_yaml_check_used(y, err) at the end: unknown keys are errors. */
#ifndef MS_CODEC_YAML_H
#define MS_CODEC_YAML_H
#include "base/bytes.h"

#define MS_YAML_DEPTH_MAX 12u
#define MS_YAML_NODES_MAX 50000u
#define MS_YAML_SIZE_MAX (4u << 20)
#define MS_YAML_KEY_MAX 128u

enum ms_yaml_type { MS_YAML_SCALAR, MS_YAML_LIST, MS_YAML_MAP };
struct ms_yaml;      /* the document; owns its nodes */
struct ms_yaml_node; /* borrowed from it */

/* `file` is a name for error texts. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. An empty document is an empty map. */
MS_MUST_USE enum ms_rc ms_yaml_load(const char *file, struct ms_span text, struct ms_yaml **ret, struct ms_err *err);
void ms_yaml_free(struct ms_yaml *y);
MS_CLEANUP(struct ms_yaml, ms_yaml_free)
struct ms_yaml_node *ms_yaml_root(const struct ms_yaml *y);

enum ms_yaml_type ms_yaml_type(const struct ms_yaml_node *n);
unsigned ms_yaml_line(const struct ms_yaml_node *n); /* from 1 */
/* Key under which the node is; items of a list have their list's key, the root has "". */
const char *ms_yaml_key(const struct ms_yaml_node *n);
bool ms_yaml_plain(const struct ms_yaml_node *n); /* a scalar without quotes */

/* Lookups mark what they return as used. NULL: not a map, or no such key. */
struct ms_yaml_node *ms_yaml_get(struct ms_yaml_node *map, const char *key);
struct ms_yaml_node *ms_yaml_get_path(struct ms_yaml_node *map, const char *dotted); /* "limits.max_connections" */
/* Children of a list or map in file order: NULL for a scalar and past the last one. */
struct ms_yaml_node *ms_yaml_first(struct ms_yaml_node *n);
struct ms_yaml_node *ms_yaml_next(struct ms_yaml_node *n);
size_t ms_yaml_count(const struct ms_yaml_node *n);

/* Typed readers of a scalar: MS_ERR_MALFORMED for another shape, MS_ERR_TOO_BIG out of bounds; texts name the place. */
MS_MUST_USE enum ms_rc ms_yaml_text(struct ms_yaml_node *n, size_t min, size_t max, const char **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_yaml_uint(struct ms_yaml_node *n, uint64_t min, uint64_t max, uint64_t *ret, struct ms_err *err); /* decimal */
MS_MUST_USE enum ms_rc ms_yaml_bool(struct ms_yaml_node *n, bool *ret, struct ms_err *err); /* exactly true or false */
MS_MUST_USE enum ms_rc ms_yaml_expect(struct ms_yaml_node *n, enum ms_yaml_type type, struct ms_err *err);
/* "file:line: key: ..." in err; returns rc. For the reader's own rules. */
enum ms_rc ms_yaml_fail(const struct ms_yaml_node *n, struct ms_err *err, enum ms_rc rc, const char *fmt, ...) MS_PRINTF(4, 5);

/* MS_OK when every node was looked up; else names the first that nobody asked for. */
MS_MUST_USE enum ms_rc ms_yaml_check_used(const struct ms_yaml *y, struct ms_err *err);
void ms_yaml_mark_used(struct ms_yaml_node *n); /* the node and all beneath it */

#endif
