/* A device with a TPM in software that speaks the protocol (docs/protocol.md), one exchange after the other; no sockets here. */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H
#include "proto/bind.h"
#include "proto/root.h"
#include "tpm.h"

#define BENCH_TENANT "default"
#define BENCH_MODEL "bench-model"
#define BENCH_SECRET "bench/secret"
#define BENCH_EXPORTER_LEN 32u

enum bench_job {
	BENCH_ENROLL,
	BENCH_ATTEST,
	BENCH_IDENTITY,
	BENCH_SECRET_GET,
	/* attestations with logs (logs.h) */
	BENCH_BOOT_LOG,
	BENCH_BOOT_HASH, /* of the one that was sent: after BENCH_BOOT_LOG by the same device */
	BENCH_IMA,
	BENCH_BOTH,
	BENCH_TAIL, /* hash of the boot log, and what was run since: after BENCH_BOTH by the same device, then no whole list again */
	BENCH_JOBS
};
const char *bench_job_name(enum bench_job j);

struct bench_device {
	struct bench_tpm *tpm;
	char name[32], serial[32];
	struct ms_softkey *identity;
	struct ms_ecdh_key *sealing;
	struct ms_buf csr, identity_public;
	struct ms_buf ima_last; /* last entry of its list, which is like all others before that */
	uint32_t ima_entries;   /* of it; more once it sends tails */
};
MS_MUST_USE enum ms_rc bench_device_init(struct bench_device *d, unsigned index, struct ms_err *err);
void bench_device_fini(struct bench_device *d);

/* One job of one device, message by message. */
struct bench_exchange {
	const struct ms_root *root; /* borrowed, as the device */
	struct bench_device *device;
	enum bench_job job;
	bool check; /* verify what comes back (costs the generator time) */
	unsigned step;
	const char *path; /* of the next request: "/v1/..." */
	struct ms_buf body, transcript;
	uint8_t nonce[MS_NONCE_LEN];
	uint32_t seal_mask;
};
void bench_exchange_init(struct bench_exchange *x, const struct ms_root *root);
void bench_exchange_fini(struct bench_exchange *x);

enum bench_next { BENCH_SEND, BENCH_DONE, BENCH_FAILED };
/* The first request. */
MS_MUST_USE enum ms_rc bench_exchange_start(struct bench_exchange *x, struct bench_device *d, enum bench_job job, struct ms_err *err);
/* An answer came over the connection with this exporter. BENCH_FAILED: err says why. */
enum bench_next bench_exchange_next(
    struct bench_exchange *x, int status, struct ms_span answer, const uint8_t exporter[static BENCH_EXPORTER_LEN], struct ms_err *err);

#endif
