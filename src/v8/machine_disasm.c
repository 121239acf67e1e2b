/* See machine_disasm.h.  Capstone is asked for one instruction at a time, so that garbage costs one byte. */
#include <capstone/capstone.h>
#include <inttypes.h>

#include "v8/machine_disasm.h"

/* " <name>" when the caller knows one. */
static void symbol_append(const struct np_machine_callbacks *cb, np_addr address, const char *before,
			  struct np_buf *text)
{
	struct np_buf name = {0};

	if (cb->symbol && cb->symbol(cb->ctx, address, &name))
		np_buf_printf(text, "%s<%s>", before, np_buf_str(&name));
	np_buf_deinit(&name);
}

static bool group_has(const cs_detail *detail, uint8_t group)
{
	for (uint8_t i = 0; i < detail->groups_count; i++)
		if (detail->groups[i] == group)
			return true;
	return false;
}

static void flow_read(const cs_insn *in, struct np_machine_insn *ret)
{
	const cs_x86 *x86 = &in->detail->x86;

	ret->is_call = group_has(in->detail, CS_GRP_CALL);
	ret->is_jump = group_has(in->detail, CS_GRP_JUMP);
	ret->is_return = group_has(in->detail, CS_GRP_RET);
	ret->is_conditional = ret->is_jump && in->id != X86_INS_JMP && in->id != X86_INS_LJMP;
	if ((ret->is_call || ret->is_jump) && x86->op_count > 0 && x86->operands[x86->op_count - 1].type == X86_OP_IMM) {
		ret->has_target = true;
		ret->target = (np_addr)x86->operands[x86->op_count - 1].imm;
	}
	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *op = &x86->operands[i];

		if (op->type != X86_OP_MEM || op->mem.base != X86_REG_RIP)
			continue;
		ret->has_memory = true;
		ret->memory = in->address + in->size + (uint64_t)op->mem.disp;
	}
}

static bool insn_emit(const struct np_machine_callbacks *cb, const cs_insn *in, struct np_buf *text)
{
	struct np_machine_insn insn = {
		.address = in->address,
		.bytes = in->bytes,
		.length = (uint8_t)in->size,
		.valid = true,
	};

	flow_read(in, &insn);
	np_buf_puts(text, in->mnemonic);
	if (in->op_str[0])
		np_buf_printf(text, " %s", in->op_str);
	if (insn.has_target)
		symbol_append(cb, insn.target, " ", text);
	if (insn.has_memory) {
		np_buf_printf(text, " # 0x%" PRIx64, insn.memory);
		symbol_append(cb, insn.memory, " ", text);
	}
	insn.text = np_buf_str(text);
	return cb->insn(cb->ctx, &insn);
}

static bool byte_emit(const struct np_machine_callbacks *cb, np_addr address, const uint8_t *byte,
		      struct np_buf *text)
{
	struct np_machine_insn insn = {.address = address, .bytes = byte, .length = 1};

	np_buf_printf(text, ".byte 0x%02x", *byte);
	insn.text = np_buf_str(text);
	return cb->insn(cb->ctx, &insn);
}

np_err *np_machine_disasm(np_addr address, const uint8_t *bytes, size_t len,
			  const struct np_machine_callbacks *callbacks)
{
	struct np_buf text = {0};
	bool more = true;
	cs_insn *in;
	csh handle;
	cs_err error = cs_open(CS_ARCH_X86, CS_MODE_64, &handle);

	if (error != CS_ERR_OK)
		return np_err_new(NP_ENOMEM, "capstone does not start: %s", cs_strerror(error));
	/* Detail gives operands and groups; Intel syntax is the default. */
	error = cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	in = error == CS_ERR_OK ? cs_malloc(handle) : NULL;
	if (!in) {
		cs_close(&handle);
		return np_err_new(NP_ENOMEM, "capstone has no memory");
	}
	while (more && len > 0) {
		const uint8_t *at = bytes;
		uint64_t pc = address;
		size_t left = len;

		np_buf_clear(&text);
		if (cs_disasm_iter(handle, &at, &left, &pc, in)) {
			more = insn_emit(callbacks, in, &text);
		} else {
			more = byte_emit(callbacks, address, bytes, &text);
			at = bytes + 1;
			left = len - 1;
			pc = address + 1;
		}
		bytes = at;
		len = left;
		address = pc;
	}
	np_buf_deinit(&text);
	cs_free(in, 1);
	cs_close(&handle);
	return NULL;
}
