/* nopsy leaks: what the heap is full of, who holds it, and what often leaks. */
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/leaks.h"
#include "cmd/path_node.h"
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
static const struct np_shape step_shape = {
	.name = "step", .style = NP_STYLE_LINE, .line = "{class:name}[ {_name:name}] {address}[ {_edge}]"};
static const struct np_shape held_shape = {.name = "held", .style = NP_STYLE_LINE, .line = "held by {root:keyword}: {text}"};
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
	.children = "_misspelt,_held,_mentions,_commands",
	.indent = 3,
	.empty = "no object and no class holds a suspicious part of the heap",
};
static const struct np_shape note_shape = {.name = "note", .style = NP_STYLE_LINE, .line = "{text:warn}"};

struct report {
	struct np_invocation *inv;
	struct np_heap_view *view;
	struct np_leaks_code code;
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
	if (np_leaks_function(r->inv, r->view, s->example, &name, &place))
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
	if (s->is_accumulation)
		return np_arena_printf(arena, "holds %llu %s: %s, %.0f %% of what is alive", (unsigned long long)s->count,
				       many_text(r, s), size_text(arena, s->bytes), share);
	return np_arena_printf(arena, "%llu instances of %s retain %s, %.0f %% of what is alive; this one most",
			       (unsigned long long)s->count, many_text(r, s), size_text(arena, s->bytes), share);
}

static np_node *steps_node(struct report *r, const struct np_step *steps, size_t n)
{
	np_node *list = np_list(r->inv->arena, &step_shape);
	for (size_t i = 0; i < n; i++) {
		np_node *step = np_obj(r->inv->arena, &step_shape);
		np_addr at = np_graph_address(r->view->graph, steps[i].node);
		np_set_addr(step, "address", np_graph_is_external(r->view->graph, steps[i].node) ? at : at | 1);
		np_set_str(step, "class", np_class_of(r->view->classes, steps[i].node));
		if (steps[i].edge.name) {
			np_set_str(step, "edge", np_edge_kind_name(steps[i].edge.kind));
			np_set_str(step, "name", steps[i].edge.name);
		}
		if (steps[i].repeated > 1)
			np_set_uint(step, "repeated", steps[i].repeated);
		np_add(list, step);
	}
	return list;
}

static void add_command(struct report *r, np_node *list, const char *text)
{
	np_node *n = np_obj(r->inv->arena, &command_shape);
	np_set_str(n, "_text", text);
	np_add(list, n);
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
	np_node *mentions = np_leaks_mentions(r->inv, r->view, &r->code, property->edge.name);
	const char *other = np_leaks_misspelt(r->inv, r->view, property->node, property->edge.name);
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
		for (size_t i = 0; i < np_node_len(mentions); i++) {
			np_node *m = np_node_at(mentions, i);
			int64_t line = 0;
			np_node_int(np_node_get(m, "line"), &line);
			add_command(r, notes, np_arena_printf(r->inv->arena, "\"%s\" stands in %s, %s:%lld", property->edge.name,
							      np_node_str(np_node_get(m, "name")),
							      np_node_str(np_node_get(m, "file")), (long long)line));
		}
		np_set_node(n, "mentions", mentions);
		np_set_node(n, "_mentions", notes);
	}
}

static np_node *suspect_node(struct report *r, const struct np_suspect *s, size_t number)
{
	np_arena *arena = r->inv->arena;
	np_node *n = np_obj(arena, &suspects_shape), *commands = np_list(arena, &command_shape);
	struct np_path path;
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
	if (np_paths_find(r->view->graph, &r->view->roots, &r->view->reach, s->node, 1, arena, &path)) {
		size_t count = np_path_steps(r->view->graph, r->view->classes, &path, true, arena, &steps);
		const struct np_step *property = last_property(steps, count);
		np_node *list = np_list(arena, &held_shape), *held = np_obj(arena, &held_shape);
		np_set_str(n, "root", np_root_text(path.root, arena));
		np_set_node(n, "path", steps_node(r, steps, count));
		np_set_str(held, "root", np_root_text(path.root, arena));
		np_set_str(held, "text", np_path_text(r->inv, r->view, &path));
		np_add(list, held);
		np_set_node(n, "_held", list);
		if (property)
			add_code(r, n, property);
	}
	add_command(r, commands, np_arena_printf(arena, "nopsy print %s 0x%llx", np_target_spec(r->inv->session->target),
						 (unsigned long long)np_graph_address(r->view->graph, s->example) | 1));
	np_set_node(n, "_commands", commands);
	return n;
}

static np_err *run(struct np_invocation *inv)
{
	struct report r = {.inv = inv};
	struct np_suspect *suspects;
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
	size_t count = np_suspects_find(r.view->graph, r.view->classes, &r.view->dominators, &limits, &suspects);
	np_leaks_code_gather(inv, r.view, &r.code);
	np_node *list = np_list(inv->arena, &suspects_shape), *total = np_obj(inv->arena, &total_shape);
	for (size_t i = 0; i < count; i++)
		np_add(list, suspect_node(&r, &suspects[i], i + 1));
	free(suspects);
	static const struct {
		const char *name;
		np_node *(*make)(struct np_invocation *inv, struct np_heap_view *view);
	} sections[] = {
		{"duplicates", np_leaks_duplicates}, {"slices", np_leaks_slices},     {"buffers", np_leaks_buffers},
		{"listeners", np_leaks_listeners},   {"timers", np_leaks_timers},     {"promises", np_leaks_promises},
		{"contexts", np_leaks_contexts},
	};
	inv->result = np_obj(inv->arena, &answer_shape);
	np_set_node(inv->result, "suspects", list);
	for (size_t i = 0; i < NP_ARRAY_LEN(sections); i++) {
		np_node *section = sections[i].make(inv, r.view);
		if (section)
			np_set_node(inv->result, sections[i].name, section);
	}
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
