/*
 * Member paths: .name  [123]  ["any text"]  .#private  and internal slots as a
 * printed value names them: .target .handler .buffer .result, and .entries[2] of
 * a Map or Set, followed by [0] or .key for the key, [1] or .value for the value.
 * An own property of such a name comes first.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "v8/accessor.h"
#include "v8/array.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/typed.h"
#include "v8/value.h"
#include "v8/value_internal.h"

struct step {
	char *name;   /* property; NULL for an index */
	uint64_t index;
};

static np_err *path_error(const char *path, const char *at)
{
	return np_err_new(NP_EUSAGE, "member path `%s` is malformed at `%s`: expected .name, [index] or [\"name\"]", path,
			  at);
}

static np_err *step_parse(const char *path, const char **at, np_arena *arena, struct step *ret)
{
	const char *p = *at;
	if (*p == '.') {
		size_t n = strcspn(++p, ".[");
		if (!n)
			return path_error(path, *at);
		ret->name = np_arena_strndup(arena, p, n);
		*at = p + n;
		return NULL;
	}
	if (*p != '[')
		return path_error(path, *at);
	p++;
	if (*p == '"' || *p == '\'') {
		char quote = *p++, *out = np_arena_alloc(arena, strlen(p) + 1);
		size_t n = 0;
		while (*p && *p != quote) {
			if (*p == '\\' && p[1])
				p++;
			out[n++] = *p++;
		}
		if (*p != quote || p[1] != ']')
			return path_error(path, *at);
		ret->name = out;
		*at = p + 2;
		return NULL;
	}
	char *end;
	ret->index = strtoull(p, &end, 10);
	if (end == p || *end != ']')
		return path_error(path, *at);
	*at = end + 1;
	return NULL;
}

struct name_search {
	np_v8 *v8;
	const char *name;
	struct np_property found;
	bool ok;
};

static bool name_match(void *ctx, const struct np_property *p)
{
	struct name_search *s = ctx;
	np_arena *scratch = np_arena_create();
	const char *key = NULL;
	np_addr addr = np_ref(p->key);
	np_tagged description;
	if (np_kind_at(s->v8, addr) == NP_KIND_STRING)
		key = np_string_utf8(s->v8, addr, NP_NAME_MAX, scratch);
	else if (np_field(s->v8, addr, NP_F_Symbol_description, &description) &&
		 np_is_kind(s->v8, description, NP_KIND_STRING))
		key = np_string_utf8(s->v8, np_ref(description), NP_NAME_MAX, scratch);
	if (key && np_kind_at(s->v8, addr) == NP_KIND_SYMBOL && key[0] != '#')
		key = np_arena_printf(scratch, "Symbol(%s)", key);
	if (key && strcmp(key, s->name) == 0) {
		s->found = *p;
		s->ok = true;
	}
	np_arena_destroy(scratch);
	return !s->ok;
}

/* What a path has reached: a tagged word, a raw number, or an entry of a Map or Set that awaits [0] or [1]. */
struct place {
	np_tagged word;
	bool is_number;
	double number;
	enum { PLACE_VALUE, PLACE_ENTRIES, PLACE_ENTRY } kind; /* word: ENTRIES the collection, ENTRY the entry's value */
	np_tagged key;
};

static void place_number(struct place *at, double number)
{
	int32_t n = number >= INT32_MIN && number <= INT32_MAX ? (int32_t)number : 0;
	*at = (struct place){.is_number = true, .number = number};
	if (number == n && !(n == 0 && signbit(number))) /* what JavaScript would keep as a Smi */
		*at = (struct place){.word = {(uint64_t)(uint32_t)n << 32}};
}

static bool typed_index(np_v8 *v8, np_addr object, uint64_t index, struct place *ret)
{
	struct np_bytes b;
	uint8_t raw[8];
	if (!np_bytes_load(v8, object, &b) || !b.data || index >= b.length)
		return false;
	size_t size = b.type ? b.type->bytes : 1;
	if (np_mem_read(v8->mem, b.data + index * size, raw, size) != size)
		return false;
	if (!b.type) {
		place_number(ret, raw[0]);
		return true;
	}
	struct np_typed_element e = np_typed_element(b.type, raw);
	if (e.is_bigint && (e.biguint > 1ull << 53 && e.bigint != (int64_t)(double)e.bigint))
		return false; /* no number, and no object of the heap */
	place_number(ret, !e.is_bigint ? e.number : b.type->form == NP_FORM_BIGINT ? (double)e.bigint : (double)e.biguint);
	return true;
}

static bool element_index(np_v8 *v8, np_addr object, uint64_t index, np_arena *arena, struct place *ret)
{
	struct np_elements e;
	struct np_element *found, el = {0};
	size_t n;
	if (!np_elements_load(v8, object, &e))
		return false;
	if (e.form != NP_ELEMENTS_DICTIONARY) {
		if (index >= e.length || index > UINT32_MAX || !np_element_get(v8, &e, (uint32_t)index, &el) || el.is_hole)
			return false;
	} else {
		if (np_err_drop(np_elements_dictionary(v8, &e, SIZE_MAX, arena, &found, &n)))
			return false;
		size_t i = 0;
		while (i < n && found[i].index != index)
			i++;
		if (i == n)
			return false;
		el = found[i];
	}
	*ret = (struct place){.word = el.value, .is_number = el.is_double, .number = el.number};
	return true;
}

static bool index_step(np_v8 *v8, struct place *at, uint64_t index, np_arena *arena)
{
	uint32_t len;
	if (at->kind == PLACE_ENTRY) {
		if (index > 1)
			return false;
		*at = (struct place){.word = index ? at->word : at->key};
		return true;
	}
	np_addr object = np_ref(at->word);
	if (at->kind == PLACE_ENTRIES) {
		np_tagged key, value;
		if (!np_collection_entry(v8, object, index, &key, &value))
			return false;
		*at = (struct place){.word = value, .key = key, .kind = PLACE_ENTRY};
		return true;
	}
	enum np_kind kind = np_kind_at(v8, object);
	if (np_kind_is_receiver(kind))
		return element_index(v8, object, index, arena, at) || typed_index(v8, object, index, at);
	bool is_array = kind == NP_KIND_FIXED_ARRAY || kind == NP_KIND_CONTEXT;
	np_tagged word;
	if (!is_array || !np_array_length(v8, object, &len) || index >= len ||
	    !np_array_get(v8, object, (uint32_t)index, &word))
		return false;
	*at = (struct place){.word = word};
	return true;
}

/* Internal slots, by the names that they have in a printed value. */
static const struct {
	enum np_kind kind;
	const char *name;
	enum np_fact fact;
} internal_slots[] = {
	{NP_KIND_JS_PROXY, "target", NP_F_JSProxy_target},
	{NP_KIND_JS_PROXY, "handler", NP_F_JSProxy_handler},
	{NP_KIND_JS_WEAK_REF, "target", NP_F_JSWeakRef_target},
	{NP_KIND_JS_BOUND_FUNCTION, "target", NP_F_JSBoundFunction_target},
	{NP_KIND_JS_BOUND_FUNCTION, "this", NP_F_JSBoundFunction_this},
	{NP_KIND_JS_BOUND_FUNCTION, "arguments", NP_F_JSBoundFunction_args},
	{NP_KIND_JS_PROMISE, "result", NP_F_JSPromise_result},
	{NP_KIND_JS_GENERATOR, "function", NP_F_JSGeneratorObject_function},
	{NP_KIND_JS_GENERATOR, "receiver", NP_F_JSGeneratorObject_receiver},
	{NP_KIND_JS_ASYNC_FUNCTION, "function", NP_F_JSGeneratorObject_function},
	{NP_KIND_JS_ASYNC_FUNCTION, "receiver", NP_F_JSGeneratorObject_receiver},
	{NP_KIND_JS_ASYNC_GENERATOR, "function", NP_F_JSGeneratorObject_function},
	{NP_KIND_JS_ASYNC_GENERATOR, "receiver", NP_F_JSGeneratorObject_receiver},
	{NP_KIND_JS_PRIMITIVE_WRAPPER, "primitive", NP_F_JSPrimitiveWrapper_value},
	{NP_KIND_JS_TYPED_ARRAY, "buffer", NP_F_JSArrayBufferView_buffer},
	{NP_KIND_JS_DATA_VIEW, "buffer", NP_F_JSArrayBufferView_buffer},
	{NP_KIND_ACCESSOR_PAIR, "getter", NP_F_AccessorPair_getter},
	{NP_KIND_ACCESSOR_PAIR, "setter", NP_F_AccessorPair_setter},
};

static bool slot_step(np_v8 *v8, np_addr object, const char *name, struct place *ret)
{
	const struct np_map *map;
	enum np_kind kind = np_kind_at(v8, object);
	np_tagged word;
	if (strcmp(name, "__proto__") == 0 && np_kind_is_receiver(kind) && np_map_of(v8, object, &map)) {
		*ret = (struct place){.word = map->prototype};
		return true;
	}
	if ((kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_SET) && strcmp(name, "entries") == 0) {
		*ret = (struct place){.word = np_tag(object), .kind = PLACE_ENTRIES};
		return true;
	}
	for (size_t i = 0; i < NP_ARRAY_LEN(internal_slots); i++)
		if (internal_slots[i].kind == kind && strcmp(internal_slots[i].name, name) == 0 &&
		    np_field(v8, object, internal_slots[i].fact, &word)) {
			*ret = (struct place){.word = word};
			return true;
		}
	return false;
}

/* A property; an export of a module namespace; an internal slot. */
static bool name_step(np_v8 *v8, struct place *at, const char *name)
{
	struct name_search s = {.v8 = v8, .name = name};
	np_addr object = np_ref(at->word);
	enum np_kind kind = np_kind_at(v8, object);
	np_tagged word;
	if (at->kind == PLACE_ENTRIES)
		return false;
	if (at->kind == PLACE_ENTRY && (strcmp(name, "key") == 0 || strcmp(name, "value") == 0)) {
		*at = (struct place){.word = *name == 'k' ? at->key : at->word};
		return true;
	}
	if (!np_kind_is_receiver(kind))
		return slot_step(v8, object, name, at);
	np_err_free(np_object_properties(v8, object, name_match, &s));
	if (!s.ok)
		return slot_step(v8, object, name, at);
	if (kind == NP_KIND_JS_MODULE_NAMESPACE && np_module_export(v8, object, np_ref(s.found.key), &word))
		s.found = (struct np_property){.value = word};
	if (np_accessor_value(v8, object, &s.found, &word))
		s.found.value = word;
	*at = (struct place){.word = s.found.value, .is_number = s.found.is_double, .number = s.found.number};
	return true;
}

np_err *np_value_member(np_v8 *v8, np_tagged from, const char *path, np_arena *arena, np_tagged *ret, double *ret_double,
			bool *ret_is_double)
{
	const char *at = path;
	struct place here = {.word = from};
	while (*at) {
		struct step step = {0};
		const char *before = at;
		NP_TRY(step_parse(path, &at, arena, &step));
		int shown = (int)(at - before);
		if (here.is_number || (!np_is_ref(here.word) && here.kind == PLACE_VALUE))
			return np_err_new(NP_ENOTFOUND, "`%.*s` cannot be followed: what is before it is not an object", shown,
					  before);
		np_addr holder = np_ref(here.word);
		if (!(step.name ? name_step(v8, &here, step.name) : index_step(v8, &here, step.index, arena)))
			return np_err_new(NP_ENOTFOUND, "the object at 0x%llx has no `%.*s`", (unsigned long long)holder, shown,
					  before);
	}
	if (here.kind == PLACE_ENTRIES)
		return np_err_new(NP_EUSAGE, "member path `%s` ends at the entries: choose one with [index]", path);
	*ret = here.word;
	*ret_double = here.number;
	*ret_is_double = here.is_number;
	return NULL;
}
