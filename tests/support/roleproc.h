/* A role program as the supervisor would start it, for tests: its configuration in a sealed memory file, its channels at
 * the descriptors it expects. In development mode: same user, same sandbox. */
#ifndef MS_TEST_ROLEPROC_H
#define MS_TEST_ROLEPROC_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct role_pair {
	const char *key;
	const char *text;        /* a text when set */
	const char *const *list; /* else a list of texts, NULL-terminated, when set */
	uint64_t uint;           /* else a number */
};
struct roleproc {
	pid_t pid;
	int ready; /* read end of the ready pipe */
};
/* fds are the channels in order; each is closed here. Pairs in any order; role, development and log_level are added. */
void roleproc_start(
    struct roleproc *p, const char *program, const char *role, const struct role_pair *pairs, size_t n_pairs, const int *fds, size_t n_fds);
bool roleproc_ready(struct roleproc *p, int timeout_ms); /* false: it ended, or took too long */
/* Wait for its end, at most timeout_ms, then kill it. Its exit status, or 128 + signal. */
int roleproc_wait(struct roleproc *p, int timeout_ms);
void roleproc_kill(struct roleproc *p); /* -9, and reap */
void socket_pair(int ret[2]);

#endif
