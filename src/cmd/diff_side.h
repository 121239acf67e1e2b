/*
 * The two sides of a comparison: counts and bytes by class and shape, from a
 * heap or a .heapsnapshot file, and where each object lay, so that those that
 * are still there can be told from new ones.
 *
 * Rows are numbered by their text, so that both sides share them.
 */
#ifndef NP_CMD_DIFF_SIDE_H
#define NP_CMD_DIFF_SIDE_H

#include "base/text_ids.h"
#include "base/vec.h"
#include "cmd/heap_view.h"

enum { NP_DIFF_SAMPLES = 16 };

enum np_diff_side { NP_DIFF_BEFORE, NP_DIFF_AFTER, NP_DIFF_SIDES };

struct np_diff_row {
	const char *class;
	np_node *shape; /* list of property names; NULL where only classes are compared */
	bool is_dictionary;
	uint64_t count[NP_DIFF_SIDES], self_bytes[NP_DIFF_SIDES];
	uint64_t new_count, gone_count; /* by address */
	np_vertex samples[NP_DIFF_SAMPLES]; /* of the second heap: new ones, or any */
	size_t sample_count;
	uint64_t sample_every, sample_seen;
};

/* Live objects of a heap by address. */
struct np_diff_places {
	uint32_t *offsets, *rows; /* offset in words within the range of 2^35 bytes that the object is in */
	size_t len;
	NP_VEC(struct np_diff_range {
		uint64_t number; /* address >> 35 */
		size_t first;
	}) ranges;
};

struct np_diff {
	np_arena *arena;
	bool by_class; /* not by shape */
	bool is_coarse; /* a heap and a snapshot: only what both have */
	bool garbage;
	struct np_text_ids ids;
	NP_VEC(struct np_diff_row) rows;
	uint64_t count[NP_DIFF_SIDES], self_bytes[NP_DIFF_SIDES];
	struct np_diff_places places; /* of the first heap; empty where places are not compared */
	uint64_t new_count, gone_count, kept_count;
};

void np_diff_deinit(struct np_diff *diff);

/* The nodes of a snapshot file, by class. */
np_err *np_diff_add_snapshot(struct np_diff *diff, enum np_diff_side side, const char *path) NP_MUST;
/* A heap.  The first one leaves the places of its objects when keep_places. The view knows what is alive. */
void np_diff_add_heap(struct np_diff *diff, enum np_diff_side side, struct np_heap_view *view, bool keep_places);
/* A heap's nodes by class as its snapshot would have them. */
void np_diff_add_heap_as_snapshot(struct np_diff *diff, enum np_diff_side side, struct np_heap_view *view);
/* After both: which objects of the second heap are new, which of the first are gone. */
void np_diff_match_places(struct np_diff *diff, struct np_heap_view *view);

#endif
