/* Addresses in V8's heap: objects, code, bytecode, parts of pages. */
#include <string.h>

#include "cmd/args.h"
#include "cmd/value_node.h"
#include "cmd/whatis.h"
#include "heap/field.h"
#include "heap/owner.h"
#include "v8/code.h"
#include "v8/fullcodegen_builtins.h"
#include "v8/function.h"
#include "v8/position.h"
#include "v8/script.h"

static const struct np_shape function_shape = {
	.name = "function", .style = NP_STYLE_LINE, .line = "{name:name}[ ({file:path}[:{line:num}][:{column:num}])]"};
static const struct np_shape field_shape = {
	.name = "field", .style = NP_STYLE_LINE, .line = "{kind}[ {name:name}][ {_index:num}][ = {value}][ = {_number:num}]"};
static const struct np_shape object_shape = {
	.name = "heap_object",
	.style = NP_STYLE_LINE,
	.line = "{address}: [{_certainty:warn} ]{object}[ {_base:addr}][ + {_offset:num}][, {field}][, of {function}] "
		"({type:dim}[, {size_bytes}], {space}[, {_note}])"};
static const struct np_shape code_shape = {
	.name = "code",
	.style = NP_STYLE_LINE,
	.line = "{address}: code[ {tier:keyword}][ {_builtin:name}][ of {function}][ + {_offset:num}] "
		"({size_bytes}, {space}[, {_note}])"};
static const struct np_shape page_shape = {
	.name = "page", .style = NP_STYLE_LINE, .line = "{address}: {_part} ({space}, {_page_note:dim})"};
static const struct np_shape chunk_shape = {
	.name = "chunk", .style = NP_STYLE_LINE, .line = "{start}-{end}"};
static const struct np_shape owner_shape = {
	.name = "owner", .style = NP_STYLE_LINE, .line = "{object}[ {_base:addr}], byte {offset:num} of {size_bytes}"};

/* A search of the whole heap stops the target for about a second a gigabyte. */
static const uint64_t SEARCH_MAX_BYTES = 256ull << 20;

bool np_whatis_may_search(struct whatis *w)
{
	return w->search || np_heap_search_bytes(w->heap) <= SEARCH_MAX_BYTES;
}

static void set_page(struct whatis *w, np_node *n, const struct np_page *page)
{
	np_node *chunk = np_obj(w->inv->arena, &chunk_shape);
	np_set_str(n, "space", np_space_name(page->space));
	if (page->isolate)
		np_set_addr(n, "isolate", page->isolate);
	np_set_addr(chunk, "start", page->start);
	np_set_addr(chunk, "end", page->end);
	np_set_addr(chunk, "area_start", page->area_start);
	np_set_addr(chunk, "area_end", page->area_end);
	if (page->is_large)
		np_set_bool(chunk, "large", true);
	if (page->is_inactive)
		np_set_bool(chunk, "inactive", true);
	if (page->is_retired)
		np_set_bool(chunk, "retired", true);
	np_set_node(n, "page", chunk);
}

static np_node *function_node(struct whatis *w, np_addr shared_addr)
{
	np_arena *arena = w->inv->arena;
	struct np_shared shared;
	const struct np_script *script;
	int line, column;
	if (np_err_drop(np_shared_load(w->v8, shared_addr, arena, &shared)))
		return NULL;
	np_node *n = np_obj(arena, &function_shape);
	const char *name = np_shared_debug_name(w->v8, &shared, arena);
	np_set_str(n, "name", *name ? name : "<anonymous>");
	np_set_addr(n, "shared", shared_addr | 1);
	if (shared.script && !np_err_drop(np_script_load(w->v8, shared.script, &script))) {
		np_set_str(n, "file", script->name);
		if (np_script_line_column(script, shared.token >= 0 ? shared.token : shared.start, &line, &column)) {
			np_set_int(n, "line", line);
			np_set_int(n, "column", column);
		}
	}
	return n;
}

/* The function that bytecode or code was made for: by a search, where nothing in it tells. */
static bool set_function_of(struct whatis *w, np_node *n, np_addr code)
{
	np_addr shared;
	if (!np_whatis_may_search(w)) {
		np_set_str(n, "_note", "--search finds its function");
		return false;
	}
	if (np_err_drop(np_heap_find_shared(w->heap, code, &shared)))
		return false;
	np_set_node(n, "function", function_node(w, shared));
	return true;
}

static np_node *field_node(struct whatis *w, const struct np_object_field *f)
{
	np_arena *arena = w->inv->arena;
	np_node *n = np_obj(arena, &field_shape);
	np_set_str(n, "kind", np_field_kind_name(f->kind));
	np_set_str(n, "name", f->name);
	np_set_uint(n, "offset", f->offset);
	if (f->kind == NP_FIELD_ELEMENT || f->kind == NP_FIELD_SLOT || f->kind == NP_FIELD_CHARACTER ||
	    f->kind == NP_FIELD_BYTE) {
		np_set_uint(n, "index", f->index);
		np_set_uint(n, "_index", f->index);
	}
	if (f->kind == NP_FIELD_CHARACTER && w->inv->globals->redact)
		return n;
	if (f->kind == NP_FIELD_CHARACTER) {
		np_set_int(n, "code_unit", (int64_t)f->number);
		np_set_str(n, "_number", np_arena_printf(arena, "U+%04X", (unsigned)f->number));
	} else if (f->has_value && f->is_double) {
		np_node *value = np_obj(arena, &np_shape_value);
		np_set_str(value, "type", "number");
		np_set_double(value, "value", f->number);
		np_set_node(n, "value", value);
	} else if (f->has_value) {
		np_set_node(n, "value", np_value_node_of(w->v8, f->value, &np_value_limits_brief, arena));
	}
	return n;
}

/* Pages that have been left behind, and objects that were not reached in order, may be garbage. */
static void set_certainty(np_node *n, const struct np_heap_object *o)
{
	static const char *const certainty[] = {
		[NP_FOUND_EXACT] = "exact", [NP_FOUND_RESYNC] = "likely", [NP_FOUND_GUESS] = "guess"};
	np_set_str(n, "certainty", certainty[o->how]);
	if (o->how == NP_FOUND_GUESS)
		np_set_str(n, "_certainty", "perhaps");
	if (o->page->is_inactive)
		np_set_str(n, "_note", "inactive half: not live");
	else if (o->page->is_retired)
		np_set_str(n, "_note", "page out of use: garbage");
	else if (o->how != NP_FOUND_EXACT)
		np_set_str(n, "_note", "behind a gap in its page: may be garbage");
}

static void set_offset(np_node *n, uint64_t offset)
{
	np_set_uint(n, "offset", offset);
	if (offset)
		np_set_uint(n, "_offset", offset);
}

static const char *type_name(struct whatis *w, uint16_t type)
{
	const char *name = np_layout_type_name(w->v8->layout, type);
	return name ? name : np_arena_printf(w->inv->arena, "type %u", type);
}

static const char *builtin_name(struct whatis *w, const struct np_page *page, const struct np_code_object *code)
{
	char name[NP_BUILTIN_NAME_MAX];
	if (code->kind != NP_CODE_BUILTIN || np_err_drop(np_old_builtin_name(w->v8, page->isolate, code, name)))
		return NULL;
	return np_arena_strdup(w->inv->arena, name);
}

/* Code whose instructions hold the address; false when it is in the header, or in no code. */
static bool code_of(struct whatis *w, const struct np_heap_object *o, np_addr addr, struct np_code_object *ret)
{
	enum np_kind kind = np_kind_of_type(w->v8, o->map->type);
	np_tagged t;
	np_addr code = o->addr;
	if (kind == NP_KIND_INSTRUCTION_STREAM) {
		if (!np_field(w->v8, o->addr, NP_F_InstructionStream_code, &t) || !np_is_ref(t))
			return false;
		code = np_ref(t);
	} else if (kind != NP_KIND_CODE) {
		return false;
	}
	return np_code_load(w->v8, code, ret) && addr >= ret->start && addr - ret->start < ret->size_bytes;
}

static np_node *code_node(struct whatis *w, const struct np_heap_object *o, const struct np_code_object *code,
			  np_addr addr)
{
	np_node *n = np_obj(w->inv->arena, &code_shape);
	np_addr shared, bytecode;
	np_set_addr(n, "address", addr);
	np_set_str(n, "kind", "code");
	const char *builtin = builtin_name(w, o->page, code), *tier = np_code_tier(w->v8, code->kind);
	np_set_str(n, "builtin", builtin);
	np_set_str(n, "_builtin", builtin);
	np_set_str(n, "tier", tier);
	np_set_addr(n, "code", code->addr | 1);
	set_offset(n, addr - code->start);
	np_set_bytes(n, "size_bytes", code->size_bytes);
	np_set_str(n, "type", type_name(w, o->map->type));
	set_page(w, n, o->page);
	set_certainty(n, o);
	if (np_code_shared(w->v8, code, &shared))
		np_set_node(n, "function", function_node(w, shared));
	else if (code->kind == NP_CODE_BASELINE || code->kind == NP_CODE_FULL || code->kind == NP_CODE_OPTIMIZED) {
		if (!set_function_of(w, n, code->addr) && np_bytecode_array_of(w->v8, code->addr, &bytecode))
			set_function_of(w, n, bytecode);
	}
	return n;
}

/* Objects print with their address, primitive values without. */
static bool shows_address(enum np_kind kind)
{
	return kind != NP_KIND_STRING && kind != NP_KIND_HEAP_NUMBER && kind != NP_KIND_BIGINT && kind != NP_KIND_SYMBOL &&
	       kind != NP_KIND_ODDBALL && kind != NP_KIND_HOLE;
}

static np_node *object_node(struct whatis *w, const struct np_heap_object *o, np_addr addr)
{
	np_arena *arena = w->inv->arena;
	np_node *n = np_obj(arena, &object_shape);
	np_set_addr(n, "address", addr);
	np_set_str(n, "kind", "heap-object");
	np_set_node(n, "object", np_value_node_of(w->v8, np_tag(o->addr), &np_value_limits_brief, arena));
	np_set_addr(n, "object_address", o->addr | 1);
	np_set_str(n, "type", type_name(w, o->map->type));
	/* A tagged address is the object itself. */
	uint64_t offset = addr - o->addr;
	if (offset == 1 || offset == 3)
		offset = 0;
	set_offset(n, offset);
	if (offset && !shows_address(np_kind_of_type(w->v8, o->map->type)))
		np_set_addr(n, "_base", o->addr | 1);
	if (offset) {
		struct np_object_field field;
		np_object_field_at(w->heap, o, offset, arena, &field);
		if (field.kind != NP_FIELD_NONE)
			np_set_node(n, "field", field_node(w, &field));
	}
	if (o->size_bytes)
		np_set_bytes(n, "size_bytes", o->size_bytes);
	set_page(w, n, o->page);
	set_certainty(n, o);
	if (np_kind_of_type(w->v8, o->map->type) == NP_KIND_BYTECODE_ARRAY)
		set_function_of(w, n, o->addr);
	return n;
}

static np_node *page_node(struct whatis *w, const struct np_page *page, np_addr addr, const char *part,
			  const char *text)
{
	np_arena *arena = w->inv->arena;
	np_node *n = np_obj(arena, &page_shape);
	np_set_addr(n, "address", addr);
	np_set_str(n, "kind", "page");
	np_set_str(n, "part", part);
	np_set_uint(n, "offset", addr - page->start);
	np_set_str(n, "_part", text);
	set_page(w, n, page);
	np_set_str(n, "_page_note", np_arena_printf(arena, "page 0x%llx + 0x%llx", (unsigned long long)page->start,
						    (unsigned long long)(addr - page->start)));
	np_whatis_set_mapping(w, n, addr);
	return n;
}

np_node *np_whatis_heap(struct whatis *w, np_addr addr)
{
	const struct np_page *page = w->heap ? np_heap_page_at(w->heap, addr) : NULL;
	struct np_heap_object o;
	struct np_code_object code;
	if (!page)
		return NULL;
	if (page->is_raw)
		return page_node(w, page, addr, "raw", "V8's own machine code, deoptimisation entries");
	if (addr < page->area_start)
		return page_node(w, page, addr, "header", "header of a page of V8's heap");
	if (addr >= page->area_end)
		return page_node(w, page, addr, "end", "end of a page of V8's heap");
	np_err *err = np_heap_object_at(w->heap, addr, &o);
	if (err) {
		bool unreadable = np_err_code(err) == NP_EFAULT;
		if (unreadable)
			np_partial(w->inv, "0x%llx: %s", (unsigned long long)addr, np_err_message(err));
		np_err_free(err);
		return page_node(w, page, addr, unreadable ? "unreadable" : "free",
				 unreadable ? "unreadable part of V8's heap" : "free or damaged part of V8's heap");
	}
	if (o.is_free)
		return page_node(w, page, addr, "free", "free part of V8's heap");
	if (code_of(w, &o, addr, &code))
		return code_node(w, &o, &code, addr);
	return object_node(w, &o, addr);
}

void np_whatis_set_owner(struct whatis *w, np_node *n, np_addr addr, np_addr from)
{
	struct np_owner owner;
	if (!w->heap)
		return;
	if (!np_whatis_may_search(w)) {
		np_set_str(n, "_note", "--search looks for an owner in V8's heap");
		return;
	}
	if (np_err_drop(np_heap_find_owner(w->heap, addr, from, &owner)))
		return;
	static const char *const kinds[] = {[NP_OWNER_ARRAY_BUFFER] = "array-buffer",
					    [NP_OWNER_EXTERNAL_STRING] = "external-string",
					    [NP_OWNER_EXTERNAL_ARRAY] = "external-array"};
	np_node *o = np_obj(w->inv->arena, &owner_shape);
	np_set_str(o, "kind", kinds[owner.kind]);
	np_set_node(o, "object", np_value_node_of(w->v8, np_tag(owner.object), &np_value_limits_brief, w->inv->arena));
	np_set_addr(o, "object_address", owner.object | 1);
	if (owner.kind == NP_OWNER_EXTERNAL_STRING)
		np_set_addr(o, "_base", owner.object | 1);
	np_set_addr(o, "start", owner.start);
	np_set_uint(o, "offset", addr - owner.start);
	np_set_bytes(o, "size_bytes", owner.size_bytes);
	np_set_node(n, "owner", o);
}
