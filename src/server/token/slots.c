#include "server/token/slots.h"

#include <stddef.h>

static const struct ms_slot_row rows[MS_SLOT_END] = {
    [MS_SLOT_CA_ROOT] = {"ca-root", MS_SLOT_SIGNS_P256},
    [MS_SLOT_CA_ISSUING] = {"ca-issuing", MS_SLOT_SIGNS_P256},
    [MS_SLOT_RELEASE] = {"release", MS_SLOT_SIGNS_P256},
    [MS_SLOT_INTAKE] = {"intake", MS_SLOT_DERIVES},
    [MS_SLOT_WRAP] = {"wrap", MS_SLOT_WRAPS},
    [MS_SLOT_TOKEN] = {"token", MS_SLOT_SIGNS_P256},
    [MS_SLOT_LOG] = {"log", MS_SLOT_SIGNS_ED25519},
};

const struct ms_slot_row *
ms_slot_row(unsigned slot)
{
	return slot < MS_SLOT_END && rows[slot].use != MS_SLOT_NO_USE ? &rows[slot] : NULL;
}
