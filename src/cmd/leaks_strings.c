/* Strings that are there more than once, and slices that keep larger strings. */
#include <stdlib.h>
#include <string.h>

#include "cmd/held_by.h"
#include "cmd/leaks.h"
#include "cmd/session.h"
#include "heap/strings.h"
#include "v8/string.h"

enum { ROWS_MAX = 5, TEXT_MAX = 80, WASTE_MIN = 64 << 10 };

static const struct np_shape duplicate_shape = {
	.name = "duplicate", .style = NP_STYLE_LINE,
	.line = "{count:num} x \"{value:string}\" wastes {wasted_bytes}[, held by {held_by}]"};
static const struct np_shape duplicates_shape = {
	.name = "duplicates", .style = NP_STYLE_LINE,
	.line = "Strings that are there more than once waste {wasted_bytes}:", .children = "top,_commands", .indent = 2};
static const struct np_shape slice_shape = {
	.name = "slice", .style = NP_STYLE_LINE,
	.line = "{slice_count:num} of {used_bytes} keep {parent_bytes}[, held by {held_by}] ({example})",
	.children = "_held", .indent = 2};
static const struct np_shape slices_shape = {
	.name = "slices", .style = NP_STYLE_LINE,
	.line = "{slice_count:num} slices keep larger strings: {wasted_bytes} that nothing else uses",
	.children = "top,_commands", .indent = 2};

static np_node *duplicate_node(struct np_leaks *leaks, const struct np_duplicate *d)
{
	struct np_heap_view *view = leaks->view;
	np_node *row = np_obj(leaks->inv->arena, &duplicate_shape);
	np_vertex sample = d->sample_count ? d->samples[d->sample_count / 2] : d->example;
	np_set_uint(row, "count", d->count);
	np_set_str(row, "value", np_string_utf8(leaks->inv->session->v8, np_graph_address(view->graph, d->example), TEXT_MAX,
						leaks->inv->arena));
	np_sensitive(row, "value");
	np_set_bytes(row, "wasted_bytes", d->wasted_bytes);
	np_set_str(row, "held_by", np_held_by_most(leaks->inv, view, d->samples, d->sample_count));
	np_set_addr(row, "example", np_graph_address(view->graph, d->example) | 1);
	np_leaks_set_path(leaks, row, sample, false, NULL);
	return row;
}

np_node *np_leaks_duplicates(struct np_leaks *leaks)
{
	const struct np_duplicates *d = &leaks->duplicates;
	if (d->wasted_bytes < WASTE_MIN)
		return NULL;
	np_node *n = np_obj(leaks->inv->arena, &duplicates_shape), *top = np_list(leaks->inv->arena, &duplicate_shape);
	np_set_bytes(n, "wasted_bytes", d->wasted_bytes);
	np_set_uint(n, "content_count", d->content_count);
	for (size_t i = 0; i < d->count; i++)
		np_add(top, duplicate_node(leaks, &d->top[i]));
	np_set_node(n, "top", top);
	np_leaks_add_command(leaks, n, "strings", "--duplicates");
	return n;
}

static np_node *slice_node(struct np_leaks *leaks, const struct np_slice_parent *p, bool is_first)
{
	np_node *row = np_obj(leaks->inv->arena, &slice_shape);
	np_set_uint(row, "slice_count", p->slice_count);
	np_set_bytes(row, "used_bytes", p->used_bytes);
	np_set_bytes(row, "parent_bytes", p->parent_bytes);
	np_set_str(row, "held_by", np_held_by(leaks->inv, leaks->view, p->example));
	np_set_addr(row, "example", np_graph_address(leaks->view->graph, p->example) | 1);
	np_leaks_set_path(leaks, row, p->example, is_first, NULL);
	return row;
}

np_node *np_leaks_slices(struct np_leaks *leaks)
{
	np_strings *strings = np_strings_create(leaks->view->graph);
	struct np_slice_parent *parents;
	size_t count = np_slices_find(strings, &leaks->view->reach, &leaks->view->roots, &parents);
	uint64_t wasted = 0, slices = 0;
	np_node *n = NULL, *top = np_list(leaks->inv->arena, &slice_shape);
	for (size_t i = 0; i < count; i++) {
		if (!np_slice_wasted_bytes(&parents[i]))
			continue;
		wasted += np_slice_wasted_bytes(&parents[i]);
		slices += parents[i].slice_count;
		if (np_node_len(top) < ROWS_MAX)
			np_add(top, slice_node(leaks, &parents[i], !np_node_len(top)));
	}
	if (wasted >= WASTE_MIN) {
		n = np_obj(leaks->inv->arena, &slices_shape);
		np_set_uint(n, "slice_count", slices);
		np_set_bytes(n, "wasted_bytes", wasted);
		np_set_node(n, "top", top);
		np_leaks_add_command(leaks, n, "strings", "--slices");
	}
	free(parents);
	np_strings_destroy(strings);
	return n;
}
