/*
 * Promises.  From 5.8 on state and result are fields; up to 5.5 promises are
 * written in JavaScript and keep them under private symbols, with -1 for
 * rejected, and up to 4.5 are plain objects by their type.
 */
#include <string.h>

#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

enum { PENDING, FULFILLED, REJECTED, STATES };

struct promise_symbols {
	np_v8 *v8;
	bool has_status;
	np_tagged status, value;
};

/* the names up to 4.5, those of 5.1, and those of 5.4 and 5.5 */
static const char *const status_names[] = {"Promise#status", "promise_status_symbol", "promise_state_symbol", NULL};
static const char *const value_names[] = {"Promise#value", "promise_value_symbol", "promise_result_symbol", NULL};

static bool is_one_of(np_v8 *v8, np_addr name, const char *const *names)
{
	for (; *names; names++)
		if (np_string_equals(v8, name, *names))
			return true;
	return false;
}

static bool symbol_match(void *ctx, const struct np_property *p)
{
	struct promise_symbols *s = ctx;
	np_tagged name;
	if (p->is_accessor || p->is_double || np_kind_at(s->v8, np_ref(p->key)) != NP_KIND_SYMBOL ||
	    !np_field(s->v8, np_ref(p->key), NP_F_Symbol_description, &name) || !np_is_kind(s->v8, name, NP_KIND_STRING))
		return true;
	if (is_one_of(s->v8, np_ref(name), status_names)) {
		s->status = p->value;
		s->has_status = np_is_smi(p->value);
	} else if (is_one_of(s->v8, np_ref(name), value_names)) {
		s->value = p->value;
	}
	return true;
}

static struct promise_symbols promise_symbols(np_v8 *v8, np_addr object)
{
	struct promise_symbols s = {.v8 = v8};
	np_err_free(np_object_properties(v8, object, symbol_match, &s));
	return s;
}

bool np_has_promise_symbols(np_v8 *v8, np_addr object, const struct np_map *map)
{
	return np_get(v8->layout, NP_F_JSPromise_status_is_symbol) == 1 && !map->dictionary &&
	       promise_symbols(v8, object).has_status;
}

static void promise_slots(struct decoder *d, np_value *v, int32_t state, np_tagged result)
{
	static const char *const names[STATES] = {"pending", "fulfilled", "rejected"};
	if (state < 0 || state >= STATES)
		return;
	np_decode_slot(d, v, "state", NULL, names[state]);
	if (state != PENDING && !v->is_more)
		np_decode_slot(d, v, "result", np_decode(d, result), NULL);
}

void np_decode_promise(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	int32_t flags, status;
	np_tagged result = {0};
	v->type = NP_VALUE_PROMISE;
	if (np_get(l, NP_F_JSPromise_status_is_symbol) == 1) {
		struct promise_symbols s = promise_symbols(d->v8, v->address);
		status = np_smi_value(s.status);
		if (s.has_status)
			promise_slots(d, v, status == -1 ? REJECTED : status, s.value);
		return;
	}
	if (np_has(l, NP_F_JSPromise_status_is_field)) {
		if (np_smi_at(d->v8, v->address + (np_addr)np_get(l, NP_F_JSPromise_status_is_field), &status) &&
		    np_field(d->v8, v->address, NP_F_JSPromise_result, &result))
			promise_slots(d, v, status, result);
		return;
	}
	if (!np_has(l, NP_F_JSPromise_flags) || !np_has(l, NP_F_JSPromise_status_mask) ||
	    !np_smi_at(d->v8, v->address + (np_addr)np_get(l, NP_F_JSPromise_flags), &flags))
		return;
	np_field(d->v8, v->address, NP_F_JSPromise_result, &result);
	promise_slots(d, v, flags & np_get(l, NP_F_JSPromise_status_mask), result);
}
