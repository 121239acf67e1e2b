/*
 * The nodes of V8's own profiles, as they are read: of a .cpuprofile (children by
 * number), of its form before 2017 (a tree of objects), of trace events (each node
 * names its parent) and of a .heapprofile.  They become stacks of a profile.
 *
 * (root) is no frame of its children; only what was sampled in it has it.
 */
#ifndef NP_FORMAT_CPU_NODES_H
#define NP_FORMAT_CPU_NODES_H

#include "base/hash.h"
#include "base/vec.h"
#include "format/json_pull.h"
#include "profile/profile.h"

#define NP_NODE_NONE UINT32_MAX

struct np_cpu_node {
	int64_t id;	 /* -1 none */
	uint32_t parent; /* index, NP_NODE_NONE */
	uint32_t name, url;
	int64_t line, column, script_id; /* from 1; 0 unknown */
	int64_t hits, self_bytes;
	uint32_t tick_line; /* 0 none, NP_NODE_NONE several */
	int64_t ticks;
	uint32_t below, leaf; /* stacks: of its children's parent, of its own samples */
	uint8_t state;
};

struct np_cpu_tick {
	uint32_t node, line;
	int64_t ticks;
};

struct np_cpu_edge {
	uint32_t parent; /* index */
	int64_t child;	 /* number */
};

struct np_cpu_nodes {
	np_profile *profile;
	NP_VEC(struct np_cpu_node) list;
	struct np_hash_table by_id;
	NP_VEC(struct np_cpu_edge) edges;
	NP_VEC(struct np_cpu_tick) ticks;
	NP_VEC(uint32_t) path;
	size_t placed, linked;
};

void np_cpu_nodes_init(struct np_cpu_nodes *nodes, np_profile *profile);
void np_cpu_nodes_deinit(struct np_cpu_nodes *nodes);
/* The next value of j is a node, and what is in its "children" are nodes or numbers of nodes. */
void np_cpu_nodes_read(struct np_cpu_nodes *nodes, struct np_json *j, uint32_t parent);
/* Gives stacks to all nodes that were read since the last call. */
void np_cpu_nodes_place(struct np_cpu_nodes *nodes);
/* NP_NODE_NONE: there is none of that number. */
uint32_t np_cpu_nodes_find(const struct np_cpu_nodes *nodes, int64_t id);

struct np_cpu_numbers { /* an NP_VEC */
	int64_t *data;
	size_t len, cap;
};

/* Samples as V8 has them: a node, and microseconds since the one before (the first: since the start). */
struct np_cpu_samples {
	NP_VEC(uint32_t) nodes; /* index; NP_NODE_NONE: of no node that is there */
	struct np_cpu_numbers deltas;
	NP_VEC(uint32_t) lines; /* executing; 0 unknown, or fewer than samples */
	int64_t start_us, end_us; /* 0 unknown */
};

void np_cpu_samples_deinit(struct np_cpu_samples *samples);
/* Declares the values that np_cpu_samples_add() gives: samples, and wall time, which people look at first. */
void np_cpu_value_types(np_profile *profile);
/* Adds them to the profile: each lasts until the next one, the last one until the end. */
void np_cpu_samples_add(const struct np_cpu_samples *samples, const struct np_cpu_nodes *nodes, uint32_t thread);

#endif
