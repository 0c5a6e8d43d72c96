/* IMA measurement lists as evidence: template digests recomputed in every bank, PCR 10 replayed, signatures of files checked,
 * claims. The list is hostile until PCR 10 of a verified quote explains it; ms_appraisal_ima_replay() is where that is seen. */
#ifndef MS_IMA_H
#define MS_IMA_H
#include "codec/imalist.h"
#include "evidence/appraisal.h"

#define MS_IMA_PCR 10u
#define MS_IMA_CAPS_SERVER ((struct ms_imalist_caps){.bytes = 1u << 20, .entries = 20000})
#define MS_IMA_CAPS_OFFLINE ((struct ms_imalist_caps){.bytes = 64u << 20, .entries = MS_APPRAISAL_IMA_MAX})

/* ---- keys that sign files (imakey.c) ---- */

#define MS_IMA_KEYS_MAX 256u
/* Public keys by the 4 bytes that IMA signatures name them with. */
struct ms_ima_keyring;
MS_MUST_USE enum ms_rc ms_ima_keyring_new(struct ms_ima_keyring **ret, struct ms_err *err);
void ms_ima_keyring_free(struct ms_ima_keyring *k);
MS_CLEANUP(struct ms_ima_keyring, ms_ima_keyring_free)
/* A public key (SubjectPublicKeyInfo or RSAPublicKey) or a certificate, in DER, or PEM text with one or more of them. Of a
 * certificate only the key and its SubjectKeyIdentifier count: that the operator, or the measured list, names it is the trust.
 * MS_ERR_UNSUPPORTED: a kind of key that is not taken (RSA below 2048 bits, secp256k1); MS_ERR_MALFORMED; MS_ERR_TOO_BIG. */
MS_MUST_USE enum ms_rc ms_ima_keyring_add(struct ms_ima_keyring *k, struct ms_span pem_or_der, struct ms_err *err);
size_t ms_ima_keyring_count(const struct ms_ima_keyring *k);

/* What is known of an entry's signature (security.ima: version 2 over the file's digest, version 3 over ima_file_id). */
struct ms_ima_signed {
	enum ms_ima_signature state;
	bool measured;         /* the key was found in the list itself, in an earlier ima-buf entry of a keyring */
	uint8_t short_id[4];   /* as the signature names its key; zeros: no signature */
	struct ms_span key_id; /* GOOD, BAD: SHA-256 of the key's SubjectPublicKeyInfo, borrowed from the ring. Else empty */
	const char *why;       /* BAD, UNKNOWN_KEY: one static phrase */
};
/* `keys` before `measured`; either may be NULL. */
void ms_ima_signature_check(
    const struct ms_ima_entry *e, const struct ms_ima_keyring *keys, const struct ms_ima_keyring *measured, struct ms_ima_signed *ret);

/* ---- replay in any bank (imareplay.c) ---- */

enum ms_ima_extend {
	MS_IMA_EXTEND_HASHED, /* Linux from 5.8 on: each bank gets the template data's digest in its own hash */
	MS_IMA_EXTEND_PADDED, /* before, and later when the kernel could not compute a bank's hash at boot (Debian 12: SHA-384):
	                       * the SHA-1, filled up with zeros */
};
struct ms_ima_bank {
	enum ms_hash hash;
	uint8_t len;
	uint8_t hashed[MS_HASH_LEN_MAX]; /* PCR 10 as MS_IMA_EXTEND_HASHED gives it */
	uint8_t padded[MS_HASH_LEN_MAX]; /* and as MS_IMA_EXTEND_PADDED does */
};
/* The running state, from zeros: entry after entry. */
struct ms_ima_replay;
/* bits of `banks`: 1 << enum ms_hash. MS_ERR_UNSUPPORTED: a hash that the crypto library lacks. */
MS_MUST_USE enum ms_rc ms_ima_replay_new(uint32_t banks, struct ms_ima_replay **ret, struct ms_err *err);
void ms_ima_replay_free(struct ms_ima_replay *r);
MS_CLEANUP(struct ms_ima_replay, ms_ima_replay_free)
/* Extend one entry. MS_ERR_AUTH: the digest that the list has is not that of its template data, or a buffer's not that of the
 * buffer; MS_ERR_UNSUPPORTED: an entry of another PCR than 10. The text names the entry; the state is as before then. */
MS_MUST_USE enum ms_rc ms_ima_replay_step(struct ms_ima_replay *r, const struct ms_ima_entry *e, struct ms_err *err);
const struct ms_ima_bank *ms_ima_replay_bank(const struct ms_ima_replay *r, enum ms_hash h); /* NULL: not asked for */
bool ms_ima_bank_is(const struct ms_ima_bank *b, struct ms_span pcr, enum ms_ima_extend *ret_how);

/* ---- boot_aggregate: entry 0, the digest of the PCRs that the kernel found (imareplay.c) ---- */

enum ms_ima_aggregate {
	MS_IMA_AGGREGATE_UNCHECKED, /* of a bank whose values are not there, or the entry is not of the list */
	MS_IMA_AGGREGATE_ZEROS,     /* the kernel found no TPM */
	MS_IMA_AGGREGATE_DIFFERS,
	MS_IMA_AGGREGATE_PCRS_0_7,
	MS_IMA_AGGREGATE_PCRS_0_9, /* Linux from 5.8 on, in banks other than SHA-1 */
};
const char *ms_ima_aggregate_name(enum ms_ima_aggregate a);
/* `pcr` has values of PCRs 0 to 9 of the bank in which the entry's digest is, ms_hash_len() bytes each. */
struct ms_ima_aggregate_pcrs {
	uint8_t hash; /* kernel's number: MS_IMA_HASH_SHA256 */
	const uint8_t *pcr[10];
};
enum ms_ima_aggregate ms_ima_boot_aggregate_check(const struct ms_ima_file *first, const struct ms_ima_aggregate_pcrs *pcrs);

/* ---- for the server (ima.c) ---- */

struct ms_ima_evidence {
	struct ms_span list;
	uint32_t from; /* number of its first entry; 0: since boot */
	struct ms_imalist_caps caps;
	const struct ms_ima_keyring *keys; /* NULL: none are known */
	/* PCR 10 where the list begins and as it was quoted, SHA-256 bank; NULL: not given. With both, what the kernel added after
	 * the quote is left out of everything, for nothing proves it. Claims of an appraisal without them may speak of such entries. */
	const uint8_t *start, *quoted;
};
/* Read a list into the appraisal: tuples of the SHA-256 bank (type: enum ms_ima_template; offset and len: the entry), files,
 * claims `ima.*`, which speak of the entries of this list only. The files borrow from the list, or from the appraisal when the
 * list is ASCII. When a->has_boot, the boot aggregate is checked against the PCRs of that log. Whether PCR 10 is explained
 * is for ms_appraisal_ima_replay() to say.
 * MS_ERR_MALFORMED, MS_ERR_UNSUPPORTED, MS_ERR_TOO_BIG (the text names the cap), MS_ERR_AUTH (a buffer that is not what its
 * digest says): the text names the entry, and the appraisal is of no use any more. */
MS_MUST_USE enum ms_rc ms_ima_appraise(const struct ms_ima_evidence *ev, struct ms_appraisal *a, struct ms_err *err);

#endif
