#include "v8/position.h"

#include <string.h>

#include "v8/array.h"
#include "v8/bytecode.h"
#include "v8/map.h"
#include "v8/source_positions.h"

enum { TABLE_MAX = 32 << 20, INLINE_DEPTH_MAX = 64 };

struct np_position_format np_position_format(const np_v8 *v8)
{
	const np_layout *l = v8->layout;
	return (struct np_position_format){
		.has_external_bit = np_get(l, NP_F_position_has_external_bit) == 1,
		.first_varint_unsigned = np_get(l, NP_F_position_first_varint_unsigned) == 1,
		.first_offset = np_has(l, NP_F_position_first_offset) ? (int8_t)np_get(l, NP_F_position_first_offset) : 0,
	};
}

bool np_bytecode_position(np_v8 *v8, np_addr bytecode_array, int32_t bytecode_offset, int32_t *ret)
{
	np_arena *scratch = np_arena_create();
	struct np_bytecode_array b;
	const uint8_t *bytes;
	size_t len;
	struct np_position p = {0};
	bool ok = false;
	np_err *err = np_bytecode_array_load(v8, bytecode_array, scratch, &b);
	if (!err && b.source_positions) {
		err = np_byte_array_read(v8, b.source_positions, TABLE_MAX, scratch, &bytes, &len);
		ok = !err && np_positions_find(bytes, len, np_position_format(v8), bytecode_offset, &p, NULL) &&
		     p.script_offset >= 0;
		if (ok)
			*ret = p.script_offset;
	}
	np_err_free(err);
	np_arena_destroy(scratch);
	return ok;
}

static bool deopt_slot(np_v8 *v8, const struct np_code_object *code, enum np_fact index, np_tagged *ret)
{
	uint32_t len;
	np_addr data = np_ref(code->deoptimization_data);
	if (!np_is_ref(code->deoptimization_data) || !np_has(v8->layout, index) || !np_array_length(v8, data, &len) ||
	    (uint32_t)np_get(v8->layout, index) >= len)
		return false;
	return np_array_get(v8, data, (uint32_t)np_get(v8->layout, index), ret);
}

static bool as_shared(np_v8 *v8, np_tagged t, np_addr *ret)
{
	if (!np_is_ref(t))
		return false;
	if (np_kind_at(v8, np_ref(t)) != NP_KIND_SHARED_FUNCTION_INFO &&
	    (!np_field(v8, np_ref(t), NP_F_SharedFunctionInfoWrapper_shared, &t) ||
	     !np_is_kind(v8, t, NP_KIND_SHARED_FUNCTION_INFO)))
		return false;
	*ret = np_ref(t);
	return true;
}

bool np_code_shared(np_v8 *v8, const struct np_code_object *code, np_addr *ret)
{
	np_tagged t;
	return deopt_slot(v8, code, NP_F_DeoptData_shared, &t) && as_shared(v8, t, ret);
}

/* Function id of an inlining position: an index into the literals, -1 = the outer function. */
static bool inlined_shared(np_v8 *v8, const struct np_code_object *code, int32_t id, np_addr outer, np_addr *ret)
{
	np_tagged literals, t;
	uint32_t len;
	if (id < 0) {
		*ret = outer;
		return true;
	}
	if (!deopt_slot(v8, code, NP_F_DeoptData_literals, &literals) || !np_is_ref(literals) ||
	    !np_array_length(v8, np_ref(literals), &len) || (uint32_t)id >= len ||
	    !np_array_get(v8, np_ref(literals), (uint32_t)id, &t))
		return false;
	if (np_is_weak(t))
		t.raw = np_ref(t) | 1;
	return as_shared(v8, t, ret);
}

size_t np_code_positions(np_v8 *v8, const struct np_code_object *code, np_addr outer_shared, uint32_t look_up,
			 struct np_inline_position *ret, size_t max)
{
	np_arena *scratch = np_arena_create();
	const uint8_t *bytes, *inlining = NULL;
	size_t len, inlining_len = 0, n = 0;
	struct np_position p = {0};
	np_tagged t;
	np_err *err = NULL;
	np_addr outer = outer_shared;
	if (!outer)
		np_code_shared(v8, code, &outer);
	if (!np_is_ref(code->source_positions) ||
	    (err = np_byte_array_read(v8, np_ref(code->source_positions), TABLE_MAX, scratch, &bytes, &len)) ||
	    !np_positions_find(bytes, len, np_position_format(v8), (int32_t)look_up, &p, NULL))
		goto out;
	if (p.inlining_id > 0 && deopt_slot(v8, code, NP_F_DeoptData_inlining_positions, &t) && np_is_ref(t))
		np_err_free(np_byte_array_read(v8, np_ref(t), TABLE_MAX, scratch, &inlining, &inlining_len));
	/* InliningPosition: u64 position of the call, i32 function id, i32 padding */
	for (int depth = 0; p.inlining_id > 0 && depth < INLINE_DEPTH_MAX && n + 1 < max; depth++) {
		uint64_t word;
		int32_t function_id;
		size_t at = (size_t)(p.inlining_id - 1) * 16;
		if (at + 12 > inlining_len)
			break;
		memcpy(&word, inlining + at, 8);
		memcpy(&function_id, inlining + at + 8, 4);
		ret[n].offset = p.script_offset;
		if (!inlined_shared(v8, code, function_id, outer, &ret[n].shared))
			break;
		n++;
		int32_t before = p.inlining_id;
		np_position_from_word(np_position_format(v8), word, &p);
		if (p.inlining_id >= before)
			break;
	}
	if (n < max)
		ret[n++] = (struct np_inline_position){.shared = outer, .offset = p.inlining_id ? -1 : p.script_offset};
out:
	np_err_free(err);
	np_arena_destroy(scratch);
	return n;
}

const np_bytecode_table *np_v8_bytecode_table(np_v8 *v8, enum np_bytecode_fit *fit)
{
	const np_layout *l = v8->layout;
	const np_bytecode_table *table = NULL;
	uint8_t sizes[4096];
	size_t n = l->bytecode_sizes_bytes;
	if (!l->bytecode_sizes || n > sizeof(sizes) || np_mem_read(v8->mem, l->bytecode_sizes, sizes, n) != n)
		n = 0;
	if (np_err_drop(np_bytecode_table_for(l->version.major, l->version.minor, n ? sizes : NULL, n, &table, fit)))
		return NULL;
	return table;
}

bool np_baseline_bytecode_offset(np_v8 *v8, const struct np_code_object *code, np_addr bytecode_array,
				 uint32_t pc_offset, int32_t *ret)
{
	np_arena *scratch = np_arena_create();
	struct np_bytecode_array b;
	const uint8_t *pc_table;
	size_t pc_table_len;
	enum np_bytecode_fit fit;
	np_tagged t;
	np_err *err = NULL;
	const np_bytecode_table *table = np_v8_bytecode_table(v8, &fit);
	bool ok = table && np_field(v8, code->addr, NP_F_Code_bytecode_offset_table, &t) && np_is_ref(t);
	if (ok && !(err = np_bytecode_array_load(v8, bytecode_array, scratch, &b)) &&
	    !(err = np_byte_array_read(v8, np_ref(t), TABLE_MAX, scratch, &pc_table, &pc_table_len)))
		err = np_baseline_offset(table, pc_table, pc_table_len, b.bytes, b.len, pc_offset, ret);
	ok = ok && !err;
	if (ok && *ret == NP_FUNCTION_ENTRY_OFFSET)
		*ret = 0;
	np_err_free(err);
	np_arena_destroy(scratch);
	return ok;
}
