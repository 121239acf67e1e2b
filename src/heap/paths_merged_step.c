/* The steps of merged paths: which one an object belongs to, and what it counts. */
#include <stdlib.h>

#include "heap/paths_merged_internal.h"
#include "v8/function.h"

enum {
	AGAIN_WITHIN = 3,   /* steps, in which the same one folds */
	VIAS_MAX = 1 << 16, /* different sets; further ways are not told apart from those without */
};

static bool key_equal(const struct merge_key *a, const struct merge_key *b)
{
	return a->parent == b->parent && a->label == b->label && a->class_id == b->class_id && a->function == b->function;
}

static size_t table_slot(const struct merge *m, const struct merge_key *k)
{
	uint64_t hash = merge_mix((uint64_t)k->parent << 32 | k->label) ^ merge_mix(k->function + k->class_id);
	size_t at = merge_mix(hash) & (m->table_cap - 1);
	while (m->table[at] && !key_equal(&m->states.data[m->table[at] - 1].key, k))
		at = (at + 1) & (m->table_cap - 1);
	return at;
}

static void table_grow(struct merge *m)
{
	free(m->table);
	m->table_cap = m->table_cap ? m->table_cap * 2 : MERGE_TABLE_MIN;
	m->table = np_xcalloc(m->table_cap, sizeof(*m->table));
	for (size_t i = 0; i < m->states.len; i++)
		m->table[table_slot(m, &m->states.data[i].key)] = (uint32_t)i + 1;
}

uint32_t np_merge_step(struct merge *m, const struct merge_key *key, bool *is_new)
{
	if ((m->states.len + 1) * 2 > m->table_cap)
		table_grow(m);
	size_t at = table_slot(m, key);
	*is_new = !m->table[at];
	if (*is_new) {
		const struct merge_label *label = &m->labels.data[key->label];
		np_vec_push(&m->states, (struct merge_state){.key = *key});
		np_vec_push(&m->steps, (struct np_merged_step){.parent = key->parent, .edge = label->edge, .is_any = label->is_any,
							       .example = NP_VERTEX_NONE, .holder = NP_VERTEX_NONE});
		m->table[at] = (uint32_t)m->states.len;
	}
	return m->table[at] - 1;
}

/* The same step among the last ones. */
static uint32_t step_again(const struct merge *m, const struct merge_key *key)
{
	uint32_t at = key->parent;
	for (int i = 0; i < AGAIN_WITHIN && at != NP_MERGED_NONE && key->label != LABEL_NONE; i++) {
		const struct merge_key *k = &m->states.data[at].key;
		if (k->label == key->label && k->class_id == key->class_id && k->function == key->function)
			return at;
		at = k->parent;
	}
	return NP_MERGED_NONE;
}

static size_t via_place(const struct merge *m, const struct merge_via *v)
{
	size_t at = merge_mix((uint64_t)v->step << 32 | v->rest) & (m->via_cap - 1);
	while (m->via_table[at] &&
	       (m->vias.data[m->via_table[at]].step != v->step || m->vias.data[m->via_table[at]].rest != v->rest))
		at = (at + 1) & (m->via_cap - 1);
	return at;
}

/* The set with one more. */
static uint32_t via_add(struct merge *m, uint32_t set, uint32_t step)
{
	struct merge_via v = {step, set};
	for (uint32_t at = set; at; at = m->vias.data[at].rest)
		if (m->vias.data[at].step == step)
			return set;
	if (!m->via_cap) {
		m->via_cap = 2 * VIAS_MAX;
		m->via_table = np_xcalloc(m->via_cap, sizeof(*m->via_table));
		np_vec_push(&m->vias, (struct merge_via){0});
	}
	size_t at = via_place(m, &v);
	if (!m->via_table[at] && m->vias.len >= VIAS_MAX)
		return set;
	if (!m->via_table[at]) {
		m->via_table[at] = (uint32_t)m->vias.len;
		np_vec_push(&m->vias, v);
	}
	return m->via_table[at];
}

static size_t astray_place(const struct merge *m, uint32_t step, uint32_t via)
{
	size_t at = merge_mix((uint64_t)step << 32 | via) & (m->astray_cap - 1);
	while (m->astray[at].via && (m->astray[at].step != step || m->astray[at].via != via))
		at = (at + 1) & (m->astray_cap - 1);
	return at;
}

static void astray_add(struct merge *m, uint32_t step, uint32_t via, uint64_t self_bytes, uint64_t retained_bytes)
{
	if ((m->astray_len + 1) * 2 > m->astray_cap) {
		struct merge_astray *old = m->astray;
		size_t cap = m->astray_cap;
		m->astray_cap = cap ? cap * 2 : MERGE_TABLE_MIN;
		m->astray = np_xcalloc(m->astray_cap, sizeof(*m->astray));
		for (size_t i = 0; i < cap; i++)
			if (old[i].via)
				m->astray[astray_place(m, old[i].step, old[i].via)] = old[i];
		free(old);
	}
	struct merge_astray *a = &m->astray[astray_place(m, step, via)];
	m->astray_len += !a->via;
	a->step = step;
	a->via = via;
	a->count++;
	a->self_bytes += self_bytes;
	a->retained_bytes += retained_bytes;
}

/*
 * What a member retains beyond other members.  All that dominate an object are
 * on its path, so that each step which leads to them leads to it, too: the sum
 * of these over a step is what its outermost members retain.
 */
static uint64_t retained_alone(const struct merge *m, np_vertex node)
{
	if (!m->dominators)
		return 0;
	uint64_t retained = m->dominators->retained[node], nested = m->nested[merge_member(m, node)];
	return retained > nested ? retained - nested : 0;
}

static void step_add(struct merge *m, uint32_t step, np_vertex node, np_vertex holder, struct merge_turn turn)
{
	struct np_merged_step *s = &m->steps.data[step];
	struct merge_state *state = &m->states.data[step];
	if (!s->objects++) {
		s->example = node;
		s->holder = holder;
	}
	if (turn.step == step && turn.round > s->rounds)
		s->rounds = turn.round;
	if (merge_has(m->members, node)) {
		uint64_t self_bytes = np_graph_size(m->graph, node), retained = retained_alone(m, node);
		s->members++;
		s->count++;
		s->self_bytes += self_bytes;
		s->retained_bytes += retained;
		if (turn.via)
			astray_add(m, step, turn.via, self_bytes, retained);
	}
	np_vec_push(&state->pending, (struct merge_entry){node, turn});
	if (!state->is_queued) {
		state->is_queued = true;
		np_vec_push(&m->queue, step);
	}
}

/* Back at a step: those below it that led here are told of what follows. */
static struct merge_turn turn_again(struct merge *m, const struct merge_place *at, uint32_t step)
{
	struct merge_turn turn = {step, at->turn.step == step ? at->turn.round + 1 : 2, at->turn.via};
	for (uint32_t left = at->step; left != step; left = m->states.data[left].key.parent)
		turn.via = via_add(m, turn.via, left);
	return turn;
}

/* True when it is the first one of its step. */
bool np_merge_put(struct merge *m, const struct merge_place *at, np_vertex node, uint32_t label)
{
	struct merge_turn turn = at->turn;
	struct merge_key key = {.parent = at->step, .label = label, .class_id = np_class_id_of(m->classes, node)};
	bool is_new = false;
	if (merge_shape(m->graph, node)->kind == NP_KIND_JS_FUNCTION)
		np_function_shared(m->v8, np_graph_address(m->graph, node), &key.function);
	uint32_t step = step_again(m, &key);
	if (step == NP_MERGED_NONE)
		step = np_merge_step(m, &key, &is_new);
	else
		turn = turn_again(m, at, step);
	step_add(m, step, node, at->owner, turn);
	return is_new;
}

static void step_count(struct np_merged_step *s, uint64_t count, uint64_t self_bytes, uint64_t retained_bytes)
{
	s->count += count;
	s->self_bytes += self_bytes;
	s->retained_bytes += retained_bytes;
}

/* What lies below each step counts there, too; and what went astray with those that it led through. */
void np_merge_sum(struct merge *m)
{
	uint32_t *seen = np_xcalloc(m->steps.len + 1, sizeof(*seen));
	for (size_t i = m->steps.len; i-- > 0;) {
		const struct np_merged_step *s = &m->steps.data[i];
		if (s->parent != NP_MERGED_NONE)
			step_count(&m->steps.data[s->parent], s->count, s->self_bytes, s->retained_bytes);
	}
	for (size_t i = 0; i < m->astray_cap; i++) {
		const struct merge_astray *a = &m->astray[i];
		if (!a->via)
			continue;
		for (uint32_t at = a->step; at != NP_MERGED_NONE; at = m->steps.data[at].parent)
			seen[at] = (uint32_t)i + 1;
		for (uint32_t at = a->via; at; at = m->vias.data[at].rest)
			if (seen[m->vias.data[at].step] != i + 1)
				step_count(&m->steps.data[m->vias.data[at].step], a->count, a->self_bytes, a->retained_bytes);
	}
	free(seen);
}
