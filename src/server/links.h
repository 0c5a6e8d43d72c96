/* The processes of musterd and who talks to whom: one table, used by the supervisor to make the socket pairs and by
 * each role to know which descriptor is whose. */
#ifndef MS_SERVER_LINKS_H
#define MS_SERVER_LINKS_H
#include <stdbool.h>
#include <stddef.h>
#include "server/sandbox.h"

enum ms_role_id {
	MS_ROLE_TOKEN_NOTARY,
	MS_ROLE_TOKEN_KEEPER,
	MS_ROLE_NOTARY,
	MS_ROLE_KEEPER,
	MS_ROLE_APPRAISER,
	MS_ROLE_CORE,
	MS_ROLE_NET, /* several */
	MS_ROLE_COUNT,
	MS_ROLE_NONE = MS_ROLE_COUNT
};

#define MS_ROLE_PEERS_MAX 5u
struct ms_role_row {
	const char *name;    /* "token-keeper": in logs, in state_dir/<name> */
	const char *program; /* "muster-token" */
	const char *user;    /* "muster-token-keeper" */
	enum ms_sandbox_profile profile;
	bool many;      /* net_processes of them; a peer of one that is many has a channel to each */
	bool listeners; /* gets the listening sockets */
	bool state;     /* has a directory state_dir/<name> */
	unsigned n_peers;
	enum ms_role_id peers[MS_ROLE_PEERS_MAX]; /* in the order of the descriptors */
};
const struct ms_role_row *ms_role_row(enum ms_role_id id); /* id < MS_ROLE_COUNT */

#define MS_ROLE_FD_CONFIG 3
#define MS_ROLE_FD_READY 4
#define MS_ROLE_FD_CHANS 5

#endif
