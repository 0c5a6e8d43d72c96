#include "server/config.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "codec/cbor.h"
#include "codec/yaml.h"

#define FILE_MAX 65536u
#define PATH_MAX_LEN 1000u
#define R(id) (1u << MS_ROLE_##id)
#define EVERY ((1u << MS_ROLE_COUNT) - 1)

#define TEXT(k, hi, dflt, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_TEXT, .min = 1, .max = hi, .absent = dflt, .roles = who, .role_key = name, .doc = what \
	}
#define CHOICE(k, dflt, of, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_TEXT, .min = 1, .max = 32, .absent = dflt, .choices = of, .roles = who, .role_key = name, \
		.doc = what \
	}
#define PATH(k, dflt, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_PATH, .min = 1, .max = PATH_MAX_LEN, .absent = dflt, .roles = who, .role_key = name, \
		.doc = what \
	}
#define UINT(k, lo, hi, dflt, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_UINT, .min = lo, .max = hi, .absent = dflt, .roles = who, .role_key = name, .doc = what \
	}
#define LIST(k, hi, dflt, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_LIST, .min = 1, .max = hi, .absent = dflt, .roles = who, .role_key = name, .doc = what \
	}
#define PCRS(k, who, name, what) \
	{ \
		.key = k, .type = MS_CONFIG_LIST, .min = 1, .max = 2, .absent = "", .roles = who, .role_key = name, .doc = what, \
		.choices = "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23" \
	}
#define TOKEN_KEYS(owner, role) \
	TEXT(owner ".uri", 512, "", role, "uri", "PKCS#11 URI (RFC 7512) of the " owner "'s token"), \
	    PATH(owner ".module", "", role, "module", "PKCS#11 module that reaches it"), \
	    PATH(owner ".module_conf", "", role, "module_conf", "configuration file of the module (SOFTHSM2_CONF)"), \
	    PATH(owner ".pin_file", "", role, "pin_file", "file with the token's user PIN, readable by its owner only"), \
	    PATH(owner ".keyfile", "", role, "keyfile", "instead of a token: the " owner "'s sealed key file"), \
	    PATH( \
		owner ".passphrase_file", "", role, "passphrase_file", "file with the key file's passphrase, readable by its owner only"), \
	    TEXT(owner ".tcti", 200, "", role, "tcti", \
		"instead of a passphrase: the TPM that the key file is sealed to (device:/dev/tpmrm0, swtpm:host=...,port=..., " \
		"swtpm:path=...)"), \
	    PCRS(owner ".tpm_pcrs", role, "tpm_pcrs", \
		"the PCRs that the key file must be sealed to; silent: those it is sealed to, or none")

static const struct ms_config_row rows[] = {
    PATH("state_dir", NULL, 0, NULL, "directory of all state; made by muster init"),
    LIST("listen", 64, "127.0.0.1:8443", 0, NULL, "addresses to serve on: IPv4:port or [IPv6]:port"),
    LIST("server_names", 253, "localhost 127.0.0.1", R(CORE) | R(KEEPER), "server_names", "DNS names and addresses in the TLS certificate"),
    LIST("tenants", 64, "default", R(CORE), "tenants", "tenants that are served"),
    UINT("net_processes", 1, 64, "2", 0, NULL, "how many processes serve the network: one for each processor core"),
    UINT("uid_base", 0, 2000000000, "0", 0, NULL,
	"numeric users for the roles, from this one on, in place of the users muster-net, muster-core, ...; 0: the named users"),
    CHOICE("log_level", "info", "error warn info debug", EVERY, "log_level", "how much is logged"),
    UINT("appraiser_workers", 1, 64, "4", R(APPRAISER), "appraiser_workers", "evidence workers kept ready; more when there is more to do"),
    UINT("tls_life_s", 600, 604200, "21600", R(CORE) | R(KEEPER), "tls_life_s", "life of the server's own TLS certificate"),
    PATH("maker_roots", "", R(CORE), "maker_roots", "directory with TPM makers' roots, intermediates (PEM or DER) and CRLs"),
    UINT("limits.max_connections", 16, 1000000, "8192", R(NET), "max_connections", "connections of one network process"),
    UINT("limits.per_address_connections", 1, 1000000, "4096", R(NET), "per_address_connections", "connections of one address"),
    UINT("limits.requests_per_s", 1, 1000000, "2000", R(NET), "requests_per_s", "requests per second of one address"),
    UINT("limits.requests_burst", 1, 1000000, "4000", R(NET), "requests_burst", "requests of one address at once"),
    UINT("limits.max_in_flight", 1, 1000000, "4096", R(NET), "max_in_flight", "requests of one network process under way"),
    UINT("limits.max_body_total", 1u << 20, 1u << 30, "268435456", R(NET), "max_body_total",
	"bytes of request bodies held by one network process"),
    UINT("limits.handshake_timeout_ms", 100, 600000, "5000", R(NET), "handshake_timeout_ms", "time for a TLS handshake"),
    UINT("limits.head_timeout_ms", 100, 600000, "10000", R(NET), "head_timeout_ms", "time for the head of a request"),
    UINT("limits.body_timeout_ms", 100, 600000, "30000", R(NET), "body_timeout_ms", "time for the body of a request"),
    UINT("limits.answer_timeout_ms", 100, 600000, "30000", R(NET), "answer_timeout_ms", "time for the server's answer"),
    UINT("limits.write_timeout_ms", 100, 600000, "60000", R(NET), "write_timeout_ms", "time for a client to take its answer"),
    UINT("limits.idle_timeout_ms", 100, 3600000, "120000", R(NET), "idle_timeout_ms", "time between two requests"),
    UINT("poll_s", 10, 86400, "300", R(CORE), "poll_s", "how often agents ask whether evidence is wanted before it is due"),
    UINT("evidence.boot_log_bytes", 1024, 1u << 20, "524288", R(CORE) | R(NET), "boot_log_bytes", "largest boot log that is taken"),
    UINT("evidence.boot_log_events", 16, 4096, "4096", R(CORE), "boot_log_events", "events of a boot log"),
    UINT("evidence.boot_log_event_bytes", 1024, 1u << 20, "131072", R(CORE), "boot_log_event_bytes", "data of one event of a boot log"),
    UINT("evidence.ima_bytes", 1024, 8u << 20, "4194304", R(CORE) | R(NET), "ima_bytes",
	"largest IMA list, or new part of one, that is taken"),
    UINT("evidence.ima_entries", 16, 100000, "50000", R(CORE), "ima_entries", "entries of an IMA list, or of a new part, that is taken"),
    UINT("evidence.keep_days", 1, 3650, "30", R(CORE), "keep_days", "how long recorded evidence is kept"),
    UINT("evidence.keep_per_device", 1, 1000, "16", R(CORE), "keep_per_device", "pieces of evidence that are kept of one device"),
    TOKEN_KEYS("keeper", R(TOKEN_KEEPER)),
    TOKEN_KEYS("notary", R(TOKEN_NOTARY)),
};
#define N_ROWS (sizeof rows / sizeof *rows)

struct value {
	uint64_t uint;
	size_t n;
	char *text[MS_CONFIG_ITEMS_MAX]; /* [0] for a text */
};
struct ms_config {
	struct value value[N_ROWS];
};

const struct ms_config_row *
ms_config_rows(size_t *ret_n)
{
	*ret_n = N_ROWS;
	return rows;
}

const char *
ms_config_type_name(enum ms_config_type t)
{
	static const char *const names[] = {"text", "path", "number", "true/false", "list"};
	return names[t];
}

void
ms_config_free(struct ms_config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t k = 0; k < c->value[i].n; k++)
			free(c->value[i].text[k]);
	free(c);
}

static bool
one_of(const char *s, const char *choices)
{
	size_t len = strlen(s);
	for (const char *p = choices; *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == len && strncmp(p, s, len) == 0)
			return true;
	return false;
}

static const char *
wrong_text(const struct ms_config_row *row, const char *s)
{
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "holds a control character";
	if (row->type == MS_CONFIG_PATH && (s[0] != '/' || strstr(s, "/../") != NULL))
		return "must be an absolute path without ..";
	if (row->choices != NULL && !one_of(s, row->choices))
		return "is not one of the values it can have";
	return NULL;
}

static enum ms_rc
add_text(struct value *v, const char *s, size_t len, struct ms_err *err)
{
	v->text[v->n] = strndup(s, len);
	return v->text[v->n++] != NULL ? MS_OK : ms_fail(err, MS_ERR_NOMEM, "configuration");
}

static enum ms_rc
read_text(const struct ms_config_row *row, struct ms_yaml_node *n, struct value *v, struct ms_err *err)
{
	const char *s;
	enum ms_rc rc = ms_yaml_text(n, (size_t)row->min, (size_t)row->max, &s, err);
	if (rc != MS_OK)
		return rc;
	const char *wrong = wrong_text(row, s);
	if (wrong != NULL)
		return ms_yaml_fail(
		    n, err, MS_ERR_MALFORMED, "%s%s%s", wrong, row->choices != NULL ? ": " : "", row->choices != NULL ? row->choices : "");
	if (v->n >= MS_CONFIG_ITEMS_MAX)
		return ms_yaml_fail(n, err, MS_ERR_TOO_BIG, "more than %u items", MS_CONFIG_ITEMS_MAX);
	return add_text(v, s, strlen(s), err);
}

static enum ms_rc
read_list(const struct ms_config_row *row, struct ms_yaml_node *n, struct value *v, struct ms_err *err)
{
	enum ms_rc rc = ms_yaml_expect(n, MS_YAML_LIST, err);
	if (rc == MS_OK && ms_yaml_count(n) == 0)
		rc = ms_yaml_fail(n, err, MS_ERR_MALFORMED, "the list is empty");
	for (struct ms_yaml_node *i = rc == MS_OK ? ms_yaml_first(n) : NULL; i != NULL && rc == MS_OK; i = ms_yaml_next(i))
		rc = read_text(row, i, v, err);
	return rc;
}

static enum ms_rc
read_row(const struct ms_config_row *row, struct ms_yaml_node *n, struct value *v, struct ms_err *err)
{
	bool b = false;
	enum ms_rc rc;
	switch (row->type) {
	case MS_CONFIG_UINT:
		return ms_yaml_uint(n, row->min, row->max, &v->uint, err);
	case MS_CONFIG_BOOL:
		rc = ms_yaml_bool(n, &b, err);
		v->uint = b;
		return rc;
	case MS_CONFIG_LIST:
		return read_list(row, n, v, err);
	default:
		return read_text(row, n, v, err);
	}
}

static enum ms_rc
set_absent(const char *file, const struct ms_config_row *row, struct value *v, struct ms_err *err)
{
	if (row->absent == NULL)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s must be set (%s)", file, row->key, row->doc);
	if (row->type == MS_CONFIG_UINT)
		v->uint = strtoull(row->absent, NULL, 10);
	if (row->type == MS_CONFIG_UINT || row->type == MS_CONFIG_BOOL || row->absent[0] == '\0')
		return MS_OK;
	enum ms_rc rc = MS_OK;
	for (const char *p = row->absent; rc == MS_OK && *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
		rc = add_text(v, p, row->type == MS_CONFIG_LIST ? strcspn(p, " ") : strlen(p), err);
	return rc;
}

static bool
is_set(const struct ms_config *c, const char *owner, const char *key)
{
	char name[64];
	(void)snprintf(name, sizeof name, "%s.%s", owner, key);
	return ms_config_text(c, name) != NULL;
}

/* Rules between keys. */
static enum ms_rc
check_token(const char *file, const struct ms_config *c, const char *owner, struct ms_err *err)
{
	static const char *const with_uri[] = {"module", "pin_file"};
	bool uri = is_set(c, owner, "uri"), keyfile = is_set(c, owner, "keyfile"), tcti = is_set(c, owner, "tcti");
	if (uri == keyfile)
		return ms_fail(err, MS_ERR_USAGE,
		    "%s: %s: set one of uri (with module, pin_file) and keyfile (with passphrase_file, or with tcti)", file, owner);
	for (size_t i = 0; uri && i < sizeof with_uri / sizeof *with_uri; i++)
		if (!is_set(c, owner, with_uri[i]))
			return ms_fail(err, MS_ERR_USAGE, "%s: %s.%s must be set, too", file, owner, with_uri[i]);
	if (keyfile && !tcti && !is_set(c, owner, "passphrase_file"))
		return ms_fail(err, MS_ERR_USAGE, "%s: %s.passphrase_file must be set, too (or %s.tcti)", file, owner, owner);
	if (tcti && (uri || is_set(c, owner, "passphrase_file")))
		return ms_fail(err, MS_ERR_USAGE, "%s: %s.tcti goes with keyfile, without passphrase_file", file, owner);
	if (is_set(c, owner, "tpm_pcrs") && !tcti)
		return ms_fail(err, MS_ERR_USAGE, "%s: %s.tpm_pcrs goes with %s.tcti", file, owner, owner);
	return MS_OK;
}

/* "limits" of "limits.max_connections" must be a map where it is there; *ret is NULL where the file is silent. */
static enum ms_rc
find_row(struct ms_yaml_node *root, const struct ms_config_row *row, struct ms_yaml_node **ret, struct ms_err *err)
{
	char level[64];
	size_t len = strcspn(row->key, ".");
	(void)snprintf(level, sizeof level, "%.*s", (int)len, row->key);
	struct ms_yaml_node *n = ms_yaml_get(root, level);
	enum ms_rc rc = n != NULL && row->key[len] == '.' ? ms_yaml_expect(n, MS_YAML_MAP, err) : MS_OK;
	if (rc == MS_OK)
		*ret = row->key[len] == '.' ? ms_yaml_get(n, row->key + len + 1) : n;
	return rc;
}

enum ms_rc
ms_config_parse(const char *file, struct ms_span text, struct ms_config **ret, struct ms_err *err)
{
	MS_OWN(ms_yaml_free) struct ms_yaml *y = NULL;
	MS_OWN(ms_config_free) struct ms_config *c = calloc(1, sizeof *c);
	if (c == NULL)
		return ms_fail(err, MS_ERR_NOMEM, "configuration");
	enum ms_rc rc = ms_yaml_load(file, text, &y, err);
	for (size_t i = 0; rc == MS_OK && i < N_ROWS; i++) {
		struct ms_yaml_node *n = NULL;
		rc = find_row(ms_yaml_root(y), &rows[i], &n, err);
		if (rc == MS_OK)
			rc = n != NULL ? read_row(&rows[i], n, &c->value[i], err) : set_absent(file, &rows[i], &c->value[i], err);
	}
	if (rc == MS_OK)
		rc = ms_yaml_check_used(y, err);
	if (rc == MS_OK)
		rc = check_token(file, c, "keeper", err);
	if (rc == MS_OK)
		rc = check_token(file, c, "notary", err);
	if (rc != MS_OK)
		return rc;
	*ret = c;
	c = NULL;
	return MS_OK;
}

enum ms_rc
ms_config_load(const char *path, struct ms_config **ret, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf b = {0};
	ms_buf_init(&b, FILE_MAX);
	enum ms_rc rc = ms_io_read_file(path, FILE_MAX, &b, err);
	return rc == MS_OK ? ms_config_parse(path, ms_buf_span(&b), ret, err) : rc;
}

static const struct value *
value_of(const struct ms_config *c, const char *key)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].key, key) == 0)
			return &c->value[i];
	assert(false); /* a key that is not of the table */
	return NULL;
}

const char *
ms_config_text(const struct ms_config *c, const char *key)
{
	return ms_config_item(c, key, 0);
}

uint64_t
ms_config_uint(const struct ms_config *c, const char *key)
{
	return value_of(c, key)->uint;
}

const char *
ms_config_item(const struct ms_config *c, const char *key, size_t i)
{
	const struct value *v = value_of(c, key);
	return i < v->n ? v->text[i] : NULL;
}

/* One key of a role's map, with its value encoded. */
struct pair {
	const char *key;
	enum ms_config_type type;
	const struct value *value;
};

static int
by_encoded_key(const void *a, const void *b)
{
	const char *x = ((const struct pair *)a)->key, *y = ((const struct pair *)b)->key;
	size_t xl = strlen(x), yl = strlen(y);
	return xl != yl ? (xl < yl ? -1 : 1) : strcmp(x, y);
}

static void
put_pair(struct ms_buf *out, const struct pair *p)
{
	ms_cbor_text(out, p->key);
	switch (p->type) {
	case MS_CONFIG_UINT:
		ms_cbor_uint(out, p->value->uint);
		return;
	case MS_CONFIG_BOOL:
		ms_cbor_bool(out, p->value->uint != 0);
		return;
	case MS_CONFIG_LIST:
		ms_cbor_array(out, p->value->n);
		for (size_t i = 0; i < p->value->n; i++)
			ms_cbor_text(out, p->value->text[i]);
		return;
	default:
		ms_cbor_text(out, p->value->text[0]);
	}
}

enum ms_rc
ms_config_build(const struct ms_config *c, const struct ms_config_process *p, struct ms_buf *out, struct ms_err *err)
{
	const struct ms_role_row *row = ms_role_row(p->role);
	char name[64], state[PATH_MAX_LEN + 64], deployment[PATH_MAX_LEN + 64];
	(void)snprintf(name, sizeof name, "%s", row->name);
	(void)snprintf(state, sizeof state, "%s/%s", ms_config_text(c, "state_dir"), row->name);
	(void)snprintf(deployment, sizeof deployment, "%s/deployment", ms_config_text(c, "state_dir"));
	const struct value added[] = {{.n = 1, .text = {name}}, {.n = 1, .text = {state}}, {.n = 1, .text = {deployment}},
	    {.uint = p->index}, {.uint = p->listeners}, {.uint = p->uid}, {.uint = p->gid}, {.uint = p->drop_user},
	    {.uint = p->development}, {.uint = ms_config_uint(c, "net_processes")}};
	static const struct {
		const char *key;
		enum ms_config_type type;
	} names[] = {{"role", MS_CONFIG_TEXT}, {"state_dir", MS_CONFIG_TEXT}, {"deployment_dir", MS_CONFIG_TEXT}, {"index", MS_CONFIG_UINT},
	    {"listeners", MS_CONFIG_UINT}, {"uid", MS_CONFIG_UINT}, {"gid", MS_CONFIG_UINT}, {"drop_user", MS_CONFIG_BOOL},
	    {"development", MS_CONFIG_BOOL}, {"net_processes", MS_CONFIG_UINT}};
	_Static_assert(sizeof added / sizeof *added == sizeof names / sizeof *names, "a name for each");
	struct pair pairs[N_ROWS + sizeof names / sizeof *names];
	size_t n = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		pairs[n++] = (struct pair){names[i].key, names[i].type, &added[i]};
	for (size_t i = 0; i < N_ROWS; i++) {
		bool text = rows[i].type == MS_CONFIG_TEXT || rows[i].type == MS_CONFIG_PATH;
		if ((rows[i].roles & (1u << p->role)) != 0 && rows[i].role_key != NULL && (!text || c->value[i].n > 0))
			pairs[n++] = (struct pair){rows[i].role_key, rows[i].type, &c->value[i]};
	}
	qsort(pairs, n, sizeof *pairs, by_encoded_key);
	ms_cbor_map(out, n);
	for (size_t i = 0; i < n; i++)
		put_pair(out, &pairs[i]);
	return ms_buf_check(out, err);
}
