/*
 * What the roots keep alive: a breadth-first pass over the strong edges, with
 * the values of ephemeron tables followed when table and key are alive.
 *
 *     roots --(distance 1)--> nodes --(2)--> ...
 *
 * Every node's parent in the pass is the holder that reached it first, so the
 * chain of parents is a shortest retaining path.  Roots that last (global
 * handles, V8's own) go before those that come and go with a call (stacks,
 * handle scopes): what a running function happens to have in a register says
 * little about who keeps an object.
 */
#ifndef NP_HEAP_REACH_H
#define NP_HEAP_REACH_H

#include "heap/graph.h"
#include "heap/roots.h"

/* A root that leads to a node of the graph. */
struct np_graph_root {
	np_vertex node;
	enum np_root_kind kind;
	bool is_weak; /* keeps nothing alive */
	pid_t tid;    /* of the thread whose stack has it, 0 none */
	np_addr slot;
	const char *name; /* NULL none */
};

struct np_graph_roots {
	struct np_graph_root *all; /* by node */
	size_t count;
	struct np_roots_report report;
};

/* Does it go away when the running code returns: stacks, handle scopes, chance finds? */
bool np_root_is_transient(enum np_root_kind kind);
/* The roots of the graph's isolates. */
np_err *np_graph_roots_load(np_graph *graph, np_arena *arena, struct np_graph_roots *ret) NP_MUST;
/* First root of a node, NULL none; the others follow it up to the end of the list. */
const struct np_graph_root *np_graph_root_of(const struct np_graph_roots *roots, np_vertex node);

struct np_reach {
	uint64_t *live;	 /* a bit a node */
	np_vertex count;	 /* live objects, without external memory */
	uint64_t bytes;	 /* of live objects */
	uint64_t external_bytes;
	bool *ephemeron_is_live; /* by index of np_graph_ephemerons(): table and key are */
	struct np_reach_parents *parents; /* np_reach_parents() */
	bool is_mapped;
};

/* graph and roots must outlive it. */
void np_reach_init(const np_graph *graph, const struct np_graph_roots *roots, struct np_reach *ret);
void np_reach_deinit(struct np_reach *reach);
/* Holder that reached each node first; NP_VERTEX_NONE: a root did, or nothing. The first call makes another pass. */
const uint32_t *np_reach_parents(const struct np_reach *reach);
/* In a file, as the graph (graph.h); parents only when there are some. */
void np_reach_save(const struct np_reach *reach, struct np_sections_out *out);
bool np_reach_load(const np_graph *graph, const struct np_graph_roots *roots, const struct np_sections *in,
		   struct np_reach *ret);
/* Were they computed, not loaded? */
bool np_reach_parents_are_new(const struct np_reach *reach);
static inline bool np_reach_has(const struct np_reach *reach, np_vertex node)
{
	return reach->live[node / 64] >> (node % 64) & 1;
}

#endif
