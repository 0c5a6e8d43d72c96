/* init: a whole deployment in one directory. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/init.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

void
ms_init_fini(struct ms_init *in)
{
	ms_buf_fini(&in->root);
}

static bool
printable(const char *s, size_t max)
{
	size_t n = strlen(s);
	if (n == 0 || n > max)
		return false;
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\')
			return false;
	return true;
}

/* RFC 1123 names, lower case. */
static bool
domain_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n <= 100 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && s[0] != '.' && s[0] != '-' &&
	       s[n - 1] != '.' && strstr(s, "..") == NULL;
}

static bool
listen_ok(const char *s)
{
	const char *colon = strrchr(s, ':');
	size_t digits = colon != NULL ? strspn(colon + 1, "0123456789") : 0;
	return printable(s, 64) && colon != NULL && colon != s && digits > 0 && digits <= 5 && colon[1 + digits] == '\0' &&
	       strtoul(colon + 1, NULL, 10) <= 65535 && strtoul(colon + 1, NULL, 10) > 0;
}

static enum ms_rc
take_names(struct ms_cli *c, struct ms_init *in, struct ms_err *err)
{
	static const char *const absent[] = {"localhost", "127.0.0.1"};
	const char *s;
	for (size_t i = 0; (s = ms_cli_option_at(c, "server-name", i)) != NULL; i++) {
		if (i == MS_INIT_NAMES_MAX)
			return ms_fail(err, MS_ERR_USAGE, "--server-name: at most %u", MS_INIT_NAMES_MAX);
		if (!printable(s, 253) || strpbrk(s, " /@") != NULL)
			return ms_fail(err, MS_ERR_USAGE, "--server-name: a DNS name or an address is wanted");
		in->server_name[in->n_names++] = s;
	}
	for (size_t i = 0; ms_cli_option(c, "server-name") == NULL && i < sizeof absent / sizeof *absent; i++)
		in->server_name[in->n_names++] = absent[i];
	return MS_OK;
}

/* "0,2,7": no blank, no sign, nothing twice. */
static bool
read_pcrs(const char *s, uint32_t *ret)
{
	uint32_t mask = 0;
	for (;; s++) {
		unsigned long pcr = 0;
		size_t digits = strspn(s, "0123456789");
		for (size_t i = 0; i < digits && digits <= 2; i++)
			pcr = pcr * 10 + (unsigned long)(s[i] - '0');
		if (digits == 0 || digits > 2 || (digits == 2 && s[0] == '0') || pcr > 23 || (mask >> pcr & 1) != 0)
			return false;
		mask |= UINT32_C(1) << pcr;
		s += digits;
		if (*s == '\0')
			break;
		if (*s != ',')
			return false;
	}
	*ret = mask;
	return true;
}

static enum ms_rc
take_tpm(struct ms_cli *c, struct ms_init *in, bool wanted, struct ms_err *err)
{
	const char *pcrs = ms_cli_option(c, "tpm-pcrs");
	in->tcti = ms_cli_option(c, "tcti");
	in->tpm_helper = ms_cli_option(c, "tpm-helper");
	if (!wanted)
		return in->tcti == NULL && in->tpm_helper == NULL && pcrs == NULL
			   ? MS_OK
			   : ms_fail(err, MS_ERR_USAGE, "--tcti, --tpm-pcrs and --tpm-helper go with --backend tpm");
	if (in->tcti == NULL || !printable(in->tcti, 200))
		return ms_fail(err, MS_ERR_USAGE, "--backend tpm wants --tcti, as in device:/dev/tpmrm0");
	if (pcrs != NULL && !read_pcrs(pcrs, &in->tpm_pcrs))
		return ms_fail(err, MS_ERR_USAGE, "--tpm-pcrs: numbers from 0 to 23 are wanted, as in 0,2,4,7");
	return MS_OK;
}

static enum ms_rc
take_backend(struct ms_cli *c, struct ms_init *in, struct ms_err *err)
{
	const char *backend = ms_cli_option(c, "backend"), *module = ms_cli_option(c, "pkcs11-module");
	if (backend == NULL || (strcmp(backend, "softhsm") != 0 && strcmp(backend, "keyfile") != 0 && strcmp(backend, "tpm") != 0))
		return ms_fail(err, MS_ERR_USAGE, "--backend softhsm, --backend keyfile or --backend tpm is wanted");
	in->softhsm = strcmp(backend, "softhsm") == 0;
	in->module = module != NULL ? module : SOFTHSM_MODULE;
	if (module != NULL && !in->softhsm)
		return ms_fail(err, MS_ERR_USAGE, "--pkcs11-module goes with --backend softhsm");
	if (in->softhsm && (in->module[0] != '/' || !printable(in->module, 500) || access(in->module, R_OK) != 0))
		return ms_fail(err, MS_ERR_USAGE, "%s: no such PKCS#11 module (install softhsm2, or give --pkcs11-module)", in->module);
	return take_tpm(c, in, strcmp(backend, "tpm") == 0, err);
}

static enum ms_rc
take_options(struct ms_cli *c, struct ms_init *in, struct ms_err *err)
{
	const char *dir = ms_cli_option(c, "dir"), *listen = ms_cli_option(c, "listen");
	in->name = ms_cli_option(c, "name");
	in->trust_domain = ms_cli_option(c, "trust-domain");
	in->listen = listen != NULL ? listen : "127.0.0.1:8443";
	in->factory = ms_cli_option(c, "factory-key") != NULL;
	in->reader = ms_cli_option(c, "reader-key") != NULL;
	if (dir == NULL || dir[0] == '\0' || strlen(dir) >= sizeof in->dir)
		return ms_fail(err, MS_ERR_USAGE, "--dir DIR is wanted");
	(void)snprintf(in->dir, sizeof in->dir, "%s", dir);
	if (in->name == NULL || !printable(in->name, 48))
		return ms_fail(err, MS_ERR_USAGE, "--name: 1 to 48 printable ASCII characters are wanted");
	if (in->trust_domain == NULL || !domain_ok(in->trust_domain))
		return ms_fail(err, MS_ERR_USAGE, "--trust-domain: a lower-case domain name is wanted, as in example.org");
	if (!listen_ok(in->listen))
		return ms_fail(err, MS_ERR_USAGE, "--listen: ADDRESS:PORT is wanted");
	enum ms_rc rc = take_names(c, in, err);
	if (rc == MS_OK)
		rc = take_backend(c, in, err);
	return rc == MS_OK ? ms_cli_uint(c, "uid-base", 0, 1, 2000000000, &in->uid_base, err) : rc;
}

static enum ms_rc
say_done(struct ms_cli *c, const struct ms_init *in, struct ms_err *err)
{
	uint8_t hash[32];
	char hex[65];
	ms_sha256(ms_buf_span(&in->root), hash);
	ms_hex(hash, sizeof hash, hex);
	if (c->json) {
		MS_OWN(ms_json_free)
		json_t *j = json_pack("{s:s, s:s, s:s}", "root_sha256", hex, "dir", in->dir, "backend",
		    in->softhsm        ? "softhsm"
		    : in->tcti != NULL ? "tpm"
				       : "keyfile");
		return ms_out_json(c, j, err);
	}
	(void)fprintf(c->out,
	    "Deployment %s is in %s\n"
	    "Root hash, which agents and people are given to trust:\n  %s\n"
	    "It has no policy yet: every device is denied.\n\nNext:\n"
	    "  keep %s/offline apart from the server (the CA root key; the server never needs it)\n"
	    "  musterd --config %s/musterd.yaml\n"
	    "  export MUSTER_DEPLOYMENT=%s/client\n"
	    "  muster status\n"
	    "  muster policy apply DIR\n",
	    in->name, in->dir, hex, in->dir, in->dir, in->dir);
	if (in->factory)
		(void)fprintf(c->out, "The factory works with the copy of %s/factory that you give it.\n", in->dir);
	if (in->reader)
		(void)fprintf(c->out, "Who asks for attestation results works with the copy of %s/reader that you give them.\n", in->dir);
	return MS_OK;
}

static enum ms_rc
run_init(struct ms_cli *c, struct ms_err *err)
{
	MS_OWN(ms_init_fini) struct ms_init in = {.n_names = 0};
	unsigned step = 0;
	ms_buf_init(&in.root, MS_ROOT_MAX);
	enum ms_rc rc = take_options(c, &in, err);
	if (rc == MS_OK)
		rc = ms_init_dirs(&in, err);
	if (rc != MS_OK)
		return rc;
	ms_cli_progress(c, "making keys", step++, 4);
	rc = ms_init_keys(&in, err);
	ms_cli_progress(c, "making keys", step++, 4);
	if (rc == MS_OK)
		rc = ms_init_client(c, &in, "client", "admin", err);
	ms_cli_progress(c, "making keys", step++, 4);
	if (rc == MS_OK && in.factory)
		rc = ms_init_client(c, &in, "factory", "factory", err);
	if (rc == MS_OK && in.reader)
		rc = ms_init_client(c, &in, "reader", "reader", err);
	ms_cli_progress(c, "making keys", step++, 4);
	if (rc == MS_OK)
		rc = ms_init_root(&in, err);
	if (rc == MS_OK)
		rc = ms_init_config(&in, err);
	if (rc == MS_OK)
		rc = ms_init_owners(&in, err);
	ms_cli_progress_end(c);
	return rc == MS_OK ? say_done(c, &in, err) : ms_prefix(err, rc, "%s is half made, remove it", in.dir);
}

static const struct ms_cli_option init_options[] = {{"dir", "DIR", "where to make it; absent or empty"},
    {"name", "NAME", "of the deployment, for people"}, {"trust-domain", "DOMAIN", "of the SPIFFE ids in device certificates"},
    {"backend", "KIND",
	"where keys live: softhsm (PKCS#11), keyfile (under a passphrase) or tpm (a key file sealed to this machine's TPM)"},
    {"tcti", "TCTI", "backend tpm: the TPM: device:PATH, swtpm:host=ADDRESS,port=N or swtpm:path=SOCKET"},
    {"tpm-pcrs", "LIST", "backend tpm: the server starts only while these PCRs are as they are now, as in 0,2,4,7 (default: none)"},
    {"tpm-helper", "FILE", "backend tpm: the muster-tpm program (default: the installed one)"},
    {"pkcs11-module", "FILE", "module of the token (default: " SOFTHSM_MODULE ")"},
    {"server-name", "NAME", "DNS name or address in the server's certificate; may be repeated (default: localhost, 127.0.0.1)"},
    {"listen", "ADDRESS:PORT", "where to serve (default: 127.0.0.1:8443)"},
    {"uid-base", "N", "numeric users for the server's processes from N on, in place of named ones"},
    {"factory-key", NULL, "also make a key that may only import batches, in DIR/factory"},
    {"reader-key", NULL, "also make a key that may only ask for attestation results, in DIR/reader"}, {NULL, NULL, NULL}};

const struct ms_command ms_commands_setup[] = {
    {.noun = "init",
	.run = run_init,
	.help = "make a deployment: keys, certificates, root, operator, empty store, configuration",
	.args = "",
	.options = init_options,
	.example =
	    "muster init --dir /etc/muster --name works --trust-domain example.org --backend softhsm --server-name muster.example.org"},
    {.noun = NULL},
};
