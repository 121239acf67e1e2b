#include "cmd/objects_fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "heap/fill.h"

enum { ROWS_DEFAULT = 40, FIFTHS = 5 };

static const struct np_shape group_shape = {
	.name = "group",
	.style = NP_STYLE_TABLE,
	.columns = "wasted_bytes:Wasted,count:Count,empty:Empty,capacity:Room,used:Used,fill_percent:Full %,"
		   "class:Class:name,collection:Of,example:Worst",
	.empty = "no such collections",
};
static const struct np_shape one_shape = {
	.name = "collection",
	.style = NP_STYLE_TABLE,
	.columns = "wasted_bytes:Wasted,capacity:Room,used:Used,deleted:Deleted,fill_percent:Full %,class:Class:name,"
		   "collection:Of,address:Address",
	.empty = "no such collections",
};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "{count:num} collections[ ({_live})], {store_bytes} of room, {wasted_bytes} of it not in use"};
static const struct np_shape answer_shape = {
	.name = "fill", .style = NP_STYLE_LINE, .children = "groups,collections,more,total,coverage", .indent = -1};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {groups:num} more; --limit N shows more"};

struct tally {
	enum np_fill_kind kind;
	uint32_t class_id;
	uint64_t count, empty, capacity, used, deleted, store_bytes, wasted_bytes;
	uint64_t fifths[FIFTHS]; /* up to 20 % full, 40 %, ... */
	uint64_t worst_bytes;
	np_vertex worst;
};

struct one {
	np_vertex node;
	struct np_fill fill;
};
typedef NP_VEC(struct one) one_vec;

struct survey {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_object_filter *filter;
	struct tally *tallies; /* by class and kind */
	size_t cap;
	struct tally total;
	one_vec ones; /* with --instances: the worst */
	size_t limit, kept; /* kept: collections that pass the limits, shown or not */
	uint64_t min_count, min_bytes;
	bool instances;
};

static struct tally *tally_of(struct survey *s, uint32_t class_id, enum np_fill_kind kind)
{
	size_t at = (size_t)class_id * NP_FILL_KIND_COUNT + kind;
	if (at >= s->cap) {
		size_t cap = at * 2 + 256;
		s->tallies = np_xrealloc(s->tallies, cap * sizeof(*s->tallies));
		memset(s->tallies + s->cap, 0, (cap - s->cap) * sizeof(*s->tallies));
		s->cap = cap;
	}
	s->tallies[at].class_id = class_id;
	s->tallies[at].kind = kind;
	return &s->tallies[at];
}

static void tally_add(struct tally *t, np_vertex node, const struct np_fill *f)
{
	uint64_t fifth = f->used ? (f->used * FIFTHS - 1) / f->capacity : 0; /* 20 % belong to the first */
	if (!t->count++ || f->wasted_bytes > t->worst_bytes) {
		t->worst = node;
		t->worst_bytes = f->wasted_bytes;
	}
	t->empty += !f->used;
	t->capacity += f->capacity;
	t->used += f->used;
	t->deleted += f->deleted;
	t->store_bytes += f->store_bytes;
	t->wasted_bytes += f->wasted_bytes;
	t->fifths[fifth < FIFTHS ? fifth : FIFTHS - 1]++;
}

static int one_compare(const void *a, const void *b)
{
	const struct one *x = a, *y = b;
	if (x->fill.wasted_bytes != y->fill.wasted_bytes)
		return x->fill.wasted_bytes > y->fill.wasted_bytes ? -1 : 1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return x->fill.kind < y->fill.kind ? -1 : x->fill.kind > y->fill.kind;
}

static void ones_cut(struct survey *s)
{
	if (s->ones.len)
		qsort(s->ones.data, s->ones.len, sizeof(*s->ones.data), one_compare);
	if (s->ones.len > s->limit)
		s->ones.len = s->limit;
}

static void one_add(struct survey *s, np_vertex node, const struct np_fill *f)
{
	if (f->wasted_bytes < s->min_bytes || !f->wasted_bytes)
		return;
	s->kept++;
	if (s->ones.len >= 2 * s->limit + 64)
		ones_cut(s);
	np_vec_push(&s->ones, (struct one){node, *f});
}

static void survey_take(struct survey *s)
{
	struct np_fill fills[NP_FILL_KIND_COUNT];
	np_fills *all = np_fills_create(s->view->graph, s->filter->all ? NULL : &s->view->reach);
	for (np_vertex node = 0; node < np_graph_object_count(s->view->graph); node++) {
		if (!np_object_filter_takes(s->filter, node))
			continue;
		size_t n = np_fills_of(all, node, fills);
		for (size_t i = 0; i < n; i++) {
			tally_add(&s->total, node, &fills[i]);
			if (s->instances)
				one_add(s, node, &fills[i]);
			else
				tally_add(tally_of(s, np_class_id_of(s->view->classes, node), fills[i].kind), node, &fills[i]);
		}
	}
	np_fills_destroy(all);
}

static int tally_compare(const void *a, const void *b, void *ctx)
{
	const struct tally *x = a, *y = b;
	const char *by = ctx;
	uint64_t p = x->wasted_bytes, q = y->wasted_bytes;
	if (by && strcmp(by, "count") == 0) {
		p = x->count;
		q = y->count;
	} else if (by && strcmp(by, "self") == 0) {
		p = x->store_bytes;
		q = y->store_bytes;
	}
	if (p != q)
		return p > q ? -1 : 1;
	return x->worst < y->worst ? -1 : x->worst > y->worst;
}

static void set_numbers(np_node *n, enum np_fill_kind kind, uint64_t capacity, uint64_t used, uint64_t deleted,
			uint64_t store_bytes, uint64_t wasted_bytes)
{
	np_set_str(n, "collection", np_fill_kind_name(kind));
	np_set_uint(n, "capacity", capacity);
	np_set_uint(n, "used", used);
	np_set_uint(n, "deleted", deleted);
	np_set_double(n, "fill_percent", (double)(capacity ? used * 1000 / capacity : 0) / 10);
	np_set_bytes(n, "store_bytes", store_bytes);
	np_set_bytes(n, "wasted_bytes", wasted_bytes);
}

static np_node *group_node(struct survey *s, const struct tally *t)
{
	np_arena *arena = s->inv->arena;
	np_node *n = np_obj(arena, &group_shape), *fifths = np_list(arena, NULL);
	np_set_str(n, "class", np_class_id_name(s->view->classes, t->class_id));
	np_set_uint(n, "count", t->count);
	np_set_uint(n, "empty", t->empty);
	set_numbers(n, t->kind, t->capacity, t->used, t->deleted, t->store_bytes, t->wasted_bytes);
	for (size_t i = 0; i < FIFTHS; i++)
		np_add_int(fifths, (int64_t)t->fifths[i]);
	np_set_node(n, "count_by_fifth", fifths);
	np_hide(n, "count_by_fifth");
	np_set_addr(n, "example", np_graph_address(s->view->graph, t->worst) | 1);
	return n;
}

static np_node *one_node(struct survey *s, const struct one *o)
{
	np_node *n = np_obj(s->inv->arena, &one_shape);
	np_set_addr(n, "address", np_graph_address(s->view->graph, o->node) | 1);
	np_set_str(n, "class", np_class_of(s->view->classes, o->node));
	set_numbers(n, o->fill.kind, o->fill.capacity, o->fill.used, o->fill.deleted, o->fill.store_bytes,
		    o->fill.wasted_bytes);
	return n;
}

static void answer_groups(struct survey *s)
{
	np_node *list = np_list(s->inv->arena, &group_shape);
	for (size_t i = 0; i < s->cap; i++)
		if (s->tallies[i].count && s->tallies[i].count >= s->min_count && s->tallies[i].wasted_bytes >= s->min_bytes)
			s->tallies[s->kept++] = s->tallies[i];
	if (s->kept)
		qsort_r(s->tallies, s->kept, sizeof(*s->tallies), tally_compare, (void *)np_opt_str(s->inv, "sort"));
	for (size_t i = 0; i < s->kept && i < s->limit; i++)
		np_add(list, group_node(s, &s->tallies[i]));
	np_set_node(s->inv->result, "groups", list);
}

static void answer_ones(struct survey *s)
{
	np_node *list = np_list(s->inv->arena, &one_shape);
	ones_cut(s);
	for (size_t i = 0; i < s->ones.len; i++)
		np_add(list, one_node(s, &s->ones.data[i]));
	np_set_node(s->inv->result, "collections", list);
}

void np_objects_fill(struct np_invocation *inv, struct np_heap_view *view, struct np_object_filter *filter)
{
	struct survey s = {.inv = inv, .view = view, .filter = filter, .instances = np_opt_flag(inv, "instances")};
	int64_t limit = inv->globals->json ? 1 << 20 : ROWS_DEFAULT, min_count = 0, min_bytes = 0;
	np_opt_int(inv, "limit", &limit);
	np_opt_int(inv, "min-count", &min_count);
	np_opt_int(inv, "min-bytes", &min_bytes);
	s.limit = (size_t)limit < (size_t)1 << 28 ? (size_t)limit : (size_t)1 << 28;
	s.min_count = min_count > 0 ? (uint64_t)min_count : 0;
	s.min_bytes = min_bytes > 0 ? (uint64_t)min_bytes : 0;
	survey_take(&s);
	inv->result = np_obj(inv->arena, &answer_shape);
	np_node *total = np_obj(inv->arena, &total_shape);
	np_set_uint(total, "count", s.total.count);
	np_set_bytes(total, "store_bytes", s.total.store_bytes);
	np_set_bytes(total, "wasted_bytes", s.total.wasted_bytes);
	np_set_str(total, "_live", filter->all ? "garbage included" : "alive");
	np_set_node(inv->result, "total", total);
	if (s.instances)
		answer_ones(&s);
	else
		answer_groups(&s);
	if (s.kept > s.limit) {
		np_node *more = np_obj(inv->arena, &more_shape);
		np_set_uint(more, "groups", s.kept - s.limit);
		np_set_node(inv->result, "more", more);
	}
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, view));
	free(s.tallies);
	np_vec_deinit(&s.ones);
}
