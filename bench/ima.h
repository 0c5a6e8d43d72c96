/* IMA lists in the library. */
#ifndef BENCH_IMA_H
#define BENCH_IMA_H
#include "peers.h"

void bench_ima(const struct bench_peers *p);

#endif
