/*
 * Statements, with the scopes and temporaries that V8 gives them.
 */
#include "v8/jsscan_internal.h"

static void semicolon(struct js *js)
{
	js_eat(js, T_SEMI); /* or a line end, which needs no check */
}

static void block(struct js *js)
{
	struct js_block b;
	np_js_block_open(js, &b, S_BLOCK, js->tok.start);
	js_expect(js, T_LBRACE);
	np_js_statements(js, T_RBRACE);
	js_expect(js, T_RBRACE);
	np_js_block_close(js, &b, js->prev_end);
}

static void condition(struct js *js)
{
	js_expect(js, T_LPAREN);
	np_js_expression(js, 0);
	js_expect(js, T_RPAREN);
}

/* The body of if and the like; a function declaration there has a block of its own. */
static void scoped_statement(struct js *js)
{
	if (!js_at(js, T_FUNCTION)) {
		np_js_statement(js);
		return;
	}
	struct js_block b;
	np_js_block_open(js, &b, S_BLOCK, js->tok.start);
	np_js_function_declaration(js, false);
	np_js_block_close(js, &b, js->prev_end);
}

/*
 * One name or pattern with its initial value.  Returns whether there is one.
 * Where names are declared late, the value's array literals are rewritten just
 * before.
 */
static bool declarator(struct js *js, enum js_mode mode, unsigned flags)
{
	size_t slot = js->deferred.len;
	if (js->defer)
		np_vec_push(&js->deferred, (struct js_deferred){.mode = M_TEMP});
	np_js_binding(js, mode);
	if (!js_eat(js, T_ASSIGN))
		return false;
	np_js_assign(js, flags);
	if (js->defer) {
		js->deferred.data[slot].n = js->spreads;
		js->spreads = 0;
	}
	return true;
}

/* Where V8 declares names late it does so at the end of the list. */
static void declarations(struct js *js, enum js_mode mode, unsigned flags)
{
	bool outer = js->defer;
	size_t from = js->deferred.len;
	js->defer = js->rules->late_binding && js->tracks && !js->inner;
	do
		declarator(js, mode, flags);
	while (js_eat(js, T_COMMA));
	if (!outer && js->defer)
		np_js_deferred(js, from);
	js->defer = outer;
}

/* At let, using or await: does it begin a declaration?  Then *mode, and the last word is tok. */
static bool at_lexical(struct js *js, enum js_mode *mode)
{
	struct js_token next;
	*mode = M_CONST;
	if (js_at(js, T_CONST))
		return true;
	if (!js_at(js, T_IDENT) || js->tok.escaped)
		return false;
	switch (js->tok.word) {
	case W_LET:
		next = np_js_peek(js);
		*mode = M_LET;
		return next.type == T_IDENT || next.type == T_LBRACK || next.type == T_LBRACE;
	case W_USING:
		next = np_js_peek(js);
		return next.type == T_IDENT && !next.newline && next.word != W_OF;
	case W_AWAIT: {
		if (!js->fn.async)
			return false;
		next = np_js_peek(js);
		if (next.type != T_IDENT || next.word != W_USING || next.newline)
			return false;
		struct js_token saved = js->tok;
		const uint16_t *p = js->p;
		uint32_t prev_end = js->prev_end;
		np_js_next(js);
		next = np_js_peek(js);
		if (next.type == T_IDENT && !next.newline)
			return true;
		js->tok = saved;
		js->p = p;
		js->prev_end = prev_end;
		return false;
	}
	default:
		return false;
	}
}

static void return_statement(struct js *js)
{
	np_js_next(js);
	if (!js->tok.newline && !js_at(js, T_SEMI) && !js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		np_js_expression(js, 0);
		uint32_t temp = js->rules->return_temp ? np_js_temps(js, 1) : 0;
		if (temp)
			js->vars.data[temp - 1].of_return = true;
	}
	semicolon(js);
}

static void if_statement(struct js *js)
{
	for (;;) {
		np_js_next(js);
		condition(js);
		scoped_statement(js);
		if (!js_eat(js, T_ELSE))
			return;
		if (!js_at(js, T_IF)) {
			scoped_statement(js);
			return;
		}
	}
}

static void switch_statement(struct js *js)
{
	struct js_block b;
	uint32_t start = js->tok.start;
	np_js_next(js);
	condition(js);
	np_js_block_open(js, &b, S_BLOCK, start);
	js_expect(js, T_LBRACE);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		if (js_eat(js, T_CASE))
			np_js_expression(js, 0);
		else
			js_expect(js, T_DEFAULT);
		js_expect(js, T_COLON);
		while (!js_at(js, T_CASE) && !js_at(js, T_DEFAULT) && !js_at(js, T_RBRACE) && !js_at(js, T_EOF))
			np_js_statement(js);
	}
	js_expect(js, T_RBRACE);
	bool declares = js->tracks && !js->inner && js->scopes.data[js->scope].vars;
	np_js_block_close(js, &b, js->prev_end);
	if (declares || js->rules->switch_temp_always)
		np_js_temps(js, 1);
}

static void try_statement(struct js *js)
{
	np_js_next(js);
	block(js);
	if (js_eat(js, T_CATCH)) {
		struct js_block outer, inner;
		bool binds = js_at(js, T_LPAREN);
		if (binds) {
			np_js_block_open(js, &outer, S_CATCH, js->tok.start);
			np_js_next(js);
			bool pattern = !js_at(js, T_IDENT);
			if (!pattern)
				np_js_binding(js, M_CATCH);
			np_js_block_open(js, &inner, S_BLOCK, js->tok.start);
			if (pattern)
				np_js_binding(js, M_LET);
			js_expect(js, T_RPAREN);
		}
		block(js);
		if (binds) {
			np_js_block_close(js, &inner, js->prev_end);
			np_js_block_close(js, &outer, js->prev_end);
		}
	}
	if (js_eat(js, T_FINALLY))
		block(js);
}

static void with_statement(struct js *js)
{
	struct js_block b;
	np_js_next(js);
	condition(js);
	np_js_block_open(js, &b, S_WITH, js->tok.start);
	scoped_statement(js);
	np_js_block_close(js, &b, js->prev_end);
}

/* The scopes of a loop that declares let or const. */
struct loop {
	struct js_block outer, names, copies;
	uint32_t outer_scope, names_scope; /* of the target */
	size_t deferred;
	bool target, lexical;
	enum js_mode mode;
};

static void loop_iterable(struct js *js, bool of)
{
	np_js_next(js);
	if (of)
		np_js_assign(js, 0);
	else
		np_js_expression(js, 0);
	js_expect(js, T_RPAREN);
}

/*
 * for (let x of e) body: V8 evaluates e in a scope with an x that is never
 * initialised, assigns each value to a temporary and from there to the x of a
 * scope around the body.
 */
static void for_each(struct js *js, struct loop *loop)
{
	bool of = js_at(js, T_IDENT);
	if (loop->target && loop->lexical)
		js->scope = loop->outer_scope;
	loop_iterable(js, of);
	if (loop->target && loop->lexical) {
		struct js_scope *names = &js->scopes.data[loop->names_scope];
		js->scope = loop->names_scope;
		names->start = js->prev_end;
		names->first_ref = js->floor = (uint32_t)js->refs.len;
	}
	np_js_statement(js);
	np_js_temps(js, 1);
	np_js_deferred(js, loop->deferred);
	if (loop->lexical)
		np_js_block_close(js, &loop->names, js->prev_end);
	if (loop->lexical && loop->target) {
		uint32_t v = js->scopes.data[loop->names_scope].vars;
		for (; v; v = js->vars.data[v - 1].next) {
			uint32_t dead = np_js_declare_in(js, js->scope, js->vars.data[v - 1].sym,
						      js->vars.data[v - 1].pos, M_LET);
			js->vars.data[dead].used = js->vars.data[dead].hidden = true;
		}
	}
	if (of)
		np_js_temps(js, js->rules->for_of_temps);
}

/*
 * for (let i = 0; ...): when a function is made in the loop each iteration has
 * its own variables, copied over through temporaries.
 */
static void loop_copies(struct js *js, const struct loop *loop, bool has_next)
{
	uint32_t first = js->scopes.data[loop->names_scope].vars;
	unsigned n = 0;
	for (uint32_t v = first; v; v = js->vars.data[v - 1].next, n++) {
		struct js_var var = js->vars.data[v - 1];
		uint32_t copy = np_js_declare_in(js, js->scope, var.sym, var.pos, (enum js_mode)var.mode);
		js->vars.data[copy].used = true;
	}
	if (n)
		np_js_temps(js, n + has_next + 1);
}

static void for_three(struct js *js, struct loop *loop, uint32_t closures)
{
	np_js_deferred(js, loop->deferred);
	js_expect(js, T_SEMI);
	if (loop->lexical)
		np_js_block_open(js, &loop->copies, S_BLOCK, js->prev_end);
	if (!js_at(js, T_SEMI))
		np_js_expression(js, 0);
	js_expect(js, T_SEMI);
	bool has_next = !js_at(js, T_RPAREN);
	if (has_next)
		np_js_expression(js, 0);
	js_expect(js, T_RPAREN);
	np_js_statement(js);
	if (!loop->lexical)
		return;
	if (loop->target && js->closures != closures && !js->failed)
		loop_copies(js, loop, has_next);
	np_js_block_close(js, &loop->copies, js->prev_end);
	np_js_block_close(js, &loop->names, js->prev_end);
}

static void for_declaration(struct js *js, struct loop *loop, uint32_t start)
{
	uint32_t closures = js->closures;
	loop->target = js->tracks && !js->inner;
	loop->deferred = js->deferred.len;
	np_js_next(js);
	if (loop->lexical) {
		np_js_block_open(js, &loop->outer, S_BLOCK, start);
		loop->outer_scope = js->scope;
		np_js_block_open(js, &loop->names, S_BLOCK, start);
		loop->names_scope = js->scope;
	}
	bool defer = js->defer;
	js->defer = loop->target && js->rules->late_binding;
	size_t refs = js->refs.len;
	struct js_token name = js->tok;
	bool pattern = js_at(js, T_LBRACK) || js_at(js, T_LBRACE);
	bool initial = declarator(js, loop->mode, E_NO_IN);
	bool each = js_at(js, T_IN) || (!initial && js_at_word(js, W_OF));
	if (each) {
		js->defer = defer;
		if (!loop->lexical && !pattern && refs == js->refs.len)
			np_js_use(js, &name);
		for_each(js, loop);
	} else {
		if (js_eat(js, T_COMMA))
			declarations(js, loop->mode, E_NO_IN);
		js->defer = defer;
		for_three(js, loop, closures);
	}
	if (loop->lexical)
		np_js_block_close(js, &loop->outer, js->prev_end);
}

static void for_statement(struct js *js)
{
	struct loop loop = {.lexical = true};
	np_js_next(js);
	if (js_at_word(js, W_AWAIT))
		np_js_next(js);
	uint32_t start = js->tok.start;
	js_expect(js, T_LPAREN);
	if (at_lexical(js, &loop.mode)) {
		for_declaration(js, &loop, start);
		return;
	}
	loop.lexical = false;
	loop.deferred = js->deferred.len;
	if (js_at(js, T_VAR)) {
		loop.mode = M_VAR;
		for_declaration(js, &loop, start);
		return;
	}
	bool pattern = js_at(js, T_LBRACK) || js_at(js, T_LBRACE);
	if (!js_at(js, T_SEMI))
		np_js_expression(js, E_NO_IN);
	if (!js_at(js, T_IN) && !js_at_word(js, W_OF)) {
		for_three(js, &loop, 0);
		return;
	}
	bool of = js_at(js, T_IDENT);
	loop_iterable(js, of);
	np_js_statement(js);
	if (pattern && js->rules->array_temps)
		np_js_unknown_temps(js);
	if (of)
		np_js_temps(js, js->rules->for_of_temps);
}

/* import and export: bindings that live in module cells have no register. */
static void import_list(struct js *js)
{
	np_js_next(js);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		struct js_token local = js->tok;
		np_js_name(js);
		if (js_at(js, T_IDENT) && np_js_token_is(js, &js->tok, "as")) {
			np_js_next(js);
			local = js->tok;
			np_js_name(js);
		}
		if (js->tracks && local.type == T_IDENT) {
			uint32_t sym = np_js_intern(js, &local);
			np_js_declare(js, sym, local.start, M_CONST);
			np_vec_push(&js->exports, sym);
		}
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RBRACE);
}

static void import_attributes(struct js *js)
{
	if (js_at(js, T_WITH) || (js_at(js, T_IDENT) && np_js_token_is(js, &js->tok, "assert"))) {
		np_js_next(js);
		if (js_at(js, T_LBRACE))
			np_js_assign(js, 0);
	}
	semicolon(js);
}

static void import_statement(struct js *js)
{
	np_js_next(js);
	while (!js_at(js, T_STRING) && !js_at(js, T_EOF)) {
		if (js_at(js, T_LBRACE)) {
			import_list(js);
		} else if (js_eat(js, T_STAR)) { /* as ns: an ordinary variable */
			np_js_next(js);
			if (js_at(js, T_IDENT))
				np_js_binding(js, M_CONST);
		} else if (js_at(js, T_IDENT)) {
			struct js_token name = js->tok;
			np_js_next(js);
			bool from = np_js_token_is(js, &name, "from") && js_at(js, T_STRING);
			if (!from && js->tracks && !js_at(js, T_STAR)) {
				np_js_declare(js, np_js_intern(js, &name), name.start, M_CONST);
				np_vec_push(&js->exports, np_js_intern(js, &name));
			}
		} else if (!js_eat(js, T_COMMA)) {
			np_js_fail(js);
		}
	}
	js_expect(js, T_STRING);
	import_attributes(js);
}

static void export_list(struct js *js)
{
	size_t first = js->exports.len;
	np_js_next(js);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		if (js->tracks && js_at(js, T_IDENT))
			np_vec_push(&js->exports, np_js_intern(js, &js->tok));
		np_js_name(js);
		if (js_at(js, T_IDENT) && np_js_token_is(js, &js->tok, "as")) {
			np_js_name(js);
			np_js_next(js);
		}
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RBRACE);
	if (js_at(js, T_IDENT) && np_js_token_is(js, &js->tok, "from")) {
		js->exports.len = first;
		np_js_next(js);
		js_expect(js, T_STRING);
		import_attributes(js);
	}
}

static void export_statement(struct js *js)
{
	size_t n = js->vars.len;
	np_js_next(js);
	if (js_at(js, T_LBRACE)) {
		export_list(js);
		return;
	}
	if (js_eat(js, T_STAR)) {
		while (!js_at(js, T_STRING) && !js_at(js, T_EOF))
			np_js_name(js);
		js_expect(js, T_STRING);
		import_attributes(js);
		return;
	}
	if (js_eat(js, T_DEFAULT) && !js_at(js, T_FUNCTION) && !js_at(js, T_CLASS) && !js_at_word(js, W_ASYNC)) {
		np_js_assign(js, 0);
		semicolon(js);
		return;
	}
	np_js_statement(js);
	for (; js->tracks && n < js->vars.len; n++)
		if (js->vars.data[n].mode != M_TEMP && js->vars.data[n].scope == js->body)
			np_vec_push(&js->exports, js->vars.data[n].sym);
}

/* A statement that begins with a name. */
static void word_statement(struct js *js)
{
	enum js_mode mode;
	if (at_lexical(js, &mode)) {
		np_js_next(js);
		declarations(js, mode, 0);
		semicolon(js);
		return;
	}
	if (js->tok.word == W_ASYNC && !js->tok.escaped) {
		struct js_token next = np_js_peek(js);
		if (next.type == T_FUNCTION && !next.newline) {
			np_js_next(js);
			np_js_function_declaration(js, true);
			return;
		}
	}
	np_js_expression(js, 0);
	semicolon(js);
}

static void import_or_expression(struct js *js)
{
	struct js_token next = np_js_peek(js);
	if (next.type != T_LPAREN && next.type != T_DOT) {
		import_statement(js);
		return;
	}
	np_js_expression(js, 0);
	semicolon(js);
}

static void statement(struct js *js)
{
	switch (js->tok.type) {
	case T_LBRACE:
		block(js);
		break;
	case T_SEMI:
		np_js_next(js);
		break;
	case T_VAR:
	case T_CONST: {
		enum js_mode mode = js_at(js, T_VAR) ? M_VAR : M_CONST;
		np_js_next(js);
		declarations(js, mode, 0);
		semicolon(js);
		break;
	}
	case T_IDENT:
		word_statement(js);
		break;
	case T_FUNCTION:
		np_js_function_declaration(js, false);
		break;
	case T_CLASS:
		np_js_class(js, true);
		break;
	case T_IF:
		if_statement(js);
		break;
	case T_FOR:
		for_statement(js);
		break;
	case T_WHILE:
		np_js_next(js);
		condition(js);
		scoped_statement(js);
		break;
	case T_DO:
		np_js_next(js);
		scoped_statement(js);
		js_expect(js, T_WHILE);
		condition(js);
		semicolon(js);
		break;
	case T_RETURN:
		return_statement(js);
		break;
	case T_BREAK:
	case T_CONTINUE:
		np_js_next(js);
		if (js_at(js, T_IDENT) && !js->tok.newline)
			np_js_next(js);
		semicolon(js);
		break;
	case T_DEBUGGER:
		np_js_next(js);
		semicolon(js);
		break;
	case T_SWITCH:
		switch_statement(js);
		break;
	case T_TRY:
		try_statement(js);
		break;
	case T_WITH:
		with_statement(js);
		break;
	case T_IMPORT:
		import_or_expression(js);
		break;
	case T_EXPORT:
		export_statement(js);
		break;
	case T_THROW:
		np_js_next(js);
		/* fallthrough */
	default:
		np_js_expression(js, 0);
		semicolon(js);
		break;
	}
}

/* At a name: does ':' follow? */
static bool at_label(struct js *js)
{
	uint16_t c = js->p < js->end ? *js->p : 0;
	return c == ':' || ((c <= ' ' || c == '/' || c >= 128) && np_js_peek(js).type == T_COLON);
}

void np_js_statement(struct js *js)
{
	if (js_enter(js)) {
		while (js_at(js, T_IDENT) && at_label(js)) {
			np_js_next(js);
			np_js_next(js);
		}
		statement(js);
	}
	js_leave(js);
}

void np_js_statements(struct js *js, enum js_type end)
{
	while (!js_at(js, end) && !js_at(js, T_EOF))
		np_js_statement(js);
}

/* Can tok go on with the expression before it? */
static bool continues(const struct js_token *tok)
{
	return (tok->type >= T_DOT && tok->type <= T_BINARY && tok->type != T_NOT && tok->type != T_INCDEC) ||
	       tok->type == T_TEMPLATE || tok->type == T_LPAREN || tok->type == T_LBRACK || tok->type == T_COMMA ||
	       tok->type == T_IN || tok->type == T_INSTANCEOF;
}

void np_js_directives(struct js *js)
{
	while (js_at(js, T_STRING)) {
		struct js_token next = np_js_peek(js);
		bool ends = next.type == T_SEMI || next.type == T_RBRACE || next.type == T_EOF;
		if (!ends && (!next.newline || continues(&next)))
			return;
		if (np_js_token_is(js, &js->tok, "'use strict'") || np_js_token_is(js, &js->tok, "\"use strict\""))
			js->fn.strict = true;
		np_js_next(js);
		semicolon(js);
	}
}
