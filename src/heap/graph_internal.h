/* What the files of the graph share; nobody else includes it. */
#ifndef NP_HEAP_GRAPH_INTERNAL_H
#define NP_HEAP_GRAPH_INTERNAL_H

#include <string.h>

#include "base/arena.h"
#include "base/vec.h"
#include "heap/graph.h"
#include "heap/size.h"

enum { GRAPH_WEAK_FIELDS_MAX = 6 };

/* A shape, and how its objects are read. */
struct graph_shape {
	struct np_vertex_shape shape;
	uint32_t index;
	struct np_size_form form;
	bool is_free; /* filler, free space: no node */
	bool is_code; /* instructions follow the tagged words */
	/* Words of [tagged_start, tagged_end) may be references; tagged_end is cut at the object's end. */
	uint32_t tagged_start, tagged_end;
	uint32_t weak_fields[GRAPH_WEAK_FIELDS_MAX]; /* offsets whose references are weak without a mark; 0 ends */
	/* Offset of a raw address in the Code that a function has (up to 5.8), and of that in the Code; 0: none. */
	uint32_t entry_at, entry_in_code;
	bool is_table; /* an ephemeron table */
	np_vertex map_node; /* of the map, once objects are numbered; NP_VERTEX_NONE: it is none of the graph's */
};

struct graph_page {
	const struct np_page *page;
	np_addr start, end;   /* the area that holds objects, whole words */
	const uint8_t *bytes; /* of it; NULL: unreadable */
	uint8_t *owned;	      /* bytes, where they are a copy */
	uint64_t *starts;     /* a bit a word: an object starts there; NULL: one object at start */
	uint32_t *ranks;      /* of each word of starts: bits set before it */
	np_vertex first;
	uint32_t count;
};

/* Sizes that 16 bits do not hold: those of large objects. */
enum { GRAPH_WORDS_FAR = UINT16_MAX };

struct graph_far_size {
	np_vertex node;
	uint32_t words;
};

struct graph_external {
	np_vertex holder;
	np_addr addr;
	uint64_t size_bytes;
	np_vertex node; /* shared when several own the same memory */
};

/* Holders of one node. */
struct graph_referrers {
	np_vertex node;
	uint32_t count;
	uint32_t *holders;
};

struct np_graph {
	bool is_mapped; /* the arrays are those of a file: not to be freed */
	np_heap *heap;
	np_v8 *v8;
	unsigned threads;
	uint32_t code_weak; /* NP_EDGE_WEAK: references in machine code are weak, 0: strong */
	struct np_graph_options options;
	struct np_graph_report report;
	np_arena *arena;

	NP_VEC(struct graph_page) pages; /* sorted */
	unsigned unit_shift;	 /* log2 of the pages' alignment */
	uint32_t *unit_keys;	 /* hash: address >> unit_shift -> page + 1 */
	uint32_t *unit_pages;
	uint32_t unit_mask;

	NP_VEC(struct graph_shape *) shapes;
	struct shape_table *shape_table; /* shared by the workers, see graph_shape.c */

	np_vertex object_count, node_count;
	unsigned word_bits; /* of a place: page << word_bits | word in its area */
	uint32_t *places;
	uint16_t *words; /* sizes; GRAPH_WORDS_FAR: in far_sizes, by node */
	NP_VEC(struct graph_far_size) far_sizes;
	uint16_t *shapes_narrow; /* shape of each object; one of the two is NULL */
	uint32_t *shapes_wide;

	NP_VEC(struct graph_external) externals; /* by holder */
	np_addr *external_addrs;
	uint64_t *external_sizes;

	uint32_t *rows; /* node_count + 1 */
	uint32_t *edges;
	size_t edges_mapped_bytes; /* edges is a mapping of its own; 0: it belongs to somebody else */
	uint32_t *back_rows, *back_edges; /* NULL until asked for */
	NP_VEC(struct graph_referrers) referrers; /* of single nodes, by node */
	unsigned referrer_scans;
	NP_VEC(struct np_ephemeron) ephemerons;
};

/* ---- graph_shape.c ---- */
struct shape_table *np_shape_table_create(np_graph *graph);
void np_shape_table_destroy(struct shape_table *table);
/* What a thread remembers of the table. */
struct shape_cache;
struct shape_cache *np_shape_cache_create(struct shape_table *table);
void np_shape_cache_destroy(struct shape_cache *cache);
/* Shape of the map that a tagged word leads to; NULL: it leads to no map. */
struct graph_shape *np_shape_find(struct shape_cache *cache, uint64_t map_word);
/* Size by the readers, one thread at a time; 0 unknown. */
uint64_t np_shape_ask_size(struct shape_table *table, const struct graph_shape *shape, np_addr addr);

/* Index of that map's shape; -1: it is no map. */
int64_t np_shape_load(struct shape_cache *cache, np_addr map_addr);

/* ---- graph.c ---- */
/* Without pages. */
np_graph *np_graph_new(np_heap *heap, const struct np_graph_options *options);

/* ---- graph_index.c ---- */
/* The pages, and how they are found by address. */
np_err *np_graph_open_pages(np_graph *graph) NP_MUST;
np_err *np_graph_index(np_graph *graph) NP_MUST;
/* Page of the graph that addr is in, NULL none. */
static inline const struct graph_page *graph_page_of(const np_graph *g, np_addr addr)
{
	uint64_t unit = addr >> g->unit_shift;
	if (unit > UINT32_MAX)
		return NULL;
	for (uint32_t h = (uint32_t)unit * 0x9e3779b1u;; h++) {
		uint32_t at = h & g->unit_mask;
		if (!g->unit_pages[at])
			return NULL;
		if (g->unit_keys[at] == (uint32_t)unit)
			return &g->pages.data[g->unit_pages[at] - 1];
	}
}

/* Node of the object that starts at addr. */
static inline np_vertex graph_find(const np_graph *g, np_addr addr)
{
	const struct graph_page *p = graph_page_of(g, addr);
	if (!p || addr < p->start || addr >= p->end || addr & 7)
		return NP_VERTEX_NONE;
	uint64_t word = (addr - p->start) >> 3;
	if (!p->starts)
		return word || !p->count ? NP_VERTEX_NONE : p->first;
	uint64_t bits = p->starts[word >> 6], bit = 1ull << (word & 63);
	if (!(bits & bit))
		return NP_VERTEX_NONE;
	return p->first + p->ranks[word >> 6] + (np_vertex)__builtin_popcountll(bits & (bit - 1));
}

static inline uint32_t graph_shape_of(const np_graph *g, np_vertex node)
{
	return g->shapes_narrow ? g->shapes_narrow[node] : g->shapes_wide[node];
}

static inline struct graph_shape *graph_shape(const np_graph *g, np_vertex node)
{
	return g->shapes.data[graph_shape_of(g, node)];
}

uint32_t np_graph_far_words(const np_graph *graph, np_vertex node);
/* Words of an object. */
static inline uint32_t graph_words(const np_graph *g, np_vertex node)
{
	uint32_t words = g->words[node];
	return words == GRAPH_WORDS_FAR ? np_graph_far_words(g, node) : words;
}

static inline uint64_t graph_word(const uint8_t *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* ---- graph_edges.c ---- */
/* Sets map_node of all shapes. */
void np_graph_find_maps(np_graph *graph);
np_err *np_graph_connect(np_graph *graph) NP_MUST;

/* ---- graph_back.c ---- */
void np_graph_referrers_deinit(np_graph *graph);

/* ---- graph_special.c ---- */
/* Memory outside the heap and its owners: fills externals, node_count. */
np_err *np_graph_find_externals(np_graph *graph) NP_MUST;
/* Sets the kind of shapes that V8 up to 6.2 has no type for. */
void np_graph_find_contexts(np_graph *graph);
/* Sets the weak fields of native contexts. */
void np_graph_find_weak_slots(np_graph *graph);
/* Marks the entries of ephemeron tables weak and lists them. */
void np_graph_find_ephemerons(np_graph *graph);

#endif
