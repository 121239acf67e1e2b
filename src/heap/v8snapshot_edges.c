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

static void visited_clear(struct np_snapshot *s, uint32_t size)
{
	size_t words = (size_t)(size >> 9) + 1;
	if (words > s->visited_words) {
		s->visited_words = words * 2;
		s->visited = np_xrealloc(s->visited, s->visited_words * sizeof(*s->visited));
	}
	memset(s->visited, 0, words * sizeof(*s->visited));
}

static void named_edge(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, const struct named_field *field)
{
	uint64_t word = word_of(bytes, size, field->offset);
	np_vertex v = snapshot_target(s, word);
	if (v == NP_VERTEX_NONE || !snapshot_is_essential(s, v))
		return;
	if (field->name != NO_NAME)
		edge_put(s, word & 2 ? NP_SNAPSHOT_WEAK : field->edge_type, field->name, v);
	visited_set(s, field->offset);
}

/* Returns the number that hidden edges begin with: a map that is not essential takes one, too. */
static uint32_t map_edge(struct np_snapshot *s, const struct form *f)
{
	np_vertex map = graph_find(s->g, f->shape->shape.map_addr);
	if (map == NP_VERTEX_NONE || !snapshot_is_live(s, map))
		return 0;
	if (!snapshot_is_essential(s, map))
		return 1;
	edge_put(s, NP_SNAPSHOT_INTERNAL, s->text_map, map);
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
static void rest_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	uint32_t end = size < f->shape->tagged_end ? size : f->shape->tagged_end, index = map_edge(s, f);
	for (uint32_t at = f->shape->tagged_start; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		if (!(word & 1) || visited_has(s, at))
			continue;
		np_vertex v = graph_find(s->g, word & ~(uint64_t)3);
		if (v == NP_VERTEX_NONE)
			continue;
		uint32_t number = index++;
		if (!snapshot_is_live(s, v) || !snapshot_is_essential(s, v))
			continue;
		if (word & 2 || is_weak_field(f->shape, at))
			edge_put(s, NP_SNAPSHOT_WEAK, np_snapshot_name_number(s, number), v);
		else
			edge_put(s, NP_SNAPSHOT_HIDDEN_EDGE, number, v);
	}
}

/* --- arrays --- */

/* Slot i as the name of an edge; no hidden ones are left then. */
static void array_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size, uint32_t first)
{
	uint32_t end = size < f->shape->tagged_end ? size : f->shape->tagged_end;
	for (uint32_t at = first; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		np_vertex v = snapshot_target(s, word);
		if (v == NP_VERTEX_NONE || !snapshot_is_essential(s, v))
			continue;
		edge_put(s, word & 2 ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_INTERNAL, np_snapshot_name_number(s, (at - first) / 8), v);
	}
	map_edge(s, f);
}

static void descriptor_edges(struct np_snapshot *s, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	uint32_t first = snapshot_fact(s, NP_F_DescriptorArray_first);
	bool is_fixed_array = snapshot_fact(s, NP_F_DescriptorArray_is_fixed_array);
	if (is_fixed_array || first < 24 || first > size) {
		array_edges(s, f, bytes, size, s->fixed_data);
		return;
	}
	struct named_field cache = {first - 8, np_snapshot_name_cstr(s, "enum_cache"), NP_SNAPSHOT_INTERNAL};
	named_edge(s, bytes, size, &cache);
	array_edges(s, f, bytes, size, first);
}

/* --- ephemerons --- */

static void ephemeron_edge(struct np_snapshot *s, const struct np_ephemeron *e)
{
	struct np_buf b = {0};
	uint32_t type, key_name, value_name;
	size_t bytes;
	np_snapshot_node_name(s, e->key, np_snapshot_form_of(s, e->key), &type, &key_name);
	np_snapshot_node_name(s, e->value, np_snapshot_form_of(s, e->value), &type, &value_name);
	np_buf_printf(&b, "%zu / part of key (", s->edges.len + 1);
	const char *text = np_snapshot_string(s, key_name, &bytes);
	np_buf_add(&b, text, bytes);
	np_buf_printf(&b, " @%u) -> value (", np_snapshot_id_of(s, e->key));
	text = np_snapshot_string(s, value_name, &bytes);
	np_buf_add(&b, text, bytes);
	np_buf_printf(&b, " @%u) pair in WeakMap (table @%u)", np_snapshot_id_of(s, e->value), np_snapshot_id_of(s, e->table));
	edge_put(s, NP_SNAPSHOT_INTERNAL, np_snapshot_name_text(s, b.data, b.len), e->value);
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

static void ephemeron_table_edges(struct np_snapshot *s, np_vertex node, const struct form *f, const uint8_t *bytes,
				  uint32_t size)
{
	const struct np_ephemeron *e = first_of_table(s, node), *end = np_graph_ephemerons(s->g) + np_graph_ephemeron_count(s->g);
	for (uint32_t at = TABLE_ENTRIES; at + 16 <= size; at += 16) {
		np_vertex key = snapshot_target(s, graph_word(bytes + at)), value = snapshot_target(s, graph_word(bytes + at + 8));
		uint32_t index = (at - s->fixed_data) / 8;
		if (key != NP_VERTEX_NONE && snapshot_is_essential(s, key))
			edge_put(s, NP_SNAPSHOT_WEAK, np_snapshot_name_number(s, index), key);
		if (value != NP_VERTEX_NONE && snapshot_is_essential(s, value))
			edge_put(s, NP_SNAPSHOT_WEAK, np_snapshot_name_number(s, index + 1), value);
		if (e < end && e->table == node && e->key == key) {
			if (ephemeron_is_shown(s, e))
				ephemeron_edge(s, e);
			e++;
		}
	}
	map_edge(s, f);
}

/* Nodes come in ascending order, and so do the keys. */
static void ephemeron_key_edges(struct np_snapshot *s, np_vertex node)
{
	while (s->by_key_at < s->ephemeron_count && s->by_key[s->by_key_at]->key < node)
		s->by_key_at++;
	for (; s->by_key_at < s->ephemeron_count && s->by_key[s->by_key_at]->key == node; s->by_key_at++)
		if (ephemeron_is_shown(s, s->by_key[s->by_key_at]))
			ephemeron_edge(s, s->by_key[s->by_key_at]);
}

/* --- contexts --- */

static void scope_load(struct np_snapshot *s, np_vertex info, struct scope_entry *e)
{
	struct np_scope_info scope;
	uint32_t first = snapshot_fact(s, NP_F_Context_min_slots);
	np_arena_reset(s->scratch);
	if (np_err_drop(np_scope_info_load(s->v8, np_graph_address(s->g, info), s->scratch, &scope)))
		return;
	uint32_t flags = scope.flags;
	e->has_extension = scope.has_extension;
	e->is_declaration = snapshot_fact(s, NP_F_ScopeInfo_declaration_scope_shift) &&
			    (flags >> snapshot_fact(s, NP_F_ScopeInfo_declaration_scope_shift) & 1);
	e->is_strict = snapshot_fact(s, NP_F_ScopeInfo_strict_shift) &&
		       (flags >> snapshot_fact(s, NP_F_ScopeInfo_strict_shift) & 1);
	if (!np_has(s->v8->layout, NP_F_Context_extension) && scope.has_extension)
		first++;
	for (uint32_t i = 0; i < scope.context_count; i++) {
		np_vertex name = scope.context_names[i] ? np_graph_find(s->g, scope.context_names[i]) : NP_VERTEX_NONE;
		if (name == NP_VERTEX_NONE || !snapshot_is_live(s, name))
			continue;
		np_vec_push(&s->scope_variables, (struct scope_variable){s->fixed_data + 8 * (first + i), np_snapshot_key_name(s, name)});
	}
	e->count = (uint32_t)s->scope_variables.len - e->first;
}

static const struct scope_entry *scope_of(struct np_snapshot *s, np_vertex info)
{
	uint32_t i;
	if (!np_vertex_map_get(&s->scope_numbers, info, &i)) {
		struct scope_entry e = {.vertex = info, .first = (uint32_t)s->scope_variables.len};
		scope_load(s, info, &e);
		i = (uint32_t)s->scopes.len;
		np_vec_push(&s->scopes, e);
		np_vertex_map_put(&s->scope_numbers, info, i);
	}
	return &s->scopes.data[i];
}

static void variable_edge(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, uint32_t offset, uint32_t name)
{
	np_vertex v = snapshot_target(s, word_of(bytes, size, offset));
	if (v == NP_VERTEX_NONE)
		return;
	edge_put(s, NP_SNAPSHOT_CONTEXT, name, v);
	visited_set(s, offset);
}

/* Up to 6.2, where the function of a context has its ScopeInfo. */
static void old_context_variables(struct np_snapshot *s, np_vertex node, const uint8_t *bytes, uint32_t size)
{
	struct np_context context;
	np_addr addr = np_graph_address(s->g, node);
	np_arena_reset(s->scratch);
	if (np_err_drop(np_context_load(s->v8, addr, s->scratch, &context)) || context.info.type == NP_SCOPE_BLOCK ||
	    context.info.type == NP_SCOPE_CATCH || context.info.type == NP_SCOPE_WITH)
		return;
	for (size_t i = 0; i < context.variable_count; i++) {
		const struct np_variable *v = &context.variables[i];
		if (v->slot > addr && v->slot - addr < size)
			variable_edge(s, bytes, size, (uint32_t)(v->slot - addr), np_snapshot_name_cstr(s, v->name));
	}
}

static void context_edges(struct np_snapshot *s, np_vertex node, const struct form *f, const uint8_t *bytes, uint32_t size)
{
	uint32_t slot = np_has(s->v8->layout, NP_F_Context_scope_info) ? (uint32_t)np_get(s->v8->layout, NP_F_Context_scope_info) : 0;
	uint32_t previous = np_has(s->v8->layout, NP_F_Context_previous) ? (uint32_t)np_get(s->v8->layout, NP_F_Context_previous) : 1;
	np_vertex info = np_has(s->v8->layout, NP_F_Context_scope_info)
				 ? snapshot_target(s, word_of(bytes, size, s->fixed_data + 8 * slot))
				 : NP_VERTEX_NONE;
	struct scope_entry scope_of_none = {0};
	const struct scope_entry *scope = info == NP_VERTEX_NONE ? &scope_of_none : scope_of(s, info);
	if ((f->names_variables && !f->is_block_context && !f->is_eval_context) ||
	    (f->is_block_context && scope->is_declaration) || (f->is_eval_context && scope->is_strict)) {
		for (uint32_t i = scope->first; i < scope->first + scope->count; i++) {
			const struct scope_variable variable = s->scope_variables.data[i];
			variable_edge(s, bytes, size, variable.offset, variable.name);
		}
	}
	if (!np_has(s->v8->layout, NP_F_Context_scope_info) && !f->is_native_context)
		old_context_variables(s, node, bytes, size);
	struct named_field fields[] = {
		{s->fixed_data + 8 * slot, s->text_scope_info, NP_SNAPSHOT_INTERNAL},
		{s->fixed_data + 8 * previous, s->text_previous, NP_SNAPSHOT_INTERNAL},
	};
	if (info != NP_VERTEX_NONE)
		named_edge(s, bytes, size, &fields[0]);
	named_edge(s, bytes, size, &fields[1]);
	uint32_t extension = 0;
	if (np_has(s->v8->layout, NP_F_Context_extension))
		extension = (uint32_t)np_get(s->v8->layout, NP_F_Context_extension);
	else if (scope->has_extension || f->is_native_context)
		extension = snapshot_fact(s, NP_F_Context_min_slots);
	if (extension) {
		uint32_t name = f->is_native_context && snapshot_fact(s, NP_F_Snapshot_root_is_context)
					? np_snapshot_name_cstr(s, "global_object")
					: s->text_extension;
		struct named_field field = {s->fixed_data + 8 * extension, name, NP_SNAPSHOT_INTERNAL};
		named_edge(s, bytes, size, &field);
	}
	if (f->is_native_context)
		for (size_t i = 0; i < s->native_context.len; i++)
			if (s->native_context.data[i].offset + 8ull <= size && !visited_has(s, s->native_context.data[i].offset))
				named_edge(s, bytes, size, &s->native_context.data[i]);
}

/* --- maps --- */

static void map_field(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, enum np_fact fact, const char *name,
		      uint8_t type)
{
	uint32_t offset = snapshot_fact(s, fact);
	struct named_field field = {offset, np_snapshot_name_cstr(s, name), type};
	if (offset)
		named_edge(s, bytes, size, &field);
}

static void map_edges(struct np_snapshot *s, const uint8_t *bytes, uint32_t size)
{
	const struct np_vertex_shape *shape;
	uint32_t transitions = snapshot_fact(s, NP_F_Map_transitions), constructor = snapshot_fact(s, NP_F_Map_constructor);
	uint64_t word = transitions ? word_of(bytes, size, transitions) : 0;
	np_vertex v = snapshot_target(s, word);
	if (v != NP_VERTEX_NONE) {
		shape = &graph_shape(s->g, v)->shape;
		bool is_array = shape->type_name && strcmp(shape->type_name, "TRANSITION_ARRAY_TYPE") == 0;
		if (word & 2)
			map_field(s, bytes, size, NP_F_Map_transitions, "transition", NP_SNAPSHOT_WEAK);
		else if (is_array)
			map_field(s, bytes, size, NP_F_Map_transitions, "transitions", NP_SNAPSHOT_INTERNAL);
		else if (shape->kind == NP_KIND_FIXED_ARRAY)
			map_field(s, bytes, size, NP_F_Map_transitions, "transition", NP_SNAPSHOT_INTERNAL);
		else if (shape->type_name && strcmp(shape->type_name, "PROTOTYPE_INFO_TYPE") == 0)
			map_field(s, bytes, size, NP_F_Map_transitions, "prototype_info", NP_SNAPSHOT_INTERNAL);
	}
	map_field(s, bytes, size, NP_F_Map_descriptors, "descriptors", NP_SNAPSHOT_INTERNAL);
	map_field(s, bytes, size, NP_F_Map_prototype, "prototype", NP_SNAPSHOT_INTERNAL);
	v = constructor ? snapshot_target(s, word_of(bytes, size, constructor)) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE) {
		shape = &graph_shape(s->g, v)->shape;
		const char *name = "constructor";
		if (shape->kind == NP_KIND_MAP)
			name = "back_pointer";
		else if (shape->kind == NP_KIND_CONTEXT)
			name = "native_context";
		else if (shape->type_name && strcmp(shape->type_name, "FUNCTION_TEMPLATE_INFO_TYPE") == 0)
			name = "constructor_function_data";
		map_field(s, bytes, size, NP_F_Map_constructor, name, NP_SNAPSHOT_INTERNAL);
	}
	map_field(s, bytes, size, NP_F_Map_dependent_code, "dependent_code", NP_SNAPSHOT_INTERNAL);
}

/* --- code --- */

static void code_field(struct np_snapshot *s, np_vertex node, enum np_fact fact, const char *name)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	struct named_field field = {snapshot_fact(s, fact), np_snapshot_name_cstr(s, name), NP_SNAPSHOT_INTERNAL};
	if (bytes && field.offset)
		named_edge(s, bytes, vertex_size(s, node), &field);
}

/* Tables of code that has instructions of its own; baseline code has other ones in the same places. */
static void code_tables(struct np_snapshot *s, np_vertex node, bool *ret_optimized)
{
	struct np_code_object code;
	bool has_stream = s->edges.len > 0 || !snapshot_fact(s, NP_F_Code_instruction_stream);
	*ret_optimized = false;
	if (!np_code_load(s->v8, np_graph_address(s->g, node), &code))
		return;
	*ret_optimized = code.kind == NP_CODE_OPTIMIZED || code.kind == NP_CODE_MAGLEV;
	if (!has_stream || code.builtin_id >= 0)
		return;
	if (code.kind == NP_CODE_BASELINE) {
		code_field(s, node, NP_F_Code_bytecode_or_interpreter_data, "interpreter_data");
		code_field(s, node, NP_F_Code_bytecode_offset_table, "bytecode_offset_table");
	} else if (*ret_optimized) {
		code_field(s, node, NP_F_Code_deoptimization_data, "deoptimization_data");
		code_field(s, node, NP_F_Code_source_position_table, "source_position_table");
	}
}

static bool stream_is_optimized(struct np_snapshot *s, np_vertex node)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t at = snapshot_fact(s, NP_F_InstructionStream_code);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, node), at)) : NP_VERTEX_NONE;
	struct np_code_object code;
	return v != NP_VERTEX_NONE && np_code_load(s->v8, np_graph_address(s->g, v), &code) &&
	       (code.kind == NP_CODE_OPTIMIZED || code.kind == NP_CODE_MAGLEV);
}

/* Optimised code holds maps and objects that are no code weakly. */
static bool is_weak_in_code(const struct np_snapshot *s, np_vertex v)
{
	enum np_kind kind = vertex_kind(s, v);
	return kind == NP_KIND_MAP || np_kind_is_receiver(kind) || kind == NP_KIND_PROPERTY_CELL || kind == NP_KIND_CONTEXT;
}

/* What is embedded in the instructions stands in the graph's own edges. */
static void code_edges(struct np_snapshot *s, np_vertex node, const struct form *f)
{
	bool is_optimized;
	if (f->shape->shape.kind == NP_KIND_CODE)
		code_tables(s, node, &is_optimized);
	else
		is_optimized = stream_is_optimized(s, node);
	size_t named = s->edges.len;
	struct np_edges row = np_graph_edges(s->g, node);
	uint32_t index = map_edge(s, f);
	for (uint32_t i = 1; i < row.count; i++) { /* the first is the map */
		np_vertex v = np_edge_target(row.targets[i]);
		bool is_named = false;
		if (np_graph_is_external(s->g, v))
			continue;
		for (size_t k = 0; k < named && snapshot_is_live(s, v); k++)
			is_named |= s->edges.data[k].to == snapshot_number(s, v);
		if (is_named)
			continue;
		uint32_t number = index++;
		if (!snapshot_is_live(s, v) || !snapshot_is_essential(s, v))
			continue;
		bool is_weak = is_optimized && is_weak_in_code(s, v);
		edge_put(s, is_weak ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_HIDDEN_EDGE,
			 is_weak ? np_snapshot_name_number(s, number) : number, v);
	}
}

/* --- memory of ArrayBuffers --- */

static void external_edge(struct np_snapshot *s, np_vertex node)
{
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
	if (low == s->external_count || s->externals[low] != v)
		return;
	np_vec_push(&s->edges, (struct np_snapshot_edge){NP_SNAPSHOT_INTERNAL, s->text_backing_store,
							 s->first_object + s->live_count + low});
}

/* --- global proxies --- */

/* V8 14.6: to the context, which the map of the proxy's map has, and its global object. */
static void global_proxy_edges(struct np_snapshot *s, const struct form *f)
{
	const struct np_map *meta;
	np_vertex context = NP_VERTEX_NONE;
	if (np_map_of(s->v8, f->shape->shape.map_addr, &meta))
		context = snapshot_target(s, meta->constructor.raw);
	if (context == NP_VERTEX_NONE || vertex_kind(s, context) != NP_KIND_CONTEXT)
		return;
	const uint8_t *bytes = np_graph_bytes(s->g, context);
	uint32_t at = s->fixed_data + 8 * snapshot_fact(s, NP_F_Context_min_slots);
	np_vertex global = bytes ? snapshot_target(s, word_of(bytes, vertex_size(s, context), at)) : NP_VERTEX_NONE;
	edge_put(s, NP_SNAPSHOT_SHORTCUT, np_snapshot_name_cstr(s, "native_context"), context);
	if (global != NP_VERTEX_NONE)
		edge_put(s, NP_SNAPSHOT_SHORTCUT, np_snapshot_name_cstr(s, "global_object"), global);
}

/* --- any object --- */

void np_snapshot_object_edges(struct np_snapshot *s, np_vertex node, const struct form *f)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t size = vertex_size(s, node);
	s->edges.len = 0;
	if (!bytes)
		return;
	visited_clear(s, size);
	for (uint32_t i = 0; i < f->before_count; i++)
		named_edge(s, bytes, size, &f->before[i]);
	switch ((enum walk)f->walk) {
	case WALK_FIXED_ARRAY:
	case WALK_WEAK_ARRAY:
		array_edges(s, f, bytes, size, s->fixed_data);
		break;
	case WALK_DESCRIPTORS:
		descriptor_edges(s, f, bytes, size);
		break;
	case WALK_EPHEMERONS:
		ephemeron_table_edges(s, node, f, bytes, size);
		break;
	case WALK_CODE:
		code_edges(s, node, f);
		break;
	case WALK_JS_OBJECT:
		np_snapshot_js_edges(s, node, f, bytes, size);
		rest_edges(s, f, bytes, size);
		break;
	case WALK_CONTEXT:
		context_edges(s, node, f, bytes, size);
		rest_edges(s, f, bytes, size);
		break;
	case WALK_MAP:
		map_edges(s, bytes, size);
		rest_edges(s, f, bytes, size);
		break;
	case WALK_PLAIN:
		if (f->shape->shape.kind == NP_KIND_JS_ARRAY_BUFFER)
			external_edge(s, node);
		if (f->shape->shape.kind == NP_KIND_JS_GLOBAL_PROXY && snapshot_fact(s, NP_F_Snapshot_root_is_context))
			global_proxy_edges(s, f);
		rest_edges(s, f, bytes, size);
		break;
	case WALK_NONE:
		break;
	}
	ephemeron_key_edges(s, node);
}
