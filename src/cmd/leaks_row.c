/* What is told of every finding of the report: how it is held, and the commands to go on with. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/leaks.h"
#include "cmd/path_node.h"
#include "cmd/session.h"

static const struct np_shape step_shape = {
	.name = "step", .style = NP_STYLE_LINE, .line = "{class:name}[ {_name:name}] {address}[ {_edge}]"};
static const struct np_shape held_shape = {.name = "held", .style = NP_STYLE_LINE, .line = "held by {root:keyword}: {text}"};
static const struct np_shape command_shape = {.name = "command", .style = NP_STYLE_LINE, .line = "{_text:dim}"};

static np_node *steps_node(struct np_leaks *leaks, const struct np_step *steps, size_t n)
{
	np_arena *arena = leaks->inv->arena;
	const struct np_heap_view *view = leaks->view;
	np_node *list = np_list(arena, &step_shape);
	for (size_t i = 0; i < n; i++) {
		np_node *step = np_obj(arena, &step_shape);
		np_addr at = np_graph_address(view->graph, steps[i].node);
		np_set_addr(step, "address", np_graph_is_external(view->graph, steps[i].node) ? at : at | 1);
		np_set_str(step, "class", np_class_of(view->classes, steps[i].node));
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

size_t np_leaks_set_path(struct np_leaks *leaks, np_node *record, np_vertex node, bool as_text, struct np_step **ret)
{
	struct np_heap_view *view = leaks->view;
	np_arena *arena = leaks->inv->arena;
	struct np_path path;
	struct np_step *steps;
	if (node == NP_VERTEX_NONE || !np_paths_find(view->graph, &view->roots, &view->reach, node, 1, arena, &path))
		return 0;
	size_t count = np_path_steps(view->graph, view->classes, &path, true, arena, &steps);
	np_set_str(record, "root", np_root_text(path.root, arena));
	np_hide(record, "root");
	np_set_node(record, "path", steps_node(leaks, steps, count));
	np_hide(record, "path");
	if (as_text) {
		np_node *list = np_list(arena, &held_shape), *held = np_obj(arena, &held_shape);
		np_set_str(held, "root", np_root_text(path.root, arena));
		np_set_str(held, "text", np_path_text(leaks->inv, view, &path));
		np_add(list, held);
		np_set_node(record, "_held", list);
	}
	if (ret)
		*ret = steps;
	return count;
}

void np_leaks_add_command(struct np_leaks *leaks, np_node *record, const char *command, const char *rest)
{
	np_arena *arena = leaks->inv->arena;
	np_node *texts = np_node_get(record, "commands"), *lines = np_node_get(record, "_commands");
	np_node *line = np_obj(arena, &command_shape);
	if (!texts) {
		texts = np_list(arena, NULL);
		lines = np_list(arena, &command_shape);
		np_set_node(record, "commands", texts);
		np_hide(record, "commands");
		np_set_node(record, "_commands", lines);
	}
	const char *text = np_arena_printf(arena, "nopsy %s %s%s%s", command, np_target_spec(leaks->inv->session->target),
					   *rest ? " " : "", rest);
	np_add_str(texts, text);
	np_set_str(line, "_text", text);
	np_add(lines, line);
}

void np_leaks_add_command_at(struct np_leaks *leaks, np_node *record, const char *command, np_vertex node)
{
	np_addr at = np_graph_address(leaks->view->graph, node);
	np_leaks_add_command(leaks, record, command,
			     np_arena_printf(leaks->inv->arena, "0x%llx",
					     (unsigned long long)(np_graph_is_external(leaks->view->graph, node) ? at : at | 1)));
}

/* --- tallies --- */

void np_leaks_tally_add(struct np_leaks_tallies *t, const char *key, np_vertex example)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (const char *p = key; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h |= 8;
	uintptr_t i = (uintptr_t)np_addr_map_get(&t->index, h);
	if (!i) {
		np_vec_push(t, (struct np_leaks_tally){key, 0, example});
		i = t->len;
		np_addr_map_put(&t->index, h, (void *)i);
	}
	t->data[i - 1].count++;
}

static int tally_compare(const void *a, const void *b)
{
	const struct np_leaks_tally *x = a, *y = b;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->key, y->key);
}

void np_leaks_tallies_sort(struct np_leaks_tallies *t)
{
	if (t->len)
		qsort(t->data, t->len, sizeof(*t->data), tally_compare);
}

void np_leaks_tallies_deinit(struct np_leaks_tallies *t)
{
	np_vec_deinit(t);
	np_addr_map_deinit(&t->index);
}
