/* Listeners, timers, promises, buffers, contexts: counts by what they belong to. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/held_by.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/array.h"
#include "v8/cache.h"
#include "v8/context.h"
#include "v8/function.h"
#include "v8/object.h"

enum { ROWS_MAX = 8, LISTENERS_MIN = 10, WASTE_MIN = 64 << 10, COUNT_MIN = 10 };

/* --- tallies by a text --- */

struct tally {
	const char *key;
	uint64_t count;
	np_vertex example;
};

struct tallies {
	NP_VEC(struct tally) all;
	struct np_addr_map index; /* hash of the key -> index + 1 */
};

static void tally_add(struct tallies *t, const char *key, np_vertex example)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = key; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h |= 8;
	uintptr_t i = (uintptr_t)np_addr_map_get(&t->index, h);
	if (!i) {
		np_vec_push(&t->all, (struct tally){key, 0, example});
		i = t->all.len;
		np_addr_map_put(&t->index, h, (void *)i);
	}
	t->all.data[i - 1].count++;
}

static int tally_compare(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->key, y->key);
}

static void tallies_deinit(struct tallies *t)
{
	np_vec_deinit(&t->all);
	np_addr_map_deinit(&t->index);
}

static np_node *tallies_node(struct np_invocation *inv, struct np_heap_view *view, struct tallies *t,
			     const struct np_shape *shape, const char *key)
{
	np_node *list = np_list(inv->arena, shape);
	if (t->all.len)
		qsort(t->all.data, t->all.len, sizeof(*t->all.data), tally_compare);
	for (size_t i = 0; i < t->all.len && i < ROWS_MAX; i++) {
		np_node *n = np_obj(inv->arena, shape);
		np_set_uint(n, "count", t->all.data[i].count);
		np_set_str(n, key, t->all.data[i].key);
		np_set_addr(n, "example", np_graph_address(view->graph, t->all.data[i].example) | 1);
		np_add(list, n);
	}
	return list;
}

static const char *function_text(struct np_invocation *inv, struct np_heap_view *view, np_tagged t)
{
	const char *name, *place;
	np_vertex node = np_is_ref(t) ? np_graph_find(view->graph, np_ref(t)) : NP_VERTEX_NONE;
	if (node == NP_VERTEX_NONE || !np_leaks_function(inv, view, node, &name, &place))
		return NULL;
	return *place ? np_arena_printf(inv->arena, "%s %s", name, place) : name;
}

static bool group_has(struct np_heap_view *view, np_vertex node, const char *property)
{
	const struct np_group *g = np_group_get(view->classes, np_group_id_of(view->classes, node));
	for (uint32_t i = 0; i < g->property_count; i++)
		if (strcmp(g->properties[i], property) == 0)
			return true;
	return g->is_dictionary;
}

static bool is_live_receiver(const struct np_heap_view *view, np_vertex node)
{
	return np_reach_has(&view->reach, node) &&
	       np_kind_is_receiver(np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind);
}

/* --- listeners --- */

static const struct np_shape listener_shape = {
	.name = "listener", .style = NP_STYLE_LINE,
	.line = "{count:num} on \"{event:string}\" of {class:name} {emitter}[, {listener}]"};
static const struct np_shape listeners_shape = {
	.name = "listeners", .style = NP_STYLE_LINE, .line = "Events with more than {least:num} listeners:", .children = "top",
	.indent = 2};

struct events {
	struct np_invocation *inv;
	struct np_heap_view *view;
	np_vertex emitter;
	np_node *list;
};

static bool event_take(void *ctx, const struct np_property *p)
{
	struct events *e = ctx;
	np_v8 *v8 = e->inv->session->v8;
	struct np_elements elements;
	struct np_element first;
	if (!np_is_kind(v8, p->value, NP_KIND_JS_ARRAY) || !np_elements_load(v8, np_ref(p->value), &elements) ||
	    elements.length <= LISTENERS_MIN || elements.form != NP_ELEMENTS_TAGGED)
		return true;
	np_node *n = np_obj(e->inv->arena, &listener_shape);
	np_set_uint(n, "count", elements.length);
	np_set_str(n, "event", np_key_text(v8, p->key, e->inv->arena));
	np_set_str(n, "class", np_class_of(e->view->classes, e->emitter));
	np_set_addr(n, "emitter", np_graph_address(e->view->graph, e->emitter) | 1);
	if (np_element_get(v8, &elements, (uint32_t)elements.length - 1, &first) && !first.is_double)
		np_set_str(n, "listener", function_text(e->inv, e->view, first.value));
	np_add(e->list, n);
	return true;
}

np_node *np_leaks_listeners(struct np_invocation *inv, struct np_heap_view *view)
{
	struct events e = {.inv = inv, .view = view, .list = np_list(inv->arena, &listener_shape)};
	np_v8 *v8 = inv->session->v8;
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		np_tagged events;
		if (!is_live_receiver(view, node) || !group_has(view, node, "_events") ||
		    !np_object_own_data(v8, np_graph_address(view->graph, node), "_events", &events) || !np_is_ref(events) ||
		    !np_kind_is_receiver(np_kind_at(v8, np_ref(events))))
			continue;
		e.emitter = node;
		np_err_free(np_object_properties(v8, np_ref(events), event_take, &e));
	}
	if (!np_node_len(e.list))
		return NULL;
	np_node *n = np_obj(inv->arena, &listeners_shape);
	np_set_uint(n, "least", LISTENERS_MIN);
	np_set_node(n, "top", e.list);
	return n;
}

/* --- timers --- */

static const struct np_shape timer_shape = {
	.name = "timer", .style = NP_STYLE_LINE, .line = "{count:num} calling {callback:name} ({example})"};
static const struct np_shape timers_shape = {
	.name = "timers", .style = NP_STYLE_LINE, .line = "{count:num} timers:", .children = "top", .indent = 2};

np_node *np_leaks_timers(struct np_invocation *inv, struct np_heap_view *view)
{
	struct tallies t = {0};
	np_v8 *v8 = inv->session->v8;
	uint64_t count = 0;
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		np_tagged callback;
		if (!is_live_receiver(view, node) || !group_has(view, node, "_onTimeout") ||
		    !np_object_own_data(v8, np_graph_address(view->graph, node), "_onTimeout", &callback))
			continue;
		const char *text = function_text(inv, view, callback);
		if (!text)
			continue; /* cleared, or V8's prototype of one */
		count++;
		tally_add(&t, text, node);
	}
	np_node *n = NULL;
	if (count >= COUNT_MIN) {
		n = np_obj(inv->arena, &timers_shape);
		np_set_uint(n, "count", count);
		np_set_node(n, "top", tallies_node(inv, view, &t, &timer_shape, "callback"));
	}
	tallies_deinit(&t);
	return n;
}

/* --- promises --- */

static const struct np_shape promise_shape = {
	.name = "promise", .style = NP_STYLE_LINE, .line = "{count:num} {waiting:name} ({example})"};
static const struct np_shape promises_shape = {
	.name = "promises", .style = NP_STYLE_LINE, .line = "{pending:num} promises that are not settled:", .children = "top",
	.indent = 2};

/* The async function that an await closure goes on with: its context's extension is the generator. */
static const char *awaiting_text(struct np_invocation *inv, struct np_heap_view *view, np_addr handler)
{
	np_v8 *v8 = inv->session->v8;
	np_tagged context, generator, function;
	uint32_t length;
	if (!np_field(v8, handler, NP_F_JSFunction_context, &context) || !np_is_ref(context) ||
	    !np_array_length(v8, np_ref(context), &length))
		return NULL;
	for (uint32_t i = 0; i < length && i < 6; i++) {
		if (!np_array_get(v8, np_ref(context), i, &generator) || !np_is_ref(generator))
			continue;
		enum np_kind kind = np_kind_at(v8, np_ref(generator));
		if ((kind != NP_KIND_JS_ASYNC_FUNCTION && kind != NP_KIND_JS_ASYNC_GENERATOR && kind != NP_KIND_JS_GENERATOR) ||
		    !np_field(v8, np_ref(generator), NP_F_JSGeneratorObject_function, &function))
			continue;
		const char *text = function_text(inv, view, function);
		return text ? np_arena_printf(inv->arena, "awaited by %s", text) : NULL;
	}
	return NULL;
}

/* Who waits for a pending promise. */
static const char *waiting_text(struct np_invocation *inv, struct np_heap_view *view, np_addr promise)
{
	np_v8 *v8 = inv->session->v8;
	np_tagged reaction, handler;
	if (!np_field(v8, promise, NP_F_JSPromise_result, &reaction))
		return "waited for in a way that is not known";
	if (!np_is_ref(reaction) || np_kind_at(v8, np_ref(reaction)) != NP_KIND_PROMISE_REACTION)
		return "that nothing waits for";
	if (!np_field(v8, np_ref(reaction), NP_F_PromiseReaction_fulfill_handler, &handler) || !np_is_js_function(v8, handler))
		return "passed on";
	const char *text = awaiting_text(inv, view, np_ref(handler));
	if (text)
		return text;
	text = function_text(inv, view, handler);
	return text ? np_arena_printf(inv->arena, "waited for by %s", text) : "waited for";
}

np_node *np_leaks_promises(struct np_invocation *inv, struct np_heap_view *view)
{
	np_v8 *v8 = inv->session->v8;
	const np_layout *l = v8->layout;
	struct tallies t = {0};
	uint64_t pending = 0;
	if (!np_has(l, NP_F_JSPromise_flags) || !np_has(l, NP_F_JSPromise_status_mask))
		return NULL;
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		int32_t flags;
		np_addr at;
		if (!np_reach_has(&view->reach, node) ||
		    np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind != NP_KIND_JS_PROMISE)
			continue;
		at = np_graph_address(view->graph, node);
		if (!np_smi_at(v8, at + (np_addr)np_get(l, NP_F_JSPromise_flags), &flags) ||
		    flags & np_get(l, NP_F_JSPromise_status_mask))
			continue;
		pending++;
		tally_add(&t, waiting_text(inv, view, at), node);
	}
	np_node *n = NULL;
	if (pending >= COUNT_MIN) {
		n = np_obj(inv->arena, &promises_shape);
		np_set_uint(n, "pending", pending);
		np_set_node(n, "top", tallies_node(inv, view, &t, &promise_shape, "waiting"));
	}
	tallies_deinit(&t);
	return n;
}

/* --- buffers --- */

static const struct np_shape buffer_shape = {
	.name = "buffer", .style = NP_STYLE_LINE,
	.line = "{used_bytes} in use keep {store_bytes}[, held by {held_by}] ({example})"};
static const struct np_shape buffers_shape = {
	.name = "buffers", .style = NP_STYLE_LINE,
	.line = "{count:num} ArrayBuffers of which only slices are used: {wasted_bytes} that nothing reaches", .children = "top",
	.indent = 2};

struct store {
	np_vertex buffer, view;
	uint64_t size, used;
};

static int store_compare(const void *a, const void *b)
{
	const struct store *x = a, *y = b;
	uint64_t p = x->size - x->used, q = y->size - y->used;
	return p > q ? -1 : p < q;
}

/* Bytes that live views of a buffer cover (overlaps counted again, at most all). */
static uint64_t used_bytes(struct np_heap_view *view, np_v8 *v8, np_vertex buffer, uint64_t size, np_vertex *ret_view)
{
	const np_layout *l = v8->layout;
	struct np_edges back = np_graph_referrers(view->graph, buffer);
	uint64_t used = 0;
	for (uint32_t i = 0; i < back.count; i++) {
		np_vertex node = np_edge_target(back.targets[i]);
		enum np_kind kind = np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind;
		uint64_t length;
		int32_t smi;
		if (!np_reach_has(&view->reach, node) || kind == NP_KIND_MAP)
			continue;
		if (kind != NP_KIND_JS_TYPED_ARRAY && kind != NP_KIND_JS_DATA_VIEW)
			return size; /* the buffer itself is held: all of it may be used */
		np_addr at = np_graph_address(view->graph, node);
		if (np_has(l, NP_F_JSArrayBufferView_is_smi) && np_get(l, NP_F_JSArrayBufferView_is_smi)) {
			if (!np_smi_at(v8, at + (np_addr)np_get(l, NP_F_JSArrayBufferView_byte_length), &smi) || smi < 0)
				return size;
			length = (uint64_t)smi;
		} else if (!np_field_u64(v8, at, NP_F_JSArrayBufferView_byte_length, &length)) {
			return size;
		}
		used += length;
		*ret_view = node;
	}
	return used < size ? used : size;
}

static void stores_gather(struct np_heap_view *view, np_v8 *v8, struct store **ret, size_t *ret_len)
{
	NP_VEC(struct store) all = {0};
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		struct store s = {.buffer = node, .view = NP_VERTEX_NONE};
		if (!np_reach_has(&view->reach, node) ||
		    np_graph_shape(view->graph, np_graph_shape_of(view->graph, node))->kind != NP_KIND_JS_ARRAY_BUFFER)
			continue;
		struct np_edges row = np_graph_edges(view->graph, node);
		np_vertex memory = row.count ? np_edge_target(row.targets[row.count - 1]) : NP_VERTEX_NONE;
		if (memory == NP_VERTEX_NONE || !np_graph_is_external(view->graph, memory))
			continue;
		s.size = np_graph_size(view->graph, memory);
		s.used = used_bytes(view, v8, node, s.size, &s.view);
		if (s.view != NP_VERTEX_NONE && s.used * 2 < s.size)
			np_vec_push(&all, s);
	}
	*ret = all.data;
	*ret_len = all.len;
}

np_node *np_leaks_buffers(struct np_invocation *inv, struct np_heap_view *view)
{
	struct store *stores;
	size_t len;
	uint64_t wasted = 0;
	if (!np_has(inv->session->v8->layout, NP_F_JSArrayBufferView_byte_length))
		return NULL;
	stores_gather(view, inv->session->v8, &stores, &len);
	if (len)
		qsort(stores, len, sizeof(*stores), store_compare);
	np_node *n = NULL, *top = np_list(inv->arena, &buffer_shape);
	for (size_t i = 0; i < len; i++) {
		wasted += stores[i].size - stores[i].used;
		if (i >= ROWS_MAX)
			continue;
		np_node *row = np_obj(inv->arena, &buffer_shape);
		np_set_bytes(row, "used_bytes", stores[i].used);
		np_set_bytes(row, "store_bytes", stores[i].size);
		np_set_str(row, "held_by", np_held_by(inv, view, stores[i].view));
		np_set_addr(row, "example", np_graph_address(view->graph, stores[i].view) | 1);
		np_add(top, row);
	}
	free(stores);
	if (wasted >= WASTE_MIN) {
		n = np_obj(inv->arena, &buffers_shape);
		np_set_uint(n, "count", len);
		np_set_bytes(n, "wasted_bytes", wasted);
		np_set_node(n, "top", top);
	}
	return n;
}

/* --- contexts --- */

static const struct np_shape context_shape = {.name = "context", .style = NP_STYLE_LINE, .line = "{address}[ {held_by}]"};
static const struct np_shape contexts_shape = {
	.name = "contexts", .style = NP_STYLE_LINE,
	.line = "{count:num} global contexts (one is the program's, each vm context and ShadowRealm adds one):",
	.children = "top", .indent = 2};

np_node *np_leaks_contexts(struct np_invocation *inv, struct np_heap_view *view)
{
	np_node *top = np_list(inv->arena, &context_shape);
	uint64_t count = 0;
	for (np_vertex node = 0; node < np_graph_object_count(view->graph); node++) {
		const struct np_vertex_shape *s = np_graph_shape(view->graph, np_graph_shape_of(view->graph, node));
		if (!np_reach_has(&view->reach, node) || !s->type_name || strcmp(s->type_name, "NATIVE_CONTEXT_TYPE") != 0)
			continue;
		if (count++ < ROWS_MAX) {
			np_node *n = np_obj(inv->arena, &context_shape);
			np_set_addr(n, "address", np_graph_address(view->graph, node) | 1);
			np_set_str(n, "held_by", np_held_by(inv, view, node));
			np_add(top, n);
		}
	}
	if (count <= 2)
		return NULL;
	np_node *n = np_obj(inv->arena, &contexts_shape);
	np_set_uint(n, "count", count);
	np_set_node(n, "top", top);
	return n;
}
