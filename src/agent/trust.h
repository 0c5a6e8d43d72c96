/* What the agent believes of what a server sends: pure checks over bytes, no network, no files, no TPM. Everything is refused that
 * does not chain to the deployment root, is not about this device, or has no place in the log (I11). */
#ifndef MS_AGENT_TRUST_H
#define MS_AGENT_TRUST_H
#include "audit/entry.h"
#include "audit/note.h"
#include "audit/ticket.h"
#include "codec/statement.h"
#include "identity/cert.h"
#include "proto/bind.h"
#include "proto/root.h"

#define MS_TRUST_SKEW_S 300u /* clocks of the server's processes among themselves */
#define MS_TRUST_STATUS_MAX 16u

struct ms_trust {
	const struct ms_root *root; /* borrowed */
	const char *tenant;         /* borrowed */
	struct ms_vkey *log;
};
MS_MUST_USE enum ms_rc ms_trust_init(const struct ms_root *root, const char *tenant, struct ms_trust *ret, struct ms_err *err);
void ms_trust_fini(struct ms_trust *t); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_trust, ms_trust_fini)

/* A challenge by a key that the release key vouches for. Time is the server's, as signed: `seen_s` is the latest that was seen
 * before, and one older than that by more than the skew is refused. */
struct ms_challenge {
	uint8_t nonce[MS_NONCE_LEN];
	enum ms_purpose purpose;
	uint64_t now_s;
	uint32_t seal_mask; /* 0: not told */
	bool attest_now;    /* an operator wants evidence now */
	uint32_t poll_s;    /* how often to ask for that; 0: not told */
	struct ms_pubkey *key;
};
MS_MUST_USE enum ms_rc ms_trust_challenge(
    const struct ms_trust *t, struct ms_span wire, enum ms_purpose purpose, uint64_t seen_s, struct ms_challenge *ret, struct ms_err *err);
void ms_challenge_fini(struct ms_challenge *c); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_challenge, ms_challenge_fini)

/* Who we are, for comparison. */
struct ms_trust_device {
	const char *id; /* NULL before enrolment */
	struct ms_span ek_hash, ak_public, ak_name, transcript_hash;
	uint64_t now_s; /* signed time of the server */
};

/* An entry that is in the log, with the leaf that proves it. */
struct ms_trust_entry {
	struct ms_entry entry;
	struct ms_ticket ticket;
};
/* MS_OK: the deployment's log holds these bytes at the index they name, in our tenant, with this subject. MS_ERR_AUTH. */
MS_MUST_USE enum ms_rc ms_trust_logged(const struct ms_trust *t, struct ms_span entry, struct ms_span ticket, const char *subject,
    struct ms_trust_entry *ret, struct ms_err *err);

/* Answer to enroll/finish and enroll/status. */
enum ms_enroll_standing { MS_ENROLL_PENDING, MS_ENROLL_ENROLLED, MS_ENROLL_REFUSED };
struct ms_enroll_answer {
	enum ms_enroll_standing status;
	struct ms_span device, binding, admission; /* borrowed from wire; admission when enrolled */
};
/* logged: an entry and its ticket must be there (finish); else they are checked when they are (status). */
MS_MUST_USE enum ms_rc ms_trust_enrolled(const struct ms_trust *t, const struct ms_trust_device *d, struct ms_span wire, bool logged,
    struct ms_enroll_answer *ret, struct ms_err *err);

/* Answer to an attested request. */
enum ms_trust_outcome { MS_TRUST_PASS, MS_TRUST_DENY, MS_TRUST_FAIL };
struct ms_trust_sent {
	struct ms_span body, request, attest, pcrs; /* as sent */
};
struct ms_attested_answer {
	enum ms_trust_outcome outcome;
	struct ms_verdict_body verdict; /* spans borrow from wire */
	bool has_act;
	struct ms_trust_entry act; /* logged, about us and this evidence */
	struct ms_span result;     /* not verified yet: ms_trust_identity(), ms_trust_secret(); empty when refused */
};
MS_MUST_USE enum ms_rc ms_trust_attested(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_challenge *c,
    const struct ms_trust_sent *sent, struct ms_span wire, struct ms_attested_answer *ret, struct ms_err *err);

/* Was this granted, and logged under an entry of this kind? MS_ERR_DENIED, MS_ERR_AUTH. */
MS_MUST_USE enum ms_rc ms_trust_granted(const struct ms_attested_answer *a, const char *kind, struct ms_err *err);

/* Result of purpose identity: a certificate for the key `point`, by the deployment's CA, with our name, as logged. */
MS_MUST_USE enum ms_rc ms_trust_identity(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a,
    const uint8_t point[static MS_POINT_LEN], struct ms_cert *ret, struct ms_err *err);

/* Result of purpose secret: what was asked for, for our key, as logged. */
struct ms_trust_secret_ask {
	struct ms_span path;
	uint64_t least;          /* older versions are refused (I14) */
	struct ms_span key_name; /* of the sealing key */
	struct ms_span evidence; /* id of what was sent */
};
MS_MUST_USE enum ms_rc ms_trust_secret(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a,
    const struct ms_challenge *c, const struct ms_trust_secret_ask *ask, struct ms_secret_body *ret, struct ms_err *err);
/* The same statement from our own disk: it was verified when it came; only what a disk can change is checked again. */
MS_MUST_USE enum ms_rc ms_trust_secret_kept(const struct ms_trust *t, const char *device, struct ms_span path, struct ms_span statement,
    struct ms_secret_body *ret, struct ms_err *err);

/* Result of purpose result: signed by the deployment's token key, of this profile, about us and this evidence, with the nonce and
 * for the audience that were asked for, as logged. *ret is the caller's to free. */
struct ms_trust_result_ask {
	struct ms_span nonce;    /* empty: none */
	const char *audience;    /* NULL: none */
	struct ms_span evidence; /* id of what was sent */
};
struct ms_ear_read;
MS_MUST_USE enum ms_rc ms_trust_result(const struct ms_trust *t, const struct ms_trust_device *d, const struct ms_attested_answer *a,
    const struct ms_trust_result_ask *ask, struct ms_ear_read *ret, struct ms_err *err);

#endif
