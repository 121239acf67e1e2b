/*
 * The nodes of V8's own profiles, as they are written: a function called by a node.
 * Tiers, inlining and executing lines are no part of them; the lines are counted
 * aside.  Node 1 is (root).
 */
#ifndef NP_FORMAT_CPU_TREE_H
#define NP_FORMAT_CPU_TREE_H

#include "base/hash.h"
#include "base/vec.h"
#include "format/json_write.h"
#include "profile/profile.h"

struct np_tree_node {
	uint32_t parent, frame;
	uint32_t first_child, last_child, next; /* 0 none */
	uint64_t hits;
	size_t ticks, ticks_end; /* range in the tree's ticks */
};

struct np_tree_tick {
	uint32_t node, line;
	uint64_t count;
};

struct np_cpu_tree {
	np_profile *profile;
	NP_VEC(struct np_tree_node) nodes; /* 0 is none */
	struct np_hash_table table;
	NP_VEC(struct np_tree_tick) ticks;
	/* By stack, since np_cpu_tree_below(). */
	uint32_t *node_of; /* 0 none yet */
	uint64_t *hits_of;
	NP_VEC(uint32_t) hit, path; /* stacks that have hits; scratch */
};

/* The function alone: no tier, not inlined, no binary. */
uint32_t np_frame_plain(np_profile *profile, uint32_t frame);

void np_cpu_tree_init(struct np_cpu_tree *tree, np_profile *profile);
void np_cpu_tree_deinit(struct np_cpu_tree *tree);
/* The node of that frame under a node. */
uint32_t np_cpu_tree_child(struct np_cpu_tree *tree, uint32_t parent, uint32_t frame);
/* From now on stacks lie below that node; before the first hit. */
void np_cpu_tree_below(struct np_cpu_tree *tree, uint32_t below);
/* So many samples in a stack; returns its node. */
uint32_t np_cpu_tree_hit(struct np_cpu_tree *tree, uint32_t stack, uint64_t count);
/* All hits were told: sorts the lines. */
void np_cpu_tree_done(struct np_cpu_tree *tree);
/* "callFrame":{...} */
void np_cpu_tree_frame_put(struct np_json_out *out, const struct np_cpu_tree *tree, uint32_t node);

/* Numbers of samples, of each thread those in [begins[thread], begins[thread + 1]). */
struct np_samples_by_thread {
	size_t *order, *begins;
};

void np_samples_by_thread_init(struct np_samples_by_thread *by, const np_profile *profile);
void np_samples_by_thread_deinit(struct np_samples_by_thread *by);

#endif
