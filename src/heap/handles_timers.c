/*
 * Timers and immediates, as Node's own JavaScript keeps them.
 *
 * Timers of one length are a ring, the first to come at _idlePrev of its head:
 *
 *     head --_idlePrev--> Timeout --_idlePrev--> Timeout --_idlePrev--> head
 *
 * The head is a timer of libuv's itself (up to 4), has one as its _timer (up to
 * 10), or has the time of its first one as `expiry` (11 on: one timer of libuv's
 * for all).  _idleStart is in milliseconds since some moment of the loop (in 0.10
 * of the calendar), so that
 *
 *     due in = _idleStart + length + base - now of the loop
 *     base   = when a timer of libuv's goes off - _idleStart + length of the Timeout it is for
 *
 * A Timeout that was cancelled leaves the timer as it was, earlier than needed:
 * the largest base is that of those that are exact.
 *
 * Unreferenced ones have a timer of libuv's of their own up to 8.
 */
#include "heap/handles_internal.h"
#include <string.h>

#include "v8/context.h"
#include "v8/function.h"
#include "v8/object.h"

enum { RING_MAX = 100 << 20, SCRATCH_EVERY = 1024 };

struct base {
	bool is_known;
	int64_t ms;
};

/* The timer of libuv's for a list. */
static bool list_uv(struct handles *h, np_vertex head, struct uv_handle *ret)
{
	np_vertex timer = handles_node(h, handles_own_object(h, np_graph_address(h->g, head), "_timer"));
	timer = timer == NP_VERTEX_NONE ? head : timer;
	np_addr native = handles_native(h, timer);
	if (!native)
		return false;
	handles_uv_find(h, timer, native, ret);
	return ret->loop != NULL;
}

static bool start_of(struct handles *h, np_addr timeout, int64_t *ret_start, int64_t *ret_length)
{
	double start, length;
	if (!handles_own_number(h, timeout, "_idleStart", &start) || !handles_own_number(h, timeout, "_idleTimeout", &length) ||
	    !(start >= -1e15 && start <= 1e15) || !(length >= 0 && length <= 1e15))
		return false;
	*ret_start = (int64_t)start;
	*ret_length = (int64_t)length;
	return true;
}

/* The loop's time of the next list, as Node reckons: a variable around its timers. */
static bool next_expiry(struct handles *h, np_vertex list, double *ret)
{
	struct np_context context;
	np_addr constructor;
	np_tagged t;
	bool found = false;
	np_class_and_constructor(h->v8, np_graph_address(h->g, list), h->scratch, &constructor);
	if (!constructor || !np_field(h->v8, constructor, NP_F_JSFunction_context, &t) || !np_is_ref(t) ||
	    np_err_drop(np_context_load(h->v8, np_ref(t), h->scratch, &context)))
		return false;
	for (size_t i = 0; i < context.variable_count && !found; i++) {
		const struct np_variable *v = &context.variables[i];
		if (strcmp(v->name, "nextExpiry") != 0)
			continue;
		*ret = v->number;
		found = v->is_number || np_number_value(h->v8, v->value, ret);
	}
	return found && *ret == *ret && *ret > -1e15 && *ret < 1e15;
}

static void base_take(struct base *base, int64_t ms)
{
	if (!base->is_known || ms > base->ms)
		*base = (struct base){true, ms};
}

/*
 * 11 and later: while the timer runs, it is for nextExpiry.  While Node calls what is due it does not, and nextExpiry is
 * infinite: then the base lies between what follows from the list that expires first, for which it ran last if no list
 * was done since, and the latest start of a timer, which cannot be in the future.
 */
static struct base base_of_one(struct handles *h, struct uv_loop *loop, const struct uv_handle *timer)
{
	struct base base = {0};
	int64_t timeout, now, ms, start, length, latest = INT64_MIN;
	double next, expiry, least = 0;
	bool has_least = false;
	if (!handles_uv_timeout(h, timer, &timeout) || !handles_uv_now(h, loop, &now))
		return base;
	for (size_t i = 0; i < h->lists.len; i++) {
		np_vertex head = h->lists.data[i];
		np_addr at = np_graph_address(h->g, head), newest;
		if (handles_uv_loop(h, head) != loop)
			continue;
		if (timer->active == NP_KNOWN_YES && next_expiry(h, head, &next)) {
			/* negative where only unreferenced ones are left */
			base_take(&base, timeout - (int64_t)(next < 0 ? -next : next));
			return base;
		}
		if (handles_own_number(h, at, "expiry", &expiry) && expiry >= 0 && expiry < 1e15 && (!has_least || expiry < least)) {
			least = expiry;
			has_least = true;
		}
		newest = handles_own_object(h, at, "_idleNext");
		if (newest && start_of(h, newest, &start, &length) && start > latest)
			latest = start;
	}
	if (has_least && latest != INT64_MIN && handles_uv_timer_base(h, timer, timeout - (int64_t)least, now - latest, &ms))
		base_take(&base, ms);
	return base;
}

/* Up to 10: each list has a timer. */
static struct base base_of_many(struct handles *h, struct uv_loop *loop)
{
	struct base base = {0};
	int64_t timeout, start, length;
	for (size_t i = 0; i < h->lists.len; i++) {
		np_vertex head = h->lists.data[i];
		struct uv_handle uv;
		np_addr first = handles_own_object(h, np_graph_address(h->g, head), "_idlePrev");
		if (list_uv(h, head, &uv) && uv.loop == loop && uv.active == NP_KNOWN_YES && handles_uv_timeout(h, &uv, &timeout) &&
		    first && start_of(h, first, &start, &length))
			base_take(&base, timeout - start - length);
	}
	return base;
}

static struct base base_of(struct handles *h, struct uv_loop *loop)
{
	struct uv_handle timer;
	if (!loop)
		return (struct base){0};
	return handles_uv_node_timer(h, loop, &timer) ? base_of_one(h, loop, &timer) : base_of_many(h, loop);
}

static np_addr timeout_callback(struct handles *h, np_addr timeout)
{
	/* setInterval of 0.12 to 4 keeps what it was given aside; of 0.10, too, under another name */
	np_addr callback = handles_own_function(h, timeout, "_repeat");
	if (!callback)
		callback = handles_own_function(h, timeout, "ontimeout");
	return handles_callback_inside(h, callback ? callback : handles_own_function(h, timeout, "_onTimeout"));
}

static bool is_repeated(struct handles *h, np_addr timeout)
{
	double repeat;
	return handles_own_function(h, timeout, "_repeat") || handles_own_bool(h, timeout, "_repeat") == NP_KNOWN_YES ||
	       (handles_own_number(h, timeout, "_repeat", &repeat) && repeat > 0);
}

static enum np_known opposite(enum np_known known)
{
	return known == NP_KNOWN_NOT ? known : known == NP_KNOWN_YES ? NP_KNOWN_NO : NP_KNOWN_YES;
}

static enum np_known timeout_referenced(struct handles *h, np_addr timeout, const struct uv_handle *uv)
{
	enum np_known known = handles_own_bool(h, timeout, "Symbol(refed)");
	if (known == NP_KNOWN_NOT)
		known = opposite(handles_own_bool(h, timeout, "Symbol(unrefed)"));
	return known == NP_KNOWN_NOT && uv->loop ? uv->referenced : known;
}

static void timeout_add(struct handles *h, np_vertex node, const struct uv_handle *uv, const struct base *base,
			struct uv_loop *loop)
{
	np_addr at = np_graph_address(h->g, node);
	struct np_loop_handle t = {.type = NP_HANDLE_TIMER, .node = node, .active = NP_KNOWN_YES, .fd = -1, .period_ms = -1};
	int64_t start, length, now;
	t.callback = timeout_callback(h, at);
	t.is_repeated = is_repeated(h, at);
	t.referenced = timeout_referenced(h, at, uv);
	if (start_of(h, at, &start, &length)) {
		t.period_ms = length;
		t.has_due = base->is_known && handles_uv_now(h, loop, &now);
		t.due_ms = t.has_due ? start + length + base->ms - now : 0;
	}
	np_vec_push(&h->found, t);
}

void handles_own_timer(struct handles *h, const struct uv_handle *uv, np_addr timeout)
{
	struct np_loop_handle t = {.type = NP_HANDLE_TIMER, .active = uv->active, .referenced = uv->referenced, .fd = -1,
				   .period_ms = -1};
	double length;
	int64_t at, now;
	t.node = handles_node(h, timeout);
	if (t.node == NP_VERTEX_NONE || uv->active == NP_KNOWN_NO || !handles_shape_has(h, t.node, "_idleTimeout"))
		return;
	t.callback = timeout_callback(h, timeout);
	t.is_repeated = is_repeated(h, timeout);
	if (handles_own_number(h, timeout, "_idleTimeout", &length) && length >= 0 && length < 1e15)
		t.period_ms = (int64_t)length;
	t.has_due = handles_uv_timeout(h, uv, &at) && handles_uv_now(h, uv->loop, &now);
	t.due_ms = t.has_due ? at - now : 0;
	np_vec_push(&h->found, t);
}

static void list_walk(struct handles *h, np_vertex head, const struct base *base, struct uv_loop *loop)
{
	np_addr end = np_graph_address(h->g, head);
	struct uv_handle uv = {0};
	uint64_t steps = 0;
	list_uv(h, head, &uv);
	np_addr slow = end;
	for (np_addr at = handles_own_object(h, end, "_idlePrev"); at && at != end && steps < RING_MAX;
	     at = handles_own_object(h, at, "_idlePrev")) {
		np_vertex node = handles_node(h, at);
		if (node == NP_VERTEX_NONE)
			break;
		timeout_add(h, node, &uv, base, loop);
		if (++steps % SCRATCH_EVERY == 0)
			np_arena_reset(h->scratch);
		if (steps % 2 == 0) /* a ring that does not come back to its head */
			slow = handles_own_object(h, slow, "_idlePrev");
		if (slow == at)
			break;
	}
}

void handles_timers(struct handles *h)
{
	struct known {
		struct uv_loop *loop;
		struct base base;
	};
	NP_VEC(struct known) loops = {0};
	for (size_t i = 0; i < h->lists.len; i++) {
		struct uv_loop *loop = handles_uv_loop(h, h->lists.data[i]);
		size_t k = 0;
		while (k < loops.len && loops.data[k].loop != loop)
			k++;
		if (k == loops.len)
			np_vec_push(&loops, (struct known){loop, base_of(h, loop)});
		list_walk(h, h->lists.data[i], &loops.data[k].base, loop);
	}
	np_vec_deinit(&loops);
}

/* --- immediates --- */

/* Those in a list, by address. */
static void queue_walk(struct handles *h, np_vertex list, struct np_addr_map *queued)
{
	np_addr at = handles_own_object(h, np_graph_address(h->g, list), "head");
	while (at && !np_addr_map_get(queued, at)) {
		np_addr_map_put(queued, at, h);
		at = handles_own_object(h, at, "_idleNext");
	}
}

/* One that waits has a function, and from 8 on was not destroyed; 6 tells by the list, before there is a ring. */
static bool immediate_waits(struct handles *h, np_vertex node, const struct np_addr_map *queued)
{
	np_addr at = np_graph_address(h->g, node);
	if (!handles_own_function(h, at, "_onImmediate"))
		return false;
	if (handles_shape_has(h, node, "_destroyed"))
		return handles_own_bool(h, at, "_destroyed") != NP_KNOWN_YES;
	if (h->queues.len)
		return np_addr_map_get(queued, at) != NULL;
	return handles_own_object(h, at, "_idleNext") && handles_own_object(h, at, "_idlePrev");
}

void handles_immediates(struct handles *h)
{
	struct np_addr_map queued = {0};
	for (size_t i = 0; i < h->queues.len; i++)
		queue_walk(h, h->queues.data[i], &queued);
	for (size_t i = 0; i < h->immediates.len; i++) {
		np_vertex node = h->immediates.data[i];
		np_addr at = np_graph_address(h->g, node);
		struct np_loop_handle t = {.type = NP_HANDLE_IMMEDIATE, .node = node, .active = NP_KNOWN_YES, .fd = -1,
					   .period_ms = -1, .referenced = NP_KNOWN_YES};
		if (!immediate_waits(h, node, &queued))
			continue;
		t.callback = handles_callback_inside(h, handles_own_function(h, at, "_onImmediate"));
		enum np_known refed = handles_own_bool(h, at, "Symbol(refed)");
		if (refed != NP_KNOWN_NOT)
			t.referenced = refed;
		np_vec_push(&h->found, t);
		if (i % SCRATCH_EVERY == 0)
			np_arena_reset(h->scratch);
	}
	np_addr_map_deinit(&queued);
}
