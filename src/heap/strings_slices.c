/* Slices: of which parents, and whether something else holds these. */
#include <stdlib.h>

#include "base/vec.h"
#include "heap/strings.h"
#include "v8/cache.h"

enum { THIN_HOPS_MAX = 8 };

struct gather {
	const np_strings *strings;
	np_graph *graph;
	const struct np_reach *reach;
	struct np_addr_map index_of; /* by address of the parent: index + 1 */
	NP_VEC(struct np_slice_parent) parents;
};

static bool is_taken(const struct gather *g, np_vertex node)
{
	return !g->reach || np_reach_has(g->reach, node);
}

/* The string that really has the characters. */
static np_vertex parent_of(const struct gather *g, np_vertex slice)
{
	np_vertex at = np_strings_part(g->strings, slice, 1);
	for (int hops = 0; hops < THIN_HOPS_MAX && at != NP_VERTEX_NONE; hops++) {
		if (np_strings_form(g->strings, at) != NP_STRING_THIN)
			return at;
		at = np_strings_part(g->strings, at, 1);
	}
	return NP_VERTEX_NONE;
}

static void slice_add(struct gather *g, np_vertex slice)
{
	struct np_heap_string s, whole;
	np_vertex parent = parent_of(g, slice);
	if (parent == NP_VERTEX_NONE || !np_strings_look(g->strings, slice, &s) ||
	    !np_strings_look(g->strings, parent, &whole))
		return;
	np_addr at = np_graph_address(g->graph, parent);
	uintptr_t known = (uintptr_t)np_addr_map_get(&g->index_of, at);
	if (!known) {
		np_vec_push(&g->parents, (struct np_slice_parent){
						.parent = parent, .example = slice, .parent_bytes = whole.size_bytes});
		known = g->parents.len;
		np_addr_map_put(&g->index_of, at, (void *)known);
	}
	struct np_slice_parent *p = &g->parents.data[known - 1];
	p->slice_count++;
	p->used_bytes += s.length << !s.is_one_byte;
}

static void holder_look(struct gather *g, np_vertex holder)
{
	struct np_edges row = np_graph_edges(g->graph, holder);
	for (uint32_t k = 0; k < row.count; k++) {
		np_vertex target = np_edge_target(row.targets[k]);
		if (np_edge_is_weak(row.targets[k]) || np_strings_form(g->strings, target) == NP_STRING_NONE)
			continue;
		uintptr_t known = (uintptr_t)np_addr_map_get(&g->index_of, np_graph_address(g->graph, target));
		if (known)
			g->parents.data[known - 1].is_held_otherwise = true;
	}
}

uint64_t np_slice_wasted_bytes(const struct np_slice_parent *p)
{
	return p->is_held_otherwise || p->used_bytes >= p->parent_bytes ? 0 : p->parent_bytes - p->used_bytes;
}

static int parent_compare(const void *a, const void *b)
{
	const struct np_slice_parent *x = a, *y = b;
	uint64_t p = np_slice_wasted_bytes(x), q = np_slice_wasted_bytes(y);
	if (p != q)
		return p > q ? -1 : 1;
	return x->parent < y->parent ? -1 : x->parent > y->parent;
}

size_t np_slices_find(const np_strings *strings, const struct np_reach *reach, const struct np_graph_roots *roots,
		      struct np_slice_parent **ret)
{
	struct gather g = {.strings = strings, .graph = np_strings_graph(strings), .reach = reach};
	np_vertex n = np_graph_object_count(g.graph);
	for (np_vertex node = 0; node < n; node++)
		if (np_strings_form(strings, node) == NP_STRING_SLICED && is_taken(&g, node))
			slice_add(&g, node);
	for (np_vertex node = 0; g.parents.len && node < n; node++)
		if (np_strings_form(strings, node) != NP_STRING_SLICED && is_taken(&g, node))
			holder_look(&g, node);
	for (size_t i = 0; i < g.parents.len; i++) {
		const struct np_graph_root *root = np_graph_root_of(roots, g.parents.data[i].parent);
		if (root && !root->is_weak)
			g.parents.data[i].is_held_otherwise = true;
	}
	if (g.parents.len)
		qsort(g.parents.data, g.parents.len, sizeof(*g.parents.data), parent_compare);
	np_addr_map_deinit(&g.index_of);
	*ret = g.parents.data;
	return g.parents.len;
}
