/* nopsy layout TARGET: what is known of this V8's memory, and how. */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/session.h"

static const struct np_shape shape_root = {
	.name = "layout", .style = NP_STYLE_LINE, .children = "_head,facts,types,frame_types"};
static const struct np_shape shape_head = {.name = "layout_head", .style = NP_STYLE_FIELDS};
static const struct np_shape shape_sources = {
	.name = "sources",
	.style = NP_STYLE_LINE,
	.line = "{symbol} from symbols[, {table} from the table][, {calibrated} calibrated][, {nearest:warn} from the "
		"nearest table][, {missing} missing]",
};
static const struct np_shape shape_fact = {
	.name = "fact",
	.style = NP_STYLE_TABLE,
	.columns = "name:Fact:name,value:Value,source:Source,symbol:Symbol:dim,doc:Meaning",
	.empty = "no such fact",
};
static const struct np_shape shape_type = {
	.name = "type",
	.style = NP_STYLE_TABLE,
	.columns = "name:Instance type:name,value:Value,class:Class",
};
static const struct np_shape shape_frame_type = {
	.name = "frame_type",
	.style = NP_STYLE_TABLE,
	.columns = "name:Frame type:name,value:Value",
};

static void count_facts(const np_layout *layout, np_node *counts)
{
	unsigned count[NP_SOURCE_NEAREST + 1] = {0};
	for (int f = 0; f < NP_FACT_COUNT; f++)
		if (layout->source[f] <= NP_SOURCE_NEAREST)
			count[layout->source[f]]++;
	for (int s = 0; s <= NP_SOURCE_NEAREST; s++) {
		const char *name = np_fact_source_name((enum np_fact_source)s);
		np_set_uint(counts, name, count[s]);
		if (!count[s] && s != NP_SOURCE_SYMBOL)
			np_hide(counts, name);
	}
}

static void set_address(np_node *node, const char *key, np_addr addr)
{
	if (addr)
		np_set_addr(node, key, addr);
}

/* The same facts for people (_head) and at the root for JSON. */
static void set_head(np_node *node, np_arena *arena, const np_layout *layout)
{
	const struct np_v8_version *v = &layout->version;
	np_set_str(node, "v8_version", np_arena_printf(arena, "%d.%d.%d.%d", v->major, v->minor, v->build, v->patch));
	if (layout->node_version && *layout->node_version)
		np_set_str(node, "node_version", layout->node_version);
	np_set_str(node, "table", layout->table);
	np_set_bool(node, "exact", layout->exact);
	np_node *counts = np_obj(arena, &shape_sources);
	count_facts(layout, counts);
	np_set_node(node, "sources", counts);
	np_node *addresses = np_obj(arena, NULL);
	set_address(addresses, "embedded_blob", layout->embedded_blob_start);
	set_address(addresses, "isolate_key", layout->isolate_key);
	set_address(addresses, "default_isolate", layout->default_isolate);
	set_address(addresses, "bytecode_sizes", layout->bytecode_sizes);
	if (layout->has_tls_isolate)
		np_set_uint(addresses, "tls_isolate_offset", layout->tls_isolate_offset);
	np_set_node(node, "addresses", addresses);
}

static np_node *fact_node(np_arena *arena, const np_layout *layout, enum np_fact f)
{
	const struct np_fact_info *info = np_fact_info(f);
	np_node *node = np_obj(arena, NULL);
	np_set_str(node, "name", info->name);
	if (np_has(layout, f))
		np_set_int(node, "value", np_get(layout, f));
	else
		np_set_null(node, "value");
	np_set_str(node, "source", np_fact_source_name((enum np_fact_source)layout->source[f]));
	if (*layout->symbol_name[f])
		np_set_str(node, "symbol", layout->symbol_name[f]);
	np_set_str(node, "kind", info->kind);
	if (info->doc && *info->doc)
		np_set_str(node, "doc", info->doc);
	return node;
}

static bool is_wanted(const struct np_invocation *inv, const np_layout *layout, enum np_fact f)
{
	const char *source = np_opt_str(inv, "source");
	if (np_opt_flag(inv, "missing") && np_has(layout, f))
		return false;
	if (source && strcmp(source, np_fact_source_name((enum np_fact_source)layout->source[f])))
		return false;
	if (inv->arg_count == 0)
		return true;
	for (size_t i = 0; i < inv->arg_count; i++)
		if (strcasestr(np_fact_info(f)->name, inv->args[i]))
			return true;
	return false;
}

static np_node *types_node(np_arena *arena, const np_layout *layout)
{
	np_node *list = np_list(arena, &shape_type);
	for (size_t i = 0; i < layout->type_count; i++) {
		np_node *type = np_obj(arena, NULL);
		np_set_str(type, "name", layout->types[i].name);
		np_set_int(type, "value", layout->types[i].type);
		np_set_str(type, "class", layout->types[i].klass);
		np_add(list, type);
	}
	return list;
}

static np_node *frame_types_node(np_arena *arena, const np_layout *layout)
{
	np_node *list = np_list(arena, &shape_frame_type);
	for (size_t i = 0; i < layout->frame_type_count; i++) {
		np_node *type = np_obj(arena, NULL);
		np_set_str(type, "name", layout->frame_types[i].name);
		np_set_int(type, "value", layout->frame_types[i].id);
		np_add(list, type);
	}
	return list;
}

static np_err *layout_run(struct np_invocation *inv)
{
	np_arena *arena = inv->arena;
	const np_layout *layout = inv->session->layout;
	np_node *root = np_obj(arena, &shape_root), *head = np_obj(arena, &shape_head);
	set_head(root, arena, layout);
	set_head(head, arena, layout);
	np_set_node(root, "_head", head);
	np_node *facts = np_list(arena, &shape_fact);
	for (int f = 0; f < NP_FACT_COUNT; f++)
		if (is_wanted(inv, layout, (enum np_fact)f))
			np_add(facts, fact_node(arena, layout, (enum np_fact)f));
	if (inv->arg_count && np_node_len(facts) == 0)
		return np_err_new(NP_ENOTFOUND, "no fact is named like '%s'", inv->args[0]);
	np_set_node(root, "facts", facts);
	if (np_opt_flag(inv, "types")) {
		np_set_node(root, "types", types_node(arena, layout));
		np_set_node(root, "frame_types", frame_types_node(arena, layout));
	}
	inv->result = root;
	return NULL;
}

static const struct np_option layout_options[] = {
	{"missing", 0, NP_OPT_FLAG, NULL, NULL, "only what is not known of this V8"},
	{"source", 0, NP_OPT_CHOICE, "SOURCE", "symbol|table|calibrated|nearest|missing", "only facts from SOURCE"},
	{"types", 0, NP_OPT_FLAG, NULL, NULL, "instance types and frame types, too"},
	{0},
};

static const struct np_example layout_examples[] = {
	{"nopsy layout 4242", "every fact in use"},
	{"nopsy layout core JSFunction", "the facts about functions"},
	{"nopsy layout 4242 --missing", "which features cannot work, and for want of what"},
	{0},
};

const struct np_command np_cmd_layout = {
	.name = "layout",
	.group = "Look at one moment",
	.arguments = "NAME...",
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP,
	.summary = "every layout fact in use with its source",
	.help = "nopsy reads V8's objects by facts: the offset of a field, the number of a type, the mask of a bit. "
		"This lists each one with its value and where it comes from:\n\n"
		"  symbol      the binary's own v8dbg_ metadata\n"
		"  table       verified for exactly this version of V8\n"
		"  calibrated  found or confirmed on objects of the target itself\n"
		"  nearest     taken from the nearest older V8: may be wrong\n"
		"  missing     not known; the features that need it say so\n\n"
		"NAME keeps the facts whose name contains it.",
	.options = layout_options,
	.examples = layout_examples,
	.run = layout_run,
};
