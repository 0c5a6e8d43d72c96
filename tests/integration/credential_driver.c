/* credential_driver EK.spki.der NAME-HEX SECRET-FILE OUT: makes a credential in the file format of tpm2-tools. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "crypto/credential.h"

static enum ms_rc
make(char **argv, struct ms_err *err)
{
	MS_OWN(ms_buf_fini) struct ms_buf spki, secret_file, blob, encrypted, out;
	MS_OWN(ms_pubkey_free) struct ms_pubkey *ek = NULL;
	MS_OWN(ms_secret_free) struct ms_secret *secret = NULL;
	uint8_t name[MS_CREDENTIAL_NAME_LEN];
	ms_buf_init(&spki, MS_SPKI_MAX);
	ms_buf_init(&secret_file, 64);
	ms_buf_init(&blob, MS_CREDENTIAL_BLOB_MAX);
	ms_buf_init(&encrypted, MS_CREDENTIAL_ENCRYPTED_MAX);
	ms_buf_init(&out, 1024);
	enum ms_rc rc = ms_unhex(argv[2], strlen(argv[2]), name, sizeof name);
	if (rc == MS_OK)
		rc = ms_io_read_file(argv[1], MS_SPKI_MAX, &spki, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(argv[3], 64, &secret_file, err);
	if (rc == MS_OK)
		rc = ms_pubkey_from_spki(ms_buf_span(&spki), &ek, err);
	if (rc == MS_OK)
		rc = ms_secret_from(secret_file.p, secret_file.len, &secret, err);
	if (rc == MS_OK)
		rc = ms_credential_make(ek, name, secret, &blob, &encrypted, err);
	if (rc != MS_OK)
		return rc;
	ms_buf_u32(&out, 0xBADCC0DE);
	ms_buf_u32(&out, 1);
	ms_buf_u16(&out, (uint16_t)blob.len);
	ms_buf_put_span(&out, ms_buf_span(&blob));
	ms_buf_u16(&out, (uint16_t)encrypted.len);
	ms_buf_put_span(&out, ms_buf_span(&encrypted));
	rc = ms_buf_check(&out, err);
	return rc == MS_OK ? ms_io_write_file(argv[4], 0600, ms_buf_span(&out), err) : rc;
}

int
main(int argc, char **argv)
{
	struct ms_err err = {.text = ""};
	if (argc != 5) {
		(void)fprintf(stderr, "usage: credential_driver EK.spki.der NAME-HEX SECRET-FILE OUT\n");
		return 2;
	}
	enum ms_rc rc = make(argv, &err);
	if (rc != MS_OK)
		(void)fprintf(stderr, "%s: %s\n", ms_rc_name(rc), err.text);
	return ms_rc_exit(rc);
}
