/*
 * What lies at an offset inside a heap object: a property, an element, a
 * character, a captured variable, or a field of V8's own by V8's name for it.
 */
#ifndef NP_HEAP_FIELD_H
#define NP_HEAP_FIELD_H

#include "heap/locate.h"

enum np_field_kind {
	NP_FIELD_NONE,	    /* nothing is known about it */
	NP_FIELD_MAP,
	NP_FIELD_PROPERTY,  /* name, value */
	NP_FIELD_ELEMENT,   /* index, value */
	NP_FIELD_SLOT,	    /* index, value: of an array that is no JavaScript array's store */
	NP_FIELD_VARIABLE,  /* of a Context: name, value */
	NP_FIELD_CHARACTER, /* index, number: UTF-16 code unit */
	NP_FIELD_BYTE,	    /* index */
	NP_FIELD_INTERNAL,  /* name: as V8 calls it */
	NP_FIELD_UNUSED,    /* an in-object property slot that nothing uses yet */
};

struct np_object_field {
	enum np_field_kind kind;
	const char *name;  /* NULL none */
	uint64_t index;
	uint64_t offset;   /* of the field's start in the object */
	bool has_value;
	np_tagged value;
	bool is_double;	   /* number holds it, value is not set */
	double number;
};

const char *np_field_kind_name(enum np_field_kind kind);
/* offset < the object's size. The answer is in the arena. */
void np_object_field_at(np_heap *heap, const struct np_heap_object *object, uint64_t offset, np_arena *arena,
			struct np_object_field *ret);

#endif
