/*
 * Module namespaces: the names of the exports are properties with accessors of
 * V8, the values lie in Cells that the Module's `exports`, an ObjectHashTable
 * {name, Cell}, leads to.
 */
#include "base/vec.h"
#include "v8/array.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

enum { TABLE_HEADER = 3, TABLE_ENTRY = 2, TABLE_MAX = 1 << 20 };

struct exports {
	struct decoder *d;
	np_value *v;
	np_addr table;
	uint32_t length;
	NP_VEC(struct np_value_property) found;
};

/* The Cell of an export; names are internalised: the same name is the same object. */
static bool export_cell(const struct exports *e, np_addr name, np_addr *ret)
{
	np_tagged key, value;
	for (uint32_t i = TABLE_HEADER; i + 1 < e->length; i += TABLE_ENTRY)
		if (np_array_get(e->d->v8, e->table, i, &key) && np_is_ref(key) && np_ref(key) == name &&
		    np_array_get(e->d->v8, e->table, i + 1, &value) && np_is_kind(e->d->v8, value, NP_KIND_CELL)) {
			*ret = np_ref(value);
			return true;
		}
	return false;
}

static bool export_add(void *ctx, const struct np_property *p)
{
	struct exports *e = ctx;
	struct decoder *d = e->d;
	np_addr cell;
	np_tagged value;
	if (np_kind_at(d->v8, np_ref(p->key)) != NP_KIND_STRING)
		return true; /* [Symbol.toStringTag] */
	if (e->found.len >= d->limits->properties || d->total >= d->limits->total) {
		e->v->truncated = true;
		return false;
	}
	const char *name = np_string_utf8(d->v8, np_ref(p->key), NP_NAME_MAX, d->arena);
	struct np_value_property out = {.name = name ? name : "(unreadable name)", .kind = NP_PROPERTY_DATA};
	if (!export_cell(e, np_ref(p->key), &cell) || !np_field(d->v8, cell, NP_F_Cell_value, &value))
		out.value = np_decode_unreadable(d, 0, "the export is not resolved");
	else if (np_is_hole(d->v8, value))
		out.value = np_decode_unreadable(d, 0, "the export is not initialised yet");
	else
		out.value = np_decode(d, value);
	np_vec_push(&e->found, out);
	return true;
}

void np_decode_module(struct decoder *d, np_value *v)
{
	struct exports e = {.d = d, .v = v};
	np_tagged module, table;
	v->type = NP_VALUE_OBJECT;
	if (v->is_more)
		return;
	if (!np_field(d->v8, v->address, NP_F_JSModuleNamespace_module, &module) || !np_is_ref(module) ||
	    !np_field(d->v8, np_ref(module), NP_F_Module_exports, &table) || !np_is_ref(table) ||
	    !np_array_length(d->v8, np_ref(table), &e.length) || e.length > TABLE_MAX) {
		np_decode_slot(d, v, "exports", NULL, "unreadable");
		return;
	}
	e.table = np_ref(table);
	np_err_free(np_object_properties(d->v8, v->address, export_add, &e));
	v->properties = np_arena_memdup(d->arena, e.found.data, e.found.len * sizeof(*e.found.data));
	v->property_count = e.found.len;
	np_vec_deinit(&e.found);
}
