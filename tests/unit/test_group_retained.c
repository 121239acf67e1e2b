/*
 * What groups of objects retain, on random dominator trees, against the
 * definition: the sum over those that no other of the same group dominates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap/group_retained.h"

enum { NODES_MAX = 60, GROUPS = 5, TREES = 500, CHAIN = 200000 };

static uint32_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

/* Parents before or behind their children, some nodes dead. */
static void tree_make(uint64_t seed, uint32_t *parent, uint64_t *retained, uint32_t *group_of, uint32_t *ret_count)
{
	uint32_t order[NODES_MAX], n = 1 + next(&seed) % NODES_MAX;
	uint64_t own[NODES_MAX];
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = next(&seed) % (i + 1);
		order[i] = order[k];
		order[k] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = order[i], up = next(&seed) % (i + 1);
		bool dead = next(&seed) % 8 == 0 || (up < i && !retained[order[up]]);
		parent[at] = dead || up == i ? NP_VERTEX_NONE : order[up];
		own[at] = retained[at] = dead ? 0 : 1 + next(&seed) % 100;
		group_of[at] = dead || next(&seed) % 4 == 0 ? NP_VERTEX_NONE : next(&seed) % GROUPS;
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t up = parent[order[i]]; own[order[i]] && up != NP_VERTEX_NONE; up = parent[up])
			retained[up] += own[order[i]];
	*ret_count = n;
}

static bool is_dominated_by_its_like(const uint32_t *parent, const uint32_t *group_of, uint32_t node)
{
	for (uint32_t up = parent[node]; up != NP_VERTEX_NONE; up = parent[up])
		if (group_of[up] == group_of[node])
			return true;
	return false;
}

static void test_random_trees(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= TREES; seed++) {
		uint32_t parent[NODES_MAX], group_of[NODES_MAX], n;
		uint64_t retained[NODES_MAX] = {0}, got[GROUPS] = {0}, wanted[GROUPS] = {0};
		tree_make(seed, parent, retained, group_of, &n);
		for (uint32_t i = 0; i < n; i++)
			if (group_of[i] != NP_VERTEX_NONE && !is_dominated_by_its_like(parent, group_of, i))
				wanted[group_of[i]] += retained[i];
		struct np_dominators d = {.parent = parent, .retained = retained, .node_count = n};
		np_group_retained(&d, group_of, GROUPS, got);
		for (size_t i = 0; i < GROUPS; i++)
			assert_int_equal(got[i], wanted[i]);
		free(d.child_rows);
		free(d.children);
	}
}

/* A list of many links: no recursion, and the first one alone counts. */
static void test_chain(void **state)
{
	(void)state;
	uint32_t *parent = calloc(CHAIN, sizeof(*parent)), *group_of = calloc(CHAIN, sizeof(*group_of));
	uint64_t *retained = calloc(CHAIN, sizeof(*retained)), got[1] = {0};
	for (uint32_t i = 0; i < CHAIN; i++) {
		parent[i] = i ? i - 1 : NP_VERTEX_NONE;
		retained[i] = 8ull * (CHAIN - i);
	}
	struct np_dominators d = {.parent = parent, .retained = retained, .node_count = CHAIN};
	np_group_retained(&d, group_of, 1, got);
	assert_int_equal(got[0], 8ull * CHAIN);
	np_dominators_deinit(&d);
	free(group_of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_trees), cmocka_unit_test(test_chain)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
