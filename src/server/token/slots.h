/* The slots of a token: what each key is for, and the one kind of request it takes (I16). */
#ifndef MS_TOKEN_SLOTS_H
#define MS_TOKEN_SLOTS_H
#include <stdint.h>

#include "ipc/owner_token.h"

enum ms_slot_use { MS_SLOT_NO_USE, MS_SLOT_SIGNS_P256, MS_SLOT_SIGNS_ED25519, MS_SLOT_DERIVES, MS_SLOT_WRAPS };
struct ms_slot_row {
	const char *label; /* CKA_LABEL in a token */
	enum ms_slot_use use;
};
/* NULL for a number that is no slot. */
const struct ms_slot_row *ms_slot_row(unsigned slot);

/* Sets of slots. */
#define MS_SLOT_BIT(slot) (1u << (slot))
#define MS_SLOTS_ROOT MS_SLOT_BIT(MS_SLOT_CA_ROOT) /* at init only; then it is kept away from the server */
#define MS_SLOTS_KEEPER \
	(MS_SLOT_BIT(MS_SLOT_CA_ISSUING) | MS_SLOT_BIT(MS_SLOT_RELEASE) | MS_SLOT_BIT(MS_SLOT_INTAKE) | MS_SLOT_BIT(MS_SLOT_WRAP) | \
	    MS_SLOT_BIT(MS_SLOT_TOKEN))
#define MS_SLOTS_NOTARY MS_SLOT_BIT(MS_SLOT_LOG)

#endif
