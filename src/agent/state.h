/* What a machine's agent keeps: one directory (0700), files of mode 0600, each written durably and whole. Nothing in it is a
 * secret: keys are in the TPM, salts only name them, and sealed secrets open only in the state they were sealed to. */
#ifndef MS_AGENT_STATE_H
#define MS_AGENT_STATE_H
#include "base/io.h"
#include "codec/cbor.h"

#define MS_AGENT_SALT_LEN 32u
#define MS_AGENT_STATE_MAX (64u << 10)  /* bytes of agent.cbor */
#define MS_AGENT_SECRET_MAX (80u << 10) /* bytes of a kept secret */
#define MS_AGENT_SECRETS_MAX 256u       /* secrets that one machine keeps */
#define MS_AGENT_LOCK_WAIT_MS 30000u

/* agent.cbor. Spans borrow from the record's own memory. */
struct ms_agent_fields {
	uint64_t present;
	uint64_t v;            /* 1 */
	struct ms_span server; /* https://host:port */
	struct ms_span tenant;
	struct ms_span ak_salt; /* kept before the key is first used */
	struct ms_span status;  /* "new", "pending", "enrolled" or "refused" */
	struct ms_span device;
	struct ms_span ek_hash, ak_name, ak_public, transcript_hash; /* optional, from enrolment */
	struct ms_span binding, admission;                           /* statements */
	struct ms_span code;                                         /* the eight words, while pending */
	uint64_t seen_s;                                             /* latest signed time of the server */
	struct ms_span life, outcome, reasons;                       /* last verdict: state, outcome, array of text */
	uint64_t verdict_s, next_s;                                  /* when it was, and when the next is due (server time) */
	struct ms_span identity_salt;
	uint64_t cert_from_s, cert_until_s;
	uint64_t logs_reset;     /* reset count of the boot that the next two are of, plus 1 */
	struct ms_span boot_log; /* SHA-256 of the boot log that the server has */
	uint64_t ima_entries;    /* of the IMA list that it has judged */
};
enum ms_agent_key {
	MS_AGENT_DEVICE = 6,
	MS_AGENT_EK_HASH,
	MS_AGENT_AK_NAME,
	MS_AGENT_AK_PUBLIC,
	MS_AGENT_TRANSCRIPT,
	MS_AGENT_BINDING,
	MS_AGENT_ADMISSION,
	MS_AGENT_CODE,
	MS_AGENT_SEEN,
	MS_AGENT_LIFE,
	MS_AGENT_OUTCOME,
	MS_AGENT_REASONS,
	MS_AGENT_VERDICT,
	MS_AGENT_NEXT,
	MS_AGENT_IDENTITY_SALT,
	MS_AGENT_CERT_FROM,
	MS_AGENT_CERT_UNTIL,
	MS_AGENT_LOGS_RESET,
	MS_AGENT_BOOT_LOG_HASH,
	MS_AGENT_IMA_ENTRIES,
};
struct ms_agent_record {
	struct ms_agent_fields f;
	uint8_t *mem;
};
/* Untrusted bytes. MS_ERR_MALFORMED, MS_ERR_TOO_BIG. *ret owns a copy. */
MS_MUST_USE enum ms_rc ms_agent_record_parse(struct ms_span s, struct ms_agent_record *ret, struct ms_err *err);
void ms_agent_record_fini(struct ms_agent_record *r); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_agent_record, ms_agent_record_fini)

/* secrets/<SHA-256 of the path>.cbor: the latest version that was verified, as it was sealed, and the key it is sealed to. */
struct ms_agent_secret {
	uint64_t present;
	struct ms_span path;
	uint64_t version; /* nothing older is taken again (I14) */
	struct ms_span statement;
	struct ms_span salt; /* of the sealing key */
	uint64_t mask;
	struct ms_span key; /* TPMT_PUBLIC of the sealing key */
	struct ms_span leaf;
	uint64_t received_s;
	struct ms_span file; /* optional: where it was delivered to */
};
#define MS_AGENT_SECRET_FILE 9u
extern const struct ms_cbor_table ms_agent_secret_table;

/* The directory, locked for this process until freed. `create`: make it (0700) when absent; else MS_ERR_NOT_FOUND says to
 * enroll first. MS_ERR_TIMEOUT: another agent holds it. MS_ERR_AUTH: others can write to it. */
struct ms_agent_state;
MS_MUST_USE enum ms_rc ms_agent_state_open(const char *dir, bool create, struct ms_agent_state **ret, struct ms_err *err);
void ms_agent_state_free(struct ms_agent_state *s); /* NULL is a no-op */
MS_CLEANUP(struct ms_agent_state, ms_agent_state_free)

/* MS_ERR_NOT_FOUND: this machine was never enrolled. */
MS_MUST_USE enum ms_rc ms_agent_state_load(struct ms_agent_state *s, struct ms_agent_record *ret, struct ms_err *err);
/* Members whose span is not empty, or number not 0, go. */
MS_MUST_USE enum ms_rc ms_agent_state_save(struct ms_agent_state *s, struct ms_agent_fields *f, struct ms_err *err);
/* A file of the directory by its name: "root.cbor", "identity.pem". */
MS_MUST_USE enum ms_rc ms_agent_state_read(struct ms_agent_state *s, const char *name, size_t max, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_agent_state_write(struct ms_agent_state *s, const char *name, struct ms_span bytes, struct ms_err *err);

/* *ret borrows from mem (initialised, max MS_AGENT_SECRET_MAX). MS_ERR_NOT_FOUND when none is kept. */
MS_MUST_USE enum ms_rc ms_agent_secret_load(
    struct ms_agent_state *s, struct ms_span path, struct ms_buf *mem, struct ms_agent_secret *ret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_agent_secret_save(struct ms_agent_state *s, const struct ms_agent_secret *secret, struct ms_err *err);
/* Each kept secret in turn; stops at the first error of fn. */
typedef enum ms_rc (*ms_agent_secret_fn)(void *ctx, const struct ms_agent_secret *secret, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_agent_secret_each(struct ms_agent_state *s, ms_agent_secret_fn fn, void *ctx, struct ms_err *err);

#endif
