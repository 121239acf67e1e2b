/*
 * What an object is named and typed after by who refers to it (V8's TagObject),
 * and the objects that V8 counts as not essential.
 *
 * One pass over what is alive, on every processor: which of two tags an object
 * gets must not follow from who came first.
 */
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "heap/v8snapshot_internal.h"
#include "v8/code.h"
#include "v8/function.h"

enum { POOL_DEPTH = 3 };

static bool tag_has_type(enum tag tag)
{
	return tag >= TAG_CONSTANT_ELEMENTS && tag != TAG_DEPENDENT_CODE && tag != TAG_TRANSITION && tag != TAG_INTERPRETER_DATA;
}

/* Does it go before another one: what has a type does, then in the order of the list. */
static bool tag_goes_before(enum tag tag, enum tag now)
{
	if (!now)
		return true;
	return tag_has_type(tag) != tag_has_type(now) ? tag_has_type(tag) : tag < now;
}

static void tag_set(struct np_snapshot *s, np_vertex v, enum tag tag)
{
	uint8_t now = __atomic_load_n(&s->marks[v], __ATOMIC_RELAXED), wanted;
	if (!snapshot_is_essential(s, v))
		return;
	do {
		if ((now & TAG_MASK) == tag || !tag_goes_before(tag, now & TAG_MASK))
			return;
		wanted = (uint8_t)((now & ~TAG_MASK) | tag);
	} while (!__atomic_compare_exchange_n(&s->marks[v], &now, wanted, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

static void tag_word(struct np_snapshot *s, const uint8_t *bytes, uint32_t size, uint32_t offset, enum tag tag)
{
	np_vertex v = offset ? snapshot_target(s, word_of(bytes, size, offset)) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE)
		tag_set(s, v, tag);
}

static bool type_is(const struct np_snapshot *s, np_vertex v, const char *type)
{
	const char *name = np_snapshot_type_name(&graph_shape(s->g, v)->shape);
	return name && strcmp(name, type) == 0;
}

/* A name that the object has whoever refers to it; the first one stays. */
static void name_own(struct np_snapshot *s, np_vertex v, const char *name)
{
	uint32_t text = np_snapshot_text_cstr(s, name);
	__atomic_fetch_or(&s->marks[v], MARK_NAMED, __ATOMIC_RELAXED);
	pthread_mutex_lock(&s->lock);
	np_vertex_map_put(&s->own_names, v, text);
	pthread_mutex_unlock(&s->lock);
}

/* --- arrays of constants --- */

static void tag_pool(struct np_snapshot *s, np_vertex v, int depth)
{
	const uint8_t *bytes = np_graph_bytes(s->g, v);
	bool is_array = type_is(s, v, "FIXED_ARRAY_TYPE") || type_is(s, v, "TRUSTED_FIXED_ARRAY_TYPE");
	if (!is_array && !type_is(s, v, "NAME_DICTIONARY_TYPE") && !type_is(s, v, "NUMBER_DICTIONARY_TYPE"))
		return;
	tag_set(s, v, TAG_CONSTANT_POOL);
	if (type_is(s, v, "TRUSTED_FIXED_ARRAY_TYPE"))
		name_own(s, v, "(constant pool)");
	if (!is_array || !bytes || depth <= 1)
		return;
	for (uint32_t at = s->fixed_data; at + 8 <= vertex_size(s, v); at += 8) {
		np_vertex item = snapshot_target(s, graph_word(bytes + at));
		if (item != NP_VERTEX_NONE)
			tag_pool(s, item, depth - 1);
	}
}

static void tag_bytecode(struct np_snapshot *s, const uint8_t *bytes, uint32_t size)
{
	uint32_t pool = snapshot_fact(s, NP_F_BytecodeArray_constant_pool);
	np_vertex v = pool ? snapshot_target(s, word_of(bytes, size, pool)) : NP_VERTEX_NONE;
	if (v != NP_VERTEX_NONE)
		tag_pool(s, v, POOL_DEPTH);
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_BytecodeArray_handler_table), TAG_HANDLER_TABLE);
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_BytecodeArray_source_position_table), TAG_SOURCE_POSITIONS);
}

/* --- references of a type, wherever in the object they are --- */

static void tag_all(struct np_snapshot *s, const struct graph_shape *shape, const uint8_t *bytes, uint32_t size,
		    const char *type, enum tag tag)
{
	uint32_t end = size < shape->tagged_end ? size : shape->tagged_end;
	for (uint32_t at = shape->tagged_start; at + 8 <= end; at += 8) {
		uint64_t word = graph_word(bytes + at);
		np_vertex v = word & 2 ? NP_VERTEX_NONE : snapshot_target(s, word);
		if (v != NP_VERTEX_NONE && (!type || type_is(s, v, type)))
			tag_set(s, v, tag);
	}
}

/* --- code --- */

static np_vertex field_of(struct np_snapshot *s, np_vertex node, enum np_fact field)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t at = snapshot_fact(s, field);
	return bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, node), at)) : NP_VERTEX_NONE;
}

/* Machine code that a function's own data leads to. */
static void name_code_of(struct np_snapshot *s, np_vertex shared)
{
	np_vertex code = field_of(s, shared, NP_F_SharedFunctionInfo_function_data), stream;
	struct np_shared info;
	uint32_t other;
	if (code == NP_VERTEX_NONE || vertex_kind(s, code) != NP_KIND_CODE || np_vertex_map_get(&s->own_names, code, &other))
		return;
	np_arena_reset(s->scratch);
	if (np_err_drop(np_shared_load(s->v8, np_graph_address(s->g, shared), s->scratch, &info)))
		return;
	const char *name = *info.name ? info.name : info.inferred_name;
	name_own(s, code, *name ? np_arena_printf(s->scratch, "(code for %s)", name) : "(BASELINE code)");
	stream = field_of(s, code, NP_F_Code_instruction_stream);
	if (stream != NP_VERTEX_NONE)
		name_own(s, stream, *name ? np_arena_printf(s->scratch, "(instruction stream for %s)", name)
					  : "(BASELINE instruction stream)");
}

/* builtin_metadata[number] = {name, ...}: the names of V8's builtins, in the binary. */
static void builtin_names_find(struct np_snapshot *s)
{
	static const char *const names[] = {
		"_ZN2v88internal12_GLOBAL__N_1L16builtin_metadataE",
		"_ZN2v88internal12_GLOBAL__N_116builtin_metadataE",
	};
	enum { NAMES_LOOKED_AT = 8 };
	static const uint32_t strides[] = {24, 32, 16};
	struct np_symbol symbol = {0};
	np_image *image = np_target_v8_image(s->v8->target);
	char text[128];
	for (size_t i = 0; image && i < NP_ARRAY_LEN(names) && !symbol.size_bytes; i++)
		if (!np_image_symbol(image, names[i], &symbol))
			symbol.size_bytes = 0;
	for (size_t i = 0; symbol.size_bytes && i < NP_ARRAY_LEN(strides); i++) {
		int good = 0;
		for (uint32_t k = 0; k < NAMES_LOOKED_AT; k++) {
			uint64_t at;
			if (np_mem_u64(s->v8->mem, symbol.addr + (uint64_t)strides[i] * k, &at) &&
			    np_mem_cstr(s->v8->mem, at, text, sizeof(text)) && *text)
				good++;
		}
		if (good == NAMES_LOOKED_AT && symbol.size_bytes % strides[i] == 0) {
			s->builtin_names = symbol.addr;
			s->builtin_stride = strides[i];
			s->builtin_count = (uint32_t)(symbol.size_bytes / strides[i]);
			return;
		}
	}
}

static void name_builtins(struct np_snapshot *s)
{
	char text[128];
	builtin_names_find(s);
	for (size_t i = 0; i < s->roots->count && s->builtin_count; i++) {
		const struct np_graph_root *root = &s->roots->all[i];
		struct np_code_object code;
		uint64_t at;
		if (root->kind != NP_ROOT_BUILTINS || !snapshot_is_live(s, root->node) ||
		    !np_code_load(s->v8, np_graph_address(s->g, root->node), &code) || code.builtin_id < 0 ||
		    (uint32_t)code.builtin_id >= s->builtin_count ||
		    !np_mem_u64(s->v8->mem, s->builtin_names + (uint64_t)s->builtin_stride * (uint32_t)code.builtin_id, &at) ||
		    !np_mem_cstr(s->v8->mem, at, text, sizeof(text)))
			continue;
		np_arena_reset(s->scratch);
		name_own(s, root->node, np_arena_printf(s->scratch, "(%s builtin code)", text));
	}
}

/* --- any object --- */

static void tag_system(struct np_snapshot *s, np_vertex node, const struct graph_shape *shape, const uint8_t *bytes,
		       uint32_t size)
{
	const char *type = shape->shape.type_name;
	if (!type)
		return;
	if (strcmp(type, "ENUM_CACHE_TYPE") == 0) {
		tag_all(s, shape, bytes, size, "FIXED_ARRAY_TYPE", TAG_ENUM_CACHE);
	} else if (strcmp(type, "PROTOTYPE_INFO_TYPE") == 0) {
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_PrototypeInfo_prototype_users), TAG_SHAPE);
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_PrototypeInfo_enum_cache), TAG_PROTOTYPE_CACHE);
	} else if (strcmp(type, "TRANSITION_ARRAY_TYPE") == 0) {
		tag_all(s, shape, bytes, size, "WEAK_FIXED_ARRAY_TYPE", TAG_SHAPE);
	} else if (strcmp(type, "ALLOCATION_SITE_TYPE") == 0) {
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_AllocationSite_dependent_code), TAG_CODE);
	} else if (strcmp(type, "ARRAY_BOILERPLATE_DESCRIPTION_TYPE") == 0) {
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_ArrayBoilerplateDescription_elements), TAG_CONSTANT_ELEMENTS);
	} else if (strcmp(type, "FEEDBACK_VECTOR_TYPE") == 0) {
		tag_all(s, shape, bytes, size, "WEAK_FIXED_ARRAY_TYPE", TAG_FEEDBACK);
		tag_all(s, shape, bytes, size, "FIXED_ARRAY_TYPE", TAG_FEEDBACK);
	} else if (strcmp(type, "REG_EXP_BOILERPLATE_DESCRIPTION_TYPE") == 0) {
		tag_all(s, shape, bytes, size, NULL, TAG_CODE);
	}
	(void)node;
}

static void tag_script(struct np_snapshot *s, const struct graph_shape *shape, const uint8_t *bytes, uint32_t size)
{
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_Script_line_ends), TAG_LINE_ENDS);
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_Script_infos), TAG_INFOS);
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_Script_host_defined_options), TAG_HOST_OPTIONS);
	(void)shape;
}

/* The array itself, and what it has of translations, literals and positions. */
static void tag_deoptimization(struct np_snapshot *s, const uint8_t *bytes, uint32_t size)
{
	uint32_t at = snapshot_fact(s, NP_F_Code_deoptimization_data);
	np_vertex data = at ? snapshot_target(s, word_of(bytes, size, at)) : NP_VERTEX_NONE;
	if (data == NP_VERTEX_NONE || type_is(s, data, "BYTECODE_ARRAY_TYPE") || type_is(s, data, "INTERPRETER_DATA_TYPE"))
		return;
	tag_set(s, data, TAG_DEOPT_DATA);
	const struct graph_shape *shape = graph_shape(s->g, data);
	const uint8_t *slots = np_graph_bytes(s->g, data);
	static const char *const types[] = {"TRUSTED_BYTE_ARRAY_TYPE", "TRUSTED_WEAK_FIXED_ARRAY_TYPE",
					    "PROTECTED_WEAK_FIXED_ARRAY_TYPE", "BYTE_ARRAY_TYPE", "FIXED_ARRAY_TYPE",
					    "PROTECTED_FIXED_ARRAY_TYPE", "TRUSTED_POD_ARRAY_TYPE"};
	for (size_t i = 0; slots && i < NP_ARRAY_LEN(types); i++)
		tag_all(s, shape, slots, vertex_size(s, data), types[i], TAG_DEOPT_DATA);
}

static void tag_code(struct np_snapshot *s, np_vertex node, const uint8_t *bytes, uint32_t size, enum np_kind kind)
{
	np_vertex stream;
	if (kind == NP_KIND_INSTRUCTION_STREAM) {
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_InstructionStream_code), TAG_CODE);
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_InstructionStream_relocation_info), TAG_RELOCATION);
		return;
	}
	stream = field_of(s, node, NP_F_Code_instruction_stream);
	if (stream == NP_VERTEX_NONE && snapshot_fact(s, NP_F_Code_instruction_stream))
		return;
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_Code_relocation_info), TAG_RELOCATION);
	tag_word(s, bytes, size, snapshot_fact(s, NP_F_Code_source_position_table), TAG_SOURCE_POSITIONS);
	tag_deoptimization(s, bytes, size);
}

static void tag_references(struct np_snapshot *s, np_vertex node)
{
	const struct graph_shape *shape = graph_shape(s->g, node);
	enum np_kind kind = shape->shape.kind;
	if (kind == NP_KIND_STRING || kind == NP_KIND_HEAP_NUMBER || kind == NP_KIND_FIXED_ARRAY)
		return; /* most of what there is */
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t size = vertex_size(s, node);
	if (!bytes)
		return;
	switch (kind) {
	case NP_KIND_MAP:
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_Map_validity_cell), TAG_SHAPE);
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_Map_dependent_code), TAG_DEPENDENT_CODE);
		return;
	case NP_KIND_BYTECODE_ARRAY:
		tag_bytecode(s, bytes, size);
		return;
	case NP_KIND_SCOPE_INFO:
		tag_all(s, shape, bytes, size, "NAME_TO_INDEX_HASH_TABLE_TYPE", TAG_LOCAL_NAMES);
		return;
	case NP_KIND_SCRIPT:
		tag_script(s, shape, bytes, size);
		return;
	case NP_KIND_CODE:
	case NP_KIND_INSTRUCTION_STREAM:
		tag_code(s, node, bytes, size, kind);
		return;
	case NP_KIND_SHARED_FUNCTION_INFO: /* see np_snapshot_name_code() */
	case NP_KIND_JS_PROXY:
	case NP_KIND_JS_ARRAY_BUFFER:
	case NP_KIND_JS_GLOBAL_PROXY:
		return;
	case NP_KIND_JS_BOUND_FUNCTION:
		tag_word(s, bytes, size, snapshot_fact(s, NP_F_JSBoundFunction_args), TAG_BOUND_ARGUMENTS);
		break;
	default:
		if (!np_kind_is_receiver(kind)) {
			tag_system(s, node, shape, bytes, size);
			return;
		}
	}
	tag_word(s, bytes, size, s->properties_offset, TAG_PROPERTIES);
	tag_word(s, bytes, size, s->elements_offset, TAG_ELEMENTS);
}

/* --- what is not essential --- */

static bool is_type_of_inessential_map(const char *type)
{
	static const char *const types[] = {"FREE_SPACE_TYPE", "FILLER_TYPE", "CELL_TYPE", "PROPERTY_CELL_TYPE",
					    "SHARED_FUNCTION_INFO_TYPE"};
	for (size_t i = 0; type && i < NP_ARRAY_LEN(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* The empty arrays and the maps of which V8's roots table has one each. */
static bool root_is_inessential(struct np_snapshot *s, const struct np_graph_root *root)
{
	static const char *const names[] = {
		"empty_byte_array", "empty_fixed_array", "empty_weak_fixed_array", "empty_descriptor_array",
		"fixed_array_map", "cell_map", "global_property_cell_map", "shared_function_info_map",
		"free_space_map", "one_pointer_filler_map", "two_pointer_filler_map",
	};
	const struct np_map *map;
	enum np_kind kind = vertex_kind(s, root->node);
	if (root->name) {
		for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
			if (strcmp(root->name, names[i]) == 0)
				return true;
		return false;
	}
	if (kind == NP_KIND_FIXED_ARRAY || kind == NP_KIND_BYTE_ARRAY)
		return vertex_size(s, root->node) <= s->fixed_data;
	return kind == NP_KIND_MAP && np_map_load(s->v8, np_graph_address(s->g, root->node), &map) &&
	       is_type_of_inessential_map(np_layout_type_name(s->v8->layout, map->type));
}

/* Oddballs and holes are known already. */
void np_snapshot_mark_inessential(struct np_snapshot *s)
{
	for (size_t i = 0; i < s->roots->count; i++) {
		const struct np_graph_root *root = &s->roots->all[i];
		if (root->kind != NP_ROOT_STRONG_LIST || np_graph_is_external(s->g, root->node))
			continue;
		if (root->name)
			np_vertex_map_put(&s->root_names, root->node, np_snapshot_text_cstr(s, root->name));
		if (root_is_inessential(s, root) || (root->name && strcmp(root->name, "the_hole_value") == 0))
			s->blocks[root->node / 64].not_essential |= 1ull << (root->node % 64);
	}
}

/* Of builtins, and of functions: code that a SharedFunctionInfo leads to. */
void np_snapshot_name_code(struct np_snapshot *s, const np_vertex *shared, size_t count)
{
	name_builtins(s);
	for (size_t i = 0; i < count; i++)
		name_code_of(s, shared[i]);
}

/* Strings that have their content as their name: all but those that are made of others. */
static void chunk_tag(void *ctx, size_t chunk, unsigned worker)
{
	struct np_snapshot *s = ctx;
	size_t from = chunk * (CHUNK_VERTICES / 64), end = from + CHUNK_VERTICES / 64;
	(void)worker;
	for (size_t i = from; i < end && i < s->block_count; i++)
		for (uint64_t bits = s->blocks[i].live; bits; bits &= bits - 1) {
			np_vertex v = (np_vertex)(i * 64 + (size_t)__builtin_ctzll(bits));
			const struct form *f = form_of(s, v);
			if (f->naming == NAMING_STRING)
				s->blocks[i].strings |= bits & -bits;
			if (f->class_by_object && np_snapshot_dictionary_tells_class(s, v, f))
				__atomic_fetch_or(&s->marks[v], MARK_OWN_CLASS, __ATOMIC_RELAXED);
			tag_references(s, v);
		}
}

void np_snapshot_tag(struct np_snapshot *s)
{
	np_parallel(s->vertex_chunks, s->threads, chunk_tag, s);
}
