/*
 * Producers for pipes (elements, properties, frames) and the small commands
 * behind mdb's names that look at V8's own terms: types, classes, fields.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/address.h"
#include "cmd/session.h"
#include "cmd/value_node.h"
#include "shell/alias.h"
#include "shell/shell.h"
#include "stack/stack.h"
#include "v8/array.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/scopeinfo.h"
#include "v8/string.h"

static const struct np_shape address_shape = {.name = "address", .style = NP_STYLE_LINE, .line = "{address}"};
static const struct np_shape text_shape = {.name = "text", .style = NP_STYLE_LINE, .line = "{text}"};

/* Addresses one a line in text, {"addresses": [...]} in JSON. */
static np_node *addresses_new(np_arena *arena, np_node **list)
{
	static const struct np_shape shape = {
		.name = "addresses", .style = NP_STYLE_LINE, .line = "", .children = "_lines", .indent = -1};
	np_node *n = np_obj(arena, &shape);
	*list = np_list(arena, NULL);
	np_set_node(n, "addresses", *list);
	np_set_node(n, "_lines", np_list(arena, &address_shape));
	return n;
}

static void addresses_add(np_arena *arena, np_node *n, np_node *list, np_addr addr)
{
	np_node *line = np_obj(arena, &address_shape);
	np_set_addr(line, "address", addr);
	np_add_addr(list, addr);
	np_add(np_node_get(n, "_lines"), line);
}

static np_err *elements_of(np_v8 *v8, np_addr at, np_arena *arena, np_node *n, np_node *list)
{
	struct np_elements e;
	struct np_element el, *found;
	size_t count;
	uint32_t len;
	np_tagged t;
	if (!np_kind_is_receiver(np_kind_at(v8, at))) { /* a FixedArray or alike */
		if (!np_array_length(v8, at, &len))
			return np_err_new(NP_EFORMAT, "no array at 0x%llx", (unsigned long long)at);
		for (uint32_t i = 0; i < len && np_array_get(v8, at, i, &t); i++)
			addresses_add(arena, n, list, t.raw);
		return NULL;
	}
	if (!np_elements_load(v8, at, &e))
		return np_err_new(NP_EFORMAT, "the elements of 0x%llx are unreadable", (unsigned long long)at);
	if (e.form == NP_ELEMENTS_DICTIONARY) {
		NP_TRY(np_elements_dictionary(v8, &e, SIZE_MAX, arena, &found, &count));
		for (size_t i = 0; i < count; i++)
			addresses_add(arena, n, list, found[i].value.raw);
		return NULL;
	}
	for (uint32_t i = 0; i < e.length && np_element_get(v8, &e, i, &el); i++)
		if (!el.is_hole && !el.is_double)
			addresses_add(arena, n, list, el.value.raw);
	return NULL;
}

static np_err *run_elements(struct np_invocation *inv)
{
	np_node *list;
	np_addr at;
	int64_t index;
	NP_TRY(np_address_object(inv->session->v8, inv->args[0], inv->arena, &at));
	np_node *all = addresses_new(inv->arena, &list);
	NP_TRY(elements_of(inv->session->v8, at, inv->arena, all, list));
	inv->result = all;
	if (np_opt_int(inv, "index", &index)) {
		np_addr one;
		if (index < 0 || !np_node_addr(np_node_at(list, (size_t)index), &one))
			return np_err_new(NP_ENOTFOUND, "%s has no element %lld", inv->args[0], (long long)index);
		inv->result = addresses_new(inv->arena, &list);
		addresses_add(inv->arena, inv->result, list, one);
	}
	return NULL;
}

struct property_walk {
	np_arena *arena;
	np_node *n, *list;
};

static bool property_walk_add(void *ctx, const struct np_property *p)
{
	struct property_walk *w = ctx;
	if (!p->is_double)
		addresses_add(w->arena, w->n, w->list, p->value.raw);
	return true;
}

static void frames_walk(struct np_invocation *inv, np_node *n, np_node *list)
{
	np_target *target = inv->session->target;
	for (size_t i = 0; i < np_target_thread_count(target); i++) {
		struct np_stack stack;
		struct np_stack_options options = {0};
		if (np_err_drop(np_stack_walk(target, inv->session->v8, np_target_thread(target, i), &options, inv->arena,
					      &stack)))
			continue;
		for (size_t k = 0; k < stack.frame_count; k++)
			if (stack.frames[k].kind == NP_FRAME_JS && !stack.frames[k].inlined && stack.frames[k].fp)
				addresses_add(inv->arena, n, list, stack.frames[k].fp);
	}
}

static np_err *run_walk(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
	np_node *list;
	np_addr at = 0;
	const char *what = inv->args[0];
	bool frames = strcmp(what, "jsframe") == 0;
	if (!frames && inv->arg_count < 2)
		return np_err_new(NP_EUSAGE, "walk %s needs an address", what);
	if (!frames)
		NP_TRY(np_address_object(v8, inv->args[1], inv->arena, &at));
	inv->result = addresses_new(inv->arena, &list);
	if (frames) {
		frames_walk(inv, inv->result, list);
	} else if (strcmp(what, "jselement") == 0) {
		return elements_of(v8, at, inv->arena, inv->result, list);
	} else if (strcmp(what, "jsprop") == 0) {
		struct property_walk w = {inv->arena, inv->result, list};
		return np_object_properties(v8, at, property_walk_add, &w);
	} else {
		return np_err_new(NP_EUSAGE, "unknown walker %s: there are jselement, jsprop and jsframe", what);
	}
	return NULL;
}

static np_err *run_constructor(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "constructor", .style = NP_STYLE_LINE, .line = "{class:name}[ {function}]"};
	np_v8 *v8 = inv->session->v8;
	np_addr at;
	np_tagged constructor;
	const struct np_map *map;
	NP_TRY(np_address_object(v8, inv->args[0], inv->arena, &at));
	inv->result = np_obj(inv->arena, &shape);
	np_set_str(inv->result, "class", np_class_name_of(v8, at, inv->arena));
	for (np_addr from = at; np_map_of(v8, from, &map) && np_is_ref(map->prototype); from = np_ref(map->prototype)) {
		if (!np_object_own_data(v8, np_ref(map->prototype), "constructor", &constructor))
			continue;
		np_set_node(inv->result, "function", np_value_node_of(v8, constructor, &np_value_limits_brief, inv->arena));
		if (np_is_ref(constructor))
			np_set_addr(inv->result, "address", constructor.raw);
		break;
	}
	return NULL;
}

static void add_text(np_arena *arena, np_node *list, np_v8 *v8, np_addr string, const char *role, int64_t index)
{
	static const struct np_shape shape = {.name = "name", .style = NP_STYLE_LINE, .line = "{role:dim} {index} {name:name}"};
	np_node *n = np_obj(arena, &shape);
	const char *name = string ? np_string_utf8(v8, string, NP_NAME_MAX, arena) : NULL;
	np_set_str(n, "role", role);
	np_set_int(n, "index", index);
	np_set_str(n, "name", name ? name : "(unnamed)");
	np_add(list, n);
}

static np_err *run_scopeinfo(struct np_invocation *inv)
{
	np_v8 *v8 = inv->session->v8;
	np_addr at;
	struct np_scope_info info;
	NP_TRY(np_address_object(v8, inv->args[0], inv->arena, &at));
	NP_TRY(np_scope_info_load(v8, at, inv->arena, &info));
	static const struct np_shape shape = {.name = "scopeinfo",
					      .style = NP_STYLE_LINE,
					      .line = "{kind:keyword} scope[ of {function:name}][ {start}..{end}]",
					      .children = "names"};
	np_node *n = inv->result = np_obj(inv->arena, &shape), *names = np_list(inv->arena, NULL);
	np_set_str(n, "kind", np_scope_type_name(info.type));
	if (info.name)
		np_set_str(n, "function", np_string_utf8(v8, info.name, NP_NAME_MAX, inv->arena));
	if (info.start >= 0) {
		np_set_int(n, "start", info.start);
		np_set_int(n, "end", info.end);
	}
	for (uint32_t i = 0; info.param_names && i < info.param_count; i++)
		add_text(inv->arena, names, v8, info.param_names[i], "parameter", i);
	for (uint32_t i = 0; i < info.stack_count; i++)
		add_text(inv->arena, names, v8, info.stack_names[i], "stack", i);
	for (uint32_t i = 0; i < info.context_count; i++)
		add_text(inv->arena, names, v8, info.context_names[i], "context", i);
	np_set_node(n, "names", names);
	return NULL;
}

static np_err *run_types(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "type", .style = NP_STYLE_TABLE, .columns = "type:TYPE,name:NAME,class:CLASS"};
	const np_layout *l = inv->session->layout;
	inv->result = np_list(inv->arena, &shape);
	for (size_t i = 0; i < l->type_count; i++) {
		np_node *n = np_obj(inv->arena, &shape);
		np_set_int(n, "type", l->types[i].type);
		np_set_str(n, "name", l->types[i].name);
		np_set_str(n, "class", l->types[i].klass);
		np_add(inv->result, n);
	}
	return NULL;
}

static np_err *run_frametypes(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "frametype", .style = NP_STYLE_TABLE, .columns = "id:ID,name:NAME"};
	const np_layout *l = inv->session->layout;
	inv->result = np_list(inv->arena, &shape);
	for (size_t i = 0; i < l->frame_type_count; i++) {
		np_node *n = np_obj(inv->arena, &shape);
		np_set_int(n, "id", l->frame_types[i].id);
		np_set_str(n, "name", l->frame_types[i].name);
		np_add(inv->result, n);
	}
	return NULL;
}

static np_err *run_class(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "field", .style = NP_STYLE_TABLE, .columns = "name:FIELD,value:VALUE,source:SOURCE,doc:MEANING:dim"};
	const np_layout *l = inv->session->layout;
	size_t len = strlen(inv->args[0]);
	inv->result = np_list(inv->arena, &shape);
	for (int f = 0; f < NP_FACT_COUNT; f++) {
		const struct np_fact_info *info = np_fact_info((enum np_fact)f);
		if (strncmp(info->name, inv->args[0], len) != 0 || info->name[len] != '.')
			continue;
		np_node *n = np_obj(inv->arena, &shape);
		np_set_str(n, "name", info->name);
		if (np_has(l, (enum np_fact)f))
			np_set_int(n, "value", np_get(l, (enum np_fact)f));
		np_set_str(n, "source", np_fact_source_name((enum np_fact_source)l->source[f]));
		np_set_str(n, "doc", info->doc);
		np_add(inv->result, n);
	}
	if (!np_node_len(inv->result))
		return np_err_new(NP_ENOTFOUND, "no class %s; `layout` lists every fact", inv->args[0]);
	return NULL;
}

static np_err *run_field(struct np_invocation *inv)
{
	char *name = np_arena_printf(inv->arena, "%s.%s", inv->args[0], inv->args[1]), *end;
	enum np_fact fact = np_fact_by_name(name);
	long value = strtol(inv->args[2], &end, 0);
	if (fact == NP_FACT_COUNT)
		return np_err_new(NP_ENOTFOUND, "no fact %s; `layout` lists every fact", name);
	if (*end || end == inv->args[2] || value < -100000 || value > 1 << 30)
		return np_err_new(NP_EUSAGE, "`%s` is no offset", inv->args[2]);
	np_layout_set(inv->session->layout, fact, (int32_t)value, NP_SOURCE_CALIBRATED);
	np_v8_invalidate(inv->session->v8);
	inv->result = np_obj(inv->arena, &text_shape);
	np_set_str(inv->result, "text", np_arena_printf(inv->arena, "%s = %ld", name, value));
	return NULL;
}

static np_err *run_aliases(struct np_invocation *inv)
{
	static const struct np_shape shape = {
		.name = "alias", .style = NP_STYLE_TABLE, .columns = "dcmd:DCMD:name,command:COMMAND,help:WHAT:dim"};
	inv->result = np_list(inv->arena, &shape);
	for (const struct np_alias *a = np_aliases; a->dcmd; a++) {
		np_node *n = np_obj(inv->arena, &shape);
		np_set_str(n, "dcmd", np_arena_printf(inv->arena, "::%s", a->dcmd));
		np_set_str(n, "command", a->command);
		np_set_str(n, "help", a->help);
		np_add(inv->result, n);
	}
	return NULL;
}

static np_err *run_quit(struct np_invocation *inv)
{
	return NULL; /* the shell sees the word before it is run */
}

static const struct np_option element_options[] = {
	{"index", 'i', NP_OPT_INT, "N", NULL, "only this element"},
	{"raw", 0, NP_OPT_FLAG, NULL, NULL, "slots of a FixedArray, whatever it is"},
	{0},
};

enum { V8_STOPPED = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_STOP };

static const struct np_command elements = {.name = "elements", .group = "Shell", .arguments = "ADDR", .min_args = 1, .max_args = 1,
	.needs = V8_STOPPED, .summary = "addresses of an array's elements", .options = element_options, .run = run_elements};
static const struct np_command walk = {.name = "walk", .group = "Shell", .arguments = "WALKER [ADDR]", .min_args = 1, .max_args = 2,
	.needs = V8_STOPPED, .summary = "addresses of elements (jselement), property values (jsprop) or frames (jsframe)", .run = run_walk};
static const struct np_command constructor = {.name = "constructor", .group = "Shell", .arguments = "ADDR", .min_args = 1, .max_args = 1,
	.needs = V8_STOPPED, .summary = "constructor of an object", .run = run_constructor};
static const struct np_command scopeinfo = {.name = "scopeinfo", .group = "Shell", .arguments = "ADDR", .min_args = 1, .max_args = 1,
	.needs = V8_STOPPED, .summary = "names in a ScopeInfo", .run = run_scopeinfo};
static const struct np_command types = {.name = "types", .group = "Shell", .arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8, .summary = "V8's instance types", .run = run_types};
static const struct np_command frametypes = {.name = "frametypes", .group = "Shell", .arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8, .summary = "V8's frame types", .run = run_frametypes};
static const struct np_command class_command = {.name = "class", .group = "Shell", .arguments = "NAME", .min_args = 1, .max_args = 1,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8, .summary = "layout of a class", .run = run_class};
static const struct np_command field = {.name = "field", .group = "Shell", .arguments = "CLASS FIELD OFFSET", .min_args = 3, .max_args = 3,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8, .summary = "set the offset of a field by hand", .run = run_field};
static const struct np_command aliases = {.name = "aliases", .group = "Shell", .arguments = "",
	.summary = "mdb's names that are known", .run = run_aliases};
static const struct np_command quit = {.name = "quit", .group = "Shell", .arguments = "", .summary = "leave the shell", .run = run_quit};

const struct np_command *const np_shell_commands[] = {&elements, &walk, &constructor, &scopeinfo, &types, &frametypes,
						       &class_command, &field, &aliases, &np_shell_help, &quit,
						       NULL};
