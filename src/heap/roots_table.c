/*
 * Tagged words in the Isolate itself: the roots table, the builtins, vectors
 * of objects, and single fields.
 *
 * The table's place is not known, but where the binary has the table's names
 * (RootsTable::root_names_, 7.x and later) it is the one place where the
 * entries called "..._map" are maps.  Up to 6.x it is the longest run of
 * objects and Smis.
 */
#include <stdlib.h>
#include <string.h>

#include "heap/roots_internal.h"
#include "heap/size.h"
#include "v8/array.h"
#include "v8/map.h"

enum {
	NAMES_MAX = 1 << 13,
	NAME_MAX_BYTES = 128,
	NAMED_MAPS_MIN = 50,	/* names that tell enough */
	RUN_MIN = 120,		/* objects in a table without names */
	CODE_RUN_MIN = 4,
	CODE_TABLE_MIN = 50,
	VECTOR_MIN = 16,	/* objects of a snapshot cache */
	VECTOR_MAX = 1 << 22,
	SAMPLE_MAX = 4096,	/* of its elements that are looked at to tell what it is */
	HEAP_FIRST_WORDS = 0x80, /* a Heap that begins before is the first thing in the Isolate */
	STRINGS_MIN = 500,	/* internalized strings in every process */
};

static const char root_names_symbol[] = "_ZN2v88internal10RootsTable11root_names_E";

struct names {
	char **name;
	size_t count;
};

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

/* The names of all entries, none where the binary is stripped or too old. */
static void names_read(struct np_roots *r, struct names *ret)
{
	struct np_symbol symbol;
	np_image *image = np_target_v8_image(r->v8->target);
	*ret = (struct names){NULL, 0};
	if (!image || !np_image_symbol(image, root_names_symbol, &symbol) || symbol.size_bytes / 8 > NAMES_MAX ||
	    symbol.size_bytes / 8 >= r->count)
		return;
	ret->name = np_xcalloc(symbol.size_bytes / 8 + 1, sizeof(*ret->name));
	for (size_t i = 0; i < symbol.size_bytes / 8; i++) {
		char buf[NAME_MAX_BYTES];
		uint64_t at;
		if (!np_mem_u64(r->v8->mem, symbol.addr + 8 * i, &at) || !np_mem_cstr(r->v8->mem, at, buf, sizeof(buf)))
			break;
		ret->name[ret->count++] = strdup(buf);
	}
}

static bool name_is_map(const char *name)
{
	size_t n = strlen(name);
	return n > 4 && strcmp(name + n - 4, "_map") == 0;
}

/* Where the table with these names begins; count when nowhere. */
static size_t table_find(struct np_roots *r, const struct names *names, const bool *is_map)
{
	size_t *named = np_xcalloc(names->count + 1, sizeof(*named)), n = 0, best = r->count, best_score = 0;
	for (size_t i = 0; i < names->count; i++)
		if (name_is_map(names->name[i]))
			named[n++] = i;
	for (size_t start = 0; n >= NAMED_MAPS_MIN && start + names->count <= r->count; start++) {
		size_t score = 0;
		for (size_t k = 0; k < n; k++)
			score += is_map[start + named[k]];
		if (score > best_score) {
			best_score = score;
			best = start;
		}
	}
	/* Maps that this process has not made are undefined or Smis. */
	if (best_score * 10 < n * 9)
		best = r->count;
	free(named);
	return best;
}

/*
 * The table of internalized strings, which was a root up to 8.x: a hash table
 * {elements, deleted ones, capacity, strings ...} of strings alone.
 */
static bool is_string_table(struct np_roots *r, uint64_t word)
{
	enum { HEADER = 3 };
	np_addr array = np_ref((np_tagged){word});
	const struct np_map *map;
	struct np_units units;
	uint32_t length, strings = 0, others = 0;
	np_tagged t;
	if (!np_map_of(r->v8, array, &map) || !np_object_units(r->heap, map, &units) || units.kind != NP_UNIT_TAGGED ||
	    !np_array_length(r->v8, array, &length) || length < STRINGS_MIN ||
	    !np_array_get(r->v8, array, HEADER - 1, &t) || !np_is_smi(t) ||
	    (uint32_t)np_smi_value(t) != length - HEADER || (length - HEADER) & (length - HEADER - 1))
		return false;
	for (uint32_t i = HEADER; i < length && strings + others < SAMPLE_MAX; i++) {
		if (!np_array_get(r->v8, array, i, &t) || !np_is_ref(t))
			continue;
		enum np_kind kind = np_kind_at(r->v8, np_ref(t));
		strings += kind == NP_KIND_STRING;
		others += kind != NP_KIND_STRING && kind != NP_KIND_ODDBALL && kind != NP_KIND_HOLE;
	}
	return strings >= STRINGS_MIN / 2 && others * 20 < strings;
}

static void table_emit(struct np_roots *r, size_t start, size_t count, const struct names *names)
{
	for (size_t i = start; i < start + count && !r->is_ended; i++) {
		r->taken[i] = 1;
		struct np_root root = {.kind = NP_ROOT_STRONG_LIST, .slot = r->isolate + 8 * i, .value = {r->words[i]},
				       .name = names->count ? names->name[i - start] : NULL};
		if (!np_roots_is_object(r, r->words[i]))
			continue;
		if (is_string_table(r, r->words[i])) {
			root.kind = NP_ROOT_STRING_TABLE;
			root.is_weak = true;
			r->report.exact[NP_ROOT_STRING_TABLE] = true;
		}
		np_roots_emit(r, &root);
	}
}

/* May this word be an entry of a roots table? The odd raw pointer among them is there, too. */
static bool word_may_be_root(uint64_t word, int type)
{
	return type >= 0 || (uint32_t)word == 0;
}

/* The longest run of words that may be roots and are objects mostly. */
static bool run_find(struct np_roots *r, const int32_t *types, size_t *ret_start, size_t *ret_count)
{
	size_t best = 0;
	for (size_t i = 0; i < r->count;) {
		size_t end = i, objects = 0, last = i;
		int misses = types[i] >= 0 && !r->taken[i] ? 0 : 2; /* it begins with an object */
		for (; end < r->count && !r->taken[end] && misses < 2; end++) {
			misses = word_may_be_root(r->words[end], types[end]) ? 0 : misses + 1;
			if (types[end] >= 0) {
				objects++;
				last = end;
			}
		}
		if (objects > best && objects * 10 >= (last + 1 - i) * 8) {
			best = objects;
			*ret_start = i;
			*ret_count = last + 1 - i;
		}
		i = end > i ? end : i + 1;
	}
	return best >= RUN_MIN;
}

/* --- builtins --- */

static void builtins_visit(struct np_roots *r, const int32_t *types)
{
	for (size_t i = 0; i < r->count;) {
		size_t end = i;
		while (end < r->count && types[end] >= 0 &&
		       np_kind_of_type(r->v8, (uint16_t)types[end]) == NP_KIND_CODE)
			end++;
		if (end - i >= CODE_RUN_MIN) {
			if (end - i >= CODE_TABLE_MIN)
				r->report.exact[NP_ROOT_BUILTINS] = true;
			for (; i < end; i++) {
				r->taken[i] = 1;
				np_roots_emit_slot(r, NP_ROOT_BUILTINS, r->isolate + 8 * i, r->words[i], NULL);
			}
		}
		i = end + 1;
	}
}

/* --- vectors of objects --- */

enum vector_kind { VECTOR_NONE, VECTOR_OBJECTS, VECTOR_EXTERNAL_STRINGS };

static bool is_external_string(struct np_roots *r, int type)
{
	const np_layout *l = r->v8->layout;
	return np_kind_of_type(r->v8, (uint16_t)type) == NP_KIND_STRING && np_has(l, NP_F_String_representation_mask) &&
	       np_has(l, NP_F_String_tag_external) &&
	       (type & np_get(l, NP_F_String_representation_mask)) == np_get(l, NP_F_String_tag_external);
}

static enum vector_kind vector_kind_of(struct np_roots *r, const struct np_sequence *s)
{
	size_t n = s->count < SAMPLE_MAX ? s->count : SAMPLE_MAX, external = 0, objects = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t word;
		if (!np_mem_u64(r->v8->mem, s->data + 8 * i, &word))
			return VECTOR_NONE;
		int type = np_roots_type(r, word);
		if (type < 0 && (uint32_t)word) /* no Smi either */
			return VECTOR_NONE;
		objects += type >= 0;
		external += type >= 0 && is_external_string(r, type);
	}
	if (objects * 10 < n * 9)
		return VECTOR_NONE;
	return external * 2 > n ? VECTOR_EXTERNAL_STRINGS : VECTOR_OBJECTS;
}

/*
 * Caches of objects that the startup snapshot has, and the lists of external
 * strings, which keep nothing alive.
 */
static void vectors_visit(struct np_roots *r)
{
	for (size_t i = 0; i + 3 <= r->count && !r->is_ended; i++) {
		struct np_sequence s;
		if (r->taken[i] || r->taken[i + 1] || !np_roots_sequence(r, &r->words[i], VECTOR_MAX, &s))
			continue;
		if (s.count < VECTOR_MIN || s.data - r->isolate < 8 * r->count ||
		    vector_kind_of(r, &s) != VECTOR_OBJECTS)
			continue;
		memset(&r->taken[i], 1, 3);
		r->report.exact[NP_ROOT_STARTUP_CACHE] = true;
		np_roots_emit_range(r, NP_ROOT_STARTUP_CACHE, s.data, s.count);
	}
}

void np_roots_visit_tables(struct np_roots *r)
{
	struct names names;
	size_t start, count;
	bool *is_map = np_xcalloc(r->count, sizeof(*is_map));
	int32_t *types = np_xcalloc(r->count, sizeof(*types));
	for (size_t i = 0; i < r->count; i++) {
		types[i] = np_roots_type(r, r->words[i]);
		is_map[i] = types[i] >= 0 && np_kind_of_type(r->v8, (uint16_t)types[i]) == NP_KIND_MAP;
	}
	names_read(r, &names);
	start = table_find(r, &names, is_map);
	if (start < r->count) {
		r->report.exact[NP_ROOT_STRONG_LIST] = true;
		table_emit(r, start, names.count, &names);
	}
	names_deinit(&names);
	builtins_visit(r, types);
	if (!r->report.exact[NP_ROOT_STRONG_LIST] && run_find(r, types, &start, &count)) {
		r->report.exact[NP_ROOT_STRONG_LIST] = true;
		table_emit(r, start, count, &(struct names){NULL, 0});
	}
	vectors_visit(r);
	free(types);
	free(is_map);
}

/* --- fields --- */

/* Heads of the Heap's lists of objects that the collector takes out when they die. */
static bool type_is_listed(const char *type)
{
	static const char *const listed[] = {"NATIVE_CONTEXT_TYPE",  "ALLOCATION_SITE_TYPE",
					     "JS_ARRAY_BUFFER_TYPE", "JS_FINALIZATION_REGISTRY_TYPE",
					     "JS_WEAK_MAP_TYPE",     "JS_WEAK_SET_TYPE"};
	for (size_t k = 0; type && k < NP_ARRAY_LEN(listed); k++)
		if (strcmp(type, listed[k]) == 0)
			return true;
	return false;
}

static const char *field_type(struct np_roots *r, size_t i)
{
	int type = i < r->count && !r->taken[i] ? np_roots_type(r, r->words[i]) : -1;
	return type < 0 ? NULL : np_layout_type_name(r->v8->layout, type);
}

/*
 * In the Heap the list of native contexts (up to 6.2 plain FixedArrays) stands
 * before that of allocation sites, once with that of ArrayBuffers between them.
 * The current context is in the thread-local top, which followed the Heap when
 * that was the first thing in the Isolate (up to 7.0).
 */
static bool field_is_weak_list(struct np_roots *r, size_t i)
{
	const np_layout *l = r->v8->layout;
	if (i <= r->heap_word)
		return false;
	if (np_has(l, NP_F_Isolate_native_contexts_list) &&
	    (size_t)np_get(l, NP_F_Isolate_native_contexts_list) == 8 * i)
		return true;
	const char *own = field_type(r, i);
	if (type_is_listed(own) && (r->heap_word >= HEAP_FIRST_WORDS || strcmp(own, "NATIVE_CONTEXT_TYPE") != 0))
		return true;
	for (size_t k = 1; k <= 2; k++) {
		const char *type = field_type(r, i + k);
		if (!type || (!type_is_listed(type) && strcmp(type, "ODDBALL_TYPE") != 0))
			return false;
		if (strcmp(type, "ALLOCATION_SITE_TYPE") == 0)
			return true;
	}
	return false;
}

void np_roots_visit_fields(struct np_roots *r)
{
	for (size_t i = 0; i < r->count && !r->is_ended; i++) {
		struct np_root root = {
			.kind = NP_ROOT_ISOLATE_FIELD, .slot = r->isolate + 8 * i, .value = {r->words[i]}};
		if (r->taken[i] || !np_roots_is_object(r, r->words[i]))
			continue;
		root.is_weak = np_is_weak(root.value) || field_is_weak_list(r, i);
		np_roots_emit(r, &root);
	}
}
