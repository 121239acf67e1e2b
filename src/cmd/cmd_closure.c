/* nopsy closure: the variables that a function closes over, scope by scope. */
#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/session.h"
#include "cmd/value_node.h"
#include "v8/context.h"
#include "v8/function.h"
#include "v8/map.h"

enum { SCOPES_MAX = 256 };

static const struct np_option options[] = {
	{"depth", 'd', NP_OPT_INT, "N", NULL, "levels of nested objects (1)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy closure 4242 0x2f31d9c1", "variables of the function at that address"},
	{0},
};

static const struct np_shape variable_shape = {
	.name = "variable", .style = NP_STYLE_LINE, .line = "{name:num} = {value}"};
static const struct np_shape scope_shape = {
	.name = "scope", .style = NP_STYLE_LINE, .line = "{kind:keyword} scope[ {address}]", .children = "variables"};
static const struct np_shape closure_shape = {
	.name = "closure", .style = NP_STYLE_LINE, .line = "[{function:name}]", .children = "scopes", .indent = 2};

static np_node *scope_node(np_v8 *v8, const struct np_context *c, const struct np_value_limits *limits, np_arena *arena)
{
	np_node *n = np_obj(arena, &scope_shape), *variables = np_list(arena, &variable_shape);
	np_set_str(n, "kind", np_scope_type_name(c->info.type));
	np_set_addr(n, "address", c->addr | 1);
	for (size_t i = 0; i < c->variable_count; i++) {
		np_node *v = np_obj(arena, &variable_shape);
		np_set_str(v, "name", c->variables[i].name);
		np_set_node(v, "value", c->variables[i].is_number
						? np_value_node_number(arena, c->variables[i].number)
						: np_value_node_of(v8, c->variables[i].value, limits, arena));
		np_add(variables, v);
	}
	np_set_node(n, "variables", variables);
	return n;
}

static np_err *run(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
	struct np_value_limits limits = np_value_limits_brief;
	limits.elements = limits.properties = 50;
	int64_t depth;
	if (np_opt_int(inv, "depth", &depth) && depth >= 0 && depth <= 100)
		limits.depth = (int)depth;
	np_addr at;
	NP_TRY(np_address_object(v8, inv->args[0], inv->arena, &at));
	inv->result = np_obj(inv->arena, &closure_shape);
	enum np_kind kind = np_kind_at(v8, at);
	np_tagged t;
	if (kind == NP_KIND_JS_FUNCTION) {
		const char *name = np_function_name(v8, at, inv->arena);
		np_set_str(inv->result, "function", name && *name ? name : "<anonymous>");
		if (!np_field(v8, at, NP_F_JSFunction_context, &t) || !np_is_ref(t))
			return np_err_new(NP_EFORMAT, "the function at %s has no readable context", inv->args[0]);
		at = np_ref(t);
	} else if (kind == NP_KIND_JS_GENERATOR || kind == NP_KIND_JS_ASYNC_FUNCTION ||
		   kind == NP_KIND_JS_ASYNC_GENERATOR) {
		if (!np_field(v8, at, NP_F_JSGeneratorObject_context, &t) || !np_is_ref(t))
			return np_err_new(NP_EFORMAT, "the generator at %s has no readable context", inv->args[0]);
		at = np_ref(t);
	} else if (np_kind_is_receiver(kind)) {
		return np_err_new(NP_EUSAGE, "%s is not a function", inv->args[0]);
	}
	np_node *scopes = np_list(inv->arena, &scope_shape);
	for (int i = 0; at && i < SCOPES_MAX; i++) {
		struct np_context c;
		np_err *err = np_context_load(v8, at, inv->arena, &c);
		if (err && !np_node_len(scopes))
			return err;
		if (err) { /* what was found so far still comes */
			np_partial(inv, "%s", np_err_message(err));
			np_err_free(err);
			break;
		}
		if (c.is_native)
			break;
		if (c.scope_info || c.variable_count)
			np_add(scopes, scope_node(v8, &c, &limits, inv->arena));
		at = c.previous;
	}
	np_set_node(inv->result, "scopes", scopes);
	return NULL;
}

const struct np_command np_cmd_closure = {
	.name = "closure",
	.group = "Look at one moment",
	.arguments = "ADDR",
	.min_args = 1,
	.max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "the variables a function closes over, scope by scope, with names",
	.help = "ADDR is a function, a generator or a Context. Scopes are listed innermost first.",
	.options = options,
	.examples = examples,
	.run = run,
};
