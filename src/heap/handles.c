#include "heap/handles.h"

#include <stdlib.h>
#include <string.h>

#include "heap/handles_internal.h"
#include "v8/function.h"

static const struct {
	const char *name;
	bool is_request;
} types[] = {
	[NP_HANDLE_TCP] = {"tcp", false},
	[NP_HANDLE_TCP_SERVER] = {"tcp-server", false},
	[NP_HANDLE_PIPE] = {"pipe", false},
	[NP_HANDLE_PIPE_SERVER] = {"pipe-server", false},
	[NP_HANDLE_TTY] = {"tty", false},
	[NP_HANDLE_UDP] = {"udp", false},
	[NP_HANDLE_TIMER] = {"timer", false},
	[NP_HANDLE_IMMEDIATE] = {"immediate", false},
	[NP_HANDLE_PROCESS] = {"process", false},
	[NP_HANDLE_WORKER] = {"worker", false},
	[NP_HANDLE_MESSAGE_PORT] = {"message-port", false},
	[NP_HANDLE_SIGNAL] = {"signal", false},
	[NP_HANDLE_FS_EVENT] = {"fs-event", false},
	[NP_HANDLE_FS_STAT] = {"fs-stat", false},
	[NP_HANDLE_HTTP] = {"http", false},
	[NP_HANDLE_FS] = {"fs", true},
	[NP_HANDLE_DNS] = {"dns", true},
	[NP_HANDLE_CONNECT] = {"connect", true},
	[NP_HANDLE_WRITE] = {"write", true},
	[NP_HANDLE_SHUTDOWN] = {"shutdown", true},
	[NP_HANDLE_SEND] = {"send", true},
	[NP_HANDLE_CRYPTO] = {"crypto", true},
};
_Static_assert(NP_ARRAY_LEN(types) == NP_HANDLE_TYPE_COUNT, "every type has a name");

const char *np_handle_type_name(enum np_handle_type type)
{
	return types[type].name;
}

bool np_handle_type_is_request(enum np_handle_type type)
{
	return types[type].is_request;
}

/* Classes of wrappers. uv: what must be in the C++ object; 0: nothing of libuv's. */
static const struct wrap_class {
	const char *name;
	enum np_handle_type type;
	uint32_t uv;
} wrap_classes[] = {
	{"TCP", NP_HANDLE_TCP, UV_TCP},
	{"Pipe", NP_HANDLE_PIPE, UV_NAMED_PIPE},
	{"TTY", NP_HANDLE_TTY, UV_TTY},
	{"UDP", NP_HANDLE_UDP, UV_UDP},
	{"Timer", NP_HANDLE_TIMER, UV_TIMER}, /* up to 10 */
	{"Process", NP_HANDLE_PROCESS, UV_PROCESS},
	{"Signal", NP_HANDLE_SIGNAL, UV_SIGNAL},
	{"FSEvent", NP_HANDLE_FS_EVENT, UV_FS_EVENT},
	{"StatWatcher", NP_HANDLE_FS_STAT, UV_FS_POLL},
	{"_StatWatcher", NP_HANDLE_FS_STAT, UV_FS_POLL},
	{"MessagePort", NP_HANDLE_MESSAGE_PORT, UV_ASYNC},
	{"Worker", NP_HANDLE_WORKER, 0},
	{"HTTPParser", NP_HANDLE_HTTP, 0},
	{"FSReqWrap", NP_HANDLE_FS, 0},
	{"FSReqCallback", NP_HANDLE_FS, 0},
	{"FSReqPromise", NP_HANDLE_FS, 0},
	{"GetAddrInfoReqWrap", NP_HANDLE_DNS, 0},
	{"GetNameInfoReqWrap", NP_HANDLE_DNS, 0},
	{"QueryReqWrap", NP_HANDLE_DNS, 0},
	{"TCPConnectWrap", NP_HANDLE_CONNECT, 0},
	{"PipeConnectWrap", NP_HANDLE_CONNECT, 0},
	{"WriteWrap", NP_HANDLE_WRITE, 0},
	{"ShutdownWrap", NP_HANDLE_SHUTDOWN, 0},
	{"SendWrap", NP_HANDLE_SEND, 0},
	{"RandomBytes", NP_HANDLE_CRYPTO, 0},
	{"PBKDF2", NP_HANDLE_CRYPTO, 0},
};

static const struct wrap_class *wrap_class_of(const char *name)
{
	static const struct wrap_class job = {"...Job", NP_HANDLE_CRYPTO, 0}; /* ScryptJob, HashJob, ... */
	size_t n = strlen(name);
	for (size_t i = 0; i < NP_ARRAY_LEN(wrap_classes); i++)
		if (strcmp(wrap_classes[i].name, name) == 0)
			return &wrap_classes[i];
	return n > 3 && strcmp(name + n - 3, "Job") == 0 ? &job : NULL;
}

/* --- candidates: one pass over the objects --- */

enum verdict { NOT_ASKED, NOTHING, WRAP, LIST, QUEUE, IMMEDIATE, REQUEST, PROCESS, HOLDER };

/* They lie between the header, which was the same for all before they had types of their own, and the properties. */
uint32_t handles_fields(const struct handles *h)
{
	const np_layout *l = h->v8->layout;
	return np_has(l, NP_F_JSApiObject_fields) ? (uint32_t)np_get(l, NP_F_JSApiObject_fields) : 24;
}

/* What the objects of a shape may be; asked for once a shape, on one of them. */
static enum verdict shape_judge(struct handles *h, np_vertex node)
{
	const struct np_vertex_shape *shape = np_graph_shape(h->g, np_graph_shape_of(h->g, node));
	if (!np_kind_is_receiver(shape->kind) || shape->kind == NP_KIND_JS_FUNCTION)
		return NOTHING;
	const char *class = np_class_of(h->classes, node);
	if ((strcmp(class, "process") == 0 || strcmp(class, "EventEmitter") == 0) &&
	    (shape->map->dictionary || handles_shape_has(h, node, "versions")))
		return PROCESS;
	if (shape->map->inobject_start_bytes >= handles_fields(h) + 8 && wrap_class_of(class))
		return strcmp(class, "Timer") == 0 && handles_shape_has(h, node, "_idleNext") ? LIST : WRAP;
	if (strcmp(class, "TimersList") == 0)
		return LIST;
	if (strcmp(class, "ImmediateList") == 0)
		return QUEUE;
	if (handles_shape_has(h, node, "_onImmediate"))
		return IMMEDIATE;
	if (handles_shape_has(h, node, "_handle") || handles_shape_has(h, node, "Symbol(kHandle)"))
		return HOLDER;
	return strcmp(class, "Object") == 0 && handles_shape_has(h, node, "oncomplete") ? REQUEST : NOTHING;
}

/* The object `process` has listeners, and knows its versions. */
static bool is_process(struct handles *h, np_addr at)
{
	return handles_own_object(h, at, "versions") && handles_own_object(h, at, "_events");
}

static void holder_take(struct handles *h, np_addr at)
{
	np_addr handle = handles_own_object(h, at, "_handle");
	if (!handle)
		handle = handles_own_object(h, at, "Symbol(kHandle)");
	if (handle && !np_addr_map_get(&h->owners, handle))
		np_addr_map_put(&h->owners, handle, (void *)(uintptr_t)at);
}

static void candidate_take(struct handles *h, np_vertex node, enum verdict verdict)
{
	np_addr at = np_graph_address(h->g, node);
	switch (verdict) {
	case WRAP:
		np_vec_push(&h->wraps, node);
		break;
	case LIST:
		np_vec_push(&h->lists, node);
		if (handles_own_object(h, at, "owner")) /* not of a list: that of one Timeout */
			np_vec_push(&h->wraps, node);
		break;
	case QUEUE:
		np_vec_push(&h->queues, node);
		break;
	case IMMEDIATE:
		np_vec_push(&h->immediates, node);
		break;
	case REQUEST:
		np_vec_push(&h->requests, node);
		break;
	case PROCESS:
		if (is_process(h, at))
			np_vec_push(&h->processes, node);
		break;
	case HOLDER:
		holder_take(h, at);
		break;
	default:
		break;
	}
}

static void candidates_find(struct handles *h)
{
	uint8_t *verdicts = np_xcalloc((size_t)np_graph_shape_count(h->g) + 1, sizeof(*verdicts));
	for (np_vertex node = 0; node < np_graph_object_count(h->g); node++) {
		uint32_t shape = np_graph_shape_of(h->g, node);
		if (verdicts[shape] == NOTHING || !np_reach_has(h->reach, node))
			continue;
		if (verdicts[shape] == NOT_ASKED)
			verdicts[shape] = (uint8_t)shape_judge(h, node);
		candidate_take(h, node, (enum verdict)verdicts[shape]);
	}
	np_arena_reset(h->scratch);
	free(verdicts);
}

/* --- wrappers --- */

static np_addr first_listener(struct handles *h, np_addr emitter, const char *const *events)
{
	np_addr function = 0;
	for (; *events && !function; events++)
		function = handles_listener(h, emitter, *events);
	return function;
}

static np_addr first_function(struct handles *h, np_addr object, const char *const *names)
{
	np_addr function = 0;
	for (; *names && !function; names++)
		function = handles_own_function(h, object, *names);
	return function;
}

/* The object `process` of the isolate that a wrapper is of; 0 none. */
static np_addr process_of(struct handles *h, np_vertex wrap)
{
	for (size_t i = 0; i < h->processes.len; i++)
		if (np_graph_page(h->g, h->processes.data[i])->isolate == np_graph_page(h->g, wrap)->isolate)
			return np_graph_address(h->g, h->processes.data[i]);
	return 0;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static np_addr callback_of(struct handles *h, const struct np_loop_handle *handle, np_addr wrap)
{
	np_addr owner = handle->owner, found = 0, context;
	switch (handle->type) {
	case NP_HANDLE_TCP_SERVER:
	case NP_HANDLE_PIPE_SERVER:
		return first_listener(h, owner, NAMES("request", "stream", "secureConnection", "connection"));
	case NP_HANDLE_TCP:
	case NP_HANDLE_PIPE:
	case NP_HANDLE_TTY:
		return first_listener(h, owner, NAMES("data", "readable", "secure", "end"));
	case NP_HANDLE_UDP:
		return first_listener(h, owner, NAMES("message"));
	case NP_HANDLE_PROCESS:
		found = first_listener(h, owner, NAMES("exit", "close"));
		return found ? found : handles_own_function(h, wrap, "onexit");
	case NP_HANDLE_WORKER:
		found = first_listener(h, owner, NAMES("message", "exit", "error"));
		return found ? found : handles_own_function(h, wrap, "onexit");
	case NP_HANDLE_MESSAGE_PORT:
		return first_function(h, wrap, NAMES("onmessage"));
	case NP_HANDLE_SIGNAL:
		found = handle->name ? handles_listener(h, process_of(h, handle->node), handle->name) : 0;
		return found ? found : handles_own_function(h, wrap, "onsignal");
	case NP_HANDLE_FS_EVENT:
	case NP_HANDLE_FS_STAT:
		found = first_listener(h, owner, NAMES("change"));
		return found ? found : first_function(h, wrap, NAMES("onchange"));
	case NP_HANDLE_CONNECT:
		found = first_listener(h, owner, NAMES("connect", "secureConnect"));
		return found ? found : handles_own_function(h, wrap, "oncomplete");
	case NP_HANDLE_FS:
	case NP_HANDLE_DNS:
		context = handles_own_object(h, wrap, "context");
		found = context ? handles_own_function(h, context, "callback") : 0;
		return found ? found : first_function(h, wrap, NAMES("callback", "oncomplete", "resolve"));
	default:
		return first_function(h, wrap, NAMES("callback", "oncomplete", "ondone"));
	}
}

static const char *signal_name(np_arena *arena, int number)
{
	const char *name = number ? sigabbrev_np(number) : NULL;
	return name ? np_arena_printf(arena, "SIG%s", name) : NULL;
}

/* "GET /path" of the message that a parser is in. */
static const char *http_name(struct handles *h, np_addr parser)
{
	np_addr message = handles_own_object(h, parser, "incoming");
	const char *method = message ? handles_own_text(h, message, "method") : NULL;
	const char *url = message ? handles_own_text(h, message, "url") : NULL;
	return method && url && *url ? np_arena_printf(h->arena, "%s %s", method, url) : NULL;
}

static const char *number_name(struct handles *h, np_addr object, const char *property, const char *format)
{
	double number;
	return object && handles_own_number(h, object, property, &number) && number >= 0 && number < 1e9
		       ? np_arena_printf(h->arena, format, (int)number)
		       : NULL;
}

static const char *name_of(struct handles *h, const struct np_loop_handle *handle, np_addr wrap, const struct uv_handle *uv)
{
	const char *file, *pid;
	switch (handle->type) {
	case NP_HANDLE_SIGNAL:
		return signal_name(h->arena, handles_uv_signal(h, uv));
	case NP_HANDLE_FS_EVENT:
		return handles_uv_path(h, uv);
	case NP_HANDLE_DNS:
		return handles_own_text(h, wrap, "hostname");
	case NP_HANDLE_HTTP:
		return http_name(h, wrap);
	case NP_HANDLE_PROCESS:
		file = handle->owner ? handles_own_text(h, handle->owner, "spawnfile") : NULL;
		pid = number_name(h, wrap, "pid", "process %d");
		if (!pid)
			pid = number_name(h, handle->owner, "pid", "process %d");
		return pid && file ? np_arena_printf(h->arena, "%s: %s", pid, file) : pid ? pid : file;
	case NP_HANDLE_WORKER:
		pid = number_name(h, wrap, "threadId", "worker %d");
		return pid ? pid : number_name(h, handle->owner, "threadId", "worker %d");
	default:
		return NULL;
	}
}

/* Sockets that listen have a function for connections. */
static enum np_handle_type type_refine(struct handles *h, enum np_handle_type type, np_addr wrap)
{
	if ((type != NP_HANDLE_TCP && type != NP_HANDLE_PIPE) || !handles_own_function(h, wrap, "onconnection"))
		return type;
	return type == NP_HANDLE_TCP ? NP_HANDLE_TCP_SERVER : NP_HANDLE_PIPE_SERVER;
}

static void known_take(struct handles *h, struct np_loop_handle *handle, const struct uv_handle *uv)
{
	handle->active = uv->active;
	handle->referenced = uv->referenced;
	handle->fd = handles_uv_fd(h, uv);
}

/* A request or worker is there as long as its C++ object; a parser waits for nothing by itself. */
static enum np_known without_uv_active(struct handles *h, enum np_handle_type type, np_addr wrap)
{
	if (type == NP_HANDLE_HTTP)
		return handles_own_object(h, wrap, "socket") ? NP_KNOWN_YES : NP_KNOWN_NO;
	return np_handle_type_is_request(type) || type == NP_HANDLE_WORKER ? NP_KNOWN_YES : NP_KNOWN_NOT;
}

/* Up to 0.12 requests do not lead to their C++ object, which holds them as long as it is there. */
static bool is_held(struct handles *h, np_vertex node)
{
	const struct np_graph_root *root = np_graph_root_of(h->roots, node), *end = h->roots->all + h->roots->count;
	while (root && root < end && root->node == node && (root->kind != NP_ROOT_GLOBAL_HANDLE || root->is_weak))
		root++;
	return root && root < end && root->node == node;
}

static void wrap_add(struct handles *h, np_vertex node)
{
	np_addr at = np_graph_address(h->g, node), native = handles_native(h, node);
	const struct wrap_class *class = wrap_class_of(np_class_of(h->classes, node));
	struct uv_handle uv = {0};
	if (!class || (!native && !(np_handle_type_is_request(class->type) && is_held(h, node))))
		return;
	if (class->uv && native)
		handles_uv_find(h, node, native, &uv);
	if (uv.loop && uv.type != class->uv) /* not what it is called: a class of the program's own */
		uv = (struct uv_handle){0};
	struct np_loop_handle handle = {.type = type_refine(h, class->type, at), .node = node, .fd = -1, .period_ms = -1};
	handle.owner = handles_owner(h, at);
	if (handle.type == NP_HANDLE_TIMER) {
		handles_own_timer(h, &uv, handle.owner);
		return;
	}
	if (class->uv)
		known_take(h, &handle, &uv);
	else
		handle.active = without_uv_active(h, handle.type, at);
	if (handle.type == NP_HANDLE_HTTP) {
		handle.owner = handles_own_object(h, at, "socket");
		handle.referenced = NP_KNOWN_NO;
		if (!handle.owner) /* free, kept for the next connection */
			return;
	} else if (np_handle_type_is_request(handle.type)) {
		handle.referenced = NP_KNOWN_YES;
	}
	handle.name = name_of(h, &handle, at, &uv);
	handle.callback = callback_of(h, &handle, at);
	if (np_handle_type_is_request(handle.type))
		handle.callback = handles_callback_inside(h, handle.callback);
	handles_addresses(h, &handle);
	np_vec_push(&h->found, handle);
}

/* --- requests of 0.10, which are plain objects --- */

static enum np_handle_type plain_type(struct handles *h, np_addr function)
{
	static const struct {
		const char *name;
		enum np_handle_type type;
	} names[] = {{"afterConnect", NP_HANDLE_CONNECT}, {"afterWrite", NP_HANDLE_WRITE}, {"afterShutdown", NP_HANDLE_SHUTDOWN},
		     {"afterSend", NP_HANDLE_SEND},	  {"onanswer", NP_HANDLE_DNS}};
	const char *name = np_function_name(h->v8, function, h->scratch);
	for (size_t i = 0; name && i < NP_ARRAY_LEN(names); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].type;
	return NP_HANDLE_FS;
}

static void request_add(struct handles *h, np_vertex node)
{
	np_addr at = np_graph_address(h->g, node), function = handles_own_function(h, at, "oncomplete");
	if (!function || !is_held(h, node))
		return;
	struct np_loop_handle handle = {.type = plain_type(h, function), .node = node, .fd = -1, .period_ms = -1,
					.active = NP_KNOWN_YES, .referenced = NP_KNOWN_YES};
	handle.callback = handles_callback_inside(h, function);
	handle.owner = handles_owner(h, at);
	np_vec_push(&h->found, handle);
}

/* --- all --- */

static int handle_compare(const void *a, const void *b)
{
	const struct np_loop_handle *x = a, *y = b;
	if (x->type != y->type)
		return (int)x->type - (int)y->type;
	return x->node < y->node ? -1 : x->node > y->node;
}

np_err *np_handles_load(np_graph *graph, np_classes *classes, const struct np_graph_roots *roots, const struct np_reach *reach,
			np_arena *arena, struct np_handles *ret)
{
	struct handles h = {.g = graph, .v8 = np_heap_v8(np_graph_heap(graph)), .classes = classes, .roots = roots,
			    .reach = reach, .arena = arena, .scratch = np_arena_create()};
	candidates_find(&h);
	for (size_t i = 0; i < h.wraps.len; i++) {
		wrap_add(&h, h.wraps.data[i]);
		np_arena_reset(h.scratch);
	}
	for (size_t i = 0; i < h.requests.len; i++)
		request_add(&h, h.requests.data[i]);
	handles_timers(&h);
	handles_immediates(&h);
	if (h.found.len)
		qsort(h.found.data, h.found.len, sizeof(*h.found.data), handle_compare);
	ret->all = np_arena_memdup(arena, h.found.data, h.found.len * sizeof(*h.found.data));
	ret->count = h.found.len;
	handles_uv_deinit(&h);
	np_addr_map_deinit(&h.owners);
	np_vec_deinit(&h.found);
	np_vec_deinit(&h.wraps);
	np_vec_deinit(&h.processes);
	np_vec_deinit(&h.lists);
	np_vec_deinit(&h.queues);
	np_vec_deinit(&h.immediates);
	np_vec_deinit(&h.requests);
	free(h.slots);
	np_arena_destroy(h.scratch);
	return NULL;
}
