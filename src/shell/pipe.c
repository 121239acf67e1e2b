#include "shell/pipe.h"

#include <stdlib.h>

enum { DEPTH_MAX = 8 };

static void collect(const np_node *node, np_addr_vec *out, int depth)
{
	static const char *const lists[] = {"addresses", "instances"};
	static const char *const inside[] = {"threads", "frames", "scopes", "variables", "objects", "groups", "handles"};
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
