/*
 * x86-64 machine code as text (Intel syntax, capstone), one callback an
 * instruction.  Bytes that are no instruction (V8 puts constants and jump
 * tables into its code) come as one-byte ".byte" lines.
 */
#ifndef NP_V8_MACHINE_DISASM_H
#define NP_V8_MACHINE_DISASM_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

struct np_machine_insn {
	np_addr address;
	const uint8_t *bytes;
	uint8_t length;
	const char *text; /* "call 0x1234", then the symbol's "<name+0x10>" where there is one */
	bool valid;	  /* false: a byte that does not decode */
	bool is_call, is_jump, is_return;
	bool is_conditional; /* a jump that may fall through */
	bool has_target;     /* call or jump with a known target */
	np_addr target;
	bool has_memory; /* rip-relative operand (may be the pointer that a call goes through) */
	np_addr memory;
};

struct np_machine_callbacks {
	void *ctx;
	/* Appends the name of an address, without brackets; false when it has none. May be NULL. */
	bool (*symbol)(void *ctx, np_addr address, struct np_buf *out);
	/* Gets each instruction, valid during the call; false stops. */
	bool (*insn)(void *ctx, const struct np_machine_insn *insn);
};

/* Disassembles bytes that lie at address in the target. Fails only when capstone does. */
np_err *np_machine_disasm(np_addr address, const uint8_t *bytes, size_t len,
			  const struct np_machine_callbacks *callbacks) NP_MUST;

#endif
