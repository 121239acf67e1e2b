/* nopsy print: values at addresses, decoded whole. */
#include <string.h>

#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/session.h"
#include "cmd/value_node.h"
#include "v8/error_stack.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/script.h"
#include "v8/string.h"

enum { SCRIPT_TYPE_NATIVE = 0, STACK_UNITS_MAX = 1 << 16 };

static const struct np_shape shape_stack = {.name = "stack", .style = NP_STYLE_TEXT};

static const struct np_option options[] = {
	{"depth", 'd', NP_OPT_INT, "N", NULL, "levels of nested objects (2)"},
	{"all-properties", 'a', NP_OPT_FLAG, NULL, NULL, "not enumerable and V8-internal properties, too; no limits on counts"},
	{"max-string", 'N', NP_OPT_INT, "UNITS", NULL, "characters of each string (1024)"},
	{"max-elements", 0, NP_OPT_INT, "N", NULL, "elements or entries of each collection (200)"},
	{"max-bytes", 0, NP_OPT_INT, "N", NULL, "bytes of each buffer (512)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy print 4242 0x2f31d9c1", "an object, two levels deep"},
	{"nopsy print core.4242 '0x2f31d9c1.cache.entries[0]' --depth 4", "a member of it, deeper"},
	{"nopsy print core.4242 0x2f31d9c1.stack", "the stack of an error, as text"},
	{0},
};

static size_t limit_option(const struct np_invocation *inv, const char *name, size_t otherwise)
{
	int64_t n;
	return np_opt_int(inv, name, &n) && n >= 0 ? (size_t)n : otherwise;
}

/* Where `.stack` or `["stack"]` at the end of an argument begins; NULL when it does not end so. */
static const char *stack_step(const char *text)
{
	static const char *const steps[] = {".stack", "[\"stack\"]", "['stack']"};
	size_t len = strlen(text);
	for (size_t i = 0; i < NP_ARRAY_LEN(steps); i++) {
		size_t n = strlen(steps[i]);
		if (len > n && !strcmp(text + len - n, steps[i]))
			return text + len - n;
	}
	return NULL;
}

/* Is t an accessor of the program's own making? V8's getter of `stack` has no script, or a native one. */
static bool is_program_accessor(np_v8 *v8, np_tagged t, np_arena *arena)
{
	np_tagged getter;
	np_addr shared;
	struct np_shared s;
	const struct np_script *script;
	int32_t type;
	if (!np_is_kind(v8, t, NP_KIND_ACCESSOR_PAIR) || !np_field(v8, np_ref(t), NP_F_AccessorPair_getter, &getter) ||
	    !np_is_ref(getter) || !np_function_shared(v8, np_ref(getter), &shared) ||
	    np_err_drop(np_shared_load(v8, shared, arena, &s)) || !s.script ||
	    np_err_drop(np_script_load(v8, s.script, &script)))
		return false;
	return !np_has(v8->layout, NP_F_Script_type) ||
	       !np_smi_at(v8, s.script + (np_addr)np_get(v8->layout, NP_F_Script_type), &type) ||
	       type != SCRIPT_TYPE_NATIVE;
}

/*
 * The text that `.stack` of an error gives.  V8 makes it when it is asked for:
 * until then, or always, what the object has is an accessor.  NULL for anything
 * that is no error's, or that the program put there itself (found, NULL: the
 * object has no such member).
 */
static const char *stack_text(np_v8 *v8, np_addr holder, const np_tagged *found, np_arena *arena)
{
	bool is_string = found && np_is_kind(v8, *found, NP_KIND_STRING);
	/* an AccessorInfo or a Foreign is V8's own */
	if (found && !is_string &&
	    (!np_is_ref(*found) || np_kind_is_receiver(np_kind_at(v8, np_ref(*found))) ||
	     is_program_accessor(v8, *found, arena)))
		return NULL;
	const char *text = np_error_stack_text(v8, holder, arena);
	if (is_string && (text || np_kind_at(v8, holder) == NP_KIND_JS_ERROR))
		return np_string_utf8(v8, np_ref(*found), STACK_UNITS_MAX, arena);
	return is_string ? NULL : text;
}

static np_node *stack_node(struct np_invocation *inv, const char *arg, const np_tagged *found)
{
	np_v8 *v8 = inv->session->v8;
	const char *step = stack_step(arg);
	np_addr holder;
	if (!step || np_err_drop(np_address_object(v8, np_arena_strndup(inv->arena, arg, (size_t)(step - arg)), inv->arena,
						   &holder)))
		return NULL;
	const char *text = stack_text(v8, holder, found, inv->arena);
	if (!text)
		return NULL;
	np_node *n = np_obj(inv->arena, &shape_stack);
	np_set_str(n, "type", "string");
	np_set_str(n, "value", text);
	np_set_bool(n, "decoded", !(found && np_is_kind(v8, *found, NP_KIND_STRING)));
	np_set_str(n, "_text", text);
	np_sensitive(n, "_text");
	return n;
}

static np_err *print_one(struct np_invocation *inv, const char *arg, const struct np_value_limits *limits)
{
	np_v8 *v8 = inv->session->v8;
	np_tagged word;
	double number;
	bool is_double;
	np_err *err = np_address_resolve(v8, arg, inv->arena, &word, &number, &is_double);
	np_node *stack = err || !is_double ? stack_node(inv, arg, err ? NULL : &word) : NULL;
	if (stack) {
		np_err_free(err);
		np_add(inv->result, stack);
		return NULL;
	}
	if (err)
		return err;
	if (is_double) {
		np_add(inv->result, np_value_node_number(inv->arena, number));
		return NULL;
	}
	np_value *value = np_value_decode(v8, word, limits, inv->arena);
	if (value->type == NP_VALUE_UNREADABLE)
		np_partial(inv, "%s: %s", arg, value->text ? value->text : "unreadable");
	np_add(inv->result, np_value_node(inv->arena, value));
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct np_value_limits limits = np_value_limits_default;
	int64_t depth;
	if (np_opt_flag(inv, "all-properties")) {
		limits.all_properties = true;
		limits.properties = limits.elements = 1 << 20;
		limits.total = 4 << 20;
	}
	if (np_opt_int(inv, "depth", &depth)) {
		if (depth < 0 || depth > 100)
			return np_err_new(NP_EUSAGE, "--depth takes 0 to 100");
		limits.depth = (int)depth;
	}
	limits.string_units = limit_option(inv, "max-string", limits.string_units);
	limits.elements = limit_option(inv, "max-elements", limits.elements);
	limits.bytes = limit_option(inv, "max-bytes", limits.bytes);
	inv->result = np_list(inv->arena, &np_shape_value);
	for (size_t i = 0; i < inv->arg_count; i++)
		NP_TRY(print_one(inv, inv->args[i], &limits));
	return NULL;
}

const struct np_command np_cmd_print = {
	.name = "print",
	.group = "Look at one moment",
	.arguments = "ADDR...",
	.min_args = 1,
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "values at addresses: properties, elements, entries, bytes, error stacks",
	.help = "Decodes the value at each address, which may be followed by a member path: .name, [index], [\"any text\"],\n"
		".#private. Addresses are those that stack, closure and print itself show. The .stack of an error is\n"
		"decoded, whether the program has ever read it or not.",
	.options = options,
	.examples = examples,
	.run = run,
};
