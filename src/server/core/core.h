/* core: decides. It holds the store, the policy and no key but the one of its own boot. Requests become jobs; all that
 * wait are decided together and committed in one transaction; what they logged gets tickets from notary in one append;
 * keeper acts on tickets; then they are answered (docs/protocol.md, ARCHITECTURE.md). */
#ifndef MS_CORE_H
#define MS_CORE_H
#include "base/clock.h"
#include "crypto/key.h"
#include "evidence/ak.h"
#include "fold/fold.h"
#include "ipc/chan.h"
#include "ipc/core_keeper.h"
#include "ipc/core_notary.h"
#include "ipc/net_core.h"
#include "ipc/table.h"
#include "policy/policy.h"
#include "proto/bind.h"
#include "proto/data.h"
#include "proto/root.h"
#include "server/core/job.h"
#include "server/role.h"

#define MS_CORE_NETS_MAX 64u
#define MS_CORE_SKEW_S 300u /* how far an operator's clock may be off */
#define MS_CORE_NONCE_LIFE_S 120u
#define MS_CORE_REFUSALS_MAX 64u

struct ms_appraisers;
struct ms_export;
struct ms_ekroots;
struct ms_policy_cache;
struct ms_ak_cache;

struct ms_net_link {
	struct ms_core *core;
	unsigned index;
	struct ms_chan *chan;
	struct ms_ipc_state state;
};
/* Keys `evidence.*` of the configuration. */
struct ms_evidence_config {
	uint64_t boot_log_bytes, boot_log_events, boot_log_event_bytes, ima_bytes, ima_entries;
	uint64_t keep_days, keep_per_device;
};
struct ms_refusal {
	const char *reason; /* static */
	uint64_t count;
};
struct ms_core {
	struct ms_role *role;
	struct ms_root *root;
	struct ms_store *store;
	struct ms_fold fold;
	struct ms_authority_clock clock;
	uint64_t now_s; /* of this turn */

	struct ms_net_link nets[MS_CORE_NETS_MAX];
	size_t n_nets;
	struct ms_chan *notary, *keeper;
	struct ms_ipc_state notary_state, keeper_state;
	struct ms_appraisers *appraisers;

	/* the log: next entry to write; leaves that notary has signed for */
	uint64_t next_seq, tree_size;
	bool appending; /* one append is under way */
	bool log_stuck; /* notary could not write (its disk is full): nothing is decided until it can */
	uint64_t log_retry_ms;
	bool exporting;           /* the export directory is behind */
	struct ms_buf checkpoint; /* signed, of tree_size */
	struct ms_export *export;

	/* challenges and verdicts */
	struct ms_softkey *boot_key;
	struct ms_signer boot_signer;
	struct ms_secret *nonce_key;
	struct ms_buf challenge_key; /* keeper's statement for boot_key; empty until it came */
	uint64_t challenge_key_expires_s, challenge_renew_s;

	struct ms_buf crl;
	bool crl_due;
	uint64_t crl_next_s, crl_number;
	uint64_t stale_check_s, refusals_since_s;
	struct ms_refusal refusals[MS_CORE_REFUSALS_MAX];

	struct ms_evidence_config evidence;
	uint64_t poll_s; /* how often agents ask */
	struct ms_buf purge_cursor;
	struct ms_policy_cache *policies;
	struct ms_ak_cache *aks;
	struct ms_ekroots *makers;
	struct ms_jobs jobs;
	uint64_t started_s, answered, batches;
};

/* Refusals of unauthentic requests are counted and logged as a sum: an unauthenticated request writes no row. */
void ms_core_count_refusal(struct ms_core *c, const char *reason);
/* MS_ERR_CLOCK while the wall clock and the authority clock disagree: asked before anything is granted. */
MS_MUST_USE enum ms_rc ms_core_may_grant(const struct ms_core *c, struct ms_err *err);

/* ---- nonce.c ---- */
MS_MUST_USE enum ms_rc ms_nonce_issue(
    const struct ms_core *c, enum ms_purpose purpose, struct ms_span tenant, uint8_t ret[static MS_NONCE_LEN], struct ms_err *err);
/* MAC, purpose, tenant, time. MS_ERR_AUTH, MS_ERR_EXPIRED. Does not say that it is unused. */
MS_MUST_USE enum ms_rc ms_nonce_check(
    const struct ms_core *c, enum ms_purpose purpose, struct ms_span tenant, struct ms_span nonce, struct ms_err *err);
/* Was it consumed? Asked before work is spent on evidence; only the consumption decides. */
MS_MUST_USE enum ms_rc ms_nonce_unused(struct ms_core *c, struct ms_span nonce, struct ms_err *err);
/* Inside the transaction that grants: MS_ERR_REPLAY when it was used. */
MS_MUST_USE enum ms_rc ms_nonce_consume(struct ms_core *c, struct ms_span nonce, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_nonce_purge(struct ms_core *c, bool all, struct ms_err *err); /* inside a transaction */

/* ---- notary.c ---- */
extern const struct ms_ipc_table ms_core_notary_table;
/* At start, waiting: bring notary up to the database, or refuse when the database is older than the log. */
MS_MUST_USE enum ms_rc ms_notary_reconcile(struct ms_core *c, struct ms_err *err);
/* Send the leaves that wait, if no append is under way. */
MS_MUST_USE enum ms_rc ms_notary_push(struct ms_core *c, struct ms_err *err);
/* Write the tiles that are new to the export directory. */
MS_MUST_USE enum ms_rc ms_notary_export(struct ms_core *c, struct ms_err *err);

/* ---- keeper.c ---- */
extern const struct ms_ipc_table ms_core_keeper_table;
/* Ask keeper to act for a job; `entry` is the index of the staged entry that is the act's leaf, or MS_ACT_NO_ENTRY. */
#define MS_ACT_NO_ENTRY SIZE_MAX
MS_MUST_USE enum ms_rc ms_keeper_ask(struct ms_core *c, struct ms_job *j, enum ms_keeper_act act, size_t entry, struct ms_err *err);

/* ---- the requests: each starts a job that net brought. Errors are answered by the caller. ---- */
typedef enum ms_rc (*ms_request_fn)(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_root(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_crl(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_jwks(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_challenge(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_enroll_begin(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_enroll_finish(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_enroll_status(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_attested(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_operator(struct ms_core *c, struct ms_job *j, struct ms_err *err);
enum ms_rc ms_request_tls(struct ms_core *c, struct ms_job *j, struct ms_err *err); /* body: SPKI of net's key */

/* ---- work without a request: timers.c ---- */
MS_MUST_USE enum ms_rc ms_timers_run(struct ms_core *c, struct ms_err *err); /* starts internal jobs that are due */
MS_MUST_USE enum ms_rc ms_start_job(struct ms_core *c, struct ms_err *err);  /* server.start, then the challenge key */

/* ---- policy cache: judge.c ---- */
struct ms_judged {
	struct ms_verdict verdict;
	struct ms_policy_settings settings; /* zeros when there is no policy */
};
MS_MUST_USE enum ms_rc ms_policy_cache_new(struct ms_policy_cache **ret, struct ms_err *err);
void ms_policy_cache_free(struct ms_policy_cache *p);
/* The tenant's policy as the store has it now; NULL in *ret when none was set. Borrowed until the next call. */
MS_MUST_USE enum ms_rc ms_core_policy(
    struct ms_core *c, struct ms_span tenant, const struct ms_policy **ret, uint64_t *ret_version, struct ms_err *err);
/* A set as an operator sends it: whole, or a header whose parts are stored. */
MS_MUST_USE enum ms_rc ms_core_reference_read(struct ms_core *c, struct ms_span wire, struct ms_reference **ret, struct ms_err *err);
/* A stored set by the SHA-256 of its wire, once in memory however many tenants and devices use it; borrowed until the next call. */
MS_MUST_USE enum ms_rc ms_core_reference(
    struct ms_core *c, const uint8_t id[static 32], const struct ms_reference **ret, struct ms_err *err);
/* What there is to judge. */
struct ms_judge_ask {
	struct ms_policy_device device;
	const struct ms_pcrs *pcrs;
	const struct ms_appraisal *appraisal; /* NULL: no logs */
	size_t late_files;                    /* the last of them, which the list had got after the quote */
	struct ms_span last_reference;
};
MS_MUST_USE enum ms_rc ms_core_judge(struct ms_core *c, const struct ms_judge_ask *ask, struct ms_judged *ret, struct ms_err *err);
/* What the judgement of an IMA list rests on (policy.h, ms_policy_judged_id). */
MS_MUST_USE enum ms_rc ms_core_judged_id(
    struct ms_core *c, const struct ms_judge_ask *ask, uint8_t ret[static MS_POLICY_ID_LEN], struct ms_err *err);
/* Keys that may have signed the device's files, as a CBOR array of byte strings, appended. */
MS_MUST_USE enum ms_rc ms_core_ima_keys(struct ms_core *c, const struct ms_judge_ask *ask, struct ms_buf *out, struct ms_err *err);

/* ---- akcache.c ---- */
MS_MUST_USE enum ms_rc ms_ak_cache_new(struct ms_ak_cache **ret, struct ms_err *err);
void ms_ak_cache_free(struct ms_ak_cache *cache);
/* The AK of this public area, borrowed until the next call. Errors as ms_ak_new(). */
MS_MUST_USE enum ms_rc ms_ak_cache_get(struct ms_ak_cache *cache, struct ms_span tpmt_public, const struct ms_ak **ret,
    enum ms_evidence_reason *ret_reason, struct ms_err *err);

/* ---- device.c ---- */

/* A device's row and claims with the memory they borrow from. */
struct ms_device {
	struct ms_row_device row;
	struct ms_device_claims claims;
	struct ms_buf row_mem, claims_mem;
	unsigned state; /* enum ms_life_state, at now_s */
};
MS_MUST_USE enum ms_rc ms_device_load(struct ms_core *c, struct ms_span tenant, struct ms_span id, struct ms_device *d, struct ms_err *err);
/* As policy sees it; borrows from d and id. */
struct ms_policy_device ms_device_for_policy(struct ms_span tenant, struct ms_span id, const struct ms_device *d);
void ms_device_fini(struct ms_device *d); /* safe on a zeroed struct */
MS_CLEANUP_FINI(struct ms_device, ms_device_fini)

/* keeper's statement about a device ("binding" or "admission"), as kept. MS_ERR_NOT_FOUND. */
MS_MUST_USE enum ms_rc ms_statement_get(
    struct ms_core *c, const char *kind, struct ms_span tenant, struct ms_span device, struct ms_buf *out, struct ms_err *err);
MS_MUST_USE enum ms_rc ms_statement_put(struct ms_core *c, const char *kind, struct ms_span tenant, struct ms_span device,
    struct ms_span wire, struct ms_err *err); /* inside a transaction */

#endif
