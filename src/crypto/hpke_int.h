/* For tests: seal with a given ephemeral key, so that published vectors can be reproduced. */
#ifndef MS_HPKE_INT_H
#define MS_HPKE_INT_H
#include "crypto/hpke.h"

/* `ephemeral` must be new and used for nothing else. */
MS_MUST_USE enum ms_rc ms_hpke_seal_with(const struct ms_hpke_to *to, struct ms_ecdh_key *ephemeral, const struct ms_secret *pt,
    uint8_t enc[static MS_HPKE_ENC_LEN], struct ms_buf *ct, struct ms_err *err);

#endif
