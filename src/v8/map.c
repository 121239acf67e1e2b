#include "v8/map.h"

#include "v8/cache.h"

static bool map_type(np_v8 *v8, np_addr map, uint16_t *ret)
{
	const np_layout *l = v8->layout;
	np_addr at = map + (np_addr)np_get(l, NP_F_Map_instance_type);
	if (np_get(l, NP_F_Map_instance_type_bytes) == 1) {
		uint8_t t;
		if (!np_mem_u8(v8->mem, at, &t))
			return false;
		*ret = t;
		return true;
	}
	return np_mem_u16(v8->mem, at, ret);
}

static bool map_is_map(np_v8 *v8, np_addr addr)
{
	np_tagged meta, meta_meta;
	uint16_t type;
	if (addr & 7 || addr < 4096)
		return false;
	if (!np_tagged_at(v8, addr, &meta) || (meta.raw & 3) != 1)
		return false;
	if (!map_type(v8, np_ref(meta), &type) || type != np_get(v8->layout, NP_F_type_MAP))
		return false;
	return np_tagged_at(v8, np_ref(meta), &meta_meta) && meta_meta.raw == meta.raw;
}

/* A bit that moved between bit_field2 and bit_field3. */
static bool map_bit(const np_layout *l, const struct np_map *m, uint8_t bit_field2, enum np_fact shift,
		    enum np_fact in_bit_field2)
{
	if (!np_has(l, shift))
		return false;
	uint32_t bits = np_get(l, in_bit_field2) == 1 ? bit_field2 : m->bit_field3;
	return bits >> np_get(l, shift) & 1;
}

static void map_load_bits(np_v8 *v8, struct np_map *m)
{
	const np_layout *l = v8->layout;
	uint8_t b = 0;
	if (np_has(l, NP_F_Map_bit_field2) && np_mem_u8(v8->mem, m->addr + (np_addr)np_get(l, NP_F_Map_bit_field2), &b))
		m->elements_kind = (uint8_t)((b & np_get(l, NP_F_Map_elements_kind_mask)) >>
					     np_get(l, NP_F_Map_elements_kind_shift));
	m->new_target_is_base = true;
	if (!np_has(l, NP_F_Map_bit_field3))
		return;
	if (np_has(l, NP_F_Map_bit_field3_is_smi) && np_get(l, NP_F_Map_bit_field3_is_smi)) {
		int32_t smi = 0;
		np_smi_at(v8, m->addr + (np_addr)np_get(l, NP_F_Map_bit_field3), &smi);
		m->bit_field3 = (uint32_t)smi;
	} else {
		np_field_u32(v8, m->addr, NP_F_Map_bit_field3, &m->bit_field3);
	}
	if (np_has(l, NP_F_Map_own_descriptors_mask))
		m->own_descriptors = (uint16_t)((m->bit_field3 & (uint32_t)np_get(l, NP_F_Map_own_descriptors_mask)) >>
						np_get(l, NP_F_Map_own_descriptors_shift));
	if (np_has(l, NP_F_Map_dictionary_shift))
		m->dictionary = m->bit_field3 >> np_get(l, NP_F_Map_dictionary_shift) & 1;
	m->is_prototype = map_bit(l, m, b, NP_F_Map_prototype_map_shift, NP_F_Map_prototype_map_in_bit_field2);
	if (np_has(l, NP_F_Map_new_target_is_base_shift))
		m->new_target_is_base = map_bit(l, m, b, NP_F_Map_new_target_is_base_shift,
						NP_F_Map_new_target_is_base_in_bit_field2);
}

static bool map_load_sizes(np_v8 *v8, struct np_map *m)
{
	const np_layout *l = v8->layout;
	uint8_t words, inobject;
	if (!np_mem_u8(v8->mem, m->addr + (np_addr)np_get(l, NP_F_Map_instance_size), &words) ||
	    !np_mem_u8(v8->mem, m->addr + (np_addr)np_get(l, NP_F_Map_inobject), &inobject))
		return false;
	m->size_bytes = words * 8u;
	if (np_has(l, NP_F_Map_inobject_is_count) && np_get(l, NP_F_Map_inobject_is_count)) {
		m->inobject_count = inobject <= words ? inobject : 0;
		m->inobject_start_bytes = m->size_bytes - m->inobject_count * 8u;
	} else {
		m->inobject_start_bytes = inobject * 8u;
		m->inobject_count = inobject && inobject <= words ? (uint32_t)(words - inobject) : 0;
	}
	return true;
}

bool np_map_load(np_v8 *v8, np_addr addr, const struct np_map **ret)
{
	struct np_map *hit = np_addr_map_get(&v8->cache->maps, addr);
	if (hit) {
		*ret = hit;
		return true;
	}
	struct np_map m = {.addr = addr};
	if (!map_is_map(v8, addr) || !map_type(v8, addr, &m.type) || !map_load_sizes(v8, &m))
		return false;
	map_load_bits(v8, &m);
	np_tagged t;
	if (!np_field(v8, addr, NP_F_Map_prototype, &m.prototype) ||
	    !np_field(v8, addr, NP_F_Map_constructor, &m.constructor))
		return false;
	if (np_field(v8, addr, NP_F_Map_descriptors, &t) && np_is_ref(t))
		m.descriptors = np_ref(t);
	struct np_map *kept = np_arena_memdup(v8->cache->arena, &m, sizeof(m));
	np_addr_map_put(&v8->cache->maps, addr, kept);
	*ret = kept;
	return true;
}

bool np_map_of(np_v8 *v8, np_addr object, const struct np_map **ret)
{
	np_tagged t;
	if (object & 7 || !np_tagged_at(v8, object, &t) || (t.raw & 3) != 1)
		return false;
	return np_map_load(v8, np_ref(t), ret);
}

static const struct {
	enum np_fact fact;
	enum np_kind kind;
} kind_of_fact[] = {
	{NP_F_type_MAP, NP_KIND_MAP},
	{NP_F_type_SYMBOL, NP_KIND_SYMBOL},
	{NP_F_type_HEAP_NUMBER, NP_KIND_HEAP_NUMBER},
	{NP_F_type_MUTABLE_HEAP_NUMBER, NP_KIND_HEAP_NUMBER},
	{NP_F_type_BIGINT, NP_KIND_BIGINT},
	{NP_F_type_ODDBALL, NP_KIND_ODDBALL},
	{NP_F_type_HOLE, NP_KIND_HOLE},
	{NP_F_type_CODE, NP_KIND_CODE},
	{NP_F_type_INSTRUCTION_STREAM, NP_KIND_INSTRUCTION_STREAM},
	{NP_F_type_BYTECODE_ARRAY, NP_KIND_BYTECODE_ARRAY},
	{NP_F_type_SHARED_FUNCTION_INFO, NP_KIND_SHARED_FUNCTION_INFO},
	{NP_F_type_SCRIPT, NP_KIND_SCRIPT},
	{NP_F_type_SCOPE_INFO, NP_KIND_SCOPE_INFO},
	{NP_F_type_FIXED_ARRAY, NP_KIND_FIXED_ARRAY},
	{NP_F_type_NAME_DICTIONARY, NP_KIND_FIXED_ARRAY},
	{NP_F_type_FIXED_DOUBLE_ARRAY, NP_KIND_FIXED_DOUBLE_ARRAY},
	{NP_F_type_PROPERTY_ARRAY, NP_KIND_PROPERTY_ARRAY},
	{NP_F_type_BYTE_ARRAY, NP_KIND_BYTE_ARRAY},
	{NP_F_type_TRUSTED_BYTE_ARRAY, NP_KIND_BYTE_ARRAY},
	{NP_F_type_ACCESSOR_PAIR, NP_KIND_ACCESSOR_PAIR},
	{NP_F_type_ACCESSOR_INFO, NP_KIND_ACCESSOR_INFO},
	{NP_F_type_EXECUTABLE_ACCESSOR_INFO, NP_KIND_ACCESSOR_INFO},
	{NP_F_type_DECLARED_ACCESSOR_INFO, NP_KIND_ACCESSOR_INFO},
	{NP_F_type_PROPERTY_CELL, NP_KIND_PROPERTY_CELL},
	{NP_F_type_CELL, NP_KIND_CELL},
	{NP_F_type_WEAK_CELL, NP_KIND_WEAK_CELL},
	{NP_F_type_FEEDBACK_CELL, NP_KIND_FEEDBACK_CELL},
	{NP_F_type_INTERPRETER_DATA, NP_KIND_INTERPRETER_DATA},
	{NP_F_type_CALL_SITE_INFO, NP_KIND_CALL_SITE_INFO},
	{NP_F_type_PROMISE_REACTION, NP_KIND_PROMISE_REACTION},
	{NP_F_type_FOREIGN, NP_KIND_FOREIGN},
	{NP_F_type_DEBUG_INFO, NP_KIND_DEBUG_INFO},
	{NP_F_type_BYTECODE_WRAPPER, NP_KIND_BYTECODE_WRAPPER},
	{NP_F_type_JS_ARRAY, NP_KIND_JS_ARRAY},
	{NP_F_type_JS_BOUND_FUNCTION, NP_KIND_JS_BOUND_FUNCTION},
	{NP_F_type_JS_PROXY, NP_KIND_JS_PROXY},
	{NP_F_type_JS_REG_EXP, NP_KIND_JS_REG_EXP},
	{NP_F_type_JS_DATE, NP_KIND_JS_DATE},
	{NP_F_type_JS_ERROR, NP_KIND_JS_ERROR},
	{NP_F_type_JS_MAP, NP_KIND_JS_MAP},
	{NP_F_type_JS_SET, NP_KIND_JS_SET},
	{NP_F_type_JS_WEAK_MAP, NP_KIND_JS_WEAK_MAP},
	{NP_F_type_JS_WEAK_SET, NP_KIND_JS_WEAK_SET},
	{NP_F_type_JS_WEAK_REF, NP_KIND_JS_WEAK_REF},
	{NP_F_type_JS_PROMISE, NP_KIND_JS_PROMISE},
	{NP_F_type_JS_GENERATOR_OBJECT, NP_KIND_JS_GENERATOR},
	{NP_F_type_JS_ASYNC_FUNCTION_OBJECT, NP_KIND_JS_ASYNC_FUNCTION},
	{NP_F_type_JS_ASYNC_GENERATOR_OBJECT, NP_KIND_JS_ASYNC_GENERATOR},
	{NP_F_type_JS_ARRAY_BUFFER, NP_KIND_JS_ARRAY_BUFFER},
	{NP_F_type_JS_TYPED_ARRAY, NP_KIND_JS_TYPED_ARRAY},
	{NP_F_type_JS_DATA_VIEW, NP_KIND_JS_DATA_VIEW},
	{NP_F_type_JS_RAB_GSAB_DATA_VIEW, NP_KIND_JS_DATA_VIEW},
	{NP_F_type_JS_PRIMITIVE_WRAPPER, NP_KIND_JS_PRIMITIVE_WRAPPER},
	{NP_F_type_JS_MODULE_NAMESPACE, NP_KIND_JS_MODULE_NAMESPACE},
	{NP_F_type_JS_GLOBAL_OBJECT, NP_KIND_JS_GLOBAL_OBJECT},
	{NP_F_type_JS_GLOBAL_PROXY, NP_KIND_JS_GLOBAL_PROXY},
	{NP_F_type_JS_ARGUMENTS_OBJECT, NP_KIND_JS_ARGUMENTS},
	{NP_F_type_JS_EXTERNAL_OBJECT, NP_KIND_JS_EXTERNAL},
	{NP_F_type_WASM_INSTANCE_OBJECT, NP_KIND_WASM},
	{NP_F_type_WASM_MODULE_OBJECT, NP_KIND_WASM},
	{NP_F_type_WASM_MEMORY_OBJECT, NP_KIND_WASM},
	{NP_F_type_WASM_TABLE_OBJECT, NP_KIND_WASM},
	{NP_F_type_WASM_GLOBAL_OBJECT, NP_KIND_WASM},
};

static bool type_in(const np_layout *l, enum np_fact first, enum np_fact last, uint16_t type)
{
	return np_has(l, first) && np_has(l, last) && type >= np_get(l, first) && type <= np_get(l, last);
}

enum np_kind np_kind_of_type(const np_v8 *v8, uint16_t type)
{
	const np_layout *l = v8->layout;
	if (type < np_get(l, NP_F_String_first_nonstring))
		return NP_KIND_STRING;
	if (type_in(l, NP_F_JSFunction_first_type, NP_F_JSFunction_last_type, type))
		return NP_KIND_JS_FUNCTION;
	for (size_t i = 0; i < NP_ARRAY_LEN(kind_of_fact); i++)
		if (np_has(l, kind_of_fact[i].fact) && np_get(l, kind_of_fact[i].fact) == type)
			return kind_of_fact[i].kind;
	if (type_in(l, NP_F_Context_first_type, NP_F_Context_last_type, type))
		return NP_KIND_CONTEXT;
	if (np_has(l, NP_F_type_FIRST_JS_RECEIVER) && type >= np_get(l, NP_F_type_FIRST_JS_RECEIVER))
		return NP_KIND_JS_OBJECT;
	return NP_KIND_UNKNOWN;
}

enum np_kind np_kind_at(np_v8 *v8, np_addr object)
{
	const struct np_map *map;
	return np_map_of(v8, object, &map) ? np_kind_of_type(v8, map->type) : NP_KIND_UNKNOWN;
}

bool np_is_kind(np_v8 *v8, np_tagged t, enum np_kind kind)
{
	return np_is_ref(t) && np_kind_at(v8, np_ref(t)) == kind;
}

bool np_is_js_function(np_v8 *v8, np_tagged t)
{
	return np_is_kind(v8, t, NP_KIND_JS_FUNCTION);
}

bool np_is_scope_info(np_v8 *v8, np_tagged t)
{
	return np_is_kind(v8, t, np_has(v8->layout, NP_F_type_SCOPE_INFO) ? NP_KIND_SCOPE_INFO : NP_KIND_FIXED_ARRAY);
}
