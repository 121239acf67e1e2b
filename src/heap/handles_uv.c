/*
 * libuv's structures, as far as they are public or have not changed since 1.0,
 * and before that since 0.10.  All offsets are from a handle's `data` field,
 * which leads to the C++ object that has the handle in it:
 *
 *     1.x    data  loop  type  close_cb  queue[2]  u[4]  next_closing  flags | what the type adds
 *     0.10   (close_cb)  data  loop  type  queue[2]  flags  next_closing     | what the type adds
 *
 * The queues are rings: an element's neighbours lead back to it.  That tells the
 * two forms apart, and whether what is taken for a handle is one.  All handles
 * of a loop are in its ring, whose head lies in the loop behind the number of
 * handles that are active and referenced.  Flags were renumbered in 1.21: the
 * numbers by which as many handles count as the loop says, and by which the loop's own
 * one is active, are the right ones.
 */
#include <stdlib.h>
#include <string.h>

#include "heap/handles_internal.h"

enum {
	NATIVE_BYTES = 1024,   /* of a C++ object that are searched for a handle */
	LOOP_BYTES = 2048,     /* of a loop */
	RING_MAX = 1 << 20,
	ENVIRONMENT_BYTES = 8192, /* behind its timer, which is among its first fields */
	TYPES_END = 18,
	FD_MAX = 1 << 24,
	PATH_BYTES = 4096,
	CLOSING = 1 | 2, /* in all versions */
};

struct form {
	int ring, flags, end; /* end: where the fields of the type begin */
	int timer_cb, timeout; /* of timers */
	int stream_fd, udp_fd;
	int loop_ring; /* of the head in the loop; the number of active handles is 8 bytes before */
};

static const struct form form_1 = {.ring = 32, .flags = 88, .end = 96, .timer_cb = 96, .timeout = 128,
				   .stream_fd = 184, .udp_fd = 176, .loop_ring = 16};
static const struct form form_0_10 = {.ring = 24, .flags = 40, .end = 56, .timer_cb = 88, .timeout = 96,
				      .stream_fd = 152, .udp_fd = -1, .loop_ring = 24};
/* ACTIVE and REF */
static const struct {
	uint32_t active, referenced;
} numberings[] = {{4, 8}, {0x4000, 0x2000}};

struct uv_loop {
	struct uv_loop *next;
	np_addr addr;
	const struct form *form;
	np_addr isolate;
	int numbering; /* -1: not known */
	bool has_now;
	int64_t now;
	NP_VEC(np_addr) timers; /* data fields */
};

static uint64_t word_at(struct handles *h, np_addr at)
{
	uint64_t v;
	return np_mem_u64(h->v8->mem, at, &v) ? v : 0;
}

/* Do the neighbours of the ring's element lead back to it? */
static bool is_ring(struct handles *h, np_addr at)
{
	np_addr next = word_at(h, at), previous = word_at(h, at + 8);
	return next && previous && !(next & 7) && word_at(h, next + 8) == at && word_at(h, previous) == at;
}

/*
 * BaseObject {vtable, Persistent<Object>, Environment *, ...}, of 0.12 without a vtable where it has nothing virtual:
 * a Persistent is the address of a slot.
 */
static bool leads_back(struct handles *h, np_addr native, np_addr object)
{
	for (np_addr at = native; native && !(native & 7) && at <= native + 8; at += 8) {
		np_addr slot = word_at(h, at);
		if (slot && !(slot & 7) && word_at(h, slot) == (object | 1))
			return true;
	}
	return false;
}

np_addr handles_native(struct handles *h, np_vertex wrap)
{
	const struct np_map *map = np_graph_shape(h->g, np_graph_shape_of(h->g, wrap))->map;
	const uint8_t *bytes = np_graph_bytes(h->g, wrap);
	np_addr object = np_graph_address(h->g, wrap);
	for (uint32_t at = handles_fields(h); bytes && at + 8 <= map->inobject_start_bytes && at + 8 <= np_graph_size(h->g, wrap);
	     at += 8) {
		uint64_t word;
		memcpy(&word, bytes + at, 8);
		/* up to V8 3.14 a pointer below 32 GiB is eight times the value of a Smi, any other in a Foreign */
		np_addr packed = (uint32_t)word == 0 ? word >> 32 << 3 : (word & 1) ? word_at(h, word - 1 + 8) : word;
		if (leads_back(h, word, object))
			return word;
		if (leads_back(h, packed, object))
			return packed;
	}
	return 0;
}

/* --- loops --- */

struct count {
	uint64_t handles, by_numbering[NP_ARRAY_LEN(numberings)];
};

/* Which numbering makes the loop's count right, and is not against what its own handle has? */
static int numbering_of(const struct count *count, uint32_t active, uint32_t own_flags)
{
	int found = -1;
	for (int i = 0; i < (int)NP_ARRAY_LEN(numberings); i++) {
		if (count->by_numbering[i] != active || (own_flags && !(own_flags & numberings[i].active)))
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

/* Round the ring of a loop: counts, and keeps the timers. */
static void loop_walk(struct handles *h, struct uv_loop *loop, np_addr head)
{
	const struct form *f = loop->form;
	struct count count = {0};
	uint32_t active, flags, type, own_flags = 0;
	for (np_addr at = word_at(h, head); at && at != head && count.handles < RING_MAX; at = word_at(h, at)) {
		np_addr data = at - (np_addr)f->ring;
		if (!np_mem_u32(h->v8->mem, data + (np_addr)f->flags, &flags) || !np_mem_u32(h->v8->mem, data + 16, &type) ||
		    word_at(h, data + 8) != loop->addr)
			return; /* not what it was taken for: flags and time stay unknown */
		count.handles++;
		for (size_t i = 0; i < NP_ARRAY_LEN(numberings); i++) {
			uint32_t both = numberings[i].active | numberings[i].referenced;
			count.by_numbering[i] += (flags & both) == both;
		}
		if (type == UV_TIMER)
			np_vec_push(&loop->timers, data);
		if (type == UV_ASYNC && data - loop->addr < LOOP_BYTES) /* for the threads that work for it: always active */
			own_flags = flags;
	}
	if (np_mem_u32(h->v8->mem, head - 8, &active))
		loop->numbering = numbering_of(&count, active, own_flags);
}

/*
 * {time, signal_pipefd[2], signal_io_watcher {callback, two rings, two words of events, fd}}: the watcher's descriptor
 * is the pipe's first.
 */
static void loop_time(struct handles *h, struct uv_loop *loop)
{
	uint64_t words[LOOP_BYTES / 8];
	size_t n = np_mem_read(h->v8->mem, loop->addr, words, sizeof(words)) / 8;
	for (size_t i = 3; i + 6 <= n; i++) {
		np_addr ring = loop->addr + 8 * i;
		uint32_t fd = (uint32_t)words[i + 5];
		if (!fd || fd >= FD_MAX || (uint32_t)words[i - 2] != fd || !is_ring(h, ring) || !is_ring(h, ring + 16))
			continue;
		loop->now = (int64_t)words[i - 3];
		loop->has_now = true;
		return;
	}
}

static struct uv_loop *loop_add(struct handles *h, np_addr addr, const struct form *form, np_addr isolate)
{
	np_addr head = addr + (np_addr)form->loop_ring;
	if (!is_ring(h, head))
		return NULL;
	struct uv_loop *loop = np_arena_alloc(h->arena, sizeof(*loop));
	*loop = (struct uv_loop){.next = h->loops, .addr = addr, .form = form, .isolate = isolate, .numbering = -1};
	loop_walk(h, loop, head);
	loop_time(h, loop);
	h->loops = loop;
	return loop;
}

static struct uv_loop *loop_get(struct handles *h, np_addr addr, const struct form *form, np_addr isolate)
{
	for (struct uv_loop *loop = h->loops; loop; loop = loop->next)
		if (loop->addr == addr)
			return loop;
	return loop_add(h, addr, form, isolate);
}

void handles_uv_deinit(struct handles *h)
{
	for (struct uv_loop *loop = h->loops; loop; loop = loop->next)
		np_vec_deinit(&loop->timers);
}

static np_addr isolate_of(struct handles *h, np_vertex node)
{
	const struct np_page *page = np_graph_page(h->g, node);
	return page ? page->isolate : 0;
}

/* Without a handle that leads to it: the loop of the main thread is a variable of libuv's. */
static struct uv_loop *default_loop(struct handles *h, np_addr isolate)
{
	np_image *image = np_target_v8_image(h->v8->target);
	struct np_symbol symbol;
	if (!image || !np_image_symbol(image, "default_loop_struct", &symbol))
		return NULL;
	for (struct uv_loop *loop = h->loops; loop; loop = loop->next)
		if (loop->addr == symbol.addr)
			return loop->isolate == isolate ? loop : NULL;
	struct uv_loop *loop = loop_add(h, symbol.addr, &form_1, isolate);
	return loop ? loop : loop_add(h, symbol.addr, &form_0_10, isolate);
}

struct uv_loop *handles_uv_loop(struct handles *h, np_vertex node)
{
	np_addr isolate = isolate_of(h, node);
	for (struct uv_loop *loop = h->loops; loop; loop = loop->next)
		if (loop->isolate == isolate)
			return loop;
	/* the first isolate that asks is the main thread's, unless workers have shown theirs before */
	return h->loops ? NULL : default_loop(h, isolate);
}

bool handles_uv_now(struct handles *h, const struct uv_loop *loop, int64_t *ret)
{
	(void)h;
	if (loop && loop->has_now)
		*ret = loop->now;
	return loop && loop->has_now;
}

/* --- handles --- */

static const struct form *form_of(struct handles *h, np_addr data)
{
	if (is_ring(h, data + (np_addr)form_1.ring))
		return &form_1;
	return is_ring(h, data + (np_addr)form_0_10.ring) ? &form_0_10 : NULL;
}

static void flags_take(struct handles *h, struct uv_handle *handle)
{
	const struct uv_loop *loop = handle->loop;
	uint32_t flags;
	if (loop->numbering < 0 || !np_mem_u32(h->v8->mem, handle->data + (np_addr)loop->form->flags, &flags))
		return;
	bool active = (flags & numberings[loop->numbering].active) && !(flags & CLOSING);
	handle->active = active ? NP_KNOWN_YES : NP_KNOWN_NO;
	handle->referenced = flags & numberings[loop->numbering].referenced ? NP_KNOWN_YES : NP_KNOWN_NO;
}

void handles_uv_find(struct handles *h, np_vertex wrap, np_addr native, struct uv_handle *ret)
{
	uint64_t words[NATIVE_BYTES / 8];
	size_t n = np_mem_read(h->v8->mem, native, words, sizeof(words)) / 8;
	*ret = (struct uv_handle){0};
	for (size_t i = 2; i + 2 < n; i++) {
		uint32_t type = (uint32_t)words[i + 2];
		np_addr data = native + 8 * i;
		if (words[i] != native || !words[i + 1] || (words[i + 1] & 7) || !type || type >= TYPES_END)
			continue;
		const struct form *form = form_of(h, data);
		struct uv_loop *loop = form ? loop_get(h, words[i + 1], form, isolate_of(h, wrap)) : NULL;
		if (!loop)
			continue;
		*ret = (struct uv_handle){.loop = loop, .data = data, .type = type};
		flags_take(h, ret);
		return;
	}
}

/* {cb, pending_queue, watcher_queue, events wanted and waited for, fd}: the rings must be some. */
int handles_uv_fd(struct handles *h, const struct uv_handle *handle)
{
	uint32_t fd;
	if (!handle->loop)
		return -1;
	int offset = handle->type == UV_UDP ? handle->loop->form->udp_fd : handle->loop->form->stream_fd;
	np_addr at = handle->data + (np_addr)(int64_t)offset;
	if (offset < 0 || !is_ring(h, at - 40) || !is_ring(h, at - 24) || !np_mem_u32(h->v8->mem, at, &fd) || fd >= FD_MAX)
		return -1;
	return (int)fd;
}

int handles_uv_signal(struct handles *h, const struct uv_handle *handle)
{
	uint32_t number;
	if (!handle->loop || handle->type != UV_SIGNAL ||
	    !np_mem_u32(h->v8->mem, handle->data + (np_addr)handle->loop->form->end + 8, &number) || number > 64)
		return 0;
	return (int)number;
}

const char *handles_uv_path(struct handles *h, const struct uv_handle *handle)
{
	char path[PATH_BYTES];
	if (!handle->loop || handle->type != UV_FS_EVENT || handle->active == NP_KNOWN_NO)
		return NULL;
	np_addr at = word_at(h, handle->data + (np_addr)handle->loop->form->end);
	return at && np_mem_cstr(h->v8->mem, at, path, sizeof(path)) && *path ? np_arena_strdup(h->arena, path) : NULL;
}

bool handles_uv_timeout(struct handles *h, const struct uv_handle *handle, int64_t *ret)
{
	uint64_t v;
	if (!handle->loop || handle->type != UV_TIMER || handle->active == NP_KNOWN_NOT ||
	    !np_mem_u64(h->v8->mem, handle->data + (np_addr)handle->loop->form->timeout, &v))
		return false;
	*ret = (int64_t)v;
	return true;
}

bool handles_uv_node_timer(struct handles *h, struct uv_loop *loop, struct uv_handle *ret)
{
	for (size_t i = 0; loop && i < loop->timers.len; i++) {
		struct uv_handle timer = {.loop = loop, .data = loop->timers.data[i], .type = UV_TIMER};
		struct np_symbol_at symbol;
		if (!np_target_symbol_at(h->v8->target, word_at(h, timer.data + (np_addr)loop->form->timer_cb), &symbol) ||
		    !symbol.name || !strstr(symbol.name, "RunTimers"))
			continue;
		flags_take(h, &timer);
		*ret = timer;
		return true;
	}
	return false;
}

/* The Environment that a timer lies in is searched for a number, of which it has one. */
bool handles_uv_timer_base(struct handles *h, const struct uv_handle *timer, int64_t from, int64_t to, int64_t *ret)
{
	uint64_t words[ENVIRONMENT_BYTES / 8];
	size_t n = np_mem_read(h->v8->mem, timer->data, words, sizeof(words)) / 8, found = 0;
	for (size_t i = (size_t)timer->loop->form->end / 8 + 6; i < n; i++) {
		if (words[i] >> 48 || (int64_t)words[i] < from || (int64_t)words[i] > to || (found && (int64_t)words[i] == *ret))
			continue;
		*ret = (int64_t)words[i];
		found++;
	}
	return found == 1;
}
