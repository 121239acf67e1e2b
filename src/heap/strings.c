#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "heap/strings_internal.h"

const char *np_string_form_name(enum np_string_form form)
{
	static const char *const names[] = {
		[NP_STRING_NONE] = "none",	   [NP_STRING_FLAT] = "flat",	  [NP_STRING_EXTERNAL] = "external",
		[NP_STRING_CONS] = "concatenated", [NP_STRING_SLICED] = "sliced", [NP_STRING_THIN] = "thin",
	};
	return names[form];
}

static enum np_string_form form_of_type(const np_layout *l, uint16_t type)
{
	static const struct {
		enum np_fact tag;
		enum np_string_form form;
	} forms[] = {
		{NP_F_String_tag_seq, NP_STRING_FLAT},	    {NP_F_String_tag_cons, NP_STRING_CONS},
		{NP_F_String_tag_external, NP_STRING_EXTERNAL}, {NP_F_String_tag_sliced, NP_STRING_SLICED},
		{NP_F_String_tag_thin, NP_STRING_THIN},
	};
	int32_t tag = type & np_get(l, NP_F_String_representation_mask);
	for (size_t i = 0; i < NP_ARRAY_LEN(forms); i++)
		if (np_has(l, forms[i].tag) && np_get(l, forms[i].tag) == tag)
			return forms[i].form;
	return NP_STRING_NONE;
}

np_strings *np_strings_create(np_graph *graph)
{
	np_strings *s = np_xcalloc(1, sizeof(*s));
	uint32_t n = np_graph_shape_count(graph);
	s->graph = graph;
	s->v8 = np_heap_v8(np_graph_heap(graph));
	s->shapes = np_xcalloc((size_t)n + 1, sizeof(*s->shapes));
	const np_layout *l = s->v8->layout;
	if (!np_has(l, NP_F_String_length) || !np_has(l, NP_F_String_chars) || !np_has(l, NP_F_String_representation_mask))
		return s;
	s->length_at = (uint32_t)np_get(l, NP_F_String_length);
	s->chars_at = (uint32_t)np_get(l, NP_F_String_chars);
	s->length_is_smi = np_get(l, NP_F_String_length_is_smi) == 1;
	for (uint32_t i = 0; i < n; i++) {
		const struct np_vertex_shape *shape = np_graph_shape(graph, i);
		if (shape->kind != NP_KIND_STRING)
			continue;
		s->shapes[i].form = (uint8_t)form_of_type(l, shape->map->type);
		s->shapes[i].is_one_byte = shape->map->type & np_get(l, NP_F_String_encoding_mask);
	}
	return s;
}

void np_strings_destroy(np_strings *s)
{
	if (!s)
		return;
	free(s->shapes);
	free(s);
}

np_graph *np_strings_graph(const np_strings *s)
{
	return s->graph;
}

enum np_string_form np_strings_form(const np_strings *s, np_vertex node)
{
	if (np_graph_is_external(s->graph, node))
		return NP_STRING_NONE;
	return s->shapes[np_graph_shape_of(s->graph, node)].form;
}

np_vertex np_strings_external(const np_strings *s, np_vertex node)
{
	struct np_edges row = np_graph_edges(s->graph, node);
	for (uint32_t k = 0; k < row.count; k++)
		if (np_graph_is_external(s->graph, np_edge_target(row.targets[k])))
			return np_edge_target(row.targets[k]);
	return NP_VERTEX_NONE;
}

bool np_strings_look(const np_strings *s, np_vertex node, struct np_heap_string *ret)
{
	if (np_graph_is_external(s->graph, node))
		return false;
	const struct string_shape *shape = &s->shapes[np_graph_shape_of(s->graph, node)];
	enum np_string_form form = shape->form;
	const uint8_t *bytes = form ? np_graph_bytes(s->graph, node) : NULL;
	uint64_t size = form ? np_graph_size(s->graph, node) : 0;
	uint32_t length;
	if (!bytes || size < (uint64_t)s->length_at + (s->length_is_smi ? 8 : 4))
		return false;
	memcpy(&length, bytes + s->length_at + (s->length_is_smi ? 4 : 0), sizeof(length));
	*ret = (struct np_heap_string){.form = form,
				       .is_one_byte = shape->is_one_byte,
				       .length = length,
				       .size_bytes = size};
	if (form == NP_STRING_FLAT) {
		uint64_t need = (uint64_t)length << !ret->is_one_byte;
		if (size < s->chars_at || need > size - s->chars_at)
			return false;
		ret->chars = bytes + s->chars_at;
	} else if (form == NP_STRING_EXTERNAL) {
		np_vertex outside = np_strings_external(s, node);
		if (outside != NP_VERTEX_NONE)
			ret->size_bytes += np_graph_size(s->graph, outside);
	}
	return true;
}

np_vertex np_strings_part(const np_strings *s, np_vertex node, int which)
{
	static const enum np_fact facts[][2] = {
		[NP_STRING_CONS] = {NP_F_ConsString_first, NP_F_ConsString_second},
		[NP_STRING_SLICED] = {NP_F_SlicedString_parent, NP_F_SlicedString_parent},
		[NP_STRING_THIN] = {NP_F_ThinString_actual, NP_F_ThinString_actual},
	};
	enum np_string_form form = np_strings_form(s, node);
	const uint8_t *bytes = np_graph_bytes(s->graph, node);
	if (form < NP_STRING_CONS || !bytes || !np_has(s->v8->layout, facts[form][which - 1]))
		return NP_VERTEX_NONE;
	uint64_t at = (uint64_t)np_get(s->v8->layout, facts[form][which - 1]), word;
	if (at + 8 > np_graph_size(s->graph, node))
		return NP_VERTEX_NONE;
	memcpy(&word, bytes + at, sizeof(word));
	np_vertex part = word & 1 ? np_graph_find(s->graph, word) : NP_VERTEX_NONE;
	return part != NP_VERTEX_NONE && np_strings_form(s, part) ? part : NP_VERTEX_NONE;
}

/* --- ropes --- */

static bool is_rope(const np_strings *s, const struct np_reach *reach, np_vertex node)
{
	return np_strings_form(s, node) == NP_STRING_CONS && (!reach || np_reach_has(reach, node));
}

/* A cons string whose second part is empty has its characters in the first. */
static bool is_joined(const np_strings *s, np_vertex node)
{
	struct np_heap_string second;
	np_vertex part = np_strings_part(s, node, 2);
	return part != NP_VERTEX_NONE && np_strings_look(s, part, &second) && !second.length;
}

uint64_t *np_strings_ropes(const np_strings *s, const struct np_reach *reach)
{
	np_vertex n = np_graph_object_count(s->graph);
	uint64_t *ropes = np_xcalloc((size_t)n / 64 + 1, sizeof(*ropes));
	for (np_vertex node = 0; node < n; node++)
		if (is_rope(s, reach, node) && !is_joined(s, node))
			ropes[node / 64] |= 1ull << (node % 64);
	for (np_vertex node = 0; node < n; node++)
		for (int which = 1; which <= 2 && is_rope(s, reach, node); which++) {
			np_vertex part = np_strings_part(s, node, which);
			if (part != NP_VERTEX_NONE)
				ropes[part / 64] &= ~(1ull << (part % 64));
		}
	return ropes;
}

struct node_set {
	np_vertex *slots; /* + 1; 0 empty */
	size_t cap, len;
};

static bool node_set_add(struct node_set *set, np_vertex node)
{
	if ((set->len + 1) * 2 > set->cap) {
		struct node_set old = *set;
		set->cap = old.cap ? old.cap * 2 : 64;
		set->len = 0;
		set->slots = np_xcalloc(set->cap, sizeof(*set->slots));
		for (size_t i = 0; i < old.cap; i++)
			if (old.slots[i])
				node_set_add(set, old.slots[i] - 1);
		free(old.slots);
	}
	size_t at = (size_t)(node * 0x9e3779b1u) & (set->cap - 1);
	for (; set->slots[at]; at = (at + 1) & (set->cap - 1))
		if (set->slots[at] == node + 1)
			return false;
	set->slots[at] = node + 1;
	set->len++;
	return true;
}

bool np_strings_rope_bytes(const np_strings *s, np_vertex node, size_t max_parts, uint64_t *ret)
{
	struct node_set seen = {0};
	NP_VEC(np_vertex) pending = {0};
	uint64_t bytes = 0;
	np_vec_push(&pending, node);
	while (pending.len && seen.len < max_parts) {
		np_vertex at = pending.data[--pending.len];
		struct np_heap_string text;
		if (!node_set_add(&seen, at) || !np_strings_look(s, at, &text))
			continue;
		bytes += text.size_bytes;
		for (int which = text.form == NP_STRING_CONS ? 2 : text.form > NP_STRING_CONS ? 1 : 0; which; which--)
			if (np_strings_part(s, at, which) != NP_VERTEX_NONE)
				np_vec_push(&pending, np_strings_part(s, at, which));
	}
	bool whole = !pending.len;
	free(seen.slots);
	np_vec_deinit(&pending);
	*ret = bytes;
	return whole;
}
