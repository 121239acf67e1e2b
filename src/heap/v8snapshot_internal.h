/* What the files of heap/v8snapshot share; nobody else includes it. */
#ifndef NP_HEAP_V8SNAPSHOT_INTERNAL_H
#define NP_HEAP_V8SNAPSHOT_INTERNAL_H

#include "base/vec.h"
#include "heap/graph_internal.h"
#include "heap/v8snapshot.h"

#define NO_NAME UINT32_MAX

enum {
	NAME_UNITS_MAX = 1024, /* V8 cuts names there (--heap-snapshot-string-limit) */
	SYNTHETIC_FIRST_ROOT = 2,
};

/* ---- v8snapshot_strings.c ---- */

/* A string of the table: a text, or an object of the heap whose characters are read again when they are asked for. */
struct name_entry {
	const char *text; /* NULL: of the string at vertex */
	uint32_t bytes;   /* of text */
	np_vertex vertex;
};

struct name_table {
	NP_VEC(struct name_entry) entries;
	uint64_t *slots; /* hash << 32 | number + 1, 0 empty */
	uint32_t mask;
	struct np_buf now, other; /* UTF-8 of the string that is looked up, and of one that it may equal */
	np_arena *arena, *scratch;
	uint32_t *numbers; /* decimal texts of [0, number_count) */
	uint32_t number_count;
};

/* Why an object's name is not what its map says: V8 names some by who refers to them. */
enum tag {
	TAG_NONE,
	TAG_PROPERTIES,
	TAG_ELEMENTS,
	TAG_BOUND_ARGUMENTS,
	TAG_CONSTANT_ELEMENTS,
	TAG_CONSTANT_POOL,
	TAG_HANDLER_TABLE,
	TAG_SOURCE_POSITIONS,
	TAG_LINE_ENDS,
	TAG_INFOS,
	TAG_HOST_OPTIONS,
	TAG_LOCAL_NAMES,
	TAG_FEEDBACK,
	TAG_ENUM_CACHE,
	TAG_PROTOTYPE_CACHE,
	TAG_RELOCATION,
	TAG_DEOPT_DATA,
	TAG_OFFSET_TABLE,
	TAG_SHAPE, /* type alone: belongs to an object shape */
	TAG_CODE,  /* type alone: belongs to code */
	TAG_DEPENDENT_CODE,
	TAG_TRANSITION,
	TAG_INTERPRETER_DATA,
	TAG_COUNT,
	TAG_MASK = 0x3f,
	MARK_NAMED = 0x40,	 /* has a name of its own in `own_names` */
	MARK_NOT_ESSENTIAL = 0x80, /* oddballs and the like: V8 leaves out edges to them that say nothing */
};

enum naming {
	NAMING_FIXED,
	NAMING_STRING,
	NAMING_FUNCTION,
	NAMING_REGEXP,
	NAMING_SHARED,
	NAMING_SCRIPT,
	NAMING_SYMBOL,
	NAMING_ODDBALL,
	NAMING_MAP,
	NAMING_CLASS,
};

enum walk {
	WALK_PLAIN,	   /* named fields, then whatever else is a reference */
	WALK_JS_OBJECT,
	WALK_FIXED_ARRAY,
	WALK_WEAK_ARRAY,   /* like it, some references are weak */
	WALK_DESCRIPTORS,
	WALK_EPHEMERONS,
	WALK_CONTEXT,
	WALK_MAP,
	WALK_CODE,
	WALK_NONE,
};

/* A field that V8 names. */
struct named_field {
	uint32_t offset, name;
	uint8_t edge_type; /* INTERNAL, WEAK */
};

enum place { PLACE_OBJECT, PLACE_ARRAY, PLACE_CONSTANT };

/* A property that all objects of a map have. */
struct shape_property {
	uint32_t name;
	uint8_t place;
	bool is_accessor, is_internal /* the name is empty */;
	np_vertex key;
	uint32_t offset; /* in the object or in its property array */
	uint64_t constant;
};

struct location {
	bool known;
	int32_t script_id, line, column;
};

enum { NAMED_FIELDS_MAX = 12 };

struct form {
	bool ready;
	uint8_t type, naming, walk;
	uint32_t name;
	const struct graph_shape *shape;
	struct named_field before[NAMED_FIELDS_MAX]; /* of JS objects: before the properties */
	uint32_t before_count;
	struct named_field after[NAMED_FIELDS_MAX]; /* of JS objects: behind __proto__ */
	uint32_t after_count;
	/* JS objects: */
	bool is_dictionary, is_global, is_function, is_bound, has_plain_elements, has_dictionary_elements, is_array;
	bool class_by_object; /* the map alone does not tell the class */
	uint32_t embedder_start, embedder_end;
	struct shape_property *properties;
	uint32_t property_count;
	struct location location; /* of the constructor */
	/* contexts */
	bool names_variables, is_native_context, is_block_context, is_eval_context;
	bool is_external_string, is_internalized_string;
	uint8_t char_bytes;
};

/* What is remembered of a SharedFunctionInfo. */
struct shared_entry {
	np_vertex vertex;
	uint32_t name;
	struct location location;
};

/* Variables of the contexts of a ScopeInfo. */
struct scope_entry {
	np_vertex vertex;
	bool has_extension, is_declaration, is_strict;
	uint32_t first, count; /* in scope_variables */
};

struct scope_variable {
	uint32_t offset, name;
};

struct vertex_map { /* vertex -> number */
	np_vertex *keys; /* + 1, 0 empty */
	uint32_t *values;
	uint32_t mask, len;
};

struct np_snapshot {
	np_graph *g;
	np_v8 *v8;
	const struct np_graph_roots *roots;
	const struct np_reach *reach;
	struct np_snapshot_options options;
	np_arena *arena, *scratch;
	struct name_table names;

	uint64_t *live;	  /* a bit an object: alive, or in read-only space */
	uint32_t *ranks;  /* of each word of live */
	uint8_t *marks;	  /* a byte a vertex: tag and flags */
	struct vertex_map own_names;
	struct vertex_map root_names; /* objects that V8's roots table names */
	np_vertex live_count;
	uint32_t first_object; /* number of its node */
	struct form *forms;    /* by shape */
	NP_VEC(uint64_t) page_ids; /* by page of the graph: id of its first word */
	bool ids_by_number;	   /* the heap is too big for ids by address */

	np_vertex *externals; /* memory of ArrayBuffers, ascending */
	uint32_t *external_ids;
	uint32_t external_count;

	NP_VEC(struct np_snapshot_edge) edges; /* of the node at hand */
	uint64_t *visited;		       /* a bit a word of the object at hand */
	size_t visited_words;

	struct vertex_map shared_numbers, scope_numbers, context_names;
	NP_VEC(struct shared_entry) shared;
	NP_VEC(struct scope_entry) scopes;
	NP_VEC(struct scope_variable) scope_variables;
	struct vertex_map key_names; /* of names: number of the text that V8 shows for it */

	const struct np_ephemeron **by_key;
	size_t ephemeron_count, by_key_at;
	NP_VEC(struct named_field) native_context; /* offset, name */
	np_addr builtin_names;
	uint32_t builtin_stride, builtin_count;
	const struct np_graph_root **dispatch; /* entries of the dispatch table, by slot */
	size_t dispatch_count;
	np_addr dispatch_base;
	np_addr first_strong_slot; /* of the roots table: those before are of read-only space */

	uint32_t fixed_data, word_first_element; /* offset of the first slot of a FixedArray */
	uint32_t properties_offset, elements_offset, length_offset, prototype_offset;
	uint32_t text_empty, text_scope_info, text_previous, text_extension, text_backing_store, text_proto, text_map, text_properties, text_elements, text_constructor, text_tag, text_shared, text_prototype, text_initial_map, text_code;
};

uint32_t np_snapshot_name_text(struct np_snapshot *s, const char *text, size_t bytes); /* number of a text; it is copied */
uint32_t np_snapshot_name_cstr(struct np_snapshot *s, const char *text);
uint32_t np_snapshot_name_number(struct np_snapshot *s, uint32_t n); /* its decimal text */
/* Of a string in the heap, cut as V8 cuts it; contents: it is redacted where that is asked for. */
uint32_t np_snapshot_name_string(struct np_snapshot *s, np_vertex string, bool contents);
void np_snapshot_name_table_init(struct np_snapshot *s);
void np_snapshot_name_table_deinit(struct np_snapshot *s);

bool np_vertex_map_get(const struct vertex_map *map, np_vertex key, uint32_t *ret);
void np_vertex_map_put(struct vertex_map *map, np_vertex key, uint32_t value); /* the first value stays */
void np_vertex_map_deinit(struct vertex_map *map);

/* ---- v8snapshot_names.c ---- */
struct form *np_snapshot_form_of(struct np_snapshot *s, np_vertex node);
void np_snapshot_node_name(struct np_snapshot *s, np_vertex node, struct form *form, uint32_t *ret_type, uint32_t *ret_name);
/* As V8 shows a property's key. */
uint32_t np_snapshot_key_name(struct np_snapshot *s, np_vertex key);
const struct shared_entry *np_snapshot_shared_of(struct np_snapshot *s, np_vertex shared);
uint32_t np_snapshot_id_of(const struct np_snapshot *s, np_vertex node);

/* ---- v8snapshot_form.c ---- */
/* Name of a type; of one number with several names the one that V8's snapshots use. */
const char *np_snapshot_type_name(const struct np_vertex_shape *shape);
void np_snapshot_form_fill(struct np_snapshot *s, np_vertex node, struct form *form);
void np_snapshot_map_name(struct np_snapshot *s, np_vertex map, uint32_t *ret_type, uint32_t *ret_name);

/* ---- v8snapshot_tags.c ---- */
/* Finds the names that objects have by who refers to them, and what is not essential. */
void np_snapshot_tag(struct np_snapshot *s);

/* ---- v8snapshot_edges.c ---- */
void np_snapshot_object_edges(struct np_snapshot *s, np_vertex node, const struct form *form);

/* ---- v8snapshot_js.c ---- */
void np_snapshot_js_form(struct np_snapshot *s, np_vertex node, struct form *form);
void np_snapshot_js_edges(struct np_snapshot *s, np_vertex node, const struct form *form, const uint8_t *bytes, uint32_t size);
/* The constructor whose place is told for the object; the class by its name. */
void np_snapshot_class(struct np_snapshot *s, np_vertex node, struct form *form, uint32_t *ret_name, struct location *ret);

/* ---- v8snapshot_roots.c ---- */
/* Finds the dispatch table's start. */
void np_snapshot_find_dispatch(struct np_snapshot *s);
/* The live Code of an entry. */
bool np_snapshot_dispatched(const struct np_snapshot *s, uint32_t index, np_vertex *ret);
uint32_t np_snapshot_root_kinds(void);
void np_snapshot_visit_synthetic(struct np_snapshot *s, bool (*cb)(void *ctx, const struct np_snapshot_node *node),
				 void *ctx, bool *ended);

/* ---- used in all of them ---- */

static inline bool snapshot_is_live(const struct np_snapshot *s, np_vertex v)
{
	return s->live[v / 64] >> (v % 64) & 1;
}

/* Number of the node of a live object. */
static inline uint32_t snapshot_number(const struct np_snapshot *s, np_vertex v)
{
	uint64_t below = s->live[v / 64] & ((1ull << (v % 64)) - 1);
	return s->first_object + s->ranks[v / 64] + (uint32_t)__builtin_popcountll(below);
}

/* The live object that a tagged word leads to. */
static inline np_vertex snapshot_target(const struct np_snapshot *s, uint64_t word)
{
	if (!(word & 1))
		return NP_VERTEX_NONE;
	np_vertex v = graph_find(s->g, word & ~(uint64_t)3);
	return v != NP_VERTEX_NONE && snapshot_is_live(s, v) ? v : NP_VERTEX_NONE;
}

static inline bool snapshot_is_essential(const struct np_snapshot *s, np_vertex v)
{
	return !(s->marks[v] & MARK_NOT_ESSENTIAL);
}

static inline void edge_put(struct np_snapshot *s, uint32_t type, uint32_t name, np_vertex to)
{
	np_vec_push(&s->edges, (struct np_snapshot_edge){type, name, snapshot_number(s, to)});
}

static inline void visited_set(struct np_snapshot *s, uint32_t offset)
{
	s->visited[offset >> 9] |= 1ull << (offset >> 3 & 63);
}

static inline bool visited_has(const struct np_snapshot *s, uint32_t offset)
{
	return s->visited[offset >> 9] >> (offset >> 3 & 63) & 1;
}

static inline enum np_kind vertex_kind(const struct np_snapshot *s, np_vertex v)
{
	return graph_shape(s->g, v)->shape.kind;
}

static inline uint32_t vertex_size(const struct np_snapshot *s, np_vertex v)
{
	uint64_t bytes = (uint64_t)graph_words(s->g, v) << 3;
	return bytes > UINT32_MAX ? UINT32_MAX & ~7u : (uint32_t)bytes;
}

static inline uint64_t word_of(const uint8_t *bytes, uint32_t size, uint32_t offset)
{
	return offset + 8ull <= size ? graph_word(bytes + offset) : 0;
}

static inline uint32_t snapshot_fact(const struct np_snapshot *s, enum np_fact fact)
{
	return np_has(s->v8->layout, fact) && np_get(s->v8->layout, fact) > 0 ? (uint32_t)np_get(s->v8->layout, fact) : 0;
}

#endif
