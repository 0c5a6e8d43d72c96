/* Keys of one owner (keeper, notary) behind one table of operations: a PKCS#11 token, or a key file sealed under a
 * passphrase or to this machine's TPM. Every call
 * names a slot; a slot takes only what its row in slots.c says. Nothing here gives out a private key. */
#ifndef MS_TOKEN_H
#define MS_TOKEN_H
#include "crypto/aead.h"
#include "crypto/ecdh.h"
#include "crypto/key.h"
#include "server/token/slots.h"

#define MS_TOKEN_PLAIN_MAX (96u << 10) /* bytes that are wrapped at once */
#define MS_TOKEN_HEADER_MAX 8192u      /* associated data */

/* Where the keys are: `uri` (with module, pin_file, and module_conf if the module wants one) or `keyfile` (with
 * passphrase_file, or with tcti and what follows it); the others NULL. Borrowed. */
struct ms_token_config {
	const char *uri;         /* RFC 7512: token=, and serial=, manufacturer=, model= to narrow it */
	const char *module;      /* shared object */
	const char *module_conf; /* put in SOFTHSM2_CONF, before the module starts */
	const char *pin_file;    /* mode 0600 */
	const char *keyfile;
	const char *passphrase_file; /* mode 0600 */
	const char *tcti;            /* the TPM that the key file is sealed to; the forms are in tpm/tpm.h */
	const char *tpm_program;     /* path of muster-tpm, which asks it; NULL: the installed one */
	uint32_t tpm_pcrs;           /* mask. Generate: seal to their state of now, 0 to none; else 0, or what the file must say */
};

struct ms_token;
/* Two steps: prepare reads what is read with the starting user's rights (module, PIN, key file, and the file's key from the
 * TPM: MS_ERR_DENIED when PCRs changed, MS_ERR_AUTH when it is another TPM); start, which may be
 * inside a sandbox, opens the keys of the set `slots` and tries each: a slot whose public and private half do not fit,
 * or whose private half could be taken out (I4), is MS_ERR_AUTH. MS_ERR_NOT_FOUND: no such token, or a key is not in it. */
MS_MUST_USE enum ms_rc ms_token_prepare(const struct ms_token_config *c, struct ms_token **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_token_start(struct ms_token *t, uint32_t slots, struct ms_err *err);
void ms_token_free(struct ms_token *t); /* closes the token, wipes PIN and keys; NULL is a no-op */
MS_CLEANUP(struct ms_token, ms_token_free)
const char *ms_token_backend(const struct ms_token *t); /* "pkcs11", "keyfile", "tpm" */

/* All: MS_ERR_USAGE for a slot that is not open or not of this use. */

/* digest_or_msg: P-256: the SHA-256 digest of what is signed; Ed25519: the message itself. */
MS_MUST_USE enum ms_rc ms_token_sign(
    struct ms_token *t, unsigned slot, struct ms_span digest_or_msg, uint8_t sig[static MS_SIG_LEN], struct ms_err *err);
/* Z.x of the slot's key and a point, which is checked to be on the curve. */
MS_MUST_USE enum ms_rc ms_token_derive(
    struct ms_token *t, unsigned slot, const uint8_t peer[static MS_POINT_LEN], struct ms_secret **ret, struct ms_err *err);
/* AES-256-GCM under the slot's key. `key` and `alg` of *a are not looked at. */
MS_MUST_USE enum ms_rc ms_token_wrap(
    struct ms_token *t, unsigned slot, const struct ms_aead *a, const struct ms_secret *pt, struct ms_buf *out, struct ms_err *err);
/* MS_ERR_AUTH: not wrapped so. */
MS_MUST_USE enum ms_rc ms_token_unwrap(
    struct ms_token *t, unsigned slot, const struct ms_aead *a, struct ms_span ct, struct ms_secret **ret, struct ms_err *err);
/* NULL for a slot that is not open or has no public half. Borrowed. */
const struct ms_pubkey *ms_token_public(const struct ms_token *t, unsigned slot);
/* For init: signs whole messages. The slot must sign and be open. Borrows t. */
struct ms_signer ms_token_signer(struct ms_token *t, unsigned slot);

#endif
