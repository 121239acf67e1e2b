/*
 * A call as Error.stack prints it: "Type.method [as alias]", "new Type",
 * "function", following V8's CallSite serialisation (messages/call-site-info).
 */
#include <string.h>

#include "stack/walk.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/string.h"

enum { METHOD_SEARCH_MAX = 512, PROTOTYPES_MAX = 8 };

struct method_search {
	struct walker *w;
	np_addr function;
	const char *found;
	bool ambiguous;
	int left;
};

/* Does the property hold the function, as data or as half of an accessor? */
static bool property_is(np_v8 *v8, const struct np_property *p, np_addr function)
{
	np_tagged half;
	if (p->is_double || !np_is_ref(p->value))
		return false;
	if (!p->is_accessor)
		return np_ref(p->value) == function;
	if (!np_is_kind(v8, p->value, NP_KIND_ACCESSOR_PAIR))
		return false;
	return (np_field(v8, np_ref(p->value), NP_F_AccessorPair_getter, &half) && np_is_ref(half) &&
		np_ref(half) == function) ||
	       (np_field(v8, np_ref(p->value), NP_F_AccessorPair_setter, &half) && np_is_ref(half) &&
		np_ref(half) == function);
}

static bool method_match(void *ctx, const struct np_property *p)
{
	struct method_search *s = ctx;
	enum { DONT_ENUM = 2 };
	if (s->left-- <= 0)
		return false;
	if ((p->attributes & DONT_ENUM) || !property_is(s->w->v8, p, s->function) ||
	    np_kind_at(s->w->v8, np_ref(p->key)) != NP_KIND_STRING)
		return true;
	if (s->found)
		s->ambiguous = true;
	else
		s->found = np_string_utf8(s->w->v8, np_ref(p->key), NP_NAME_MAX, s->w->arena);
	return !s->ambiguous;
}

static bool next_prototype(np_v8 *v8, np_addr *at)
{
	const struct np_map *map;
	if (!np_map_of(v8, *at, &map) || !np_is_ref(map->prototype) ||
	    !np_kind_is_receiver(np_kind_at(v8, np_ref(map->prototype))))
		return false;
	*at = np_ref(map->prototype);
	return true;
}

/*
 * Name under which the receiver or its prototypes hold the function: its own
 * name where that finds it, else the one enumerable property that has it; NULL
 * when none or several do (V8's CallSiteInfo::GetMethodName).
 */
static const char *method_name(struct walker *w, np_addr receiver, const struct np_frame *f)
{
	const char *own = f->name;
	np_addr at = receiver;
	struct np_property p;
	if (strncmp(own, "get ", 4) == 0 || strncmp(own, "set ", 4) == 0)
		own += 4;
	for (int i = 0; *own && i < PROTOTYPES_MAX; i++) {
		if (np_object_own(w->v8, at, own, &p)) {
			if (property_is(w->v8, &p, f->function))
				return own;
			break;
		}
		if (!next_prototype(w->v8, &at))
			break;
	}
	struct method_search s = {.w = w, .function = f->function, .left = METHOD_SEARCH_MAX};
	at = receiver;
	for (int i = 0; i < PROTOTYPES_MAX && !s.ambiguous; i++) {
		np_err_free(np_object_properties(w->v8, at, method_match, &s));
		if (!next_prototype(w->v8, &at))
			break;
	}
	return s.ambiguous ? NULL : s.found;
}

static bool ends_with_name(const np_v8 *v8, const char *subject, const char *name)
{
	size_t n = strlen(subject), m = strlen(name);
	if (m > n || strcmp(subject + n - m, name) != 0)
		return false;
	return n == m || subject[n - m - 1] == '.' ||
	       (subject[n - m - 1] == ' ' && np_get(v8->layout, NP_F_CallSite_space_ends_name) == 1);
}

static bool is_identifier(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!(*s & 0x80) && !(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') && !(*s >= '0' && *s <= '9') &&
		    *s != '_' && *s != '$')
			return false;
	return true;
}

/* The type that V8 names for a receiver; NULL for none. */
static const char *type_name(struct walker *w, np_tagged receiver)
{
	const struct np_map *map;
	if (np_is_smi(receiver))
		return "Number";
	if (!np_map_of(w->v8, np_ref(receiver), &map))
		return NULL;
	enum np_kind kind = np_kind_of_type(w->v8, map->type);
	switch (kind) {
	case NP_KIND_HEAP_NUMBER:
		return "Number";
	case NP_KIND_STRING:
		return "String";
	case NP_KIND_SYMBOL:
		return "Symbol";
	case NP_KIND_BIGINT:
		return "BigInt";
	case NP_KIND_ODDBALL:
		return "Boolean"; /* undefined and null were told apart before */
	case NP_KIND_JS_PROXY:
		return "Proxy";
	case NP_KIND_JS_FUNCTION: {
		const char *name = np_get(w->v8->layout, NP_F_CallSite_class_name) == 1 && np_is_class(w->v8, np_ref(receiver))
					   ? np_function_name(w->v8, np_ref(receiver), w->arena)
					   : NULL;
		return name && *name ? name : "Function";
	}
	default:
		return np_kind_is_receiver(kind) ? np_class_name_of(w->v8, np_ref(receiver), w->arena) : NULL;
	}
}

static bool is_toplevel_receiver(struct walker *w, np_tagged receiver)
{
	if (!np_is_ref(receiver))
		return false;
	enum np_kind kind = np_kind_at(w->v8, np_ref(receiver));
	if (kind == NP_KIND_ODDBALL) {
		int32_t k = -1;
		const np_layout *l = w->v8->layout;
		if (np_has(l, NP_F_Oddball_kind))
			np_smi_at(w->v8, np_ref(receiver) + (np_addr)np_get(l, NP_F_Oddball_kind), &k);
		return k != np_get(l, NP_F_Oddball_k_true) && k != np_get(l, NP_F_Oddball_k_false);
	}
	return kind == NP_KIND_JS_GLOBAL_PROXY || kind == NP_KIND_HOLE || kind == NP_KIND_JS_GLOBAL_OBJECT;
}

static const char *method_display(struct walker *w, struct np_frame *f)
{
	const char *type = type_name(w, f->receiver);
	const char *method = np_is_ref(f->receiver) ? method_name(w, np_ref(f->receiver), f) : NULL;
	if (!*f->name)
		return np_arena_printf(w->arena, "%s.%s", type ? type : "Object", method ? method : "<anonymous>");
	bool prefix = type && *type && (np_get(w->v8->layout, NP_F_CallSite_identifier_prefix) == 1
						? is_identifier(f->name)
						: strncmp(f->name, type, strlen(type)) != 0);
	bool as = method && *method && !ends_with_name(w->v8, f->name, method);
	return np_arena_printf(w->arena, "%s%s%s%s%s%s", prefix ? type : "", prefix ? "." : "", f->name, as ? " [as " : "",
			       as ? method : "", as ? "]" : "");
}

void np_frame_display(struct walker *w, struct np_frame *f)
{
	if (f->kind != NP_FRAME_JS && f->kind != NP_FRAME_BUILTIN) {
		f->display = f->name;
		return;
	}
	if (f->is_constructor)
		f->display = np_arena_printf(w->arena, "new %s", *f->name ? f->name : "<anonymous>");
	else if ((f->has_args || f->receiver.raw) && !f->receiver_lost && f->function && !is_toplevel_receiver(w, f->receiver))
		f->display = method_display(w, f);
	else
		f->display = *f->name ? f->name : "<anonymous>";
}
