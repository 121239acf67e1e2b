/*
 * Bytecode as text, in the style of the newest V8's --print-bytecode for every
 * version: constants "[3]" or "[3:text]", feedback slots "FBV[3]", flags "#3",
 * other numbers "[3]", register ranges "r1-r3" (an empty one is "r0-r0").
 */
#include <inttypes.h>

#include "v8/bytecode_table.h"

/* A table of a damaged array may claim any length: so many entries are shown. */
#define TABLE_SHOWN_MAX 256

void np_register_format(const struct np_register *reg, struct np_buf *out)
{
	switch (reg->kind) {
	case NP_REGISTER_LOCAL:
		np_buf_printf(out, "r%" PRIu32, reg->index);
		break;
	case NP_REGISTER_PARAMETER:
		np_buf_printf(out, "a%" PRIu32, reg->index);
		break;
	case NP_REGISTER_THIS:
		np_buf_puts(out, "<this>");
		break;
	case NP_REGISTER_CLOSURE:
		np_buf_puts(out, "<closure>");
		break;
	case NP_REGISTER_CONTEXT:
		np_buf_puts(out, "<context>");
		break;
	case NP_REGISTER_NEW_TARGET:
		np_buf_puts(out, "<new.target>");
		break;
	case NP_REGISTER_ACCUMULATOR:
		np_buf_puts(out, "<accumulator>");
		break;
	case NP_REGISTER_FRAME:
		np_buf_printf(out, "[fp%+" PRId64 "]", (int64_t)reg->slot * 8);
		break;
	}
}

static void format_registers(const np_bytecode_table *table, const struct np_operand *op, bool is_range,
			     uint32_t parameter_count, struct np_buf *out)
{
	struct np_register first = op->reg, last;

	/* V8 lets an empty list be r0-r0, whatever its operand says. */
	if (op->registers == 0)
		first = np_bytecode_register(table, table->register_base, parameter_count);
	last = first;
	if (op->registers > 1) /* registers of a list go down the stack */
		last = np_bytecode_register(table, (int32_t)(op->value - (int64_t)(op->registers - 1)), parameter_count);
	np_register_format(&first, out);
	if (is_range) {
		np_buf_putc(out, '-');
		np_register_format(&last, out);
	}
}

static void format_constant(const struct np_bytecode_names *names, uint32_t index, struct np_buf *out)
{
	np_buf_printf(out, "[%" PRIu32, index);
	if (names && names->constant) {
		struct np_buf text = {0};

		if (names->constant(names->ctx, index, &text))
			np_buf_printf(out, ":%s", np_buf_str(&text));
		np_buf_deinit(&text);
	}
	np_buf_putc(out, ']');
}

static void format_named(const char *name, uint32_t id, struct np_buf *out)
{
	if (name)
		np_buf_printf(out, "[%s]", name);
	else
		np_buf_printf(out, "[#%" PRIu32 "]", id);
}

static void format_operand(const np_bytecode_table *table, const struct np_operand *op, uint32_t parameter_count,
			   const struct np_bytecode_names *names, struct np_buf *out)
{
	switch (op->kind) {
	case NP_OPERAND_REG:
	case NP_OPERAND_REG_OUT:
	case NP_OPERAND_REG_INOUT:
		format_registers(table, op, false, parameter_count, out);
		break;
	case NP_OPERAND_REG_PAIR:
	case NP_OPERAND_REG_OUT_PAIR:
	case NP_OPERAND_REG_OUT_TRIPLE:
	case NP_OPERAND_REG_LIST:
	case NP_OPERAND_REG_OUT_LIST:
		format_registers(table, op, true, parameter_count, out);
		break;
	case NP_OPERAND_CONSTANT:
	case NP_OPERAND_JUMP_CONSTANT:
		format_constant(names, op->raw, out);
		break;
	case NP_OPERAND_SLOT:
		np_buf_printf(out, "FBV[%" PRIu32 "]", op->raw);
		break;
	case NP_OPERAND_FLAG8:
	case NP_OPERAND_FLAG16:
		np_buf_printf(out, "#%" PRIu32, op->raw);
		break;
	case NP_OPERAND_INTRINSIC:
		format_named(np_bytecode_intrinsic(table, op->raw), op->raw, out);
		break;
	case NP_OPERAND_RUNTIME:
		format_named(names && names->runtime ? names->runtime(names->ctx, op->raw) : NULL, op->raw, out);
		break;
	case NP_OPERAND_NATIVE_CONTEXT:
		if (np_bytecode_native(table, op->raw))
			np_buf_printf(out, "[%s]", np_bytecode_native(table, op->raw));
		else
			np_buf_printf(out, "[%" PRIu32 "]", op->raw);
		break;
	case NP_OPERAND_EMBEDDED_FEEDBACK:
		np_buf_printf(out, "EmbeddedFeedback[0x%" PRIx32 "]", op->raw);
		break;
	case NP_OPERAND_IMM:
		np_buf_printf(out, "[%" PRId32 "]", op->value);
		break;
	case NP_OPERAND_REG_COUNT: /* part of the list before it */
	case NP_OPERAND_UIMM:
	case NP_OPERAND_CONTEXT_SLOT:
	case NP_OPERAND_COVERAGE_SLOT:
	case NP_OPERAND_ABORT:
	case NP_OPERAND_JUMP:
		np_buf_printf(out, "[%" PRIu32 "]", op->raw);
		break;
	}
}

static bool jump_distance(const struct np_bytecode_names *names, uint64_t index, int32_t *ret)
{
	return names && names->smi && index <= UINT32_MAX && names->smi(names->ctx, (uint32_t)index, ret);
}

static void format_jump(const struct np_bytecode_insn *insn, const struct np_bytecode_names *names, struct np_buf *out)
{
	int32_t distance;
	const char *separator = "";

	switch (insn->jump) {
	case NP_JUMP_NONE:
		break;
	case NP_JUMP_FORWARD:
	case NP_JUMP_LOOP:
		np_buf_printf(out, " (@ %" PRId32 ")", (int32_t)insn->target);
		break;
	case NP_JUMP_CONSTANT:
		if (jump_distance(names, insn->constant, &distance))
			np_buf_printf(out, " (@ %" PRId64 ")", (int64_t)insn->jump_base + distance);
		break;
	case NP_JUMP_TABLE:
		if (!names || !names->smi)
			break;
		np_buf_puts(out, " {");
		for (uint32_t i = 0; i < insn->table_length && i < TABLE_SHOWN_MAX; i++) {
			if (!jump_distance(names, (uint64_t)insn->constant + i, &distance))
				continue; /* a value without a case */
			np_buf_printf(out, "%s %" PRId64 ": @%" PRId64, separator, (int64_t)insn->table_first + i,
				      (int64_t)insn->jump_base + distance);
			separator = ",";
		}
		np_buf_puts(out, insn->table_length > TABLE_SHOWN_MAX ? ", ... }" : " }");
		break;
	}
}

void np_bytecode_format(const np_bytecode_table *table, const struct np_bytecode_insn *insn, uint32_t parameter_count,
			const struct np_bytecode_names *names, struct np_buf *out)
{
	const char *separator = " ";

	np_buf_puts(out, insn->name);
	if (insn->scale > 1)
		np_buf_puts(out, insn->scale == 2 ? ".Wide" : ".ExtraWide");
	for (uint32_t i = 0; i < insn->operand_count; i++) {
		if (insn->operand[i].kind == NP_OPERAND_REG_COUNT)
			continue;
		np_buf_puts(out, separator);
		separator = ", ";
		format_operand(table, &insn->operand[i], parameter_count, names, out);
	}
	format_jump(insn, names, out);
}
