/*
 * Crankshaft code between calls: which function does the instruction at a pc
 * come from?
 *
 * Deoptimisation sites are the landmarks: conditional jumps into the jump
 * table at the end of the code, whose entries lead to deopt entry N (the
 * check before N), and the calls that have a deopt index.  Each site's
 * translation names the functions that are active there.
 *
 * Where the relocation info records a position for every instruction (3.28
 * and later) the nearest site before the pc is taken, else the nearest after
 * it, whose innermost function holds that position.  Elsewhere only those
 * functions count that are active at both neighbours.
 *
 * The jumps are found without a disassembler: the bytes 0f 8x with a target
 * that is exactly a jump table entry.  A wrong hit needs four bytes of
 * chance, and the position check stands behind it.
 */
#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/fullcodegen_impl.h"
#include "v8/map.h"

enum {
	CODE_MAX_BYTES = 16 << 20,
	CANDIDATES_MAX = 1024,
	INLINED_MAX = 65,
	/* x86-64 encodings */
	JCC_BYTES = 6,
	OPCODE_TWO_BYTE = 0x0f,
	OPCODE_JCC = 0x80,
	OPCODE_CALL = 0xe8,
	OPCODE_PUSH_IMM32 = 0x68, /* a deopt entry: push N; jmp */
	MOV_R10_0 = 0x49,
	MOV_R10_1 = 0xba,
};

struct site {
	uint32_t pc_offset;
	int32_t deopt_index;
};

struct candidate {
	np_addr shared, script;
	int32_t start, end;
};

struct near {
	struct np_crankshaft *c;
	const uint8_t *body;
	size_t body_len;
	NP_VEC(struct site) table; /* jump table entries; also direct calls of a deopt entry */
	NP_VEC(struct site) sites;
	NP_VEC(struct candidate) candidates;
	int32_t position; /* of the instruction, -1 unknown */
};

static int32_t read_i32(const uint8_t *p)
{
	int32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* Deopt index behind an address, which must be a deopt entry. */
static bool deopt_entry(struct near *n, np_addr target, int32_t *ret)
{
	uint8_t opcode;
	uint32_t index;
	if (!np_mem_u8(n->c->v8->mem, target, &opcode) || opcode != OPCODE_PUSH_IMM32 ||
	    !np_mem_u32(n->c->v8->mem, target + 1, &index) || index >= n->c->deopt_count)
		return false;
	*ret = (int32_t)index;
	return true;
}

static void find_table(struct near *n)
{
	struct np_crankshaft *c = n->c;
	bool absolute = np_get(c->v8->layout, NP_F_Code_deopt_jump_is_absolute) == 1;
	struct np_reloc_iter it;
	struct np_reloc_entry e;
	np_reloc_iter_init(&it, c->reloc, c->reloc_len, &c->reloc_format);
	while (np_reloc_next(&it, &e)) {
		struct site s;
		np_addr target;
		if (e.kind != NP_RELOC_RUNTIME_ENTRY)
			continue;
		if (absolute) { /* mov r10, target; jmp r10 */
			uint64_t imm;
			if (e.pc_offset < 2 || (uint64_t)e.pc_offset + 8 > n->body_len ||
			    n->body[e.pc_offset - 2] != MOV_R10_0 || n->body[e.pc_offset - 1] != MOV_R10_1)
				continue;
			memcpy(&imm, n->body + e.pc_offset, sizeof(imm));
			target = imm;
			s.pc_offset = e.pc_offset - 2;
		} else { /* call target */
			if (e.pc_offset < 1 || (uint64_t)e.pc_offset + 4 > n->body_len ||
			    n->body[e.pc_offset - 1] != OPCODE_CALL)
				continue;
			target = c->code->start + e.pc_offset + 4 + (np_addr)(int64_t)read_i32(n->body + e.pc_offset);
			s.pc_offset = e.pc_offset - 1;
		}
		if (deopt_entry(n, target, &s.deopt_index))
			np_vec_push(&n->table, s);
	}
}

static int site_compare(const void *a, const void *b)
{
	const struct site *x = a, *y = b;
	return x->pc_offset < y->pc_offset ? -1 : x->pc_offset > y->pc_offset;
}

static void find_sites(struct near *n)
{
	struct np_crankshaft *c = n->c;
	struct np_safepoint safepoint;
	uint32_t count = np_safepoint_count(c->safepoints, c->safepoints_len, c->safepoint_entry_bytes);
	for (uint32_t i = 0;
	     i < count && np_safepoint_get(c->safepoints, c->safepoints_len, c->safepoint_entry_bytes, i, &safepoint); i++)
		if (safepoint.deopt_index >= 0 && safepoint.pc_offset > 0)
			np_vec_push(&n->sites, (struct site){safepoint.pc_offset - 1, safepoint.deopt_index});
	if (n->table.len == 0)
		return;
	qsort(n->table.data, n->table.len, sizeof(struct site), site_compare);
	for (size_t at = 0; at + JCC_BYTES <= n->body_len; at++) {
		if (n->body[at] != OPCODE_TWO_BYTE || (n->body[at + 1] & 0xf0) != OPCODE_JCC)
			continue;
		int64_t target = (int64_t)at + JCC_BYTES + read_i32(n->body + at + 2);
		if (target < 0 || target >= (int64_t)n->body_len)
			continue;
		struct site key = {.pc_offset = (uint32_t)target};
		const struct site *entry =
			bsearch(&key, n->table.data, n->table.len, sizeof(struct site), site_compare);
		if (entry)
			np_vec_push(&n->sites, (struct site){(uint32_t)at, entry->deopt_index});
	}
	qsort(n->sites.data, n->sites.len, sizeof(struct site), site_compare);
}

static void add_candidate(struct near *n, np_addr shared)
{
	struct np_shared s;
	if (np_err_drop(np_shared_load(n->c->v8, shared, n->c->arena, &s)) || s.start < 0 || s.end <= s.start)
		return;
	np_vec_push(&n->candidates, (struct candidate){shared, s.script, s.start, s.end});
}

/* The functions that were inlined are the first literals. */
static void find_candidates(struct near *n)
{
	struct np_crankshaft *c = n->c;
	np_tagged t;
	add_candidate(n, c->shared);
	if (!c->deopt_count || !np_has(c->v8->layout, NP_F_DeoptData_inlined_count) ||
	    !np_array_get(c->v8, c->deopt_data, (uint32_t)np_get(c->v8->layout, NP_F_DeoptData_inlined_count), &t) ||
	    !np_is_smi(t) || np_smi_value(t) < 0)
		return;
	uint32_t inlined = (uint32_t)np_smi_value(t);
	for (uint32_t i = 0; i < inlined && i < c->literal_count && i < CANDIDATES_MAX; i++) {
		np_addr shared;
		if (!np_array_get(c->v8, c->literals, i, &t) || !np_is_ref(t))
			continue;
		if (np_kind_at(c->v8, np_ref(t)) == NP_KIND_SHARED_FUNCTION_INFO)
			add_candidate(n, np_ref(t));
		else if (np_function_shared(c->v8, np_ref(t), &shared))
			add_candidate(n, shared);
	}
}

/* Could the instruction's position be one of this function's own, not of a function inside it? */
static bool holds_position(const struct near *n, np_addr shared)
{
	const struct candidate *self = NULL;
	for (size_t i = 0; i < n->candidates.len && !self; i++)
		if (n->candidates.data[i].shared == shared)
			self = &n->candidates.data[i];
	if (!self || n->position < self->start || n->position >= self->end)
		return false;
	for (size_t i = 0; i < n->candidates.len; i++) {
		const struct candidate *o = &n->candidates.data[i];
		if (o->script == self->script && o->start > self->start && o->end <= self->end &&
		    n->position >= o->start && n->position < o->end)
			return false;
	}
	return true;
}

static bool site_frames(struct near *n, size_t i, struct np_inlined_frames *ret)
{
	return i < n->sites.len && !np_err_drop(np_crankshaft_translate(n->c, n->sites.data[i].deopt_index, false, ret));
}

/* The instruction's position is known: the nearest site whose innermost function holds it. */
static bool site_by_position(struct near *n, size_t after, struct np_inlined_frames *ret)
{
	for (size_t i = after; i-- > 0;)
		if (site_frames(n, i, ret) && holds_position(n, ret->frames[ret->len - 1].shared))
			return true;
	for (size_t i = after; i < n->sites.len; i++)
		if (site_frames(n, i, ret) && holds_position(n, ret->frames[ret->len - 1].shared))
			return true;
	return false;
}

/* It is not: the functions that are active both at the site before and at the site after. */
static bool site_between(struct near *n, size_t after, struct np_inlined_frames *ret)
{
	struct np_inlined_frames before, next;
	if (after == 0 || !site_frames(n, after - 1, &before) || !site_frames(n, after, &next))
		return false;
	size_t len = 0;
	while (len < before.len && len < next.len && before.frames[len].shared == next.frames[len].shared) {
		bool same_place = before.frames[len].position == next.frames[len].position;
		if (!same_place)
			before.frames[len].position = -1;
		len++;
		if (!same_place) /* what is inlined at another place is another call */
			break;
	}
	before.len = len;
	*ret = before;
	return len > 0;
}

/* No site fits: the function itself, and the one that the position lies in if that is another. */
static void frames_by_position(struct near *n, struct np_inlined_frames *ret)
{
	struct np_crankshaft *c = n->c;
	ret->frames = NP_NEW_ARRAY(c->arena, struct np_inlined_frame, 2);
	ret->frames[0] = (struct np_inlined_frame){.shared = c->shared, .function = c->function, .position = -1};
	ret->len = 1;
	if (n->position < 0)
		return;
	for (size_t i = 0; i < n->candidates.len; i++) {
		if (!holds_position(n, n->candidates.data[i].shared))
			continue;
		if (n->candidates.data[i].shared == c->shared) {
			ret->len = 1;
			return;
		}
		ret->frames[1] = (struct np_inlined_frame){.shared = n->candidates.data[i].shared, .position = -1};
		ret->len = 2;
	}
	if (ret->len == 1)
		n->position = -1; /* of no function known here */
}

/* TurboFan code of 5.8: its positions say what is inlined where; those of Crankshaft code do not. */
static bool frames_by_table(struct np_crankshaft *c, uint32_t pc_offset, struct np_inlined_frames *ret)
{
	const np_layout *l = c->v8->layout;
	struct np_inline_position at[INLINED_MAX];
	uint32_t flags;
	if (!np_has(l, NP_F_Code_turbofanned_shift) ||
	    !np_field_u32(c->v8, c->code->addr, NP_F_Code_turbofanned_flags, &flags) ||
	    !(flags >> np_get(l, NP_F_Code_turbofanned_shift) & 1))
		return false;
	size_t n = np_code_positions(c->v8, c->code, c->shared, pc_offset, at, INLINED_MAX);
	ret->frames = NP_NEW_ARRAY(c->arena, struct np_inlined_frame, n);
	ret->len = n;
	for (size_t i = 0; i < n; i++)
		ret->frames[n - 1 - i] =
			(struct np_inlined_frame){.shared = at[i].shared, .position = at[i].offset};
	return n > 0;
}

static np_err *read_body(struct near *n)
{
	struct np_crankshaft *c = n->c;
	if (c->code->size_bytes > CODE_MAX_BYTES)
		return np_err_new(NP_ELIMIT, "the code at 0x%llx is too long", (unsigned long long)c->code->addr);
	uint8_t *body = np_arena_alloc(c->arena, c->code->size_bytes);
	NP_TRY(np_mem_read_err(c->v8->mem, c->code->start, body, c->code->size_bytes));
	n->body = body;
	n->body_len = c->code->size_bytes;
	return NULL;
}

np_err *np_crankshaft_near(struct np_crankshaft *c, uint32_t pc_offset, struct np_inlined_frames *ret)
{
	struct near n = {.c = c, .position = -1};
	*ret = (struct np_inlined_frames){0};
	if (frames_by_table(c, pc_offset, ret))
		return NULL;
	if (np_get(c->v8->layout, NP_F_Code_positions_at_calls_only) != 1 &&
	    !np_full_position(c->v8, c->code, pc_offset, &n.position))
		n.position = -1;
	NP_TRY(read_body(&n));
	if (c->deopt_count) {
		find_table(&n);
		find_sites(&n);
	}
	find_candidates(&n);
	size_t after = 0; /* first site behind the pc */
	while (after < n.sites.len && n.sites.data[after].pc_offset <= pc_offset)
		after++;
	if (n.position >= 0 ? !site_by_position(&n, after, ret) : !site_between(&n, after, ret))
		frames_by_position(&n, ret);
	ret->exact = false;
	if (n.position >= 0)
		ret->frames[ret->len - 1].position = n.position;
	np_vec_deinit(&n.table);
	np_vec_deinit(&n.sites);
	np_vec_deinit(&n.candidates);
	return NULL;
}
