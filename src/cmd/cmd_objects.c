/* nopsy objects: the census of the heap by class and shape. */
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/heap_view.h"
#include "cmd/object_filter.h"
#include "cmd/objects_by.h"
#include "cmd/objects_fill.h"
#include "cmd/session.h"
#include "heap/group_retained.h"
#include "heap/member.h"

enum { ROWS_DEFAULT = 40, SHAPE_SHOWN = 6 };

static const struct np_option options[] = {
	NP_OBJECT_FILTER_OPTIONS,
	{"min-count", 0, NP_OPT_INT, "N", NULL, "only groups of at least N objects"},
	{"min-bytes", 0, NP_OPT_INT, "N", NULL, "only groups of at least N bytes of their own (--fill: that waste as much)"},
	{"sort", 's', NP_OPT_CHOICE, "WHAT", "self|count|retained|class", "biggest first by that (self)"},
	{"by", 0, NP_OPT_STRING, "WHAT", NULL,
	 "one row for each `shape` of a class, for each `class`, or for each value of a member such as .user.name (shape)"},
	{"fill", 0, NP_OPT_FLAG, NULL, NULL, "how full arrays, Maps, dictionaries, buffers are; what their empty room takes"},
	{"no-retained", 0, NP_OPT_FLAG, NULL, NULL, "leave out retained sizes, which take most of the time"},
	{"instances", 'i', NP_OPT_FLAG, NULL, NULL, "addresses instead of the census"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows or addresses (40 rows as text, else all)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy objects 4242", "what the heap of a process consists of"},
	{"nopsy objects core.4242 --class Session --instances", "addresses of all instances of a class"},
	{"nopsy objects core.4242 --property cahce", "who has a property of that name"},
	{"nopsy objects core.4242 --fill", "which collections are nearly empty, and what that wastes, by class"},
	{"nopsy objects core.4242 --fill --instances --limit 10", "the ten collections that waste most"},
	{"nopsy objects core.4242 --class Session --by .user.name", "whose sessions they are: by the value of a member"},
	{0},
};

static const struct np_shape group_shape = {
	.name = "group",
	.style = NP_STYLE_TABLE,
	.columns = "count:Count,self_bytes:Self,retained_bytes:Retained,class:Class:name,_shape:Properties:dim,example:Example",
	.empty = "no such objects",
};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{count:num} objects, {self_bytes}[ ({_live})]"};
static const struct np_shape answer_shape = {
	.name = "objects", .style = NP_STYLE_LINE, .children = "groups,more,total,coverage", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {groups:num} more groups; --limit N shows more"};
static const struct np_shape instances_shape = {
	.name = "instances", .style = NP_STYLE_LINE, .children = "instances", .indent = -1};

struct tally {
	uint32_t group;
	uint64_t count, self_bytes, retained_bytes;
	np_vertex example;
};

struct census {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_object_filter filter;
	bool by_class, with_retained;
	struct tally *tallies; /* by group or class */
	size_t cap, len;
	uint32_t *group_of_node; /* with retained sizes; NP_VERTEX_NONE: filtered away */
	struct tally total;
};

static struct tally *tally_of(struct census *c, uint32_t key)
{
	if (key >= c->cap) {
		size_t cap = (size_t)key * 2 + 256;
		c->tallies = np_xrealloc(c->tallies, cap * sizeof(*c->tallies));
		memset(c->tallies + c->cap, 0, (cap - c->cap) * sizeof(*c->tallies));
		c->cap = cap;
	}
	if (key >= c->len)
		c->len = (size_t)key + 1;
	return &c->tallies[key];
}

static void census_count(struct census *c)
{
	np_graph *g = c->view->graph;
	np_vertex n = np_graph_node_count(g);
	if (c->with_retained)
		c->group_of_node = np_xmalloc(((size_t)n + 1) * sizeof(*c->group_of_node));
	for (np_vertex node = 0; node < n; node++) {
		if (!np_object_filter_takes(&c->filter, node)) {
			if (c->group_of_node)
				c->group_of_node[node] = NP_VERTEX_NONE;
			continue;
		}
		uint32_t key = c->by_class ? np_class_id_of(c->view->classes, node) : np_group_id_of(c->view->classes, node);
		struct tally *t = tally_of(c, key);
		if (!t->count++)
			t->example = node;
		t->group = key;
		t->self_bytes += np_graph_size(g, node);
		if (!np_graph_is_external(g, node))
			c->total.count++;
		c->total.self_bytes += np_graph_size(g, node);
		if (c->group_of_node)
			c->group_of_node[node] = key;
	}
}

static void census_retained(struct census *c)
{
	uint64_t *bytes = np_xcalloc(c->len + 1, sizeof(*bytes));
	np_group_retained(&c->view->dominators, c->group_of_node, (uint32_t)c->len, bytes);
	for (size_t i = 0; i < c->len; i++)
		c->tallies[i].retained_bytes = bytes[i];
	free(bytes);
}

/* --- the answer --- */

struct order {
	const struct census *census;
	const char *by;
};

static int tally_compare(const void *a, const void *b, void *ctx)
{
	const struct tally *x = a, *y = b;
	const struct order *o = ctx;
	uint64_t p = x->self_bytes, q = y->self_bytes;
	if (strcmp(o->by, "count") == 0) {
		p = x->count;
		q = y->count;
	} else if (strcmp(o->by, "retained") == 0) {
		p = x->retained_bytes;
		q = y->retained_bytes;
	} else if (strcmp(o->by, "class") == 0) {
		np_classes *classes = o->census->view->classes;
		int c = strcmp(np_class_of(classes, x->example), np_class_of(classes, y->example));
		if (c)
			return c;
	}
	if (p != q)
		return p > q ? -1 : 1;
	return x->group < y->group ? -1 : x->group > y->group;
}

static void set_shape(struct census *c, np_node *n, const struct tally *t)
{
	const struct np_group *g = np_group_get(c->view->classes, t->group);
	np_node *list = np_list(c->inv->arena, NULL);
	const char *text = g->is_dictionary ? "(each its own)" : "";
	for (uint32_t i = 0; i < g->property_count; i++) {
		np_add_str(list, g->properties[i]);
		if (i < SHAPE_SHOWN)
			text = np_arena_printf(c->inv->arena, "%s%s%s", text, i ? ", " : "", g->properties[i]);
		else if (i == SHAPE_SHOWN)
			text = np_arena_printf(c->inv->arena, "%s, +%u", text, g->property_count - SHAPE_SHOWN);
	}
	np_set_node(n, "shape", list);
	np_hide(n, "shape");
	np_set_str(n, "_shape", text);
	if (g->is_dictionary) {
		np_set_bool(n, "dictionary", true);
		np_hide(n, "dictionary");
	}
}

static np_node *group_node(struct census *c, const struct tally *t)
{
	np_node *n = np_obj(c->inv->arena, &group_shape);
	np_set_uint(n, "count", t->count);
	np_set_bytes(n, "self_bytes", t->self_bytes);
	if (c->with_retained)
		np_set_bytes(n, "retained_bytes", t->retained_bytes);
	np_set_str(n, "class", np_class_of(c->view->classes, t->example));
	if (!c->by_class)
		set_shape(c, n, t);
	np_addr at = np_graph_address(c->view->graph, t->example);
	np_set_addr(n, "example", np_graph_is_external(c->view->graph, t->example) ? at : at | 1);
	return n;
}

static void answer_census(struct census *c)
{
	struct np_invocation *inv = c->inv;
	int64_t min_count = 0, min_bytes = 0, limit = inv->globals->json ? INT64_MAX : ROWS_DEFAULT;
	np_opt_int(inv, "min-count", &min_count);
	np_opt_int(inv, "min-bytes", &min_bytes);
	np_opt_int(inv, "limit", &limit);
	size_t kept = 0;
	for (size_t i = 0; i < c->len; i++)
		if (c->tallies[i].count && c->tallies[i].count >= (uint64_t)min_count &&
		    c->tallies[i].self_bytes >= (uint64_t)min_bytes)
			c->tallies[kept++] = c->tallies[i];
	struct order order = {c, np_opt_str(inv, "sort") ? np_opt_str(inv, "sort") : "self"};
	if (kept)
		qsort_r(c->tallies, kept, sizeof(*c->tallies), tally_compare, &order);
	np_node *groups = np_list(inv->arena, &group_shape), *total = np_obj(inv->arena, &total_shape);
	size_t shown = kept < (uint64_t)limit ? kept : (size_t)limit;
	for (size_t i = 0; i < shown; i++)
		np_add(groups, group_node(c, &c->tallies[i]));
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_uint(total, "count", c->total.count);
	np_set_bytes(total, "self_bytes", c->total.self_bytes);
	np_set_str(total, "_live", c->filter.all ? "garbage included" : "alive");
	np_set_node(inv->result, "total", total);
	np_set_node(inv->result, "groups", groups);
	if (shown < kept) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "groups", kept - shown);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, c->view));
}

static void answer_instances(struct census *c)
{
	struct np_invocation *inv = c->inv;
	np_graph *g = c->view->graph;
	np_node *list = np_list(inv->arena, NULL);
	int64_t limit = INT64_MAX;
	np_opt_int(inv, "limit", &limit);
	for (np_vertex node = 0; node < np_graph_object_count(g) && limit > 0; node++)
		if (np_object_filter_takes(&c->filter, node)) {
			np_add_addr(list, np_graph_address(g, node) | 1);
			limit--;
		}
	inv->result = np_obj(inv->arena, &instances_shape);
	np_set_node(inv->result, "instances", list);
}

static np_err *run(struct np_invocation *inv)
{
	struct census c = {.inv = inv};
	const char *by = np_opt_str(inv, "by"), *sort = np_opt_str(inv, "sort");
	int64_t n;
	if (np_opt_int(inv, "limit", &n) && n < 0)
		return np_err_new(NP_EUSAGE, "--limit is a number of rows");
	if (by && (np_opt_flag(inv, "fill") || np_opt_flag(inv, "instances")))
		return np_err_new(NP_EUSAGE, "--by goes with neither --fill nor --instances");
	bool by_member = by && strcmp(by, "class") != 0 && strcmp(by, "shape") != 0;
	if (by_member)
		NP_TRY(np_member_check(by));
	NP_TRY(np_heap_view_get(inv, &c.view));
	NP_TRY(np_object_filter_init(inv, c.view, &c.filter));
	if (np_opt_flag(inv, "fill")) {
		np_objects_fill(inv, c.view, &c.filter);
		np_object_filter_deinit(&c.filter);
		return NULL;
	}
	if (np_opt_flag(inv, "instances")) {
		answer_instances(&c);
		np_object_filter_deinit(&c.filter);
		return NULL;
	}
	c.by_class = by && strcmp(by, "class") == 0;
	c.with_retained = !np_opt_flag(inv, "no-retained") || (sort && strcmp(sort, "retained") == 0);
	np_err *err = c.with_retained ? np_heap_view_need_dominators(inv, c.view) : NULL;
	if (!err && by_member) {
		err = np_objects_by(inv, c.view, &c.filter, by, c.with_retained);
	} else if (!err) {
		census_count(&c);
		if (c.with_retained)
			census_retained(&c);
		answer_census(&c);
	}
	np_object_filter_deinit(&c.filter);
	free(c.tallies);
	free(c.group_of_node);
	return err;
}

const struct np_command np_cmd_objects = {
	.name = "objects",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "the census of the heap: count, self and retained bytes by class and shape",
	.help = "Counts the objects that the roots keep alive; --all counts garbage too. A class is the name of the\n"
		"constructor; what is no object to JavaScript stands in parentheses, V8's own objects are called as V8\n"
		"calls them. Memory outside of the heap that objects own (the bytes of buffers) counts as external memory.\n"
		"The retained size of a group is what would be freed with all its objects.\n\n"
		"--by .MEMBER counts by the value of a member: numbers and strings that are equal, BigInts and Dates too, are\n"
		"one value, other objects are values of their own; most frequent first. Paths go through own properties,\n"
		"[index] and .entries; length, size and byteLength of built-in objects are known. Without --class or another\n"
		"choice every object that has the member counts. A member called `class` or `shape` is written .class, .shape.\n\n"
		"--fill compares the room that objects have with what they use of it: slots of arrays (holes are not in use),\n"
		"slots for properties, entries of dictionaries, Maps, Sets and WeakMaps, bytes of ArrayBuffers that some view\n"
		"shows (a pool of Buffers). A row for each class and kind of room; with --instances one for each object.\n\n"
		"A live process is copied in one short pause and goes on while the copy is looked at.",
	.options = options,
	.examples = examples,
	.run = run,
};
