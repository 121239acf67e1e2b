#include "heap/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

enum { PERIOD_MAX = 3, RUNS_MIN = 3, STEPS_MAX = 100000 };

/* --- the shortest --- */

static bool path_shortest(const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
			  np_arena *arena, struct np_path *ret)
{
	size_t len = 0;
	if (!np_reach_has(reach, node))
		return false;
	for (np_vertex at = node; at != NP_VERTEX_NONE; at = reach->parent[at])
		len++;
	struct np_path path = {.nodes = NP_NEW_ARRAY(arena, np_vertex, len), .len = len};
	for (np_vertex at = node; len; at = reach->parent[at])
		path.nodes[--len] = at;
	path.root = np_graph_root_of(roots, path.nodes[0]);
	*ret = path;
	return true;
}

/* --- further ones --- */

struct backwards {
	np_graph *graph;
	const struct np_reach *reach;
	struct np_ephemeron *by_value; /* live ones */
	size_t ephemeron_count;
	uint32_t *next;	  /* of a visited node: towards the object */
	uint64_t *visited;
	NP_VEC(np_vertex) queue;
};

static int by_value_compare(const void *a, const void *b)
{
	np_vertex x = ((const struct np_ephemeron *)a)->value, y = ((const struct np_ephemeron *)b)->value;
	return x < y ? -1 : x > y;
}

static void backwards_visit(struct backwards *b, np_vertex node, np_vertex next)
{
	if (b->visited[node / 64] >> (node % 64) & 1 || !np_reach_has(b->reach, node))
		return;
	b->visited[node / 64] |= 1ull << (node % 64);
	b->next[node] = next;
	np_vec_push(&b->queue, node);
}

static void backwards_expand(struct backwards *b, np_vertex node)
{
	struct np_edges back = np_graph_referrers(b->graph, node);
	for (uint32_t i = 0; i < back.count; i++)
		if (!np_edge_is_weak(back.targets[i]))
			backwards_visit(b, np_edge_target(back.targets[i]), node);
	size_t low = 0, high = b->ephemeron_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (b->by_value[mid].value < node)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < b->ephemeron_count && b->by_value[low].value == node; low++)
		backwards_visit(b, b->by_value[low].key, node);
}

static void backwards_init(struct backwards *b, np_graph *graph, const struct np_reach *reach)
{
	size_t n = np_graph_node_count(graph), count = np_graph_ephemeron_count(graph);
	const struct np_ephemeron *all = np_graph_ephemerons(graph);
	*b = (struct backwards){.graph = graph, .reach = reach};
	b->next = np_xmalloc((n + 1) * sizeof(*b->next));
	b->visited = np_xcalloc(n / 64 + 1, sizeof(*b->visited));
	b->by_value = np_xmalloc((count + 1) * sizeof(*b->by_value));
	for (size_t i = 0; i < count; i++)
		if (reach->ephemeron_is_live[i] && all[i].value != NP_VERTEX_NONE)
			b->by_value[b->ephemeron_count++] = all[i];
	qsort(b->by_value, b->ephemeron_count, sizeof(*b->by_value), by_value_compare);
}

static void backwards_deinit(struct backwards *b)
{
	free(b->next);
	free(b->visited);
	free(b->by_value);
	np_vec_deinit(&b->queue);
}

static struct np_path path_from(const struct backwards *b, np_vertex first, const struct np_graph_root *root, np_arena *arena)
{
	struct np_path path = {.root = root};
	for (np_vertex at = first; at != NP_VERTEX_NONE; at = b->next[at])
		path.len++;
	path.nodes = NP_NEW_ARRAY(arena, np_vertex, path.len);
	size_t i = 0;
	for (np_vertex at = first; at != NP_VERTEX_NONE; at = b->next[at])
		path.nodes[i++] = at;
	return path;
}

static bool paths_equal(const struct np_path *a, const struct np_path *b)
{
	return a->len == b->len && memcmp(a->nodes, b->nodes, a->len * sizeof(*a->nodes)) == 0;
}

size_t np_paths_find(np_graph *graph, const struct np_graph_roots *roots, const struct np_reach *reach, np_vertex node,
		     size_t max, np_arena *arena, struct np_path *ret)
{
	if (!max || !path_shortest(roots, reach, node, arena, &ret[0]))
		return 0;
	size_t n = 1;
	if (max == 1)
		return n;
	struct backwards b;
	backwards_init(&b, graph, reach);
	backwards_visit(&b, node, NP_VERTEX_NONE);
	for (size_t head = 0; head < b.queue.len && n < max; head++) {
		np_vertex at = b.queue.data[head];
		const struct np_graph_root *root = np_graph_root_of(roots, at);
		if (root && !root->is_weak) {
			struct np_path path = path_from(&b, at, root, arena);
			if (!paths_equal(&path, &ret[0]))
				ret[n++] = path;
		}
		backwards_expand(&b, at);
	}
	backwards_deinit(&b);
	return n;
}

/* --- steps --- */

static enum np_kind kind_of(const np_graph *g, np_vertex node)
{
	return np_graph_is_external(g, node) ? NP_KIND_UNKNOWN : np_graph_shape(g, np_graph_shape_of(g, node))->kind;
}

static void step_edge(np_graph *g, np_classes *classes, np_vertex holder, np_vertex target, np_arena *arena,
		      struct np_edge_name *ret)
{
	uint32_t k;
	if (np_edge_find(g, holder, target, &k))
		np_edge_describe(g, classes, holder, k, arena, ret);
	else
		*ret = (struct np_edge_name){.kind = NP_EDGE_KIND_VALUE, .name = "of a WeakMap with this key"};
}

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
		np_vertex next = path->nodes[i + 1];
		uint32_t k;
		if (i + 2 < path->len && np_edge_is_store_of(g, s->node, next) &&
		    np_edge_find(g, next, path->nodes[i + 2], &k)) {
			np_edge_describe_through(g, classes, s->node, next, k, arena, &s->edge);
			i += 2;
			if (kind_of(g, path->nodes[i]) == NP_KIND_PROPERTY_CELL && i + 1 < path->len)
				i++;
		} else {
			step_edge(g, classes, s->node, next, arena, &s->edge);
			i++;
		}
	}
	if (path->len)
		n++;
	if (collapse)
		n = steps_collapse(classes, steps, n);
	*ret = steps;
	return n;
}
