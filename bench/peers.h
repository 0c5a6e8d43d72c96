/* What `openssl speed` says of this machine, now: raw operations per second of one core. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

struct bench_peers {
	double rsa_verify, ecdsa_sign, ecdsa_verify, ecdh, ed25519_sign, ed25519_verify, sha256_65;
};
/* Takes some seconds; ends the program when there is no openssl. */
struct bench_peers bench_peers(void);

#endif
