/*
 * Decoding of bytecode; see bytecode.h for the vocabulary.
 *
 * Invariants
 *   B1  nothing is read outside [bytes, bytes + len)
 *   B2  a decoded length is at least 1, so that every walk ends
 *   B3  sums on operands are made in 64 bits and cut to 32 at the end: hostile
 *       operands give odd targets, not undefined behaviour
 */
#include "v8/bytecode_table.h"

/* The bytecode at offset: its row, scale and total length; false when there is none. */
struct insn_head {
	const struct np_bytecode_op *op;
	uint8_t opcode;
	uint32_t prefix; /* bytes: 0 or 1 */
	uint32_t scale;
	uint32_t length;
};

static uint32_t prefix_scale(const struct np_bytecode_op *op)
{
	switch (op->role) {
	case NP_ROLE_WIDE:
	case NP_ROLE_DEBUG_WIDE:
		return 2;
	case NP_ROLE_EXTRA_WIDE:
	case NP_ROLE_DEBUG_EXTRA_WIDE:
		return 4;
	default:
		return 1;
	}
}

static bool head_read(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset,
		      struct insn_head *ret)
{
	struct insn_head head = {.scale = 1};
	size_t at = offset;

	if (at >= len)
		return false;
	head.opcode = bytes[at];
	head.op = np_bytecode_op(table, head.opcode);
	if (head.op && prefix_scale(head.op) > 1) {
		head.scale = prefix_scale(head.op);
		head.prefix = 1;
		if (++at >= len)
			return false;
		head.opcode = bytes[at];
		head.op = np_bytecode_op(table, head.opcode);
		if (head.op && prefix_scale(head.op) > 1)
			return false; /* a prefix of a prefix is not bytecode */
	}
	if (!head.op)
		return false;
	head.length = head.prefix + np_bytecode_op_bytes(head.op, head.scale);
	if (head.length > len - offset)
		return false;
	*ret = head;
	return true;
}

uint32_t np_bytecode_size_at(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset)
{
	struct insn_head head;

	return head_read(table, bytes, len, offset, &head) ? head.length : 0;
}

bool np_bytecode_next(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t *offset)
{
	uint32_t size = np_bytecode_size_at(table, bytes, len, *offset);

	if (!size || size >= len - *offset)
		return false;
	*offset += size;
	return true;
}

/*
 * Parameter number (0 = receiver) of a positive slot.  The caller's side of
 * the frame starts at slot 2, above saved fp and return address.  Arguments
 * were pushed in order up to V8 8.x, so that the receiver, pushed first, has
 * the highest address; from 9.0 on the receiver is at slot 2.
 */
static bool slot_parameter(const np_bytecode_table *table, int32_t slot, uint32_t count, uint32_t *ret)
{
	if (slot < 2 || (uint32_t)slot - 2 >= count)
		return false;
	*ret = table->first_lowest ? (uint32_t)slot - 2 : count - 1 - ((uint32_t)slot - 2);
	return true;
}

struct np_register np_bytecode_register(const np_bytecode_table *table, int32_t slot, uint32_t parameter_count)
{
	struct np_register reg = {NP_REGISTER_FRAME, 0, slot};
	uint32_t parameter;

	if (slot <= table->register_base) {
		reg.kind = NP_REGISTER_LOCAL;
		reg.index = (uint32_t)((int64_t)table->register_base - slot);
	} else if (slot == -1) {
		reg.kind = NP_REGISTER_CONTEXT;
	} else if (slot == -2) {
		reg.kind = NP_REGISTER_CLOSURE;
	} else if (slot == table->new_target && slot) {
		reg.kind = NP_REGISTER_NEW_TARGET;
	} else if (slot == 1) {
		reg.kind = NP_REGISTER_ACCUMULATOR;
	} else if (slot_parameter(table, slot, parameter_count, &parameter)) {
		reg.kind = parameter ? NP_REGISTER_PARAMETER : NP_REGISTER_THIS;
		reg.index = parameter ? parameter - 1 : 0;
	}
	return reg;
}

static bool kind_is_signed(enum np_operand_kind kind)
{
	return kind <= NP_OPERAND_REG_OUT_LIST || kind == NP_OPERAND_IMM;
}

/* Registers that an operand names; lists take their number from the operand that follows. */
static uint32_t kind_registers(enum np_operand_kind kind)
{
	switch (kind) {
	case NP_OPERAND_REG:
	case NP_OPERAND_REG_OUT:
	case NP_OPERAND_REG_INOUT:
		return 1;
	case NP_OPERAND_REG_PAIR:
	case NP_OPERAND_REG_OUT_PAIR:
		return 2;
	case NP_OPERAND_REG_OUT_TRIPLE:
		return 3;
	default:
		return 0;
	}
}

static uint32_t little_endian(const uint8_t *bytes, uint32_t width)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < width; i++)
		value |= (uint32_t)bytes[i] << (8 * i);
	return value;
}

static int32_t sign_extend(uint32_t raw, uint32_t width)
{
	uint32_t sign = 1u << (8 * width - 1);

	return (int32_t)((raw ^ sign) - sign);
}

static void operand_read(const np_bytecode_table *table, enum np_operand_kind kind, const uint8_t *bytes,
			 uint32_t width, uint32_t parameter_count, struct np_operand *ret)
{
	ret->kind = kind;
	ret->width = (uint8_t)width;
	ret->raw = little_endian(bytes, width);
	ret->value = kind_is_signed(kind) ? sign_extend(ret->raw, width) : (int32_t)ret->raw;
	ret->registers = kind_registers(kind);
	if (kind <= NP_OPERAND_REG_OUT_LIST)
		ret->reg = np_bytecode_register(table, ret->value, parameter_count);
}

/* Where the instruction may go; the operands are there. */
static void jump_read(const struct np_bytecode_op *op, struct np_bytecode_insn *insn)
{
	const struct np_operand *first = &insn->operand[0];
	/* SwitchOnGeneratorState has the generator before the table. */
	uint32_t t = first->kind == NP_OPERAND_REG ? 1 : 0;

	switch (op->role) {
	case NP_ROLE_JUMP:
		insn->jump = NP_JUMP_FORWARD;
		insn->target = (uint32_t)((uint64_t)insn->jump_base + first->raw);
		break;
	case NP_ROLE_JUMP_LOOP:
		insn->jump = NP_JUMP_LOOP;
		insn->target = (uint32_t)((uint64_t)insn->jump_base - first->raw);
		break;
	case NP_ROLE_JUMP_CONSTANT:
		insn->jump = NP_JUMP_CONSTANT;
		insn->constant = first->raw;
		break;
	case NP_ROLE_SWITCH:
		insn->jump = NP_JUMP_TABLE;
		insn->constant = insn->operand[t].raw;
		insn->table_length = insn->operand[t + 1].raw;
		if (insn->operand_count > t + 2)
			insn->table_first = insn->operand[t + 2].value;
		break;
	default:
		break;
	}
}

np_err *np_bytecode_decode(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset,
			   uint32_t parameter_count, struct np_bytecode_insn *ret)
{
	struct np_bytecode_insn insn = {.offset = offset, .star = -1};
	struct insn_head head;
	size_t at;

	if (!head_read(table, bytes, len, offset, &head))
		return np_err_new(NP_EFORMAT, "no bytecode of V8 %s at offset %u of %zu", table->name, offset, len);
	insn.length = head.length;
	insn.opcode = head.opcode;
	insn.scale = (uint8_t)head.scale;
	insn.name = head.op->name;
	insn.star = head.op->star;
	/* V8 counts a jump from the bytecode, not from its prefix. */
	insn.jump_base = offset + head.prefix;
	insn.debug_break = head.op->role == NP_ROLE_DEBUG_BREAK;
	if (!insn.debug_break)
		insn.operand_count = head.op->operand_count;
	at = (size_t)offset + head.prefix + 1;
	for (uint32_t i = 0; i < insn.operand_count; i++) {
		uint32_t width = np_bytecode_operand_width(head.op, i, head.scale);

		operand_read(table, head.op->kind[i], bytes + at, width, parameter_count, &insn.operand[i]);
		if (insn.operand[i].kind == NP_OPERAND_REG_COUNT && i > 0)
			insn.operand[i - 1].registers = insn.operand[i].raw;
		at += width;
	}
	jump_read(head.op, &insn);
	*ret = insn;
	return NULL;
}
