/* The dominator tree downwards: rows of children, or only those that retain much. */
#include <stdlib.h>

#include "base/vec.h"
#include "heap/dominators.h"

static void children_build(struct np_dominators *d)
{
	/* Row n is that of the roots. */
	size_t n = d->node_count;
	d->child_rows = np_xcalloc_huge(n + 3, sizeof(*d->child_rows));
	d->children = np_xmalloc_huge((n + 1) * sizeof(*d->children));
	for (np_vertex i = 0; i < n; i++)
		if (d->retained[i])
			d->child_rows[(d->parent[i] == NP_VERTEX_NONE ? n : d->parent[i]) + 2]++;
	for (size_t i = 2; i < n + 3; i++)
		d->child_rows[i] += d->child_rows[i - 1];
	for (np_vertex i = 0; i < n; i++)
		if (d->retained[i])
			d->children[d->child_rows[(d->parent[i] == NP_VERTEX_NONE ? n : d->parent[i]) + 1]++] = i;
}

struct np_edges np_dominators_children(struct np_dominators *d, np_vertex node)
{
	if (!d->child_rows)
		children_build(d);
	size_t row = node == NP_VERTEX_NONE ? d->node_count : node;
	return (struct np_edges){d->children + d->child_rows[row], d->child_rows[row + 1] - d->child_rows[row]};
}

/* --- the big ones --- */

enum { BIG_SHARE = 16 }; /* of all nodes: more of them need rows */

static int pair_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool big_build(struct np_dominators *d, uint64_t min_bytes)
{
	NP_VEC(uint64_t) pairs = {0}; /* parent, then child */
	size_t max = d->node_count / BIG_SHARE + 64;
	for (np_vertex i = 0; i < d->node_count && pairs.len <= max; i++)
		if (d->retained[i] && d->retained[i] >= min_bytes)
			np_vec_push(&pairs, (uint64_t)d->parent[i] << 32 | i);
	if (pairs.len > max) {
		np_vec_deinit(&pairs);
		return false;
	}
	if (pairs.len)
		qsort(pairs.data, pairs.len, sizeof(*pairs.data), pair_compare);
	free(d->big_parents);
	free(d->big_children);
	d->big_parents = np_xmalloc((pairs.len + 1) * sizeof(*d->big_parents));
	d->big_children = np_xmalloc((pairs.len + 1) * sizeof(*d->big_children));
	for (size_t i = 0; i < pairs.len; i++) {
		d->big_parents[i] = (np_vertex)(pairs.data[i] >> 32);
		d->big_children[i] = (np_vertex)pairs.data[i];
	}
	d->big_count = pairs.len;
	d->big_min_bytes = min_bytes;
	np_vec_deinit(&pairs);
	return true;
}

struct np_edges np_dominators_big_children(struct np_dominators *d, np_vertex node, uint64_t min_bytes)
{
	bool has = d->big_parents && min_bytes >= d->big_min_bytes;
	if (d->child_rows || (!has && !big_build(d, min_bytes)))
		return np_dominators_children(d, node);
	size_t low = 0, high = d->big_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (d->big_parents[mid] < node)
			low = mid + 1;
		else
			high = mid;
	}
	size_t end = low;
	while (end < d->big_count && d->big_parents[end] == node)
		end++;
	return (struct np_edges){d->big_children + low, (uint32_t)(end - low)};
}
