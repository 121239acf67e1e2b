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
	.line = "Strings that are there more than once waste {wasted_bytes}:", .children = "top", .indent = 2};
static const struct np_shape slice_shape = {
	.name = "slice", .style = NP_STYLE_LINE,
	.line = "{slice_count:num} of {used_bytes} keep {parent_bytes}[, held by {held_by}] ({example})"};
static const struct np_shape slices_shape = {
	.name = "slices", .style = NP_STYLE_LINE,
	.line = "{slice_count:num} slices keep larger strings: {wasted_bytes} that nothing else uses", .children = "top", .indent = 2};

np_node *np_leaks_duplicates(struct np_invocation *inv, struct np_heap_view *view)
{
	np_strings *strings = np_strings_create(view->graph);
	struct np_duplicates d;
	np_duplicates_find(strings, &view->reach, ROWS_MAX, &d);
	np_node *n = NULL;
	if (d.wasted_bytes >= WASTE_MIN) {
		n = np_obj(inv->arena, &duplicates_shape);
		np_node *top = np_list(inv->arena, &duplicate_shape);
		np_set_bytes(n, "wasted_bytes", d.wasted_bytes);
		np_set_uint(n, "content_count", d.content_count);
		for (size_t i = 0; i < d.count; i++) {
			np_node *row = np_obj(inv->arena, &duplicate_shape);
			np_set_uint(row, "count", d.top[i].count);
			np_set_str(row, "value", np_string_utf8(inv->session->v8,
								np_graph_address(view->graph, d.top[i].example), TEXT_MAX, inv->arena));
			np_sensitive(row, "value");
			np_set_bytes(row, "wasted_bytes", d.top[i].wasted_bytes);
			np_set_str(row, "held_by", np_held_by_most(inv, view, d.top[i].samples, d.top[i].sample_count));
			np_set_addr(row, "example", np_graph_address(view->graph, d.top[i].example) | 1);
			np_add(top, row);
		}
		np_set_node(n, "top", top);
	}
	np_duplicates_deinit(&d);
	np_strings_destroy(strings);
	return n;
}

np_node *np_leaks_slices(struct np_invocation *inv, struct np_heap_view *view)
{
	np_strings *strings = np_strings_create(view->graph);
	struct np_slice_parent *parents;
	size_t count = np_slices_find(strings, &view->reach, &view->roots, &parents);
	uint64_t wasted = 0, slices = 0;
	np_node *n = NULL, *top = np_list(inv->arena, &slice_shape);
	for (size_t i = 0; i < count; i++) {
		if (!np_slice_wasted_bytes(&parents[i]))
			continue;
		wasted += np_slice_wasted_bytes(&parents[i]);
		slices += parents[i].slice_count;
		if (np_node_len(top) >= ROWS_MAX)
			continue;
		np_node *row = np_obj(inv->arena, &slice_shape);
		np_set_uint(row, "slice_count", parents[i].slice_count);
		np_set_bytes(row, "used_bytes", parents[i].used_bytes);
		np_set_bytes(row, "parent_bytes", parents[i].parent_bytes);
		np_set_str(row, "held_by", np_held_by(inv, view, parents[i].example));
		np_set_addr(row, "example", np_graph_address(view->graph, parents[i].example) | 1);
		np_add(top, row);
	}
	if (wasted >= WASTE_MIN) {
		n = np_obj(inv->arena, &slices_shape);
		np_set_uint(n, "slice_count", slices);
		np_set_bytes(n, "wasted_bytes", wasted);
		np_set_node(n, "top", top);
	}
	free(parents);
	np_strings_destroy(strings);
	return n;
}
