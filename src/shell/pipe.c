#include "shell/pipe.h"

#include <stdlib.h>

enum { DEPTH_MAX = 8 };

static void collect_rows(const np_node *rows, np_addr_vec *out)
{
	np_addr addr;
	for (size_t i = 0; i < np_node_len(rows); i++) {
		const np_node *row = np_node_at(rows, i), *cell;
		const char *key;
		for (size_t k = 0; (cell = np_node_is_list(row) ? np_node_at(row, k) : np_node_field(row, k, &key)); k++)
			if (np_node_addr(cell, &addr))
				np_vec_push(out, addr);
	}
}

static void collect(const np_node *node, np_addr_vec *out, int depth)
{
	static const char *const lists[] = {"addresses", "instances"};
	static const char *const inside[] = {"threads", "frames", "scopes",    "variables", "objects",	 "groups",
					     "handles", "functions", "strings", "duplicates", "slices", "errors",
					     "referrers", "suspects", "paths",   "steps", "tree", "drops", "collections"};
	np_addr addr;
	if (!node || depth > DEPTH_MAX)
		return;
	if (np_node_addr(node, &addr)) {
		np_vec_push(out, addr);
		return;
	}
	if (np_node_is_list(node)) {
		for (size_t i = 0; i < np_node_len(node); i++)
			collect(np_node_at(node, i), out, depth + 1);
		return;
	}
	if (!np_node_is_obj(node))
		return;
	for (size_t i = 0; i < NP_ARRAY_LEN(lists); i++)
		if (np_node_get(node, lists[i])) {
			collect(np_node_get(node, lists[i]), out, depth + 1);
			return;
		}
	/* of many alike, one; what is told about it besides is not what was looked for */
	if (np_node_addr(np_node_get(node, "example"), &addr)) {
		np_vec_push(out, addr);
		return;
	}
	if (np_node_is_list(np_node_get(node, "rows"))) { /* of a query: whatever columns are addresses */
		collect_rows(np_node_get(node, "rows"), out);
		return;
	}
	bool found = false;
	for (size_t i = 0; i < NP_ARRAY_LEN(inside); i++)
		if (np_node_is_list(np_node_get(node, inside[i]))) {
			collect(np_node_get(node, inside[i]), out, depth + 1);
			found = true;
		}
	if (found)
		return;
	static const char *const own[] = {"address", "example", "function", "value"};
	for (size_t i = 0; i < NP_ARRAY_LEN(own); i++) {
		const np_node *field = np_node_get(node, own[i]);
		if (np_node_addr(field, &addr) || (i == 3 && np_node_addr(np_node_get(field, "address"), &addr))) {
			np_vec_push(out, addr);
			return;
		}
	}
}

void np_pipe_addresses(const np_node *answer, np_addr_vec *out)
{
	collect(answer, out, 0);
}
