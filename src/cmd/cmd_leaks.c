/* nopsy leaks: what the heap is full of, who holds it, and what often leaks. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cmd/args.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "heap/suspects.h"

static const struct np_option options[] = {
	{"min-bytes", 0, NP_OPT_INT, "N", NULL, "suspects retain at least N bytes (512 KiB and 3 % of what is alive)"},
	{"min-count", 0, NP_OPT_INT, "N", NULL, "suspects consist of at least N objects (30)"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N suspects (20)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy leaks 4242", "suspects of a running process"},
	{"nopsy leaks core.4242 --min-bytes 1000000", "suspects of a core, the small ones too"},
	{0},
};

static const struct np_shape command_shape = {.name = "command", .style = NP_STYLE_LINE, .line = "{_text:dim}"};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{retained_bytes} alive in {count:num} objects"};
static const struct np_shape answer_shape = {
	.name = "leaks",
	.style = NP_STYLE_LINE,
	.children = "suspects,duplicates,slices,buffers,listeners,timers,promises,contexts,total,coverage",
	.indent = -1,
};
static const struct np_shape suspects_shape = {
	.name = "suspect",
	.style = NP_STYLE_LINE,
	.line = "{_number:num}. {class:name} {address}: {reason}",
	.children = "_misspelt,_held,_constructor,_mentions,_commands",
	.indent = 3,
	.empty = "no object and no class holds a suspicious part of the heap",
};
static const struct np_shape note_shape = {.name = "note", .style = NP_STYLE_LINE, .line = "{text:warn}"};

struct report {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_leaks leaks;
};

static const char *size_text(np_arena *arena, uint64_t bytes)
{
	if (bytes >= 10 << 20)
		return np_arena_printf(arena, "%llu MiB", (unsigned long long)(bytes >> 20));
	if (bytes >= 1 << 20)
		return np_arena_printf(arena, "%.1f MiB", (double)bytes / (1 << 20));
	return np_arena_printf(arena, "%llu KiB", (unsigned long long)((bytes + 1023) >> 10));
}

/* What the many are called: closures by their function, others by class. */
static const char *many_text(struct report *r, const struct np_suspect *s)
{
	const char *name, *place;
	if (np_leaks_function(&r->leaks, s->example, &name, &place))
		return np_arena_printf(r->inv->arena, "closures like %s%s%s", name, *place ? " " : "", place);
	const struct np_group *g = np_group_get(r->view->classes, s->group);
	const char *class = np_class_id_name(r->view->classes, g->class_id), *shape = "";
	if (strcmp(class, "Object") != 0)
		return class;
	for (uint32_t i = 0; i < g->property_count && i < 4; i++)
		shape = np_arena_printf(r->inv->arena, "%s%s%s", shape, i ? ", " : "", g->properties[i]);
	return np_arena_printf(r->inv->arena, "Object {%s%s}", shape, g->property_count > 4 ? ", ..." : "");
}

static const char *reason_text(struct report *r, const struct np_suspect *s)
{
	np_arena *arena = r->inv->arena;
	double share = 100.0 * (double)s->bytes / (double)(r->view->dominators.total_bytes ? r->view->dominators.total_bytes : 1);
	double all = share * (double)s->all_bytes / (double)(s->bytes ? s->bytes : 1);
	if (s->is_accumulation && s->all_bytes > s->bytes + s->bytes / 4)
		return np_arena_printf(arena, "holds %llu %s, with other kinds %s, %.0f %% of what is alive",
				       (unsigned long long)s->count, many_text(r, s), size_text(arena, s->all_bytes), all);
	if (s->is_accumulation)
		return np_arena_printf(arena, "holds %llu %s: %s, %.0f %% of what is alive", (unsigned long long)s->count,
				       many_text(r, s), size_text(arena, s->bytes), share);
	return np_arena_printf(arena, "%llu instances of %s retain %s, %.0f %% of what is alive; this one most",
			       (unsigned long long)s->count, many_text(r, s), size_text(arena, s->bytes), share);
}

static void add_line(struct report *r, np_node *list, const char *text)
{
	np_node *n = np_obj(r->inv->arena, &command_shape);
	np_set_str(n, "_text", text);
	np_add(list, n);
}

static const char *place_text(np_arena *arena, const np_node *place)
{
	int64_t line = 0;
	np_node_int(np_node_get(place, "line"), &line);
	return np_arena_printf(arena, "%s, %s:%lld", np_node_str(np_node_get(place, "name")),
			       np_node_str(np_node_get(place, "file")), (long long)line);
}

/* The last property on the way that has a name of its own, and whose it is. */
static const struct np_step *last_property(const struct np_step *steps, size_t n)
{
	for (size_t i = n; i-- > 0;)
		if (steps[i].edge.name && steps[i].edge.kind == NP_EDGE_KIND_PROPERTY)
			return &steps[i];
	return NULL;
}

static void add_code(struct report *r, np_node *n, const struct np_step *property)
{
	np_node *mentions = np_leaks_mentions(&r->leaks, property->edge.name);
	const char *other = np_leaks_misspelt(&r->leaks, property->node, property->edge.name);
	if (other) {
		np_node *notes = np_list(r->inv->arena, &note_shape), *note = np_obj(r->inv->arena, &note_shape);
		const char *text = np_arena_printf(r->inv->arena, "\"%s\" looks like \"%s\" of the same object, which is empty: a misspelt name?",
						   property->edge.name, other);
		np_node *misspelt = np_obj(r->inv->arena, NULL);
		np_set_str(misspelt, "name", property->edge.name);
		np_set_str(misspelt, "like", other);
		np_set_node(n, "misspelt", misspelt);
		np_hide(n, "misspelt");
		np_set_str(note, "text", text);
		np_add(notes, note);
		np_set_node(n, "_misspelt", notes);
	}
	if (np_node_len(mentions)) {
		np_node *notes = np_list(r->inv->arena, &command_shape);
		for (size_t i = 0; i < np_node_len(mentions); i++)
			add_line(r, notes, np_arena_printf(r->inv->arena, "\"%s\" stands in %s", property->edge.name,
							   place_text(r->inv->arena, np_node_at(mentions, i))));
		np_set_node(n, "mentions", mentions);
		np_set_node(n, "_mentions", notes);
	}
}

/* Where the many are made, as far as the heap tells: it knows the constructor of a class. */
static void add_constructor(struct report *r, np_node *n, const struct np_suspect *s)
{
	np_node *constructor = np_leaks_constructor(&r->leaks, s->example);
	if (!constructor)
		return;
	np_node *notes = np_list(r->inv->arena, &command_shape);
	add_line(r, notes, np_arena_printf(r->inv->arena, "made by %s", place_text(r->inv->arena, constructor)));
	np_set_node(n, "constructor", constructor);
	np_hide(n, "constructor");
	np_set_node(n, "_constructor", notes);
}

static np_node *suspect_node(struct report *r, const struct np_suspect *s, size_t number)
{
	np_arena *arena = r->inv->arena;
	np_node *n = np_obj(arena, &suspects_shape);
	struct np_step *steps;
	np_addr at = np_graph_address(r->view->graph, s->node) | 1;
	np_set_uint(n, "_number", number);
	np_set_str(n, "class", np_class_of(r->view->classes, s->node));
	np_set_addr(n, "address", at);
	np_set_bytes(n, "retained_bytes", s->retained_bytes);
	np_set_uint(n, "count", s->count);
	np_set_bytes(n, "bytes", s->bytes);
	np_set_str(n, "kind", s->is_accumulation ? "accumulation" : "class");
	np_set_str(n, "of", many_text(r, s));
	np_set_addr(n, "example", np_graph_address(r->view->graph, s->example) | 1);
	np_set_str(n, "reason", reason_text(r, s));
	size_t count = np_leaks_set_path(&r->leaks, n, s->node, true, &steps);
	const struct np_step *property = count ? last_property(steps, count) : NULL;
	add_constructor(r, n, s);
	if (property)
		add_code(r, n, property);
	np_leaks_add_command_at(&r->leaks, n, "print", s->example);
	if (s->is_accumulation)
		np_leaks_add_command_at(&r->leaks, n, "retained", s->node);
	return n;
}

/* --- the report --- */

static const struct section {
	const char *name;
	np_node *(*make)(struct np_leaks *leaks);
} sections[] = {
	{"duplicates", np_leaks_duplicates}, {"slices", np_leaks_slices},     {"buffers", np_leaks_buffers},
	{"listeners", np_leaks_listeners},   {"timers", np_leaks_timers},     {"promises", np_leaks_promises},
	{"contexts", np_leaks_contexts},
};

static np_node *suspects_node(struct report *r, const struct np_suspect_limits *limits)
{
	struct np_suspect *suspects;
	size_t count = np_suspects_find(r->view->graph, r->view->classes, &r->view->reach, &r->view->dominators,
					limits, &suspects);
	np_node *list = np_list(r->inv->arena, &suspects_shape);
	np_debug("leaks: suspects found");
	np_leaks_init(r->inv, r->view, &r->leaks);
	np_debug("leaks: objects of the sections found");
	for (size_t i = 0; i < count; i++)
		np_add(list, suspect_node(r, &suspects[i], i + 1));
	free(suspects);
	np_debug("leaks: suspects described");
	return list;
}

static np_err *run(struct np_invocation *inv)
{
	struct report r = {.inv = inv};
	int64_t n;
	NP_TRY(np_heap_view_get(inv, &r.view));
	NP_TRY(np_heap_view_need_dominators(inv, r.view));
	struct np_suspect_limits limits = np_suspect_limits_for(&r.view->dominators);
	if (np_opt_int(inv, "min-bytes", &n) && n >= 0)
		limits.min_bytes = (uint64_t)n;
	if (np_opt_int(inv, "min-count", &n) && n >= 1)
		limits.min_count = (uint64_t)n;
	if (np_opt_int(inv, "limit", &n) && n >= 0)
		limits.max = (size_t)n;
	np_node *total = np_obj(inv->arena, &total_shape);
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "suspects", suspects_node(&r, &limits));
	for (size_t i = 0; i < NP_ARRAY_LEN(sections); i++) {
		np_node *section = sections[i].make(&r.leaks);
		if (section)
			np_set_node(inv->result, sections[i].name, section);
		np_debug("leaks: %s looked for", sections[i].name);
	}
	np_leaks_deinit(&r.leaks);
	np_set_bytes(total, "retained_bytes", r.view->dominators.total_bytes);
	np_set_uint(total, "count", r.view->reach.count);
	np_set_node(inv->result, "total", total);
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, r.view));
	return NULL;
}

const struct np_command np_cmd_leaks = {
	.name = "leaks",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "a report: what fills the heap, who holds it, what often leaks",
	.help = "A suspect is an object that holds many alike (a cache, a queue, a list), or a class whose instances hang off\n"
		"different holders; in both cases they retain a good part of what is alive. With each comes the way from the\n"
		"root, the functions whose source mentions the property that holds it, and a name that may be misspelt.\n\n"
		"Then: strings that are there more than once, slices that keep larger strings and buffers, events with many\n"
		"listeners, timers, promises that are not settled, contexts.",
	.options = options,
	.examples = examples,
	.run = run,
};
