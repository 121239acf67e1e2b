/* Slices: of which parents, and whether something else holds these. */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/vec.h"
#include "heap/scan.h"
#include "heap/strings_internal.h"
#include "v8/cache.h"

enum { THIN_HOPS_MAX = 8 };

struct gather {
	const np_strings *strings;
	np_graph *graph;
	const struct np_reach *reach;
	struct np_addr_map index_of; /* by address of the parent: index + 1 */
	NP_VEC(struct np_slice_parent) parents;
	_Atomic uint64_t *held; /* a bit a node: parents that something else than slices holds */
};

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

static void holder_look(void *ctx, np_vertex holder, uint32_t edge)
{
	struct gather *g = ctx;
	np_vertex target = np_edge_target(edge);
	if (!np_edge_is_weak(edge) && np_strings_form(g->strings, holder) != NP_STRING_SLICED)
		atomic_fetch_or_explicit(&g->held[target / 64], 1ull << (target % 64), memory_order_relaxed);
}

/* Parents that are larger than what the slices use, and whether something else holds these. */
static void holders_find(struct gather *g, const struct np_graph_roots *roots)
{
	size_t words = (size_t)np_graph_node_count(g->graph) / 64 + 1, asked = 0;
	uint64_t *targets = np_xcalloc(words, sizeof(*targets));
	for (size_t i = 0; i < g->parents.len; i++)
		if (np_slice_wasted_bytes(&g->parents.data[i])) {
			targets[g->parents.data[i].parent / 64] |= 1ull << (g->parents.data[i].parent % 64);
			asked++;
		}
	g->held = np_xcalloc(words, sizeof(*g->held));
	if (asked)
		np_scan_references(g->graph, g->reach, targets, holder_look, g);
	for (size_t i = 0; i < g->parents.len; i++) {
		struct np_slice_parent *p = &g->parents.data[i];
		const struct np_graph_root *root = np_graph_root_of(roots, p->parent);
		p->is_held_otherwise = (g->held[p->parent / 64] >> (p->parent % 64) & 1) || (root && !root->is_weak);
	}
	free(targets);
	free(g->held);
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

static void slices_add(struct gather *g)
{
	enum { SLICED };
	struct np_scan_list lists[NP_SCAN_BITS];
	uint32_t shapes = np_graph_shape_count(g->graph);
	uint16_t *bits = np_xcalloc((size_t)shapes + 1, sizeof(*bits));
	for (uint32_t i = 0; i < shapes; i++)
		bits[i] = g->strings->shapes[i].form == NP_STRING_SLICED ? 1 << SLICED : 0;
	np_scan_objects(g->graph, g->reach, bits, 0, lists);
	for (size_t i = 0; i < lists[SLICED].count; i++)
		slice_add(g, lists[SLICED].nodes[i]);
	np_scan_lists_deinit(lists);
	free(bits);
}

size_t np_slices_find(const np_strings *strings, const struct np_reach *reach, const struct np_graph_roots *roots,
		      struct np_slice_parent **ret)
{
	struct gather g = {.strings = strings, .graph = np_strings_graph(strings), .reach = reach};
	slices_add(&g);
	if (g.parents.len) {
		holders_find(&g, roots);
		qsort(g.parents.data, g.parents.len, sizeof(*g.parents.data), parent_compare);
	}
	np_addr_map_deinit(&g.index_of);
	*ret = g.parents.data;
	return g.parents.len;
}
