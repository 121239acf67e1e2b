/* nopsy print: values at addresses, decoded whole. */
#include "cmd/address.h"
#include "cmd/cmd.h"
#include "cmd/session.h"
#include "cmd/value_node.h"

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
	{0},
};

static size_t limit_option(const struct np_invocation *inv, const char *name, size_t otherwise)
{
	int64_t n;
	return np_opt_int(inv, name, &n) && n >= 0 ? (size_t)n : otherwise;
}

static np_err *run(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
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
	for (size_t i = 0; i < inv->arg_count; i++) {
		np_tagged word;
		double number;
		bool is_double;
		NP_TRY(np_address_resolve(v8, inv->args[i], inv->arena, &word, &number, &is_double));
		np_value *value;
		if (is_double) {
			value = NP_NEW(inv->arena, np_value);
			value->type = NP_VALUE_NUMBER;
			value->number = number;
		} else {
			value = np_value_decode(v8, word, &limits, inv->arena);
		}
		if (value->type == NP_VALUE_UNREADABLE)
			np_partial(inv, "%s: %s", inv->args[i], value->text ? value->text : "unreadable");
		np_add(inv->result, np_value_node(inv->arena, value));
	}
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
		".#private. Addresses are those that stack, closure and print itself show.",
	.options = options,
	.examples = examples,
	.run = run,
};
