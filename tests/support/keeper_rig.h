/* keeper and notary with their tokens, as real processes, and the test in the place of core: honest helpers that make
 * entries, tickets and acts, each of which can be bent before it is sent. */
#ifndef MS_TEST_KEEPER_RIG_H
#define MS_TEST_KEEPER_RIG_H
#include "audit/entry.h"
#include "audit/ticket.h"
#include "ipc/chan.h"
#include "ipc/core_keeper.h"
#include "proto/data.h"
#include "support/deployment.h"
#include "support/softtpm.h"

#define RIG_NOW 0u /* an entry without a time gets this one: now */

struct rig {
	struct test_deployment d;
	struct roleproc keeper_token, keeper, notary_token, notary;
	struct ms_chan *to_keeper, *to_notary;
	uint64_t size; /* of the log */
	uint64_t id;   /* of the last frame */
};
void rig_start(struct rig *r, bool softhsm);
void rig_stop(struct rig *r);
void rig_start_notary(struct rig *r); /* again, after roleproc_kill() or an end; forgets the old channel */
void rig_start_keeper(struct rig *r);

/* Append a leaf to the notary's log: its ticket. */
void rig_log(struct rig *r, struct ms_span entry, struct ms_buf *ticket);
/* What an act is sent with. */
struct rig_act {
	unsigned type;
	struct ms_buf params;
	struct ms_entry entry; /* kind NULL: sent without entry */
	bool keep_digest;      /* entry.act is what the test set */
	bool keep_time;        /* likewise entry.time_s */
	bool keep_seq;
	struct ms_buf wire, ticket; /* of the entry; made by rig_send(), or by the test when they are not empty */
	uint8_t digest[32];
};
void rig_act_init(struct rig_act *a, unsigned type, const char *kind);
void rig_act_fini(struct rig_act *a);
/* Log the entry, send, wait. MS_OK and its result (copied into *result, which may be NULL), or keeper's code. */
enum ms_rc rig_send(struct rig *r, struct rig_act *a, struct ms_buf *result);
/* Raw bytes as a frame to keeper; false when keeper ended over it. */
bool rig_raw(struct rig *r, unsigned type, struct ms_span payload);

/* ---- a device ---- */

struct rig_device {
	struct softtpm tpm;
	const char *name, *serial, *model;
	char id[88];
	struct ms_buf transcript, binding, admission;
	uint8_t proof[32];
};
void rig_device_init(struct rig_device *v, const char *name, const char *serial, const char *model);
void rig_device_fini(struct rig_device *v);
void rig_nonce(uint64_t expires_s, uint8_t ret[static MS_NONCE_LEN]);
/* CREDENTIAL, activation, PROOF: v->transcript and v->proof. */
void rig_credential(struct rig *r, struct rig_device *v);
/* An act that would be done. */
void rig_make_bind(struct rig *r, struct rig_device *v, struct softtpm *quoter, struct rig_act *a);
void rig_bind(struct rig *r, struct rig_device *v); /* and do it: v->binding */

struct rig_batch {
	struct ms_buf statement, row, proof;
	uint64_t index;
};
/* A batch "lot-1" of three rows; the device is the second. */
void rig_make_batch(struct rig *r, const struct rig_device *v, struct ms_softkey *by, const char *tenant, struct rig_batch *b);
void rig_batch_fini(struct rig_batch *b);
void rig_make_admit(struct rig *r, struct rig_device *v, const struct rig_batch *b, struct rig_act *a);
void rig_enrol(struct rig *r, struct rig_device *v); /* all of the above: v->admission */

/* An operator's statement. Appends. */
struct rig_op {
	struct ms_softkey *by;
	const char *operation, *tenant;
	struct ms_span args;
	uint64_t issued_s, life_s; /* 0: now, 300 */
};
void rig_make_op(struct rig *r, const struct rig_op *o, struct ms_buf *out);

/* Acts over a quote. Zero members are filled in. */
struct rig_ask {
	struct softtpm *quoter; /* who signs quote and certification; NULL: the device's own TPM */
	struct softtpm *certifier;
	struct softtpm_key *key; /* what is certified */
	const uint8_t *nonce, *exporter;
	const char *tenant; /* in the quote's binding */
	struct ms_span admission;
	uint64_t life_s;       /* of the certificate */
	const char *hw_serial; /* in the TBS that the entry names */
	struct ms_span wrapped;
	const char *path;
	uint64_t least;
	uint32_t seal_mask;
	enum ms_purpose purpose; /* of the quote */
	/* results */
	struct ms_result_req result;       /* op_id is filled in */
	const struct ms_data_result *said; /* what the entry says; its nonce is filled in unless it has one */
	bool no_policy;
};
void rig_make_identity(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a);
void rig_make_release(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a);
void rig_make_result(struct rig *r, struct rig_device *v, const struct rig_ask *q, struct rig_act *a);
/* A secret put: its args and act. */
struct rig_put {
	struct ms_softkey *by;
	const char *path, *rule, *class_name, *value;
	const char *info_path; /* what HPKE is bound to; NULL: path */
	uint64_t issued_s, life_s;
};
void rig_make_put(struct rig *r, const struct rig_put *p, struct rig_act *a);

#endif
