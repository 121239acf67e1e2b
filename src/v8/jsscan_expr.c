/*
 * Expressions and binding patterns.  Precedence does not matter to names, so an
 * expression is operand, operator, operand ...; only brackets, templates and
 * functions nest.
 */
#include "v8/jsscan_internal.h"

void np_js_use(struct js *js, const struct js_token *tok)
{
	if (js->tracks)
		np_js_ref(js, np_js_intern(js, tok));
}

/* What may follow a name or pattern in a list that may turn out to be parameters. */
static bool ends_binding(const struct js *js)
{
	switch (js->tok.type) {
	case T_COMMA:
	case T_RPAREN:
	case T_RBRACK:
	case T_RBRACE:
	case T_ASSIGN:
		return true;
	default:
		return false;
	}
}

static void use_operand(struct js *js, const struct js_token *tok, unsigned flags)
{
	if (!js->tracks)
		return;
	uint32_t sym = np_js_intern(js, tok);
	np_js_ref(js, sym);
	if ((flags & E_PATTERN) && ends_binding(js))
		np_vec_push(&js->cands, sym);
}

static void template(struct js *js)
{
	while (np_js_template(js)) {
		np_js_expression(js, 0);
		if (!js_at(js, T_RBRACE)) {
			np_js_fail(js);
			return;
		}
	}
}

void np_js_arguments(struct js *js, bool property_callee)
{
	bool spread = false, spread_inside = false;
	np_js_next(js);
	while (!js_at(js, T_RPAREN) && !js_at(js, T_EOF)) {
		spread_inside |= spread;
		if (js_eat(js, T_ELLIPSIS))
			spread = true;
		np_js_assign(js, 0);
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RPAREN);
	if (spread_inside && property_callee && js->rules->method_spread_temp)
		np_js_temps(js, 1);
}

/* What began as an expression of the target turned out to be an arrow function's parameters. */
static void disown(struct js *js, uint32_t first_ref, size_t n_scopes, size_t n_vars)
{
	np_js_use_inner(js, first_ref);
	for (size_t i = n_scopes; i < js->scopes.len; i++)
		js->scopes.data[i].dead = true;
	for (size_t i = n_vars; i < js->vars.len; i++)
		js->vars.data[i].dead = true;
}

/* At '(': a parenthesised expression, the arguments of a call of async, or an arrow function (true). */
static bool parenthesis(struct js *js, unsigned flags, const struct js_token *async)
{
	uint32_t first_ref = (uint32_t)js->refs.len, saved_floor = js->floor, spreads = js->spreads;
	size_t cand = js->cands.len, n_scopes = js->scopes.len, n_vars = js->vars.len;
	js->floor = first_ref;
	np_js_next(js);
	while (!js_at(js, T_RPAREN) && !js_at(js, T_EOF)) {
		js_eat(js, T_ELLIPSIS);
		np_js_assign(js, E_PATTERN);
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RPAREN);
	js->floor = saved_floor;
	if (js_at(js, T_ARROW) && !js->tok.newline) {
		if (js->tracks && !js->inner)
			disown(js, first_ref, n_scopes, n_vars);
		js->spreads = spreads;
		np_js_arrow(js, first_ref, (uint32_t)cand, async != NULL, flags);
		return true;
	}
	js->cands.len = cand;
	if (async)
		np_js_use(js, async);
	return false;
}

static void array_literal(struct js *js, unsigned flags)
{
	uint32_t spreads = 0;
	np_js_next(js);
	while (!js_at(js, T_RBRACK) && !js_at(js, T_EOF)) {
		if (js_eat(js, T_COMMA))
			continue;
		spreads += js_eat(js, T_ELLIPSIS);
		np_js_assign(js, flags & E_PATTERN);
		if (!js_at(js, T_RBRACK) && !js_at(js, T_COMMA))
			np_js_fail(js);
	}
	js_expect(js, T_RBRACK);
	if (spreads && js->rules->spread_temps && !js->inner)
		js->spreads += 1 + 3 * spreads;
}

static bool at_key(const struct js *js)
{
	return js->tok.type == T_IDENT || js->tok.type >= T_BREAK || js->tok.type == T_STRING ||
	       js->tok.type == T_NUMBER || js->tok.type == T_PRIVATE || js->tok.type == T_LBRACK;
}

static void key(struct js *js)
{
	if (!at_key(js)) {
		np_js_fail(js);
	} else if (js_eat(js, T_LBRACK)) {
		np_js_assign(js, 0);
		js_expect(js, T_RBRACK);
	} else {
		np_js_next(js);
	}
}

static void property(struct js *js, unsigned flags)
{
	struct js_token name = js->tok;
	bool async = js_at_word(js, W_ASYNC);
	if (async || js_at_word(js, W_GET) || js_at_word(js, W_SET)) {
		np_js_next(js);
		bool generator = async && js_eat(js, T_STAR);
		if (generator || at_key(js)) {
			key(js);
			np_js_method(js, async, generator);
			return;
		}
	} else if (js_eat(js, T_STAR)) {
		key(js);
		np_js_method(js, false, true);
		return;
	} else {
		key(js);
	}
	if (js_at(js, T_LPAREN)) {
		np_js_method(js, false, false);
	} else if (js_eat(js, T_COLON)) {
		np_js_assign(js, flags & E_PATTERN);
	} else if (name.type == T_IDENT) {
		use_operand(js, &name, flags);
		if (js_eat(js, T_ASSIGN))
			np_js_assign(js, 0);
	} else {
		np_js_fail(js);
	}
}

static void object_literal(struct js *js, unsigned flags)
{
	np_js_next(js);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		if (js_eat(js, T_ELLIPSIS))
			np_js_assign(js, flags & E_PATTERN);
		else
			property(js, flags);
		if (!js_eat(js, T_COMMA))
			break;
	}
	js_expect(js, T_RBRACE);
}

/* At a name: a use of it or an arrow function (true).  *tok is the name. */
static bool identifier(struct js *js, unsigned flags, bool after_new, struct js_token *tok)
{
	*tok = js->tok;
	np_js_next(js);
	if (tok->word == W_ASYNC && !tok->escaped && !js->tok.newline) {
		if (js_at(js, T_FUNCTION)) {
			np_js_function(js, true);
			return false;
		}
		if (js_at(js, T_LPAREN) && !after_new)
			return parenthesis(js, flags, tok);
		if (js_at(js, T_IDENT) && np_js_peek(js).type == T_ARROW) {
			*tok = js->tok;
			np_js_next(js);
			if (js->tracks)
				np_vec_push(&js->cands, np_js_intern(js, tok));
			np_js_arrow(js, (uint32_t)js->refs.len, (uint32_t)js->cands.len - js->tracks, true, flags);
			return true;
		}
	}
	if (js_at(js, T_ARROW) && !js->tok.newline) {
		if (js->tracks)
			np_vec_push(&js->cands, np_js_intern(js, tok));
		np_js_arrow(js, (uint32_t)js->refs.len, (uint32_t)js->cands.len - js->tracks, false, flags);
		return true;
	}
	use_operand(js, tok, flags);
	if (tok->word == W_EVAL && js_at(js, T_LPAREN) && !after_new)
		np_js_mark_eval(js);
	return false;
}

static void super(struct js *js)
{
	np_js_next(js);
	if (js_at(js, T_LPAREN)) {
		js->derived |= js->fn.supers;
		np_js_ref(js, SYM_NEW_TARGET);
		np_js_ref(js, SYM_THIS_FUNCTION);
	} else if (js->rules->super_uses_function) {
		np_js_ref(js, SYM_THIS_FUNCTION);
	}
}

/* Returns true when it was an arrow function, which no operator can follow. */
static bool primary(struct js *js, unsigned flags, bool after_new)
{
	struct js_token tok;
	switch (js->tok.type) {
	case T_IDENT:
		return identifier(js, flags, after_new, &tok);
	case T_NUMBER:
	case T_STRING:
	case T_LITERAL:
	case T_PRIVATE:
	case T_IMPORT:
		np_js_next(js);
		return false;
	case T_TEMPLATE:
		template(js);
		return false;
	case T_DIV:
	case T_DIV_ASSIGN:
		np_js_regexp(js);
		return false;
	case T_LPAREN:
		return parenthesis(js, flags, NULL);
	case T_LBRACK:
		array_literal(js, flags);
		return false;
	case T_LBRACE:
		object_literal(js, flags);
		return false;
	case T_FUNCTION:
		np_js_function(js, false);
		return false;
	case T_CLASS:
		np_js_class(js, false);
		return false;
	case T_SUPER:
		super(js);
		return false;
	default:
		np_js_fail(js);
		return false;
	}
}

static void postfix(struct js *js, unsigned news, bool is_super)
{
	bool property_callee = false;
	for (;;) {
		switch (js->tok.type) {
		case T_DOT:
		case T_QDOT: {
			bool optional = js_at(js, T_QDOT);
			np_js_name(js);
			property_callee = js_at(js, T_IDENT) || js_at(js, T_PRIVATE);
			if (property_callee)
				np_js_next(js);
			else if (!optional)
				np_js_fail(js);
			break;
		}
		case T_LBRACK:
			np_js_next(js);
			np_js_expression(js, 0);
			js_expect(js, T_RBRACK);
			property_callee = true;
			break;
		case T_LPAREN:
			np_js_arguments(js, property_callee && !news && !is_super);
			news -= news > 0;
			property_callee = is_super = false;
			break;
		case T_TEMPLATE:
			template(js);
			property_callee = is_super = false;
			break;
		case T_INCDEC:
			if (!js->tok.newline)
				np_js_next(js);
			return;
		default:
			return;
		}
	}
}

/* Nothing that yield could yield. */
static bool ends_operand(const struct js *js)
{
	switch (js->tok.type) {
	case T_EOF:
	case T_RPAREN:
	case T_RBRACK:
	case T_RBRACE:
	case T_COMMA:
	case T_SEMI:
	case T_COLON:
	case T_IN:
		return true;
	default:
		return js->tok.newline;
	}
}

/* An operand with what stands before and behind it; true: an arrow function. */
static bool operand(struct js *js, unsigned flags)
{
	unsigned news = 0;
	for (;;) {
		switch (js->tok.type) {
		case T_INCDEC:
		case T_ADDSUB:
		case T_NOT:
		case T_UNARY:
			np_js_next(js);
			flags &= ~(unsigned)E_PATTERN;
			continue;
		case T_NEW:
			np_js_next(js);
			flags &= ~(unsigned)E_PATTERN;
			if (!js_at(js, T_DOT)) {
				news++;
				continue;
			}
			np_js_name(js); /* new.target */
			np_js_ref(js, SYM_NEW_TARGET);
			np_js_next(js);
			postfix(js, news, false);
			return false;
		case T_IDENT:
			if (js->tok.word == W_AWAIT && js->fn.async) {
				np_js_next(js);
				flags &= ~(unsigned)E_PATTERN;
				continue;
			}
			if (js->tok.word == W_YIELD && js->fn.generator) {
				np_js_next(js);
				flags &= ~(unsigned)E_PATTERN;
				if (js_at(js, T_STAR))
					np_js_next(js);
				else if (ends_operand(js))
					return false;
				continue;
			}
			break;
		default:
			break;
		}
		break;
	}
	bool is_super = js_at(js, T_SUPER);
	if (primary(js, flags, news > 0))
		return true;
	postfix(js, news, is_super);
	return false;
}

void np_js_left_hand_side(struct js *js)
{
	if (js_enter(js))
		operand(js, 0);
	js_leave(js);
}

void np_js_assign(struct js *js, unsigned flags)
{
	size_t cand = js->cands.len;
	bool literal = js_at(js, T_LBRACK) || js_at(js, T_LBRACE);
	uint32_t spreads = js->spreads;
	bool arrow = !js_enter(js) || operand(js, flags);
	if (literal && !ends_binding(js))
		js->cands.len = cand;
	if (literal && js_at(js, T_ASSIGN))
		js->spreads = spreads; /* a pattern */
	while (!arrow) {
		switch (js->tok.type) {
		case T_IN:
			if (flags & E_NO_IN)
				goto done;
			break;
		case T_QUESTION:
			np_js_next(js);
			np_js_assign(js, 0);
			if (!js_at(js, T_COLON)) {
				np_js_fail(js);
				goto done;
			}
			break;
		case T_ASSIGN:
		case T_ASSIGN_OP:
		case T_ADDSUB:
		case T_STAR:
		case T_DIV:
		case T_DIV_ASSIGN:
		case T_BINARY:
		case T_INSTANCEOF:
			break;
		default:
			goto done;
		}
		np_js_next(js);
		arrow = operand(js, flags & E_NO_IN);
	}
done:
	if (js->spreads && !js->inner && !js->defer && !(flags & E_PATTERN)) {
		np_js_temps(js, js->spreads);
		js->spreads = 0;
	}
	js_leave(js);
}

void np_js_expression(struct js *js, unsigned flags)
{
	do
		np_js_assign(js, flags);
	while (js_eat(js, T_COMMA));
}

/*
 * Binding patterns.  Where V8 rewrites patterns in its parser it makes
 * temporaries (parsing/pattern-rewriter.cc of 6.8): one for an object pattern,
 * one more for each computed key before a ...rest; some for an array pattern,
 * two of them behind its names; one for each default value, before its name.
 * Some turn out to be used, and then take a register, only later.
 */
static bool pattern_temps(const struct js *js)
{
	return js->rules->array_temps && !js->inner && js->tracks;
}

static uint32_t temps_add(struct js *js, unsigned n)
{
	if (!js->defer)
		return np_js_temps(js, n) - 1;
	np_vec_push(&js->deferred, (struct js_deferred){.n = n, .mode = M_TEMP});
	return (uint32_t)js->deferred.len - 1;
}

/* Is the temporary that temps_add(js, 1) made used? */
static void temp_settle(struct js *js, uint32_t temp, bool used)
{
	if (js->defer)
		js->deferred.data[temp].n = used;
	else
		js->vars.data[temp].used = used;
}

static void binding_name(struct js *js, enum js_mode mode, bool in_pattern)
{
	struct js_token tok = js->tok;
	if (!js_at(js, T_IDENT)) {
		np_js_fail(js);
		return;
	}
	if (js->sink)
		js->sink->name(js->sink, js, &tok);
	np_js_next(js);
	if (!js->tracks)
		return;
	uint32_t sym = np_js_intern(js, &tok);
	if (js->defer && !js->inner)
		np_vec_push(&js->deferred, (struct js_deferred){sym, tok.start, 0, (uint8_t)mode});
	else
		np_js_declare(js, sym, tok.start, mode);
	if (mode == M_VAR && (in_pattern || js_at(js, T_ASSIGN)))
		np_js_ref(js, sym); /* it is assigned to */
}

void np_js_deferred(struct js *js, size_t from)
{
	for (size_t i = from; i < js->deferred.len; i++) {
		struct js_deferred d = js->deferred.data[i];
		if (d.mode == M_TEMP)
			np_js_temps(js, d.n);
		else
			np_js_declare(js, d.sym, d.pos, (enum js_mode)d.mode);
	}
	js->deferred.len = from;
}

/* An element with its default value, if any. */
static void binding_element(struct js *js, enum js_mode mode)
{
	bool temps = pattern_temps(js);
	uint32_t temp = temps ? temps_add(js, 1) : 0;
	if (js_at(js, T_LBRACK) || js_at(js, T_LBRACE))
		np_js_binding(js, mode);
	else
		binding_name(js, mode, true);
	if (temps)
		temp_settle(js, temp, js_at(js, T_ASSIGN));
	if (js_eat(js, T_ASSIGN)) {
		struct js_param_sink *sink = js->sink;
		js->sink = NULL;
		np_js_assign(js, 0);
		js->sink = sink;
	}
}

static void array_binding(struct js *js, enum js_mode mode)
{
	bool temps = pattern_temps(js), elements = false, rest = false;
	uint32_t value = 0, result = 0;
	np_js_next(js);
	if (temps) {
		temps_add(js, js->rules->array_temps);
		result = temps_add(js, 1);
		value = temps_add(js, 1);
	}
	while (!js_at(js, T_RBRACK) && !js_at(js, T_EOF)) {
		if (js_eat(js, T_COMMA)) {
			elements = true;
			continue;
		}
		rest = js_eat(js, T_ELLIPSIS);
		elements |= !rest;
		if (rest && temps)
			temps_add(js, js->rules->array_rest_temps);
		binding_element(js, mode);
		if (!js_at(js, T_RBRACK) && !js_at(js, T_COMMA))
			np_js_fail(js);
		js_eat(js, T_COMMA);
	}
	js_expect(js, T_RBRACK);
	if (temps) {
		temp_settle(js, result, elements || rest);
		temp_settle(js, value, elements);
		temps_add(js, 2);
	}
}

/* The key of a property of a pattern, and the ':'; nothing of a shorthand property. */
static void binding_key(struct js *js)
{
	if (js_at(js, T_IDENT) && np_js_peek(js).type != T_COLON)
		return;
	if (js_at(js, T_LBRACK) && pattern_temps(js)) {
		uint32_t temp = temps_add(js, 1);
		temp_settle(js, temp, false);
		np_vec_push(&js->cands, temp);
	}
	struct js_param_sink *sink = js->sink;
	js->sink = NULL;
	key(js);
	js->sink = sink;
	js_expect(js, T_COLON);
}

static void object_binding(struct js *js, enum js_mode mode)
{
	size_t computed = js->cands.len;
	np_js_next(js);
	if (pattern_temps(js))
		temps_add(js, 1);
	while (!js_at(js, T_RBRACE) && !js_at(js, T_EOF)) {
		if (js_eat(js, T_ELLIPSIS)) {
			binding_name(js, mode, true);
			for (size_t i = computed; i < js->cands.len; i++)
				temp_settle(js, js->cands.data[i], true);
		} else {
			binding_key(js);
			binding_element(js, mode);
		}
		if (!js_eat(js, T_COMMA))
			break;
	}
	js->cands.len = computed;
	js_expect(js, T_RBRACE);
}

bool np_js_binding(struct js *js, enum js_mode mode)
{
	bool pattern = js_at(js, T_LBRACK) || js_at(js, T_LBRACE);
	if (!js_enter(js))
		;
	else if (js_at(js, T_LBRACK))
		array_binding(js, mode);
	else if (js_at(js, T_LBRACE))
		object_binding(js, mode);
	else
		binding_name(js, mode, false);
	js_leave(js);
	return pattern;
}
