/*
 * Promises that are not settled: who waits for them, and where they were made,
 * as far as the heap tells: an async function has the promise of its result, a
 * reaction the promise that then() returned.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/string.h"

enum { ROWS_MAX = 8, COUNT_MIN = 10, CONTEXT_SLOTS_MAX = 6 };

static const struct np_shape promise_shape = {
	.name = "promise", .style = NP_STYLE_LINE, .line = "{count:num} {waiting:name}[, made by {made_by:name}] ({example})",
	.children = "_held,_commands", .indent = 2};
static const struct np_shape promises_shape = {
	.name = "promises", .style = NP_STYLE_LINE, .line = "{pending:num} promises that are not settled:",
	.children = "top,_commands", .indent = 2};

struct promises {
	struct np_leaks *leaks;
	np_v8 *v8;
	np_graph *graph;
	struct np_addr_map makers; /* promise -> text */
	struct np_addr_map texts;  /* struct joined */
};

/* --- state --- */

/* Where the Smi lies that tells the state (0: pending): the promise's flags, a field, or a property under a private symbol. */
struct state_slot {
	uint32_t offset; /* 0: not known */
	int32_t mask;
};

struct symbol_search {
	np_v8 *v8;
	np_addr object;
	uint32_t offset;
};

static bool symbol_match(void *ctx, const struct np_property *p)
{
	static const char *const names[] = {"Promise#status", "promise_status_symbol", "promise_state_symbol"};
	struct symbol_search *s = ctx;
	np_tagged description;
	if (p->is_accessor || p->is_double || p->slot < s->object || p->slot - s->object > UINT16_MAX ||
	    !np_field(s->v8, np_ref(p->key), NP_F_Symbol_description, &description) ||
	    !np_is_kind(s->v8, description, NP_KIND_STRING))
		return true;
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (np_string_equals(s->v8, np_ref(description), names[i]))
			s->offset = (uint32_t)(p->slot - s->object);
	return !s->offset;
}

static struct state_slot state_slot_of(struct promises *p, np_vertex promise)
{
	const np_layout *l = p->v8->layout;
	struct symbol_search s = {p->v8, np_graph_address(p->graph, promise), 0};
	if (np_get(l, NP_F_JSPromise_status_is_symbol) == 1) {
		np_err_free(np_object_symbols(p->v8, s.object, symbol_match, &s));
		return (struct state_slot){s.offset, -1};
	}
	if (np_has(l, NP_F_JSPromise_status_is_field))
		return (struct state_slot){(uint32_t)np_get(l, NP_F_JSPromise_status_is_field), -1};
	if (!np_has(l, NP_F_JSPromise_flags) || !np_has(l, NP_F_JSPromise_status_mask))
		return (struct state_slot){0, 0};
	return (struct state_slot){(uint32_t)np_get(l, NP_F_JSPromise_flags), (int32_t)np_get(l, NP_F_JSPromise_status_mask)};
}

static bool is_pending(const struct promises *p, np_vertex promise, const struct state_slot *slot)
{
	const uint8_t *bytes = np_graph_bytes(p->graph, promise);
	np_tagged state;
	if (!slot->offset || !bytes || slot->offset + 8ull > np_graph_size(p->graph, promise))
		return false;
	memcpy(&state.raw, bytes + slot->offset, 8);
	return np_is_smi(state) && !(np_smi_value(state) & slot->mask);
}

/* --- who waits --- */

/* The async function that an await closure goes on with: its context has the generator. */
static const char *awaiting_text(struct promises *p, np_addr handler)
{
	np_v8 *v8 = p->v8;
	np_tagged context, generator, function;
	uint32_t length;
	if (!np_field(v8, handler, NP_F_JSFunction_context, &context) || !np_is_ref(context) ||
	    !np_array_length(v8, np_ref(context), &length))
		return NULL;
	for (uint32_t i = 0; i < length && i < CONTEXT_SLOTS_MAX; i++) {
		if (!np_array_get(v8, np_ref(context), i, &generator) || !np_is_ref(generator))
			continue;
		enum np_kind kind = np_kind_at(v8, np_ref(generator));
		if ((kind == NP_KIND_JS_ASYNC_FUNCTION || kind == NP_KIND_JS_ASYNC_GENERATOR || kind == NP_KIND_JS_GENERATOR) &&
		    np_field(v8, np_ref(generator), NP_F_JSGeneratorObject_function, &function))
			return np_leaks_function_text(p->leaks, function);
	}
	return NULL;
}

/* Two texts as one, which is kept: there are few different ones, of a million promises. */
struct joined {
	const char *a, *b, *text;
};

static const char *texts_join(struct promises *p, const char *a, char between, const char *b)
{
	np_addr key = ((uintptr_t)a * 31 + (uintptr_t)b) | 1;
	struct joined *known = np_addr_map_get(&p->texts, key);
	if (known && known->a == a && known->b == b)
		return known->text;
	const char *text = np_arena_printf(p->leaks->inv->arena, "%s%c%s", a, between, b);
	if (!known) {
		known = NP_NEW(p->leaks->inv->arena, struct joined);
		*known = (struct joined){a, b, text};
		np_addr_map_put(&p->texts, key, known);
	}
	return text;
}

static const char *handler_text(struct promises *p, np_tagged handler)
{
	static const char awaited[] = "awaited by", waited[] = "waited for by";
	if (!np_is_js_function(p->v8, handler))
		return "passed on";
	const char *text = awaiting_text(p, np_ref(handler));
	if (text)
		return texts_join(p, awaited, ' ', text);
	text = np_leaks_function_text(p->leaks, handler);
	return text ? texts_join(p, waited, ' ', text) : "waited for";
}

/* 6.2 keeps the handlers in the promise, one or a list. */
static const char *reactions_text(struct promises *p, np_addr promise)
{
	np_tagged reactions, first;
	if (!np_field(p->v8, promise, NP_F_JSPromise_fulfill_reactions, &reactions))
		return "waited for in a way that is not known";
	if (!np_is_ref(reactions) || np_kind_at(p->v8, np_ref(reactions)) == NP_KIND_ODDBALL)
		return "that nothing waits for";
	if (np_is_kind(p->v8, reactions, NP_KIND_FIXED_ARRAY) && np_array_get(p->v8, np_ref(reactions), 0, &first))
		reactions = first;
	return handler_text(p, reactions);
}

static const char *waiting_text(struct promises *p, np_addr promise)
{
	np_v8 *v8 = p->v8;
	np_tagged reaction, handler;
	if (np_has(v8->layout, NP_F_JSPromise_fulfill_reactions))
		return reactions_text(p, promise);
	if (!np_has(v8->layout, NP_F_PromiseReaction_fulfill_handler) ||
	    !np_field(v8, promise, NP_F_JSPromise_result, &reaction))
		return "waited for in a way that is not known";
	if (!np_is_ref(reaction) || np_kind_at(v8, np_ref(reaction)) != NP_KIND_PROMISE_REACTION)
		return "that nothing waits for";
	if (!np_field(v8, np_ref(reaction), NP_F_PromiseReaction_fulfill_handler, &handler))
		return "waited for";
	return handler_text(p, handler);
}

/* --- who made them --- */

static void maker_add(struct promises *p, np_tagged promise, const char *text)
{
	if (text && np_is_ref(promise) && np_graph_find(p->graph, np_ref(promise)) != NP_VERTEX_NONE)
		np_addr_map_put(&p->makers, np_ref(promise), (void *)text);
}

static void makers_find(struct promises *p)
{
	static const char async[] = "async", then[] = "then() with", await[] = "await in";
	const struct np_scan_list *list = &p->leaks->found[NP_LEAKS_REACTION];
	np_tagged promise, function;
	for (size_t i = 0; i < list->count; i++) {
		np_addr at = np_graph_address(p->graph, list->nodes[i]);
		if (!np_field(p->v8, at, NP_F_PromiseReaction_promise_or_capability, &promise) || !np_is_ref(promise) ||
		    !np_field(p->v8, at, NP_F_PromiseReaction_fulfill_handler, &function) ||
		    !np_is_js_function(p->v8, function))
			continue;
		const char *text = awaiting_text(p, np_ref(function)), *what = await;
		if (!text) {
			text = np_leaks_function_text(p->leaks, function);
			what = then;
		}
		maker_add(p, promise, text ? texts_join(p, what, ' ', text) : NULL);
	}
	list = &p->leaks->found[NP_LEAKS_ASYNC_FUNCTION];
	for (size_t i = 0; i < list->count; i++) {
		np_addr at = np_graph_address(p->graph, list->nodes[i]);
		if (!np_field(p->v8, at, NP_F_JSAsyncFunctionObject_promise, &promise) ||
		    !np_field(p->v8, at, NP_F_JSGeneratorObject_function, &function))
			continue;
		const char *text = np_leaks_function_text(p->leaks, function);
		maker_add(p, promise, text ? texts_join(p, async, ' ', text) : NULL);
	}
}

/* --- the section --- */

/* The key of a tally is both texts: "waiting\nmaker". */
static np_node *row_make(struct promises *p, const struct np_leaks_tally *t, bool is_first)
{
	np_arena *arena = p->leaks->inv->arena;
	np_node *n = np_obj(arena, &promise_shape);
	const char *maker = strchr(t->key, '\n');
	np_set_uint(n, "count", t->count);
	np_set_str(n, "waiting", maker ? np_arena_strndup(arena, t->key, (size_t)(maker - t->key)) : t->key);
	if (maker)
		np_set_str(n, "made_by", maker + 1);
	np_set_addr(n, "example", np_graph_address(p->graph, t->example) | 1);
	np_leaks_set_path(p->leaks, n, t->example, is_first, NULL);
	if (is_first)
		np_leaks_add_command_at(p->leaks, n, "path", t->example);
	return n;
}

static uint64_t pending_count(struct promises *p, struct np_leaks_tallies *tallies)
{
	const struct np_scan_list *list = &p->leaks->found[NP_LEAKS_PROMISE];
	struct state_slot *slots = np_xcalloc((size_t)np_graph_shape_count(p->graph) + 1, sizeof(*slots));
	uint64_t pending = 0;
	for (size_t i = 0; i < list->count; i++) {
		np_vertex node = list->nodes[i];
		struct state_slot *slot = &slots[np_graph_shape_of(p->graph, node)];
		if (!slot->mask)
			*slot = state_slot_of(p, node);
		if (!is_pending(p, node, slot))
			continue;
		np_addr at = np_graph_address(p->graph, node);
		const char *waiting = waiting_text(p, at), *maker = np_addr_map_get(&p->makers, at);
		pending++;
		np_leaks_tally_add(tallies, maker ? texts_join(p, waiting, '\n', maker) : waiting, node);
	}
	free(slots);
	return pending;
}

np_node *np_leaks_promises(struct np_leaks *leaks)
{
	struct promises p = {.leaks = leaks, .v8 = leaks->inv->session->v8, .graph = leaks->view->graph};
	struct np_leaks_tallies t = {0};
	np_node *n = NULL;
	makers_find(&p);
	uint64_t pending = pending_count(&p, &t);
	if (pending >= COUNT_MIN) {
		np_node *top = np_list(leaks->inv->arena, &promise_shape);
		np_leaks_tallies_sort(&t);
		for (size_t i = 0; i < t.len && i < ROWS_MAX; i++)
			np_add(top, row_make(&p, &t.data[i], i == 0));
		n = np_obj(leaks->inv->arena, &promises_shape);
		np_set_uint(n, "pending", pending);
		np_set_node(n, "top", top);
		np_leaks_add_command(leaks, n, "objects", "--class Promise --instances");
	}
	np_leaks_tallies_deinit(&t);
	np_addr_map_deinit(&p.makers);
	np_addr_map_deinit(&p.texts);
	return n;
}
