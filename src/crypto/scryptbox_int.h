/* The header of a key file, for tests and fuzzing. */
#ifndef MS_SCRYPTBOX_INT_H
#define MS_SCRYPTBOX_INT_H
#include "crypto/scryptbox.h"

#define MS_SCRYPTBOX_SALT_LEN 16u

struct ms_scryptbox_header {
	uint8_t log_n;
	struct ms_span label, salt, iv;
	struct ms_span header; /* all bytes before the ciphertext */
	struct ms_span ct;     /* with its tag */
};
/* Parse untrusted bytes; spans borrow from them. MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED, MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_scryptbox_parse(struct ms_span file, struct ms_scryptbox_header *ret, struct ms_err *err);

#endif
