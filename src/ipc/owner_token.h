/* What keeper and notary ask of the token process each has of its own. The answer carries the same type and id:
 * u8 0 | result, or u8 1 | text. There is no request that gives out a private key.
 * SIGN     u8 slot | message (ES256 slots: its SHA-256 digest, 32 bytes; Ed25519: the message)   -> signature 64
 * DERIVE   u8 slot | peer point 65                                                               -> Z.x 32
 * WRAP     u8 slot | u16 length, associated data | iv 12 | plaintext                             -> ciphertext and tag
 * UNWRAP   u8 slot | u16 length, associated data | iv 12 | ciphertext and tag                    -> plaintext
 * PUBLIC   u8 slot   -> u8 key type (enum ms_key_type) | point 65 or Ed25519 32 */
#ifndef MS_OWNER_TOKEN_H
#define MS_OWNER_TOKEN_H

enum ms_token_frame {
	MS_TOKEN_SIGN = 1,
	MS_TOKEN_DERIVE = 2,
	MS_TOKEN_WRAP = 3,
	MS_TOKEN_UNWRAP = 4,
	MS_TOKEN_PUBLIC = 5,
};
/* One key, one purpose: a slot takes only the request its row names (token/slots.c). */
enum ms_token_slot {
	MS_SLOT_CA_ROOT = 1,    /* P-256, signs; never given to the running server */
	MS_SLOT_CA_ISSUING = 2, /* P-256, signs certificates and CRLs */
	MS_SLOT_RELEASE = 3,    /* P-256, signs statements */
	MS_SLOT_INTAKE = 4,     /* P-256, derives */
	MS_SLOT_WRAP = 5,       /* AES-256, wraps */
	MS_SLOT_LOG = 6,        /* Ed25519, signs checkpoints */
	MS_SLOT_TOKEN = 7,      /* P-256, signs attestation results */
	MS_SLOT_END
};
#define MS_TOKEN_FRAME_MAX (128u << 10)

#endif
