/*
 * Reachability, dominators and paths on random graphs, against their definitions:
 * a node is dominated by another when it cannot be reached without that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/dominators.h"
#include "heap/graph_internal.h"
#include "heap/path.h"

enum { NODES_MAX = 40, EDGES_MAX = 160, ROOTS_MAX = 4, EPHEMERONS_MAX = 6, GRAPHS = 600 };

struct sample {
	np_graph graph;
	struct graph_external external[NODES_MAX];
	uint32_t rows[NODES_MAX + 1], edges[EDGES_MAX];
	uint64_t sizes[NODES_MAX];
	np_addr addrs[NODES_MAX];
	struct np_ephemeron ephemerons[EPHEMERONS_MAX];
	struct np_graph_root roots[ROOTS_MAX];
	struct np_graph_roots all;
};

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* All nodes are external memory: sizes in bytes, and no pages. */
static struct sample *sample_make(uint64_t seed)
{
	struct sample *s = calloc(1, sizeof(*s));
	uint32_t n = 2 + next(&seed) % (NODES_MAX - 2), edge_count = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t degree = next(&seed) % 4;
		s->rows[i] = edge_count;
		for (uint32_t k = 0; k < degree && edge_count < EDGES_MAX; k++)
			s->edges[edge_count++] = next(&seed) % n | (next(&seed) % 8 == 0 ? NP_EDGE_WEAK : 0);
		s->sizes[i] = 1 + next(&seed) % 1000;
		s->addrs[i] = 0x1000 + 64 * i;
	}
	s->rows[n] = edge_count;
	s->graph.node_count = n;
	s->graph.rows = s->rows;
	s->graph.edges = s->edges;
	s->graph.external_sizes = s->sizes;
	s->graph.external_addrs = s->addrs;
	s->graph.ephemerons.data = s->ephemerons;
	s->graph.ephemerons.len = next(&seed) % (EPHEMERONS_MAX + 1);
	for (size_t i = 0; i < s->graph.ephemerons.len; i++)
		s->ephemerons[i] = (struct np_ephemeron){next(&seed) % n, next(&seed) % n, next(&seed) % n};
	uint32_t root_count = 1 + next(&seed) % (ROOTS_MAX - 1), from = 0;
	for (uint32_t i = 0; i < root_count && from < n; i++) {
		from += next(&seed) % 3;
		if (from < n)
			s->roots[s->all.count++] = (struct np_graph_root){.node = from, .kind = NP_ROOT_GLOBAL_HANDLE};
		from++;
	}
	s->all.all = s->roots;
	return s;
}

/* What is reached when one node is taken out. */
static void reach_without(const struct sample *s, np_vertex without, bool use_tables, bool *ret)
{
	uint32_t n = s->graph.node_count;
	memset(ret, 0, n);
	for (size_t i = 0; i < s->all.count; i++)
		if (s->roots[i].node != without)
			ret[s->roots[i].node] = true;
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t v = 0; v < n; v++)
			for (uint32_t e = s->rows[v]; ret[v] && e < s->rows[v + 1]; e++) {
				np_vertex to = s->edges[e];
				if (np_edge_is_weak(s->edges[e]) || to == without || ret[to])
					continue;
				changed = ret[to] = true;
			}
		for (size_t i = 0; i < s->graph.ephemerons.len; i++) {
			const struct np_ephemeron *p = &s->ephemerons[i];
			if (ret[p->key] && (!use_tables || ret[p->table]) && p->value != without && !ret[p->value])
				changed = ret[p->value] = true;
		}
	}
}

static void check_reach(const struct sample *s, const struct np_reach *reach)
{
	bool wanted[NODES_MAX];
	reach_without(s, NP_VERTEX_NONE, true, wanted);
	for (uint32_t v = 0; v < s->graph.node_count; v++)
		assert_int_equal(np_reach_has(reach, v), wanted[v]);
}

/* Only tables that are alive give their values: dominance is asked of those alone. */
static void drop_dead_tables(struct sample *s, const struct np_reach *reach)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->graph.ephemerons.len; i++)
		if (reach->ephemeron_is_live[i])
			s->ephemerons[kept++] = s->ephemerons[i];
	s->graph.ephemerons.len = kept;
}

static void check_retained(struct sample *s, const struct np_reach *reach, const struct np_dominators *d)
{
	bool all[NODES_MAX], without[NODES_MAX];
	uint64_t total = 0;
	drop_dead_tables(s, reach);
	reach_without(s, NP_VERTEX_NONE, false, all);
	for (uint32_t v = 0; v < s->graph.node_count; v++) {
		uint64_t retained = 0;
		reach_without(s, v, false, without);
		for (uint32_t u = 0; u < s->graph.node_count; u++)
			if (all[u] && !without[u])
				retained += s->sizes[u];
		total += all[v] ? s->sizes[v] : 0;
		assert_int_equal(d->retained[v], all[v] ? retained : 0);
	}
	assert_int_equal(d->total_bytes, total);
}

/* All that retain so much are there, under their parents. */
static void check_big_children(struct np_dominators *d, uint32_t n, uint64_t min_bytes)
{
	uint32_t found = 0, want = 0;
	for (uint32_t v = 0; v < n; v++)
		want += d->retained[v] && d->retained[v] >= min_bytes;
	for (uint32_t v = 0; v <= n; v++) {
		np_vertex parent = v < n ? v : NP_VERTEX_NONE;
		struct np_edges row = np_dominators_big_children(d, parent, min_bytes);
		for (uint32_t i = 0; i < row.count; i++) {
			assert_int_equal(d->parent[row.targets[i]], parent);
			found += d->retained[row.targets[i]] >= min_bytes;
		}
	}
	assert_int_equal(found, want);
}

static void check_children(struct np_dominators *d, uint32_t n)
{
	check_big_children(d, n, 3000);
	check_big_children(d, n, 700);
	uint32_t count = np_dominators_children(d, NP_VERTEX_NONE).count, live = 0;
	for (uint32_t v = 0; v < n; v++) {
		struct np_edges row = np_dominators_children(d, v);
		live += d->retained[v] != 0;
		count += row.count;
		for (uint32_t i = 0; i < row.count; i++)
			assert_int_equal(d->parent[row.targets[i]], v);
	}
	assert_int_equal(count, live);
}

static bool has_edge(const struct sample *s, np_vertex from, np_vertex to)
{
	for (uint32_t e = s->rows[from]; e < s->rows[from + 1]; e++)
		if (s->edges[e] == to)
			return true;
	for (size_t i = 0; i < s->graph.ephemerons.len; i++)
		if (s->ephemerons[i].key == from && s->ephemerons[i].value == to)
			return true;
	return false;
}

static void check_paths(struct sample *s, const struct np_reach *reach)
{
	enum { MAX = 5 };
	np_arena *arena = np_arena_create();
	for (uint32_t v = 0; v < s->graph.node_count; v++) {
		struct np_path paths[MAX];
		size_t n = np_paths_find(&s->graph, &s->all, reach, v, MAX, arena, paths);
		assert_int_equal(n > 0, np_reach_has(reach, v));
		for (size_t i = 0; i < n; i++) {
			assert_non_null(paths[i].root);
			assert_int_equal(paths[i].root->node, paths[i].nodes[0]);
			assert_int_equal(paths[i].nodes[paths[i].len - 1], v);
			for (size_t k = 0; k + 1 < paths[i].len; k++)
				assert_true(has_edge(s, paths[i].nodes[k], paths[i].nodes[k + 1]));
		}
	}
	np_arena_destroy(arena);
}

static void check_referrers_of(struct sample *s, np_vertex v)
{
	struct np_edges back = np_graph_referrers(&s->graph, v);
	uint32_t k = 0;
	for (uint32_t from = 0; from < s->graph.node_count; from++)
		for (uint32_t e = s->rows[from]; e < s->rows[from + 1]; e++)
			if (np_edge_target(s->edges[e]) == v) {
				assert_true(k < back.count);
				assert_int_equal(back.targets[k++], from | (s->edges[e] & NP_EDGE_WEAK));
			}
	assert_int_equal(k, back.count);
}

static void referrers_forget(struct sample *s)
{
	np_graph_referrers_deinit(&s->graph);
	s->graph.back_rows = s->graph.back_edges = NULL;
	s->graph.referrer_scans = 0;
}

/* One by one (by passes, then by rows), and for several at once. */
static void check_referrers(struct sample *s)
{
	np_vertex some[] = {0, s->graph.node_count - 1, 0, s->graph.node_count / 2, s->graph.node_count};
	referrers_forget(s);
	for (uint32_t v = 0; v < s->graph.node_count; v++)
		check_referrers_of(s, v);
	assert_int_equal(s->graph.back_rows != NULL, s->graph.node_count > 8);
	referrers_forget(s);
	np_graph_want_referrers(&s->graph, some, 2);
	np_graph_want_referrers(&s->graph, some, 5);
	for (size_t i = 0; i < 4; i++)
		check_referrers_of(s, some[i]);
	assert_int_equal(s->graph.referrer_scans, 0);
	referrers_forget(s);
}

static void test_random_graphs(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
		struct sample *s = sample_make(seed * 0x9e3779b97f4a7c15u);
		struct np_reach reach;
		struct np_dominators d;
		np_reach_init(&s->graph, &s->all, &reach);
		check_reach(s, &reach);
		check_paths(s, &reach);
		check_referrers(s);
		assert_null(np_dominators_init(&s->graph, &s->all, &reach, &d));
		check_children(&d, s->graph.node_count);
		check_retained(s, &reach, &d);
		np_dominators_deinit(&d);
		np_reach_deinit(&reach);
		free(s);
	}
}

/* A chain of a million: nothing may recurse. */
static void test_long_chain(void **state)
{
	enum { LENGTH = 1000000 };
	np_graph *g = calloc(1, sizeof(*g));
	struct np_graph_root root = {.node = 0, .kind = NP_ROOT_STACK};
	struct np_graph_roots roots = {.all = &root, .count = 1};
	struct np_reach reach;
	struct np_dominators d;
	(void)state;
	g->node_count = LENGTH;
	g->rows = calloc(LENGTH + 1, sizeof(*g->rows));
	g->edges = calloc(LENGTH, sizeof(*g->edges));
	g->external_sizes = calloc(LENGTH, sizeof(*g->external_sizes));
	for (uint32_t i = 0; i < LENGTH; i++) {
		g->rows[i + 1] = i + 1 < LENGTH ? i + 1 : i;
		g->edges[i] = i + 1 < LENGTH ? i + 1 : 0;
		g->external_sizes[i] = 8;
	}
	np_reach_init(g, &roots, &reach);
	assert_null(np_dominators_init(g, &roots, &reach, &d));
	assert_int_equal(d.retained[0], 8ull * LENGTH);
	assert_int_equal(d.retained[LENGTH - 1], 8);
	np_dominators_deinit(&d);
	np_reach_deinit(&reach);
	free(g->rows);
	free(g->edges);
	free(g->external_sizes);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_long_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
