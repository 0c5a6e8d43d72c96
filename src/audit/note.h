/* C2SP signed notes: text, a blank line, signature lines "\u2014 <key name> base64(key id | signature)". Only Ed25519
 * (type 0x01) is made and checked here; lines of other keys are counted and otherwise ignored, as the format asks. */
#ifndef MS_NOTE_H
#define MS_NOTE_H
#include "crypto/key.h"

#define MS_NOTE_MAX (64u << 10) /* bytes of a note */
#define MS_NOTE_NAME_MAX 128u
#define MS_NOTE_SIGS_MAX 32u
#define MS_NOTE_SIG_MAX 6144u /* bytes of one signature, key id included: post-quantum ones are long */
#define MS_NOTE_KEY_ID_LEN 4u
#define MS_VKEY_TEXT_MAX 256u

/* A verifier key: "<name>+<key id in hex>+<base64(0x01 | public key)>". */
struct ms_vkey;
/* MS_ERR_MALFORMED (form, or key id not that of name and key), MS_ERR_UNSUPPORTED (another type), or of ms_pubkey_from_ed25519. */
MS_MUST_USE enum ms_rc ms_vkey_parse(struct ms_span text, struct ms_vkey **ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_vkey_new(const char *name, const uint8_t raw[static MS_ED25519_LEN], struct ms_vkey **ret, struct ms_err *err);
void ms_vkey_free(struct ms_vkey *v);
MS_CLEANUP(struct ms_vkey, ms_vkey_free)
const char *ms_vkey_name(const struct ms_vkey *v); /* borrowed */
const struct ms_pubkey *ms_vkey_pubkey(const struct ms_vkey *v);
const uint8_t *ms_vkey_fingerprint(const struct ms_vkey *v);     /* SHA-256 over key and name, 32 bytes, borrowed */
void ms_vkey_build(const struct ms_vkey *v, struct ms_buf *out); /* the text form, without newline */

bool ms_note_name_ok(struct ms_span name); /* UTF-8, not empty, no white space, control or '+', within the cap */

/* One signature line. */
struct ms_note_sig {
	struct ms_span name;
	uint8_t id[MS_NOTE_KEY_ID_LEN];
	size_t len;              /* of the signature, key id not counted */
	uint8_t sig[MS_SIG_LEN]; /* the signature when len is MS_SIG_LEN; else zeros */
};
/* A note as it was parsed: nothing is proven. Spans borrow. */
struct ms_note_raw {
	struct ms_span text; /* with its last newline */
	size_t n;
	struct ms_note_sig sigs[MS_NOTE_SIGS_MAX];
};
/* MS_ERR_MALFORMED or MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_note_parse(struct ms_span s, struct ms_note_raw *ret, struct ms_err *err);

/* A note signed by the key asked for. */
struct ms_note {
	struct ms_span text;
	size_t others; /* signatures of other keys: not checked */
};
/* MS_OK: at least one signature is by v, and each that names v verifies. MS_ERR_AUTH otherwise; or as ms_note_parse. */
MS_MUST_USE enum ms_rc ms_note_verify(struct ms_span s, const struct ms_vkey *v, struct ms_note *ret, struct ms_err *err);
/* Sign text (which ends with a newline and holds no control character but newlines) and append the note. signer is an
 * Ed25519 key. MS_ERR_USAGE, or of the signer. */
MS_MUST_USE enum ms_rc ms_note_build(
    struct ms_span text, const char *name, const struct ms_signer *signer, struct ms_buf *out, struct ms_err *err);

#endif
