/* muster-agent identify: which TPM is this? What a manufacturer's batch file needs. */
#include <stdio.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/machine.h"
#include "codec/der.h"
#include "crypto/hash.h"
#include "identity/ekcert.h"

/* Issuer and serial number of the EK certificate, as far as it is readable DER. Only shown: nothing is believed. */
static bool
cert_serial(struct ms_span der, struct ms_span *ret)
{
	struct ms_der d = ms_der_over(der);
	struct ms_der cert = ms_der_enter(&d, MS_DER_SEQUENCE);
	struct ms_der tbs = ms_der_enter(&cert, MS_DER_SEQUENCE);
	if (ms_der_peek(&tbs) == MS_DER_CONTEXT_CONSTRUCTED(0))
		ms_der_skip(&tbs);
	*ret = ms_der_read_integer(&tbs, 64);
	return ret->len > 0;
}

static void
show_cert(const struct ms_machine_ek *ek, struct ms_out *out)
{
	struct ms_span der, serial;
	uint8_t hash[MS_SHA256_LEN];
	ms_out_bool(out, "ek_certificate", "EK certificate", ek->cert.len > 0);
	if (ek->cert.len == 0 || ms_ekcert_strip(ms_buf_span(&ek->cert), &der, NULL) != MS_OK)
		return;
	ms_sha256(der, hash);
	ms_out_hex(out, "ek_certificate_hash", "EK certificate hash", ms_span(hash, sizeof hash));
	if (cert_serial(der, &serial))
		ms_out_hex(out, "ek_certificate_serial", "EK certificate serial", serial);
}

static void
show_info(const struct ms_tpm_info *i, struct ms_out *out)
{
	char firmware[32];
	(void)snprintf(firmware, sizeof firmware, "%08x.%08x", (unsigned)(i->firmware >> 32), (unsigned)i->firmware);
	ms_out_str(out, "manufacturer", "TPM maker", i->manufacturer);
	ms_out_str(out, "vendor", "TPM vendor string", i->vendor);
	ms_out_str(out, "firmware", "TPM firmware", firmware);
	ms_out_bool(out, "locked_out", "locked out", i->in_lockout);
	ms_out_uint(out, "lockout_counter", "failed tries", i->lockout_counter);
	ms_out_uint(out, "lockout_max", "failed tries allowed", i->lockout_max);
}

static enum ms_rc
identify(const struct ms_agent_options *o, struct ms_out *out, struct ms_err *err)
{
	MS_OWN(ms_session_fini) struct ms_session s = {.o = o};
	MS_OWN(ms_machine_ek_fini) struct ms_machine_ek ek = {.kind = ""};
	struct ms_tpm_info info;
	if (o->csv &&
	    (o->serial == NULL || o->model == NULL || strpbrk(o->serial, ",\"\r\n") != NULL || strpbrk(o->model, ",\"\r\n") != NULL))
		return ms_fail(err, MS_ERR_USAGE, "--csv needs --serial and --model, without commas, quotes or line ends");
	enum ms_rc rc = ms_session_open_tpm(&s, o, err);
	if (rc == MS_OK)
		rc = ms_tpm_get_info(s.tpm, &info, err);
	if (rc == MS_OK)
		rc = ms_machine_ek(s.tpm, &ek, err);
	if (rc != MS_OK)
		return rc;
	if (o->csv) {
		ms_out_line(out, "%s,%s,%s", o->serial, o->model, ek.hex);
		return MS_OK;
	}
	ms_out_str(out, "ek_hash", "EK hash", ek.hex);
	ms_out_str(out, "ek_kind", "EK kind", ek.kind);
	show_cert(&ek, out);
	show_info(&info, out);
	return MS_OK;
}

int
ms_cmd_identify(const struct ms_agent_options *o)
{
	MS_OWN(ms_out_free) struct ms_out *out = NULL;
	struct ms_err err = {.rc = MS_OK};
	if (ms_out_new(o->json && !o->csv, &out, &err) != MS_OK)
		return ms_rc_exit(err.rc);
	enum ms_rc rc = identify(o, out, &err);
	return rc == MS_OK ? ms_out_done(out, 0) : ms_out_error(out, &err);
}
