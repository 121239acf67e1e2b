#include "cmd/held_by.h"

#include <string.h>

#include "base/buf.h"
#include "heap/path.h"

enum { HOPS_MAX = 12, STEPS_SHOWN = 3, SAMPLES_MAX = 64 };

/* Which element or entry it is does not matter here: those of many objects are to be equal. */
static void edge_put(struct np_buf *b, const struct np_edge_name *edge, np_arena *arena)
{
	switch (edge->kind) {
	case NP_EDGE_KIND_ELEMENT:
		np_buf_puts(b, "[]");
		break;
	case NP_EDGE_KIND_VALUE:
		np_buf_puts(b, ".get()");
		break;
	case NP_EDGE_KIND_KEY:
		np_buf_puts(b, ".keys()");
		break;
	default:
		np_buf_puts(b, np_edge_text(edge, arena));
	}
}

/* The end of the shortest path: all of it may be a million steps long. */
static size_t path_end(const struct np_heap_view *view, np_vertex node, np_vertex *ret)
{
	const uint32_t *parent = np_reach_parents(&view->reach);
	size_t n = 0;
	for (np_vertex at = node; at != NP_VERTEX_NONE && n < HOPS_MAX; at = parent[at])
		n++;
	size_t len = n;
	for (np_vertex at = node; n; at = parent[at])
		ret[--n] = at;
	return len;
}

const char *np_held_by(struct np_invocation *inv, struct np_heap_view *view, np_vertex node)
{
	np_vertex nodes[HOPS_MAX];
	struct np_step *steps;
	struct np_buf b = {0};
	if (!np_reach_has(&view->reach, node))
		return NULL;
	struct np_path path = {.nodes = nodes, .len = path_end(view, node, nodes)};
	size_t n = np_path_steps(view->graph, view->classes, &path, false, inv->arena, &steps);
	if (n < 2) {
		const struct np_graph_root *root = np_graph_root_of(&view->roots, node);
		return root ? np_arena_printf(inv->arena, "(%s)", np_root_kind_name(root->kind)) : NULL;
	}
	size_t first = n - 1 > STEPS_SHOWN ? n - 1 - STEPS_SHOWN : 0;
	np_buf_puts(&b, np_class_of(view->classes, steps[first].node));
	for (size_t i = first; i + 1 < n; i++)
		if (steps[i].edge.name)
			edge_put(&b, &steps[i].edge, inv->arena);
	const char *text = np_arena_strdup(inv->arena, np_buf_str(&b));
	np_buf_deinit(&b);
	return text;
}

const char *np_held_by_most(struct np_invocation *inv, struct np_heap_view *view, const np_vertex *nodes, size_t count)
{
	const char *texts[SAMPLES_MAX], *best = NULL;
	size_t n = 0, most = 0;
	for (size_t i = 0; i < count && n < SAMPLES_MAX; i++) {
		texts[n] = np_held_by(inv, view, nodes[i]);
		n += texts[n] != NULL;
	}
	for (size_t i = 0; i < n; i++) {
		size_t same = 0;
		for (size_t k = 0; k < n; k++)
			same += strcmp(texts[i], texts[k]) == 0;
		if (same > most) {
			most = same;
			best = texts[i];
		}
	}
	if (best && most < n)
		return np_arena_printf(inv->arena, "%s (%zu of %zu)", best, most, n);
	return best;
}
