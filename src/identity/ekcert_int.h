/* What ekcert.c loads and tpmcert.c verifies with. */
#ifndef MS_EKCERT_INT_H
#define MS_EKCERT_INT_H
#include "identity/ekcert.h"

struct ms_ekroots {
	struct ms_x509_store *store;
	bool allow_expired;
};

#endif
