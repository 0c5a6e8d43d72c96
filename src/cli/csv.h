/* The list of devices that a factory made: CSV with the header line "serial,model,ek_hash". */
#ifndef MS_CLI_CSV_H
#define MS_CLI_CSV_H
#include "base/bytes.h"

#define MS_CSV_MAX (4u << 20)
#define MS_CSV_ROWS_MAX 20000u

struct ms_csv_row {
	char serial[65], model[65];
	uint8_t ek_hash[32];
	unsigned line;
};
struct ms_csv {
	struct ms_csv_row *row; /* in the order of the file */
	size_t n;
};
/* Lines end with LF or CRLF; no quotes, no spaces around values, each EK hash once. `file` is a name for error texts.
 * MS_ERR_USAGE reads "FILE:LINE: what is wrong"; MS_ERR_TOO_BIG. *ret is initialised by the caller to zeros. */
MS_MUST_USE enum ms_rc ms_csv_parse(const char *file, struct ms_span text, struct ms_csv *ret, struct ms_err *err);
void ms_csv_fini(struct ms_csv *c); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_csv, ms_csv_fini)

#endif
