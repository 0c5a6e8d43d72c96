/* JSON through jansson, strictly: duplicate keys, bad UTF-8, bytes after the value, sizes and depths over their
 * caps are refused. For what people and other tools read; what Muster signs is CBOR. */
#ifndef MS_JSON_H
#define MS_JSON_H
#include <jansson.h>
#include "base/bytes.h"

#define MS_JSON_DEPTH_MAX 32u

static inline void
ms_json_free_own(json_t **j)
{
	json_decref(*j);
}
/* MS_OWN(ms_json_free) json_t *j = NULL; */

/* One value (object or array) of at most max bytes. MS_ERR_MALFORMED or MS_ERR_TOO_BIG. The caller owns *ret. */
MS_MUST_USE enum ms_rc ms_json_parse(struct ms_span s, size_t max, json_t **ret, struct ms_err *err);
/* Append compact text with sorted keys, or with `pretty` indented by 2 and a final newline. */
MS_MUST_USE enum ms_rc ms_json_build(const json_t *j, bool pretty, struct ms_buf *out, struct ms_err *err);

#endif
