/* A configuration or policy file: load, walk, read every scalar each way. */
#include <stdint.h>
#include <string.h>

#include "codec/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
visit(struct ms_yaml_node *n, unsigned depth)
{
	const char *s;
	uint64_t v;
	bool b;
	struct ms_err err;
	(void)!ms_yaml_text(n, 0, 1000, &s, &err);
	(void)!ms_yaml_uint(n, 0, UINT64_MAX, &v, &err);
	(void)!ms_yaml_bool(n, &b, NULL);
	(void)strlen(ms_yaml_key(n));
	if (depth > MS_YAML_DEPTH_MAX)
		__builtin_trap(); /* the cap did not hold */
	for (struct ms_yaml_node *c = ms_yaml_first(n); c != NULL; c = ms_yaml_next(c))
		visit(c, depth + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ms_yaml *y = NULL;
	struct ms_err err;
	if (ms_yaml_load("f", ms_span(data, size), &y, &err) != MS_OK)
		return 0;
	(void)!ms_yaml_check_used(y, &err);
	visit(ms_yaml_root(y), 0);
	if (ms_yaml_check_used(y, &err) != MS_OK)
		__builtin_trap(); /* all were visited */
	ms_yaml_free(y);
	return 0;
}
