/* Device ids: EK hash in hex, '-', life number. The EK is the identity; everything else about a device is a claim. */
#ifndef MS_DEVICE_ID_H
#define MS_DEVICE_ID_H
#include "base/bytes.h"

#define MS_DEVICE_ID_MAX 80u
#define MS_EK_HASH_LEN 32u

/* `out` holds MS_DEVICE_ID_MAX + 1; life is 1..65535. */
void ms_device_id(const uint8_t ek_hash[static MS_EK_HASH_LEN], unsigned life, char out[static MS_DEVICE_ID_MAX + 1]);
/* Strict: lower-case hex, no leading zeros. */
MS_MUST_USE enum ms_rc ms_device_id_parse(
    struct ms_span id, uint8_t ek_hash[static MS_EK_HASH_LEN], unsigned *ret_life, struct ms_err *err);

#endif
