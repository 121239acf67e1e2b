#include "heap/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { PERIOD_MAX = 3, RUNS_MIN = 3, STEPS_MAX = 100000, SUFFIXES_MAX = 100000, HOLDERS_MAX = 1000, DISTANCE_MAX = 100000,
       WORK_MAX = 100000000 };

/* --- the shortest --- */

static bool path_shortest(const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
			  np_arena *arena, struct np_path *ret)
{
	size_t len = 0;
	if (!np_reach_has(reach, node))
		return false;
	const uint32_t *parent = np_reach_parents(reach);
	for (np_vertex at = node; at != NP_VERTEX_NONE; at = parent[at])
		len++;
	struct np_path path = {.nodes = NP_NEW_ARRAY(arena, np_vertex, len), .len = len};
	for (np_vertex at = node; len; at = parent[at])
		path.nodes[--len] = at;
	path.root = np_graph_root_of(roots, path.nodes[0]);
	*ret = path;
	return true;
}

/* --- further ones --- */

/*
 * A suffix of paths: a node and the suffix behind it, down to the object.  In
 * front of it goes the shortest path to its node.  They are looked at in the
 * order of their length, so that other direct holders come first.
 */
struct suffix {
	np_vertex node;
	uint32_t next; /* index; SUFFIX_END behind the object */
};
#define SUFFIX_END UINT32_MAX

struct search {
	np_graph *graph;
	const struct np_graph_roots *roots;
	const struct np_reach *reach;
	np_arena *arena;
	NP_VEC(struct suffix) suffixes;
	struct np_path *found;
	size_t len, max;
	uint64_t work; /* steps taken along paths and suffixes */
};

/* Deep structures (a list of a million) have suffixes as long: looking at all of them would take their square. */
static bool search_is_over(const struct search *s)
{
	return s->len == s->max || s->suffixes.len >= SUFFIXES_MAX || s->work >= WORK_MAX;
}

static bool suffix_has(struct search *s, uint32_t suffix, np_vertex node)
{
	for (; suffix != SUFFIX_END; suffix = s->suffixes.data[suffix].next) {
		s->work++;
		if (s->suffixes.data[suffix].node == node)
			return true;
	}
	return false;
}

/* The shortest path to the suffix's node, then the suffix; false when it would go through a node twice. */
static bool suffix_path(struct search *s, uint32_t suffix, struct np_path *ret)
{
	struct np_path path;
	size_t extra = 0;
	const struct suffix *at = &s->suffixes.data[suffix];
	if (!path_shortest(s->roots, s->reach, at->node, s->arena, &path))
		return false;
	s->work += path.len;
	for (size_t i = 0; i + 1 < path.len; i++)
		if (s->work >= WORK_MAX || suffix_has(s, suffix, path.nodes[i]))
			return false;
	for (uint32_t i = at->next; i != SUFFIX_END; i = s->suffixes.data[i].next)
		extra++;
	np_vertex *nodes = NP_NEW_ARRAY(s->arena, np_vertex, path.len + extra);
	memcpy(nodes, path.nodes, path.len * sizeof(*nodes));
	for (uint32_t i = at->next; i != SUFFIX_END; i = s->suffixes.data[i].next)
		nodes[path.len++] = s->suffixes.data[i].node;
	path.nodes = nodes;
	*ret = path;
	return true;
}

static bool paths_equal(const struct np_path *a, const struct np_path *b)
{
	return a->len == b->len && memcmp(a->nodes, b->nodes, a->len * sizeof(*a->nodes)) == 0;
}

static void search_take(struct search *s, const struct np_path *path)
{
	for (size_t i = 0; i < s->len; i++)
		if (paths_equal(&s->found[i], path))
			return;
	s->found[s->len++] = *path;
}

static void search_push(struct search *s, np_vertex holder, uint32_t next)
{
	struct np_path path;
	if (search_is_over(s) || !np_reach_has(s->reach, holder) || suffix_has(s, next, holder))
		return;
	np_vec_push(&s->suffixes, (struct suffix){holder, next});
	/* what is behind it has its shortest path through this holder: that path is known */
	if (np_reach_parents(s->reach)[s->suffixes.data[next].node] == holder)
		return;
	if (suffix_path(s, (uint32_t)s->suffixes.len - 1, &path))
		search_take(s, &path);
}

struct holder {
	np_vertex node;
	size_t distance;
};

static int holder_compare(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* Nearest to the roots first. */
static void search_holders(struct search *s, uint32_t suffix)
{
	np_vertex node = s->suffixes.data[suffix].node, last = NP_VERTEX_NONE;
	struct np_edges back = np_graph_referrers(s->graph, node);
	const uint32_t *parent = np_reach_parents(s->reach);
	NP_VEC(struct holder) holders = {0};
	for (uint32_t i = 0; i < back.count && holders.len < HOLDERS_MAX; i++) {
		struct holder h = {.node = np_edge_target(back.targets[i])};
		if (np_edge_is_weak(back.targets[i]) || h.node == last || !np_reach_has(s->reach, h.node))
			continue;
		last = h.node;
		np_vec_push(&holders, h);
	}
	for (size_t i = 0; i < holders.len && holders.len > 1; i++) {
		struct holder *h = &holders.data[i];
		for (np_vertex at = h->node; at != NP_VERTEX_NONE && h->distance < DISTANCE_MAX; at = parent[at])
			h->distance++;
		s->work += h->distance;
	}
	if (holders.len)
		qsort(holders.data, holders.len, sizeof(*holders.data), holder_compare);
	for (size_t i = 0; i < holders.len && !search_is_over(s); i++)
		search_push(s, holders.data[i].node, suffix);
	np_vec_deinit(&holders);
	size_t n = np_graph_ephemeron_count(s->graph);
	const struct np_ephemeron *e = np_graph_ephemerons(s->graph);
	for (size_t i = 0; i < n && !search_is_over(s); i++)
		if (e[i].value == node && s->reach->ephemeron_is_live[i])
			search_push(s, e[i].key, suffix);
}

/* Other roots of the object itself. */
static void search_roots(struct search *s, np_vertex node)
{
	const struct np_graph_root *r = np_graph_root_of(s->roots, node);
	for (; r && r < s->roots->all + s->roots->count && r->node == node && s->len < s->max; r++) {
		if (r->is_weak)
			continue;
		struct np_path path = {.root = r, .nodes = NP_NEW_ARRAY(s->arena, np_vertex, 1), .len = 1};
		path.nodes[0] = node;
		search_take(s, &path);
	}
}

static int length_compare(const void *a, const void *b)
{
	const struct np_path *x = a, *y = b;
	return x->len < y->len ? -1 : x->len > y->len;
}

size_t np_paths_search(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
		       size_t max, np_arena *arena, struct np_path *ret, bool *ret_cut)
{
	struct search s = {.graph = graph, .roots = roots, .reach = reach, .arena = arena, .found = ret, .max = max};
	*ret_cut = false;
	if (!max || !path_shortest(roots, reach, node, arena, &ret[0]))
		return 0;
	s.len = 1;
	if (max > 1) {
		np_vec_push(&s.suffixes, (struct suffix){node, SUFFIX_END});
		search_roots(&s, node);
		for (uint32_t i = 0; i < s.suffixes.len && !search_is_over(&s); i++)
			search_holders(&s, i);
		*ret_cut = s.len < max && search_is_over(&s);
		np_vec_deinit(&s.suffixes);
		qsort(ret + 1, s.len - 1, sizeof(*ret), length_compare);
	}
	return s.len;
}

size_t np_paths_find(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
		     size_t max, np_arena *arena, struct np_path *ret)
{
	bool is_cut;
	return np_paths_search(graph, roots, reach, node, max, arena, ret, &is_cut);
}

/* --- steps --- */

static bool steps_equal(np_classes *classes, const struct np_step *a, const struct np_step *b)
{
	return a->edge.name && b->edge.name && a->edge.kind == b->edge.kind &&
	       (a->edge.kind == NP_EDGE_KIND_ELEMENT || strcmp(a->edge.name, b->edge.name) == 0) &&
	       np_class_id_of(classes, a->node) == np_class_id_of(classes, b->node);
}

/* Runs with a period of up to three steps become their first period. */
static size_t steps_collapse(np_classes *classes, struct np_step *steps, size_t n)
{
	size_t out = 0;
	for (size_t i = 0; i < n;) {
		size_t best_period = 0, best_runs = 0;
		for (size_t period = 1; period <= PERIOD_MAX; period++) {
			size_t runs = 1;
			while (i + (runs + 1) * period < n) {
				bool same = true;
				for (size_t k = 0; k < period && same; k++)
					same = steps_equal(classes, &steps[i + k], &steps[i + runs * period + k]);
				if (!same)
					break;
				runs++;
			}
			if (runs >= RUNS_MIN && runs * period > best_runs * best_period) {
				best_period = period;
				best_runs = runs;
			}
		}
		if (!best_period) {
			steps[out++] = steps[i++];
			continue;
		}
		for (size_t k = 0; k < best_period; k++) {
			steps[out] = steps[i + k];
			steps[out++].repeated = k ? 1 : best_runs;
		}
		i += best_runs * best_period;
	}
	return out;
}

size_t np_path_steps(np_graph *g, np_classes *classes, const struct np_path *path, bool collapse, np_arena *arena,
		     struct np_step **ret)
{
	struct np_step *steps = NP_NEW_ARRAY(arena, struct np_step, path->len + 1);
	size_t n = 0;
	for (size_t i = 0; i < path->len && n < STEPS_MAX; n++) {
		struct np_step *s = &steps[n];
		*s = (struct np_step){.node = path->nodes[i], .repeated = 1};
		if (i + 1 == path->len)
			break;
		i += np_edge_fold(g, classes, path->nodes + i, path->len - i, arena, &s->edge);
	}
	if (path->len)
		n++;
	if (collapse)
		n = steps_collapse(classes, steps, n);
	*ret = steps;
	return n;
}
