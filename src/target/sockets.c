/*
 * /proc/PID/fd/N is a link to "socket:[INODE]"; the tables of /proc/PID/net, which are of
 * the process's own network namespace, have a line for each INODE.
 */
#include "target/sockets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

static bool inode_of(pid_t pid, int fd, unsigned long long *ret)
{
	char path[64], link[64];
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return sscanf(link, "socket:[%llu]", ret) == 1;
}

/* "0100007F:1F90": words of the address as this machine has them in memory, and the port. NULL for "any" with port 0. */
static const char *address_take(const char *hex, np_arena *arena)
{
	char text[INET6_ADDRSTRLEN];
	const char *colon = strchr(hex, ':');
	uint32_t words[4];
	size_t count = colon ? (size_t)(colon - hex) / 8 : 0;
	unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 16) : 0;
	if (count != 1 && count != 4)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		char word[9] = {0};
		memcpy(word, hex + 8 * i, 8);
		words[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	if (!port || !inet_ntop(count == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)))
		return NULL;
	return np_arena_printf(arena, count == 1 ? "%s:%u" : "[%s]:%u", text, port);
}

/* sl local remote state tx:rx timer:when retransmits uid timeout inode ... */
static bool inet_line(const char *line, unsigned long long inode, np_arena *arena, struct np_socket_addresses *ret)
{
	char local[64], remote[64];
	unsigned long long found;
	if (sscanf(line, "%*s %63s %63s %*s %*s %*s %*s %*s %*s %llu", local, remote, &found) != 3 || found != inode)
		return false;
	ret->local = address_take(local, arena);
	ret->remote = address_take(remote, arena);
	return true;
}

/* num refcount protocol flags type state inode [path] */
static bool unix_line(const char *line, unsigned long long inode, np_arena *arena, struct np_socket_addresses *ret)
{
	unsigned long long found;
	int at = 0;
	if (sscanf(line, "%*s %*s %*s %*s %*s %*s %llu%n", &found, &at) != 1 || found != inode)
		return false;
	while (line[at] == ' ')
		at++;
	size_t n = strcspn(line + at, "\n");
	ret->local = n ? np_arena_strndup(arena, line + at, n) : NULL;
	return true;
}

bool np_socket_addresses(np_target *target, int fd, np_arena *arena, struct np_socket_addresses *ret)
{
	static const struct {
		const char *file;
		bool (*line)(const char *line, unsigned long long inode, np_arena *arena, struct np_socket_addresses *ret);
	} tables[] = {{"tcp", inet_line}, {"tcp6", inet_line}, {"unix", unix_line}, {"udp", inet_line}, {"udp6", inet_line}};
	char path[64], line[LINE_BYTES];
	unsigned long long inode;
	bool found = false;
	pid_t pid = np_target_pid(target);
	if (np_target_kind(target) != NP_TARGET_PROCESS || fd < 0 || !inode_of(pid, fd, &inode))
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(tables) && !found; i++) {
		snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, tables[i].file);
		FILE *file = fopen(path, "re");
		while (file && !found && fgets(line, sizeof(line), file))
			found = tables[i].line(line, inode, arena, ret);
		if (file)
			fclose(file);
	}
	return found;
}
