/*
 * Strings in the graph: what form each has and where its characters lie,
 * without copying; and which contents exist more than once.
 *
 *     flat      characters in the object itself
 *     external  characters outside of the heap
 *     cons      two parts, not yet joined
 *     sliced    a range of a parent, which it keeps alive as a whole
 *     thin      leads to another string of the same content
 */
#ifndef NP_HEAP_STRINGS_H
#define NP_HEAP_STRINGS_H

#include "heap/reach.h"

typedef struct np_strings np_strings;

enum np_string_form {
	NP_STRING_NONE, /* no string */
	NP_STRING_FLAT,
	NP_STRING_EXTERNAL,
	NP_STRING_CONS,
	NP_STRING_SLICED,
	NP_STRING_THIN,
};

/* "flat", "external", "concatenated", "sliced", "thin" */
const char *np_string_form_name(enum np_string_form form);

np_strings *np_strings_create(np_graph *graph);
void np_strings_destroy(np_strings *strings);
np_graph *np_strings_graph(const np_strings *strings);

enum np_string_form np_strings_form(const np_strings *strings, np_vertex node);

struct np_heap_string {
	enum np_string_form form;
	bool is_one_byte;
	uint64_t length;      /* UTF-16 units */
	const uint8_t *chars; /* of flat strings; NULL: elsewhere, or not in memory */
	uint64_t size_bytes;  /* the object, and memory outside that it owns */
};

/* False when it is no string, or a damaged one. From several threads at once: yes. */
bool np_strings_look(const np_strings *strings, np_vertex node, struct np_heap_string *ret);
/* Memory outside of the heap that an external string owns; NP_VERTEX_NONE none (Node's own sources). */
np_vertex np_strings_external(const np_strings *strings, np_vertex node);
/* Parts of a cons string (1 and 2), parent of a slice, what a thin one leads to (1); NP_VERTEX_NONE none. */
np_vertex np_strings_part(const np_strings *strings, np_vertex node, int which);

/*
 * A bit a node, malloc'ed: cons strings that are no part of another one and whose
 * parts were not joined since (then the joined string stands for both).
 */
uint64_t *np_strings_ropes(const np_strings *strings, const struct np_reach *reach);

/*
 * Bytes of a cons string with all its parts, each once; at most max_parts are
 * looked at.  False when there are more: ret is then what was seen.
 */
bool np_strings_rope_bytes(const np_strings *strings, np_vertex node, size_t max_parts, uint64_t *ret);

/* --- contents that exist more than once --- */

enum { NP_DUPLICATE_SAMPLES = 16 };

struct np_duplicate {
	np_vertex example;
	uint64_t count, bytes;
	uint64_t wasted_bytes; /* but for one copy */
	np_vertex samples[NP_DUPLICATE_SAMPLES]; /* copies, spread over the heap */
	size_t sample_count;
};

struct np_duplicates {
	struct np_duplicate *top; /* most wasted first, malloc'ed */
	size_t count;
	uint64_t content_count;	      /* contents that exist more than once */
	uint64_t wasted_bytes;	      /* of all these */
	uint64_t string_count, bytes; /* flat and external strings that were looked at */
};

/*
 * Flat and external strings of equal content, whatever their width; of those
 * alive alone unless reach is NULL.  12 bytes of memory for each string.
 */
void np_duplicates_find(const np_strings *strings, const struct np_reach *reach, size_t max, struct np_duplicates *ret);
void np_duplicates_deinit(struct np_duplicates *duplicates);

/* --- slices that keep larger strings alive --- */

struct np_slice_parent {
	np_vertex parent, example; /* example: a slice */
	uint64_t parent_bytes;	   /* with memory outside of the heap */
	uint64_t slice_count, used_bytes; /* characters of the slices, overlaps counted again */
	bool is_held_otherwise;	   /* by something else than slices; only asked where they use less than all */
};

/* Parents of slices, most bytes that no slice uses first; malloc'ed. Without reach garbage counts, too. */
size_t np_slices_find(const np_strings *strings, const struct np_reach *reach, const struct np_graph_roots *roots,
		      struct np_slice_parent **ret);
/* Bytes that copying the slices would free. */
uint64_t np_slice_wasted_bytes(const struct np_slice_parent *parent);

#endif
