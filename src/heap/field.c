#include "heap/field.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "v8/cache.h"
#include "v8/context.h"
#include "v8/object.h"
#include "v8/string.h"

enum { PARENTS_MAX = 8 };

const char *np_field_kind_name(enum np_field_kind kind)
{
	static const char *const names[] = {
		[NP_FIELD_NONE] = NULL,		   [NP_FIELD_MAP] = "map",
		[NP_FIELD_PROPERTY] = "property",  [NP_FIELD_ELEMENT] = "element",
		[NP_FIELD_SLOT] = "slot",	   [NP_FIELD_VARIABLE] = "variable",
		[NP_FIELD_CHARACTER] = "character", [NP_FIELD_BYTE] = "byte",
		[NP_FIELD_INTERNAL] = "internal",  [NP_FIELD_UNUSED] = "unused",
	};
	return names[kind];
}

/* A word that can be nothing but a tagged value: a Smi, or a reference to an object. */
static bool word_is_tagged(np_v8 *v8, uint64_t word)
{
	const struct np_map *map;
	if ((word & 1) == 0)
		return (word & 0xffffffff) == 0;
	return np_map_of(v8, np_ref((np_tagged){word}), &map);
}

static void field_take_word(np_v8 *v8, np_addr at, struct np_object_field *f)
{
	f->has_value = np_tagged_at(v8, at, &f->value) && word_is_tagged(v8, f->value.raw);
}

/* --- properties in the object itself --- */

struct property_search {
	np_v8 *v8;
	np_addr slot;
	np_arena *arena;
	struct np_object_field *field;
	bool found;
};

static bool property_matches(void *ctx, const struct np_property *p)
{
	struct property_search *s = ctx;
	if (p->slot != s->slot)
		return true;
	s->found = true;
	s->field->kind = np_key_is_internal(s->v8, p->key) ? NP_FIELD_INTERNAL : NP_FIELD_PROPERTY;
	s->field->name = np_key_text(s->v8, p->key, s->arena);
	s->field->is_double = p->is_double;
	s->field->number = p->number;
	s->field->value = p->value;
	s->field->has_value = true;
	return false;
}

static bool inobject_field(np_v8 *v8, const struct np_heap_object *object, uint64_t offset, np_arena *arena,
			   struct np_object_field *f)
{
	const struct np_map *map = object->map;
	uint64_t start = map->inobject_start_bytes;
	if (offset < start || offset >= start + 8ull * map->inobject_count)
		return false;
	struct property_search s = {v8, object->addr + f->offset, arena, f, false};
	np_err_free(np_object_properties(v8, object->addr, property_matches, &s));
	if (!s.found)
		f->kind = NP_FIELD_UNUSED;
	return true;
}

/* --- fields by V8's names --- */

/*
 * "v8dbg_class_JSFunction__shared__SharedFunctionInfo": a class, its field, the field's type; the symbol's value is the
 * offset.  "v8dbg_parent_JSFunction__JSFunctionOrBoundFunction".  A walk over all symbols takes milliseconds: it is
 * made once.
 */
struct v8dbg_symbol {
	const char *name; /* behind the prefix */
	uint32_t value;
};

struct np_v8dbg {
	struct v8dbg_symbol *classes, *parents;
	size_t class_count, parent_count;
};

struct v8dbg_load {
	np_v8 *v8;
	size_t prefix_len;
	NP_VEC(struct v8dbg_symbol) symbols;
};

static bool metadata_take(void *ctx, const struct np_symbol *symbol)
{
	struct v8dbg_load *load = ctx;
	struct v8dbg_symbol s = {.name = np_arena_strdup(load->v8->cache->arena, symbol->name + load->prefix_len)};
	if (np_mem_u32(load->v8->mem, symbol->addr, &s.value))
		np_vec_push(&load->symbols, s);
	return true;
}

static struct v8dbg_symbol *metadata_symbols(np_v8 *v8, const char *prefix, size_t *ret_count)
{
	np_image *image = np_target_v8_image(v8->target);
	struct v8dbg_load load = {.v8 = v8, .prefix_len = strlen(prefix)};
	if (image)
		np_image_symbols(image, prefix, metadata_take, &load);
	struct v8dbg_symbol *all = np_arena_memdup(v8->cache->arena, load.symbols.data, load.symbols.len * sizeof(*all));
	*ret_count = load.symbols.len;
	np_vec_deinit(&load.symbols);
	return all;
}

static const struct np_v8dbg *metadata_of(np_v8 *v8)
{
	if (!v8->cache->v8dbg) {
		struct np_v8dbg *d = NP_NEW(v8->cache->arena, struct np_v8dbg);
		d->classes = metadata_symbols(v8, "v8dbg_class_", &d->class_count);
		d->parents = metadata_symbols(v8, "v8dbg_parent_", &d->parent_count);
		v8->cache->v8dbg = d;
	}
	return v8->cache->v8dbg;
}

/* What follows "<klass>__" in a name; NULL: it is about another class. */
static const char *behind_class(const char *name, const char *klass)
{
	size_t n = strlen(klass);
	return strncmp(name, klass, n) == 0 && name[n] == '_' && name[n + 1] == '_' ? name + n + 2 : NULL;
}

static const char *name_from_facts(np_v8 *v8, const char *klass, uint64_t offset)
{
	size_t n = strlen(klass);
	for (int f = 0; f < NP_FACT_COUNT; f++) {
		const struct np_fact_info *info = np_fact_info((enum np_fact)f);
		if (strncmp(info->name, klass, n) == 0 && info->name[n] == '.' && strcmp(info->kind, "offset") == 0 &&
		    np_has(v8->layout, (enum np_fact)f) && np_get(v8->layout, (enum np_fact)f) == (int64_t)offset)
			return info->name + n + 1;
	}
	return NULL;
}

static const char *name_from_symbols(np_v8 *v8, const char *klass, uint64_t offset)
{
	const struct np_v8dbg *d = metadata_of(v8);
	for (size_t i = 0; i < d->class_count; i++) {
		const char *field = d->classes[i].value == offset ? behind_class(d->classes[i].name, klass) : NULL;
		const char *end = field ? strstr(field, "__") : NULL;
		if (end)
			return np_arena_strndup(v8->cache->arena, field, (size_t)(end - field));
	}
	return NULL;
}

/* NULL at the root, and where V8 does not tell. */
static const char *class_parent(np_v8 *v8, const char *klass)
{
	const struct np_v8dbg *d = metadata_of(v8);
	for (size_t i = 0; i < d->parent_count; i++) {
		const char *parent = behind_class(d->parents[i].name, klass);
		if (parent)
			return parent;
	}
	return NULL;
}

static const char *type_class(const np_v8 *v8, uint16_t type)
{
	const np_layout *l = v8->layout;
	for (size_t i = 0; i < l->type_count; i++)
		if (l->types[i].type == type)
			return l->types[i].klass;
	return NULL;
}

static const char *internal_name_find(np_v8 *v8, const struct np_map *map, uint64_t offset)
{
	/* Classes whose fields objects of a kind have, whatever their own class is called; UNKNOWN: all receivers. */
	static const struct {
		enum np_kind kind;
		const char *klass;
	} shared[] = {
		{NP_KIND_JS_FUNCTION, "JSFunction"},
		{NP_KIND_JS_TYPED_ARRAY, "JSArrayBufferView"},
		{NP_KIND_JS_DATA_VIEW, "JSArrayBufferView"},
		{NP_KIND_JS_SET, "JSMap"},
		{NP_KIND_JS_WEAK_SET, "JSWeakMap"},
		{NP_KIND_JS_ASYNC_FUNCTION, "JSGeneratorObject"},
		{NP_KIND_JS_ASYNC_GENERATOR, "JSGeneratorObject"},
		{NP_KIND_JS_PRIMITIVE_WRAPPER, "JSPrimitiveWrapper"},
		{NP_KIND_BYTE_ARRAY, "FixedArray"},
		{NP_KIND_FIXED_DOUBLE_ARRAY, "FixedArray"},
		{NP_KIND_CONTEXT, "FixedArray"},
		{NP_KIND_STRING, "String"},
		{NP_KIND_UNKNOWN, "JSReceiver"},
		{NP_KIND_UNKNOWN, "JSObject"},
	};
	enum np_kind kind = np_kind_of_type(v8, map->type);
	const char *klass = type_class(v8, map->type), *name = NULL;
	for (int i = 0; klass && !name && i < PARENTS_MAX; i++) {
		name = name_from_facts(v8, klass, offset);
		if (!name)
			name = name_from_symbols(v8, klass, offset);
		klass = class_parent(v8, klass);
	}
	for (size_t i = 0; !name && i < NP_ARRAY_LEN(shared); i++)
		if (shared[i].kind == kind || (shared[i].kind == NP_KIND_UNKNOWN && np_kind_is_receiver(kind)))
			name = name_from_facts(v8, shared[i].klass, offset);
	return name;
}

/* Objects of a type have the same fields. */
static const char *internal_name(np_v8 *v8, const struct np_map *map, uint64_t offset)
{
	uint64_t key = (uint64_t)(map->type + 1) << 32 | offset;
	if (offset > UINT32_MAX)
		return NULL;
	const char *known = np_addr_map_get(&v8->cache->field_names, key);
	if (!known) {
		known = internal_name_find(v8, map, offset);
		np_addr_map_put(&v8->cache->field_names, key, (void *)(known ? known : ""));
	}
	return known && *known ? known : NULL;
}

/* --- units of arrays and strings --- */

static bool context_variable(np_v8 *v8, np_addr context, np_addr slot, np_arena *arena, struct np_object_field *f)
{
	struct np_context c;
	if (np_err_drop(np_context_load(v8, context, arena, &c)))
		return false;
	for (size_t i = 0; i < c.variable_count; i++)
		if (c.variables[i].slot == slot) {
			f->kind = NP_FIELD_VARIABLE;
			f->name = c.variables[i].name;
			f->value = c.variables[i].value;
			f->has_value = true;
			return true;
		}
	return false;
}

static const char *context_slot_name(const np_layout *l, uint64_t index)
{
	static const struct {
		enum np_fact fact;
		const char *name;
	} slots[] = {{NP_F_Context_scope_info, "scope_info"},
		     {NP_F_Context_closure, "closure"},
		     {NP_F_Context_previous, "previous"},
		     {NP_F_Context_extension, "extension"}};
	for (size_t i = 0; i < NP_ARRAY_LEN(slots); i++)
		if (np_has(l, slots[i].fact) && np_get(l, slots[i].fact) == (int64_t)index)
			return slots[i].name;
	return NULL;
}

static bool is_element_store(enum np_kind kind)
{
	return kind == NP_KIND_FIXED_ARRAY || kind == NP_KIND_FIXED_DOUBLE_ARRAY;
}

static void tagged_unit(np_v8 *v8, const struct np_heap_object *object, np_arena *arena, struct np_object_field *f)
{
	enum np_kind kind = np_kind_of_type(v8, object->map->type);
	f->kind = is_element_store(kind) ? NP_FIELD_ELEMENT : NP_FIELD_SLOT;
	field_take_word(v8, object->addr + f->offset, f);
	if (kind != NP_KIND_CONTEXT || context_variable(v8, object->addr, object->addr + f->offset, arena, f))
		return;
	f->name = context_slot_name(v8->layout, f->index);
	if (f->name)
		f->kind = NP_FIELD_INTERNAL;
}

static void unit_field(np_v8 *v8, const struct np_heap_object *object, const struct np_units *units, uint64_t offset,
		       np_arena *arena, struct np_object_field *f)
{
	f->index = (offset - units->data) / units->bytes;
	f->offset = units->data + f->index * units->bytes;
	np_addr at = object->addr + f->offset;
	uint64_t word = 0;
	switch (units->kind) {
	case NP_UNIT_TAGGED:
		tagged_unit(v8, object, arena, f);
		break;
	case NP_UNIT_DOUBLE:
		f->kind = NP_FIELD_ELEMENT;
		f->is_double = f->has_value = np_mem_u64(v8->mem, at, &word);
		memcpy(&f->number, &word, sizeof(f->number));
		break;
	case NP_UNIT_CHARACTER: {
		uint8_t unit[2] = {0};
		f->kind = NP_FIELD_CHARACTER;
		if (np_mem_read(v8->mem, at, unit, units->bytes) == units->bytes)
			f->number = unit[0] | unit[1] << 8;
		break;
	}
	default:
		f->kind = NP_FIELD_BYTE;
		break;
	}
}

void np_object_field_at(np_heap *heap, const struct np_heap_object *object, uint64_t offset, np_arena *arena,
			struct np_object_field *ret)
{
	np_v8 *v8 = np_heap_v8(heap);
	struct np_object_field f = {.offset = offset & ~(uint64_t)7};
	struct np_units units;
	uint64_t length;
	if (offset < 8) {
		f.kind = NP_FIELD_MAP;
		field_take_word(v8, object->addr, &f);
	} else if (np_object_units(heap, object->map, &units) && offset >= units.data) {
		unit_field(v8, object, &units, offset, arena, &f);
		if (f.kind == NP_FIELD_CHARACTER && (!np_string_length(v8, object->addr, &length) || f.index >= length))
			f.kind = NP_FIELD_NONE; /* padding */
	} else if (!np_kind_is_receiver(np_kind_of_type(v8, object->map->type)) ||
		   !inobject_field(v8, object, offset, arena, &f)) {
		f.name = internal_name(v8, object->map, f.offset);
		if (!f.name && offset != f.offset && offset % 4 == 0) /* 32-bit fields share words */
			f.name = internal_name(v8, object->map, f.offset = offset);
		f.kind = f.name ? NP_FIELD_INTERNAL : NP_FIELD_NONE;
		field_take_word(v8, object->addr + (f.offset & ~(uint64_t)7), &f);
		if (f.offset & 7)
			f.has_value = false;
	}
	*ret = f;
}
