/* What the files of suspects share; nobody else includes it. */
#ifndef NP_HEAP_SUSPECTS_INTERNAL_H
#define NP_HEAP_SUSPECTS_INTERNAL_H

#include "base/vec.h"
#include "heap/suspects.h"

struct suspect_search {
	np_graph *graph;
	np_classes *classes;
	struct np_dominators *dominators;
	const struct np_suspect_limits *limits;
	struct np_groups groups;
	unsigned workers;
	NP_VEC(struct np_suspect) found;
};

/* V8's own objects are no suspects. */
bool np_suspect_group_is_v8s(const struct suspect_search *s, uint32_t group);

/* ---- suspects_classes.c ---- */
/* Adds the crowds to what was found, which has the accumulation points. */
void np_suspect_classes(struct suspect_search *s);

#endif
