#include "heap/fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "v8/object.h"
#include "v8/typed.h"

enum {
	WORD = 8,
	ARRAY_DATA = 16,
	HASH_USED = 0, HASH_DELETED = 1, HASH_CAPACITY = 2, /* of a HashTable's header */
	BUCKET_ENTRIES = 2, MAP_ENTRY = 3, SET_ENTRY = 2, WEAK_ENTRY = 2, NUMBER_ENTRY = 3, NAME_ENTRY = 3,
	HOLES_MAX = 16,
	SLOTS_MAX = 1 << 27,
};

/* What the objects of a shape have. */
struct form {
	bool is_known;
	bool is_receiver, is_dictionary, has_sparse, has_elements;
	uint32_t inobject_count, inobject_used, array_used; /* slots for properties */
};

struct np_fills {
	np_graph *graph;
	np_v8 *v8;
	const struct np_reach *reach;
	struct form *forms;  /* by shape */
	uint64_t *seen;	     /* a bit a node: stores that were counted */
	uint64_t holes[HOLES_MAX];
	size_t hole_count;
	uint64_t *shown_bytes; /* by buffer, see buffers: bytes that views show */
	np_vertex *buffers;    /* hash: node + 1 */
	size_t buffer_cap, buffer_len;
	int64_t properties_at, elements_at, ordered_at, weak_at; /* -1: not known */
};

const char *np_fill_kind_name(enum np_fill_kind kind)
{
	static const char *const names[] = {
		[NP_FILL_ELEMENTS] = "elements",     [NP_FILL_SPARSE] = "sparse", [NP_FILL_PROPERTIES] = "properties",
		[NP_FILL_DICTIONARY] = "dictionary", [NP_FILL_MAP] = "map",	  [NP_FILL_SET] = "set",
		[NP_FILL_WEAK] = "weak",	     [NP_FILL_BYTES] = "bytes",
	};
	return names[kind];
}

static const struct np_vertex_shape *shape_of(const np_fills *f, np_vertex node)
{
	return np_graph_shape(f->graph, np_graph_shape_of(f->graph, node));
}

static bool word_at(const np_fills *f, np_vertex node, uint64_t offset, uint64_t *ret)
{
	const uint8_t *bytes = np_graph_bytes(f->graph, node);
	if (!bytes || offset + WORD > np_graph_size(f->graph, node))
		return false;
	memcpy(ret, bytes + offset, WORD);
	return true;
}

/* A count that a table keeps; false when it is none. */
static bool count_at(const np_fills *f, np_vertex node, uint64_t offset, uint64_t *ret)
{
	np_tagged t;
	if (!word_at(f, node, offset, &t.raw) || !np_is_smi(t) || np_smi_value(t) < 0 || np_smi_value(t) > SLOTS_MAX)
		return false;
	*ret = (uint64_t)np_smi_value(t);
	return true;
}

/* The store that a field leads to, the first time it is met. */
static np_vertex store_at(np_fills *f, np_vertex node, int64_t offset)
{
	np_tagged t;
	if (offset < 0 || !word_at(f, node, (uint64_t)offset, &t.raw) || !np_is_ref(t))
		return NP_VERTEX_NONE;
	np_vertex store = np_graph_find(f->graph, np_ref(t));
	if (store == NP_VERTEX_NONE || f->seen[store / 64] >> (store % 64) & 1 ||
	    np_kind_is_receiver(shape_of(f, store)->kind))
		return NP_VERTEX_NONE;
	f->seen[store / 64] |= 1ull << (store % 64);
	return store;
}

static bool fill_make(const np_fills *f, enum np_fill_kind kind, np_vertex store, uint64_t capacity, uint64_t used,
		      uint64_t unit_bytes, struct np_fill *ret)
{
	if (!capacity || used > capacity)
		return false;
	*ret = (struct np_fill){.kind = kind, .capacity = capacity, .used = used,
				.wasted_bytes = (capacity - used) * unit_bytes,
				.store_bytes = store == NP_VERTEX_NONE ? capacity * unit_bytes : np_graph_size(f->graph, store)};
	return true;
}

/* --- elements --- */

static bool is_hole(np_fills *f, uint64_t word)
{
	for (size_t i = 0; i < f->hole_count; i++)
		if (f->holes[i] == word) {
			f->holes[i] = f->holes[0]; /* the one that arrays have comes first */
			f->holes[0] = word;
			return true;
		}
	return false;
}

static bool is_double_hole(uint64_t bits)
{
	return bits == 0x7fffffffffffffffull || bits == 0xfff7fffffff7ffffull; /* as in v8/elements.c */
}

static bool elements_fill(np_fills *f, np_vertex store, struct np_fill *ret)
{
	enum np_kind kind = shape_of(f, store)->kind;
	const uint8_t *bytes = np_graph_bytes(f->graph, store);
	bool is_double = kind == NP_KIND_FIXED_DOUBLE_ARRAY;
	uint64_t size = np_graph_size(f->graph, store), used = 0, word;
	if ((!is_double && kind != NP_KIND_FIXED_ARRAY) || !bytes || size < ARRAY_DATA)
		return false;
	for (uint64_t at = ARRAY_DATA; at < size; at += WORD) {
		memcpy(&word, bytes + at, WORD);
		used += !(is_double ? is_double_hole(word) : (word & 1) && is_hole(f, word));
	}
	return fill_make(f, NP_FILL_ELEMENTS, store, (size - ARRAY_DATA) / WORD, used, WORD, ret);
}

/* --- tables --- */

/* HashTable: {elements, deleted, capacity, ...}. */
static bool hash_fill(const np_fills *f, enum np_fill_kind kind, np_vertex store, uint64_t entry_words,
		      struct np_fill *ret)
{
	uint64_t used, deleted, capacity;
	if (!count_at(f, store, ARRAY_DATA + WORD * HASH_USED, &used) ||
	    !count_at(f, store, ARRAY_DATA + WORD * HASH_DELETED, &deleted) ||
	    !count_at(f, store, ARRAY_DATA + WORD * HASH_CAPACITY, &capacity) ||
	    capacity * entry_words * WORD > np_graph_size(f->graph, store) ||
	    !fill_make(f, kind, store, capacity, used, entry_words * WORD, ret))
		return false;
	ret->deleted = deleted;
	return true;
}

static bool ordered_fill(const np_fills *f, enum np_fill_kind kind, np_vertex store, struct np_fill *ret)
{
	const np_layout *l = f->v8->layout;
	uint64_t used, deleted, buckets, entry_words = kind == NP_FILL_MAP ? MAP_ENTRY : SET_ENTRY;
	if (!np_has(l, NP_F_OrderedHash_data) || !np_has(l, NP_F_OrderedHash_elements_index) ||
	    !np_has(l, NP_F_OrderedHash_deleted_index) || !np_has(l, NP_F_OrderedHash_buckets_index))
		return false;
	uint64_t data = (uint64_t)np_get(l, NP_F_OrderedHash_data);
	if (!count_at(f, store, data + WORD * (uint64_t)np_get(l, NP_F_OrderedHash_elements_index), &used) ||
	    !count_at(f, store, data + WORD * (uint64_t)np_get(l, NP_F_OrderedHash_deleted_index), &deleted) ||
	    !count_at(f, store, data + WORD * (uint64_t)np_get(l, NP_F_OrderedHash_buckets_index), &buckets) ||
	    buckets * BUCKET_ENTRIES * entry_words * WORD > np_graph_size(f->graph, store) ||
	    !fill_make(f, kind, store, buckets * BUCKET_ENTRIES, used, entry_words * WORD, ret))
		return false;
	ret->deleted = deleted;
	return true;
}

static bool dictionary_fill(const np_fills *f, np_vertex node, np_vertex store, struct np_fill *ret)
{
	const np_layout *l = f->v8->layout;
	bool is_global = shape_of(f, node)->kind == NP_KIND_JS_GLOBAL_OBJECT;
	enum np_fact fact = is_global && np_has(l, NP_F_Dictionary_global_entry_size) ? NP_F_Dictionary_global_entry_size
										      : NP_F_Dictionary_entry_size;
	uint64_t entry = np_has(l, fact) && np_get(l, fact) > 0 ? (uint64_t)np_get(l, fact) : NAME_ENTRY;
	return hash_fill(f, NP_FILL_DICTIONARY, store, entry, ret);
}

/* --- properties --- */

struct slots {
	np_addr object;
	uint64_t object_bytes;
	struct form *form;
};

static bool slot_count(void *ctx, const struct np_property *p)
{
	struct slots *s = ctx;
	if (p->slot >= s->object && p->slot - s->object < s->object_bytes)
		s->form->inobject_used++;
	else if (p->slot)
		s->form->array_used++;
	return true;
}

static struct form *form_of(np_fills *f, np_vertex node)
{
	struct form *form = &f->forms[np_graph_shape_of(f->graph, node)];
	if (form->is_known)
		return form;
	const struct np_vertex_shape *shape = shape_of(f, node);
	const np_layout *l = f->v8->layout;
	form->is_known = true;
	form->is_receiver = np_kind_is_receiver(shape->kind) && shape->kind != NP_KIND_JS_PROXY;
	if (!form->is_receiver)
		return form;
	form->is_dictionary = shape->map->dictionary || shape->kind == NP_KIND_JS_GLOBAL_OBJECT;
	form->has_sparse = np_has(l, NP_F_elements_dictionary) &&
			   shape->map->elements_kind == np_get(l, NP_F_elements_dictionary);
	form->has_elements = !form->has_sparse && shape->kind != NP_KIND_JS_ARGUMENTS && shape->kind != NP_KIND_JS_TYPED_ARRAY;
	if (form->is_dictionary)
		return form;
	form->inobject_count = shape->map->inobject_count;
	struct slots s = {np_graph_address(f->graph, node), np_graph_size(f->graph, node), form};
	np_err_free(np_object_properties(f->v8, s.object, slot_count, &s));
	if (form->inobject_used > form->inobject_count)
		form->inobject_used = form->inobject_count;
	return form;
}

/* Up to 6.x the array is a FixedArray, later a PropertyArray. */
static bool properties_fill(np_fills *f, np_vertex node, const struct form *form, struct np_fill *ret)
{
	np_vertex store = store_at(f, node, f->properties_at);
	uint64_t slots = 0, bytes = 0;
	if (store != NP_VERTEX_NONE && (shape_of(f, store)->kind == NP_KIND_FIXED_ARRAY ||
					shape_of(f, store)->kind == NP_KIND_PROPERTY_ARRAY)) {
		bytes = np_graph_size(f->graph, store);
		slots = bytes >= ARRAY_DATA ? (bytes - ARRAY_DATA) / WORD : 0;
	}
	uint64_t capacity = form->inobject_count + slots;
	uint64_t used = form->inobject_used + (form->array_used < slots ? form->array_used : slots);
	if (!fill_make(f, NP_FILL_PROPERTIES, NP_VERTEX_NONE, capacity, used, WORD, ret))
		return false;
	ret->store_bytes = (uint64_t)form->inobject_count * WORD + bytes;
	return true;
}

/* --- bytes of buffers --- */

static size_t buffer_place(const np_fills *f, np_vertex buffer)
{
	size_t at = (buffer * 0x9e3779b1u) & (f->buffer_cap - 1);
	while (f->buffers[at] && f->buffers[at] != buffer + 1)
		at = (at + 1) & (f->buffer_cap - 1);
	return at;
}

static void buffer_show(np_fills *f, np_vertex buffer, uint64_t bytes)
{
	if ((f->buffer_len + 1) * 2 > f->buffer_cap) {
		np_vertex *old = f->buffers;
		uint64_t *shown = f->shown_bytes;
		size_t cap = f->buffer_cap;
		f->buffer_cap = cap ? cap * 2 : 256;
		f->buffers = np_xcalloc(f->buffer_cap, sizeof(*f->buffers));
		f->shown_bytes = np_xcalloc(f->buffer_cap, sizeof(*f->shown_bytes));
		for (size_t i = 0; i < cap; i++) {
			if (!old[i])
				continue;
			size_t at = buffer_place(f, old[i] - 1);
			f->buffers[at] = old[i];
			f->shown_bytes[at] = shown[i];
		}
		free(old);
		free(shown);
	}
	size_t at = buffer_place(f, buffer);
	f->buffer_len += !f->buffers[at];
	f->buffers[at] = buffer + 1;
	if (!__builtin_add_overflow(f->shown_bytes[at], bytes, &bytes))
		f->shown_bytes[at] = bytes;
}

static void views_gather(np_fills *f)
{
	for (np_vertex node = 0; node < np_graph_object_count(f->graph); node++) {
		enum np_kind kind = shape_of(f, node)->kind;
		struct np_bytes b;
		if ((kind != NP_KIND_JS_TYPED_ARRAY && kind != NP_KIND_JS_DATA_VIEW) ||
		    (f->reach && !np_reach_has(f->reach, node)) || !np_bytes_load(f->v8, np_graph_address(f->graph, node), &b) ||
		    !b.buffer)
			continue;
		np_vertex buffer = np_graph_find(f->graph, b.buffer);
		if (buffer != NP_VERTEX_NONE)
			buffer_show(f, buffer, b.byte_length);
	}
}

/* A buffer without views is in use as it is; what several views show counts once at most. */
static bool bytes_fill(const np_fills *f, np_vertex node, struct np_fill *ret)
{
	struct np_bytes b;
	if (!f->buffer_cap || !np_bytes_load(f->v8, np_graph_address(f->graph, node), &b))
		return false;
	size_t at = buffer_place(f, node);
	uint64_t used = f->buffers[at] ? f->shown_bytes[at] : b.byte_length;
	return fill_make(f, NP_FILL_BYTES, NP_VERTEX_NONE, b.byte_length, used < b.byte_length ? used : b.byte_length, 1, ret);
}

/* --- life --- */

static void holes_find(np_fills *f)
{
	for (np_vertex node = 0; node < np_graph_object_count(f->graph) && f->hole_count < HOLES_MAX; node++) {
		enum np_kind kind = shape_of(f, node)->kind;
		np_tagged t = np_tag(np_graph_address(f->graph, node));
		if ((kind == NP_KIND_ODDBALL || kind == NP_KIND_HOLE) && np_is_hole(f->v8, t))
			f->holes[f->hole_count++] = t.raw;
	}
}

static int64_t fact_or_none(const np_layout *l, enum np_fact fact)
{
	return np_has(l, fact) && np_get(l, fact) > 0 ? np_get(l, fact) : -1;
}

np_fills *np_fills_create(np_graph *graph, const struct np_reach *reach)
{
	np_fills *f = np_xcalloc(1, sizeof(*f));
	f->graph = graph;
	f->v8 = np_heap_v8(np_graph_heap(graph));
	f->reach = reach;
	f->forms = np_xcalloc((size_t)np_graph_shape_count(graph) + 1, sizeof(*f->forms));
	f->seen = np_xcalloc((size_t)np_graph_node_count(graph) / 64 + 1, sizeof(*f->seen));
	f->properties_at = fact_or_none(f->v8->layout, NP_F_JSReceiver_properties);
	f->elements_at = fact_or_none(f->v8->layout, NP_F_JSObject_elements);
	f->ordered_at = fact_or_none(f->v8->layout, NP_F_JSMap_table);
	f->weak_at = fact_or_none(f->v8->layout, NP_F_JSWeakMap_table);
	holes_find(f);
	views_gather(f);
	return f;
}

void np_fills_destroy(np_fills *f)
{
	if (!f)
		return;
	free(f->forms);
	free(f->seen);
	free(f->shown_bytes);
	free(f->buffers);
	free(f);
}

size_t np_fills_of(np_fills *f, np_vertex node, struct np_fill *ret)
{
	size_t n = 0;
	np_vertex store;
	if (np_graph_is_external(f->graph, node))
		return 0;
	const struct form *form = form_of(f, node);
	if (!form->is_receiver)
		return 0;
	if (form->has_elements && (store = store_at(f, node, f->elements_at)) != NP_VERTEX_NONE)
		n += elements_fill(f, store, &ret[n]);
	if (form->has_sparse && (store = store_at(f, node, f->elements_at)) != NP_VERTEX_NONE)
		n += hash_fill(f, NP_FILL_SPARSE, store, NUMBER_ENTRY, &ret[n]);
	if (form->is_dictionary && (store = store_at(f, node, f->properties_at)) != NP_VERTEX_NONE)
		n += dictionary_fill(f, node, store, &ret[n]);
	if (!form->is_dictionary)
		n += properties_fill(f, node, form, &ret[n]);
	switch (shape_of(f, node)->kind) {
	case NP_KIND_JS_MAP:
	case NP_KIND_JS_SET:
		if ((store = store_at(f, node, f->ordered_at)) != NP_VERTEX_NONE)
			n += ordered_fill(f, shape_of(f, node)->kind == NP_KIND_JS_MAP ? NP_FILL_MAP : NP_FILL_SET, store, &ret[n]);
		break;
	case NP_KIND_JS_WEAK_MAP:
	case NP_KIND_JS_WEAK_SET:
		if ((store = store_at(f, node, f->weak_at)) != NP_VERTEX_NONE)
			n += hash_fill(f, NP_FILL_WEAK, store, WEAK_ENTRY, &ret[n]);
		break;
	case NP_KIND_JS_ARRAY_BUFFER:
		n += bytes_fill(f, node, &ret[n]);
		break;
	default:
		break;
	}
	return n;
}
