/* Member paths: .name  [123]  ["any text"]  .#private */
#include <stdlib.h>
#include <string.h>

#include "v8/object.h"
#include "v8/string.h"
#include "v8/value.h"
#include "v8/map.h"

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

static bool index_step(np_v8 *v8, np_addr object, uint64_t index, np_arena *arena, struct np_element *ret)
{
	struct np_elements e;
	struct np_element *found;
	size_t n;
	if (!np_elements_load(v8, object, &e))
		return false;
	if (e.form != NP_ELEMENTS_DICTIONARY)
		return index < e.length && np_element_get(v8, &e, (uint32_t)index, ret) && !ret->is_hole;
	if (np_err_drop(np_elements_dictionary(v8, &e, SIZE_MAX, arena, &found, &n)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (found[i].index == index) {
			*ret = found[i];
			return true;
		}
	return false;
}

static bool name_step(np_v8 *v8, np_addr object, const char *name, struct np_property *ret)
{
	struct name_search s = {.v8 = v8, .name = name};
	const struct np_map *map;
	np_err_free(np_object_properties(v8, object, name_match, &s));
	if (!s.ok && strcmp(name, "__proto__") == 0 && np_map_of(v8, object, &map)) {
		s.found = (struct np_property){.value = map->prototype};
		s.ok = true;
	}
	*ret = s.found;
	return s.ok;
}

np_err *np_value_member(np_v8 *v8, np_tagged from, const char *path, np_arena *arena, np_tagged *ret, double *ret_double,
			bool *ret_is_double)
{
	const char *at = path;
	np_tagged here = from;
	double number = 0;
	bool is_double = false;
	while (*at) {
		struct step step = {0};
		const char *before = at;
		NP_TRY(step_parse(path, &at, arena, &step));
		int shown = (int)(at - before);
		if (is_double || !np_is_ref(here) || !np_kind_is_receiver(np_kind_at(v8, np_ref(here))))
			return np_err_new(NP_ENOTFOUND, "`%.*s` cannot be followed: what is before it is not an object", shown,
					  before);
		struct np_element el;
		struct np_property p;
		if (!step.name && index_step(v8, np_ref(here), step.index, arena, &el)) {
			is_double = el.is_double;
			number = el.number;
			here = el.value;
		} else if (step.name && name_step(v8, np_ref(here), step.name, &p)) {
			is_double = p.is_double;
			number = p.number;
			here = p.value;
		} else {
			return np_err_new(NP_ENOTFOUND, "the object at 0x%llx has no `%.*s`",
					  (unsigned long long)np_ref(here), shown, before);
		}
	}
	*ret = here;
	*ret_double = number;
	*ret_is_double = is_double;
	return NULL;
}
