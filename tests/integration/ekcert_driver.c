/* ekcert_driver ROOTS-DIR CERTIFICATE TPMT-PUBLIC: judges an EK certificate; prints the maker, or code and reason. */
#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "identity/ekcert.h"

static enum ms_rc
judge(char **argv, char *maker, size_t cap, struct ms_err *err)
{
	MS_OWN(ms_ekroots_free) struct ms_ekroots *roots = NULL;
	MS_OWN(ms_buf_fini) struct ms_buf cert, area;
	struct ms_tpm_public ek;
	ms_buf_init(&cert, MS_EKCERT_MAX);
	ms_buf_init(&area, 1024);
	enum ms_rc rc = ms_ekroots_load(argv[1], &roots, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(argv[2], MS_EKCERT_MAX, &cert, err);
	if (rc == MS_OK)
		rc = ms_io_read_file(argv[3], 1024, &area, err);
	if (rc == MS_OK)
		rc = ms_tpm_public_parse(ms_buf_span(&area), &ek, err);
	return rc == MS_OK ? ms_ekcert_check(roots, ms_buf_span(&cert), &ek, ms_clock_wall_s(), maker, cap, err) : rc;
}

int
main(int argc, char **argv)
{
	struct ms_err err = {.text = ""};
	char maker[256] = "";
	if (argc != 4) {
		(void)fprintf(stderr, "usage: ekcert_driver ROOTS-DIR CERTIFICATE TPMT-PUBLIC\n");
		return 2;
	}
	enum ms_rc rc = judge(argv, maker, sizeof maker, &err);
	if (rc == MS_OK)
		(void)printf("maker: %s\n", maker);
	else
		(void)printf("%s: %s\n", ms_rc_name(rc), err.text);
	return ms_rc_exit(rc);
}
