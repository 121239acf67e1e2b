/*
 * Classes that retain much with many instances.  What a class retains is the sum
 * over the instances that no other one dominates; of the few classes that may
 * come to the limit, one bit for each tells what is above an object in the
 * dominator tree.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "heap/group_retained.h"
#include "heap/suspects_internal.h"

enum {
	SAME_PERCENT = 70, /* of a class that an accumulation explains */
	BITS = 31,	   /* candidates that have a bit */
};
#define KNOWN 0x80000000u

/* Instances of a group. */
struct crowd {
	uint64_t count, all_bytes; /* all_bytes: what each retains, counted again where one dominates another */
	uint64_t first, second;	   /* what the biggest two retain */
	np_vertex node;		   /* the biggest */
	uint64_t bytes;		   /* what all retain */
};

typedef NP_VEC(np_vertex) way_vec;

struct crowds {
	struct suspect_search *search;
	struct crowd *all; /* of each worker, by group */
	uint32_t group_count;
	uint32_t *candidates; /* groups */
	size_t candidate_count;
	uint32_t *bit_of_group;	 /* 0: no candidate */
	_Atomic uint32_t *above; /* by node: KNOWN, and the bits of the candidates that dominate it */
	uint64_t (*bytes)[BITS]; /* of each worker */
	way_vec *ways;		 /* of each worker: scratch */
};

/*
 * Class and shape of a node. The global object holds all that a program keeps
 * (and up to Node 8 may be called Object like many others): it is part of no crowd.
 */
static uint32_t group_of_member(const struct suspect_search *s, np_vertex node)
{
	if (s->dominators->retained[node] >= s->limits->min_bytes && !np_graph_is_external(s->graph, node) &&
	    np_graph_shape(s->graph, np_graph_shape_of(s->graph, node))->kind == NP_KIND_JS_GLOBAL_OBJECT)
		return NP_VERTEX_NONE;
	return np_groups_of(&s->groups, node);
}

/* --- counts --- */

static void crowd_add(struct crowd *c, const struct crowd *more)
{
	if (!more->count)
		return;
	if (!c->count || more->first > c->first || (more->first == c->first && more->node < c->node)) {
		uint64_t next = more->second > c->first ? more->second : c->first;
		c->second = c->count ? next : more->second;
		c->first = more->first;
		c->node = more->node;
	} else {
		c->second = more->first > c->second ? more->first : c->second;
	}
	c->count += more->count;
	c->all_bytes += more->all_bytes;
}

static void range_count(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	const struct crowds *c = ctx;
	const uint64_t *retained = c->search->dominators->retained;
	struct crowd *crowds = c->all + (size_t)worker * c->group_count;
	for (np_vertex node = from; node < to; node++) {
		uint32_t group = retained[node] ? group_of_member(c->search, node) : NP_VERTEX_NONE;
		if (group == NP_VERTEX_NONE)
			continue;
		struct crowd *crowd = &crowds[group];
		crowd->all_bytes += retained[node];
		if (!crowd->count++ || retained[node] > crowd->first) {
			crowd->second = crowd->first;
			crowd->first = retained[node];
			crowd->node = node;
		} else if (retained[node] > crowd->second) {
			crowd->second = retained[node];
		}
	}
}

static bool is_hidden(const struct suspect_search *s, uint32_t group)
{
	const char *name = np_class_id_name(s->classes, np_group_get(s->classes, group)->class_id);
	return *name == '(' || np_suspect_group_is_v8s(s, group) || strcmp(name, "Function") == 0 || strcmp(name, "Array") == 0;
}

static void crowds_count(struct crowds *c)
{
	const struct np_suspect_limits *limits = c->search->limits;
	np_scan_ranges(c->search->graph, c->search->workers, range_count, c);
	for (unsigned i = 1; i < c->search->workers; i++)
		for (uint32_t k = 0; k < c->group_count; k++)
			crowd_add(&c->all[k], &c->all[(size_t)i * c->group_count + k]);
	for (uint32_t i = 0; i < c->group_count; i++)
		if (c->all[i].count && c->all[i].count >= limits->min_count && c->all[i].all_bytes >= limits->min_bytes &&
		    !is_hidden(c->search, i))
			c->candidates[c->candidate_count++] = i;
}

/* --- what they retain --- */

static uint32_t bit_of(const struct crowds *c, np_vertex node)
{
	uint32_t group = group_of_member(c->search, node);
	return group == NP_VERTEX_NONE ? 0 : c->bit_of_group[group];
}

/* The candidates that dominate a node. Threads may find out the same at once, and come to the same answer. */
static uint32_t above_of(const struct crowds *c, np_vertex node, way_vec *way)
{
	uint32_t known = 0;
	for (np_vertex at = node; at != NP_VERTEX_NONE; at = c->search->dominators->parent[at]) {
		known = atomic_load_explicit(&c->above[at], memory_order_relaxed);
		if (known) {
			known |= at == node ? 0 : bit_of(c, at);
			break;
		}
		np_vec_push(way, at);
	}
	known &= ~KNOWN;
	while (way->len) {
		np_vertex at = way->data[--way->len];
		atomic_store_explicit(&c->above[at], known | KNOWN, memory_order_relaxed);
		known |= way->len ? bit_of(c, at) : 0;
	}
	return known;
}

static void range_retained(void *ctx, np_vertex from, np_vertex to, unsigned worker)
{
	const struct crowds *c = ctx;
	const uint64_t *retained = c->search->dominators->retained;
	for (np_vertex node = from; node < to; node++) {
		uint32_t bit = retained[node] ? bit_of(c, node) : 0;
		if (bit && !(above_of(c, node, &c->ways[worker]) & bit))
			c->bytes[worker][__builtin_ctz(bit)] += retained[node];
	}
}

static void few_retained(struct crowds *c)
{
	unsigned workers = c->search->workers;
	c->bit_of_group = np_xcalloc((size_t)c->group_count + 1, sizeof(*c->bit_of_group));
	c->above = np_xcalloc_huge((size_t)np_graph_node_count(c->search->graph) + 1, sizeof(*c->above));
	c->bytes = np_xcalloc(workers, sizeof(*c->bytes));
	c->ways = np_xcalloc(workers, sizeof(*c->ways));
	for (size_t i = 0; i < c->candidate_count; i++)
		c->bit_of_group[c->candidates[i]] = 1u << i;
	np_scan_ranges(c->search->graph, workers, range_retained, c);
	for (unsigned i = 0; i < workers; i++) {
		for (size_t k = 0; k < c->candidate_count; k++)
			c->all[c->candidates[k]].bytes += c->bytes[i][k];
		np_vec_deinit(&c->ways[i]);
	}
	free(c->ways);
	free(c->bit_of_group);
	free(c->above);
	free(c->bytes);
}

static void many_retained(struct crowds *c)
{
	np_vertex nodes = np_graph_node_count(c->search->graph);
	uint32_t *group_of = np_xmalloc(((size_t)nodes + 1) * sizeof(*group_of));
	uint64_t *bytes = np_xcalloc((size_t)c->group_count + 1, sizeof(*bytes));
	for (np_vertex node = 0; node < nodes; node++)
		group_of[node] = c->search->dominators->retained[node] ? group_of_member(c->search, node) : NP_VERTEX_NONE;
	np_group_retained(c->search->dominators, group_of, c->group_count, bytes);
	for (uint32_t i = 0; i < c->group_count; i++)
		c->all[i].bytes = bytes[i];
	free(group_of);
	free(bytes);
}

/* --- suspects --- */

static bool dominates(const struct suspect_search *s, np_vertex node, np_vertex below)
{
	while (below != NP_VERTEX_NONE && below != node)
		below = s->dominators->parent[below];
	return below == node;
}

/* An accumulation point holds them, or they are a small part of what it holds. */
static bool is_explained(const struct suspect_search *s, const struct np_suspect *class)
{
	for (size_t i = 0; i < s->found.len; i++) {
		const struct np_suspect *f = &s->found.data[i];
		if (!f->is_accumulation)
			continue;
		if (f->group == class->group && f->bytes * 100 >= class->bytes * SAME_PERCENT)
			return true;
		if (class->bytes * 2 < f->bytes && dominates(s, f->node, class->example))
			return true;
	}
	return false;
}

static void crowd_take(struct suspect_search *s, uint32_t group, const struct crowd *c)
{
	struct np_suspect suspect = {.node = c->node, .example = c->node, .group = group, .count = c->count,
				     .bytes = c->bytes, .all_bytes = c->bytes, .retained_bytes = c->bytes};
	if (c->bytes < s->limits->min_bytes || is_explained(s, &suspect))
		return;
	/* One big one among small ones is no crowd (but a chain is: its second link retains nearly as much). */
	if (c->first * 2 > c->bytes && c->second * 2 < c->first)
		return;
	np_vec_push(&s->found, suspect);
}

void np_suspect_classes(struct suspect_search *s)
{
	struct crowds c = {.search = s, .group_count = np_group_count(s->classes)};
	c.all = np_xcalloc((size_t)c.group_count * s->workers + 1, sizeof(*c.all));
	c.candidates = np_xmalloc(((size_t)c.group_count + 1) * sizeof(*c.candidates));
	crowds_count(&c);
	if (c.candidate_count > BITS)
		many_retained(&c);
	else if (c.candidate_count)
		few_retained(&c);
	for (size_t i = 0; i < c.candidate_count; i++)
		crowd_take(s, c.candidates[i], &c.all[c.candidates[i]]);
	free(c.all);
	free(c.candidates);
}
