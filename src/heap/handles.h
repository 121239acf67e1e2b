/*
 * What keeps a loop of Node alive: sockets, servers, timers, immediates, requests
 * to the file system and the resolver, child processes, workers, ...
 *
 *     wrapper (JS) --embedder field--> C++ object --contains--> uv_handle_t --> uv_loop_t
 *        |                                 |
 *        |<-------- persistent handle -----+       that it leads back is what makes it one
 *      owner: Socket, Server, ChildProcess, ...
 *
 *     TimersList <-> Timeout <-> Timeout ...       by length; the timer of the loop is for the first to come
 *     ImmediateList --> Immediate --> Immediate ...
 *
 * JavaScript objects tell what they are about: their class, their owner, whom
 * they call.  What only libuv knows (is it active, does it count, its
 * descriptor, the loop's time) is read from libuv's structures, whose form is
 * found and checked on themselves (handles_uv.c); where that fails it is unknown,
 * not guessed.  A handle that was closed has no C++ object any more and is left out.
 */
#ifndef NP_HEAP_HANDLES_H
#define NP_HEAP_HANDLES_H

#include "heap/classes.h"
#include "heap/reach.h"

enum np_handle_type {
	NP_HANDLE_TCP, NP_HANDLE_TCP_SERVER, NP_HANDLE_PIPE, NP_HANDLE_PIPE_SERVER, NP_HANDLE_TTY, NP_HANDLE_UDP,
	NP_HANDLE_TIMER, NP_HANDLE_IMMEDIATE, NP_HANDLE_PROCESS, NP_HANDLE_WORKER, NP_HANDLE_MESSAGE_PORT, NP_HANDLE_SIGNAL,
	NP_HANDLE_FS_EVENT, NP_HANDLE_FS_STAT, NP_HANDLE_HTTP,
	/* requests */
	NP_HANDLE_FS, NP_HANDLE_DNS, NP_HANDLE_CONNECT, NP_HANDLE_WRITE, NP_HANDLE_SHUTDOWN, NP_HANDLE_SEND, NP_HANDLE_CRYPTO,
	NP_HANDLE_TYPE_COUNT
};

/* "tcp", "tcp-server", "timer", ... */
const char *np_handle_type_name(enum np_handle_type type);
/* One piece of work that ends by itself: fs, dns, connect, ... */
bool np_handle_type_is_request(enum np_handle_type type);

enum np_known { NP_KNOWN_NOT, NP_KNOWN_NO, NP_KNOWN_YES };

struct np_loop_handle {
	enum np_handle_type type;
	np_vertex node;	   /* the wrapper; a timer or immediate itself */
	np_addr owner;	   /* the object of the program that it serves, 0: none, or not known */
	np_addr callback;  /* function of the program that it calls, 0: none, or not known */
	enum np_known active;	  /* it waits for something */
	enum np_known referenced; /* it keeps the loop alive while it is active */
	int fd;		   /* -1 unknown */
	bool has_due;
	int64_t due_ms;	   /* of timers, from the loop's time on; negative: overdue */
	int64_t period_ms; /* of timers: how long they were set for; -1 otherwise */
	bool is_repeated;
	/* Each NULL where it is not known. */
	const char *name;  /* of a request or process, what it is about: host, command, signal, path */
	const char *local, *remote; /* "127.0.0.1:80", "[::1]:80", a path; the address alone where the port is not known */
};

struct np_handles {
	struct np_loop_handle *all; /* by type, then by address */
	size_t count;
};

/* Of all isolates of the graph, what is alive. The answer is in the arena. */
np_err *np_handles_load(np_graph *graph, np_classes *classes, const struct np_graph_roots *roots, const struct np_reach *reach,
			np_arena *arena, struct np_handles *ret) NP_MUST;

#endif
