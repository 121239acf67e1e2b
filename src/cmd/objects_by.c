#include "cmd/objects_by.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/session.h"
#include "cmd/sums.h"
#include "cmd/value_node.h"
#include "heap/group_retained.h"
#include "heap/member.h"

enum { ROWS_DEFAULT = 40, TABLE_MIN = 1024, UNITS_TEXT = 60, UNITS_JSON = 1000 };

static const struct np_shape group_shape = {
	.name = "group",
	.style = NP_STYLE_TABLE,
	.columns = "count:Count,self_bytes:Self,retained_bytes:Retained,class:Class:name,_value:Value,example:Example",
	.empty = "no object has such a member",
};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "{count:num} objects, {self_bytes}[ ({_live})]; {values:num} different values of {by:name}"
		"[; {without:num} without]"};
static const struct np_shape answer_shape = {
	.name = "objects", .style = NP_STYLE_LINE, .children = "groups,more,total,coverage", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {groups:num} more values; --limit N shows more"};

struct group {
	struct np_value_key key;
	np_tagged value;
	double number;
	bool is_number;
	uint64_t count, self_bytes, retained_bytes;
	np_vertex example;
};

struct census {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_object_filter *filter;
	np_member *member;
	NP_VEC(struct group) groups; /* the first: objects without the member */
	uint32_t *table;	     /* hash by key: group + 1 */
	size_t cap;
	uint32_t *group_of_node; /* with retained sizes */
	uint64_t count, self_bytes;
};

static size_t table_place(const struct census *c, const struct np_value_key *k)
{
	uint64_t h = (k->a ^ k->b * 0x9e3779b97f4a7c15u ^ k->kind) * 0xff51afd7ed558ccdu;
	size_t at = (h ^ h >> 33) & (c->cap - 1);
	for (; c->table[at]; at = (at + 1) & (c->cap - 1)) {
		const struct np_value_key *other = &c->groups.data[c->table[at] - 1].key;
		if (other->kind == k->kind && other->a == k->a && other->b == k->b)
			break;
	}
	return at;
}

static void table_grow(struct census *c)
{
	c->cap = c->cap ? c->cap * 2 : TABLE_MIN;
	free(c->table);
	c->table = np_xcalloc(c->cap, sizeof(*c->table));
	for (size_t i = 1; i < c->groups.len; i++)
		c->table[table_place(c, &c->groups.data[i].key)] = (uint32_t)i + 1;
}

static uint32_t group_of(struct census *c, const struct group *of)
{
	if ((c->groups.len + 1) * 2 > c->cap)
		table_grow(c);
	size_t at = table_place(c, &of->key);
	if (!c->table[at]) {
		np_vec_push(&c->groups, *of);
		c->table[at] = (uint32_t)c->groups.len;
	}
	return c->table[at] - 1;
}

static void census_count(struct census *c)
{
	np_graph *g = c->view->graph;
	bool all_have = !np_object_filter_is_set(c->filter); /* those without the member were not asked for */
	np_vec_push(&c->groups, (struct group){.example = NP_VERTEX_NONE});
	for (np_vertex node = 0; node < np_graph_node_count(g); node++) {
		struct group of = {.example = node};
		if (c->group_of_node)
			c->group_of_node[node] = NP_VERTEX_NONE;
		if (!np_object_filter_takes(c->filter, node))
			continue;
		bool has = np_member_get(c->member, node, &of.value, &of.number, &of.is_number);
		if (!has && all_have)
			continue;
		if (has)
			np_member_key(c->member, of.value, of.number, of.is_number, &of.key);
		uint32_t id = has ? group_of(c, &of) : 0;
		struct group *group = &c->groups.data[id];
		if (group->example == NP_VERTEX_NONE)
			group->example = node;
		group->count++;
		group->self_bytes += np_graph_size(g, node);
		c->count++;
		c->self_bytes += np_graph_size(g, node);
		if (c->group_of_node)
			c->group_of_node[node] = id;
	}
}

static void census_retained(struct census *c)
{
	uint64_t *bytes = np_xcalloc(c->groups.len + 1, sizeof(*bytes));
	np_group_retained(&c->view->dominators, c->group_of_node, (uint32_t)c->groups.len, bytes);
	for (size_t i = 0; i < c->groups.len; i++)
		c->groups.data[i].retained_bytes = bytes[i];
	free(bytes);
}

static int group_compare(const void *a, const void *b, void *ctx)
{
	const struct group *x = a, *y = b;
	const char *by = ctx;
	int c = np_sums_compare(&(struct np_sums){x->count, x->self_bytes, x->retained_bytes},
				&(struct np_sums){y->count, y->self_bytes, y->retained_bytes}, by);
	if (c)
		return c;
	return x->example < y->example ? -1 : x->example > y->example;
}

static np_node *group_node(struct census *c, const struct group *g, bool with_retained)
{
	static const struct np_shape none_shape = {.name = "none", .style = NP_STYLE_LINE, .line = "{text:dim}"};
	np_arena *arena = c->inv->arena;
	np_node *n = np_obj(arena, &group_shape), *value;
	struct np_value_limits limits = np_value_limits_brief;
	limits.depth = 0;
	limits.string_units = c->inv->globals->json ? UNITS_JSON : UNITS_TEXT;
	np_set_uint(n, "count", g->count);
	np_set_bytes(n, "self_bytes", g->self_bytes);
	if (with_retained)
		np_set_bytes(n, "retained_bytes", g->retained_bytes);
	np_set_str(n, "class", np_class_of(c->view->classes, g->example));
	if (g->key.kind) {
		value = g->is_number ? np_value_node_number(arena, g->number)
				     : np_value_node_of(c->inv->session->v8, g->value, &limits, arena);
		np_set_node(n, "value", value);
		np_set_node(n, "_value", value);
	} else {
		value = np_obj(arena, &none_shape);
		np_set_str(value, "text", "(none)");
		np_set_null(n, "value");
		np_set_node(n, "_value", value);
	}
	np_addr at = np_graph_address(c->view->graph, g->example);
	np_set_addr(n, "example", np_graph_is_external(c->view->graph, g->example) ? at : at | 1);
	return n;
}

static void census_answer(struct census *c, bool with_retained)
{
	struct np_invocation *inv = c->inv;
	int64_t min_count = 0, min_bytes = 0, limit = inv->globals->json ? INT64_MAX : ROWS_DEFAULT;
	const char *sort = np_opt_str(inv, "sort");
	np_opt_int(inv, "min-count", &min_count);
	np_opt_int(inv, "min-bytes", &min_bytes);
	np_opt_int(inv, "limit", &limit);
	uint64_t without = c->groups.data[0].count, values = c->groups.len - 1;
	size_t kept = 0;
	for (size_t i = 0; i < c->groups.len; i++)
		if (c->groups.data[i].count && c->groups.data[i].count >= (uint64_t)min_count &&
		    c->groups.data[i].self_bytes >= (uint64_t)min_bytes)
			c->groups.data[kept++] = c->groups.data[i];
	if (kept)
		qsort_r(c->groups.data, kept, sizeof(*c->groups.data), group_compare, (void *)(sort ? sort : "count"));
	np_node *list = np_list(inv->arena, &group_shape), *total = np_obj(inv->arena, &total_shape);
	size_t shown = kept < (uint64_t)limit ? kept : (size_t)limit;
	for (size_t i = 0; i < shown; i++)
		np_add(list, group_node(c, &c->groups.data[i], with_retained));
	np_set_uint(total, "count", c->count);
	np_set_bytes(total, "self_bytes", c->self_bytes);
	np_set_str(total, "by", np_member_path(c->member));
	np_set_uint(total, "values", values);
	if (without)
		np_set_uint(total, "without", without);
	np_set_str(total, "_live", c->filter->all ? "garbage included" : "alive");
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "total", total);
	np_set_node(inv->result, "groups", list);
	if (shown < kept) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "groups", kept - shown);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, c->view));
}

np_err *np_objects_by(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter,
		      const char *member, bool with_retained)
{
	struct census c = {.inv = inv, .view = view, .filter = filter};
	NP_TRY(np_member_create(view->graph, member, &c.member));
	if (with_retained)
		c.group_of_node = np_xmalloc(((size_t)np_graph_node_count(view->graph) + 1) * sizeof(*c.group_of_node));
	census_count(&c);
	if (with_retained)
		census_retained(&c);
	census_answer(&c, with_retained);
	free(c.table);
	free(c.group_of_node);
	np_vec_deinit(&c.groups);
	np_member_destroy(c.member);
	return NULL;
}
