/* What handles*.c share; nobody else includes it. */
#ifndef NP_HEAP_HANDLES_INTERNAL_H
#define NP_HEAP_HANDLES_INTERNAL_H

#include "base/vec.h"
#include "heap/handles.h"
#include "v8/cache.h"

struct uv_loop;

struct handles {
	np_graph *g;
	np_v8 *v8;
	np_classes *classes;
	const struct np_graph_roots *roots;
	const struct np_reach *reach;
	np_arena *arena;   /* of the answer */
	np_arena *scratch; /* reset from time to time */
	NP_VEC(struct np_loop_handle) found;
	NP_VEC(np_vertex) wraps, lists, queues, immediates, requests; /* candidates; lists: of timers, queues: of immediates */
	struct np_addr_map owners; /* wrapper -> what has it as its _handle; the value is the owner's tagged address */
	NP_VEC(np_vertex) processes; /* the objects `process`, one an isolate */
	struct uv_loop *loops;
	struct handles_slot *slots; /* handles_js.c: where properties lie, by shape */
	size_t slot_count, slot_cap;
};

/* --- handles_js.c: what JavaScript objects tell --- */

/* An own data property; symbols are named "Symbol(x)". False: there is none, or it is an accessor. */
bool handles_own(struct handles *h, np_addr object, const char *name, np_tagged *ret);
/* The same, when it leads to a JavaScript object (of any kind); 0 otherwise. */
np_addr handles_own_object(struct handles *h, np_addr object, const char *name);
np_addr handles_own_function(struct handles *h, np_addr object, const char *name);
bool handles_own_number(struct handles *h, np_addr object, const char *name, double *ret);
/* true, false, or unknown */
enum np_known handles_own_bool(struct handles *h, np_addr object, const char *name);
/* A string, in the answer's arena; NULL: it is none. */
const char *handles_own_text(struct handles *h, np_addr object, const char *name);
/* A property that the shape of the object has; false for those in dictionaries. */
bool handles_shape_has(struct handles *h, np_vertex node, const char *name);
/* Of the program, not of Node: its script has a path. */
bool handles_is_of_program(struct handles *h, np_addr function);
/* Node's own functions have that of the program, if they call one, as a variable: that one. Any other: itself. */
np_addr handles_callback_inside(struct handles *h, np_addr function);
np_addr handles_owner(struct handles *h, np_addr wrap);
/* The first listener of an emitter for an event, one of the program's own before one of Node's; 0 none. */
np_addr handles_listener(struct handles *h, np_addr emitter, const char *event);
/* Fills local and remote with what sockets and servers remember of their addresses. */
void handles_addresses(struct handles *h, struct np_loop_handle *handle);
/* "127.0.0.1:80", "[::1]:80"; port 0: unknown */
const char *handles_address_text(np_arena *arena, const char *address, unsigned port);

/* --- handles_uv.c: what libuv knows --- */

enum { UV_FS_EVENT = 3, UV_FS_POLL = 4, UV_NAMED_PIPE = 7, UV_PROCESS = 10, UV_TCP = 12, UV_TIMER = 13, UV_TTY = 14,
       UV_UDP = 15, UV_SIGNAL = 16, UV_ASYNC = 1 };

struct uv_handle {
	struct uv_loop *loop; /* NULL: none was found in the object */
	np_addr data;	      /* address of its `data` field, from which the others are told */
	uint32_t type;	      /* UV_TCP, ... */
	enum np_known active, referenced;
};

/* Where the embedder's fields of an object begin. */
uint32_t handles_fields(const struct handles *h);
/* The C++ object that a wrapper stands for, and which leads back to it; 0: it has none (any more). */
np_addr handles_native(struct handles *h, np_vertex wrap);
/* The uv_handle_t in a C++ object. */
void handles_uv_find(struct handles *h, np_vertex wrap, np_addr native, struct uv_handle *ret);
/* Descriptor of a stream or UDP socket; -1 unknown. */
int handles_uv_fd(struct handles *h, const struct uv_handle *handle);
int handles_uv_signal(struct handles *h, const struct uv_handle *handle); /* 0 unknown */
const char *handles_uv_path(struct handles *h, const struct uv_handle *handle); /* that an fs-event watches; NULL unknown */
/* When the timer goes off, or went off last, in the loop's time. */
bool handles_uv_timeout(struct handles *h, const struct uv_handle *handle, int64_t *ret);
bool handles_uv_now(struct handles *h, const struct uv_loop *loop, int64_t *ret);
/* The loop of the isolate whose page the object lies on; NULL unknown. */
struct uv_loop *handles_uv_loop(struct handles *h, np_vertex node);
/* The one timer that Node 11 and later has in a loop; it is in the Environment. */
bool handles_uv_node_timer(struct handles *h, struct uv_loop *loop, struct uv_handle *ret);
/* Environment::timer_base_, when from..to is a narrow range that has it; false: not found, or not only it. */
bool handles_uv_timer_base(struct handles *h, const struct uv_handle *timer, int64_t from, int64_t to, int64_t *ret);
void handles_uv_deinit(struct handles *h);

/* --- handles_timers.c --- */
void handles_timers(struct handles *h);
/* The timer that an unreferenced Timeout has for itself, up to 8. */
void handles_own_timer(struct handles *h, const struct uv_handle *uv, np_addr timeout);
void handles_immediates(struct handles *h);

static inline np_vertex handles_node(const struct handles *h, np_addr at)
{
	return at ? np_graph_find(h->g, at) : NP_VERTEX_NONE;
}

#endif
