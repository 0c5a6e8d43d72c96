/* Result codes and error detail: the one error dialect of Muster. */
#ifndef MS_RC_H
#define MS_RC_H
#include <stddef.h>
#include "muster/compiler.h"

/* Every fallible function returns one of these; 0 is success and nothing else is.
 * The row of each code (name, HTTP status, exit code, what a peer may see) is in base/rc.c. */
enum ms_rc {
	MS_OK = 0,
	MS_ERR_USAGE,       /* the caller's arguments or configuration are wrong */
	MS_ERR_MALFORMED,   /* bytes do not follow their format */
	MS_ERR_TOO_BIG,     /* a size, count or depth cap was hit */
	MS_ERR_UNSUPPORTED, /* well-formed, but an algorithm or version we do not take */
	MS_ERR_TOO_OLD,     /* the peer speaks a protocol version we dropped */
	MS_ERR_AUTH,        /* a signature, MAC, certificate or binding does not verify */
	MS_ERR_EXPIRED,     /* verified, but outside its time */
	MS_ERR_REPLAY,      /* verified, but used before, or older than what was seen */
	MS_ERR_DENIED,      /* verified and judged: policy or life cycle says no */
	MS_ERR_PENDING,     /* waits for a person's approval */
	MS_ERR_NOT_FOUND,
	MS_ERR_CONFLICT, /* exists already, or its base version moved */
	MS_ERR_LIMITED,  /* a rate or quota cap: try later */
	MS_ERR_NOMEM,
	MS_ERR_IO,          /* file, disk, database */
	MS_ERR_CRYPTO,      /* a crypto library or the random source failed */
	MS_ERR_TPM,         /* the TPM refused or failed */
	MS_ERR_UNAVAILABLE, /* a peer, server or device cannot be reached */
	MS_ERR_TIMEOUT,
	MS_ERR_CLOCK,    /* the clock jumped: grants stop */
	MS_ERR_INTERNAL, /* our own bug; state is not moved */
	MS_RC_COUNT
};

#define MS_ERR_TEXT_MAX 512u
/* Detail for people and logs of this process. The deepest layer writes the cause, each layer may prefix.
 * Never sent to a peer. A caller that does not care passes NULL. */
struct ms_err {
	enum ms_rc rc;
	char text[MS_ERR_TEXT_MAX];
};

/* Write the cause (truncating) and return rc. */
enum ms_rc ms_fail(struct ms_err *err, enum ms_rc rc, const char *fmt, ...) MS_PRINTF(3, 4);
/* Put "prefix: " before the text that is there. Returns rc for `return ms_prefix(...)`. */
enum ms_rc ms_prefix(struct ms_err *err, enum ms_rc rc, const char *fmt, ...) MS_PRINTF(3, 4);

/* Static strings, never NULL; unknown codes read as MS_ERR_INTERNAL. */
const char *ms_rc_name(enum ms_rc rc);   /* "denied": stable, appears in --json and audit */
const char *ms_rc_public(enum ms_rc rc); /* a sentence that a peer may see */
int ms_rc_http(enum ms_rc rc);           /* HTTP status */
int ms_rc_exit(enum ms_rc rc);           /* 0 done, 1 refused, 2 usage or unreadable, 3 not reachable */

#endif
