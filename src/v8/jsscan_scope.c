/*
 * Scopes, declarations and references: what V8 does in ast/scopes.cc
 * (ResolveVariablesRecursively, DeclareVariable, HoistSloppyBlockFunctions),
 * without a tree.  jsscan_internal.h has the idea.
 */
#include "v8/jsscan_internal.h"

/* Hostile texts can make lookups long; past the budget the text counts as not understood. */
void np_js_spend(struct js *js, uint32_t work)
{
	if (js->work < work)
		np_js_fail(js);
	else
		js->work -= work;
}

void np_js_ref(struct js *js, uint32_t sym)
{
	if (!js->tracks)
		return;
	struct js_symbol *s = &js->syms.data[sym];
	if (s->pending > js->floor && (js->refs.data[s->pending - 1].inner || !js->inner))
		return;
	np_vec_push(&js->refs, (struct js_ref){.sym = sym, .inner = js->inner, .prev = s->pending});
	s->pending = (uint32_t)js->refs.len;
}

void np_js_use_inner(struct js *js, uint32_t from)
{
	np_js_spend(js, (uint32_t)(js->refs.len - from) / 16);
	for (size_t i = from; i < js->refs.len; i++)
		js->refs.data[i].inner = 1;
}

void np_js_forget(struct js *js, uint32_t sym, uint32_t first_ref)
{
	struct js_symbol *s = &js->syms.data[sym];
	while (s->pending > first_ref)
		s->pending = js->refs.data[s->pending - 1].prev;
}

static void var_resolve(struct js *js, struct js_var *var, uint32_t first_ref)
{
	struct js_symbol *s = &js->syms.data[var->sym];
	while (s->pending > first_ref) {
		const struct js_ref *ref = &js->refs.data[s->pending - 1];
		var->used = true;
		var->captured |= ref->inner;
		s->pending = ref->prev;
	}
}

void np_js_open(struct js *js, enum js_scope_kind kind, uint32_t start)
{
	uint32_t index = (uint32_t)js->scopes.len, parent = js->scope;
	struct js_scope scope = {.kind = (uint8_t)kind, .start = start, .first_ref = (uint32_t)js->refs.len};
	if (index) {
		struct js_scope *p = &js->scopes.data[parent];
		scope.parent = parent + 1;
		scope.sibling = p->first_child;
		scope.depth = (uint16_t)(p->depth + 1);
		p->first_child = index + 1;
	}
	np_vec_push(&js->scopes, scope);
	js->scope = index;
}

void np_js_close(struct js *js, uint32_t end)
{
	struct js_scope *scope = &js->scopes.data[js->scope];
	scope->end = end;
	for (uint32_t v = scope->vars; v; v = js->vars.data[v - 1].next)
		if (js->vars.data[v - 1].mode != M_TEMP)
			var_resolve(js, &js->vars.data[v - 1], scope->first_ref);
	if (scope->kind == S_WITH) /* what is used through the object has to be in a context */
		np_js_use_inner(js, scope->first_ref);
	if (scope->parent)
		js->scope = scope->parent - 1;
}

void np_js_block_open(struct js *js, struct js_block *block, enum js_scope_kind kind, uint32_t start)
{
	*block = (struct js_block){(uint32_t)js->lex_names.len, (uint32_t)js->refs.len, js->floor, js->inner};
	js->floor = block->first_ref;
	if (!js->tracks || js->inner)
		return;
	np_js_open(js, kind, start);
}

void np_js_block_close(struct js *js, struct js_block *block, uint32_t end)
{
	if (js->tracks && !block->inner)
		np_js_close(js, end);
	while (js->lex_names.len > block->lex_start)
		np_js_forget(js, js->lex_names.data[--js->lex_names.len], block->first_ref);
	js->floor = block->saved_floor;
}

static uint32_t var_hash(uint32_t scope, uint32_t sym)
{
	uint32_t h = (sym * 0x9e3779b1u) ^ (scope * 0x85ebca6bu);
	return h ^ h >> 16;
}

uint32_t np_js_find(struct js *js, uint32_t scope, uint32_t sym)
{
	if (!js->var_map)
		return 0;
	unsigned probes = 0;
	uint32_t h = var_hash(scope, sym) & js->var_map_mask;
	for (uint32_t at; (at = js->var_map[h]) != 0; h = (h + 1) & js->var_map_mask) {
		const struct js_var *var = &js->vars.data[at - 1];
		if (var->scope == scope && var->sym == sym)
			return at;
		if (++probes > 32)
			np_js_spend(js, 1);
	}
	return 0;
}

static void var_map_insert(struct js *js, uint32_t index)
{
	const struct js_var *var = &js->vars.data[index];
	uint32_t h = var_hash(var->scope, var->sym) & js->var_map_mask;
	while (js->var_map[h])
		h = (h + 1) & js->var_map_mask;
	js->var_map[h] = index + 1;
}

static void var_map_grow(struct js *js)
{
	uint32_t size = js->var_map ? (js->var_map_mask + 1) * 2 : 64;
	free(js->var_map);
	js->var_map = np_xcalloc(size, sizeof(*js->var_map));
	js->var_map_mask = size - 1;
	for (uint32_t i = 0; i < js->vars.len; i++)
		if (js->vars.data[i].mode != M_TEMP)
			var_map_insert(js, i);
}

static uint32_t var_add(struct js *js, struct js_var var)
{
	uint32_t index = (uint32_t)js->vars.len;
	struct js_scope *scope = &js->scopes.data[var.scope];
	np_vec_push(&js->vars, var);
	if (scope->last_var)
		js->vars.data[scope->last_var - 1].next = index + 1;
	else
		scope->vars = index + 1;
	scope->last_var = index + 1;
	if (var.mode != M_TEMP) {
		if (!js->var_map || js->vars.len * 2 > js->var_map_mask)
			var_map_grow(js); /* inserts the new one too */
		else
			var_map_insert(js, index);
	}
	return index;
}

static enum np_jsscan_var_kind mode_kind(enum js_mode mode)
{
	switch (mode) {
	case M_LET:
		return NP_JSSCAN_LET;
	case M_CONST:
		return NP_JSSCAN_CONST;
	case M_CLASS:
		return NP_JSSCAN_CLASS;
	case M_FUNCTION:
		return NP_JSSCAN_FUNCTION_DECL;
	case M_PARAM:
		return NP_JSSCAN_PARAM;
	case M_CATCH:
		return NP_JSSCAN_CATCH;
	case M_OWN_NAME:
		return NP_JSSCAN_OWN_NAME;
	default:
		return NP_JSSCAN_VAR;
	}
}

uint32_t np_js_declare_in(struct js *js, uint32_t scope, uint32_t sym, uint32_t pos, enum js_mode mode)
{
	uint32_t at = np_js_find(js, scope, sym);
	if (at) {
		js->vars.data[at - 1].by_var |= mode == M_VAR;
		return at - 1;
	}
	return var_add(js, (struct js_var){.sym = sym,
					   .pos = pos,
					   .scope = scope,
					   .reg = -1,
					   .mode = (uint8_t)mode,
					   .kind = (uint8_t)mode_kind(mode),
					   .by_var = mode == M_VAR});
}

void np_js_declare(struct js *js, uint32_t sym, uint32_t pos, enum js_mode mode)
{
	if (!js->tracks)
		return;
	if (js->inner) {
		if (mode == M_VAR || mode == M_PARAM)
			np_vec_push(&js->var_names, sym);
		else
			np_vec_push(&js->lex_names, sym);
		return;
	}
	uint32_t scope = mode == M_VAR ? js->body : mode == M_PARAM ? 0 : js->scope;
	uint32_t var = np_js_declare_in(js, scope, sym, pos, mode);
	if (mode == M_LET || mode == M_CONST || mode == M_CLASS)
		js->vars.data[var].used = true; /* initialised, if only to undefined */
	js->vars.data[var].used |= js->rules->declared_is_used;
}

uint32_t np_js_temps(struct js *js, unsigned n)
{
	if (!js->tracks || js->inner)
		return 0;
	while (n--)
		var_add(js, (struct js_var){.mode = M_TEMP, .used = true, .hidden = true, .reg = -1, .exact = true});
	return (uint32_t)js->vars.len;
}

void np_js_unknown_temps(struct js *js)
{
	if (js->tracks && !js->inner)
		var_add(js, (struct js_var){.mode = M_TEMP, .hidden = true, .reg = -1});
}

void np_js_mark_eval(struct js *js)
{
	if (!js->tracks)
		return;
	for (uint32_t s = js->scope + 1; s && !js->scopes.data[s - 1].eval; s = js->scopes.data[s - 1].parent)
		js->scopes.data[s - 1].eval = true;
}

/* Would a var of the same name in the body's scope clash with a lexical one on the way up? */
static bool hoist_clashes(struct js *js, const struct js_var *own)
{
	uint32_t at = np_js_find(js, 0, own->sym);
	if (at && js->vars.data[at - 1].mode == M_PARAM)
		return true;
	for (uint32_t s = js->scopes.data[own->scope].parent; s; s = js->scopes.data[s - 1].parent) {
		np_js_spend(js, 1);
		at = np_js_find(js, s - 1, own->sym);
		const struct js_var *other = at ? &js->vars.data[at - 1] : NULL;
		if (other && (other->mode == M_LET || other->mode == M_CONST || other->mode == M_CLASS))
			return true;
		if (other && other->mode == M_FUNCTION && s - 1 != js->body &&
		    (js->rules->sloppy_hash_order || !other->sloppy_block_function))
			return true;
		if (s - 1 == js->body)
			break;
	}
	return false;
}

/* ES Annex B.3.3: a function declared in a block of sloppy code is also a var of the function. */
void np_js_hoist_functions(struct js *js)
{
	size_t fresh = 0;
	for (size_t i = 0; i < js->hoists.len && !js->failed; i++) {
		uint32_t index = js->hoists.data[i];
		if (hoist_clashes(js, &js->vars.data[index]))
			continue;
		uint32_t sym = js->vars.data[index].sym;
		if (!np_js_find(js, js->body, sym) && fresh++ == 1 && js->rules->sloppy_hash_order)
			np_js_unknown_temps(js);
		uint32_t var = np_js_declare_in(js, js->body, sym, js->vars.data[index].pos, M_VAR);
		js->vars.data[var].used = true;
		js->vars.data[index].used = true;
	}
}
