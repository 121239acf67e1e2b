/* Listeners, timers, contexts: counts by what they belong to. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/held_by.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/context.h"
#include "v8/object.h"

enum { ROWS_MAX = 8, LISTENERS_MIN = 10, COUNT_MIN = 10 };

/* --- listeners --- */

static const struct np_shape listener_shape = {
	.name = "listener", .style = NP_STYLE_LINE,
	.line = "{count:num} on \"{event:string}\" of {class:name} {emitter}[, {listener}]",
	.children = "_held,_commands", .indent = 2};
static const struct np_shape listeners_shape = {
	.name = "listeners", .style = NP_STYLE_LINE,
	.line = "Events with more than {least:num} listeners[ ({_all:num}, those with most)]:", .children = "top", .indent = 2};

struct event {
	np_vertex emitter;
	np_tagged name, last; /* last: listener */
	uint64_t count;
};

struct events {
	struct np_leaks *leaks;
	np_v8 *v8;
	np_vertex emitter;
	NP_VEC(struct event) all;
};

static bool event_take(void *ctx, const struct np_property *p)
{
	struct events *e = ctx;
	struct np_elements elements;
	struct np_element last;
	if (p->is_accessor || p->is_double || !np_is_kind(e->v8, p->value, NP_KIND_JS_ARRAY) ||
	    !np_elements_load(e->v8, np_ref(p->value), &elements) || elements.length <= LISTENERS_MIN ||
	    elements.form != NP_ELEMENTS_TAGGED)
		return true;
	struct event event = {e->emitter, p->key, {0}, elements.length};
	if (elements.length <= elements.capacity && np_element_get(e->v8, &elements, (uint32_t)elements.length - 1, &last) &&
	    !last.is_double)
		event.last = last.value;
	np_vec_push(&e->all, event);
	return true;
}

static enum np_kind kind_of(const np_graph *g, np_vertex node)
{
	return np_graph_is_external(g, node) ? NP_KIND_UNKNOWN : np_graph_shape(g, np_graph_shape_of(g, node))->kind;
}

/* Most events have one listener and no array of them: do the object or its stores refer to one? */
static bool has_arrays(const np_graph *g, np_vertex events)
{
	struct np_edges row = np_graph_edges(g, events);
	for (uint32_t k = 0; k < row.count; k++) {
		np_vertex store = np_edge_target(row.targets[k]);
		enum np_kind kind = kind_of(g, store);
		if (kind == NP_KIND_JS_ARRAY)
			return true;
		if (np_kind_is_receiver(kind) || kind == NP_KIND_MAP || kind == NP_KIND_STRING)
			continue;
		struct np_edges below = np_graph_edges(g, store);
		for (uint32_t i = 0; i < below.count; i++)
			if (kind_of(g, np_edge_target(below.targets[i])) == NP_KIND_JS_ARRAY)
				return true;
	}
	return false;
}

static int event_compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->emitter != y->emitter)
		return x->emitter < y->emitter ? -1 : 1;
	return x->name.raw < y->name.raw ? -1 : x->name.raw > y->name.raw;
}

static np_node *event_node(struct events *e, const struct event *event, bool is_first)
{
	struct np_heap_view *view = e->leaks->view;
	np_node *n = np_obj(e->leaks->inv->arena, &listener_shape);
	np_set_uint(n, "count", event->count);
	np_set_str(n, "event", np_key_text(e->v8, event->name, e->leaks->inv->arena));
	np_set_str(n, "class", np_class_of(view->classes, event->emitter));
	np_set_addr(n, "emitter", np_graph_address(view->graph, event->emitter) | 1);
	np_set_str(n, "listener", np_leaks_function_text(e->leaks, event->last));
	np_leaks_set_path(e->leaks, n, event->emitter, is_first, NULL);
	if (is_first)
		np_leaks_add_command_at(e->leaks, n, "print", event->emitter);
	return n;
}

static void events_gather(struct events *e)
{
	const struct np_scan_list *list = &e->leaks->found[NP_LEAKS_EMITTER];
	np_graph *g = e->leaks->view->graph;
	for (size_t i = 0; i < list->count; i++) {
		np_tagged value;
		e->emitter = list->nodes[i];
		if (!np_leaks_property_get(e->leaks, &e->leaks->events, e->emitter, &value) || !np_is_ref(value))
			continue;
		np_vertex events = np_graph_find(g, np_ref(value));
		if (events != NP_VERTEX_NONE && np_kind_is_receiver(kind_of(g, events)) && has_arrays(g, events))
			np_err_free(np_object_properties(e->v8, np_ref(value), event_take, e));
	}
	if (e->all.len)
		qsort(e->all.data, e->all.len, sizeof(*e->all.data), event_compare);
}

np_node *np_leaks_listeners(struct np_leaks *leaks)
{
	struct events e = {.leaks = leaks, .v8 = leaks->inv->session->v8};
	np_node *n = NULL;
	events_gather(&e);
	if (e.all.len) {
		np_node *top = np_list(leaks->inv->arena, &listener_shape);
		for (size_t i = 0; i < e.all.len && i < ROWS_MAX; i++)
			np_add(top, event_node(&e, &e.all.data[i], i == 0));
		n = np_obj(leaks->inv->arena, &listeners_shape);
		np_set_uint(n, "least", LISTENERS_MIN);
		np_set_uint(n, "count", e.all.len);
		if (e.all.len > ROWS_MAX)
			np_set_uint(n, "_all", e.all.len);
		np_set_node(n, "top", top);
	}
	np_vec_deinit(&e.all);
	return n;
}

/* --- timers --- */

static const struct np_shape timer_shape = {
	.name = "timer", .style = NP_STYLE_LINE, .line = "{count:num} calling {callback:name} ({example})",
	.children = "_held,_commands", .indent = 2};
static const struct np_shape timers_shape = {
	.name = "timers", .style = NP_STYLE_LINE, .line = "{count:num} timers:", .children = "top,_commands", .indent = 2};

static np_node *timer_node(struct np_leaks *leaks, const struct np_leaks_tally *t, bool is_first)
{
	np_node *n = np_obj(leaks->inv->arena, &timer_shape);
	np_set_uint(n, "count", t->count);
	np_set_str(n, "callback", t->key);
	np_set_addr(n, "example", np_graph_address(leaks->view->graph, t->example) | 1);
	np_leaks_set_path(leaks, n, t->example, is_first, NULL);
	if (is_first)
		np_leaks_add_command_at(leaks, n, "print", t->example);
	return n;
}

/*
 * Up to Node 4, timers.js calls the program's function from one of its own,
 * which has it in a variable.
 */
static np_tagged callback_of(struct np_leaks *leaks, np_tagged function, np_arena *scratch)
{
	np_v8 *v8 = leaks->inv->session->v8;
	const char *text = np_leaks_function_text(leaks, function);
	struct np_context c;
	np_tagged context, value;
	if (!text || !strstr(text, " timers.js:") || !np_field(v8, np_ref(function), NP_F_JSFunction_context, &context) ||
	    !np_is_ref(context))
		return function;
	np_arena_reset(scratch);
	if (np_err_drop(np_context_load(v8, np_ref(context), scratch, &c)))
		return function;
	for (size_t i = 0; i < c.variable_count; i++)
		if (c.variables[i].name && strcmp(c.variables[i].name, "callback") == 0 &&
		    np_tagged_at(v8, c.variables[i].slot, &value) && np_is_js_function(v8, value))
			return value;
	return function;
}

np_node *np_leaks_timers(struct np_leaks *leaks)
{
	np_arena *scratch = np_arena_create();
	const struct np_scan_list *list = &leaks->found[NP_LEAKS_TIMER];
	struct np_leaks_tallies t = {0};
	uint64_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		np_tagged callback;
		if (!np_leaks_property_get(leaks, &leaks->on_timeout, list->nodes[i], &callback))
			continue;
		const char *text = np_leaks_function_text(leaks, callback_of(leaks, callback, scratch));
		if (!text)
			continue; /* cleared, or V8's prototype of one */
		count++;
		np_leaks_tally_add(&t, text, list->nodes[i]);
	}
	np_node *n = NULL;
	if (count >= COUNT_MIN) {
		np_node *top = np_list(leaks->inv->arena, &timer_shape);
		np_leaks_tallies_sort(&t);
		for (size_t i = 0; i < t.len && i < ROWS_MAX; i++)
			np_add(top, timer_node(leaks, &t.data[i], i == 0));
		n = np_obj(leaks->inv->arena, &timers_shape);
		np_set_uint(n, "count", count);
		np_set_node(n, "top", top);
		np_leaks_add_command(leaks, n, "objects", "--property _onTimeout --instances");
	}
	np_leaks_tallies_deinit(&t);
	np_arena_destroy(scratch);
	return n;
}

/* --- contexts --- */

static const struct np_shape context_shape = {
	.name = "context", .style = NP_STYLE_LINE, .line = "{address}[, {retained_bytes} retained][, {held_by}]",
	.children = "_held,_commands", .indent = 2};
static const struct np_shape contexts_shape = {
	.name = "contexts", .style = NP_STYLE_LINE,
	.line = "{count:num} global contexts (one is the program's, each vm context and ShadowRealm adds one):",
	.children = "top", .indent = 2};

np_node *np_leaks_contexts(struct np_leaks *leaks)
{
	const struct np_scan_list *list = &leaks->found[NP_LEAKS_CONTEXT];
	struct np_heap_view *view = leaks->view;
	if (list->count <= 2)
		return NULL;
	np_node *top = np_list(leaks->inv->arena, &context_shape);
	for (size_t i = 0; i < list->count && i < ROWS_MAX; i++) {
		np_node *n = np_obj(leaks->inv->arena, &context_shape);
		np_set_addr(n, "address", np_graph_address(view->graph, list->nodes[i]) | 1);
		np_set_bytes(n, "retained_bytes", view->dominators.retained[list->nodes[i]]);
		np_set_str(n, "held_by", np_held_by(leaks->inv, view, list->nodes[i]));
		np_leaks_set_path(leaks, n, list->nodes[i], i == 0, NULL);
		if (i == 0)
			np_leaks_add_command_at(leaks, n, "path", list->nodes[i]);
		np_add(top, n);
	}
	np_node *n = np_obj(leaks->inv->arena, &contexts_shape);
	np_set_uint(n, "count", list->count);
	np_set_node(n, "top", top);
	return n;
}
