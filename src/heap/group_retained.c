/* One walk over the dominator tree that knows how many objects of each group are above. */
#include "heap/group_retained.h"

#include <stdlib.h>

#include "base/vec.h"

struct step {
	np_vertex node;
	uint32_t next; /* child to go on with */
};

void np_group_retained(struct np_dominators *d, const uint32_t *group_of, uint32_t group_count, uint64_t *ret)
{
	uint32_t *above = np_xcalloc((size_t)group_count + 1, sizeof(*above));
	NP_VEC(struct step) stack = {0};
	struct step at = {NP_VERTEX_NONE, 0};
	for (;;) {
		struct np_edges children = np_dominators_children(d, at.node);
		if (at.next < children.count) {
			np_vertex child = children.targets[at.next++];
			uint32_t group = group_of[child];
			np_vec_push(&stack, at);
			at = (struct step){child, 0};
			if (group != NP_VERTEX_NONE && !above[group]++)
				ret[group] += d->retained[child];
			continue;
		}
		if (!stack.len)
			break;
		if (group_of[at.node] != NP_VERTEX_NONE)
			above[group_of[at.node]]--;
		at = stack.data[--stack.len];
	}
	np_vec_deinit(&stack);
	free(above);
}
