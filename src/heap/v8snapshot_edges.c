/* The edges of an object's node, in the order and with the names of V8's snapshots. */
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"
#include "v8/code.h"
#include "v8/context.h"

enum {
	DESCRIPTOR_WORDS = 3,
	TABLE_ENTRIES = 16 + 3 * 8, /* HashTable: elements, deleted, capacity, then {key, value} */
};

/* --- the references of the object at hand --- */

const uint32_t *np_snapshot_row(const struct np_snapshot *s, np_vertex node, const struct form *f, const uint8_t *bytes,
				uint32_t end)
{
	struct np_edges row = np_graph_edges(s->g, node);
	uint32_t tagged = 0;
	while (row.count && np_graph_is_external(s->g, np_edge_target(row.targets[row.count - 1])))
		row.count--;
	for (uint32_t at = f->shape->tagged_start; at + 8 <= end; at += 8)
		tagged += bytes[at] & 1;
	return row.count == tagged + f->map_is_in_row ? row.targets + f->map_is_in_row : NULL;
}

static void refs_load(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	uint32_t end = size < f->shape->tagged_end ? size : f->shape->tagged_end;
	w->refs_start = f->shape->tagged_start;
	w->refs_end = end;
	if (end / 8 >= w->refs_cap) {
		w->refs_cap = end / 4 + 64;
		w->refs = np_xrealloc(w->refs, w->refs_cap * sizeof(*w->refs));
	}
	const uint32_t *row = np_snapshot_row(w->s, node, f, bytes, end);
	for (uint32_t at = w->refs_start; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		np_vertex v = NP_VERTEX_NONE;
		if (word & 1)
			v = row ? np_edge_target(*row++) : graph_find(w->s->g, word & ~(uint64_t)3);
		w->refs[at / 8] = v;
	}
}

np_vertex np_snapshot_ref(const struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, uint32_t offset)
{
	if (offset < w->refs_start || offset + 8ull > w->refs_end || offset & 7)
		return snapshot_target(w->s, word_of(bytes, size, offset));
	np_vertex v = w->refs[offset / 8];
	return v != NP_VERTEX_NONE && snapshot_is_live(w->s, v) ? v : NP_VERTEX_NONE;
}

static void named_edge(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, const struct named_field *field)
{
	np_vertex v = np_snapshot_ref(w, bytes, size, field->offset);
	if (v == NP_VERTEX_NONE || !snapshot_is_essential(w->s, v))
		return;
	if (field->name != NO_NAME)
		edge_put(w, word_of(bytes, size, field->offset) & 2 ? NP_SNAPSHOT_WEAK : field->edge_type, field->name, v);
	ref_told(w, field->offset);
}

/* Returns the number that hidden edges begin with: a map that is not essential takes one, too. */
static uint32_t map_edge(struct np_snapshot_walker *w, const struct form *f)
{
	if (f->map == NP_VERTEX_NONE)
		return 0;
	if (!f->has_map_edge)
		return 1;
	edge_put(w, NP_SNAPSHOT_INTERNAL, w->s->text_map, f->map);
	return 0;
}

static bool is_weak_field(const struct graph_shape *shape, uint32_t offset)
{
	for (size_t i = 0; i < GRAPH_WEAK_FIELDS_MAX && shape->weak_fields[i]; i++)
		if (shape->weak_fields[i] == offset)
			return true;
	return false;
}

/* The map, and every other reference: hidden, and numbered; so are those that are not essential, which have no edge. */
static void rest_edges(struct np_snapshot_walker *w, const struct form *f, const uint8_t *bytes)
{
	uint32_t index = map_edge(w, f);
	for (uint32_t at = w->refs_start; at + 8 <= w->refs_end; at += 8) {
		np_vertex v = w->refs[at / 8];
		if (v == NP_VERTEX_NONE)
			continue;
		uint32_t number = index++;
		if (!snapshot_is_shown(w->s, v))
			continue;
		if (bytes[at] & 2 || is_weak_field(f->shape, at))
			edge_put(w, NP_SNAPSHOT_WEAK, np_snapshot_slot_name(w, number), v);
		else
			edge_put(w, NP_SNAPSHOT_HIDDEN_EDGE, number, v);
		edges_tell(w);
	}
}

/* --- arrays --- */

/* Slot i as the name of an edge; no hidden ones are left then. */
static void array_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes,
			uint32_t size, uint32_t first)
{
	uint32_t end = size < f->shape->tagged_end ? size : f->shape->tagged_end;
	const uint32_t *row = np_snapshot_row(w->s, node, f, bytes, end);
	for (uint32_t at = f->shape->tagged_start; row && at + 8 <= end && at < first; at += 8)
		row += bytes[at] & 1;
	for (uint32_t at = first; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		if (!(word & 1))
			continue;
		np_vertex v = row ? np_edge_target(*row++) : graph_find(w->s->g, word & ~(uint64_t)3);
		if (v == NP_VERTEX_NONE || !snapshot_is_shown(w->s, v))
			continue;
		edge_put(w, word & 2 ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_INTERNAL, np_snapshot_slot_name(w, (at - first) / 8), v);
		edges_tell(w);
	}
	map_edge(w, f);
}

static void descriptor_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes,
			     uint32_t size)
{
	struct np_snapshot *s = w->s;
	uint32_t first = snapshot_fact(s, NP_F_DescriptorArray_first);
	bool is_fixed_array = snapshot_fact(s, NP_F_DescriptorArray_is_fixed_array);
	if (is_fixed_array || first < 24 || first > size) {
		array_edges(w, node, f, bytes, size, s->fixed_data);
		return;
	}
	struct named_field cache = {first - 8, np_snapshot_text_cstr(s, "enum_cache"), NP_SNAPSHOT_INTERNAL};
	refs_load(w, node, f, bytes, size);
	named_edge(w, bytes, size, &cache);
	array_edges(w, node, f, bytes, size, first);
}

/* --- ephemerons --- */

static void ephemeron_edge(struct np_snapshot_walker *w, const struct np_ephemeron *e)
{
	struct np_snapshot *s = w->s;
	struct np_buf b = {0};
	struct np_name name;
	uint32_t type;
	np_buf_printf(&b, "%zu / part of key (", edges_of_node(w) + 1);
	np_snapshot_node_name(w, e->key, form_of(s, e->key), &type, &name);
	np_snapshot_append_name(w, name, &b);
	np_buf_printf(&b, " @%u) -> value (", np_snapshot_id_of(s, e->key));
	np_snapshot_node_name(w, e->value, form_of(s, e->value), &type, &name);
	np_snapshot_append_name(w, name, &b);
	np_buf_printf(&b, " @%u) pair in WeakMap (table @%u)", np_snapshot_id_of(s, e->value), np_snapshot_id_of(s, e->table));
	edge_put(w, NP_SNAPSHOT_INTERNAL, np_snapshot_text(s, b.data, b.len), e->value);
	np_buf_deinit(&b);
}

static bool ephemeron_is_shown(const struct np_snapshot *s, const struct np_ephemeron *e)
{
	return e->value != NP_VERTEX_NONE && snapshot_is_live(s, e->key) && snapshot_is_live(s, e->table) &&
	       snapshot_is_live(s, e->value);
}

static const struct np_ephemeron *first_of_table(const struct np_snapshot *s, np_vertex table)
{
	const struct np_ephemeron *all = np_graph_ephemerons(s->g);
	size_t low = 0, high = np_graph_ephemeron_count(s->g);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (all[mid].table < table)
			low = mid + 1;
		else
			high = mid;
	}
	return all + low;
}

static void ephemeron_table_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes,
				  uint32_t size)
{
	struct np_snapshot *s = w->s;
	const struct np_ephemeron *e = first_of_table(s, node), *end = np_graph_ephemerons(s->g) + np_graph_ephemeron_count(s->g);
	for (uint32_t at = TABLE_ENTRIES; at + 16 <= size; at += 16) {
		np_vertex key = snapshot_target(s, graph_word(bytes + at)), value = snapshot_target(s, graph_word(bytes + at + 8));
		uint32_t index = (at - s->fixed_data) / 8;
		if (key != NP_VERTEX_NONE && snapshot_is_essential(s, key))
			edge_put(w, NP_SNAPSHOT_WEAK, np_snapshot_slot_name(w, index), key);
		if (value != NP_VERTEX_NONE && snapshot_is_essential(s, value))
			edge_put(w, NP_SNAPSHOT_WEAK, np_snapshot_slot_name(w, index + 1), value);
		if (e < end && e->table == node && e->key == key) {
			if (ephemeron_is_shown(s, e))
				ephemeron_edge(w, e);
			e++;
		}
		edges_tell(w);
	}
	map_edge(w, f);
}

/* Nodes come in ascending order, and so do the keys. */
static void ephemeron_key_edges(struct np_snapshot_walker *w, np_vertex node)
{
	const struct np_snapshot *s = w->s;
	while (w->by_key_at < s->ephemeron_count && s->by_key[w->by_key_at]->key < node)
		w->by_key_at++;
	for (; w->by_key_at < s->ephemeron_count && s->by_key[w->by_key_at]->key == node; w->by_key_at++)
		if (ephemeron_is_shown(s, s->by_key[w->by_key_at]))
			ephemeron_edge(w, s->by_key[w->by_key_at]);
}

/* --- contexts --- */

static void scope_load(struct np_snapshot_walker *w, np_vertex info, struct scope_entry *e)
{
	struct np_snapshot *s = w->s;
	struct np_scope_info scope;
	uint32_t first = snapshot_fact(s, NP_F_Context_min_slots);
	np_arena_reset(w->scratch);
	pthread_mutex_lock(&s->readers);
	np_err *err = np_scope_info_load(s->v8, np_graph_address(s->g, info), w->scratch, &scope);
	pthread_mutex_unlock(&s->readers);
	if (np_err_drop(err))
		return;
	uint32_t flags = scope.flags;
	e->has_extension = scope.has_extension;
	e->is_declaration = snapshot_fact(s, NP_F_ScopeInfo_declaration_scope_shift) &&
			    (flags >> snapshot_fact(s, NP_F_ScopeInfo_declaration_scope_shift) & 1);
	e->is_strict = snapshot_fact(s, NP_F_ScopeInfo_strict_shift) &&
		       (flags >> snapshot_fact(s, NP_F_ScopeInfo_strict_shift) & 1);
	if (!np_has(s->v8->layout, NP_F_Context_extension) && scope.has_extension)
		first++;
	NP_VEC(struct scope_variable) variables = {0}; /* names are read into the same scratch memory */
	for (uint32_t i = 0; i < scope.context_count; i++) {
		np_vertex name = scope.context_names[i] ? np_graph_find(s->g, scope.context_names[i]) : NP_VERTEX_NONE;
		if (name != NP_VERTEX_NONE && snapshot_is_live(s, name))
			np_vec_push(&variables, (struct scope_variable){s->fixed_data + 8 * (first + i), name});
	}
	for (size_t i = 0; i < variables.len; i++) {
		variables.data[i].name = np_snapshot_key_name(w, variables.data[i].name);
		np_vec_push(&w->scope_variables, variables.data[i]);
	}
	np_vec_deinit(&variables);
	e->count = (uint32_t)w->scope_variables.len - e->first;
}

static const struct scope_entry *scope_of(struct np_snapshot_walker *w, np_vertex info)
{
	uint32_t i;
	if (!np_vertex_map_get(&w->scope_numbers, info, &i)) {
		struct scope_entry e = {.first = (uint32_t)w->scope_variables.len};
		scope_load(w, info, &e);
		i = (uint32_t)w->scopes.len;
		np_vec_push(&w->scopes, e);
		np_vertex_map_put(&w->scope_numbers, info, i);
	}
	return &w->scopes.data[i];
}

static void variable_edge(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, uint32_t offset, uint32_t name)
{
	np_vertex v = np_snapshot_ref(w, bytes, size, offset);
	if (v == NP_VERTEX_NONE)
		return;
	edge_put(w, NP_SNAPSHOT_CONTEXT, name, v);
	ref_told(w, offset);
}

/* Up to 6.2, where the function of a context has its ScopeInfo. */
static void old_context_variables(struct np_snapshot_walker *w, np_vertex node, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	struct np_context context;
	np_addr addr = np_graph_address(s->g, node);
	np_arena_reset(w->scratch);
	pthread_mutex_lock(&s->readers);
	np_err *err = np_context_load(s->v8, addr, w->scratch, &context);
	pthread_mutex_unlock(&s->readers);
	if (np_err_drop(err) || context.info.type == NP_SCOPE_BLOCK || context.info.type == NP_SCOPE_CATCH ||
	    context.info.type == NP_SCOPE_WITH)
		return;
	for (size_t i = 0; i < context.variable_count; i++) {
		const struct np_variable *v = &context.variables[i];
		if (v->slot > addr && v->slot - addr < size)
			variable_edge(w, bytes, size, (uint32_t)(v->slot - addr), np_snapshot_text_cstr(s, v->name));
	}
}

static bool variables_are_named(const struct form *f, const struct scope_entry *scope)
{
	return (f->names_variables && !f->is_block_context && !f->is_eval_context) ||
	       (f->is_block_context && scope->is_declaration) || (f->is_eval_context && scope->is_strict);
}

/* The extension; in V8 14.6 that of a native context is its global object. */
static void extension_edge(struct np_snapshot_walker *w, const struct form *f, const struct scope_entry *scope,
			   const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	uint32_t slot = 0;
	if (np_has(s->v8->layout, NP_F_Context_extension))
		slot = (uint32_t)np_get(s->v8->layout, NP_F_Context_extension);
	else if (scope->has_extension || f->is_native_context)
		slot = snapshot_fact(s, NP_F_Context_min_slots);
	if (!slot)
		return;
	uint32_t name = f->is_native_context && snapshot_fact(s, NP_F_Snapshot_root_is_context)
				? np_snapshot_text_cstr(s, "global_object")
				: s->text_extension;
	struct named_field field = {s->fixed_data + 8 * slot, name, NP_SNAPSHOT_INTERNAL};
	named_edge(w, bytes, size, &field);
}

static void context_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	struct np_snapshot *s = w->s;
	const np_layout *l = s->v8->layout;
	bool has_info = np_has(l, NP_F_Context_scope_info);
	uint32_t slot = has_info ? (uint32_t)np_get(l, NP_F_Context_scope_info) : 0;
	uint32_t previous = np_has(l, NP_F_Context_previous) ? (uint32_t)np_get(l, NP_F_Context_previous) : 1;
	np_vertex info = has_info ? np_snapshot_ref(w, bytes, size, s->fixed_data + 8 * slot) : NP_VERTEX_NONE;
	struct scope_entry scope_of_none = {0};
	const struct scope_entry *scope = info == NP_VERTEX_NONE ? &scope_of_none : scope_of(w, info);
	for (uint32_t i = scope->first; variables_are_named(f, scope) && i < scope->first + scope->count; i++) {
		const struct scope_variable *variable = &w->scope_variables.data[i];
		variable_edge(w, bytes, size, variable->offset, variable->name);
	}
	if (!has_info && !f->is_native_context)
		old_context_variables(w, node, bytes, size);
	struct named_field fields[] = {
		{s->fixed_data + 8 * slot, s->text_scope_info, NP_SNAPSHOT_INTERNAL},
		{s->fixed_data + 8 * previous, s->text_previous, NP_SNAPSHOT_INTERNAL},
	};
	if (info != NP_VERTEX_NONE)
		named_edge(w, bytes, size, &fields[0]);
	named_edge(w, bytes, size, &fields[1]);
	extension_edge(w, f, scope, bytes, size);
	for (size_t i = 0; f->is_native_context && i < s->native_context.len; i++)
		named_edge(w, bytes, size, &s->native_context.data[i]);
}

/* --- maps --- */

static void map_field(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size, enum np_fact fact, const char *name,
		      uint8_t type)
{
	uint32_t offset = snapshot_fact(w->s, fact);
	if (!offset || np_snapshot_ref(w, bytes, size, offset) == NP_VERTEX_NONE)
		return;
	struct named_field field = {offset, np_snapshot_text_cstr(w->s, name), type};
	named_edge(w, bytes, size, &field);
}

static void transition_edge(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size)
{
	uint32_t at = snapshot_fact(w->s, NP_F_Map_transitions);
	np_vertex v = at ? np_snapshot_ref(w, bytes, size, at) : NP_VERTEX_NONE;
	if (v == NP_VERTEX_NONE)
		return;
	const struct np_vertex_shape *shape = &graph_shape(w->s->g, v)->shape;
	bool is_array = shape->type_name && strcmp(shape->type_name, "TRANSITION_ARRAY_TYPE") == 0;
	if (word_of(bytes, size, at) & 2)
		map_field(w, bytes, size, NP_F_Map_transitions, "transition", NP_SNAPSHOT_WEAK);
	else if (is_array)
		map_field(w, bytes, size, NP_F_Map_transitions, "transitions", NP_SNAPSHOT_INTERNAL);
	else if (shape->kind == NP_KIND_FIXED_ARRAY)
		map_field(w, bytes, size, NP_F_Map_transitions, "transition", NP_SNAPSHOT_INTERNAL);
	else if (shape->type_name && strcmp(shape->type_name, "PROTOTYPE_INFO_TYPE") == 0)
		map_field(w, bytes, size, NP_F_Map_transitions, "prototype_info", NP_SNAPSHOT_INTERNAL);
}

static void map_edges(struct np_snapshot_walker *w, const uint8_t *bytes, uint32_t size)
{
	uint32_t constructor = snapshot_fact(w->s, NP_F_Map_constructor);
	transition_edge(w, bytes, size);
	map_field(w, bytes, size, NP_F_Map_descriptors, "descriptors", NP_SNAPSHOT_INTERNAL);
	map_field(w, bytes, size, NP_F_Map_prototype, "prototype", NP_SNAPSHOT_INTERNAL);
	np_vertex v = constructor ? np_snapshot_ref(w, bytes, size, constructor) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE) {
		const struct np_vertex_shape *shape = &graph_shape(w->s->g, v)->shape;
		const char *name = "constructor";
		if (shape->kind == NP_KIND_MAP)
			name = "back_pointer";
		else if (shape->kind == NP_KIND_CONTEXT)
			name = "native_context";
		else if (shape->type_name && strcmp(shape->type_name, "FUNCTION_TEMPLATE_INFO_TYPE") == 0)
			name = "constructor_function_data";
		map_field(w, bytes, size, NP_F_Map_constructor, name, NP_SNAPSHOT_INTERNAL);
	}
	map_field(w, bytes, size, NP_F_Map_dependent_code, "dependent_code", NP_SNAPSHOT_INTERNAL);
}

/* --- code --- */

static bool code_load(struct np_snapshot *s, np_vertex node, struct np_code_object *ret)
{
	pthread_mutex_lock(&s->readers);
	bool loaded = np_code_load(s->v8, np_graph_address(s->g, node), ret);
	pthread_mutex_unlock(&s->readers);
	return loaded;
}

static void code_field(struct np_snapshot_walker *w, np_vertex node, enum np_fact fact, const char *name)
{
	const uint8_t *bytes = np_graph_bytes(w->s->g, node);
	uint32_t offset = snapshot_fact(w->s, fact);
	if (!bytes || !offset)
		return;
	struct named_field field = {offset, np_snapshot_text_cstr(w->s, name), NP_SNAPSHOT_INTERNAL};
	named_edge(w, bytes, vertex_size(w->s, node), &field);
}

/* Tables of code that has instructions of its own; baseline code has other ones in the same places. */
static void code_tables(struct np_snapshot_walker *w, np_vertex node, bool *ret_optimized)
{
	struct np_code_object code;
	bool has_stream = edges_of_node(w) > 0 || !snapshot_fact(w->s, NP_F_Code_instruction_stream);
	*ret_optimized = false;
	if (!code_load(w->s, node, &code))
		return;
	*ret_optimized = code.kind == NP_CODE_OPTIMIZED || code.kind == NP_CODE_MAGLEV;
	if (!has_stream || code.builtin_id >= 0)
		return;
	if (code.kind == NP_CODE_BASELINE) {
		code_field(w, node, NP_F_Code_bytecode_or_interpreter_data, "interpreter_data");
		code_field(w, node, NP_F_Code_bytecode_offset_table, "bytecode_offset_table");
	} else if (*ret_optimized) {
		code_field(w, node, NP_F_Code_deoptimization_data, "deoptimization_data");
		code_field(w, node, NP_F_Code_source_position_table, "source_position_table");
	}
}

static bool stream_is_optimized(struct np_snapshot_walker *w, np_vertex node)
{
	struct np_snapshot *s = w->s;
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t at = snapshot_fact(s, NP_F_InstructionStream_code);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, node), at)) : NP_VERTEX_NONE;
	struct np_code_object code;
	return v != NP_VERTEX_NONE && code_load(s, v, &code) && (code.kind == NP_CODE_OPTIMIZED || code.kind == NP_CODE_MAGLEV);
}

/* Optimised code holds maps and objects that are no code weakly. */
static bool is_weak_in_code(const struct np_snapshot *s, np_vertex v)
{
	enum np_kind kind = vertex_kind(s, v);
	return kind == NP_KIND_MAP || np_kind_is_receiver(kind) || kind == NP_KIND_PROPERTY_CELL || kind == NP_KIND_CONTEXT;
}

/* What is embedded in the instructions stands in the graph's own edges. */
static void code_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f)
{
	struct np_snapshot *s = w->s;
	bool is_optimized;
	if (f->shape->shape.kind == NP_KIND_CODE)
		code_tables(w, node, &is_optimized);
	else
		is_optimized = stream_is_optimized(w, node);
	size_t named_end = w->edges.len;
	struct np_edges row = np_graph_edges(s->g, node);
	uint32_t index = map_edge(w, f);
	for (uint32_t i = 1; i < row.count; i++) { /* the first is the map */
		np_vertex v = np_edge_target(row.targets[i]);
		bool is_named = false;
		if (np_graph_is_external(s->g, v))
			continue;
		for (size_t k = w->first; k < named_end && snapshot_is_live(s, v); k++)
			is_named |= w->edges.data[k].to == edge_to(w, v);
		if (is_named)
			continue;
		uint32_t number = index++;
		if (!snapshot_is_shown(s, v))
			continue;
		bool is_weak = is_optimized && is_weak_in_code(s, v);
		edge_put(w, is_weak ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_HIDDEN_EDGE,
			 is_weak ? np_snapshot_slot_name(w, number) : number, v);
	}
}

/* --- memory of ArrayBuffers --- */

static void external_edge(struct np_snapshot_walker *w, np_vertex node)
{
	const struct np_snapshot *s = w->s;
	struct np_edges row = np_graph_edges(s->g, node);
	np_vertex v = row.count ? np_edge_target(row.targets[row.count - 1]) : 0;
	if (!np_graph_is_external(s->g, v))
		return;
	uint32_t low = 0, high = s->external_count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->externals[mid] < v)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < s->external_count && s->externals[low] == v)
		edge_push(w, NP_SNAPSHOT_INTERNAL, s->text_backing_store, s->first_object + s->live_count + low);
}

/* --- global proxies --- */

/* V8 14.6: to the context, which the map of the proxy's map has, and its global object. */
static void global_proxy_edges(struct np_snapshot_walker *w, const struct form *f)
{
	struct np_snapshot *s = w->s;
	const struct np_map *meta;
	np_vertex context = NP_VERTEX_NONE;
	pthread_mutex_lock(&s->readers);
	if (np_map_of(s->v8, f->shape->shape.map_addr, &meta))
		context = snapshot_target(s, meta->constructor.raw);
	pthread_mutex_unlock(&s->readers);
	if (context == NP_VERTEX_NONE || vertex_kind(s, context) != NP_KIND_CONTEXT)
		return;
	const uint8_t *bytes = np_graph_bytes(s->g, context);
	uint32_t at = s->fixed_data + 8 * snapshot_fact(s, NP_F_Context_min_slots);
	np_vertex global = bytes ? snapshot_target(s, word_of(bytes, vertex_size(s, context), at)) : NP_VERTEX_NONE;
	edge_put(w, NP_SNAPSHOT_SHORTCUT, np_snapshot_text_cstr(s, "native_context"), context);
	if (global != NP_VERTEX_NONE)
		edge_put(w, NP_SNAPSHOT_SHORTCUT, np_snapshot_text_cstr(s, "global_object"), global);
}

/* --- any object --- */

static bool has_key_edges(const struct np_snapshot_walker *w, np_vertex node)
{
	const struct np_snapshot *s = w->s;
	return w->by_key_at < s->ephemeron_count && s->by_key[w->by_key_at]->key <= node;
}

static void object_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f, const uint8_t *bytes,
			 uint32_t size)
{
	struct np_snapshot *s = w->s;
	if (f->walk != WALK_FIXED_ARRAY && f->walk != WALK_WEAK_ARRAY && f->walk != WALK_EPHEMERONS)
		refs_load(w, node, f, bytes, size);
	for (uint32_t i = 0; i < f->before_count; i++)
		named_edge(w, bytes, size, &f->before[i]);
	switch ((enum walk)f->walk) {
	case WALK_FIXED_ARRAY:
	case WALK_WEAK_ARRAY:
		array_edges(w, node, f, bytes, size, s->fixed_data);
		break;
	case WALK_DESCRIPTORS:
		descriptor_edges(w, node, f, bytes, size);
		break;
	case WALK_EPHEMERONS:
		ephemeron_table_edges(w, node, f, bytes, size);
		break;
	case WALK_CODE:
		code_edges(w, node, f);
		break;
	case WALK_JS_OBJECT:
		np_snapshot_js_edges(w, node, f, bytes, size);
		rest_edges(w, f, bytes);
		break;
	case WALK_CONTEXT:
		context_edges(w, node, f, bytes, size);
		rest_edges(w, f, bytes);
		break;
	case WALK_MAP:
		map_edges(w, bytes, size);
		rest_edges(w, f, bytes);
		break;
	case WALK_PLAIN:
		if (f->shape->shape.kind == NP_KIND_JS_ARRAY_BUFFER)
			external_edge(w, node);
		if (f->shape->shape.kind == NP_KIND_JS_GLOBAL_PROXY && snapshot_fact(s, NP_F_Snapshot_root_is_context))
			global_proxy_edges(w, f);
		rest_edges(w, f, bytes);
		break;
	case WALK_NONE:
		break;
	}
}

void np_snapshot_object_edges(struct np_snapshot_walker *w, np_vertex node, const struct form *f)
{
	const uint8_t *bytes = np_graph_bytes(w->s->g, node);
	if (!bytes)
		return;
	if (f->is_leaf)
		map_edge(w, f);
	else
		object_edges(w, node, f, bytes, vertex_size(w->s, node));
	if (has_key_edges(w, node))
		ephemeron_key_edges(w, node);
}
