/* What the files of heap/v8snapshot share; nobody else includes it. */
#ifndef NP_HEAP_V8SNAPSHOT_INTERNAL_H
#define NP_HEAP_V8SNAPSHOT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/vec.h"
#include "heap/graph_internal.h"
#include "heap/v8snapshot.h"

#define NO_NAME UINT32_MAX

enum {
	NAME_UNITS_MAX = 1024, /* V8 cuts names there (--heap-snapshot-string-limit) */
	SYNTHETIC_FIRST_ROOT = 2,
	CHUNK_VERTICES = 1 << 14, /* a multiple of 64 */
	PENDING_CONTENTS = 64,
	MANY_EDGES = UINT8_MAX,	  /* in edge_counts: the number stands in many_edges */
};

/*
 * Names.  A string of the heap that is a node stands for its own content, other
 * names are texts.  Both get their numbers when all nodes have been passed once
 * (counting); until then a text has an id, a string nothing:
 *
 *     0            <dummy>
 *     texts        those that name most edges, then in the order of their bytes; keys of shapes are among them
 *     numbers      names of slots, as far as used, ascending
 *     contents     of the other strings, by the first object that has it
 *
 * The order follows from the heap alone, not from which thread found what.
 */
struct np_name {
	np_vertex string; /* NP_VERTEX_NONE: it is the text */
	uint32_t text;	  /* id; a number after the counting */
	bool is_content;  /* of the string: it is redacted where that is asked for */
};

struct text_entry {
	const char *text;
	uint32_t bytes, number;
	uint64_t hash;
};

/* All texts; under a lock while they are gathered. */
struct text_table {
	pthread_mutex_t lock;
	np_arena *arena;
	NP_VEC(struct text_entry) entries;
	uint32_t *slots; /* id + 1, 0 empty */
	uint32_t mask;
	uint32_t *sorted; /* ids by number - 1 */
};

/*
 * Contents: a slot has 31 bits of the hash and the first vertex + 1 that has the
 * content, after the counting SLOT_NUMBERED and the number.
 */
struct content_table {
	_Atomic uint64_t *slots; /* never grows: there is room for every string */
	uint32_t mask;
	uint32_t *by_string; /* slot, later number, of each string by its rank */
	uint32_t string_count;
	np_vertex *firsts; /* by number - first_number */
	uint32_t first_number, count;
};

struct vertex_map { /* vertex -> number */
	np_vertex *keys; /* + 1, 0 empty */
	uint32_t *values;
	uint32_t mask, len;
};

/* The names of slots that are used: a bit each. */
struct number_set {
	uint64_t *bits;
	size_t words;
};

struct number_names {
	struct number_set used;
	uint32_t *ranks; /* of each word */
	uint32_t first_number, count;
	struct vertex_map texts; /* those that are texts, too */
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
	TAG_MASK = 0x1f,
	MARK_NAMED = 0x40, /* has a name of its own in `own_names` */
	MARK_HOLE = 0x80,
	MARK_OWN_CLASS = 0x20, /* a dictionary whose own keys tell its class */
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
	uint32_t name, getter_name, setter_name;
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
	bool ready, is_leaf /* no reference but the map */;
	np_vertex map;		       /* NP_VERTEX_NONE: not in the graph, or not alive */
	bool has_map_edge;	       /* it is essential */
	bool map_is_in_row;	       /* of the graph's edges */
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
	uint32_t native_at; /* offset of the address of an object in C++; 0: there is none */
	np_vertex prototype; /* NP_VERTEX_NONE: none that is alive */
	struct shape_property *properties;
	uint32_t property_count;
	struct location location; /* of the constructor */
	/* contexts */
	bool names_variables, is_native_context, is_block_context, is_eval_context;
	bool is_external_string, is_internalized_string;
	uint8_t char_bytes;
	uint8_t sequential_bytes; /* of a character; 0: no string, or one of another kind */
};

/* What is remembered of a SharedFunctionInfo, or of a class. */
struct shared_entry {
	uint32_t name;
	struct location location;
};

/* Variables of the contexts of a ScopeInfo. */
struct scope_entry {
	bool has_extension, is_declaration, is_strict;
	uint32_t first, count; /* in scope_variables */
};

struct scope_variable {
	uint32_t offset, name;
};

/* A class of Node's in C++. */
struct native_class {
	np_addr vtable;
	const char *name; /* the image's */
	size_t name_bytes;
};

/* What is asked of 64 vertices all over, in half a cache line. */
struct vertex_block {
	_Alignas(32) uint64_t live; /* or in read-only space */
	uint64_t not_essential;	    /* oddballs and the like: V8 leaves out edges to them that say nothing */
	uint64_t strings;	    /* alive and named by their own content */
	uint32_t live_rank, string_rank;
};

struct np_snapshot {
	np_graph *g;
	np_v8 *v8;
	const struct np_graph_roots *roots;
	const struct np_reach *reach;
	struct np_snapshot_options options;
	unsigned threads;
	np_arena *arena, *scratch;
	pthread_mutex_t readers; /* the typed readers of v8 are for one thread at a time */

	bool is_numbered; /* the counting is over: names have numbers */
	struct text_table texts;
	size_t fixed_texts;
	struct content_table contents;
	NP_VEC(np_vertex) numeric; /* strings whose content is a number */
	struct number_names numbers;

	struct vertex_block *blocks;
	size_t block_count, vertex_chunks;
	uint8_t *marks; /* a byte a vertex: tag and flags */
	struct vertex_map own_names;
	struct vertex_map root_names; /* objects that V8's roots table names */
	np_vertex live_count;
	uint32_t first_object; /* number of its node */
	struct form *forms;    /* by shape; those with live objects are ready */
	np_vertex *examples;   /* by shape: its first live object */
	NP_VEC(uint64_t) page_ids; /* by page of the graph: id of its first word */
	bool ids_by_number;	   /* the heap is too big for ids by address */

	uint8_t *edge_counts; /* by vertex */
	struct vertex_map many_edges;
	pthread_mutex_t lock; /* of many_edges and own_names while they are gathered */
	uint64_t edge_count;
	uint32_t *synthetic_counts, *synthetic_names; /* edges and names of the nodes without an object */

	np_vertex *externals; /* memory of ArrayBuffers, ascending */
	uint32_t *external_ids;
	uint32_t external_count;

	struct vertex_map shared_numbers; /* SharedFunctionInfo -> shared */
	NP_VEC(struct shared_entry) shared;

	NP_VEC(struct native_class) native_classes;
	const struct np_ephemeron **by_key;
	size_t ephemeron_count;
	NP_VEC(struct named_field) native_context; /* offset, name */
	np_addr builtin_names;
	uint32_t builtin_stride, builtin_count;
	const struct np_graph_root **dispatch; /* entries of the dispatch table, by slot */
	size_t dispatch_count;
	np_addr dispatch_base;
	np_addr first_strong_slot; /* of the roots table: those before are of read-only space */

	uint32_t fixed_data; /* offset of the first slot of a FixedArray */
	uint32_t string_length_at, string_chars_at;
	bool sizes_of_objects; /* as V8 up to 12.4: of read-only objects and without what they own */
	uint32_t properties_offset, elements_offset, length_offset, prototype_offset;
	/* Texts that the graph is full of. */
	uint32_t text_empty, text_scope_info, text_previous, text_extension, text_backing_store, text_proto, text_map,
		text_properties, text_elements, text_shared, text_prototype, text_initial_map, text_code, text_array_buffer_data;
};

/* A string whose content goes into the table. */
struct pending_content {
	uint64_t hash;
	const char *text; /* NULL: to be read again */
	uint32_t bytes;
	np_vertex string;
};

/* What a thread has of its own; it goes through the nodes in ascending order. */
struct np_snapshot_walker {
	struct np_snapshot *s;
	NP_VEC(struct np_snapshot_edge) edges; /* since they were last told */
	size_t first, told; /* of the node at hand: the first of those, and how many were told */
	void (*tell)(void *ctx, const struct np_snapshot_edge *edges, size_t count); /* NULL: they are counted */
	void *tell_ctx;

	/* References of the object at hand: target of each word of its tagged area, by offset / 8; none where it was told. */
	np_vertex *refs;
	size_t refs_cap;
	uint32_t refs_start, refs_end; /* offsets */

	np_arena *scratch;
	struct np_buf now, other; /* UTF-8 of a string, and of one that it may equal */
	struct vertex_map keys;	  /* symbols, and strings whose content is redacted -> name */
	struct vertex_map scope_numbers;
	NP_VEC(struct scope_entry) scopes;
	NP_VEC(struct scope_variable) scope_variables;
	struct vertex_map class_numbers; /* shape -> classes, where the form does not tell */
	NP_VEC(struct shared_entry) classes;
	size_t by_key_at; /* the next in by_key */
	struct number_set used;
	NP_VEC(np_vertex) numeric;
	uint32_t tag_names[TAG_COUNT]; /* NO_NAME: not asked for yet */
	struct pending_content pending[PENDING_CONTENTS];
	uint32_t pending_count;
	uint64_t edge_count; /* of the nodes that were counted */
};

/* ---- v8snapshot_texts.c ---- */
void np_text_table_init(struct text_table *table);
void np_text_table_deinit(struct text_table *table);
uint64_t np_text_hash(const char *text, size_t bytes);
/* Id of a text, which is copied; after the counting its number. */
uint32_t np_snapshot_text(struct np_snapshot *s, const char *text, size_t bytes);
uint32_t np_snapshot_text_cstr(struct np_snapshot *s, const char *text);
/* Gives every text a number, from first on, those that were first in the order of their ids; returns the next. */
uint32_t np_text_table_number(struct np_snapshot *s, uint32_t first, size_t fixed);
/* Number of what text_cstr() returned before the counting was over. */
uint32_t np_snapshot_text_number(const struct np_snapshot *s, uint32_t id);

void np_number_set_add(struct number_set *set, uint32_t n);
bool np_number_set_has(const struct number_set *set, uint32_t n);
void np_number_set_merge(struct number_set *to, const struct number_set *from);

bool np_vertex_map_get(const struct vertex_map *map, np_vertex key, uint32_t *ret);
void np_vertex_map_put(struct vertex_map *map, np_vertex key, uint32_t value); /* the first value stays */
void np_vertex_map_deinit(struct vertex_map *map);

/* ---- v8snapshot_strings.c ---- */
void np_content_table_init(struct np_snapshot *s);
void np_content_table_deinit(struct content_table *table);
/* In the counting: remembers the content of a string that is a node. */
void np_snapshot_content_add(struct np_snapshot_walker *w, np_vertex string);
void np_snapshot_contents_flush(struct np_snapshot_walker *w);
/* Ends the counting: numbers for all names. */
void np_snapshot_number_names(struct np_snapshot *s);
/* Content of a string as V8 shows it, cut as V8 cuts it. */
void np_snapshot_append_string(struct np_snapshot_walker *w, np_vertex string, bool is_content, struct np_buf *out);
void np_snapshot_append_name(struct np_snapshot_walker *w, struct np_name name, struct np_buf *out);
/* 0 in the counting for the content of a node. */
uint32_t np_snapshot_name_number(struct np_snapshot_walker *w, struct np_name name);
uint32_t np_snapshot_slot_name(struct np_snapshot_walker *w, uint32_t n); /* the decimal text */
bool np_snapshot_string_is(const struct np_snapshot *s, np_vertex string, const char *text); /* text: ASCII */

static inline struct np_name name_of_text(uint32_t text)
{
	return (struct np_name){NP_VERTEX_NONE, text, false};
}

/* ---- v8snapshot_names.c ---- */
void np_snapshot_node_name(struct np_snapshot_walker *w, np_vertex node, const struct form *form, uint32_t *ret_type,
			   struct np_name *ret);
/* As V8 shows a property's key. */
uint32_t np_snapshot_key_name(struct np_snapshot_walker *w, np_vertex key);
const struct shared_entry *np_snapshot_shared_of(const struct np_snapshot *s, np_vertex shared);
void np_snapshot_load_shared(struct np_snapshot *s, np_vertex shared);
uint32_t np_snapshot_id_of(const struct np_snapshot *s, np_vertex node);

/* ---- v8snapshot_native.c ---- */
void np_snapshot_load_native_classes(struct np_snapshot *s);
/* The class and size of the object in C++ that an object stands for; NULL: for none. */
const struct native_class *np_snapshot_native_class(const struct np_snapshot_walker *w, np_vertex node, const struct form *form,
						    uint64_t *ret_bytes);
/* The name of such an object; false: of another one. */
bool np_snapshot_native_name(struct np_snapshot_walker *w, np_vertex node, const struct form *form, uint32_t *ret_name);

/* ---- v8snapshot_form.c ---- */
/* Name of a type; of one number with several names the one that V8's snapshots use. */
const char *np_snapshot_type_name(const struct np_vertex_shape *shape);
/* The forms of all shapes that have live objects. */
void np_snapshot_fill_forms(struct np_snapshot *s);
/* After the counting: names in forms are ids no more. */
void np_snapshot_number_forms(struct np_snapshot *s);
void np_snapshot_map_name(struct np_snapshot_walker *w, np_vertex map, uint32_t *ret_type, uint32_t *ret_name);

/* ---- v8snapshot_tags.c ---- */
/* What V8's roots table says: names, and what is not essential. */
void np_snapshot_mark_inessential(struct np_snapshot *s);
void np_snapshot_name_code(struct np_snapshot *s, const np_vertex *shared, size_t count);
/* Finds the names that objects have by who refers to them, and the strings that are named by their content. */
void np_snapshot_tag(struct np_snapshot *s);

/* ---- v8snapshot_edges.c ---- */
void np_snapshot_object_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *form);
/* The targets of the tagged words from the first one of the tagged area on, where the graph has one for each; else NULL. */
const uint32_t *np_snapshot_row(const struct np_snapshot *s, np_vertex node, const struct form *form, const uint8_t *bytes,
				uint32_t end);
/* The live object that the word at offset leads to, unless it was told. */
np_vertex np_snapshot_ref(const struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, uint32_t offset);

/* ---- v8snapshot_walk.c ---- */
void np_snapshot_walker_init(struct np_snapshot_walker *w, struct np_snapshot *s);
void np_snapshot_walker_deinit(struct np_snapshot_walker *w);
void np_snapshot_begin_node(struct np_snapshot_walker *w);
/* Goes on with that node. */
void np_snapshot_walk_from(struct np_snapshot_walker *w, np_vertex node);

/* ---- v8snapshot_js.c ---- */
void np_snapshot_js_form(struct np_snapshot_walker *w, np_vertex node, struct form *form);
void np_snapshot_js_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *form, const uint8_t *bytes,
			  uint32_t size);
/* Has a dictionary a key that tells the class of its object? Remembered as MARK_OWN_CLASS. */
bool np_snapshot_dictionary_tells_class(const struct np_snapshot *s, np_vertex node, const struct form *form);
/* The constructor whose place is told for the object; the class by its name. */
void np_snapshot_class(struct np_snapshot_walker *w, np_vertex node, const struct form *form, uint32_t *ret_name,
		       struct location *ret);

/* ---- v8snapshot_roots.c ---- */
/* Finds the dispatch table's start. */
void np_snapshot_find_dispatch(struct np_snapshot *s);
/* The live Code of an entry. */
bool np_snapshot_dispatched(const struct np_snapshot *s, uint32_t index, np_vertex *ret);
uint32_t np_snapshot_root_kinds(void);
/* Words of the roots table are told apart by space. */
void np_snapshot_begin_strong_roots(struct np_snapshot *s);
/* The edges of a node without an object, by its number. */
void np_snapshot_synthetic_edges(struct np_snapshot_walker *w, uint32_t number);
const char *np_snapshot_synthetic_name(uint32_t number);

/* ---- used in all of them ---- */

static inline uint32_t bits_count(uint64_t bits)
{
	if (__builtin_cpu_supports("popcnt")) { /* gcc asks the processor, too, but in a call */
		uint64_t n;
		__asm__("popcnt %1, %0" : "=r"(n) : "rm"(bits) : "cc");
		return (uint32_t)n;
	}
	return (uint32_t)__builtin_popcountll(bits);
}

static inline bool snapshot_is_live(const struct np_snapshot *s, np_vertex v)
{
	return s->blocks[v / 64].live >> (v % 64) & 1;
}

/* Of a live one. */
static inline bool snapshot_is_essential(const struct np_snapshot *s, np_vertex v)
{
	return !(s->blocks[v / 64].not_essential >> (v % 64) & 1);
}

/* Both at once. */
static inline bool snapshot_is_shown(const struct np_snapshot *s, np_vertex v)
{
	const struct vertex_block *b = &s->blocks[v / 64];
	return (b->live & ~b->not_essential) >> (v % 64) & 1;
}

static inline bool snapshot_is_named_string(const struct np_snapshot *s, np_vertex v)
{
	return s->blocks[v / 64].strings >> (v % 64) & 1;
}

/* Number of the node of a live object. */
static inline uint32_t snapshot_number(const struct np_snapshot *s, np_vertex v)
{
	const struct vertex_block *b = &s->blocks[v / 64];
	return s->first_object + b->live_rank + bits_count(b->live & ((1ull << (v % 64)) - 1));
}

static inline uint32_t snapshot_string_rank(const struct np_snapshot *s, np_vertex v)
{
	const struct vertex_block *b = &s->blocks[v / 64];
	return b->string_rank + bits_count(b->strings & ((1ull << (v % 64)) - 1));
}

/* The live object that a tagged word leads to. */
static inline np_vertex snapshot_target(const struct np_snapshot *s, uint64_t word)
{
	if (!(word & 1))
		return NP_VERTEX_NONE;
	np_vertex v = graph_find(s->g, word & ~(uint64_t)3);
	return v != NP_VERTEX_NONE && snapshot_is_live(s, v) ? v : NP_VERTEX_NONE;
}

/* Edges are told many at once, and in parts: a node may have a hundred millions. */
enum { EDGES_AT_ONCE = 1 << 12 };

static inline void edges_tell(struct np_snapshot_walker *w)
{
	if (w->edges.len < EDGES_AT_ONCE)
		return;
	w->told += w->edges.len - w->first;
	if (w->tell)
		w->tell(w->tell_ctx, w->edges.data, w->edges.len);
	w->first = w->edges.len = 0;
}

static inline size_t edges_of_node(const struct np_snapshot_walker *w)
{
	return w->told + (w->edges.len - w->first);
}

/* to: what edge_to() says. */
static inline void edge_push(struct np_snapshot_walker *w, uint32_t type, uint32_t name, uint32_t to)
{
	np_vec_push(&w->edges, (struct np_snapshot_edge){type, name, to});
}

/* The number of the target's node; in the counting something as unique. */
static inline uint32_t edge_to(const struct np_snapshot_walker *w, np_vertex to)
{
	return w->tell ? snapshot_number(w->s, to) : to;
}

static inline void edge_put(struct np_snapshot_walker *w, uint32_t type, uint32_t name, np_vertex to)
{
	edge_push(w, type, name, edge_to(w, to));
}

/* The reference at offset has its edge. */
static inline void ref_told(struct np_snapshot_walker *w, uint32_t offset)
{
	if (offset >= w->refs_start && offset + 8ull <= w->refs_end)
		w->refs[offset / 8] = NP_VERTEX_NONE;
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

static inline const struct form *form_of(const struct np_snapshot *s, np_vertex node)
{
	return &s->forms[graph_shape_of(s->g, node)];
}

#endif
