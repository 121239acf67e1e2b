/*
 * Decoding of any tagged word into a bounded tree: what the CLI contract calls
 * a VALUE.  Nothing here formats; nothing fails: what cannot be read becomes a
 * value of type unreadable with a reason, and the rest still comes.
 */
#ifndef NP_V8_VALUE_H
#define NP_V8_VALUE_H

#include "v8/v8.h"

enum np_value_type {
	NP_VALUE_UNREADABLE, NP_VALUE_SMI, NP_VALUE_NUMBER, NP_VALUE_BIGINT, NP_VALUE_STRING, NP_VALUE_BOOLEAN,
	NP_VALUE_UNDEFINED, NP_VALUE_NULL, NP_VALUE_HOLE, NP_VALUE_SYMBOL, NP_VALUE_OBJECT, NP_VALUE_ARRAY,
	NP_VALUE_FUNCTION, NP_VALUE_ERROR, NP_VALUE_PROMISE, NP_VALUE_MAP, NP_VALUE_SET, NP_VALUE_WEAKMAP,
	NP_VALUE_WEAKSET, NP_VALUE_DATE, NP_VALUE_REGEXP, NP_VALUE_ARRAYBUFFER,
	NP_VALUE_TYPEDARRAY, NP_VALUE_DATAVIEW, NP_VALUE_PROXY, NP_VALUE_GENERATOR, NP_VALUE_ASYNCFUNCTION,
	NP_VALUE_ACCESSOR, NP_VALUE_EXTERNAL, NP_VALUE_WASM, NP_VALUE_INTERNAL,
};
const char *np_value_type_name(enum np_value_type type);

enum np_property_kind { NP_PROPERTY_DATA, NP_PROPERTY_ACCESSOR, NP_PROPERTY_SYMBOL, NP_PROPERTY_PRIVATE };

typedef struct np_value np_value;

struct np_value_property {
	const char *name; /* "Symbol(x)" for symbols, "#x" for private names */
	enum np_property_kind kind;
	uint32_t attributes; /* 1 read-only, 2 not enumerable, 4 not configurable */
	np_value *value;
};

struct np_value_slot { /* a named internal slot: target, handler, state, this, ... */
	const char *name;
	np_value *value;     /* NULL: text */
	const char *text;
};

struct np_value {
	enum np_value_type type;
	np_tagged tagged;
	np_addr address;   /* 0: not a heap object */
	const char *class_name; /* objects: constructor; internal: V8's type name */
	double number;	   /* SMI, NUMBER, BOOLEAN (0/1), DATE (ms since the epoch) */
	const char *text;  /* STRING contents, SYMBOL description, BIGINT digits, REGEXP source, FUNCTION and
			      GENERATOR name, reason of UNREADABLE, ERROR message */
	size_t text_bytes;
	uint64_t length;   /* STRING units; ARRAY length; TYPEDARRAY elements; other objects: 1 + last index */
	uint64_t size;	   /* MAP, SET, WEAKMAP, WEAKSET: entries */
	uint64_t byte_length; /* ARRAYBUFFER, TYPEDARRAY, DATAVIEW */
	bool truncated;	   /* text, elements, entries or bytes are not all */
	bool is_more;	   /* depth limit: an object whose parts were not read */
	bool is_cycle;	   /* an object that contains this one */
	struct np_value_property *properties;
	size_t property_count;
	np_value **elements; /* NULL entries are holes */
	uint64_t *indices;   /* sparse arrays: index of each element; NULL: 0, 1, 2, ... */
	size_t element_count;
	bool has_elements;
	np_value **keys, **values; /* Map entries; Set: keys only */
	size_t entry_count;
	bool has_entries;
	const uint8_t *bytes;
	size_t byte_count;
	bool has_bytes;
	struct np_value_slot *slots;
	size_t slot_count;
	const char *stack; /* ERROR: decoded stack text */
	const char *file;  /* FUNCTION: where it is defined; GENERATOR: where it is suspended */
	int line, column;
	bool is_class;	   /* FUNCTION: a class constructor */
	bool null_prototype;
};

struct np_value_limits {
	int depth;		 /* nesting of objects: 0 = no parts at all */
	size_t string_units;	 /* per string */
	size_t properties, elements; /* per object */
	size_t bytes;		 /* of buffers */
	size_t total;		 /* values in all */
	bool all_properties;	 /* not enumerable and internal ones, too */
};
extern const struct np_value_limits np_value_limits_default; /* for print */
extern const struct np_value_limits np_value_limits_brief;   /* for arguments */

np_value *np_value_decode(np_v8 *v8, np_tagged word, const struct np_value_limits *limits, np_arena *arena);

/*
 * Follows a member path such as `.cache.entries[0]["a b"].#priv` from a value.
 * NP_ENOTFOUND names the first step that does not exist, NP_EUSAGE a malformed path.
 */
np_err *np_value_member(np_v8 *v8, np_tagged from, const char *path, np_arena *arena, np_tagged *ret, double *ret_double,
			bool *ret_is_double) NP_MUST;

#endif
