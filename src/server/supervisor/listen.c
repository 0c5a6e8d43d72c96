#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "server/supervisor/sup.h"

static enum ms_rc
resolve(const char *address, struct addrinfo **ret, struct ms_err *err)
{
	char host[128];
	const char *colon = strrchr(address, ':');
	size_t len = colon != NULL ? (size_t)(colon - address) : 0;
	bool six = len > 2 && address[0] == '[' && address[len - 1] == ']';
	if (colon == NULL || len == 0 || len >= sizeof host || (!six && memchr(address, ':', len) != NULL))
		return ms_fail(err, MS_ERR_USAGE, "listen: \"%s\" is not address:port or [address]:port", address);
	memcpy(host, address + (six ? 1 : 0), len - (six ? 2u : 0u));
	host[len - (six ? 2u : 0u)] = '\0';
	const struct addrinfo hints = {
	    .ai_family = six ? AF_INET6 : AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	int rc = getaddrinfo(host, colon + 1, &hints, ret);
	return rc == 0 ? MS_OK : ms_fail(err, MS_ERR_USAGE, "listen: \"%s\": %s", address, gai_strerror(rc));
}

enum ms_rc
sup_listen_one(const char *address, int *ret, struct ms_err *err)
{
	struct addrinfo *ai = NULL;
	const int on = 1;
	enum ms_rc rc = resolve(address, &ai, err);
	if (rc != MS_OK)
		return rc;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    (ai->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, SUP_BACKLOG) != 0) {
		rc = ms_fail(err, MS_ERR_UNAVAILABLE, "listen: %s: %s", address, strerror(errno));
		ms_fd_close(fd);
	} else {
		*ret = fd;
	}
	freeaddrinfo(ai);
	return rc;
}

enum ms_rc
sup_listen_all(struct sup *s, struct ms_err *err)
{
	const char *address;
	while ((address = ms_config_item(s->config, "listen", s->n_listeners)) != NULL) {
		enum ms_rc rc = sup_listen_one(address, &s->listener[s->n_listeners], err);
		if (rc != MS_OK)
			return rc;
		s->n_listeners++;
	}
	return MS_OK;
}
