/*
 * Registers: V8's Scope::AllocateVariablesRecursively.  A scope's variables in
 * order of declaration, then the scopes inside it, newest first, each with its
 * own inner scopes (or all that before the scope itself, in old versions).
 */
#include <string.h>

#include "base/buf.h"
#include "v8/jsscan_internal.h"

enum { LOCALS_MAX = 1 << 16 };

char *np_js_utf8(np_arena *arena, const uint16_t *chars, size_t len)
{
	struct np_buf buf = {0};
	for (size_t i = 0; i < len; i++) {
		uint32_t cp = chars[i];
		if (cp >= 0xd800 && cp < 0xdc00 && i + 1 < len && (chars[i + 1] & 0xfc00) == 0xdc00)
			cp = 0x10000 + ((cp - 0xd800) << 10) + (chars[++i] - 0xdc00u);
		np_buf_put_utf8(&buf, cp);
	}
	char *s = np_arena_strndup(arena, np_buf_str(&buf), buf.len);
	np_buf_deinit(&buf);
	return s;
}

struct allocation {
	struct js *js;
	const struct np_jsscan_function *f;
	np_arena *arena;
	NP_VEC(struct np_jsscan_local) locals;
	int32_t next;
	bool arrow, exact, trusted;
};

static enum np_jsscan_place var_place(const struct js_var *var, const struct js_scope *scope)
{
	if (var->elsewhere)
		return NP_JSSCAN_ELSEWHERE;
	if (var->mode == M_TEMP)
		return var->used ? NP_JSSCAN_REGISTER : NP_JSSCAN_ABSENT;
	if (var->mode == M_CATCH)
		return NP_JSSCAN_CONTEXT;
	if (scope->eval || var->captured)
		return NP_JSSCAN_CONTEXT;
	if (var->argument)
		return NP_JSSCAN_ARGUMENT;
	return var->used ? NP_JSSCAN_REGISTER : NP_JSSCAN_ABSENT;
}

static const char *var_name(struct allocation *a, const struct js_var *var)
{
	if (var->mode == M_TEMP)
		return ".generator_object";
	const struct js_symbol *sym = &a->js->syms.data[var->sym];
	return np_js_utf8(a->arena, sym->chars, sym->len);
}

/* What the heap says of the function's own scope beats what the text seems to say. */
static void heap_check(struct allocation *a, const struct js_var *var, const char *name, enum np_jsscan_place *place)
{
	if (!a->f->captured || var->scope != 0 || var->mode == M_TEMP || var->kind == NP_JSSCAN_NEW_TARGET ||
	    var->kind == NP_JSSCAN_THIS_FUNCTION || *place == NP_JSSCAN_ELSEWHERE)
		return;
	bool captured = a->f->captured(a->f->ctx, name);
	if (captured == (*place == NP_JSSCAN_CONTEXT))
		return;
	a->trusted = false;
	*place = captured ? NP_JSSCAN_CONTEXT : var->argument ? NP_JSSCAN_ARGUMENT : NP_JSSCAN_REGISTER;
}

static void var_allocate(struct allocation *a, struct js_var *var)
{
	const struct js_scope *scope = &a->js->scopes.data[var->scope];
	if (var->dead)
		return;
	if (var->mode == M_TEMP && !var->exact && !var->used) {
		a->exact = false; /* np_js_unknown_temps() */
		return;
	}
	enum np_jsscan_place place = var_place(var, scope);
	if (var->hidden) {
		a->next += place == NP_JSSCAN_REGISTER;
		return;
	}
	if (a->locals.len == LOCALS_MAX) {
		a->trusted = false;
		a->next += place == NP_JSSCAN_REGISTER;
		return;
	}
	const char *name = var_name(a, var);
	heap_check(a, var, name, &place);
	if (place == NP_JSSCAN_REGISTER)
		var->reg = a->next++;
	else if (var->mode == M_SPECIAL && place == NP_JSSCAN_ABSENT)
		return;
	np_vec_push(&a->locals, (struct np_jsscan_local){.name = name,
							 .reg = var->reg,
							 .pos = var->pos,
							 .scope_start = scope->start,
							 .scope_end = scope->end,
							 .depth = scope->depth,
							 .place = place,
							 .kind = (enum np_jsscan_var_kind)var->kind,
							 .exact = a->exact});
}

static void scope_vars(struct allocation *a, const struct js_scope *scope, bool temps, bool named)
{
	for (uint32_t v = scope->vars; v; v = a->js->vars.data[v - 1].next) {
		struct js_var *var = &a->js->vars.data[v - 1];
		if (var->mode == M_TEMP ? temps : named)
			var_allocate(a, var);
	}
}

static void scope_own(struct allocation *a, const struct js_scope *scope)
{
	if (a->arrow && a->js->rules->temps_last_in_arrow && scope->kind == S_FUNCTION) {
		scope_vars(a, scope, false, true);
		scope_vars(a, scope, true, false);
	} else {
		scope_vars(a, scope, true, true);
	}
}

/* As deep as scopes nest, which js_enter() limits. */
static void scope_allocate(struct allocation *a, uint32_t index)
{
	const struct js_scope *scope = &a->js->scopes.data[index];
	if (scope->dead)
		return;
	if (!a->js->rules->inner_first)
		scope_own(a, scope);
	for (uint32_t s = scope->first_child; s; s = a->js->scopes.data[s - 1].sibling)
		scope_allocate(a, s - 1);
	if (a->js->rules->inner_first)
		scope_own(a, scope);
}

static int local_compare(const void *a, const void *b)
{
	const struct np_jsscan_local *x = a, *y = b;
	uint32_t rx = (uint32_t)x->reg, ry = (uint32_t)y->reg; /* -1 is last */
	if (rx != ry)
		return rx < ry ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

void np_js_allocate(struct js *js, const struct np_jsscan_function *f, bool arrow, np_arena *arena,
		    struct np_jsscan_locals *ret)
{
	struct allocation a = {.js = js, .f = f, .arena = arena, .arrow = arrow, .exact = true, .trusted = true};
	scope_allocate(&a, 0);
	for (size_t i = 0; i < js->scopes.len; i++)
		a.trusted &= !js->scopes.data[i].eval;
	if (f->max_registers && (size_t)a.next > f->max_registers)
		a.trusted = false;
	if (a.locals.len)
		qsort(a.locals.data, a.locals.len, sizeof(*a.locals.data), local_compare);
	ret->locals = np_arena_memdup(arena, a.locals.data, a.locals.len * sizeof(*a.locals.data));
	ret->n = a.locals.len;
	ret->n_registers = (size_t)a.next;
	ret->trusted = a.trusted;
	np_vec_deinit(&a.locals);
}

size_t np_jsscan_locals_find(const struct np_jsscan_locals *locals, const char *name, uint32_t pos)
{
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < locals->n; i++) {
		const struct np_jsscan_local *local = &locals->locals[i];
		if (pos < local->scope_start || pos >= local->scope_end || strcmp(local->name, name) != 0)
			continue;
		if (best == SIZE_MAX || local->depth > locals->locals[best].depth)
			best = i;
	}
	return best;
}
