/*
 * The target function: its head, its body, and V8's own variables beside the
 * user's.  The order of declaration here is the order of registers.
 *
 *     new.target, .this_function       before everything
 *     parameters                       arguments on the stack, when the list is simple
 *     rest parameter's temporary
 *     .generator_object                of async functions and generators
 *     variables                        in order of declaration, in a scope of their
 *                                      own when the parameter list is not simple
 *     functions hoisted out of blocks
 *     arguments, the function's own name
 */
#include <string.h>

#include "v8/jsscan_internal.h"

/* How the text begins. */
struct head {
	bool arrow, async, single; /* single: x => */
	bool in_text;
};

/* At the first token; leaves it at '(' or at the single parameter. */
static struct head head_read(struct js *js, enum np_jsscan_kind kind)
{
	struct head head = {.in_text = true};
	switch (kind) {
	case NP_JSSCAN_SCRIPT:
	case NP_JSSCAN_MODULE:
	case NP_JSSCAN_WRAPPED:
	case NP_JSSCAN_OTHER:
		head.in_text = false;
		return head;
	case NP_JSSCAN_AUTO:
	case NP_JSSCAN_ARROW:
		if (js_at_word(js, W_ASYNC) && np_js_peek(js).type != T_ARROW) {
			head.async = head.arrow = true;
			np_js_next(js);
		}
		if (js_at(js, T_IDENT))
			head.arrow = head.single = true;
		break;
	default:
		break;
	}
	if (js_at(js, T_CLASS)) /* an implicit constructor */
		head.in_text = false;
	else if (!head.single && !js_at(js, T_LPAREN))
		np_js_fail(js);
	return head;
}

struct target {
	const struct np_jsscan_function *f;
	bool arrow, simple, has_rest;
	bool generator_object;
};

static uint32_t special(struct js *js, uint32_t sym, enum np_jsscan_var_kind kind)
{
	uint32_t var = np_js_declare_in(js, 0, sym, 0, M_SPECIAL);
	if (js->vars.data[var].mode == M_SPECIAL)
		js->vars.data[var].kind = (uint8_t)kind;
	return var;
}

static uint32_t intern_utf8(struct js *js, const char *s)
{
	size_t len = strlen(s);
	uint16_t *text = np_xmalloc((len + 1) * sizeof(*text));
	uint32_t n = 0;
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		uint32_t cp = *p++;
		unsigned more = cp >= 0xf0 ? 3 : cp >= 0xe0 ? 2 : cp >= 0xc0 ? 1 : 0;
		cp = more ? cp & (0x3fu >> more) : cp;
		for (; more && (*p & 0xc0) == 0x80; more--)
			cp = cp << 6 | (*p++ & 0x3f);
		if (cp >= 0x10000)
			text[n++] = (uint16_t)(0xd7c0 + (cp >> 10));
		text[n++] = (uint16_t)(cp >= 0x10000 ? 0xdc00 | (cp & 0x3ff) : cp);
	}
	np_vec_push(&js->unescaped, text);
	return np_js_intern_text(js, text, n);
}

/* Their names are known; where V8 rewrites patterns in its parser only once the body is read. */
static void parameters_declared(struct js *js, const struct target *t)
{
	if (!t->simple && js->fn.async && !js->fn.generator && js->rules->param_promise_temp)
		np_js_temps(js, 1);
	np_js_deferred(js, 0);
	for (uint32_t v = js->scopes.data[0].vars; v; v = js->vars.data[v - 1].next) {
		struct js_var *var = &js->vars.data[v - 1];
		if (var->mode != M_PARAM)
			continue;
		var->used = true;
		var->argument = t->simple;
		var->captured |= t->simple && t->generator_object && js->rules->resumable_params;
	}
}

static void parameters(struct js *js, struct target *t, const struct head *head)
{
	const struct np_jsscan_function *f = t->f;
	t->simple = true;
	if (f->kind == NP_JSSCAN_WRAPPED) {
		for (size_t i = 0; f->wrapped_params && i < f->n_wrapped_params; i++)
			np_js_declare(js, intern_utf8(js, f->wrapped_params[i]), 0, M_PARAM);
	} else if (head->single) {
		np_js_binding(js, M_PARAM);
	} else if (head->in_text) {
		js->defer = js->rules->late_binding;
		t->simple = np_js_formals(js, &t->has_rest);
		js->defer = false;
	}
	if (t->has_rest)
		np_js_temps(js, 1);
	if (t->generator_object) {
		uint32_t at = np_js_temps(js, 1);
		js->vars.data[at - 1].hidden = false;
		js->vars.data[at - 1].kind = NP_JSSCAN_GENERATOR_OBJECT;
	}
	if (t->simple || !js->rules->late_binding)
		parameters_declared(js, t);
}

/* Variables beside parameters that are not simple start with the parameter's value. */
static void shadow_parameters(struct js *js)
{
	for (uint32_t v = js->scopes.data[js->body].vars; v; v = js->vars.data[v - 1].next) {
		struct js_var *var = &js->vars.data[v - 1];
		if (var->mode != M_VAR || !var->by_var)
			continue;
		uint32_t at = np_js_find(js, 0, var->sym);
		struct js_var *outer = at ? &js->vars.data[at - 1] : NULL;
		if (outer && (outer->mode == M_PARAM ||
			      (outer->mode == M_SPECIAL && var->sym == SYM_ARGUMENTS && js->rules->arguments_shadow)))
			outer->used = var->used = true;
	}
}

static void module_variables(struct js *js)
{
	for (uint32_t v = js->scopes.data[0].vars; v; v = js->vars.data[v - 1].next) {
		struct js_var *var = &js->vars.data[v - 1];
		var->used = true;
	}
	for (size_t i = 0; i < js->exports.len; i++) {
		uint32_t at = np_js_find(js, 0, js->exports.data[i]);
		if (at)
			js->vars.data[at - 1].elsewhere = true;
	}
	if (js->rules->module_result_temp)
		np_js_temps(js, 1);
}

static void script_variables(struct js *js)
{
	for (uint32_t v = js->scopes.data[0].vars; v; v = js->vars.data[v - 1].next) {
		struct js_var *var = &js->vars.data[v - 1];
		var->used = true;
		var->elsewhere |= var->mode == M_VAR || var->mode == M_FUNCTION;
		var->captured |= var->mode == M_LET || var->mode == M_CONST || var->mode == M_CLASS;
	}
	np_js_temps(js, 1); /* .result, the completion value */
}

static void return_temps(struct js *js)
{
	for (uint32_t v = js->scopes.data[0].vars; v; v = js->vars.data[v - 1].next)
		if (js->vars.data[v - 1].of_return)
			js->vars.data[v - 1].used = js->derived;
}

static void body(struct js *js, const struct target *t, const struct head *head)
{
	if (t->arrow)
		js_expect(js, T_ARROW);
	if (!t->simple) {
		np_js_open(js, S_BODY, js->tok.start);
		js->body = js->scope;
		js->floor = (uint32_t)js->refs.len;
	}
	if (!head->in_text) {
		np_js_directives(js);
		np_js_statements(js, T_EOF);
	} else if (t->arrow && !js_at(js, T_LBRACE)) {
		np_js_assign(js, 0);
	} else {
		js_expect(js, T_LBRACE);
		np_js_directives(js);
		np_js_statements(js, T_RBRACE);
		js_expect(js, T_RBRACE);
	}
	if (!t->simple && js->rules->late_binding)
		parameters_declared(js, t);
	if (!js->fn.strict)
		np_js_hoist_functions(js);
}

static void target_parse(struct js *js, struct target *t)
{
	const struct np_jsscan_function *f = t->f;
	np_js_next(js);
	struct head head = head_read(js, f->kind);
	if (f->kind == NP_JSSCAN_AUTO && !head.arrow && head.in_text) {
		/* '(' may begin either: the list tells. */
		struct np_jsscan_params params;
		np_arena *scratch = np_arena_create();
		np_jsscan_params(f->chars, f->len, NP_JSSCAN_AUTO, scratch, &params);
		head.arrow = params.is_arrow;
		np_arena_destroy(scratch);
	}
	bool function = head.in_text || f->kind == NP_JSSCAN_WRAPPED;
	t->arrow = head.arrow || f->kind == NP_JSSCAN_ARROW;
	js->fn.async = head.async || (f->flags & NP_JSSCAN_ASYNC) || f->kind == NP_JSSCAN_MODULE;
	js->fn.generator = f->flags & NP_JSSCAN_GENERATOR;
	js->fn.strict = (f->flags & NP_JSSCAN_STRICT) || f->kind == NP_JSSCAN_MODULE;
	t->generator_object = js->fn.async || js->fn.generator;

	np_js_open(js, S_FUNCTION, 0);
	if (function && !t->arrow) {
		special(js, SYM_NEW_TARGET, NP_JSSCAN_NEW_TARGET);
		special(js, SYM_THIS_FUNCTION, NP_JSSCAN_THIS_FUNCTION);
	}
	parameters(js, t, &head);
	body(js, t, &head);
	if (function && !t->arrow)
		special(js, SYM_ARGUMENTS, NP_JSSCAN_ARGUMENTS);
	if (!t->simple) {
		shadow_parameters(js);
		np_js_close(js, js->prev_end);
	}
	if ((f->flags & NP_JSSCAN_NAMED_EXPRESSION) && f->own_name && f->own_name_len <= JS_MAX_TEXT)
		np_js_declare_in(js, 0, np_js_intern_text(js, f->own_name, (uint32_t)f->own_name_len), 0, M_OWN_NAME);
	np_js_close(js, (uint32_t)f->len);
	if (f->kind == NP_JSSCAN_MODULE)
		module_variables(js);
	else if (f->kind == NP_JSSCAN_SCRIPT)
		script_variables(js);
}

/* An arguments object of sloppy code shares its elements with the parameters: they are in the context. */
static void map_arguments(struct js *js, const struct target *t)
{
	uint32_t at = np_js_find(js, 0, SYM_ARGUMENTS);
	if (!at || js->fn.strict || !t->simple)
		return;
	const struct js_var *arguments = &js->vars.data[at - 1];
	if (!arguments->used || arguments->mode == M_PARAM || arguments->mode == M_LET || arguments->mode == M_CONST ||
	    arguments->mode == M_CLASS)
		return;
	for (uint32_t v = js->scopes.data[0].vars; v; v = js->vars.data[v - 1].next)
		js->vars.data[v - 1].captured |= js->vars.data[v - 1].mode == M_PARAM;
}

void np_jsscan_locals(const struct np_jsscan_function *f, np_arena *arena, struct np_jsscan_locals *ret)
{
	struct js js;
	struct target t = {.f = f};
	*ret = (struct np_jsscan_locals){0};
	const struct js_rule_set *rules = np_js_rules(f->rules);
	if (!rules || f->kind == NP_JSSCAN_OTHER)
		return;
	if (np_js_init(&js, f->chars, f->len)) {
		js.rules = rules;
		js.derived = f->kind == NP_JSSCAN_DERIVED_CONSTRUCTOR;
		js.fn.supers = true;
		js.module = f->kind == NP_JSSCAN_MODULE;
		js.tracks = true;
		target_parse(&js, &t);
		ret->understood = !js.failed;
		if (!js.failed) {
			map_arguments(&js, &t);
			return_temps(&js);
			np_js_allocate(&js, f, t.arrow, arena, ret);
		}
	}
	np_js_deinit(&js);
}

/* Collects parameters for np_jsscan_params(). */
struct collector {
	struct js_param_sink sink;
	np_arena *arena;
	NP_VEC(struct np_jsscan_param) params;
	NP_VEC(const char *) names; /* of the current parameter */
};

static void collect_name(struct js_param_sink *sink, struct js *js, const struct js_token *tok)
{
	struct collector *c = (struct collector *)sink;
	uint32_t index = np_js_intern(js, tok);
	const struct js_symbol *sym = &js->syms.data[index];
	np_vec_push(&c->names, np_js_utf8(c->arena, sym->chars, sym->len));
}

enum { PATTERN_TEXT_MAX = 60, PARAMS_MAX = 65535 /* V8's own limit */ };

/* A pattern on one line, without comments (they begin with a space or not: kept short either way). */
static const char *pattern_text(struct js *js, np_arena *arena, uint32_t start, uint32_t end)
{
	uint16_t text[PATTERN_TEXT_MAX + 1];
	size_t n = 0;
	bool space = false;
	for (uint32_t i = start; i < end; i++) {
		uint16_t c = js->base[i];
		if (c <= ' ') {
			space = true;
			continue;
		}
		if (n + space + 1 > PATTERN_TEXT_MAX) {
			text[n++] = 0x2026;
			break;
		}
		if (space)
			text[n++] = ' ';
		space = false;
		text[n++] = c;
	}
	return np_js_utf8(arena, text, n);
}

static void collect_param(struct js_param_sink *sink, struct js *js, uint32_t start, uint32_t end, bool rest,
			  bool has_default, bool pattern)
{
	struct collector *c = (struct collector *)sink;
	if (c->params.len == PARAMS_MAX) {
		np_js_fail(js);
		return;
	}
	struct np_jsscan_param param = {
		.is_rest = rest, .is_pattern = pattern, .has_default = has_default, .n_bound = c->names.len};
	param.bound = np_arena_memdup(c->arena, c->names.data, c->names.len * sizeof(*c->names.data));
	param.name = pattern ? pattern_text(js, c->arena, start, end) : c->names.len ? c->names.data[0] : "";
	np_vec_push(&c->params, param);
	c->names.len = 0;
}

void np_jsscan_params(const uint16_t *chars, size_t len, enum np_jsscan_kind kind, np_arena *arena,
		      struct np_jsscan_params *ret)
{
	struct collector c = {.sink = {collect_param, collect_name}, .arena = arena};
	struct js js;
	*ret = (struct np_jsscan_params){0};
	if (np_js_init(&js, chars, len)) {
		bool has_rest;
		np_js_next(&js);
		struct head head = head_read(&js, kind);
		js.sink = &c.sink;
		if (head.single) {
			struct js_token tok = js.tok;
			np_js_binding(&js, M_PARAM);
			if (!js_at(&js, T_ARROW))
				np_js_fail(&js);
			else
				collect_param(&c.sink, &js, tok.start, tok.end, false, false, false);
		} else if (head.in_text) {
			np_js_formals(&js, &has_rest);
		}
		ret->in_text = head.in_text;
		ret->complete = !js.failed;
		ret->is_arrow = head.in_text && js_at(&js, T_ARROW);
	}
	ret->params = np_arena_memdup(arena, c.params.data, c.params.len * sizeof(*c.params.data));
	ret->n = c.params.len;
	np_vec_deinit(&c.params);
	np_vec_deinit(&c.names);
	np_js_deinit(&js);
}
