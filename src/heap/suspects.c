#include "heap/suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/group_retained.h"

enum {
	SHARE_DIVISOR = 33,    /* 3 % of what is alive */
	LEAST_BYTES = 512 << 10,
	LEAST_COUNT = 30,
	SUSPECTS_MAX = 20,
	SAME_PERCENT = 70,     /* of a class that an accumulation explains */
	MAJORITY_PERCENT = 40, /* of an accumulation point's size that the many make up */
};

struct np_suspect_limits np_suspect_limits_for(const struct np_dominators *d)
{
	uint64_t share = d->total_bytes / SHARE_DIVISOR;
	return (struct np_suspect_limits){share > LEAST_BYTES ? share : LEAST_BYTES, LEAST_COUNT, SUSPECTS_MAX};
}

struct tally {
	uint32_t group;
	uint64_t count, bytes;
	np_vertex example;
};

struct search {
	np_graph *graph;
	np_classes *classes;
	struct np_dominators *dominators;
	const struct np_suspect_limits *limits;
	NP_VEC(struct np_suspect) found;
	NP_VEC(struct tally) tallies; /* of one node's children: a hash by group */
	size_t used;
};

/* --- accumulation points --- */

static bool is_v8s_own(const struct search *s, uint32_t group)
{
	return strncmp(np_class_id_name(s->classes, np_group_get(s->classes, group)->class_id), "system /", 8) == 0;
}

static bool is_hidden_group(const struct search *s, uint32_t group)
{
	const char *name = np_class_id_name(s->classes, np_group_get(s->classes, group)->class_id);
	return *name == '(' || is_v8s_own(s, group);
}

static void tallies_clear(struct search *s)
{
	if (!s->tallies.cap) {
		s->tallies.cap = 64;
		s->tallies.data = np_xmalloc(s->tallies.cap * sizeof(*s->tallies.data));
	}
	s->tallies.len = s->tallies.cap;
	memset(s->tallies.data, 0, s->tallies.cap * sizeof(*s->tallies.data));
	s->used = 0;
}

static struct tally *tally_slot(struct search *s, uint32_t group)
{
	size_t mask = s->tallies.cap - 1, i = group * 0x9e3779b1u & mask;
	while (s->tallies.data[i].count && s->tallies.data[i].group != group)
		i = (i + 1) & mask;
	return &s->tallies.data[i];
}

static void tallies_grow(struct search *s)
{
	struct tally *old = s->tallies.data;
	size_t cap = s->tallies.cap;
	s->tallies.cap = s->tallies.len = cap * 2;
	s->tallies.data = np_xcalloc(s->tallies.cap, sizeof(*s->tallies.data));
	for (size_t i = 0; i < cap; i++)
		if (old[i].count)
			*tally_slot(s, old[i].group) = old[i];
	free(old);
}

/* Children of a node in the tree, and of its stores. */
static void tally_children(struct search *s, np_vertex owner, np_vertex node)
{
	struct np_edges children = np_dominators_children(s->dominators, node);
	for (uint32_t i = 0; i < children.count; i++) {
		np_vertex child = children.targets[i];
		if (owner == node && np_edge_is_store_of(s->graph, owner, child)) {
			tally_children(s, owner, child); /* one level: a store is no owner */
			continue;
		}
		uint32_t group = np_group_id_of(s->classes, child);
		struct tally *t = tally_slot(s, group);
		if (!t->count) {
			if (2 * ++s->used > s->tallies.cap) {
				tallies_grow(s);
				t = tally_slot(s, group);
			}
			t->group = group;
			t->example = child;
		}
		t->count++;
		t->bytes += s->dominators->retained[child];
	}
}

static void look_at(struct search *s, np_vertex node)
{
	struct np_dominators *d = s->dominators;
	const struct tally *best = NULL;
	np_vertex parent = d->parent[node];
	if (parent != NP_VERTEX_NONE && np_edge_is_store_of(s->graph, parent, node))
		return; /* counts as its owner */
	tallies_clear(s);
	tally_children(s, node, node);
	for (size_t i = 0; i < s->tallies.cap; i++) {
		const struct tally *t = &s->tallies.data[i];
		if (t->count >= s->limits->min_count && t->bytes >= s->limits->min_bytes && !is_v8s_own(s, t->group) &&
		    (!best || t->bytes > best->bytes))
			best = t;
	}
	if (!best || best->bytes * 100 < d->retained[node] * MAJORITY_PERCENT)
		return;
	np_vec_push(&s->found, (struct np_suspect){true, node, best->example, best->group, best->count, best->bytes,
						   d->retained[node]});
}

/* --- classes --- */

static bool dominates(const struct search *s, np_vertex node, np_vertex below)
{
	while (below != NP_VERTEX_NONE && below != node)
		below = s->dominators->parent[below];
	return below == node;
}

/* An accumulation point holds them, or they are a small part of what it holds. */
static bool is_explained(const struct search *s, const struct np_suspect *class)
{
	for (size_t i = 0; i < s->found.len; i++) {
		const struct np_suspect *f = &s->found.data[i];
		if (!f->is_accumulation)
			continue;
		if (f->group == class->group && f->bytes * 100 >= class->bytes * SAME_PERCENT)
			return true;
		if (class->bytes * 2 < f->bytes && dominates(s, f->node, class->example))
			return true;
	}
	return false;
}

static void look_at_classes(struct search *s)
{
	np_graph *g = s->graph;
	struct np_dominators *d = s->dominators;
	np_vertex n = np_graph_node_count(g);
	uint32_t *group_of = np_xmalloc(((size_t)n + 1) * sizeof(*group_of));
	for (np_vertex node = 0; node < n; node++)
		group_of[node] = d->retained[node] ? np_group_id_of(s->classes, node) : NP_VERTEX_NONE;
	uint32_t groups = np_group_count(s->classes);
	struct np_suspect *all = np_xcalloc((size_t)groups + 1, sizeof(*all));
	uint64_t *bytes = np_xcalloc((size_t)groups + 1, sizeof(*bytes));
	uint64_t *second = np_xcalloc((size_t)groups + 1, sizeof(*second)); /* what the second biggest instance retains */
	for (np_vertex node = 0; node < n; node++) {
		if (group_of[node] == NP_VERTEX_NONE)
			continue;
		struct np_suspect *c = &all[group_of[node]];
		if (!c->count++ || d->retained[node] > d->retained[c->node]) {
			second[group_of[node]] = c->count > 1 ? d->retained[c->node] : 0;
			c->node = c->example = node;
		} else if (d->retained[node] > second[group_of[node]]) {
			second[group_of[node]] = d->retained[node];
		}
		c->group = group_of[node];
	}
	np_group_retained(d, group_of, groups, bytes);
	for (uint32_t i = 0; i < groups; i++) {
		struct np_suspect *c = &all[i];
		const char *name = c->count ? np_class_id_name(s->classes, np_group_get(s->classes, i)->class_id) : "";
		c->bytes = c->retained_bytes = bytes[i];
		if (c->count < s->limits->min_count || c->bytes < s->limits->min_bytes || is_hidden_group(s, i) ||
		    strcmp(name, "Function") == 0 || strcmp(name, "Array") == 0 || is_explained(s, c))
			continue;
		/* One big one among small ones is no crowd (but a chain is: its second link retains nearly as much). */
		if (d->retained[c->node] * 2 > c->bytes && second[i] * 2 < d->retained[c->node])
			continue;
		np_vec_push(&s->found, *c);
	}
	free(group_of);
	free(all);
	free(bytes);
	free(second);
}

static int suspect_compare(const void *a, const void *b)
{
	const struct np_suspect *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	if (x->is_accumulation != y->is_accumulation)
		return x->is_accumulation ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

size_t np_suspects_find(np_graph *graph, np_classes *classes, struct np_dominators *dominators,
			const struct np_suspect_limits *limits, struct np_suspect **ret)
{
	struct search s = {.graph = graph, .classes = classes, .dominators = dominators, .limits = limits};
	for (np_vertex node = 0; node < np_graph_object_count(graph); node++)
		if (dominators->retained[node] >= limits->min_bytes)
			look_at(&s, node);
	look_at_classes(&s);
	if (s.found.len)
		qsort(s.found.data, s.found.len, sizeof(*s.found.data), suspect_compare);
	free(s.tallies.data);
	*ret = s.found.data;
	return s.found.len < limits->max ? s.found.len : limits->max;
}
