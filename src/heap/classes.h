/*
 * Classes of heap objects, as people count them: the constructor's name for
 * JavaScript objects ("Foo", "Object", "Array", "Function"), a name in
 * parentheses for what programs do not see as objects ("(string)", "(array)",
 * "(number)"), and V8's own name for its internals ("system / Map").
 *
 * A group is a class with a list of property names: the maps that a
 * constructor's instances went through (other representations of a field, other
 * attributes) are one to the reader.
 *
 * Numbers are dense; answers are kept per shape, so that a question about an
 * object costs an array look-up.
 */
#ifndef NP_HEAP_CLASSES_H
#define NP_HEAP_CLASSES_H

#include "heap/scan.h"

typedef struct np_classes np_classes;

np_classes *np_classes_create(np_graph *graph);
void np_classes_destroy(np_classes *classes);

/* Number of the class of an object. */
uint32_t np_class_id_of(np_classes *classes, np_vertex node);
const char *np_class_id_name(const np_classes *classes, uint32_t id);
uint32_t np_class_id_count(const np_classes *classes);
/* Name of the class of an object, or of external memory. */
const char *np_class_of(np_classes *classes, np_vertex node);

struct np_group {
	uint32_t class_id;
	const char *const *properties; /* own enumerable or not, in order; without elements */
	uint32_t property_count;
	bool is_dictionary; /* every object has its own list: properties is empty */
};

uint32_t np_group_id_of(np_classes *classes, np_vertex node);
const struct np_group *np_group_get(const np_classes *classes, uint32_t id);
uint32_t np_group_count(const np_classes *classes);

/* --- the groups of all live objects, for passes on several threads --- */

struct np_groups {
	const np_graph *graph;
	uint32_t *of_shape; /* NP_VERTEX_NONE: each object has its own (or none is alive) */
	struct np_scan_list each;
	uint32_t *of_each;  /* of these */
	uint32_t external;  /* of memory outside the heap */
};

void np_groups_init(np_classes *classes, const struct np_reach *reach, struct np_groups *ret);
void np_groups_deinit(struct np_groups *groups);
uint32_t np_groups_of_each(const struct np_groups *groups, np_vertex node);
/* np_group_id_of() a live node. */
static inline uint32_t np_groups_of(const struct np_groups *groups, np_vertex node)
{
	if (np_graph_is_external(groups->graph, node))
		return groups->external;
	uint32_t group = groups->of_shape[np_graph_shape_of(groups->graph, node)];
	return group != NP_VERTEX_NONE ? group : np_groups_of_each(groups, node);
}

#endif
