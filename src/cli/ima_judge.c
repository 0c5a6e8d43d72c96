#include "cli/ima_judge.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "policy/reference_yaml.h"

#define POLICY_MAX (64u << 20)
#define KEY_MAX (1u << 20)
#define EXCLUDES_MAX MS_CLI_OPTIONS_MAX
#define DIGEST_TEXT (2 * MS_IMA_DIGEST_MAX + 1)

/* A digest by its name: of keyrings, and of the boot aggregate. */
struct named {
	char name[64];
	uint8_t digest[MS_IMA_DIGEST_MAX];
	size_t len;
};
struct ms_ima_judge {
	struct ms_reference *files;  /* NULL: no --policy */
	struct ms_ima_keyring *keys; /* NULL: no --key and no keyring was accepted */
	const char *exclude[EXCLUDES_MAX];
	size_t n_excludes;
	struct named *named;
	size_t n_named;
	bool has_keys, judges_keyrings, allow_violations;
};

void
ms_ima_judge_free(struct ms_ima_judge *j)
{
	if (j == NULL)
		return;
	ms_reference_free(j->files);
	ms_ima_keyring_free(j->keys);
	free(j->named);
	free(j);
}

bool
ms_ima_judge_any(const struct ms_ima_judge *j)
{
	return j->files != NULL || j->has_keys;
}

/* ---- a runtime policy of Keylime: {"digests": {path: [hex]}, "excludes": [], "keyrings": {name: [hex]}} ---- */

static const struct {
	size_t len;
	uint8_t hash;
} hash_by_len[] = {{20, MS_IMA_HASH_SHA1}, {32, MS_IMA_HASH_SHA256}, {48, MS_IMA_HASH_SHA384}, {64, MS_IMA_HASH_SHA512}};

static uint8_t
hash_of(size_t len)
{
	for (size_t i = 0; i < sizeof hash_by_len / sizeof *hash_by_len; i++)
		if (hash_by_len[i].len == len)
			return hash_by_len[i].hash;
	return MS_IMA_HASH_COUNT;
}

/* "HEX" or "sha256:HEX". */
static bool
parse_digest(const json_t *v, uint8_t out[static MS_IMA_DIGEST_MAX], uint8_t *ret_hash, size_t *ret_len)
{
	const char *s = json_string_value(v);
	const char *colon = s == NULL ? NULL : strrchr(s, ':');
	if (s == NULL)
		return false;
	s = colon == NULL ? s : colon + 1;
	size_t n = strlen(s);
	*ret_len = n / 2;
	*ret_hash = hash_of(n / 2);
	return *ret_hash != MS_IMA_HASH_COUNT && ms_unhex(s, n, out, n / 2) == MS_OK;
}

static enum ms_rc
add_named(struct ms_ima_judge *j, const char *name, struct ms_span digest, struct ms_err *err)
{
	struct named *more = reallocarray(j->named, j->n_named + 1, sizeof *more);
	if (more == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "policy");
	j->named = more;
	struct named *n = &more[j->n_named];
	*n = (struct named){.len = digest.len};
	if (strlen(name) >= sizeof n->name)
		return ms_fail(err, MS_ERR_USAGE, "keyring with a name of %zu bytes", strlen(name));
	memcpy(n->name, name, strlen(name) + 1);
	memcpy(n->digest, digest.p, digest.len);
	j->n_named++;
	return MS_OK;
}

/* Of "digests": what begins with / is a file, all else ("boot_aggregate") is known by its name. */
static enum ms_rc
add_digests(struct ms_ima_judge *j, struct ms_reference_builder *b, const json_t *object, struct ms_err *err)
{
	const char *name;
	json_t *list, *v;
	size_t i;
	json_object_foreach((json_t *)(uintptr_t)object, name, list)
	{
		json_array_foreach(list, i, v)
		{
			uint8_t digest[MS_IMA_DIGEST_MAX], hash = 0;
			size_t len = 0;
			if (!parse_digest(v, digest, &hash, &len))
				return ms_fail(
				    err, MS_ERR_USAGE, "\"%.200s\": digest %zu is no hex of SHA-1, SHA-256, SHA-384 or SHA-512", name, i);
			enum ms_rc rc = b != NULL && name[0] == '/'
					    ? ms_reference_add_file(b, ms_span_str(name), hash, ms_span(digest, len), err)
					    : add_named(j, name, ms_span(digest, len), err);
			if (rc != MS_OK)
				return rc;
		}
	}
	return MS_OK;
}

static enum ms_rc
import_keylime(struct ms_ima_judge *j, struct ms_reference_builder *b, struct ms_span text, struct ms_err *err)
{
	json_t *root = NULL;
	enum ms_rc rc = ms_json_parse(text, POLICY_MAX, &root, err);
	if (rc == MS_OK && !json_is_object(json_object_get(root, "digests")))
		rc = ms_fail(err, MS_ERR_USAGE, "no runtime policy: it has no \"digests\"");
	if (rc == MS_OK && json_array_size(json_object_get(root, "excludes")) != 0)
		rc = ms_fail(
		    err, MS_ERR_USAGE, "its \"excludes\" are regular expressions: take them out, and give --exclude PREFIX for each");
	if (rc == MS_OK)
		rc = add_digests(j, b, json_object_get(root, "digests"), err);
	if (rc == MS_OK)
		rc = add_digests(j, NULL, json_object_get(root, "keyrings"), err);
	j->judges_keyrings = json_object_size(json_object_get(root, "keyrings")) != 0;
	json_decref(root);
	return rc;
}

/* ---- what sha256sum and its sisters write: a digest, a space, a space or *, a path, a line a file ---- */

static enum ms_rc
import_line(struct ms_reference_builder *b, struct ms_span line, struct ms_err *err)
{
	uint8_t digest[MS_IMA_DIGEST_MAX];
	const uint8_t *space = memchr(line.p, ' ', line.len);
	size_t digits = space == NULL ? 0 : (size_t)(space - line.p);
	uint8_t hash = digits % 2 == 0 ? hash_of(digits / 2) : MS_IMA_HASH_COUNT;
	if (line.p[0] == '\\')
		return ms_fail(err, MS_ERR_UNSUPPORTED, "a path with a newline or backslash");
	if (hash == MS_IMA_HASH_COUNT || line.len < digits + 3 || (space[1] != ' ' && space[1] != '*') ||
	    ms_unhex((const char *)line.p, digits, digest, digits / 2) != MS_OK)
		return ms_fail(err, MS_ERR_USAGE, "a digest, two spaces and a path are wanted, as sha256sum writes them");
	struct ms_span path = ms_span(space + 2, line.len - digits - 2);
	return ms_reference_add_file(b, path, hash, ms_span(digest, digits / 2), err);
}

static enum ms_rc
import_sums(struct ms_reference_builder *b, struct ms_span text, struct ms_err *err)
{
	for (size_t at = 0, number = 1; at < text.len; number++) {
		const uint8_t *newline = memchr(text.p + at, '\n', text.len - at);
		size_t end = newline == NULL ? text.len : (size_t)(newline - text.p);
		enum ms_rc rc = end == at ? MS_OK : import_line(b, ms_span(text.p + at, end - at), err);
		if (rc != MS_OK)
			return ms_prefix(err, rc, "line %zu", number);
		at = end + 1;
	}
	return MS_OK;
}

/* ---- loading ---- */

static enum ms_rc
open_beside(void *ctx, const char *name, size_t max, struct ms_buf *out, struct ms_err *err)
{
	const char *policy = ctx, *slash = strrchr(policy, '/');
	char path[4096];
	int n = snprintf(path, sizeof path, "%.*s%s", slash == NULL || name[0] == '/' ? 0 : (int)(slash + 1 - policy), policy, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return ms_fail(err, MS_ERR_USAGE, "name of %zu bytes", strlen(name));
	return ms_cli_read_file(path, max, out, err);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);
	return n >= m && strcmp(s + n - m, end) == 0;
}

static enum ms_rc
load_policy(struct ms_ima_judge *j, const char *path, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf text = {0};
	MS_OWN(ms_reference_builder_free) struct ms_reference_builder *b = NULL;
	const struct ms_reference_source src = {.name = ms_span_str("files"), .version = 1, .all_models = true};
	ms_buf_init(&text, POLICY_MAX);
	enum ms_rc rc = ms_cli_read_file(path, POLICY_MAX, &text, err);
	if (rc == MS_OK && (ends_with(path, ".yaml") || ends_with(path, ".yml"))) {
		const struct ms_policy_file file = {.name = path, .text = ms_buf_span(&text)};
		return ms_reference_from_yaml(&file, open_beside, (void *)(uintptr_t)path, &j->files, err);
	}
	if (rc == MS_OK)
		rc = ms_reference_builder_new(&src, &b, err);
	if (rc == MS_OK && text.len > 0 && text.p[0] == '{')
		rc = import_keylime(j, b, ms_buf_span(&text), err);
	else if (rc == MS_OK)
		rc = import_sums(b, ms_buf_span(&text), err);
	if (rc == MS_OK)
		rc = ms_reference_finish(b, &j->files, err);
	return rc == MS_OK || rc == MS_ERR_NOMEM ? rc : ms_prefix(err, MS_ERR_USAGE, "--policy %.200s", path);
}

static enum ms_rc
load_key(struct ms_ima_judge *j, const char *path, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, KEY_MAX);
	enum ms_rc rc = j->keys == NULL ? ms_ima_keyring_new(&j->keys, err) : MS_OK;
	if (rc == MS_OK)
		rc = ms_cli_read_file(path, KEY_MAX, &b, err);
	if (rc == MS_OK) {
		rc = ms_ima_keyring_add(j->keys, ms_buf_span(&b), err);
		j->has_keys = true;
	}
	return rc == MS_OK || rc == MS_ERR_NOMEM ? rc : ms_prefix(err, MS_ERR_USAGE, "--key %.200s", path);
}

enum ms_rc
ms_ima_judge_load(struct ms_cli *c, struct ms_ima_judge **ret, struct ms_err *err)
{
	MS_OWN(ms_ima_judge_free) struct ms_ima_judge *j = calloc(1, sizeof *j);
	const char *v;
	enum ms_rc rc = j != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "policy");
	for (size_t i = 0; rc == MS_OK && (v = ms_cli_option_at(c, "key", i)) != NULL; i++)
		rc = load_key(j, v, err);
	for (size_t i = 0; rc == MS_OK && (v = ms_cli_option_at(c, "exclude", i)) != NULL; i++) {
		if (v[0] == '\0')
			rc = ms_fail(err, MS_ERR_USAGE, "--exclude: an empty prefix would leave out everything");
		j->exclude[j->n_excludes++] = v;
	}
	if (rc == MS_OK && (v = ms_cli_option(c, "policy")) != NULL)
		rc = load_policy(j, v, err);
	if (rc != MS_OK)
		return rc;
	j->allow_violations = ms_cli_option(c, "allow-violations") != NULL;
	*ret = j;
	j = NULL;
	return MS_OK;
}

/* ---- judging ---- */

static bool
excluded(const struct ms_ima_judge *j, struct ms_span path)
{
	for (size_t i = 0; i < j->n_excludes; i++) {
		size_t n = strlen(j->exclude[i]);
		if (path.len >= n && ms_span_eq(ms_span(path.p, n), ms_span_str(j->exclude[i])))
			return true;
	}
	return false;
}

/* Is the digest one of those listed under this name; is anything listed under it? */
static bool
is_named(const struct ms_ima_judge *j, const struct ms_ima_entry *e, bool *ret_any)
{
	bool good = false;
	*ret_any = false;
	for (size_t i = 0; i < j->n_named; i++) {
		const struct named *n = &j->named[i];
		bool same = ms_span_eq(e->path, ms_span_str(n->name));
		*ret_any |= same;
		good |= same && ms_span_eq(e->digest.value, ms_span(n->digest, n->len));
	}
	return good;
}

static bool
problem(struct ms_ima_problem *p, const char *reason, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	p->reason = reason;
	(void)vsnprintf(p->text, sizeof p->text, fmt, ap);
	va_end(ap);
	return false;
}

static const char *
digest_text(uint8_t hash, struct ms_span digest, char out[static DIGEST_TEXT + 16])
{
	char hex[DIGEST_TEXT];
	ms_hex(digest.p, digest.len <= MS_IMA_DIGEST_MAX ? digest.len : 0, hex);
	(void)snprintf(out, DIGEST_TEXT + 16, "%s:%s", ms_ima_hash_name(hash), hex);
	return out;
}

static bool
judge_file(const struct ms_ima_judge *j, const struct ms_ima_entry *e, const struct ms_ima_signed *s, struct ms_ima_problem *p)
{
	char found[DIGEST_TEXT + 16], want[DIGEST_TEXT + 16];
	struct ms_reference_file f;
	if (j->files == NULL)
		return problem(p, "file-unsigned", "%s%s",
		    s->why == NULL ? "it is not signed" : "its signature could not be checked: ", s->why == NULL ? "" : s->why);
	if (ms_reference_has_file(j->files, e->path, e->digest.hash, e->digest.value))
		return true;
	(void)digest_text(e->digest.hash, e->digest.value, found);
	if (!ms_reference_has_path(j->files, e->path, &f))
		return problem(p, "file-unknown", "%s is not in the policy, nor is its path", found);
	return problem(p, "file-mismatch", "%s is not in the policy, which has %s", found, digest_text(f.hash, f.digest, want));
}

static bool
judge_signed_file(const struct ms_ima_judge *j, const struct ms_ima_entry *e, struct ms_ima_problem *p)
{
	struct ms_ima_signed s;
	ms_ima_signature_check(e, j->keys, NULL, &s);
	if (s.state == MS_IMA_SIG_BAD)
		return problem(p, "file-signature-bad", "its signature is wrong: %s", s.why);
	return s.state == MS_IMA_SIG_GOOD || judge_file(j, e, &s, p);
}

static enum ms_rc
judge_keyring(struct ms_ima_judge *j, const struct ms_ima_entry *e, bool *ret_good, struct ms_ima_problem *p, struct ms_err *err)
{
	char found[DIGEST_TEXT + 16];
	bool any;
	*ret_good = true;
	if (!j->judges_keyrings || e->path.len == 0 || (e->path.p[0] != '.' && e->path.p[0] != '_'))
		return MS_OK;
	*ret_good = is_named(j, e, &any);
	if (!*ret_good) {
		(void)problem(p, "keyring-unknown", "a key, %s, that the policy does not have for this keyring",
		    digest_text(e->digest.hash, e->digest.value, found));
		return MS_OK;
	}
	enum ms_rc rc = j->keys == NULL ? ms_ima_keyring_new(&j->keys, err) : MS_OK;
	/* a key of a kind that is not taken verifies nothing: what it signed is judged by its digest */
	return rc == MS_OK && ms_ima_keyring_add(j->keys, e->buffer, err) == MS_ERR_NOMEM ? MS_ERR_NOMEM : rc;
}

enum ms_rc
ms_ima_judge_entry(struct ms_ima_judge *j, const struct ms_ima_entry *e, bool *ret_good, struct ms_ima_problem *ret, struct ms_err *err)
{
	bool any;
	*ret_good = true;
	if (!ms_ima_judge_any(j))
		return MS_OK;
	if (e->violation) { /* its path is proven by nothing, so no prefix is asked about it */
		*ret_good =
		    j->allow_violations || problem(ret, "file-violation", "a file changed while it was measured; which one is not proven");
		return MS_OK;
	}
	if (e->template == MS_IMA_TEMPLATE_BUF)
		return judge_keyring(j, e, ret_good, ret, err);
	if (excluded(j, e->path))
		return MS_OK;
	if (e->number == 0 && ms_span_eq(e->path, ms_span_str("boot_aggregate"))) {
		if (!is_named(j, e, &any) && any)
			*ret_good = problem(ret, "boot-aggregate-unknown", "the policy has another boot aggregate");
		return MS_OK;
	}
	*ret_good = judge_signed_file(j, e, ret);
	return MS_OK;
}
