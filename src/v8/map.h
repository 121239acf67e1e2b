/*
 * Maps (hidden classes) and what kind of thing an object is.
 *
 * np_map_load() validates: the address is aligned, its own map is a meta map
 * (a map whose type is MAP and whose map is itself or such a map).  After
 * that the fields of struct np_map may be trusted as far as the heap can be.
 */
#ifndef NP_V8_MAP_H
#define NP_V8_MAP_H

#include "v8/v8.h"

struct np_map {
	np_addr addr;
	uint16_t type;
	uint32_t size_bytes;	     /* of instances; 0 = variable */
	uint32_t inobject_start_bytes; /* first in-object property */
	uint32_t inobject_count;     /* in-object property slots */
	uint32_t bit_field3;
	uint8_t elements_kind;
	uint16_t own_descriptors;
	bool dictionary;	     /* properties in a NameDictionary */
	bool is_prototype;	     /* its object is some object's prototype */
	bool new_target_is_base;     /* made by the constructor that `new` named, not by a subclass (always up to 4.5) */
	np_tagged prototype, constructor; /* constructor: or back pointer */
	np_addr descriptors;	     /* DescriptorArray, 0 none */
};

bool np_map_load(np_v8 *v8, np_addr addr, const struct np_map **ret);
/* Map of the object at addr. */
bool np_map_of(np_v8 *v8, np_addr object, const struct np_map **ret);

/* What a reader can do with an object. */
enum np_kind {
	NP_KIND_UNKNOWN,
	NP_KIND_STRING, NP_KIND_SYMBOL, NP_KIND_HEAP_NUMBER, NP_KIND_BIGINT, NP_KIND_ODDBALL, NP_KIND_HOLE,
	NP_KIND_MAP, NP_KIND_CODE, NP_KIND_INSTRUCTION_STREAM, NP_KIND_BYTECODE_ARRAY, NP_KIND_SHARED_FUNCTION_INFO,
	NP_KIND_SCRIPT, NP_KIND_SCOPE_INFO, NP_KIND_CONTEXT, NP_KIND_FIXED_ARRAY, NP_KIND_FIXED_DOUBLE_ARRAY,
	NP_KIND_PROPERTY_ARRAY, NP_KIND_BYTE_ARRAY, NP_KIND_ACCESSOR_PAIR, NP_KIND_ACCESSOR_INFO,
	NP_KIND_PROPERTY_CELL, NP_KIND_CELL, NP_KIND_WEAK_CELL, NP_KIND_FEEDBACK_CELL, NP_KIND_INTERPRETER_DATA,
	NP_KIND_CALL_SITE_INFO, NP_KIND_PROMISE_REACTION, NP_KIND_FOREIGN, NP_KIND_DEBUG_INFO,
	NP_KIND_BYTECODE_WRAPPER,
	/* JSReceivers: */
	NP_KIND_JS_OBJECT, NP_KIND_JS_ARRAY, NP_KIND_JS_FUNCTION, NP_KIND_JS_BOUND_FUNCTION, NP_KIND_JS_PROXY,
	NP_KIND_JS_REG_EXP, NP_KIND_JS_DATE, NP_KIND_JS_ERROR, NP_KIND_JS_MAP, NP_KIND_JS_SET, NP_KIND_JS_WEAK_MAP,
	NP_KIND_JS_WEAK_SET, NP_KIND_JS_WEAK_REF, NP_KIND_JS_PROMISE, NP_KIND_JS_GENERATOR,
	NP_KIND_JS_ASYNC_FUNCTION, NP_KIND_JS_ASYNC_GENERATOR, NP_KIND_JS_ARRAY_BUFFER, NP_KIND_JS_TYPED_ARRAY,
	NP_KIND_JS_DATA_VIEW, NP_KIND_JS_PRIMITIVE_WRAPPER, NP_KIND_JS_MODULE_NAMESPACE, NP_KIND_JS_GLOBAL_OBJECT,
	NP_KIND_JS_GLOBAL_PROXY, NP_KIND_JS_ARGUMENTS, NP_KIND_JS_EXTERNAL, NP_KIND_WASM,
};

enum np_kind np_kind_of_type(const np_v8 *v8, uint16_t type);
/* Kind of the object at addr, UNKNOWN when its map does not validate. */
enum np_kind np_kind_at(np_v8 *v8, np_addr object);
static inline bool np_kind_is_receiver(enum np_kind kind)
{
	return kind >= NP_KIND_JS_OBJECT;
}
bool np_is_js_function(np_v8 *v8, np_tagged t);
/* Up to 6.2 ScopeInfos and Contexts are plain FixedArrays. */
bool np_is_scope_info(np_v8 *v8, np_tagged t);
/* True when t is a reference to an object of that kind. */
bool np_is_kind(np_v8 *v8, np_tagged t, enum np_kind kind);

/*
 * class_name.c: the class that V8 prints for a receiver
 * (JSReceiver::GetConstructorName), "Object" when nothing tells.
 */
const char *np_class_name_of(np_v8 *v8, np_addr object, np_arena *arena);
/* The same for an object of which it is known that it has no Symbol.toStringTag of its own. */
const char *np_class_name_of_untagged(np_v8 *v8, np_addr object, np_arena *arena);
/* The same, and the function whose name it is; 0: no function gave it. */
const char *np_class_and_constructor(np_v8 *v8, np_addr object, np_arena *arena, np_addr *ret_constructor);
/* The name of the map's constructor alone: base classes have it, instances of subclasses have that of their base. */
const char *np_class_name(np_v8 *v8, const struct np_map *map, np_arena *arena);
/* The function at the end of a map's chain of back pointers; 0 none. */
np_addr np_map_constructor(np_v8 *v8, const struct np_map *map);

#endif
