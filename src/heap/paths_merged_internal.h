/* What the files of the merged paths share; nobody else includes it. */
#ifndef NP_HEAP_PATHS_MERGED_INTERNAL_H
#define NP_HEAP_PATHS_MERGED_INTERNAL_H

#include <string.h>

#include "base/text_ids.h"
#include "base/vec.h"
#include "heap/paths_merged.h"

enum {
	MERGE_TABLE_MIN = 256,
	MERGE_ARRAY_DATA = 16,
	MERGE_NAMES_MAX = 32, /* of a dictionary that are told apart */
};

/* Where the edges of a holder come from, as the owner sees it. */
enum merge_role {
	ROLE_SELF,
	ROLE_PROPERTIES, ROLE_ELEMENTS, ROLE_ORDERED, ROLE_WEAK, /* stores */
	ROLE_MAP, ROLE_DESCRIPTORS,
	ROLE_CELL,
};

/* Names of edges, told apart by kind and text. */
struct merge_label {
	struct np_edge_name edge;
	bool is_any;
};
enum merge_fixed_label {
	LABEL_NONE, LABEL_ELEMENT, LABEL_VALUE, LABEL_KEY, LABEL_SLOT, LABEL_PROPERTY, LABEL_PROTO, FIXED_LABELS
};

/* What makes a step: beside its parent, the label and the class. */
struct merge_key {
	uint32_t parent, label, class_id;
	np_addr function; /* SharedFunctionInfo of closures, else 0 */
};

/* How often a step came in a row on the way to an object, and which folded ones it led through: struct merge_via. */
struct merge_turn {
	uint32_t step, round, via;
};

/*
 * A way that comes back to a step above leaves those below it that it went
 * through: they lead to what follows, too.  A set of them, as a list that all
 * that have the same one share; 0 is the empty one.
 */
struct merge_via {
	uint32_t step, rest;
};

/* Objects of the set in a step that were reached through others than those above it. */
struct merge_astray {
	uint32_t step, via; /* both 0: free */
	uint64_t count, self_bytes, retained_bytes;
};

struct merge_entry {
	np_vertex node;
	struct merge_turn turn;
};

struct merge_state { /* of a step while the tree is built */
	struct merge_key key;
	NP_VEC(struct merge_entry) pending; /* objects; those from head on were not looked at yet */
	size_t head;
	bool is_queued;
	uint32_t names; /* of dictionaries, below it */
};

struct merge_hit {
	np_vertex node;
	uint32_t k, offset;
};

struct merge_slot { /* a label that shape and offset decide */
	uint64_t scope, offset;
	uint32_t label; /* + 1; 0: free */
};

struct merge {
	np_graph *graph;
	np_classes *classes;
	np_v8 *v8;
	const struct np_graph_roots *roots;
	const struct np_reach *reach;
	const uint32_t *holders; /* np_reach_parents() */
	const struct np_dominators *dominators;
	const uint64_t *members;
	uint64_t *todo;	   /* a bit a node: on a path, not yet in a step */
	uint32_t *first_member; /* by word of members: the number of the first one there; NULL without dominators */
	uint64_t *nested;  /* by number of a member: what those retain that it, as the nearest one, dominates */
	np_arena *arena, *scratch;
	NP_VEC(struct np_merged_step) steps;
	NP_VEC(struct merge_state) states; /* by step */
	NP_VEC(uint32_t) queue;
	uint32_t *table; /* hash by key: step + 1 */
	size_t table_cap;
	NP_VEC(struct merge_label) labels;
	struct np_text_ids label_ids;
	struct merge_slot *slots;
	size_t slot_cap, slot_len;
	NP_VEC(struct merge_via) vias;
	uint32_t *via_table; /* hash: via */
	size_t via_cap;
	struct merge_astray *astray; /* hash by step and via */
	size_t astray_cap, astray_len;
	NP_VEC(struct merge_hit) hits;
	uint32_t *offsets;
	size_t offset_cap;
	struct np_ephemeron *ephemerons; /* whose value hangs off its key, by key */
	size_t ephemeron_count;
	int64_t properties_at, elements_at, ordered_at, weak_at, prototype_at, descriptors_at, scope_info_at; /* -1 none */
	uint64_t unheld;
};

/* Where in a step the objects go that are found. */
struct merge_place {
	uint32_t step;
	np_vertex owner;
	struct merge_turn turn;
};

static inline bool merge_has(const uint64_t *bits, np_vertex node)
{
	return bits[node / 64] >> (node % 64) & 1;
}

static inline void merge_set(uint64_t *bits, np_vertex node)
{
	bits[node / 64] |= 1ull << (node % 64);
}

/* The number of a member. */
static inline uint32_t merge_member(const struct merge *m, np_vertex node)
{
	uint64_t before = m->members[node / 64] & ((1ull << (node % 64)) - 1);
	return m->first_member[node / 64] + (uint32_t)__builtin_popcountll(before);
}

static inline int64_t merge_fact(const np_layout *l, enum np_fact fact)
{
	return np_has(l, fact) && np_get(l, fact) > 0 ? np_get(l, fact) : -1;
}

static inline const struct np_vertex_shape *merge_shape(const np_graph *g, np_vertex node)
{
	static const struct np_vertex_shape none;
	return np_graph_is_external(g, node) ? &none : np_graph_shape(g, np_graph_shape_of(g, node));
}

static inline uint64_t merge_mix(uint64_t x)
{
	x = (x ^ x >> 32) * 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static inline np_tagged merge_word(const np_graph *g, np_vertex node, int64_t offset)
{
	np_tagged t = {0};
	const uint8_t *bytes = np_graph_bytes(g, node);
	if (bytes && offset >= 0 && (uint64_t)offset + 8 <= np_graph_size(g, node))
		memcpy(&t.raw, bytes + offset, 8);
	return t;
}

/* ---- paths_merged_label.c ---- */
void np_merge_labels_init(struct merge *m);
/* Number of a name. */
uint32_t np_merge_label_named(struct merge *m, const struct np_edge_name *edge);
/* What the edge is called that leads from the holder; hits: how many there are from there. */
uint32_t np_merge_label_of(struct merge *m, const struct merge_place *at, np_vertex holder, enum merge_role role,
			   const struct merge_hit *hit, size_t hits);

/* ---- paths_merged_step.c ---- */
/* The step of a key, made where there is none. */
uint32_t np_merge_step(struct merge *m, const struct merge_key *key, bool *is_new);
/* Puts an object below a place. True when it is the first one of its step. */
bool np_merge_put(struct merge *m, const struct merge_place *at, np_vertex node, uint32_t label);
/* What lies below each step counts there, too; and what went astray with those that it led through. */
void np_merge_sum(struct merge *m);

#endif
