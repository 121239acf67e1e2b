/* Addresses of a live process's sockets, as the kernel tells them; a core does not have them. */
#ifndef NP_TARGET_SOCKETS_H
#define NP_TARGET_SOCKETS_H

#include "base/arena.h"
#include "target/target.h"

struct np_socket_addresses {
	const char *local, *remote; /* "127.0.0.1:80", "[::1]:80", a path; NULL: none */
};

/* False: not a live process, no such descriptor, no socket. The answer is in the arena. */
bool np_socket_addresses(np_target *target, int fd, np_arena *arena, struct np_socket_addresses *ret);

#endif
