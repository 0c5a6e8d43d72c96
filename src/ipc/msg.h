/* Frame types of each link: numbers only. The rows (length, state, handler) are in the table of the side that receives.
 * Numbers are never reused. The other links: ipc/net_core.h, core_notary.h, core_keeper.h, owner_token.h. */
#ifndef MS_IPC_MSG_H
#define MS_IPC_MSG_H

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
#define MS_WORKER_EVIDENCE_MAX (12u << 20)
#define MS_WORKER_CLAIMS_MAX (16u << 20)
#define MS_WORKER_ERROR_MAX 202u

#endif
