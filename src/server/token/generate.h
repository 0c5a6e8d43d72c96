/* Making the keys of a deployment: used by `muster init`, which signs the first certificates with them; no process. */
#ifndef MS_TOKEN_GENERATE_H
#define MS_TOKEN_GENERATE_H
#include "server/token/token.h"

/* Make one key for each of `slots` and open them: ms_token_signer() then signs with them, as ms_token_start() would allow.
 * PKCS#11: inside the token, private, sensitive, never extractable. A token of this label that has a user PIN is used as it is and
 * must hold none of the keys (MS_ERR_CONFLICT); else the first empty slot of the module is initialised with the label
 * and PIN; its security officer PIN is random and forgotten.
 * Key file: a new file (MS_ERR_CONFLICT when it exists), mode 0600, sealed under the passphrase (crypto/scryptbox.h) or to the
 * TPM (tpmfile.h).
 * On an error keys that were made may remain: start again with a fresh token or file. */
MS_MUST_USE enum ms_rc ms_token_generate(const struct ms_token_config *c, uint32_t slots, struct ms_token **ret, struct ms_err *err);

#endif
