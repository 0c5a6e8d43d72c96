#include "agent/machine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "codec/tpm.h"
#include "crypto/hash.h"
#include "evidence/tpmname.h"

#define DMI "/sys/class/dmi/id/"

enum ms_rc
ms_machine_ek(struct ms_tpm *tpm, struct ms_machine_ek *ret, struct ms_err *err)
{
	struct ms_tpm_public pub;
	ms_buf_init(&ret->cert, MS_TPM_EK_CERT_MAX);
	enum ms_rc rc = ms_tpm_ek(tpm, &ret->pub, &ret->cert, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_parse(ms_tpm_blob_span(&ret->pub), &pub, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_hash(&pub, ret->hash, err);
	if (rc != MS_OK)
		return ms_prefix(err, rc, "endorsement key");
	ms_hex(ret->hash, sizeof ret->hash, ret->hex);
	ret->kind = pub.type == MS_TPM_ALG_RSA ? "RSA-2048" : "ECC P-256";
	return MS_OK;
}

void
ms_machine_ek_fini(struct ms_machine_ek *e)
{
	ms_buf_fini(&e->cert);
}

void
ms_machine_clean_name(const char *s, char out[static MS_MACHINE_TEXT_MAX + 1])
{
	size_t n = 0;
	for (; *s != '\0' && n < MS_MACHINE_TEXT_MAX; s++) {
		char c = (char)tolower((unsigned char)*s);
		bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
		if (!ok)
			c = '-';
		if (n > 0 || (c != '.' && c != '-'))
			out[n++] = c;
	}
	out[n] = '\0';
	if (n == 0)
		memcpy(out, "unknown", sizeof "unknown");
}

/* The first line of a file of the firmware's, when it is printable. */
static void
read_dmi(const char *file, char out[static MS_MACHINE_TEXT_MAX + 1])
{
	struct ms_buf b;
	ms_buf_init(&b, 4096);
	(void)snprintf(out, MS_MACHINE_TEXT_MAX + 1, "unknown");
	if (ms_io_read_file(file, 4096, &b, NULL) == MS_OK) {
		size_t n = 0;
		while (n < b.len && n < MS_MACHINE_TEXT_MAX && b.p[n] >= 0x20 && b.p[n] < 0x7f)
			n++;
		while (n > 0 && b.p[n - 1] == ' ')
			n--;
		if (n > 0) {
			memcpy(out, b.p, n);
			out[n] = '\0';
		}
	}
	ms_buf_fini(&b);
}

static enum ms_rc
take_text(const char *option, const char *given, char out[static MS_MACHINE_TEXT_MAX + 1], struct ms_err *err)
{
	if (strlen(given) > MS_MACHINE_TEXT_MAX || !ms_utf8_ok(ms_span_str(given)))
		return ms_fail(err, MS_ERR_USAGE, "%s: 1 to %u bytes of text", option, MS_MACHINE_TEXT_MAX);
	(void)snprintf(out, MS_MACHINE_TEXT_MAX + 1, "%s", given);
	return MS_OK;
}

enum ms_rc
ms_machine_claims(const struct ms_agent_options *o, struct ms_machine_claims *ret, struct ms_err *err)
{
	char host[256] = "";
	enum ms_rc rc = MS_OK;
	if (o->name != NULL && !ms_name_ok(ms_span_str(o->name), MS_MACHINE_TEXT_MAX))
		return ms_fail(err, MS_ERR_USAGE, "--name: 1 to 64 of a-z 0-9 . _ -");
	if (gethostname(host, sizeof host - 1) != 0)
		host[0] = '\0';
	ms_machine_clean_name(o->name != NULL ? o->name : host, ret->name);
	read_dmi(DMI "product_serial", ret->serial);
	read_dmi(DMI "product_name", ret->model);
	if (o->serial != NULL)
		rc = take_text("--serial", o->serial, ret->serial, err);
	if (rc == MS_OK && o->model != NULL)
		rc = take_text("--model", o->model, ret->model, err);
	return rc;
}

enum ms_rc
ms_machine_agent_digest(uint8_t ret[static 32], struct ms_err *err)
{
	MS_OWN(ms_fd_close) ms_fd fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	MS_OWN(ms_hasher_free) struct ms_hasher *h = NULL;
	uint8_t chunk[16384];
	ssize_t n = 0;
	if (fd < 0)
		return ms_fail(err, MS_ERR_IO, "/proc/self/exe: %s", strerror(errno));
	enum ms_rc rc = ms_hasher_new(MS_HASH_SHA256, &h, err);
	if (rc != MS_OK)
		return rc;
	while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			ms_hasher_add(h, ms_span(chunk, (size_t)n));
	if (n < 0)
		return ms_fail(err, MS_ERR_IO, "/proc/self/exe: %s", strerror(errno));
	ms_hasher_final(h, ret);
	return MS_OK;
}
