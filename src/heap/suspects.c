/*
 * Accumulation points, in one pass over the heap: every object is counted with
 * its immediate dominator, if that one retains enough to be a suspect.
 */
#include "heap/suspects.h"

#include <stdlib.h>
#include <string.h>

#include "heap/suspects_internal.h"
#include "v8/cache.h"

enum {
	SHARE_DIVISOR = 33,    /* 3 % of what is alive */
	LEAST_BYTES = 512 << 10,
	LEAST_COUNT = 30,
	SUSPECTS_MAX = 20,
	MAJORITY_PERCENT = 40, /* of an accumulation point's size that the many make up */
};

struct np_suspect_limits np_suspect_limits_for(const struct np_dominators *d)
{
	uint64_t share = d->total_bytes / SHARE_DIVISOR;
	return (struct np_suspect_limits){share > LEAST_BYTES ? share : LEAST_BYTES, LEAST_COUNT, SUSPECTS_MAX};
}

bool np_suspect_group_is_v8s(const struct suspect_search *s, uint32_t group)
{
	return strncmp(np_class_id_name(s->classes, np_group_get(s->classes, group)->class_id), "system /", 8) == 0;
}

/* --- tallies: what of one group a point dominates --- */

struct tally {
	uint32_t point, group;
	uint64_t count, bytes; /* count 0: empty */
	np_vertex example;     /* the first */
};

struct tallies {
	struct tally *data;
	size_t cap, len;
};

static struct tally *tally_slot(const struct tallies *t, uint32_t point, uint32_t group)
{
	uint64_t hash = ((uint64_t)point << 32 | group) * 0x9e3779b97f4a7c15u;
	size_t i = (size_t)(hash >> 32) & (t->cap - 1);
	while (t->data[i].count && (t->data[i].point != point || t->data[i].group != group))
		i = (i + 1) & (t->cap - 1);
	return &t->data[i];
}

static void tallies_grow(struct tallies *t)
{
	struct tallies old = *t;
	t->cap = old.cap ? old.cap * 2 : 256;
	t->data = np_xcalloc(t->cap, sizeof(*t->data));
	for (size_t i = 0; i < old.cap; i++)
		if (old.data[i].count)
			*tally_slot(t, old.data[i].point, old.data[i].group) = old.data[i];
	free(old.data);
}

static void tally_add(struct tallies *t, const struct tally *more)
{
	if ((t->len + 1) * 2 > t->cap)
		tallies_grow(t);
	struct tally *at = tally_slot(t, more->point, more->group);
	if (!at->count) {
		*at = *more;
		t->len++;
		return;
	}
	at->count += more->count;
	at->bytes += more->bytes;
	at->example = more->example < at->example ? more->example : at->example;
}

/* --- points --- */

struct points {
	struct suspect_search *search;
	NP_VEC(np_vertex) all;
	struct np_addr_map point_of; /* node + 1, of a point or a store of one -> index + 1 */
	uint64_t *is_parent;	     /* a bit a node: it is in point_of */
	uint64_t *is_store;	     /* a bit a node: it counts as its owner, which is a point */
	struct tallies *tallies;     /* of each worker */
};

static bool bit_get(const uint64_t *bits, np_vertex node)
{
	return bits[node / 64] >> (node % 64) & 1;
}

static void point_put(struct points *p, np_vertex node)
{
	p->is_parent[node / 64] |= 1ull << (node % 64);
	np_addr_map_put(&p->point_of, (np_addr)node + 1, (void *)(uintptr_t)p->all.len);
}

/* A store is what one of the object's own references leads to: its content is the object's. */
static void stores_take(struct points *p, np_vertex owner)
{
	const np_graph *g = p->search->graph;
	if (!np_kind_is_receiver(np_graph_shape(g, np_graph_shape_of(g, owner))->kind))
		return;
	struct np_edges row = np_graph_edges(g, owner);
	for (uint32_t k = 0; k < row.count; k++) {
		np_vertex target = np_edge_target(row.targets[k]);
		if (p->search->dominators->parent[target] != owner || bit_get(p->is_store, target) ||
		    !np_edge_is_store_of(g, owner, target))
			continue;
		p->is_store[target / 64] |= 1ull << (target % 64);
		point_put(p, target);
	}
}

static void points_find(struct points *p)
{
	const struct np_dominators *d = p->search->dominators;
	const np_graph *g = p->search->graph;
	for (np_vertex node = 0; node < np_graph_object_count(g); node++) {
		if (d->retained[node] < p->search->limits->min_bytes || !d->retained[node])
			continue;
		np_vertex parent = d->parent[node];
		if (parent != NP_VERTEX_NONE && np_edge_is_store_of(g, parent, node))
			continue; /* counts as its owner */
		np_vec_push(&p->all, node);
		point_put(p, node);
		stores_take(p, node);
	}
}

static void node_tally(struct points *p, np_vertex node, struct tallies *t)
{
	const struct np_dominators *d = p->search->dominators;
	np_vertex parent = d->parent[node];
	if (parent == NP_VERTEX_NONE || !bit_get(p->is_parent, parent) || !d->retained[node] || bit_get(p->is_store, node))
		return;
	uintptr_t point = (uintptr_t)np_addr_map_get(&p->point_of, (np_addr)parent + 1);
	uint32_t group = np_groups_of(&p->search->groups, node);
	if (group != NP_VERTEX_NONE)
		tally_add(t, &(struct tally){(uint32_t)point - 1, group, 1, d->retained[node], node});
}

static void range_tally(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	struct points *p = ctx;
	for (np_vertex node = from; node < to; node++)
		node_tally(p, node, &p->tallies[worker]);
}

static void points_tally(struct points *p)
{
	const np_graph *g = p->search->graph;
	struct tallies *all = &p->tallies[0];
	np_scan_ranges(g, p->search->workers, range_tally, p);
	for (np_vertex node = np_graph_object_count(g); node < np_graph_node_count(g); node++)
		node_tally(p, node, all);
	for (unsigned i = 1; i < p->search->workers; i++) {
		for (size_t k = 0; k < p->tallies[i].cap; k++)
			if (p->tallies[i].data[k].count)
				tally_add(all, &p->tallies[i].data[k]);
		free(p->tallies[i].data);
	}
}

static void points_take(struct points *p)
{
	struct suspect_search *s = p->search;
	const struct tallies *t = &p->tallies[0];
	const struct tally **best = np_xcalloc(p->all.len + 1, sizeof(*best));
	uint64_t *many = np_xcalloc(p->all.len + 1, sizeof(*many));
	for (size_t i = 0; i < t->cap; i++) {
		const struct tally *at = &t->data[i], *than = at->count ? best[at->point] : NULL;
		if (!at->count || at->count < s->limits->min_count)
			continue;
		many[at->point] += at->bytes;
		if (!np_suspect_group_is_v8s(s, at->group) &&
		    (!than || at->bytes > than->bytes || (at->bytes == than->bytes && at->group < than->group)))
			best[at->point] = at;
	}
	for (size_t i = 0; i < p->all.len; i++) {
		np_vertex node = p->all.data[i];
		uint64_t retained = s->dominators->retained[node];
		if (best[i] && many[i] >= s->limits->min_bytes && many[i] * 100 >= retained * MAJORITY_PERCENT)
			np_vec_push(&s->found, (struct np_suspect){true, node, best[i]->example, best[i]->group,
								   best[i]->count, best[i]->bytes, many[i], retained});
	}
	free(best);
	free(many);
}

static void accumulations_find(struct suspect_search *s)
{
	size_t words = (size_t)np_graph_node_count(s->graph) / 64 + 1;
	struct points p = {.search = s,
			   .is_parent = np_xcalloc(words, sizeof(uint64_t)),
			   .is_store = np_xcalloc(words, sizeof(uint64_t)),
			   .tallies = np_xcalloc(s->workers, sizeof(*p.tallies))};
	points_find(&p);
	points_tally(&p);
	points_take(&p);
	np_vec_deinit(&p.all);
	np_addr_map_deinit(&p.point_of);
	free(p.is_parent);
	free(p.is_store);
	free(p.tallies[0].data);
	free(p.tallies);
}

/* --- both --- */

static int suspect_compare(const void *a, const void *b)
{
	const struct np_suspect *x = a, *y = b;
	if (x->all_bytes != y->all_bytes)
		return x->all_bytes > y->all_bytes ? -1 : 1;
	if (x->is_accumulation != y->is_accumulation)
		return x->is_accumulation ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

size_t np_suspects_find(np_graph *graph, np_classes *classes, const struct np_reach *reach, struct np_dominators *dominators,
			const struct np_suspect_limits *limits, struct np_suspect **ret)
{
	struct suspect_search s = {.graph = graph, .classes = classes, .dominators = dominators, .limits = limits,
				   .workers = np_scan_workers()};
	np_groups_init(classes, reach, &s.groups);
	accumulations_find(&s);
	np_suspect_classes(&s);
	np_groups_deinit(&s.groups);
	if (s.found.len)
		qsort(s.found.data, s.found.len, sizeof(*s.found.data), suspect_compare);
	*ret = s.found.data;
	return s.found.len < limits->max ? s.found.len : limits->max;
}
