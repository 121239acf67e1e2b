/* The bytecode tables behind v8/bytecode.h; tools/gen-bytecodes.awk makes their content. */
#ifndef NP_V8_BYTECODE_TABLE_H
#define NP_V8_BYTECODE_TABLE_H

#include "v8/bytecode.h"

enum np_bytecode_role {
	NP_ROLE_PLAIN,
	NP_ROLE_WIDE,
	NP_ROLE_EXTRA_WIDE,
	NP_ROLE_DEBUG_WIDE, /* Wide under a breakpoint */
	NP_ROLE_DEBUG_EXTRA_WIDE,
	NP_ROLE_DEBUG_BREAK, /* takes the place of a bytecode with operands of the same width */
	NP_ROLE_JUMP,
	NP_ROLE_JUMP_LOOP,
	NP_ROLE_JUMP_CONSTANT,
	NP_ROLE_SWITCH,
};

/* A bytecode: what it is called and what follows its opcode. */
struct np_bytecode_op {
	const char *name;
	uint8_t role; /* enum np_bytecode_role */
	int8_t star;  /* register of a short star, -1 */
	uint8_t operand_count;
	uint8_t kind[NP_BYTECODE_OPERANDS];  /* enum np_operand_kind */
	uint8_t fixed[NP_BYTECODE_OPERANDS]; /* width in bytes that prefixes do not change; 0 = 1, 2, 4 by prefix */
};

/* A function of the native context that CallJSRuntime calls by number. */
struct np_bytecode_native {
	uint32_t id;
	const char *name;
};

struct np_bytecode_table {
	const char *name;
	int major, minor;
	const struct np_bytecode_op *pool;
	const uint16_t *ops; /* opcode -> index into pool */
	uint32_t op_count;
	const char *const *intrinsics;
	uint32_t intrinsic_count;
	const struct np_bytecode_native *natives;
	uint32_t native_count;
	int32_t register_base; /* frame slot of r0 */
	int32_t new_target;    /* frame slot of new.target, 0 where it has none of its own (V8 6.2) */
	bool first_lowest;     /* arguments: the first has the lowest address (V8 9.0) */
};

extern const struct np_bytecode_table np_bytecode_tables[]; /* ascending by version */
extern const size_t np_bytecode_table_count;

static inline const struct np_bytecode_op *np_bytecode_op(const struct np_bytecode_table *table, uint32_t opcode)
{
	return opcode < table->op_count ? &table->pool[table->ops[opcode]] : NULL;
}

/* Bytes of one operand, and of opcode and operands without a prefix; scale is 1, 2 or 4. */
static inline uint32_t np_bytecode_operand_width(const struct np_bytecode_op *op, uint32_t i, uint32_t scale)
{
	return op->fixed[i] ? op->fixed[i] : scale;
}

static inline uint32_t np_bytecode_op_bytes(const struct np_bytecode_op *op, uint32_t scale)
{
	uint32_t bytes = 1;

	for (uint32_t i = 0; i < op->operand_count; i++)
		bytes += np_bytecode_operand_width(op, i, scale);
	return bytes;
}

#endif
