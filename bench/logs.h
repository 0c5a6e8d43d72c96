/* A boot log and an IMA list as a machine has them, made here, with the PCR values that they lead to. */
#ifndef BENCH_LOGS_H
#define BENCH_LOGS_H
#include "evidence/pcrs.h"

#define BENCH_BOOT_EVENTS 120u
#define BENCH_IMA_ENTRIES 5000u /* with one that each machine has for itself */
#define BENCH_IMA_TAIL 10u

struct bench_logs {
	struct ms_buf boot_log, ima;
	struct ms_pcrs pcrs; /* after both; 0 to 14 */
};
const struct bench_logs *bench_logs(void); /* one for all, made at the first call */
/* That one entry. */
void bench_logs_own(const char *name, uint8_t pcr10[static MS_PCR_LEN], struct ms_buf *out);
/* The entries that follow entry `from` of a machine's list; PCR 10 goes on with them. */
void bench_logs_run(uint32_t from, unsigned n, uint8_t pcr10[static MS_PCR_LEN], struct ms_buf *out);

#endif
