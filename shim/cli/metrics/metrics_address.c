// SPDX-License-Identifier: BSD-2-Clause
// metrics_address.c: see metrics_address.h.
#include "metrics_address.h"

#include "metrics.h"
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PENDING 64

/* The address and the port of "127.0.0.1:9405", "[::1]:9405" or ":9405"; numbers alone, nothing is asked. */
static struct addrinfo *
metrics_address_parse(const char *text)
{
	static const struct addrinfo hints = {.ai_flags =
						      AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					      .ai_socktype = SOCK_STREAM};
	const char *colon = strrchr(text, ':');
	char *host = cli_format("%.*s", colon != NULL ? (int)(colon - text) : 0, text),
	     *plain = host;
	struct addrinfo *found = NULL;
	size_t n = strlen(host);
	unsigned long port;
	bool good = colon != NULL && cli_number(colon + 1, 0, 65535, &port);

	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		plain = host + 1;
		good = good && strchr(plain, ':') != NULL;
	} else {
		good = good && strchr(host, ':') == NULL;
	}
	/* Without an address: all of them, of both kinds where there are both. */
	if (good && getaddrinfo(*host == '\0' ? NULL : plain, colon + 1, &hints, &found) != 0)
		found = NULL;
	free(host);
	return found;
}

bool
metrics_address_is(const char *text)
{
	struct addrinfo *found = metrics_address_parse(text);

	if (found != NULL)
		freeaddrinfo(found);
	return found != NULL;
}

static int
metrics_address_open(const struct addrinfo *a, bool any)
{
	const int on = 1, alone = !any;
	int fd =
		socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof(alone));
	if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, PENDING) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Of all addresses: an IPv6 socket takes IPv4, too; the first that can be had. */
int
metrics_address_listen(const char *text)
{
	struct addrinfo *found = metrics_address_parse(text);
	int fd = -1, error = 0;

	for (int family = 0; family < 2 && fd < 0; family++)
		for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
			if ((a->ai_family == AF_INET6) != (family == 0))
				continue;
			fd = metrics_address_open(a, *text == ':');
			error = fd < 0 ? errno : 0;
		}
	if (found != NULL)
		freeaddrinfo(found);
	errno = error;
	return fd;
}

/* As it is in a URL, with the port that the kernel gave. */
char *
metrics_address_of(int fd)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

	if (getsockname(fd, (struct sockaddr *)&own, &size) == 0)
		getnameinfo((struct sockaddr *)&own, size, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	return own.ss_family == AF_INET6 ? cli_format("[%s]:%s", host, port)
					 : cli_format("%s:%s", host, port);
}
