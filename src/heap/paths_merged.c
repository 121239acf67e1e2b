#include "heap/paths_merged.h"

#include <stdlib.h>

#include "heap/paths_merged_internal.h"

/* --- what hangs off an object --- */

/* Those of a holder's row that hang off it, with their offsets; pushed to m->hits. */
static void hits_gather(struct merge *m, np_vertex holder)
{
	struct np_edges row = np_graph_edges(m->graph, holder);
	size_t first = m->hits.len;
	for (uint32_t k = 0; k < row.count; k++) {
		np_vertex target = np_edge_target(row.targets[k]);
		if (np_edge_is_weak(row.targets[k]) || !merge_has(m->todo, target) || m->holders[target] != holder)
			continue;
		m->todo[target / 64] &= ~(1ull << (target % 64));
		np_vec_push(&m->hits, (struct merge_hit){target, k, UINT32_MAX});
	}
	if (m->hits.len == first)
		return;
	if (row.count > m->offset_cap) {
		m->offset_cap = (size_t)row.count * 2;
		free(m->offsets);
		m->offsets = np_xmalloc(m->offset_cap * sizeof(*m->offsets));
	}
	uint32_t known = np_graph_edge_offsets(m->graph, holder, m->offsets);
	for (size_t i = first; i < m->hits.len; i++)
		if (m->hits.data[i].k < known)
			m->hits.data[i].offset = m->offsets[m->hits.data[i].k];
}

static enum merge_role role_of(const struct merge *m, const struct np_vertex_shape *owner, const struct merge_hit *hit)
{
	if (owner->kind == NP_KIND_CONTEXT) {
		const char *type = merge_shape(m->graph, hit->node)->type_name;
		return type && strcmp(type, "CONTEXT_CELL_TYPE") == 0 ? ROLE_CELL : ROLE_SELF;
	}
	if (!np_kind_is_receiver(owner->kind) || np_graph_is_external(m->graph, hit->node))
		return ROLE_SELF;
	if (hit->offset == 0)
		return ROLE_MAP;
	if (hit->offset == m->properties_at || hit->offset == m->elements_at)
		return np_kind_is_receiver(merge_shape(m->graph, hit->node)->kind) ? ROLE_SELF
			: hit->offset == m->properties_at			? ROLE_PROPERTIES
										: ROLE_ELEMENTS;
	if ((owner->kind == NP_KIND_JS_MAP || owner->kind == NP_KIND_JS_SET) && hit->offset == m->ordered_at)
		return ROLE_ORDERED;
	if ((owner->kind == NP_KIND_JS_WEAK_MAP || owner->kind == NP_KIND_JS_WEAK_SET) && hit->offset == m->weak_at)
		return ROLE_WEAK;
	return ROLE_SELF;
}

/* The value of a constant property, which the map's descriptors keep; false: what hangs there is something else. */
static bool constant_put(struct merge *m, const struct merge_place *at, np_vertex map, np_vertex descriptors,
			 np_vertex value)
{
	np_vertex chain[] = {at->owner, map, descriptors, value};
	struct np_edge_name edge;
	np_arena_reset(m->scratch);
	if (np_edge_fold(m->graph, m->classes, chain, NP_ARRAY_LEN(chain), m->scratch, &edge) != 3)
		return false;
	np_merge_put(m, at, value, np_merge_label_named(m, &edge));
	return true;
}

/* The map of an object: its prototype and constants are the object's; true when nothing else hangs off it. */
static bool map_expand(struct merge *m, const struct merge_place *at, np_vertex map)
{
	size_t first = m->hits.len;
	bool whole = true;
	hits_gather(m, map);
	for (size_t i = first, n = m->hits.len; i < n; i++) {
		struct merge_hit hit = m->hits.data[i];
		bool is_taken = false;
		if (hit.offset == m->prototype_at) {
			np_merge_put(m, at, hit.node, LABEL_PROTO);
			is_taken = true;
		} else if (hit.offset == m->descriptors_at && !merge_has(m->members, hit.node)) {
			size_t from = m->hits.len;
			is_taken = true;
			hits_gather(m, hit.node);
			for (size_t k = from; k < m->hits.len; k++)
				if (!constant_put(m, at, map, hit.node, m->hits.data[k].node)) {
					merge_set(m->todo, m->hits.data[k].node);
					is_taken = false;
				}
			m->hits.len = from;
		}
		if (!is_taken) {
			merge_set(m->todo, hit.node);
			whole = false;
		}
	}
	m->hits.len = first;
	return whole && !merge_has(m->members, map);
}

static void expand(struct merge *m, const struct merge_place *at, np_vertex holder, enum merge_role role,
		   uint32_t cell_label)
{
	size_t first = m->hits.len;
	hits_gather(m, holder);
	size_t n = m->hits.len;
	for (size_t i = first; i < n; i++) {
		struct merge_hit hit = m->hits.data[i];
		enum merge_role below = role == ROLE_SELF ? role_of(m, merge_shape(m->graph, holder), &hit) : ROLE_SELF;
		if (below == ROLE_MAP) {
			if (map_expand(m, at, hit.node))
				continue;
			below = ROLE_SELF;
		}
		uint32_t label = role == ROLE_CELL ? cell_label : np_merge_label_of(m, at, holder, role, &hit, n - first);
		if (role != ROLE_SELF && role != ROLE_CELL && np_edge_is_cell(m->graph, hit.node))
			below = ROLE_CELL;
		if (below != ROLE_SELF) {
			expand(m, at, hit.node, below, label);
			if (!merge_has(m->members, hit.node))
				continue; /* a store; as one of the set it has a step, too */
		}
		if (np_merge_put(m, at, hit.node, label) && role == ROLE_PROPERTIES)
			m->states.data[at->step].names++;
	}
	m->hits.len = first;
}

static size_t ephemeron_first(const struct merge *m, np_vertex key)
{
	size_t low = 0, high = m->ephemeron_count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->ephemerons[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void expand_ephemerons(struct merge *m, const struct merge_place *at)
{
	for (size_t i = ephemeron_first(m, at->owner); i < m->ephemeron_count && m->ephemerons[i].key == at->owner; i++) {
		np_vertex value = m->ephemerons[i].value;
		if (!merge_has(m->todo, value))
			continue;
		m->todo[value / 64] &= ~(1ull << (value % 64));
		struct np_edge_name edge = {.kind = NP_EDGE_KIND_VALUE, .name = "of a WeakMap with this key"};
		np_arena_reset(m->scratch);
		np_merge_put(m, at, value, np_merge_label_named(m, &edge));
	}
}

/* A step's objects may lead to more of it: the list grows while it is worked off. */
static void step_expand(struct merge *m, uint32_t step)
{
	while (m->states.data[step].head < m->states.data[step].pending.len) {
		const struct merge_entry *e = &m->states.data[step].pending.data[m->states.data[step].head++];
		struct merge_place at = {step, e->node, e->turn};
		expand(m, &at, at.owner, ROLE_SELF, LABEL_NONE);
		if (m->ephemeron_count)
			expand_ephemerons(m, &at);
	}
	np_vec_deinit(&m->states.data[step].pending);
	m->states.data[step].head = 0;
	m->states.data[step].is_queued = false;
}

static void run_queue(struct merge *m)
{
	while (m->queue.len)
		step_expand(m, m->queue.data[--m->queue.len]);
}

/* --- before --- */

/* Marks all paths; returns how many of the set have one. */
static void todo_mark(struct merge *m)
{
	np_vertex n = np_graph_node_count(m->graph);
	for (np_vertex word = 0; word <= n / 64; word++)
		for (uint64_t bits = m->members[word]; bits; bits &= bits - 1) {
			np_vertex node = word * 64 + (np_vertex)__builtin_ctzll(bits);
			if (!np_reach_has(m->reach, node)) {
				m->unheld++;
				continue;
			}
			for (; node != NP_VERTEX_NONE && !merge_has(m->todo, node); node = m->holders[node])
				merge_set(m->todo, node);
		}
}

/* Numbers the members in the order of their nodes. */
static void members_number(struct merge *m)
{
	np_vertex n = np_graph_node_count(m->graph);
	uint32_t count = 0;
	m->first_member = np_xcalloc((size_t)n / 64 + 1, sizeof(*m->first_member));
	for (np_vertex word = 0; word <= n / 64; word++) {
		m->first_member[word] = count;
		count += (uint32_t)__builtin_popcountll(m->members[word]);
	}
	m->nested = np_xcalloc((size_t)count + 1, sizeof(*m->nested));
}

/*
 * What members retain that another one dominates counts with the nearest that
 * does.  Each node between them is walked over once: it is told what is above.
 */
static void nested_sum(struct merge *m)
{
	np_vertex n = np_graph_node_count(m->graph);
	const uint32_t *parent = m->dominators->parent;
	uint32_t *above = np_xcalloc((size_t)n + 1, sizeof(*above)); /* nearest member + 1; n + 1: none; 0: unknown */
	members_number(m);
	for (np_vertex word = 0; word <= n / 64; word++)
		for (uint64_t bits = m->members[word]; bits; bits &= bits - 1) {
			np_vertex node = word * 64 + (np_vertex)__builtin_ctzll(bits), from = parent[node], at = from;
			while (at != NP_VERTEX_NONE && !merge_has(m->members, at) && !above[at])
				at = parent[at];
			uint32_t found = at == NP_VERTEX_NONE ? n + 1 : merge_has(m->members, at) ? at + 1 : above[at];
			for (; from != at; from = parent[from])
				above[from] = found;
			if (found <= n)
				m->nested[merge_member(m, found - 1)] += m->dominators->retained[node];
		}
	free(above);
}

static int ephemeron_compare(const void *a, const void *b)
{
	const struct np_ephemeron *x = a, *y = b;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void ephemerons_gather(struct merge *m)
{
	size_t n = np_graph_ephemeron_count(m->graph);
	const struct np_ephemeron *all = np_graph_ephemerons(m->graph);
	m->ephemerons = np_xmalloc((n + 1) * sizeof(*m->ephemerons));
	for (size_t i = 0; i < n; i++)
		if (m->reach->ephemeron_is_live[i] && all[i].value != NP_VERTEX_NONE && merge_has(m->todo, all[i].value) &&
		    m->holders[all[i].value] == all[i].key)
			m->ephemerons[m->ephemeron_count++] = all[i];
	qsort(m->ephemerons, m->ephemeron_count, sizeof(*m->ephemerons), ephemeron_compare);
}

/* Roots of one kind and thread are one step. */
static void roots_put(struct merge *m)
{
	np_vertex last = NP_VERTEX_NONE;
	bool is_new;
	for (size_t i = 0; i < m->roots->count; i++) {
		const struct np_graph_root *root = &m->roots->all[i];
		if (root->node == last || !merge_has(m->todo, root->node) || m->holders[root->node] != NP_VERTEX_NONE)
			continue;
		last = root->node;
		m->todo[last / 64] &= ~(1ull << (last % 64));
		struct merge_key key = {.parent = NP_MERGED_NONE, .class_id = root->kind, .function = (np_addr)root->tid};
		struct merge_place at = {np_merge_step(m, &key, &is_new), NP_VERTEX_NONE, {NP_MERGED_NONE, 1, 0}};
		m->steps.data[at.step].objects++;
		if (is_new)
			m->steps.data[at.step].root = root;
		np_merge_put(m, &at, last, LABEL_NONE);
	}
}

static void build_init(struct merge *m)
{
	const np_layout *l = m->v8->layout;
	m->holders = np_reach_parents(m->reach);
	size_t words = (size_t)np_graph_node_count(m->graph) / 64 + 1;
	m->todo = np_xcalloc(words, sizeof(*m->todo));
	m->arena = np_arena_create();
	m->scratch = np_arena_create();
	m->properties_at = merge_fact(l, NP_F_JSReceiver_properties);
	m->elements_at = merge_fact(l, NP_F_JSObject_elements);
	m->ordered_at = merge_fact(l, NP_F_JSMap_table);
	m->weak_at = merge_fact(l, NP_F_JSWeakMap_table);
	m->prototype_at = merge_fact(l, NP_F_Map_prototype);
	m->descriptors_at = merge_fact(l, NP_F_Map_descriptors);
	m->scope_info_at = np_has(l, NP_F_Context_scope_info) ? MERGE_ARRAY_DATA + 8 * np_get(l, NP_F_Context_scope_info) : -1;
	np_merge_labels_init(m);
}

void np_merged_paths(np_graph *graph, np_classes *classes, const struct np_graph_roots *roots,
		     const struct np_reach *reach, const struct np_dominators *dominators, const uint64_t *members,
		     struct np_merged *ret)
{
	struct merge m = {.graph = graph, .classes = classes, .v8 = np_heap_v8(np_graph_heap(graph)), .roots = roots,
			  .reach = reach, .dominators = dominators, .members = members};
	build_init(&m);
	todo_mark(&m);
	if (dominators)
		nested_sum(&m);
	ephemerons_gather(&m);
	roots_put(&m);
	run_queue(&m);
	np_merge_sum(&m);
	*ret = (struct np_merged){m.steps.data, m.steps.len, m.unheld, m.arena};
	np_arena_destroy(m.scratch);
	free(m.todo);
	free(m.first_member);
	free(m.nested);
	free(m.table);
	free(m.via_table);
	free(m.astray);
	np_vec_deinit(&m.vias);
	free(m.slots);
	free(m.offsets);
	free(m.ephemerons);
	np_vec_deinit(&m.states);
	np_vec_deinit(&m.queue);
	np_vec_deinit(&m.labels);
	np_vec_deinit(&m.hits);
	np_text_ids_deinit(&m.label_ids);
}

void np_merged_deinit(struct np_merged *merged)
{
	free(merged->steps);
	if (merged->arena)
		np_arena_destroy(merged->arena);
	*merged = (struct np_merged){0};
}
