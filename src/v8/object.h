/*
 * Properties and elements of JSReceivers, in the order JavaScript shows them.
 * Fast properties lie in the object or its property array as the map's
 * descriptors say; slow ones in a NameDictionary (or a GlobalDictionary of
 * PropertyCells), ordered by their enumeration index.
 */
#ifndef NP_V8_OBJECT_H
#define NP_V8_OBJECT_H

#include "v8/map.h"

struct np_property {
	np_tagged key;	     /* String or Symbol */
	np_tagged value;     /* value, or AccessorPair/AccessorInfo when is_accessor */
	bool is_accessor;
	bool is_double;	     /* value is not tagged: number holds it */
	bool is_number_field; /* the field's representation is Smi or double */
	double number;
	uint32_t attributes; /* 1 read-only, 2 not enumerable, 4 not configurable */
	np_addr slot;	     /* where the value lies, in the object or its property array; 0: elsewhere */
};

/* Calls cb for each own named property; cb returns false to end. NP_EFAULT when the table is unreadable. */
np_err *np_object_properties(np_v8 *v8, np_addr object, bool (*cb)(void *ctx, const struct np_property *p), void *ctx)
	NP_MUST;
enum np_symbol_kind {
	NP_SYMBOL_PUBLIC,	/* what programs make */
	NP_SYMBOL_INTERNAL,	/* V8's own private symbols */
	NP_SYMBOL_PRIVATE_NAME, /* #x of a class */
};
/* Of the Symbol at addr. */
enum np_symbol_kind np_symbol_kind(np_v8 *v8, np_addr symbol);
/* Does V8 keep something of its own under this key, out of reach for programs? */
bool np_key_is_internal(np_v8 *v8, np_tagged key);
/* The same for those with a symbol as their key alone, in no order: soon done where there are a million others. */
np_err *np_object_symbols(np_v8 *v8, np_addr object, bool (*cb)(void *ctx, const struct np_property *p), void *ctx) NP_MUST;
/* A property's key as text: the string, "Symbol(x)", "#x" (private names); NULL when it is no name. */
const char *np_key_text(np_v8 *v8, np_tagged key, np_arena *arena);
/* Own property with an ASCII string key. */
bool np_object_own(np_v8 *v8, np_addr object, const char *name, struct np_property *ret);
/* The same, for plain tagged data only. */
bool np_object_own_data(np_v8 *v8, np_addr object, const char *name, np_tagged *ret);

enum np_elements_form { NP_ELEMENTS_NONE, NP_ELEMENTS_TAGGED, NP_ELEMENTS_DOUBLE, NP_ELEMENTS_DICTIONARY };

/*
 * Sloppy arguments objects share their first elements with the parameters: the
 * parameter map says for each in which context slot it lives.
 */
struct np_elements {
	enum np_elements_form form; /* NONE: no elements, or raw bytes (see value_typed.c) */
	np_addr array;	   /* the backing FixedArray, FixedDoubleArray or NumberDictionary */
	uint32_t capacity; /* slots of the backing array */
	uint64_t length;   /* JSArray: its length; else the capacity (of arguments in a DICTIONARY: of the parameter map) */
	bool is_array;
	np_addr mapped;	   /* sloppy arguments: first slot of the parameter map, 0 none */
	np_addr context;
	uint32_t mapped_count;
};

struct np_element {
	uint64_t index;
	bool is_hole, is_double;
	bool is_accessor; /* value is an AccessorPair (dictionaries only) */
	np_tagged value; /* not for doubles */
	double number;
};

bool np_elements_load(np_v8 *v8, np_addr object, struct np_elements *ret);
/* Element i (< capacity) of a TAGGED or DOUBLE store, parameters included; false when unreadable. */
bool np_element_get(np_v8 *v8, const struct np_elements *elements, uint32_t i, struct np_element *ret);
/* Entries of a DICTIONARY store and mapped parameters, ascending, at most max, into the arena. */
np_err *np_elements_dictionary(np_v8 *v8, const struct np_elements *elements, size_t max, np_arena *arena,
			       struct np_element **ret, size_t *ret_len) NP_MUST;
/* The value of a Smi or HeapNumber; false for anything else. */
bool np_number_value(np_v8 *v8, np_tagged t, double *ret);
/* Is it the hole? */
bool np_is_hole(np_v8 *v8, np_tagged t);

#endif
