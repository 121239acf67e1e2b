#include "v8/code.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#include "v8/array.h"
#include "v8/cache.h"
#include "v8/map.h"

enum {
	SCAN_MAX_BYTES = 8 << 20, /* how far back a header is looked for */
	SCAN_CHUNK_BYTES = 64 << 10,
	CODE_MAX_BYTES = 256 << 20,
	BYTECODE_MAX_BYTES = 64 << 20,
};

struct np_code_range {
	np_addr start, end;
	const struct np_code_object *code; /* NULL: known to be no code */
};

static enum np_code_kind code_kind(const np_v8 *v8, uint32_t flags)
{
	const np_layout *l = v8->layout;
	static const struct {
		enum np_fact fact;
		enum np_code_kind kind;
	} kinds[] = {
		{NP_F_CodeKind_bytecode_handler, NP_CODE_BYTECODE_HANDLER},
		{NP_F_CodeKind_builtin, NP_CODE_BUILTIN},
		{NP_F_CodeKind_baseline, NP_CODE_BASELINE},
		{NP_F_CodeKind_maglev, NP_CODE_MAGLEV},
		{NP_F_CodeKind_turbofan, NP_CODE_OPTIMIZED},
		{NP_F_CodeKind_function, NP_CODE_FULL},
		{NP_F_CodeKind_interpreted_function, NP_CODE_INTERPRETED},
		{NP_F_CodeKind_regexp, NP_CODE_REGEXP},
		{NP_F_CodeKind_stub, NP_CODE_STUB},
		{NP_F_CodeKind_wasm_function, NP_CODE_WASM},
		{NP_F_CodeKind_js_to_wasm, NP_CODE_WASM},
		{NP_F_CodeKind_wasm_to_js, NP_CODE_WASM},
	};
	if (!np_has(l, NP_F_Code_kind_mask))
		return NP_CODE_UNKNOWN;
	int32_t n = (int32_t)((flags & (uint32_t)np_get(l, NP_F_Code_kind_mask)) >> np_get(l, NP_F_Code_kind_shift));
	for (size_t i = 0; i < NP_ARRAY_LEN(kinds); i++)
		if (np_has(l, kinds[i].fact) && np_get(l, kinds[i].fact) == n)
			return kinds[i].kind;
	return np_has(l, NP_F_CodeKind_function) ? NP_CODE_STUB : NP_CODE_UNKNOWN; /* the many IC kinds */
}

bool np_code_load(np_v8 *v8, np_addr addr, struct np_code_object *ret)
{
	const np_layout *l = v8->layout;
	struct np_code_object c = {.addr = addr, .builtin_id = -1};
	uint32_t size, flags = 0;
	if (np_kind_at(v8, addr) != NP_KIND_CODE || !np_field_u32(v8, addr, NP_F_Code_instruction_size, &size) ||
	    size > CODE_MAX_BYTES || !np_has(l, NP_F_Code_instruction_start))
		return false;
	c.size_bytes = size;
	if (np_get(l, NP_F_Code_instruction_start_is_pointer) == 1) {
		if (!np_field_u64(v8, addr, NP_F_Code_instruction_start, &c.start))
			return false;
	} else {
		c.start = addr + (np_addr)np_get(l, NP_F_Code_instruction_start);
	}
	if (np_field_u32(v8, addr, NP_F_Code_flags, &flags))
		c.kind = code_kind(v8, flags);
	np_field(v8, addr, NP_F_Code_deoptimization_data, &c.deoptimization_data);
	np_field(v8, addr, NP_F_Code_source_position_table, &c.source_positions);
	if (np_has(l, NP_F_Code_builtin_id)) {
		np_addr at = addr + (np_addr)np_get(l, NP_F_Code_builtin_id);
		uint32_t id32;
		uint16_t id16;
		if (np_get(l, NP_F_Code_builtin_id_bytes) == 2) {
			if (np_mem_u16(v8->mem, at, &id16) && id16 != 0xffff)
				c.builtin_id = id16;
		} else if (np_mem_u32(v8->mem, at, &id32)) {
			c.builtin_id = (int32_t)id32;
		}
	}
	*ret = c;
	return true;
}

static bool code_covers(const struct np_code_object *c, np_addr pc)
{
	return pc >= c->start && pc - c->start < c->size_bytes;
}

/* Is there a Code (or InstructionStream) at addr whose instructions hold pc? */
static bool header_matches(np_v8 *v8, np_addr addr, uint64_t map_word, np_addr pc, struct np_code_object *ret)
{
	const np_layout *l = v8->layout;
	const struct np_map *map;
	if ((map_word & 3) != 1 || !np_map_load(v8, map_word & ~(uint64_t)3, &map))
		return false;
	if (np_has(l, NP_F_InstructionStream_code)) {
		np_tagged code;
		if (map->type != np_get(l, NP_F_type_INSTRUCTION_STREAM) ||
		    !np_field(v8, addr, NP_F_InstructionStream_code, &code) || !np_is_ref(code))
			return false;
		return np_code_load(v8, np_ref(code), ret) && code_covers(ret, pc);
	}
	return map->type == np_get(l, NP_F_type_CODE) && np_code_load(v8, addr, ret) && code_covers(ret, pc);
}

/* Headers lie at addresses that are phase modulo align. */
static bool code_scan(np_v8 *v8, np_addr pc, np_addr align, np_addr phase, struct np_code_object *ret)
{
	const struct np_mapping *m = np_target_mapping_at(v8->target, pc);
	np_addr low = pc > SCAN_MAX_BYTES ? pc - SCAN_MAX_BYTES : 0;
	if (m && m->start > low)
		low = m->start;
	uint8_t *chunk = np_xmalloc(SCAN_CHUNK_BYTES);
	bool found = false;
	uint64_t rejected = 0;
	for (np_addr end = ((pc - phase) & ~(align - 1)) + phase + align; end > low && !found;) {
		np_addr start = end - low > SCAN_CHUNK_BYTES ? end - SCAN_CHUNK_BYTES : low;
		start = ((start - phase + align - 1) & ~(align - 1)) + phase;
		if (start >= end)
			break;
		if (np_mem_read(v8->mem, start, chunk, end - start) != end - start)
			break;
		for (np_addr at = end - align;; at -= align) {
			uint64_t word;
			memcpy(&word, chunk + (at - start), 8);
			if ((word & 3) == 1 && word != rejected && word > 4096) {
				if (header_matches(v8, at, word, pc, ret)) {
					found = true;
					break;
				}
				const struct np_map *map;
				if (!np_map_load(v8, word & ~(uint64_t)3, &map))
					rejected = word;
			}
			if (at == start)
				break;
		}
		end = start;
	}
	free(chunk);
	return found;
}

static void cache_code(struct np_v8_cache *cache, struct np_code_range range)
{
	if (cache->code_len == cache->code_cap)
		cache->codes = np_vec_grow(cache->codes, &cache->code_cap, sizeof(*cache->codes));
	cache->codes[cache->code_len++] = range;
}

static bool code_find(np_v8 *v8, np_addr pc, struct np_code_object *ret)
{
	static const int32_t code_offsets[] = {8, 16, 24};
	np_layout *l = v8->layout;
	/* It is the first instruction that is aligned; the header comes before it. */
	np_addr align = np_has(l, NP_F_Code_alignment) ? (np_addr)np_get(l, NP_F_Code_alignment) : 16;
	int32_t header = np_has(l, NP_F_InstructionStream_header) ? np_get(l, NP_F_InstructionStream_header)
								    : np_get(l, NP_F_Code_instruction_start);
	if (header == NP_FACT_MISSING)
		return false;
	if (code_scan(v8, pc, align, (np_addr)(int64_t)-header & (align - 1), ret))
		return true;
	if (l->exact || !np_has(l, NP_F_InstructionStream_code) ||
	    l->source[NP_F_InstructionStream_code] == NP_SOURCE_CALIBRATED)
		return false;
	/* The nearest table may be wrong about the header: try every place, and keep what finds code. */
	int32_t before = np_get(l, NP_F_InstructionStream_code);
	for (size_t i = 0; i < NP_ARRAY_LEN(code_offsets); i++) {
		np_layout_set(l, NP_F_InstructionStream_code, code_offsets[i], NP_SOURCE_CALIBRATED);
		if (!code_scan(v8, pc, 8, 0, ret))
			continue;
		np_layout_set(l, NP_F_Code_alignment, 8, NP_SOURCE_CALIBRATED);
		return true;
	}
	np_layout_set(l, NP_F_InstructionStream_code, before, NP_SOURCE_NEAREST);
	return false;
}

bool np_code_at_pc(np_v8 *v8, np_addr pc, const struct np_code_object **ret)
{
	struct np_v8_cache *cache = v8->cache;
	for (size_t i = 0; i < cache->code_len; i++)
		if (pc >= cache->codes[i].start && pc < cache->codes[i].end) {
			*ret = cache->codes[i].code;
			return *ret != NULL;
		}
	/* V8 takes the right to execute from its code pages while it collects garbage (7 to 11). */
	const struct np_mapping *m = np_target_mapping_at(v8->target, pc);
	if (m && m->prot >= 0 && !(m->prot & NP_PROT_X) && m->path[0])
		return false;
	struct np_code_object c;
	if (!code_find(v8, pc, &c)) {
		cache_code(cache, (struct np_code_range){pc, pc + 1, NULL});
		return false;
	}
	*ret = np_arena_memdup(cache->arena, &c, sizeof(c));
	cache_code(cache, (struct np_code_range){c.start, c.start + c.size_bytes, *ret});
	return true;
}

const char *np_code_tier(const np_v8 *v8, enum np_code_kind kind)
{
	switch (kind) {
	case NP_CODE_BYTECODE_HANDLER:
	case NP_CODE_INTERPRETED:
		return "interpreted";
	case NP_CODE_BASELINE:
		return "baseline";
	case NP_CODE_MAGLEV:
		return "maglev";
	case NP_CODE_FULL:
		return "full-codegen";
	case NP_CODE_OPTIMIZED:
		return np_has(v8->layout, NP_F_CodeKind_function) ? "crankshaft" : "turbofan";
	case NP_CODE_REGEXP:
		return "regexp";
	case NP_CODE_WASM:
		return "wasm";
	default:
		return NULL;
	}
}

bool np_bytecode_array_of(np_v8 *v8, np_addr data, np_addr *ret)
{
	for (int hops = 0; hops < 4; hops++) {
		np_tagged next;
		enum np_fact fact;
		switch (np_kind_at(v8, data)) {
		case NP_KIND_BYTECODE_ARRAY:
			*ret = data;
			return true;
		case NP_KIND_INTERPRETER_DATA:
			fact = NP_F_InterpreterData_bytecode_array;
			break;
		case NP_KIND_BYTECODE_WRAPPER:
			fact = NP_F_BytecodeWrapper_bytecode;
			break;
		case NP_KIND_CODE:
			fact = NP_F_Code_bytecode_or_interpreter_data;
			break;
		default: {
			/* BaselineData {baseline_code, data} and CodeT wrappers: the first word that leads on */
			const struct np_map *map;
			const char *type = np_map_of(v8, data, &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
			if (!type || strcmp(type, "BASELINE_DATA_TYPE") != 0 || !np_tagged_at(v8, data + 16, &next) ||
			    !np_is_ref(next))
				return false;
			data = np_ref(next);
			continue;
		}
		}
		if (!np_field(v8, data, fact, &next) || !np_is_ref(next))
			return false;
		data = np_ref(next);
	}
	return false;
}

bool np_bytecode_array_bounds(np_v8 *v8, np_addr addr, uint32_t *len, int32_t *bias)
{
	const np_layout *l = v8->layout;
	if (np_kind_at(v8, addr) != NP_KIND_BYTECODE_ARRAY || !np_has(l, NP_F_BytecodeArray_data) ||
	    !np_array_length(v8, addr, len) || *len > BYTECODE_MAX_BYTES)
		return false;
	*bias = np_get(l, NP_F_BytecodeArray_data) - 1;
	return true;
}

static np_addr byte_array_field(np_v8 *v8, np_addr addr, enum np_fact fact)
{
	np_tagged t;
	if (!np_field(v8, addr, fact, &t) || !np_is_ref(t))
		return 0;
	if (np_kind_at(v8, np_ref(t)) == NP_KIND_BYTE_ARRAY)
		return np_ref(t);
	/* SourcePositionTableWithFrameCache (6.x): {table, cache} */
	const struct np_map *map;
	const char *type = np_map_of(v8, np_ref(t), &map) ? np_layout_type_name(v8->layout, map->type) : NULL;
	np_tagged inner;
	if (type && strncmp(type, "SOURCE_POSITION_TABLE_WITH", 26) == 0 && np_tagged_at(v8, np_ref(t) + 8, &inner) &&
	    np_is_kind(v8, inner, NP_KIND_BYTE_ARRAY))
		return np_ref(inner);
	return 0;
}

np_err *np_bytecode_array_load(np_v8 *v8, np_addr addr, np_arena *arena, struct np_bytecode_array *ret)
{
	const np_layout *l = v8->layout;
	struct np_bytecode_array b = {.addr = addr, .register_count = -1, .parameter_count = -1};
	uint32_t len, u32;
	int32_t bias;
	if (!np_bytecode_array_bounds(v8, addr, &len, &bias))
		return np_err_new(NP_EFORMAT, "no BytecodeArray at 0x%llx", (unsigned long long)addr);
	uint8_t *bytes = np_arena_alloc(arena, len);
	NP_TRY(np_mem_read_err(v8->mem, addr + (np_addr)(bias + 1), bytes, len));
	b.bytes = bytes;
	b.len = len;
	b.source_positions = byte_array_field(v8, addr, NP_F_BytecodeArray_source_position_table);
	b.handler_table = byte_array_field(v8, addr, NP_F_BytecodeArray_handler_table);
	np_tagged t;
	if (np_field(v8, addr, NP_F_BytecodeArray_constant_pool, &t) && np_is_ref(t))
		b.constant_pool = np_ref(t);
	if (np_field_u32(v8, addr, NP_F_BytecodeArray_frame_size, &u32)) {
		b.frame_size_bytes = (int32_t)u32;
		b.register_count = b.frame_size_bytes / 8;
	}
	if (np_has(l, NP_F_BytecodeArray_parameter_size) && np_has(l, NP_F_BytecodeArray_parameter_bytes)) {
		np_addr at = addr + (np_addr)np_get(l, NP_F_BytecodeArray_parameter_size);
		uint16_t u16;
		bool ok = np_get(l, NP_F_BytecodeArray_parameter_bytes) == 2
				  ? np_mem_u16(v8->mem, at, &u16) && (u32 = u16, true)
				  : np_mem_u32(v8->mem, at, &u32);
		if (ok)
			b.parameter_count = (int32_t)u32 / np_get(l, NP_F_BytecodeArray_parameter_unit);
	}
	*ret = b;
	return NULL;
}
