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

static bool exports_table(np_v8 *v8, np_addr namespace, np_addr *table, uint32_t *length)
{
	np_tagged module, t;
	if (!np_field(v8, namespace, NP_F_JSModuleNamespace_module, &module) || !np_is_ref(module) ||
	    !np_field(v8, np_ref(module), NP_F_Module_exports, &t) || !np_is_ref(t) ||
	    !np_array_length(v8, np_ref(t), length) || *length > TABLE_MAX)
		return false;
	*table = np_ref(t);
	return true;
}

/* What an export's Cell holds; names are internalised: the same name is the same object. */
static bool export_value(np_v8 *v8, np_addr table, uint32_t length, np_addr name, np_tagged *ret)
{
	np_tagged key, cell;
	for (uint32_t i = TABLE_HEADER; i + 1 < length && np_array_get(v8, table, i, &key); i += TABLE_ENTRY)
		if (np_is_ref(key) && np_ref(key) == name)
			return np_array_get(v8, table, i + 1, &cell) && np_is_kind(v8, cell, NP_KIND_CELL) &&
			       np_field(v8, np_ref(cell), NP_F_Cell_value, ret);
	return false;
}

bool np_module_export(np_v8 *v8, np_addr namespace, np_addr name, np_tagged *ret)
{
	np_addr table;
	uint32_t length;
	return exports_table(v8, namespace, &table, &length) && export_value(v8, table, length, name, ret);
}

struct exports {
	struct decoder *d;
	np_value *v;
	np_addr table;
	uint32_t length;
	NP_VEC(struct np_value_property) found;
};

static bool export_add(void *ctx, const struct np_property *p)
{
	struct exports *e = ctx;
	struct decoder *d = e->d;
	np_tagged value;
	if (np_kind_at(d->v8, np_ref(p->key)) != NP_KIND_STRING)
		return true; /* [Symbol.toStringTag] */
	if (e->found.len >= d->limits->properties || d->total >= d->limits->total) {
		e->v->truncated = true;
		return false;
	}
	const char *name = np_string_utf8(d->v8, np_ref(p->key), NP_NAME_MAX, d->arena);
	struct np_value_property out = {.name = name ? name : "(unreadable name)", .kind = NP_PROPERTY_DATA};
	if (!export_value(d->v8, e->table, e->length, np_ref(p->key), &value))
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
	v->type = NP_VALUE_OBJECT;
	if (v->is_more)
		return;
	if (!exports_table(d->v8, v->address, &e.table, &e.length)) {
		np_decode_slot(d, v, "exports", NULL, "unreadable");
		return;
	}
	np_err_free(np_object_properties(d->v8, v->address, export_add, &e));
	v->properties = np_arena_memdup(d->arena, e.found.data, e.found.len * sizeof(*e.found.data));
	v->property_count = e.found.len;
	np_vec_deinit(&e.found);
}
