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

#include "heap/graph.h"

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

#endif
