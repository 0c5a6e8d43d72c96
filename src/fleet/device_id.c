#include "fleet/device_id.h"

#include <stdio.h>
#include <string.h>

#define HEX_LEN (2 * MS_EK_HASH_LEN)
#define LIFE_MAX 65535u

void
ms_device_id(const uint8_t ek_hash[static MS_EK_HASH_LEN], unsigned life, char out[static MS_DEVICE_ID_MAX + 1])
{
	ms_hex(ek_hash, MS_EK_HASH_LEN, out);
	(void)snprintf(out + HEX_LEN, MS_DEVICE_ID_MAX + 1 - HEX_LEN, "-%u", life);
}

enum ms_rc
ms_device_id_parse(struct ms_span id, uint8_t ek_hash[static MS_EK_HASH_LEN], unsigned *ret_life, struct ms_err *err)
{
	uint8_t hash[MS_EK_HASH_LEN];
	char again[MS_DEVICE_ID_MAX + 1];
	unsigned life = 0;
	if (id.len < HEX_LEN + 2 || id.len > HEX_LEN + 6 || ms_unhex((const char *)id.p, HEX_LEN, hash, sizeof hash) != MS_OK)
		return ms_fail(err, MS_ERR_MALFORMED, "device id: 64 hex digits, '-' and a life number are wanted");
	for (size_t i = HEX_LEN + 1; i < id.len; i++)
		life = id.p[i] >= '0' && id.p[i] <= '9' ? life * 10 + (unsigned)(id.p[i] - '0') : LIFE_MAX + 1;
	if (life == 0 || life > LIFE_MAX)
		return ms_fail(err, MS_ERR_MALFORMED, "device id: life number of 1 to %u is wanted", LIFE_MAX);
	ms_device_id(hash, life, again); /* one spelling only: what we would write ourselves */
	if (!ms_span_eq(id, ms_span_str(again)))
		return ms_fail(err, MS_ERR_MALFORMED, "device id: not in its one spelling (lower case, no leading zeros)");
	memcpy(ek_hash, hash, sizeof hash);
	*ret_life = life;
	return MS_OK;
}
