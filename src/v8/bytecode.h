/*
 * Ignition bytecode: decoding, printing, walking.  Pure on bytes: whoever
 * calls reads BytecodeArray, constant pool and names from the heap.
 *
 * A table (np_bytecode_table) says what the opcodes of one V8 are.  Tables are
 * measured on node binaries (src/v8/bytecodes, tools/dump-bytecodes.py).  A V8
 * without a table of its own may share the table of a neighbour: that is
 * decided by the binary, which holds the size of every bytecode at every scale
 * (Bytecodes::kBytecodeSizes); one that nothing fits has no disassembly.
 *
 * Vocabulary
 *   prefix     Wide or ExtraWide before a bytecode: its scalable operands have
 *              2 or 4 bytes instead of 1.  Part of the instruction: offsets
 *              (of frames, positions, jumps) name the prefix.
 *   slot       a register operand is the register's place in the frame, in
 *              words from fp: context -1, closure -2, ..., r0 at a place that
 *              depends on the version, r1 below it; parameters are positive.
 *   accumulator  has no operand; Ldar and Star move it.
 */
#ifndef NP_V8_BYTECODE_H
#define NP_V8_BYTECODE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/types.h"

typedef struct np_bytecode_table np_bytecode_table;

/* How a table came to be chosen. */
enum np_bytecode_fit {
	NP_FIT_EXACT,	/* this version's own table, and the binary's sizes agree */
	NP_FIT_VERSION, /* this version's own table; no sizes to check it with */
	NP_FIT_SIZES,	/* another version's table, with which every size of the binary agrees */
};

/*
 * The table for a V8.  sizes is Bytecodes::kBytecodeSizes as it lies in the
 * binary (np_layout.bytecode_sizes), NULL when that is not known: 1 or 4 bytes
 * an entry, any order V8 ever had.  Fails with NP_EMISSING when nothing fits.
 */
np_err *np_bytecode_table_for(int major, int minor, const uint8_t *sizes, size_t sizes_len,
			      const np_bytecode_table **ret, enum np_bytecode_fit *ret_fit) NP_MUST;
/* "13.6": the V8 that the table was measured on. */
const char *np_bytecode_table_name(const np_bytecode_table *table);
/* How many opcodes there are. */
uint32_t np_bytecode_count(const np_bytecode_table *table);
/* "LdaConstant", NULL beyond the last opcode. */
const char *np_bytecode_name(const np_bytecode_table *table, uint32_t opcode);

enum np_operand_kind {
	NP_OPERAND_REG,		      /* registers: in, out, in and out */
	NP_OPERAND_REG_OUT,
	NP_OPERAND_REG_INOUT,
	NP_OPERAND_REG_PAIR,	      /* 2 registers */
	NP_OPERAND_REG_OUT_PAIR,
	NP_OPERAND_REG_OUT_TRIPLE,    /* 3 */
	NP_OPERAND_REG_LIST,	      /* as many as the reg_count that follows says */
	NP_OPERAND_REG_OUT_LIST,
	NP_OPERAND_REG_COUNT,
	NP_OPERAND_IMM,		      /* signed */
	NP_OPERAND_UIMM,
	NP_OPERAND_CONSTANT,	      /* index into the constant pool */
	NP_OPERAND_SLOT,	      /* slot of the feedback vector */
	NP_OPERAND_CONTEXT_SLOT,      /* slot of a context */
	NP_OPERAND_COVERAGE_SLOT,
	NP_OPERAND_FLAG8,
	NP_OPERAND_FLAG16,
	NP_OPERAND_INTRINSIC,	      /* np_bytecode_intrinsic() names it */
	NP_OPERAND_RUNTIME,	      /* index into Runtime's table of functions */
	NP_OPERAND_NATIVE_CONTEXT,    /* slot of the native context */
	NP_OPERAND_ABORT,	      /* AbortReason */
	NP_OPERAND_EMBEDDED_FEEDBACK, /* written by the running program */
	NP_OPERAND_JUMP,	      /* distance; insn.target is its sum */
	NP_OPERAND_JUMP_CONSTANT,     /* constant pool index of a Smi that is the distance */
};

enum np_register_kind {
	NP_REGISTER_LOCAL,     /* r<index> */
	NP_REGISTER_PARAMETER, /* a<index>, 0 = first after the receiver */
	NP_REGISTER_THIS,
	NP_REGISTER_CLOSURE,
	NP_REGISTER_CONTEXT,
	NP_REGISTER_NEW_TARGET,	 /* up to V8 6.1 */
	NP_REGISTER_ACCUMULATOR, /* never in real bytecode */
	NP_REGISTER_FRAME,	 /* another word of the frame, or a parameter that does not exist */
};

struct np_register {
	enum np_register_kind kind;
	uint32_t index; /* LOCAL, PARAMETER */
	int32_t slot;	/* words from fp */
};

struct np_operand {
	enum np_operand_kind kind;
	uint8_t width;		/* bytes */
	uint32_t raw;		/* as stored, zero-extended */
	int32_t value;		/* sign-extended for registers and IMM, else raw */
	uint32_t registers;	/* how many registers from reg on; 0 = not a register operand */
	struct np_register reg; /* the first */
};

enum np_jump {
	NP_JUMP_NONE,
	NP_JUMP_FORWARD,  /* to target */
	NP_JUMP_LOOP,	  /* back to target */
	NP_JUMP_CONSTANT, /* to jump_base + the Smi in the constant pool at constant */
	NP_JUMP_TABLE,	  /* to jump_base + one of the Smis at constant + [0, table_length); not all need be Smis */
};

#define NP_BYTECODE_OPERANDS 5 /* at most */

struct np_bytecode_insn {
	uint32_t offset; /* of the prefix, if there is one */
	uint32_t length; /* with the prefix */
	uint8_t opcode;
	uint8_t scale;	  /* 1, 2, 4 */
	bool debug_break; /* a debugger's breakpoint covers the opcode: no operands are known */
	const char *name; /* without the prefix's suffix */
	int8_t star;	  /* short star: the register that it writes; else -1 */
	uint8_t operand_count;
	struct np_operand operand[NP_BYTECODE_OPERANDS];
	enum np_jump jump;
	uint32_t target; /* may lie outside of a damaged array */
	uint32_t jump_base;
	uint32_t constant;     /* CONSTANT, TABLE */
	uint32_t table_length; /* TABLE */
	int32_t table_first;   /* TABLE: the value that the first entry is for */
};

/*
 * Decodes the instruction at offset.  parameter_count includes the receiver
 * (a number from a BytecodeArray; 0 = not known: parameters then have kind
 * NP_REGISTER_FRAME).  NP_EFORMAT when there is no whole instruction.
 */
np_err *np_bytecode_decode(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset,
			   uint32_t parameter_count, struct np_bytecode_insn *ret) NP_MUST;

/* Length of the instruction at offset with its prefix, 0 when there is no whole one. */
uint32_t np_bytecode_size_at(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset);
/* Moves *offset to the next instruction; false when there is none (the end, or what cannot be decoded). */
bool np_bytecode_next(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t *offset);

/* What a frame slot is in bytecode's terms. */
struct np_register np_bytecode_register(const np_bytecode_table *table, int32_t slot, uint32_t parameter_count);
/* Words from fp to r0 (negative): r<n> lies at fp + 8 * (this - n). */
int32_t np_bytecode_register_base(const np_bytecode_table *table);
/* "_CreateIterResultObject", NULL for an unknown id. */
const char *np_bytecode_intrinsic(const np_bytecode_table *table, uint32_t id);
/* What CallJSRuntime calls, "reflect_construct"; NULL when not known: only those that V8 makes calls of are. */
const char *np_bytecode_native(const np_bytecode_table *table, uint32_t id);

/* What the printer asks its caller; each may be NULL. */
struct np_bytecode_names {
	void *ctx;
	/* Appends a short text for a constant pool entry; false when it has none. */
	bool (*constant)(void *ctx, uint32_t index, struct np_buf *out);
	/* The Smi in a constant pool entry, for jumps. */
	bool (*smi)(void *ctx, uint32_t index, int32_t *ret);
	/* Name of a runtime function, NULL when not known. */
	const char *(*runtime)(void *ctx, uint32_t id);
};

/* Appends the instruction as V8 14 prints it: "GetNamedProperty r8, [0:next], FBV[5]". names may be NULL. */
void np_bytecode_format(const np_bytecode_table *table, const struct np_bytecode_insn *insn, uint32_t parameter_count,
			const struct np_bytecode_names *names, struct np_buf *out);
/* Appends "r3", "a0", "<this>", "[fp-24]". */
void np_register_format(const struct np_register *reg, struct np_buf *out);

/* What np_baseline_offset() answers for the prologue of baseline code. */
#define NP_FUNCTION_ENTRY_OFFSET (-1)

/*
 * The bytecode offset that baseline (Sparkplug) code at pc_offset executes.
 * pc_table is the content of the Code's bytecode offset table.  A pc belongs
 * to the instruction that it ends: pass a return address as it is, and for a
 * pc that is about to execute pass pc + 1.  NP_FUNCTION_ENTRY_OFFSET for the
 * prologue.  NP_EFORMAT when the table does not reach that far.
 */
np_err *np_baseline_offset(const np_bytecode_table *table, const uint8_t *pc_table, size_t pc_table_len,
			   const uint8_t *bytecodes, size_t bytecodes_len, uint64_t pc_offset,
			   int32_t *ret) NP_MUST;

#endif
