/* Names of edges for the merged paths: one for all edges that a person would not tell apart. */
#include <stdlib.h>

#include "heap/paths_merged_internal.h"
#include "v8/function.h"

enum {
	ORDERED_HEADER = 3, MAP_ENTRY = 3,
	WEAK_HEADER = 3, WEAK_ENTRY = 2,
	HASH_HEADER = 3, NAME_PREFIX = 2, NAME_ENTRY = 3, /* of a NameDictionary, unless the layout knows better */
};

uint32_t np_merge_label_named(struct merge *m, const struct np_edge_name *edge)
{
	bool is_new;
	if (edge->kind == NP_EDGE_KIND_INTERNAL && edge->name[0] == '[')
		return LABEL_SLOT;
	uint32_t id = np_text_id(&m->label_ids, np_arena_printf(m->scratch, "%d%s", edge->kind, edge->name), &is_new);
	if (is_new) {
		np_vec_push(&m->labels, (struct merge_label){.edge = *edge});
		m->labels.data[m->labels.len - 1].edge.name = np_arena_strdup(m->arena, edge->name);
	}
	return id + FIXED_LABELS;
}

void np_merge_labels_init(struct merge *m)
{
	static const struct merge_label fixed[FIXED_LABELS] = {
		[LABEL_ELEMENT] = {{.kind = NP_EDGE_KIND_ELEMENT, .name = ""}, true},
		[LABEL_VALUE] = {{.kind = NP_EDGE_KIND_VALUE, .name = ""}, true},
		[LABEL_KEY] = {{.kind = NP_EDGE_KIND_KEY, .name = ""}, true},
		[LABEL_SLOT] = {{.kind = NP_EDGE_KIND_INTERNAL, .name = ""}, true},
		[LABEL_PROPERTY] = {{.kind = NP_EDGE_KIND_PROPERTY, .name = ""}, true},
		[LABEL_PROTO] = {{.kind = NP_EDGE_KIND_PROPERTY, .name = "__proto__"}, false},
	};
	for (size_t i = 0; i < FIXED_LABELS; i++)
		np_vec_push(&m->labels, fixed[i]);
}

static void slots_grow(struct merge *m)
{
	struct merge_slot *old = m->slots;
	size_t cap = m->slot_cap;
	m->slot_cap = cap ? cap * 2 : MERGE_TABLE_MIN;
	m->slots = np_xcalloc(m->slot_cap, sizeof(*m->slots));
	for (size_t i = 0; i < cap; i++) {
		if (!old[i].label)
			continue;
		size_t at = merge_mix(old[i].scope * 31 + old[i].offset) & (m->slot_cap - 1);
		while (m->slots[at].label)
			at = (at + 1) & (m->slot_cap - 1);
		m->slots[at] = old[i];
	}
	free(old);
}

static struct merge_slot *slot_of(struct merge *m, uint64_t scope, uint64_t offset)
{
	if ((m->slot_len + 1) * 2 > m->slot_cap)
		slots_grow(m);
	size_t at = merge_mix(scope * 31 + offset) & (m->slot_cap - 1);
	while (m->slots[at].label && (m->slots[at].scope != scope || m->slots[at].offset != offset))
		at = (at + 1) & (m->slot_cap - 1);
	return &m->slots[at];
}

/* What decides, together with the offset, how an edge is called; 0: nothing but the object itself. */
static uint64_t scope_of(struct merge *m, np_vertex holder, const struct np_vertex_shape *shape)
{
	np_addr shared;
	if (shape->kind != NP_KIND_CONTEXT)
		return (uint64_t)np_graph_shape_of(m->graph, holder) << 3 | 2;
	np_tagged word = merge_word(m->graph, holder, m->scope_info_at >= 0 ? m->scope_info_at : MERGE_ARRAY_DATA);
	if (!np_is_ref(word))
		return 0;
	if (m->scope_info_at >= 0)
		return word.raw;
	return np_function_shared(m->v8, np_ref(word), &shared) ? shared | 1 : 0;
}

static uint32_t label_described(struct merge *m, np_vertex owner, const struct merge_hit *hit, np_vertex holder)
{
	struct np_edge_name edge;
	np_arena_reset(m->scratch);
	np_edge_describe_at(m->graph, m->classes, owner, holder, hit->k, hit->offset, m->scratch, &edge);
	return np_merge_label_named(m, &edge);
}

/* owner: of which the holder is a store, NP_VERTEX_NONE: as the holder itself calls it. */
static uint32_t label_by_slot(struct merge *m, uint64_t scope, np_vertex owner, const struct merge_hit *hit,
			      np_vertex holder)
{
	if (!scope)
		return label_described(m, owner, hit, holder);
	struct merge_slot *slot = slot_of(m, scope, hit->offset);
	if (!slot->label) {
		*slot = (struct merge_slot){scope, hit->offset, label_described(m, owner, hit, holder) + 1};
		m->slot_len++;
	}
	return slot->label - 1;
}

/* Is the word a key of its entry? */
static bool is_dictionary_key(const struct merge *m, uint32_t offset)
{
	const np_layout *l = m->v8->layout;
	uint64_t slot = (offset - MERGE_ARRAY_DATA) / 8, first = HASH_HEADER + NAME_PREFIX;
	int64_t entry = merge_fact(l, NP_F_Dictionary_entry_size);
	if (np_has(l, NP_F_Dictionary_name_prefix))
		first = HASH_HEADER + (uint64_t)np_get(l, NP_F_Dictionary_name_prefix);
	return slot >= first && (slot - first) % (entry > 0 ? (uint64_t)entry : NAME_ENTRY) == 0;
}

static uint32_t label_of_dictionary(struct merge *m, const struct merge_place *at, np_vertex holder,
				    const struct merge_hit *hit, size_t hits)
{
	bool is_global = merge_shape(m->graph, at->owner)->kind == NP_KIND_JS_GLOBAL_OBJECT;
	if (!is_global && (hits > MERGE_NAMES_MAX || m->states.data[at->step].names >= MERGE_NAMES_MAX))
		return is_dictionary_key(m, hit->offset) ? LABEL_KEY : LABEL_PROPERTY;
	return label_described(m, at->owner, hit, holder);
}

static uint32_t label_of_entry(const struct merge *m, np_vertex owner, np_vertex table, const struct merge_hit *hit)
{
	const np_layout *l = m->v8->layout;
	if (merge_shape(m->graph, owner)->kind != NP_KIND_JS_MAP)
		return LABEL_KEY;
	uint64_t data = (uint64_t)np_get(l, NP_F_OrderedHash_data);
	np_tagged buckets = merge_word(m->graph, table, (int64_t)data + 8 * np_get(l, NP_F_OrderedHash_buckets_index));
	uint64_t first = ORDERED_HEADER + (uint64_t)(uint32_t)np_smi_value(buckets), slot = (hit->offset - data) / 8;
	return slot >= first && (slot - first) % MAP_ENTRY == 1 ? LABEL_VALUE : LABEL_KEY;
}

uint32_t np_merge_label_of(struct merge *m, const struct merge_place *at, np_vertex holder, enum merge_role role,
			   const struct merge_hit *hit, size_t hits)
{
	const struct np_vertex_shape *owner = merge_shape(m->graph, at->owner), *self = merge_shape(m->graph, holder);
	if (hit->offset == UINT32_MAX || hit->offset & 7)
		return label_described(m, NP_VERTEX_NONE, hit, holder);
	switch (role) {
	case ROLE_PROPERTIES:
		if (hit->offset < MERGE_ARRAY_DATA)
			break;
		if (owner->map->dictionary || owner->kind == NP_KIND_JS_GLOBAL_OBJECT)
			return label_of_dictionary(m, at, holder, hit, hits);
		return label_by_slot(m, (uint64_t)np_graph_shape_of(m->graph, at->owner) << 3 | 4, at->owner, hit, holder);
	case ROLE_ELEMENTS:
		return hit->offset < MERGE_ARRAY_DATA ? label_described(m, NP_VERTEX_NONE, hit, holder) : LABEL_ELEMENT;
	case ROLE_ORDERED:
		if (np_has(m->v8->layout, NP_F_OrderedHash_data) && np_has(m->v8->layout, NP_F_OrderedHash_buckets_index) &&
		    hit->offset >= MERGE_ARRAY_DATA)
			return label_of_entry(m, at->owner, holder, hit);
		break;
	case ROLE_WEAK:
		if (hit->offset < MERGE_ARRAY_DATA)
			break;
		return (hit->offset - MERGE_ARRAY_DATA) / 8 % WEAK_ENTRY == WEAK_HEADER % WEAK_ENTRY ? LABEL_KEY : LABEL_VALUE;
	default:
		break;
	}
	bool is_array = self->kind == NP_KIND_FIXED_ARRAY || self->kind == NP_KIND_PROPERTY_ARRAY;
	if (is_array && hit->offset >= MERGE_ARRAY_DATA)
		return LABEL_SLOT;
	return label_by_slot(m, scope_of(m, holder, self), NP_VERTEX_NONE, hit, holder);
}
