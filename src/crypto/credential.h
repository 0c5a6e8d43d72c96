/* TPM2_MakeCredential in software (TPM 2.0 Library, Part 1, 24): a secret that only the TPM that holds both the EK and
 * the object of that name can recover, with TPM2_ActivateCredential. */
#ifndef MS_CREDENTIAL_H
#define MS_CREDENTIAL_H
#include "crypto/key.h"

#define MS_CREDENTIAL_SECRET_MAX 32u
#define MS_CREDENTIAL_NAME_LEN 34u /* SHA-256 name: 000b | digest */
#define MS_CREDENTIAL_BLOB_MAX 128u
#define MS_CREDENTIAL_ENCRYPTED_MAX 512u

/* ek: RSA (2048 to 4096 bits) or P-256, with nameAlg SHA-256 and AES-128-CFB, as the TCG's default EK templates (L-1,
 * L-2): MS_ERR_UNSUPPORTED otherwise. name: of the AK, SHA-256. secret: 1..32 bytes.
 * Appends to *blob the content of a TPM2B_ID_OBJECT (integrity HMAC as TPM2B, then the encrypted TPM2B), and to
 * *encrypted the content of a TPM2B_ENCRYPTED_SECRET. Neither has the outer two length bytes. */
MS_MUST_USE enum ms_rc ms_credential_make(const struct ms_pubkey *ek, const uint8_t name[static MS_CREDENTIAL_NAME_LEN],
    const struct ms_secret *secret, struct ms_buf *blob, struct ms_buf *encrypted, struct ms_err *err);

#endif
