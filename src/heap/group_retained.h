/*
 * What groups of objects retain: of each group, the sum over its objects that
 * no other of the same group dominates, which is what would be freed with all
 * of them.
 */
#ifndef NP_HEAP_GROUP_RETAINED_H
#define NP_HEAP_GROUP_RETAINED_H

#include "heap/dominators.h"

/*
 * group_of[node] is the number of a node's group, below group_count, or
 * NP_VERTEX_NONE for those that are in none.  Adds bytes to ret[group].
 */
void np_group_retained(struct np_dominators *dominators, const uint32_t *group_of, uint32_t group_count, uint64_t *ret);

#endif
