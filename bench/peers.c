#include "peers.h"

#include <stdio.h>

#include "measure.h"

static void
peer_line(const char *line, struct bench_peers *p)
{
	double a, b;
	unsigned n;
	if (sscanf(line, "+F2:%u:2048:%lf:%lf", &n, &a, &b) == 3)
		p->rsa_verify = b;
	else if (sscanf(line, "+F4:%u:256:%lf:%lf", &n, &a, &b) == 3)
		p->ecdsa_sign = a, p->ecdsa_verify = b;
	else if (sscanf(line, "+F5:%u:256:%lf", &n, &a) == 2)
		p->ecdh = a;
	else if (sscanf(line, "+F6:%u:253:Ed25519:%lf:%lf", &n, &a, &b) == 3)
		p->ed25519_sign = a, p->ed25519_verify = b;
	else if (sscanf(line, "+F:%u:sha256:%lf", &n, &a) == 2)
		p->sha256_65 = a / 65;
}

static void
peer_run(const char *command, struct bench_peers *p)
{
	char line[256];
	FILE *f = popen(command, "r");
	if (f == NULL)
		bench_must(MS_ERR_IO, command, NULL);
	while (fgets(line, sizeof line, f) != NULL)
		peer_line(line, p);
	if (pclose(f) != 0)
		bench_must(MS_ERR_IO, command, NULL);
}

struct bench_peers
bench_peers(void)
{
	struct bench_peers p = {0};
	peer_run("openssl speed -mr -seconds 1 ecdsap256 ecdhp256 rsa2048 ed25519 2>/dev/null", &p);
	peer_run("openssl speed -mr -seconds 1 -bytes 65 -evp sha256 2>/dev/null", &p);
	return p;
}
