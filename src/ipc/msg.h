/* Frame types of each link: numbers only. The rows (length, state, handler) are in the table of the side that receives.
 * Numbers are never reused. net and core: ipc/net_core.h. */
#ifndef MS_IPC_MSG_H
#define MS_IPC_MSG_H

/* core <-> notary (docs/protocol.md, "core -> notary") */
enum ms_notary_frame {
	MS_NOTARY_APPEND = 1,   /* core -> notary */
	MS_NOTARY_APPENDED = 2, /* notary -> core */
	MS_NOTARY_SIZE = 3,     /* core -> notary: empty */
	MS_NOTARY_IS = 4,       /* notary -> core: answer to SIZE */
	MS_NOTARY_REFUSED = 5,  /* notary -> core: u64 right size */
};

/* core <-> keeper (docs/protocol.md, "core -> keeper") */
enum ms_keeper_frame {
	MS_KEEPER_RESULT = 1, /* keeper -> core: the answer to any act */
	MS_KEEPER_CREDENTIAL = 2,
	MS_KEEPER_CHALLENGE_KEY = 3,
	MS_KEEPER_TLS_CERT = 4,
	MS_KEEPER_BIND = 5,
	MS_KEEPER_ADMIT = 6,
	MS_KEEPER_IDENTITY = 7,
	MS_KEEPER_SECRET_PUT = 8,
	MS_KEEPER_SECRET_RELEASE = 9,
	MS_KEEPER_CRL = 10,
};

/* owner <-> token (docs/protocol.md, "owner -> token") */
enum ms_token_frame {
	MS_TOKEN_RESULT = 1,  /* token -> owner */
	MS_TOKEN_REFUSED = 2, /* token -> owner: text */
	MS_TOKEN_SIGN = 3,
	MS_TOKEN_DERIVE = 4,
	MS_TOKEN_WRAP = 5,
	MS_TOKEN_UNWRAP = 6,
	MS_TOKEN_PUBLIC = 7,
};

/* appraiser -> core: one frame for each worker that waits for work, with its channel */
enum ms_appraiser_frame {
	MS_APPRAISER_WORKER = 1, /* u32 pid | descriptor of the worker's channel */
};
/* core <-> one appraiser worker: exactly one question and one answer, then the worker is gone */
enum ms_worker_frame {
	MS_WORKER_EVIDENCE = 1, /* core -> worker: the request of evidence/appraise.h */
	MS_WORKER_CLAIMS = 2,   /* worker -> core: claims, normalised */
	MS_WORKER_ERROR = 3,    /* worker -> core: u16 result code | text<=200 */
};
#define MS_WORKER_EVIDENCE_MAX (2u << 20)
#define MS_WORKER_CLAIMS_MAX (1u << 20)
#define MS_WORKER_ERROR_MAX 202u

#endif
