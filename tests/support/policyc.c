/* Compiles a policy for tests that speak the protocol themselves: YAML on standard input, CBOR on standard output. With an argument
 * it prints the keys of the language. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "policy/policy.h"

static int
print_keys(void)
{
	char key[MS_POLICY_KEY_TEXT];
	for (size_t i = 0; ms_policy_key_at(i, key); i++)
		(void)puts(key);
	return 0;
}

int
main(int argc, MS_UNUSED char **argv)
{
	if (argc > 1)
		return print_keys();
	struct ms_err err = {0};
	struct ms_buf out;
	static char text[MS_POLICY_YAML_MAX];
	size_t n = fread(text, 1, sizeof text, stdin);
	const struct ms_policy_file file = {.name = "stdin", .text = ms_span(text, n)};
	ms_buf_init(&out, MS_POLICY_WIRE_MAX);
	enum ms_rc rc = ms_policy_compile(&file, 1, &out, &err);
	if (rc != MS_OK)
		(void)fprintf(stderr, "%s\n", err.text);
	else
		(void)fwrite(out.p, 1, out.len, stdout);
	ms_buf_fini(&out);
	return rc == MS_OK ? 0 : 1;
}
