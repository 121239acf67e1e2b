/*
 * The walk.  State: registers of the frame that is looked at.  A pc in native
 * code is stepped by call frame information; a pc in V8 code (builtins and
 * heap code keep frame pointers, always) by the frame at rbp.  Only the
 * youngest frame needs care: code may be interrupted before its frame is
 * built, or be a builtin that never builds one; then rbp is the caller's and
 * the return address lies near rsp.
 */
#include <stdlib.h>
#include <string.h>

#include "stack/stack.h"

static bool walk_read64(np_mem *mem, uint64_t addr, uint64_t *ret)
{
	return np_mem_u64(mem, addr, ret);
}
#define NP_STEP_CONTEXT np_mem *
#define NP_STEP_READ64 walk_read64
#include "stack/walk.h"

#include "v8/function.h"
#include "v8/map.h"

enum { FRAMES_MAX = 10000, PROLOGUE_SCAN_BYTES = 128, RETURN_SCAN_WORDS = 256, EXIT_SCAN_WORDS = 0x2400 };

static bool has_cfi(struct walker *w, np_addr pc)
{
	struct np_regs regs = {.valid = 1u << NP_REG_RIP | 1u << NP_REG_RSP | 1u << NP_REG_RBP}, next;
	bool is_signal;
	regs.r[NP_REG_RIP] = pc;
	regs.r[NP_REG_RSP] = regs.r[NP_REG_RBP] = w->regs.r[NP_REG_RSP];
	return np_err_drop(np_target_unwind(w->target, &regs, true, &next, &is_signal)) != NP_ENOTFOUND;
}

void np_pc_classify(struct walker *w, np_addr pc, struct pc_place *ret)
{
	*ret = (struct pc_place){0};
	if (np_target_symbol_at(w->target, pc, &ret->symbol)) {
		const np_layout *l = w->v8 ? w->v8->layout : NULL;
		ret->kind = PC_NATIVE;
		if (ret->symbol.name && strncmp(ret->symbol.name, "Builtins_", 9) == 0) {
			ret->kind = PC_BUILTIN;
			ret->builtin = ret->symbol.name + 9;
		} else if (l && l->embedded_blob_size && ret->symbol.image == np_target_v8_image(w->target)) {
			np_addr runtime = ret->symbol.vaddr + (np_addr)np_image_bias(ret->symbol.image);
			if (runtime - l->embedded_blob_start < l->embedded_blob_size)
				ret->kind = PC_BUILTIN;
		}
		return;
	}
	if (w->v8 && ret->symbol.image && ret->symbol.image == np_target_v8_image(w->target) && !has_cfi(w, pc)) {
		ret->kind = PC_BUILTIN; /* a stripped binary: of its code only the embedded builtins have no CFI */
		return;
	}
	if (w->v8 && np_code_at_pc(w->v8, pc, &ret->code)) {
		ret->kind = PC_CODE;
		return;
	}
	if (ret->symbol.image)
		ret->kind = PC_NATIVE;
}

static bool in_stack(const struct walker *w, np_addr a)
{
	return a >= w->thread->stack_start && a < w->thread->stack_end && !(a & 7);
}

/* Offset of `push rbp; mov rbp, rsp` in the first bytes of code, or -1. */
static long prologue_at(struct walker *w, np_addr start, uint64_t size)
{
	uint8_t bytes[PROLOGUE_SCAN_BYTES];
	size_t n = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
	n = np_mem_read(np_target_mem(w->target), start, bytes, n);
	static const uint8_t gnu[] = {0x55, 0x48, 0x89, 0xe5}, alt[] = {0x55, 0x48, 0x8b, 0xec};
	for (size_t i = 0; i + 4 <= n; i++)
		if (!memcmp(bytes + i, gnu, 4) || !memcmp(bytes + i, alt, 4))
			return (long)i;
	return -1;
}

enum own_frame { FRAME_BUILT, FRAME_NOT_BUILT, FRAME_NEVER };

/* Has the interrupted code at pc built its frame?  return_at: where its return address is, if not. */
static enum own_frame leaf_frame(struct walker *w, np_addr start, uint64_t size, np_addr pc, np_addr *return_at)
{
	np_addr rsp = w->regs.r[NP_REG_RSP];
	long prologue = prologue_at(w, start, size);
	uint8_t op;
	*return_at = rsp;
	if (np_mem_u8(np_target_mem(w->target), pc, &op) && (op == 0xc3 || op == 0xc2))
		return FRAME_NOT_BUILT; /* at the return: the frame is gone */
	if (prologue < 0)
		return FRAME_NEVER;
	if (pc <= start + (np_addr)prologue)
		return prologue == 0 || pc == start ? FRAME_NOT_BUILT : FRAME_NEVER;
	if (pc == start + (np_addr)prologue + 1) {
		*return_at = rsp + 8;
		return FRAME_NOT_BUILT;
	}
	return FRAME_BUILT;
}

/* First word between rsp and rbp that is a return address into V8 code. */
static bool find_return(struct walker *w, np_addr *at, np_addr *pc)
{
	np_addr rsp = w->regs.r[NP_REG_RSP], rbp = w->regs.r[NP_REG_RBP];
	for (np_addr a = rsp; a < rbp && a < rsp + 8 * RETURN_SCAN_WORDS; a += 8) {
		uint64_t word;
		struct pc_place place;
		if (!np_mem_u64(np_target_mem(w->target), a, &word))
			return false;
		const struct np_mapping *m = np_target_mapping_at(w->target, word);
		if (!m || (m->prot >= 0 && !(m->prot & NP_PROT_X)))
			continue;
		np_pc_classify(w, word - 1, &place);
		if (place.kind == PC_BUILTIN || place.kind == PC_CODE) {
			*at = a;
			*pc = word;
			return true;
		}
	}
	return false;
}

static void step_to(struct walker *w, np_addr pc, np_addr sp, np_addr fp)
{
	w->regs.r[NP_REG_RIP] = pc;
	w->regs.r[NP_REG_RSP] = sp;
	w->regs.r[NP_REG_RBP] = fp;
	w->regs.valid = 1u << NP_REG_RIP | 1u << NP_REG_RSP | 1u << NP_REG_RBP;
	w->exact = false;
}

static const char *marker_name(struct walker *w, int32_t marker)
{
	const char *name = np_layout_frame_type_name(w->v8->layout, marker);
	return name ? name : "V8 frame";
}

static bool is_frame_type(struct walker *w, int32_t marker, enum np_fact fact)
{
	return np_has(w->v8->layout, fact) && np_get(w->v8->layout, fact) == marker;
}

/* A typed (marked) frame: not JavaScript, but it may say something about its neighbours. */
static void typed_frame(struct walker *w, const struct pc_place *place, np_addr pc, const struct np_step_frame *raw)
{
	bool adaptor = is_frame_type(w, raw->marker, NP_F_frametype_arguments_adaptor);
	if (w->group_end && w->group_end + w->adaptors == w->frames.len) { /* directly below a JS frame */
		struct np_frame *outer = &w->frames.data[w->group_end - 1];
		if (is_frame_type(w, raw->marker, NP_F_frametype_construct) ||
		    is_frame_type(w, raw->marker, NP_F_frametype_fast_construct))
			outer->is_constructor = true;
		if (adaptor) {
			np_frame_args_adapted(w, outer, raw->fp);
			w->adaptors++;
		}
	}
	np_frame_internal(w, place, pc, raw->fp, marker_name(w, raw->marker));
	if (is_frame_type(w, raw->marker, NP_F_frametype_wasm))
		w->frames.data[w->frames.len - 1].kind = NP_FRAME_WASM;
}

static bool function_is_builtin(struct walker *w, uint64_t function_word)
{
	np_addr shared;
	np_tagged t = {function_word};
	return np_is_ref(t) && np_function_shared(w->v8, np_ref(t), &shared) && np_shared_is_builtin(w->v8, shared);
}

/* Youngest frame, interrupted inside V8 code.  Returns true when it was handled (its frame does not exist). */
static bool leaf_without_frame(struct walker *w, const struct pc_place *place, np_addr pc)
{
	np_addr start = place->kind == PC_CODE ? place->code->start : place->symbol.start;
	uint64_t size = place->kind == PC_CODE ? place->code->size_bytes : place->symbol.size_bytes;
	np_addr rbp = w->regs.r[NP_REG_RBP], at, caller;
	enum own_frame own = leaf_frame(w, start, size, pc, &at);
	uint64_t word;
	if (place->kind == PC_BUILTIN && own == FRAME_BUILT) {
		/* A builtin may skip its prologue on fast paths: then rbp is a script function's frame. */
		struct np_step_frame raw;
		np_tagged f;
		if (!np_step_frame_read(np_target_mem(w->target), &w->layout, rbp, &raw))
			return false;
		f.raw = raw.function_word;
		if (raw.marker >= 0 || !np_is_js_function(w->v8, f) || function_is_builtin(w, f.raw))
			return false;
		own = FRAME_NEVER;
	}
	if (own == FRAME_BUILT || (place->kind == PC_CODE && place->code->kind > NP_CODE_STUB && own == FRAME_NEVER))
		return false;
	if (own == FRAME_NOT_BUILT && np_mem_u64(np_target_mem(w->target), at, &word))
		caller = word;
	else if (!find_return(w, &at, &caller))
		return false;
	if (place->kind == PC_CODE && place->code->kind > NP_CODE_STUB) {
		np_frame_js_unframed(w, place, pc);
	} else {
		size_t n = place->builtin ? strlen(place->builtin) : 0;
		w->in_handler = !place->builtin || (n > 7 && strcmp(place->builtin + n - 7, "Handler") == 0) ||
				(place->code && place->code->kind == NP_CODE_BYTECODE_HANDLER);
		np_frame_internal(w, place, pc, 0, NULL);
	}
	step_to(w, caller, at + 8, rbp);
	return true;
}

/* A frame in V8 code; false ends the walk. */
static bool v8_frame(struct walker *w, const struct pc_place *place, np_addr pc)
{
	np_addr fp = w->regs.r[NP_REG_RBP];
	struct np_step_frame raw;
	np_tagged function;
	if (w->exact && leaf_without_frame(w, place, pc))
		return true;
	if (!in_stack(w, fp) || !np_step_frame_read(np_target_mem(w->target), &w->layout, fp, &raw)) {
		np_frame_internal(w, place, pc, fp, NULL);
		w->note = "the frame pointer of a V8 frame is damaged";
		return false;
	}
	function.raw = raw.function_word;
	if (raw.marker >= 0) {
		typed_frame(w, place, pc, &raw);
	} else if (np_is_js_function(w->v8, function)) {
		w->group = w->frames.len;
		np_frame_js(w, place, pc, w->exact, &raw);
		w->group_end = w->frames.len;
		w->adaptors = 0;
	} else {
		np_frame_internal(w, place, pc, fp, NULL);
	}
	if (raw.caller_fp != 0 && raw.caller_fp <= fp && raw.caller_fp >= w->thread->stack_start) {
		w->note = "the chain of frame pointers is damaged";
		return false;
	}
	step_to(w, raw.return_pc, fp + 16, raw.caller_fp);
	return true;
}

/* Exit frame of the youngest JavaScript on this thread, for native stacks that cannot be unwound. */
static bool leave_through_exit_frame(struct walker *w, np_addr isolate)
{
	np_mem *mem = np_target_mem(w->target);
	np_addr rsp = w->thread->regs.r[NP_REG_RSP], best = 0;
	const np_layout *l = w->v8->layout;
	if (!isolate || !np_has(l, NP_F_frametype_exit))
		return false;
	uint64_t *words = np_xmalloc(EXIT_SCAN_WORDS * 8);
	size_t n = np_mem_read(mem, isolate, words, EXIT_SCAN_WORDS * 8) / 8;
	for (size_t i = 0; i < n; i++) {
		np_addr fp = words[i];
		struct np_step_frame raw;
		if (!in_stack(w, fp) || fp < rsp || !np_step_frame_read(mem, &w->layout, fp, &raw))
			continue;
		if ((is_frame_type(w, raw.marker, NP_F_frametype_exit) ||
		     is_frame_type(w, raw.marker, NP_F_frametype_builtin_exit) ||
		     is_frame_type(w, raw.marker, NP_F_frametype_api_callback_exit)) &&
		    (!best || fp < best))
			best = fp;
	}
	free(words);
	struct np_step_frame raw;
	if (!best || !np_step_frame_read(mem, &w->layout, best, &raw))
		return false;
	np_frame_internal(w, &(struct pc_place){0}, 0, best, marker_name(w, raw.marker));
	step_to(w, raw.return_pc, best + 16, raw.caller_fp);
	return true;
}

/* A native frame; false ends the walk. */
static bool native_frame(struct walker *w, const struct pc_place *place, np_addr pc, np_addr isolate)
{
	struct np_regs next;
	bool is_signal = false;
	np_frame_native(w, place, pc);
	np_err *err = np_target_unwind(w->target, &w->regs, w->exact, &next, &is_signal);
	if (!err) {
		if (!(next.valid >> NP_REG_RIP & 1) || next.r[NP_REG_RIP] == 0)
			return false;
		if (next.r[NP_REG_RSP] <= w->regs.r[NP_REG_RSP] && !is_signal) {
			w->note = "call frame information does not lead upwards";
			return false;
		}
		w->regs = next;
		w->exact = is_signal;
		return true;
	}
	np_err_free(err);
	np_addr fp = w->regs.r[NP_REG_RBP], up, ret;
	if ((w->regs.valid >> NP_REG_RBP & 1) && in_stack(w, fp) && fp >= w->regs.r[NP_REG_RSP] &&
	    np_mem_u64(np_target_mem(w->target), fp, &up) && np_mem_u64(np_target_mem(w->target), fp + 8, &ret) && ret &&
	    np_target_mapping_at(w->target, ret)) {
		step_to(w, ret, fp + 16, up);
		return true;
	}
	if (w->v8 && !w->group_end && leave_through_exit_frame(w, isolate))
		return true;
	if (!(w->regs.valid >> NP_REG_RBP & 1) || fp != 0) /* rbp is 0 in _start: the end, as the ABI marks it */
		w->note = "the native stack cannot be unwound further";
	return false;
}

/* The pc is nowhere: a call through a bad pointer, or a damaged stack. */
static bool lost_frame(struct walker *w, np_addr pc, np_addr isolate)
{
	uint64_t ret;
	np_addr rsp = w->regs.r[NP_REG_RSP];
	struct pc_place place;
	np_frame_native(w, &(struct pc_place){0}, pc);
	if (w->exact && np_mem_u64(np_target_mem(w->target), rsp, &ret)) {
		np_pc_classify(w, ret - 1, &place);
		if (place.kind != PC_UNKNOWN) {
			w->regs.r[NP_REG_RIP] = ret;
			w->regs.r[NP_REG_RSP] = rsp + 8;
			w->exact = false;
			return true;
		}
	}
	if (w->v8 && !w->group_end && leave_through_exit_frame(w, isolate))
		return true;
	const struct np_mapping *m = np_target_mapping_at(w->target, pc);
	w->note = np_arena_printf(w->arena, "a return address leads nowhere (0x%llx, %s)", (unsigned long long)pc,
				  !m ? "not mapped" : m->path[0] ? m->path : "no code that V8 knows");
	return false;
}

static void walk(struct walker *w, np_addr isolate)
{
	size_t max = w->options->max_frames ? w->options->max_frames : FRAMES_MAX;
	w->exact = true;
	for (;;) {
		np_addr pc = w->regs.r[NP_REG_RIP];
		struct pc_place place;
		bool more;
		if (w->frames.len >= max) {
			w->note = "the stack is deeper than the limit of frames";
			return;
		}
		if (pc == 0 && !w->exact)
			return;
		np_pc_classify(w, w->exact ? pc : pc - 1, &place);
		if (place.kind == PC_BUILTIN || place.kind == PC_CODE)
			more = w->v8 ? v8_frame(w, &place, pc) : native_frame(w, &place, pc, isolate);
		else if (place.kind == PC_NATIVE)
			more = native_frame(w, &place, pc, isolate);
		else
			more = lost_frame(w, pc, isolate);
		if (!more)
			return;
	}
}

static void walker_layout(struct walker *w)
{
	const np_layout *l = w->v8->layout;
	w->layout.context_or_marker = np_has(l, NP_F_frame_context_or_marker) ? np_get(l, NP_F_frame_context_or_marker)
									       : -8;
	w->layout.function = np_has(l, NP_F_frame_function) ? np_get(l, NP_F_frame_function) : -16;
	w->layout.marker_slot = np_has(l, NP_F_frame_marker_slot) ? np_get(l, NP_F_frame_marker_slot) : 0;
	w->layout.marker_is_smi = np_get(l, NP_F_frame_marker_is_smi) == 1;
}

np_err *np_stack_walk(np_target *target, np_v8 *v8, const struct np_thread *thread,
		      const struct np_stack_options *options, np_arena *arena, struct np_stack *ret)
{
	struct walker w = {.target = target, .v8 = v8, .arena = arena, .thread = thread, .options = options};
	struct np_stack stack = {.thread = thread};
	if (v8) {
		walker_layout(&w);
		stack.isolate = np_isolate_of_thread(v8, thread);
	}
	if (!(thread->regs.valid >> NP_REG_RIP & 1)) {
		stack.cut = !thread->is_kernel_only;
		stack.note = stack.cut ? "registers of this thread could not be read"
				       : "it only ever runs in the kernel (io_uring)";
		*ret = stack;
		return NULL;
	}
	w.regs = thread->regs;
	walk(&w, stack.isolate);
	for (size_t i = 0; i < w.frames.len; i++)
		np_frame_display(&w, &w.frames.data[i]);
	stack.frames = np_arena_memdup(arena, w.frames.data, w.frames.len * sizeof(*w.frames.data));
	stack.frame_count = w.frames.len;
	stack.cut = w.note != NULL;
	stack.note = w.note;
	np_vec_deinit(&w.frames);
	*ret = stack;
	return NULL;
}
