/* Shared by the files that decode values. */
#ifndef NP_V8_VALUE_INTERNAL_H
#define NP_V8_VALUE_INTERNAL_H

#include "base/vec.h"
#include "v8/map.h"
#include "v8/collection.h"
#include "v8/value.h"

/* Objects in objects; and calls of np_decode() in calls, which V8's own objects (cells, pairs) add to. */
enum { VALUE_NEST_MAX = 128, VALUE_LEVEL_MAX = 400 };

struct decoder {
	np_v8 *v8;
	np_arena *arena;
	const struct np_value_limits *limits;
	np_addr open[VALUE_NEST_MAX]; /* objects being decoded, outermost first */
	int nest, level;
	size_t total;
};

np_value *np_decode(struct decoder *d, np_tagged word);
np_value *np_decode_number(struct decoder *d, double number);
/* A number that JavaScript would keep as a Smi: type SMI where it is a whole number in range, and not -0. */
np_value *np_decode_integer_or_number(struct decoder *d, double number);
np_value *np_decode_unreadable(struct decoder *d, np_addr addr, const char *reason);
/* Adds a named internal slot. */
void np_decode_slot(struct decoder *d, np_value *v, const char *name, np_value *value, const char *text);
/* A tagged field as a slot; nothing when the fact is missing. */
void np_decode_field(struct decoder *d, np_value *v, const char *name, enum np_fact fact);
void np_decode_properties(struct decoder *d, np_value *v);
void np_decode_elements(struct decoder *d, np_value *v);
/* Slots [first, length) of a FixedArray-like object as elements of v. */
void np_decode_array_slots(struct decoder *d, np_value *v, np_addr array, uint32_t first, uint32_t length);
/* Is it null? */
bool np_is_null(np_v8 *v8, np_tagged t);
/* value_collections.c, value_buffers.c, value_error.c, value_function.c, value_promise.c, value_module.c, value_internals.c, value_kinds.c */
void np_decode_collection(struct decoder *d, np_value *v, bool is_map);
void np_decode_weak_collection(struct decoder *d, np_value *v, bool is_map);
/* ArrayBuffers, their views, and objects whose elements the embedder keeps; false when it is none of these. */
bool np_decode_bytes(struct decoder *d, np_value *v, enum np_kind kind);
void np_decode_module(struct decoder *d, np_value *v);
/* An export's value by the address of its name; false when it is none. */
bool np_module_export(np_v8 *v8, np_addr namespace, np_addr name, np_tagged *ret);
void np_decode_generator(struct decoder *d, np_value *v);
void np_decode_error(struct decoder *d, np_value *v);
/* Is a plain object an Error after all? */
bool np_is_error_object(np_v8 *v8, np_addr object, const struct np_map *map);
void np_decode_promise(struct decoder *d, np_value *v);
bool np_has_promise_symbols(np_v8 *v8, np_addr object, const struct np_map *map);
void np_decode_function(struct decoder *d, np_value *v);
void np_decode_bound_function(struct decoder *d, np_value *v);
void np_decode_receiver(struct decoder *d, np_value *v, const struct np_map *map, enum np_kind kind);
void np_decode_bigint(struct decoder *d, np_value *v);
void np_decode_symbol(struct decoder *d, np_value *v);
void np_decode_oddball(struct decoder *d, np_value *v);
void np_decode_internal(struct decoder *d, np_value *v, const struct np_map *map, enum np_kind kind);

#endif
