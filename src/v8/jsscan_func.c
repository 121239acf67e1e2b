/*
 * Function and class literals inside the target (and inside each other): each
 * declares its own names, what it uses beyond them stays for the scopes around.
 */
#include "v8/jsscan_internal.h"

/* What the function around needs back. */
struct outer {
	struct js_func fn;
	uint32_t floor, names;
	struct js_param_sink *sink;
	bool inner;
};

static struct outer function_enter(struct js *js, uint32_t first_ref)
{
	struct outer outer = {js->fn, js->floor, (uint32_t)js->var_names.len, js->sink, js->inner};
	js->closures += !js->inner;
	js->inner = true;
	js->sink = NULL;
	js->floor = first_ref;
	return outer;
}

static void function_leave(struct js *js, const struct outer *outer)
{
	js->fn = outer->fn;
	js->floor = outer->floor;
	js->inner = outer->inner;
	js->sink = outer->sink;
}

/* What every function but an arrow function binds. */
static void forget_special(struct js *js, uint32_t first_ref)
{
	for (uint32_t sym = 0; sym < SYM_FIRST_FREE; sym++)
		np_js_forget(js, sym, first_ref);
}

static void forget_names(struct js *js, size_t from, uint32_t first_ref)
{
	while (js->var_names.len > from)
		np_js_forget(js, js->var_names.data[--js->var_names.len], first_ref);
}

void np_js_body(struct js *js)
{
	struct js_block block;
	size_t names = js->var_names.len;
	uint32_t start = js->tok.start;
	np_js_block_open(js, &block, S_BLOCK, start);
	js_expect(js, T_LBRACE);
	np_js_directives(js);
	np_js_statements(js, T_RBRACE);
	js_expect(js, T_RBRACE);
	forget_names(js, names, block.first_ref);
	np_js_block_close(js, &block, js->prev_end);
}

static void parameter(struct js *js, bool rest, bool *simple)
{
	uint32_t start = js->tok.start;
	bool pattern = np_js_binding(js, M_PARAM);
	uint32_t end = js->prev_end;
	bool has_default = js_at(js, T_ASSIGN);
	struct js_param_sink *sink = js->sink;
	if (sink && !js->failed)
		sink->param(sink, js, start, end, rest, has_default, pattern);
	if (js_eat(js, T_ASSIGN)) {
		js->sink = NULL;
		np_js_assign(js, 0);
		js->sink = sink;
	}
	*simple &= !pattern && !has_default && !rest;
}

bool np_js_formals(struct js *js, bool *has_rest)
{
	bool simple = true;
	*has_rest = false;
	js_expect(js, T_LPAREN);
	while (!js_at(js, T_RPAREN) && !js_at(js, T_EOF)) {
		*has_rest |= js_eat(js, T_ELLIPSIS);
		parameter(js, *has_rest, &simple);
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RPAREN);
	return simple;
}

/* At '('. */
static void function_rest(struct js *js, struct js_func fn, bool named, uint32_t name)
{
	uint32_t first_ref = (uint32_t)js->refs.len;
	struct outer outer = function_enter(js, first_ref);
	bool has_rest;
	js->fn = fn;
	np_js_formals(js, &has_rest);
	np_js_body(js);
	forget_names(js, outer.names, first_ref);
	if (js->tracks) {
		forget_special(js, first_ref);
		if (named)
			np_js_forget(js, name, first_ref);
	}
	function_leave(js, &outer);
}

void np_js_function(struct js *js, bool async)
{
	struct js_func fn = {.async = async, .strict = js->fn.strict};
	np_js_next(js);
	fn.generator = js_eat(js, T_STAR);
	bool named = js_at(js, T_IDENT);
	uint32_t name = 0;
	if (named) {
		if (js->tracks)
			name = np_js_intern(js, &js->tok);
		np_js_next(js);
	}
	function_rest(js, fn, named, name);
}

/* Only plain functions in blocks of sloppy code are hoisted out of them. */
static void declare_function(struct js *js, const struct js_token *tok, bool hoistable)
{
	if (!js->tracks)
		return;
	uint32_t sym = np_js_intern(js, tok);
	np_js_declare(js, sym, tok->start, M_FUNCTION);
	hoistable &= !js->fn.strict;
	if (js->inner) {
		if (hoistable)
			np_js_declare(js, sym, tok->start, M_VAR);
		return;
	}
	uint32_t at = np_js_find(js, js->scope, sym);
	if (!at)
		return;
	struct js_var *var = &js->vars.data[at - 1];
	if (var->mode == M_VAR || var->mode == M_FUNCTION)
		var->kind = NP_JSSCAN_FUNCTION_DECL;
	if (hoistable && js->scope != js->body) {
		var->sloppy_block_function = true;
		np_vec_push(&js->hoists, at - 1);
	}
}

void np_js_function_declaration(struct js *js, bool async)
{
	struct js_func fn = {.async = async, .strict = js->fn.strict};
	np_js_next(js);
	fn.generator = js_eat(js, T_STAR);
	struct js_token name = js->tok;
	bool named = js_eat(js, T_IDENT); /* not after export default */
	function_rest(js, fn, false, 0);
	if (named && !js->failed)
		declare_function(js, &name, !async && !fn.generator);
}

void np_js_method(struct js *js, bool async, bool generator)
{
	function_rest(js, (struct js_func){.async = async, .generator = generator, .strict = js->fn.strict}, false, 0);
}

void np_js_arrow(struct js *js, uint32_t first_ref, uint32_t cand, bool async, unsigned flags)
{
	struct outer outer = function_enter(js, (uint32_t)js->refs.len);
	size_t end = js->cands.len;
	js->fn = (struct js_func){.async = async, .strict = outer.fn.strict, .supers = outer.fn.supers};
	np_js_next(js);
	if (js_at(js, T_LBRACE))
		np_js_body(js);
	else
		np_js_assign(js, flags & E_NO_IN);
	for (size_t i = cand; i < end && i < js->cands.len; i++)
		np_js_forget(js, js->cands.data[i], first_ref);
	js->cands.len = cand;
	function_leave(js, &outer);
}

/* A field's initial value and a static block are functions of their own. */
static void class_code(struct js *js, bool is_block)
{
	uint32_t first_ref = (uint32_t)js->refs.len;
	struct outer outer = function_enter(js, first_ref);
	js->fn = (struct js_func){.strict = true};
	if (is_block)
		np_js_body(js);
	else
		np_js_assign(js, 0);
	if (js->tracks)
		forget_special(js, first_ref);
	function_leave(js, &outer);
}

struct member {
	bool is_static, async, generator;
	struct js_token key;
};

/* A modifier that is one: a key follows it. */
static bool is_modifier(struct js *js, const struct js_token *word)
{
	switch (js->tok.type) {
	case T_LPAREN:
	case T_ASSIGN:
	case T_SEMI:
	case T_RBRACE:
	case T_EOF:
		return false;
	default:
		return !js->tok.newline || (word->word != W_ASYNC && word->word != W_ACCESSOR);
	}
}

/* Modifiers and key; false: a static block. */
static bool member_head(struct js *js, struct member *m)
{
	*m = (struct member){0};
	for (;;) {
		m->key = js->tok;
		uint8_t word = js->tok.escaped ? W_NONE : js->tok.word;
		if (word != W_STATIC && word != W_ASYNC && word != W_GET && word != W_SET && word != W_ACCESSOR)
			break;
		np_js_next(js);
		if (!is_modifier(js, &m->key))
			return true;
		m->is_static |= word == W_STATIC;
		m->async |= word == W_ASYNC;
		if (word == W_STATIC && js_at(js, T_LBRACE))
			return false;
	}
	m->generator = js_eat(js, T_STAR);
	m->key = js->tok;
	if (js_eat(js, T_LBRACK)) {
		np_js_assign(js, 0);
		js_expect(js, T_RBRACK);
	} else if (js->tok.type == T_IDENT || js->tok.type >= T_BREAK || js->tok.type == T_STRING ||
		   js->tok.type == T_NUMBER || js->tok.type == T_PRIVATE) {
		np_js_next(js);
	} else {
		np_js_fail(js);
	}
	return true;
}

static void member(struct js *js)
{
	struct member m;
	if (!member_head(js, &m)) {
		class_code(js, true);
		return;
	}
	if (js->find_start && js->find_start == js->tok.start && np_js_token_is(js, &m.key, "constructor")) {
		js->found = js->cls;
		js->found_class = true;
		np_js_fail(js); /* no need to read on */
		return;
	}
	if (js_at(js, T_LPAREN)) {
		np_js_method(js, m.async, m.generator);
		return;
	}
	if (js_eat(js, T_ASSIGN))
		class_code(js, false);
	js_eat(js, T_SEMI);
}

void np_js_class(struct js *js, bool declaration)
{
	struct js_block block;
	struct js_token outer_class = js->cls, name;
	bool strict = js->fn.strict;
	uint32_t start = js->tok.start;
	js->closures += !js->inner; /* its constructor */
	np_js_next(js);
	name = js->tok;
	bool named = js_eat(js, T_IDENT);
	js->cls = named ? name : (struct js_token){0};
	np_js_block_open(js, &block, S_CLASS, start);
	if (named && js->tracks) {
		np_js_declare(js, np_js_intern(js, &name), name.start, M_CONST);
		if (!js->inner)
			js->vars.data[js->vars.len - 1].used = js->rules->class_name_always;
	}
	js->fn.strict = true;
	if (js_eat(js, T_EXTENDS))
		np_js_left_hand_side(js);
	js_expect(js, T_LBRACE);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF))
		if (!js_eat(js, T_SEMI))
			member(js);
	js_expect(js, T_RBRACE);
	np_js_block_close(js, &block, js->prev_end);
	js->fn.strict = strict;
	js->cls = outer_class;
	if (declaration && named && !js->failed && js->tracks)
		np_js_declare(js, np_js_intern(js, &name), name.start, M_CLASS);
}
