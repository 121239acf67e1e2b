/*
 * DWARF expressions as call frame information uses them: register plus offset,
 * and the arithmetic of PLT and signal-frame entries.  Anything else fails.
 */
#include <dwarf.h>

#include "target/internal.h"

enum { STACK_MAX = 64, OPS_MAX = 512 };

struct machine {
	const struct np_dwarf_frame *frame;
	uint64_t stack[STACK_MAX];
	size_t depth;
};

static bool machine_push(struct machine *m, uint64_t value)
{
	if (m->depth == STACK_MAX)
		return false;
	m->stack[m->depth++] = value;
	return true;
}

static bool machine_push_register(struct machine *m, uint64_t number, uint64_t offset)
{
	const struct np_regs *regs = m->frame->regs;
	if (number >= NP_REG_COUNT || !(regs->valid & 1u << number))
		return false;
	return machine_push(m, regs->r[number] + offset);
}

static bool machine_deref(struct machine *m)
{
	return m->depth && np_mem_u64(m->frame->mem, m->stack[m->depth - 1], &m->stack[m->depth - 1]);
}

static bool machine_pick(struct machine *m, uint64_t index)
{
	return index < m->depth && machine_push(m, m->stack[m->depth - 1 - index]);
}

/* Operators on the top one or two. */
static bool machine_unary(struct machine *m, unsigned atom)
{
	if (!m->depth)
		return false;
	uint64_t *top = &m->stack[m->depth - 1];
	switch (atom) {
	case DW_OP_neg:
		*top = -*top;
		return true;
	case DW_OP_not:
		*top = ~*top;
		return true;
	case DW_OP_abs:
		*top = (int64_t)*top < 0 ? -*top : *top;
		return true;
	}
	return false;
}

static bool machine_binary(struct machine *m, unsigned atom)
{
	if (m->depth < 2)
		return false;
	uint64_t b = m->stack[--m->depth];
	uint64_t *a = &m->stack[m->depth - 1];
	int64_t sa = (int64_t)*a, sb = (int64_t)b;
	switch (atom) {
	case DW_OP_and: *a &= b; return true;
	case DW_OP_or: *a |= b; return true;
	case DW_OP_xor: *a ^= b; return true;
	case DW_OP_plus: *a += b; return true;
	case DW_OP_minus: *a -= b; return true;
	case DW_OP_mul: *a *= b; return true;
	case DW_OP_shl: *a = b < 64 ? *a << b : 0; return true;
	case DW_OP_shr: *a = b < 64 ? *a >> b : 0; return true;
	case DW_OP_shra: *a = (uint64_t)(sa >> (b < 64 ? b : 63)); return true;
	case DW_OP_eq: *a = sa == sb; return true;
	case DW_OP_ne: *a = sa != sb; return true;
	case DW_OP_ge: *a = sa >= sb; return true;
	case DW_OP_gt: *a = sa > sb; return true;
	case DW_OP_le: *a = sa <= sb; return true;
	case DW_OP_lt: *a = sa < sb; return true;
	}
	return false;
}

static bool machine_stack_op(struct machine *m, const Dwarf_Op *op)
{
	uint64_t *s = m->stack;
	size_t n = m->depth;
	switch (op->atom) {
	case DW_OP_dup:
		return machine_pick(m, 0);
	case DW_OP_over:
		return machine_pick(m, 1);
	case DW_OP_pick:
		return machine_pick(m, op->number);
	case DW_OP_drop:
		if (n)
			m->depth--;
		return n > 0;
	case DW_OP_swap:
		if (n >= 2) {
			uint64_t top = s[n - 1];
			s[n - 1] = s[n - 2];
			s[n - 2] = top;
		}
		return n >= 2;
	}
	return false;
}

static bool machine_step(struct machine *m, const Dwarf_Op *op)
{
	unsigned atom = op->atom;
	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return machine_push(m, atom - DW_OP_lit0);
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return machine_push_register(m, atom - DW_OP_breg0, op->number);
	if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31)
		return machine_push_register(m, atom - DW_OP_reg0, 0);
	switch (atom) {
	case DW_OP_bregx:
		return machine_push_register(m, op->number, op->number2);
	case DW_OP_regx:
		return machine_push_register(m, op->number, 0);
	case DW_OP_call_frame_cfa:
		return m->frame->has_cfa && machine_push(m, m->frame->cfa);
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return machine_push(m, op->number);
	case DW_OP_plus_uconst:
		if (m->depth)
			m->stack[m->depth - 1] += op->number;
		return m->depth > 0;
	case DW_OP_deref:
		return machine_deref(m);
	case DW_OP_nop:
		return true;
	}
	return machine_unary(m, atom) || machine_stack_op(m, op) || machine_binary(m, atom);
}

bool np_dwarf_eval(const struct np_dwarf_frame *frame, const Dwarf_Op *ops, size_t count, uint64_t *ret,
		   bool *is_value)
{
	struct machine m = {.frame = frame};
	*is_value = false;
	if (!count || count > OPS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (ops[i].atom == DW_OP_stack_value) {
			*is_value = true;
			break;
		}
		/* A register as location: its content is the value. */
		if ((ops[i].atom >= DW_OP_reg0 && ops[i].atom <= DW_OP_reg31) || ops[i].atom == DW_OP_regx)
			*is_value = true;
		if (!machine_step(&m, &ops[i]))
			return false;
	}
	if (!m.depth)
		return false;
	*ret = m.stack[m.depth - 1];
	return true;
}
