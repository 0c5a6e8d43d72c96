/* What quotekey.c loads and quotefile.c verifies with. */
#ifndef MS_QUOTEKEY_INT_H
#define MS_QUOTEKEY_INT_H
#include "evidence/quotefile.h"

struct ms_quotekey {
	uint8_t raw[MS_TPM_PUBLIC_MAX];
	bool has_area;
	struct ms_tpm_public area; /* spans into raw */
	struct ms_pubkey *key;
};
/* TPMT_PUBLIC of a file that may be a TPM2B_PUBLIC. Borrowed. */
struct ms_span ms_quotekey_area_bytes(struct ms_span file);

#endif
