/*
 * One native step, by call frame information.
 *
 * elfutils finds and interprets the CFI (.eh_frame through its header's search
 * table, .debug_frame where a debug build has one) and tells for each register
 * an expression; dwarf_eval.c computes it on the target's registers and memory.
 *
 * A return address points behind its call, perhaps into the next function, so
 * the look-up is one byte earlier; not so for a pc that is exact.
 */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

static void image_need_cfi(np_image *image)
{
	if (image->cfi_tried)
		return;
	image->cfi_tried = true;
	np_image_need(image);
	if (!image->elf)
		return;
	image->cfi_eh = dwarf_getcfi_elf(image->elf);
	size_t names = 0;
	if (elf_getshdrstrndx(image->elf, &names))
		return;
	for (size_t i = 1; i < image->section_count; i++) {
		const char *name = image->sections[i] ? elf_strptr(image->elf, names, image->sections[i]->sh_name) : NULL;
		if (!name || (strcmp(name, ".debug_frame") && strcmp(name, ".zdebug_frame")))
			continue;
		image->dwarf = dwarf_begin_elf(image->elf, DWARF_C_READ, NULL);
		image->cfi_debug = image->dwarf ? dwarf_getcfi(image->dwarf) : NULL;
		return;
	}
}

static Dwarf_Frame *image_frame(np_image *image, np_addr vaddr)
{
	Dwarf_Frame *frame = NULL;
	image_need_cfi(image);
	if (image->cfi_eh && !dwarf_cfi_addrframe(image->cfi_eh, vaddr, &frame))
		return frame;
	if (image->cfi_debug && !dwarf_cfi_addrframe(image->cfi_debug, vaddr, &frame))
		return frame;
	return NULL;
}

/* The caller's value of a register; false when it is not known. */
static bool frame_register(Dwarf_Frame *frame, const struct np_dwarf_frame *state, int number, uint64_t *ret)
{
	Dwarf_Op ops_mem[3], *ops = NULL;
	size_t count = 0;
	bool is_value;
	uint64_t value;
	if (dwarf_frame_register(frame, number, ops_mem, &ops, &count))
		return false;
	if (!count) {
		/* ops_mem stands for undefined, NULL for "same value". */
		if (ops || !(state->regs->valid & 1u << number))
			return false;
		*ret = state->regs->r[number];
		return true;
	}
	if (!np_dwarf_eval(state, ops, count, &value, &is_value))
		return false;
	if (!is_value && !np_mem_u64(state->mem, value, &value))
		return false;
	*ret = value;
	return true;
}

/* An undefined return address marks the outermost frame. */
static bool frame_is_outermost(Dwarf_Frame *frame, int number)
{
	Dwarf_Op ops_mem[3], *ops = NULL;
	size_t count = 0;
	return !dwarf_frame_register(frame, number, ops_mem, &ops, &count) && !count && ops;
}

static np_err *frame_step(np_mem *mem, Dwarf_Frame *frame, const struct np_regs *regs, struct np_regs *ret,
			  bool *is_signal)
{
	struct np_dwarf_frame state = {.mem = mem, .regs = regs};
	struct np_regs caller = {0};
	Dwarf_Op *ops;
	size_t count;
	bool is_value, signal = false;
	np_addr pc = regs->r[NP_REG_RIP];
	int return_column = dwarf_frame_info(frame, NULL, NULL, &signal);
	if (return_column < 0)
		return np_err_new(NP_EFORMAT, "unwinding at 0x%llx: no return address column", (unsigned long long)pc);
	if (frame_is_outermost(frame, return_column)) {
		caller.valid = 1u << NP_REG_RIP;
		*ret = caller;
		*is_signal = signal;
		return NULL;
	}
	if (dwarf_frame_cfa(frame, &ops, &count) || !np_dwarf_eval(&state, ops, count, &state.cfa, &is_value))
		return np_err_new(NP_EFORMAT, "unwinding at 0x%llx: the frame address cannot be computed",
				  (unsigned long long)pc);
	state.has_cfa = true;
	for (int i = 0; i < NP_REG_COUNT; i++) {
		if (i != NP_REG_RSP && i != NP_REG_RIP && frame_register(frame, &state, i, &caller.r[i]))
			caller.valid |= 1u << i;
	}
	/* The stack pointer is the CFA, unless a rule says otherwise (signal frames). */
	caller.r[NP_REG_RSP] = state.cfa;
	if (signal)
		frame_register(frame, &state, NP_REG_RSP, &caller.r[NP_REG_RSP]);
	if (!frame_register(frame, &state, return_column, &caller.r[NP_REG_RIP]))
		return np_err_fault(state.cfa - 8, "unwinding at 0x%llx: reading the return address",
				    (unsigned long long)pc);
	caller.valid |= 1u << NP_REG_RSP | 1u << NP_REG_RIP;
	*ret = caller;
	*is_signal = signal;
	return NULL;
}

np_err *np_target_unwind(np_target *target, const struct np_regs *regs, bool exact_pc, struct np_regs *ret,
			 bool *is_signal)
{
	if (!(regs->valid & 1u << NP_REG_RIP))
		return np_err_new(NP_ENOTFOUND, "unwinding: the program counter is not known");
	np_addr pc = regs->r[NP_REG_RIP], vaddr;
	bool has_vaddr;
	np_image *image = np_image_at(target, exact_pc ? pc : pc - 1, &vaddr, &has_vaddr);
	if (!image || !has_vaddr)
		return np_err_new(NP_ENOTFOUND, "unwinding: no file is known at 0x%llx", (unsigned long long)pc);
	Dwarf_Frame *frame = image_frame(image, vaddr);
	if (!frame)
		return np_err_new(NP_ENOTFOUND, "unwinding: no call frame information for 0x%llx in '%s'",
				  (unsigned long long)pc, image->path);
	np_err *err = frame_step(target->mem, frame, regs, ret, is_signal);
	free(frame);
	return err;
}
