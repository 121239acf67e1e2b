/*
 * Objects with a length: most are a header, then so many units of so many
 * bytes, rounded up to a word.  RULES is that table by type name; what is not
 * of that form has a function.
 *
 * Lengths are hostile: they are bounded before they are multiplied.
 */
#include "heap/size.h"

#include <stdlib.h>
#include <string.h>

#include "heap/internal.h"

enum {
	LENGTH_MAX = NP_SIZE_COUNT_MAX,
	SLOTS_PER_FEEDBACK_WORD = 6, /* VectorICComputer: 5 bits each in 32 */
	SWISS_GROUP_BYTES = 16,	     /* control bytes that are repeated behind the table */
	DESCRIPTOR_BYTES = 24,
};

#define NO_FACT NP_FACT_COUNT

enum length_form {
	LENGTH_SMI,    /* Smi at 8 */
	LENGTH_U32,    /* u32 at 8 */
	LENGTH_CUSTOM, /* rule->size */
};

struct size_rule {
	const char *type; /* without _TYPE; a leading * matches any beginning */
	enum length_form form;
	enum np_fact data; /* offset of the first unit, or NO_FACT */
	uint8_t data_default; /* where the layout has no such fact; 0: it must have it */
	uint8_t unit_bytes;
	bool (*size)(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule, uint64_t *ret);
	enum np_unit_kind units;
};

static bool length_ok(uint64_t length)
{
	return length <= LENGTH_MAX;
}

static bool u32_at(np_v8 *v8, np_addr addr, uint64_t *ret)
{
	uint32_t n;
	if (!np_mem_u32(v8->mem, addr, &n))
		return false;
	*ret = n;
	return true;
}

static bool smi_length_at(np_v8 *v8, np_addr addr, uint64_t *ret)
{
	int32_t n;
	if (!np_smi_at(v8, addr, &n) || n < 0)
		return false;
	*ret = (uint64_t)n;
	return true;
}

static bool u32_field(np_v8 *v8, np_addr addr, enum np_fact fact, uint64_t *ret)
{
	return np_has(v8->layout, fact) && u32_at(v8, addr + (np_addr)np_get(v8->layout, fact), ret);
}

static bool fact_is_set(const np_layout *l, enum np_fact fact)
{
	return np_has(l, fact) && np_get(l, fact) != 0;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static bool rule_data(const np_layout *l, const struct size_rule *rule, uint64_t *ret)
{
	if (rule->data != NO_FACT && np_has(l, rule->data) && np_get(l, rule->data) > 0)
		*ret = (uint64_t)np_get(l, rule->data);
	else if (rule->data_default)
		*ret = rule->data_default;
	else
		return false;
	return true;
}

static bool size_of_units(np_v8 *v8, np_addr addr, const struct size_rule *rule, uint64_t length, uint64_t *ret)
{
	uint64_t data;
	if (!length_ok(length) || !rule_data(v8->layout, rule, &data))
		return false;
	*ret = data + length * rule->unit_bytes;
	return true;
}

/* Sequential strings; all others have the size in their map. */
static bool string_size(np_v8 *v8, np_addr addr, const struct np_map *map, uint64_t *ret)
{
	const np_layout *l = v8->layout;
	uint64_t n;
	if (!np_has(l, NP_F_String_length) || !np_has(l, NP_F_String_chars) || !np_has(l, NP_F_String_encoding_mask))
		return false;
	np_addr at = addr + (np_addr)np_get(l, NP_F_String_length);
	if (fact_is_set(l, NP_F_String_length_is_smi) ? !smi_length_at(v8, at, &n) : !u32_at(v8, at, &n))
		return false;
	if (!length_ok(n))
		return false;
	bool one_byte = map->type & np_get(l, NP_F_String_encoding_mask);
	*ret = (uint64_t)np_get(l, NP_F_String_chars) + n * (one_byte ? 1 : 2);
	return true;
}

static bool free_space_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			    uint64_t *ret)
{
	uint64_t n;
	if (!smi_length_at(v8, addr + 8, &n))
		return false;
	*ret = fact_is_set(v8->layout, NP_F_FreeSpace_size_in_words) ? n * 8 : n;
	return *ret >= 16;
}

/* The upper bits of the length are the identity hash. */
static bool property_array_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				uint64_t *ret)
{
	int32_t n;
	if (!np_smi_at(v8, addr + 8, &n) || !np_has(v8->layout, NP_F_PropertyArray_length_mask))
		return false;
	*ret = 16 + 8ull * ((uint32_t)n & (uint32_t)np_get(v8->layout, NP_F_PropertyArray_length_mask));
	return true;
}

/* From 7.4 on an object of its own with a u16 count; a FixedArray before. */
static bool descriptor_array_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				  uint64_t *ret)
{
	uint64_t n, data;
	uint16_t count;
	if (fact_is_set(v8->layout, NP_F_DescriptorArray_is_fixed_array)) {
		if (!smi_length_at(v8, addr + 8, &n) || !length_ok(n))
			return false;
		*ret = 16 + 8 * n;
		return true;
	}
	if (!np_mem_u16(v8->mem, addr + 8, &count) || !rule_data(v8->layout, rule, &data))
		return false;
	*ret = data + DESCRIPTOR_BYTES * (uint64_t)count;
	return true;
}

static bool feedback_vector_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				 uint64_t *ret)
{
	uint64_t n;
	return u32_field(v8, addr, NP_F_FeedbackVector_length, &n) && size_of_units(v8, addr, rule, n, ret);
}

static bool feedback_metadata_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				   uint64_t *ret)
{
	uint64_t slots, closures = 0;
	if (!u32_at(v8, addr + 8, &slots) || !length_ok(slots))
		return false;
	uint64_t words = (slots + SLOTS_PER_FEEDBACK_WORD - 1) / SLOTS_PER_FEEDBACK_WORD;
	if (!size_of_units(v8, addr, rule, words, ret))
		return false;
	if (np_has(v8->layout, NP_F_FeedbackMetadata_parameter_bytes)) {
		if (!u32_at(v8, addr + 12, &closures) || !length_ok(closures))
			return false;
		*ret += closures * (uint64_t)np_get(v8->layout, NP_F_FeedbackMetadata_parameter_bytes);
	}
	return true;
}

/* Bytes, then slots: {u32 data length, u32 inner length}. */
static bool preparse_data_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			       uint64_t *ret)
{
	uint64_t bytes, inner;
	if (!u32_at(v8, addr + 8, &bytes) || !u32_at(v8, addr + 12, &inner) || !length_ok(bytes) || !length_ok(inner))
		return false;
	*ret = 16 + round_up(bytes, 8) + 8 * inner;
	return true;
}

/* {data, u32 count}, then slots of that count (V8 7.0, src/objects/shared-function-info.h). */
static bool pre_parsed_scope_data_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				       uint64_t *ret)
{
	uint64_t n;
	return u32_at(v8, addr + 16, &n) && size_of_units(v8, addr, rule, n, ret);
}

/* Bit 0 of the bit field is the sign. */
static bool bigint_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule, uint64_t *ret)
{
	uint64_t bits;
	return u32_field(v8, addr, NP_F_BigInt_bitfield, &bits) &&
	       size_of_units(v8, addr, rule, bits >> 1 & 0x3fffffff, ret);
}

static bool code_rounded(const np_layout *l, uint64_t bytes, uint64_t *ret)
{
	if (!np_has(l, NP_F_Code_size_alignment))
		return false;
	uint64_t to = (uint64_t)np_get(l, NP_F_Code_size_alignment);
	if (to < 8 || to & (to - 1))
		return false;
	*ret = round_up(bytes, to);
	return true;
}

/* Instructions and the tables behind them. */
static bool code_body_bytes(np_v8 *v8, np_addr code, uint64_t *ret)
{
	uint64_t instructions, metadata = 0;
	if (!u32_field(v8, code, NP_F_Code_instruction_size, &instructions) || !length_ok(instructions))
		return false;
	if (np_has(v8->layout, NP_F_Code_metadata_size) &&
	    (!u32_field(v8, code, NP_F_Code_metadata_size, &metadata) || !length_ok(metadata)))
		return false;
	*ret = instructions + metadata;
	return true;
}

static bool code_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule, uint64_t *ret)
{
	uint64_t body;
	if (!np_has(v8->layout, NP_F_Code_instruction_start) ||
	    fact_is_set(v8->layout, NP_F_Code_instruction_start_is_pointer) || !code_body_bytes(v8, addr, &body))
		return false;
	return code_rounded(v8->layout, (uint64_t)np_get(v8->layout, NP_F_Code_instruction_start) + body, ret);
}

static bool instruction_stream_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				    uint64_t *ret)
{
	np_tagged code;
	uint64_t body, data;
	if (!rule_data(v8->layout, rule, &data))
		return false;
	if (np_has(v8->layout, NP_F_InstructionStream_body_size)) {
		if (!u32_field(v8, addr, NP_F_InstructionStream_body_size, &body) || !length_ok(body))
			return false;
	} else if (!np_field(v8, addr, NP_F_InstructionStream_code, &code) || !np_is_ref(code) ||
		   !code_body_bytes(v8, np_ref(code), &body)) {
		return false;
	}
	return code_rounded(v8->layout, data + body, ret);
}

/* Elements lie here when the base pointer names this very object; else they are off the heap. */
static bool fixed_typed_array_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				   uint64_t *ret)
{
	uint64_t n, data;
	np_tagged base;
	if (!smi_length_at(v8, addr + 8, &n) || !rule_data(v8->layout, rule, &data) || !length_ok(n))
		return false;
	*ret = data;
	if (data > 16) {
		if (!np_tagged_at(v8, addr + 16, &base))
			return false;
		if (!np_is_ref(base) || np_ref(base) != addr)
			return true;
	}
	*ret += n * rule->unit_bytes;
	return true;
}

/* In 7.9 a bit of the length says whether there is an extension. */
static bool context_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule, uint64_t *ret)
{
	uint64_t n;
	if (!smi_length_at(v8, addr + 8, &n))
		return false;
	if (np_has(v8->layout, NP_F_Context_length_mask))
		n &= (uint64_t)np_get(v8->layout, NP_F_Context_length_mask);
	return size_of_units(v8, addr, rule, n, ret);
}

static bool native_context_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				uint64_t *ret)
{
	if (!context_size(v8, addr, map, rule, ret))
		return false;
	if (np_has(v8->layout, NP_F_NativeContext_tail_bytes))
		*ret += (uint64_t)np_get(v8->layout, NP_F_NativeContext_tail_bytes);
	return true;
}

static bool scope_flag(const np_layout *l, uint32_t flags, enum np_fact shift)
{
	return np_has(l, shift) && np_get(l, shift) >= 0 && np_get(l, shift) < 32 && flags >> np_get(l, shift) & 1;
}

static bool scope_bits(const np_layout *l, uint32_t flags, enum np_fact mask)
{
	return np_has(l, mask) && flags & (uint32_t)np_get(l, mask);
}

static bool is_scope_type(const np_layout *l, uint32_t flags, enum np_fact type)
{
	if (!np_has(l, type) || !np_has(l, NP_F_ScopeInfo_scope_type_mask))
		return false;
	uint32_t n = flags & (uint32_t)np_get(l, NP_F_ScopeInfo_scope_type_mask);
	return n >> np_get(l, NP_F_ScopeInfo_scope_type_shift) == (uint32_t)np_get(l, type);
}

static bool scope_slot_count(np_v8 *v8, np_addr addr, enum np_fact index, uint64_t *ret)
{
	return np_has(v8->layout, index) &&
	       smi_length_at(v8, addr + (np_addr)np_get(v8->layout, NP_F_ScopeInfo_data) +
					 8ull * (np_addr)np_get(v8->layout, index),
			     ret) &&
	       length_ok(*ret);
}

/* Slots that flags ask for (src/objects/scope-info.tq). */
static uint64_t scope_optional_slots(const np_layout *l, uint32_t flags)
{
	uint64_t n = 0;
	n += scope_flag(l, flags, NP_F_ScopeInfo_class_variable_shift);
	if (fact_is_set(l, NP_F_ScopeInfo_receiver_info_stored) &&
	    scope_bits(l, flags, NP_F_ScopeInfo_receiver_variable_mask)) {
		/* VariableAllocationInfo: NONE, STACK, CONTEXT, UNUSED */
		uint32_t mask = (uint32_t)np_get(l, NP_F_ScopeInfo_receiver_variable_mask);
		n += (flags & mask) != mask;
	}
	n += scope_bits(l, flags, NP_F_ScopeInfo_function_variable_mask) ? 2 : 0;
	n += scope_flag(l, flags, NP_F_ScopeInfo_inferred_name_shift);
	n += scope_flag(l, flags, NP_F_ScopeInfo_outer_scope_info_shift);
	n += scope_flag(l, flags, NP_F_ScopeInfo_dependent_code_shift);
	if (fact_is_set(l, NP_F_ScopeInfo_unused_parameters_stored))
		n += is_scope_type(l, flags, NP_F_ScopeType_function);
	if (!np_has(l, NP_F_ScopeInfo_position) && fact_is_set(l, NP_F_ScopeInfo_has_position)) {
		bool has = is_scope_type(l, flags, NP_F_ScopeType_function) || is_scope_type(l, flags, NP_F_ScopeType_script) ||
			   is_scope_type(l, flags, NP_F_ScopeType_eval) || is_scope_type(l, flags, NP_F_ScopeType_module) ||
			   is_scope_type(l, flags, NP_F_ScopeType_shadow_realm) ||
			   (fact_is_set(l, NP_F_ScopeInfo_class_has_position) &&
			    is_scope_type(l, flags, NP_F_ScopeType_class) &&
			    !scope_flag(l, flags, NP_F_ScopeInfo_empty_shift));
		n += has ? 2 : 0;
	}
	return n;
}

static bool scope_info_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			    uint64_t *ret)
{
	const np_layout *l = v8->layout;
	uint64_t n, slots, locals, module = 0;
	np_tagged t;
	if (fact_is_set(l, NP_F_ScopeInfo_has_length)) {
		if (!smi_length_at(v8, addr + 8, &n) || !length_ok(n))
			return false;
		*ret = 16 + 8 * n;
		return true;
	}
	if (!np_has(l, NP_F_ScopeInfo_data) || !np_has(l, NP_F_ScopeInfo_first_vars) ||
	    !np_has(l, NP_F_ScopeInfo_outer_scope_info_shift) || !np_has(l, NP_F_ScopeInfo_inferred_name_shift) ||
	    !np_tagged_at(v8, addr + (np_addr)np_get(l, NP_F_ScopeInfo_data), &t) ||
	    !scope_slot_count(v8, addr, NP_F_ScopeInfo_ncontext_locals, &locals))
		return false;
	uint32_t flags = fact_is_set(l, NP_F_ScopeInfo_flags_is_raw) ? (uint32_t)t.raw : (uint32_t)np_smi_value(t);
	slots = (uint64_t)np_get(l, NP_F_ScopeInfo_first_vars) + locals; /* the locals' info words */
	if (np_has(l, NP_F_ScopeInfo_names_hashtable_limit) &&
	    locals >= (uint64_t)np_get(l, NP_F_ScopeInfo_names_hashtable_limit))
		slots++;
	else
		slots += locals;
	slots += scope_optional_slots(l, flags);
	if (is_scope_type(l, flags, NP_F_ScopeType_module)) {
		/* The count stands before the names, or behind the SourceTextModuleInfo. */
		uint64_t slot = fact_is_set(l, NP_F_ScopeInfo_module_count_first) ? (uint64_t)np_get(l, NP_F_ScopeInfo_first_vars)
										  : slots + 1;
		np_addr at = addr + (np_addr)np_get(l, NP_F_ScopeInfo_data) + 8 * slot;
		if (!smi_length_at(v8, at, &module) || !length_ok(module))
			return false;
		slots += 2 + 3 * module; /* info, count; {name, index, properties} each */
	}
	*ret = (uint64_t)np_get(l, NP_F_ScopeInfo_data) + 8 * slots;
	return true;
}

/* Capacity entries {key, value}, control bytes, details bytes (src/objects/swiss-name-dictionary.h). */
static bool swiss_dictionary_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				  uint64_t *ret)
{
	uint64_t capacity;
	if (!u32_at(v8, addr + 12, &capacity) || !length_ok(capacity))
		return false;
	*ret = 24 + capacity * 16 + capacity + SWISS_GROUP_BYTES + capacity;
	return true;
}

/* {u32 length, u32 capacity}, then entries up to the capacity (src/wasm/wasm-objects.h). */
static bool wasm_dispatch_table_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				     uint64_t *ret)
{
	uint64_t capacity, data;
	if (!u32_at(v8, addr + 12, &capacity) || !length_ok(capacity) || !rule_data(v8->layout, rule, &data) ||
	    !np_has(v8->layout, NP_F_WasmDispatchTable_entry_bytes))
		return false;
	*ret = data + capacity * (uint64_t)np_get(v8->layout, NP_F_WasmDispatchTable_entry_bytes);
	return true;
}

static bool wasm_type_info_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
				uint64_t *ret)
{
	uint64_t n;
	if (!np_has(v8->layout, NP_F_WasmTypeInfo_length) ||
	    !smi_length_at(v8, addr + (np_addr)np_get(v8->layout, NP_F_WasmTypeInfo_length), &n) || !length_ok(n))
		return false;
	*ret = (uint64_t)np_get(v8->layout, NP_F_WasmTypeInfo_length) + 8 + 8 * n;
	return true;
}

/*
 * Maps of WebAssembly's own objects keep in two otherwise unused bytes the size
 * of a struct in words, or of an array's element in bytes.
 */
static bool wasm_map_number(np_v8 *v8, const struct np_map *map, uint64_t *ret)
{
	uint16_t n;
	if (!fact_is_set(v8->layout, NP_F_WasmObject_size_in_map) || !np_has(v8->layout, NP_F_Map_inobject) ||
	    !np_mem_u16(v8->mem, map->addr + (np_addr)np_get(v8->layout, NP_F_Map_inobject), &n))
		return false;
	*ret = n;
	return true;
}

static bool wasm_struct_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			     uint64_t *ret)
{
	uint64_t words;
	if (!wasm_map_number(v8, map, &words) || words < 2)
		return false;
	*ret = words * 8;
	return true;
}

static bool wasm_array_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			    uint64_t *ret)
{
	uint64_t n, unit;
	if (!wasm_map_number(v8, map, &unit) || !u32_at(v8, addr + 16, &n) || !length_ok(n))
		return false;
	*ret = 24 + n * (unit & 0xff);
	return true;
}

/* Only the empty ones: the others' form is not known. */
static bool empty_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule, uint64_t *ret)
{
	uint64_t word;
	return np_mem_u64(v8->mem, addr + 8, &word) && !word && rule_data(v8->layout, rule, ret);
}

static bool constant_size(np_v8 *v8, np_addr addr, const struct np_map *map, const struct size_rule *rule,
			  uint64_t *ret)
{
	return rule_data(v8->layout, rule, ret);
}

#define ARRAY(name) {name, LENGTH_SMI, NO_FACT, 16, 8, NULL, NP_UNIT_TAGGED}
#define BYTES(name) {name, LENGTH_SMI, NO_FACT, 16, 1, NULL, NP_UNIT_RAW}
#define SLOTS(name, data) {name, LENGTH_SMI, data, 0, 8, NULL, NP_UNIT_TAGGED}
#define LIST(name) {name, LENGTH_SMI, NO_FACT, 24, 8, NULL, NP_UNIT_TAGGED}
#define CUSTOM(name, data, otherwise, bytes, function, units) \
	{name, LENGTH_CUSTOM, data, otherwise, bytes, function, units}
#define TYPED(name, bytes) CUSTOM(name, NP_F_FixedTypedArray_data, 0, bytes, fixed_typed_array_size, NP_UNIT_RAW)

/* The first match holds. */
static const struct size_rule rules[] = {
	{"", LENGTH_CUSTOM, NO_FACT, 0, 0, NULL, NP_UNIT_NONE}, /* index 0: no rule */
	ARRAY("FIXED_ARRAY"),
	ARRAY("HASH_TABLE"),
	CUSTOM("NATIVE_CONTEXT", NO_FACT, 16, 8, native_context_size, NP_UNIT_TAGGED),
	CUSTOM("*_CONTEXT", NO_FACT, 16, 8, context_size, NP_UNIT_TAGGED),
	ARRAY("WEAK_FIXED_ARRAY"),
	ARRAY("TRANSITION_ARRAY"),
	ARRAY("EMBEDDER_DATA_ARRAY"),
	ARRAY("CLOSURE_FEEDBACK_CELL_ARRAY"),
	ARRAY("BOILERPLATE_DESCRIPTION"),
	ARRAY("EPHEMERON_HASH_TABLE"),
	ARRAY("GLOBAL_DICTIONARY"),
	ARRAY("NAME_DICTIONARY"),
	ARRAY("NAME_TO_INDEX_HASH_TABLE"),
	ARRAY("NUMBER_DICTIONARY"),
	ARRAY("SIMPLE_NUMBER_DICTIONARY"),
	ARRAY("ORDERED_HASH_MAP"),
	ARRAY("ORDERED_HASH_SET"),
	ARRAY("ORDERED_NAME_DICTIONARY"),
	ARRAY("REGISTERED_SYMBOL_TABLE"),
	ARRAY("STRING_TABLE"),
	ARRAY("TRUSTED_FIXED_ARRAY"),
	ARRAY("TRUSTED_WEAK_FIXED_ARRAY"),
	ARRAY("PROTECTED_FIXED_ARRAY"),
	ARRAY("PROTECTED_WEAK_FIXED_ARRAY"),
	{"EXTERNAL_POINTER_ARRAY", LENGTH_SMI, NO_FACT, 16, 8, NULL, NP_UNIT_RAW},
	{"FIXED_DOUBLE_ARRAY", LENGTH_SMI, NO_FACT, 16, 8, NULL, NP_UNIT_DOUBLE},
	BYTES("BYTE_ARRAY"),
	BYTES("TRUSTED_BYTE_ARRAY"),
	{"BYTECODE_ARRAY", LENGTH_SMI, NP_F_BytecodeArray_data, 0, 1, NULL, NP_UNIT_RAW},
	LIST("WEAK_ARRAY_LIST"),
	LIST("DEPENDENT_CODE"), /* a weak array list with a type of its own */
	LIST("ARRAY_LIST"),
	SLOTS("SCRIPT_CONTEXT_TABLE", NP_F_ScriptContextTable_data),
	SLOTS("OBJECT_BOILERPLATE_DESCRIPTION", NP_F_ObjectBoilerplateDescription_data),
	SLOTS("SLOPPY_ARGUMENTS_ELEMENTS", NP_F_SloppyArgumentsElements_data),
	{"REG_EXP_MATCH_INFO", LENGTH_SMI, NO_FACT, 40, 8, NULL, NP_UNIT_TAGGED},
	{"DOUBLE_STRING_CACHE", LENGTH_U32, NO_FACT, 16, 16, NULL, NP_UNIT_RAW},
	{"COVERAGE_INFO", LENGTH_U32, NO_FACT, 12, 16, NULL, NP_UNIT_RAW},
	CUSTOM("FEEDBACK_VECTOR", NP_F_FeedbackVector_data, 0, 8, feedback_vector_size, NP_UNIT_TAGGED),
	CUSTOM("FEEDBACK_METADATA", NP_F_FeedbackMetadata_data, 0, 4, feedback_metadata_size, NP_UNIT_RAW),
	CUSTOM("DESCRIPTOR_ARRAY", NP_F_DescriptorArray_first, 0, 8, descriptor_array_size, NP_UNIT_TAGGED),
	CUSTOM("STRONG_DESCRIPTOR_ARRAY", NP_F_DescriptorArray_first, 0, 8, descriptor_array_size, NP_UNIT_TAGGED),
	CUSTOM("PROPERTY_ARRAY", NO_FACT, 16, 8, property_array_size, NP_UNIT_TAGGED),
	CUSTOM("FREE_SPACE", NO_FACT, 16, 8, free_space_size, NP_UNIT_NONE),
	CUSTOM("PRE_PARSED_SCOPE_DATA", NO_FACT, 24, 8, pre_parsed_scope_data_size, NP_UNIT_TAGGED),
	CUSTOM("PREPARSE_DATA", NO_FACT, 16, 1, preparse_data_size, NP_UNIT_NONE),
	CUSTOM("BIGINT", NP_F_BigInt_digits, 16, 8, bigint_size, NP_UNIT_RAW),
	CUSTOM("BIG_INT_BASE", NP_F_BigInt_digits, 16, 8, bigint_size, NP_UNIT_RAW),
	CUSTOM("CODE", NP_F_Code_instruction_start, 0, 1, code_size, NP_UNIT_RAW),
	CUSTOM("INSTRUCTION_STREAM", NP_F_InstructionStream_header, 0, 1, instruction_stream_size, NP_UNIT_RAW),
	CUSTOM("SCOPE_INFO", NP_F_ScopeInfo_data, 0, 8, scope_info_size, NP_UNIT_TAGGED),
	CUSTOM("SWISS_NAME_DICTIONARY", NO_FACT, 24, 8, swiss_dictionary_size, NP_UNIT_NONE),
	CUSTOM("CONSTANT_POOL_ARRAY", NO_FACT, 16, 8, empty_size, NP_UNIT_NONE),
	CUSTOM("WASM_DISPATCH_TABLE", NP_F_WasmDispatchTable_data, 0, 1, wasm_dispatch_table_size, NP_UNIT_NONE),
	{"WASM_DISPATCH_TABLE_FOR_IMPORTS", LENGTH_U32, NO_FACT, 24, 16, NULL, NP_UNIT_NONE},
	CUSTOM("WASM_TYPE_INFO", NO_FACT, 16, 8, wasm_type_info_size, NP_UNIT_NONE),
	CUSTOM("WASM_STRUCT", NO_FACT, 16, 8, wasm_struct_size, NP_UNIT_NONE),
	CUSTOM("WASM_ARRAY", NO_FACT, 24, 8, wasm_array_size, NP_UNIT_NONE),
	CUSTOM("HOLE", NP_F_Hole_bytes, 0, 1, constant_size, NP_UNIT_NONE),
	CUSTOM("WASM_NULL", NO_FACT, 8, 1, constant_size, NP_UNIT_NONE),
	TYPED("FIXED_INT8_ARRAY", 1),
	TYPED("FIXED_UINT8_ARRAY", 1),
	TYPED("FIXED_UINT8_CLAMPED_ARRAY", 1),
	TYPED("FIXED_INT16_ARRAY", 2),
	TYPED("FIXED_UINT16_ARRAY", 2),
	TYPED("FIXED_INT32_ARRAY", 4),
	TYPED("FIXED_UINT32_ARRAY", 4),
	TYPED("FIXED_FLOAT32_ARRAY", 4),
	TYPED("FIXED_FLOAT64_ARRAY", 8),
	TYPED("FIXED_BIGINT64_ARRAY", 8),
	TYPED("FIXED_BIGUINT64_ARRAY", 8),
};
_Static_assert(NP_ARRAY_LEN(rules) < 256, "a rule's index is a byte");

static bool rule_matches(const struct size_rule *rule, const char *type)
{
	static const char suffix[] = "_TYPE";
	size_t n = strlen(type), m = strlen(rule->type);
	if (n <= sizeof(suffix) - 1 || strcmp(type + n - (sizeof(suffix) - 1), suffix) != 0)
		return false;
	n -= sizeof(suffix) - 1;
	if (*rule->type == '*')
		return n > m - 1 && strncmp(type + n - (m - 1), rule->type + 1, m - 1) == 0;
	return n == m && strncmp(type, rule->type, n) == 0;
}

static void rules_assign(np_heap *heap)
{
	const np_layout *l = heap->v8->layout;
	heap->size_rules = np_xcalloc(NP_HEAP_TYPES, 1);
	for (size_t i = 0; i < l->type_count; i++) {
		int32_t type = l->types[i].type;
		if (type < 0 || type >= NP_HEAP_TYPES || !l->types[i].name)
			continue;
		for (size_t r = 1; r < NP_ARRAY_LEN(rules) && !heap->size_rules[type]; r++)
			if (rule_matches(&rules[r], l->types[i].name))
				heap->size_rules[type] = (uint8_t)r;
	}
}

static const struct size_rule *rule_of(np_heap *heap, uint16_t type)
{
	if (!heap->size_rules)
		rules_assign(heap);
	return &rules[heap->size_rules[type]];
}

bool np_object_units(np_heap *heap, const struct np_map *map, struct np_units *ret)
{
	const np_layout *l = heap->v8->layout;
	struct np_units units = {0};
	if (map->size_bytes)
		return false;
	if (np_kind_of_type(heap->v8, map->type) == NP_KIND_STRING) {
		if (!np_has(l, NP_F_String_chars) || !np_has(l, NP_F_String_encoding_mask))
			return false;
		units = (struct np_units){NP_UNIT_CHARACTER, (uint64_t)np_get(l, NP_F_String_chars),
					  map->type & np_get(l, NP_F_String_encoding_mask) ? 1 : 2};
	} else {
		const struct size_rule *rule = rule_of(heap, map->type);
		if (rule->units == NP_UNIT_NONE || !rule_data(l, rule, &units.data))
			return false;
		units.kind = rule->units;
		units.bytes = rule->unit_bytes;
	}
	*ret = units;
	return true;
}

/* The count of the custom rules that have one, like the others, in a field at a fixed place. */
static bool custom_form(const np_layout *l, const struct size_rule *rule, struct np_size_form *f)
{
	if (rule->size == property_array_size && np_has(l, NP_F_PropertyArray_length_mask)) {
		f->count_mask = (uint32_t)np_get(l, NP_F_PropertyArray_length_mask);
	} else if (rule->size == context_size) {
		if (np_has(l, NP_F_Context_length_mask))
			f->count_mask = (uint32_t)np_get(l, NP_F_Context_length_mask);
	} else if (rule->size == descriptor_array_size && !fact_is_set(l, NP_F_DescriptorArray_is_fixed_array)) {
		f->count_offset = 8;
		f->count_bytes = 2;
		f->unit_bytes = DESCRIPTOR_BYTES;
	} else if (rule->size == feedback_vector_size && np_has(l, NP_F_FeedbackVector_length)) {
		f->count_offset = (uint8_t)np_get(l, NP_F_FeedbackVector_length);
	} else {
		return false;
	}
	return true;
}

void np_size_form(np_heap *heap, const struct np_map *map, struct np_size_form *ret)
{
	const np_layout *l = heap->v8->layout;
	struct np_size_form f = {.kind = NP_SIZE_COUNTED, .count_offset = 12, .count_bytes = 4, .count_mask = UINT32_MAX};
	uint64_t data;
	if (map->size_bytes) {
		f.kind = NP_SIZE_FIXED;
		f.base_bytes = map->size_bytes;
	} else if (np_kind_of_type(heap->v8, map->type) == NP_KIND_STRING) {
		f.kind = NP_SIZE_OTHER;
		if (np_has(l, NP_F_String_length) && np_has(l, NP_F_String_chars) && np_has(l, NP_F_String_encoding_mask)) {
			f.kind = NP_SIZE_COUNTED;
			f.base_bytes = (uint32_t)np_get(l, NP_F_String_chars);
			f.unit_bytes = map->type & np_get(l, NP_F_String_encoding_mask) ? 1 : 2;
			f.count_offset = (uint8_t)(np_get(l, NP_F_String_length) +
						   (fact_is_set(l, NP_F_String_length_is_smi) ? 4 : 0));
		}
	} else {
		const struct size_rule *rule = rule_of(heap, map->type);
		f.kind = NP_SIZE_OTHER;
		if (*rule->type && rule_data(l, rule, &data)) {
			f.base_bytes = (uint32_t)data;
			f.unit_bytes = rule->unit_bytes;
			if (rule->form == LENGTH_U32)
				f.count_offset = 8;
			if (rule->form != LENGTH_CUSTOM || custom_form(l, rule, &f))
				f.kind = NP_SIZE_COUNTED;
		}
	}
	*ret = f;
}

bool np_object_size(np_heap *heap, np_addr addr, const struct np_map *map, uint64_t *ret)
{
	np_v8 *v8 = heap->v8;
	uint64_t size, n;
	if (map->size_bytes) {
		*ret = map->size_bytes;
		return true;
	}
	if (np_kind_of_type(v8, map->type) == NP_KIND_STRING) {
		if (!string_size(v8, addr, map, &size))
			return false;
	} else {
		const struct size_rule *rule = rule_of(heap, map->type);
		bool ok = false;
		if (rule->size)
			ok = rule->size(v8, addr, map, rule, &size);
		else if (*rule->type)
			ok = (rule->form == LENGTH_SMI ? smi_length_at(v8, addr + 8, &n) : u32_at(v8, addr + 8, &n)) &&
			     size_of_units(v8, addr, rule, n, &size);
		if (!ok)
			return false;
	}
	*ret = round_up(size, 8);
	return true;
}

bool np_is_filler(const np_v8 *v8, const struct np_map *map)
{
	const char *name = np_layout_type_name(v8->layout, map->type);
	return name && (strcmp(name, "FILLER_TYPE") == 0 || strcmp(name, "FREE_SPACE_TYPE") == 0);
}
