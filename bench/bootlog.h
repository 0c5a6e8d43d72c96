/* Boot logs in the library, and beside the commands of Debian. */
#ifndef BENCH_BOOTLOG_H
#define BENCH_BOOTLOG_H
#include "peers.h"

void bench_bootlog(const struct bench_peers *p);

#endif
