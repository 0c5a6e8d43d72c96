/* A real software TPM for tests: its own directory, maker's CA and ports; gone at the end. */
#ifndef MS_TEST_SWTPM_H
#define MS_TEST_SWTPM_H
#include <stdbool.h>

struct swtpm {
	char dir[64];
	unsigned port; /* and port + 1 */
	char tcti[64];
};
/* Makes and starts one; a failure is a failed test. cert: with EK certificate. */
void swtpm_start(struct swtpm *s, bool cert);
void swtpm_boot(const struct swtpm *s, const char *model, const char *version); /* extends PCRs 0-14 */
void swtpm_reboot(const struct swtpm *s);                                       /* PCRs are zero afterwards */
void swtpm_stop(const struct swtpm *s);
void swtpm_resume(const struct swtpm *s); /* after swtpm_stop() or swtpm_kill(): as a power cycle */
void swtpm_kill(const struct swtpm *s);   /* -9 */
void swtpm_fini(struct swtpm *s);         /* stops, removes the directory */
/* A tpm2-tools command line against it, in its directory; its exit status. */
int swtpm_tool(const struct swtpm *s, const char *command);
/* Transient objects and loaded sessions that are in the TPM now. */
unsigned swtpm_loaded(const struct swtpm *s);

#endif
