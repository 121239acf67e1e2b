/* One walk over the dominator tree that knows how many objects of each group are above. */
#include "heap/group_retained.h"

#include <stdlib.h>

#include "base/vec.h"

struct step {
	np_vertex node;
	uint32_t next; /* child to go on with */
	struct np_edges children;
};

void np_group_retained(struct np_dominators *d, const uint32_t *group_of, uint32_t group_count, uint64_t *ret)
{
	uint32_t *above = np_xcalloc((size_t)group_count + 1, sizeof(*above));
	NP_VEC(struct step) stack = {0};
	struct step at = {NP_VERTEX_NONE, 0, np_dominators_children(d, NP_VERTEX_NONE)};
	for (;;) {
		if (at.next < at.children.count) {
			np_vertex child = at.children.targets[at.next++];
			struct np_edges below = np_dominators_children(d, child);
			uint32_t group = group_of[child];
			if (group != NP_VERTEX_NONE && !above[group])
				ret[group] += d->retained[child];
			if (!below.count) /* most dominate nothing */
				continue;
			if (group != NP_VERTEX_NONE)
				above[group]++;
			np_vec_push(&stack, at);
			at = (struct step){child, 0, below};
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
