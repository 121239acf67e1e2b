/* Addresses outside V8's heap: symbols, stacks, malloc, mappings. */
#include <stdlib.h>
#include <string.h>

#include "cmd/whatis.h"
#include "heap/malloc.h"
#include "stack/stack.h"

static const struct np_shape mapping_shape = {
	.name = "mapping", .style = NP_STYLE_LINE, .line = "{start}-{end} {prot}[ {path:path}]"};
static const struct np_shape symbol_shape = {
	.name = "symbol",
	.style = NP_STYLE_LINE,
	.line = "{address}: {kind:keyword} {name:name}[ + {_offset:num}][ in {image:path}]"};
static const struct np_shape thread_shape = {
	.name = "thread", .style = NP_STYLE_LINE, .line = "{tid:num}[ {name:string}]"};
static const struct np_shape frame_shape = {
	.name = "frame",
	.style = NP_STYLE_LINE,
	.line = "{name:name}[ ({file:path}[:{line:num}][:{column:num}])][ fp {_fp_offset:num}]"};
static const struct np_shape stack_shape = {
	.name = "stack",
	.style = NP_STYLE_LINE,
	.line = "{address}: stack of thread {thread}[, rsp {_rsp_offset:num}][, frame of {frame}][ ({_note:dim})]"};
static const struct np_shape malloc_shape = {
	.name = "malloc",
	.style = NP_STYLE_LINE,
	.line = "{address}: malloc memory[, {_state} chunk of {size_bytes}[ at {chunk}]][ + {_offset:num}]"
		"[, owned by {owner}][ ({_note:dim})]"};
static const struct np_shape anonymous_shape = {
	.name = "memory",
	.style = NP_STYLE_LINE,
	.line = "{address}: {_what}[ {mapping}][ + {_offset:num}][, owned by {owner}][ ({_note:dim})]"};

static np_node *record(struct whatis *w, const struct np_shape *shape, np_addr addr, const char *kind)
{
	np_node *n = np_obj(w->inv->arena, shape);
	np_set_addr(n, "address", addr);
	np_set_str(n, "kind", kind);
	return n;
}

static const char *signed_hex(np_arena *arena, int64_t n)
{
	return np_arena_printf(arena, "%c 0x%llx", n < 0 ? '-' : '+', (unsigned long long)(n < 0 ? -n : n));
}

void np_whatis_set_mapping(struct whatis *w, np_node *n, np_addr addr)
{
	const struct np_mapping *m = np_target_mapping_at(w->target, addr);
	if (!m)
		return;
	np_node *mapping = np_obj(w->inv->arena, &mapping_shape);
	char prot[4] = "???";
	if (m->prot >= 0) {
		prot[0] = m->prot & NP_PROT_R ? 'r' : '-';
		prot[1] = m->prot & NP_PROT_W ? 'w' : '-';
		prot[2] = m->prot & NP_PROT_X ? 'x' : '-';
	}
	np_set_addr(mapping, "start", m->start);
	np_set_addr(mapping, "end", m->end);
	np_set_str(mapping, "prot", prot);
	if (*m->path) {
		np_set_str(mapping, "path", m->path);
		np_set_uint(mapping, "file_offset", m->offset + (addr - m->start));
	}
	np_set_node(n, "mapping", mapping);
}

/* --- symbols --- */

struct data_search {
	np_addr addr;
	struct np_symbol found;
	bool has;
};

/* Of the symbols that cover the address the one that begins last; aliases are as good as each other. */
static bool data_symbol_matches(void *ctx, const struct np_symbol *symbol)
{
	struct data_search *s = ctx;
	if (!symbol->is_tls && *symbol->name && symbol->addr <= s->addr && s->addr - symbol->addr < symbol->size_bytes &&
	    (!s->has || symbol->addr > s->found.addr)) {
		s->found = *symbol;
		s->has = true;
	}
	return true;
}

static np_node *symbol_node(struct whatis *w, np_addr addr, const char *name, uint64_t offset, uint64_t size,
			    np_image *image, np_addr vaddr)
{
	static const char builtin[] = "Builtins_";
	bool is_builtin = strncmp(name, builtin, sizeof(builtin) - 1) == 0;
	np_node *n = record(w, &symbol_shape, addr, is_builtin ? "builtin" : "symbol");
	if (is_builtin) {
		np_set_str(n, "name", name + sizeof(builtin) - 1);
	} else {
		char *plain = np_demangle(name);
		np_set_str(n, "name", plain);
		free(plain);
	}
	np_set_uint(n, "offset", offset);
	if (offset)
		np_set_uint(n, "_offset", offset);
	if (size)
		np_set_bytes(n, "size_bytes", size);
	np_set_str(n, "image", np_image_path(image));
	np_set_addr(n, "image_address", vaddr);
	np_whatis_set_mapping(w, n, addr);
	return n;
}

np_node *np_whatis_symbol(struct whatis *w, np_addr addr)
{
	struct np_symbol_at at = {0};
	const struct np_mapping *m = np_target_mapping_at(w->target, addr);
	if (np_target_symbol_at(w->target, addr, &at) && at.name)
		return symbol_node(w, addr, at.name, addr - at.start, at.size_bytes, at.image, at.vaddr);
	if (!m || !m->image)
		return NULL;
	struct data_search s = {.addr = addr};
	np_image_symbols(m->image, "", data_symbol_matches, &s);
	if (!s.has)
		return NULL;
	return symbol_node(w, addr, s.found.name, addr - s.found.addr, s.found.size_bytes, m->image,
			   addr - (np_addr)np_image_bias(m->image));
}

/* --- stacks --- */

static np_node *frame_node(struct whatis *w, const struct np_frame *f, np_addr addr)
{
	np_node *n = np_obj(w->inv->arena, &frame_shape);
	np_set_str(n, "name", f->name && *f->name ? f->name : "<anonymous>");
	np_set_str(n, "file", f->file);
	if (f->line > 0) {
		np_set_int(n, "line", f->line);
		np_set_int(n, "column", f->column);
	}
	np_set_addr(n, "fp", f->fp);
	np_set_int(n, "fp_offset", (int64_t)(addr - f->fp));
	np_set_str(n, "_fp_offset", signed_hex(w->inv->arena, (int64_t)(addr - f->fp)));
	return n;
}

/*
 * The frame that an address lies in.  Frames of V8 are linked by frame
 * pointers: each reaches from behind its callee's return address to behind its
 * own.  A native frame between them has no known bounds.
 */
static void set_frame(struct whatis *w, np_node *n, const struct np_thread *thread, np_addr addr)
{
	struct np_stack_options options = {0};
	struct np_stack stack;
	np_addr below = thread->regs.r[NP_REG_RSP];
	bool native = false;
	if (!w->v8 || np_err_drop(np_stack_walk(w->target, w->v8, thread, &options, w->inv->arena, &stack)))
		return;
	for (size_t i = 0; i < stack.frame_count && addr >= below; i++) {
		const struct np_frame *f = &stack.frames[i];
		native |= f->kind == NP_FRAME_NATIVE;
		if (f->inlined || f->kind == NP_FRAME_NATIVE || f->fp < below || f->fp >= thread->stack_end)
			continue;
		if (addr < f->fp + 16) {
			np_set_node(n, "frame", frame_node(w, f, addr));
			if (native && addr < f->fp)
				np_set_str(n, "_note", "or of a native function that it called");
			return;
		}
		below = f->fp + 16;
		native = false;
	}
}

np_node *np_whatis_stack(struct whatis *w, np_addr addr)
{
	for (size_t i = 0; i < np_target_thread_count(w->target); i++) {
		const struct np_thread *thread = np_target_thread(w->target, i);
		if (addr < thread->stack_start || addr >= thread->stack_end)
			continue;
		np_node *n = record(w, &stack_shape, addr, "stack"), *t = np_obj(w->inv->arena, &thread_shape);
		np_set_int(t, "tid", thread->tid);
		if (*thread->name)
			np_set_str(t, "name", thread->name);
		np_set_node(n, "thread", t);
		if (thread->regs.valid & 1u << NP_REG_RSP) {
			int64_t offset = (int64_t)(addr - thread->regs.r[NP_REG_RSP]);
			np_set_int(n, "rsp_offset", offset);
			np_set_str(n, "_rsp_offset", signed_hex(w->inv->arena, offset));
			if (offset < 0)
				np_set_str(n, "_note", "below the stack pointer: not in use");
			else
				set_frame(w, n, thread, addr);
		}
		np_whatis_set_mapping(w, n, addr);
		return n;
	}
	return NULL;
}

/* --- malloc --- */

np_node *np_whatis_malloc(struct whatis *w, np_addr addr)
{
	const struct np_mapping *m = np_target_mapping_at(w->target, addr);
	struct np_malloc_chunk chunk;
	bool has_chunk = m && np_malloc_chunk_at(w->target, addr, &chunk);
	if (!has_chunk && (!m || !np_malloc_is_heap(w->target, m, addr)))
		return NULL;
	np_node *n = record(w, &malloc_shape, addr, "heap");
	if (has_chunk) {
		static const char *const places[] = {
			[NP_MALLOC_MAIN] = "main", [NP_MALLOC_ARENA] = "arena", [NP_MALLOC_MMAPPED] = "mmapped"};
		np_set_str(n, "place", places[chunk.place]);
		np_set_addr(n, "chunk", chunk.start);
		np_set_bytes(n, "size_bytes", chunk.size_bytes);
		np_set_bool(n, "used", chunk.is_used);
		np_set_str(n, "_state", chunk.is_top ? "unused last" : chunk.is_used ? "used" : "free");
		int64_t offset = (int64_t)(addr - chunk.start);
		np_set_int(n, "offset", offset);
		if (offset > 0)
			np_set_int(n, "_offset", offset);
		else if (offset < 0)
			np_set_str(n, "_note", "the chunk's own size word");
	}
	np_whatis_set_mapping(w, n, addr);
	if (!has_chunk || chunk.is_used)
		np_whatis_set_owner(w, n, addr, has_chunk ? chunk.start : m->start);
	return n;
}

/* --- the rest --- */

np_node *np_whatis_mapping(struct whatis *w, np_addr addr)
{
	const struct np_mapping *m = np_target_mapping_at(w->target, addr);
	np_node *n = record(w, &anonymous_shape, addr, m ? "mapping" : "unmapped");
	if (!m) {
		np_set_str(n, "_what", "unmapped");
		return n;
	}
	bool reserved = m->prot == 0;
	uint8_t byte;
	if (!reserved && !np_mem_u8(np_target_mem(w->target), addr, &byte)) {
		np_set_bool(n, "unreadable", true);
		np_set_str(n, "_note", "unreadable");
		if (!*m->path) /* it might have been V8's heap */
			np_partial(w->inv, "0x%llx is mapped, but its memory cannot be read", (unsigned long long)addr);
	}
	np_set_str(n, "_what", reserved ? "reserved, not accessible:" : *m->path ? "mapping" : "anonymous mapping");
	np_set_uint(n, "offset", addr - m->start);
	np_set_uint(n, "_offset", addr - m->start);
	np_whatis_set_mapping(w, n, addr);
	if (!*m->path && !reserved)
		np_whatis_set_owner(w, n, addr, m->start);
	return n;
}
