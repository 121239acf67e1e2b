#include "heap/member.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/typed.h"
#include "v8/value.h"

enum { STEPS_MAX = 64, UNITS_MAX = 1 << 20, TABLE_MIN = 64, DIGITS_MAX = 1 << 16, KNOWN_KEYS = 1024 };

enum slot_kind {
	SLOT_FREE,     /* of the table */
	SLOT_OBJECT,   /* a tagged word of the object */
	SLOT_RAW,      /* a raw double of the object */
	SLOT_ARRAY,    /* a tagged word of its property array */
	SLOT_CONSTANT, /* in the shape itself */
	SLOT_NONE,     /* no such property */
	SLOT_SLOWLY,   /* asked of each object anew */
};

struct slot {
	uint32_t shape, step;
	enum slot_kind kind;
	uint32_t offset;
	np_tagged constant;
};

struct np_member {
	np_graph *graph;
	np_v8 *v8;
	np_arena *arena, *scratch;
	const char *path;
	struct {
		const char *name; /* a plain property; NULL: see rest */
		const char *rest; /* the path from this step on */
	} steps[STEPS_MAX];
	size_t step_count;
	struct slot *slots; /* hash by shape and step */
	size_t cap, len;
	struct {
		np_addr addr;
		struct np_value_key key;
	} known[KNOWN_KEYS]; /* of objects that were asked for last, by a hash of the address */
};

/* What a place on the way holds. */
struct held {
	np_tagged word;
	double number;
	bool is_number;
};

/* --- the path --- */

static np_err *malformed(const char *path)
{
	return np_err_new(NP_EUSAGE, "member path `%s` is malformed: expected .name, [index] or [\"name\"]", path);
}

/* Length of the step at the beginning; 0: there is none. */
static size_t step_length(const char *s)
{
	if (*s == '.')
		return s[1] && !strchr(".[", s[1]) ? 1 + strcspn(s + 1, ".[") : 0;
	if (*s != '[')
		return 0;
	if (s[1] != '"' && s[1] != '\'') {
		size_t digits = strspn(s + 1, "0123456789");
		return digits && s[1 + digits] == ']' ? digits + 2 : 0;
	}
	for (size_t i = 2; s[i]; i++) {
		if (s[i] == '\\' && s[i + 1])
			i++;
		else if (s[i] == s[1])
			return s[i + 1] == ']' ? i + 2 : 0;
	}
	return 0;
}

np_err *np_member_check(const char *path)
{
	const char *at = path;
	size_t n = 0, steps = 1;
	if (*at != '.' && *at != '[') /* a plain name may come first */
		at += strcspn(at, ".[");
	if (!*path)
		return malformed(path);
	for (; *at && (n = step_length(at)) != 0; at += n)
		steps++;
	if (*at || steps > STEPS_MAX)
		return malformed(path);
	return NULL;
}

np_err *np_member_create(np_graph *graph, const char *path, np_member **ret)
{
	NP_TRY(np_member_check(path));
	np_member *m = np_xcalloc(1, sizeof(*m));
	m->graph = graph;
	m->v8 = np_heap_v8(np_graph_heap(graph));
	m->arena = np_arena_create();
	m->scratch = np_arena_create();
	m->path = np_arena_printf(m->arena, *path == '.' || *path == '[' ? "%s" : ".%s", path);
	const char *at = m->path;
	while (*at && m->step_count < STEPS_MAX) {
		size_t n = step_length(at);
		m->steps[m->step_count].rest = at;
		if (*at == '.')
			m->steps[m->step_count].name = np_arena_strndup(m->arena, at + 1, n - 1);
		m->step_count++;
		at += n;
	}
	*ret = m;
	return NULL;
}

void np_member_destroy(np_member *m)
{
	if (!m)
		return;
	np_arena_destroy(m->arena);
	np_arena_destroy(m->scratch);
	free(m->slots);
	free(m);
}

const char *np_member_path(const np_member *m)
{
	return m->path;
}

/* --- where a shape keeps a property --- */

struct search {
	np_member *member;
	const char *name;
	struct np_property found;
	bool ok;
};

static bool property_is(void *ctx, const struct np_property *p)
{
	struct search *s = ctx;
	const char *key = np_key_text(s->member->v8, p->key, s->member->scratch);
	if (!key || strcmp(key, s->name) != 0)
		return true;
	s->found = *p;
	s->ok = true;
	return false;
}

static void slot_learn(np_member *m, np_vertex node, const struct np_vertex_shape *shape, struct slot *slot)
{
	struct search s = {.member = m, .name = m->steps[slot->step].name};
	np_addr at = np_graph_address(m->graph, node);
	np_tagged store;
	slot->kind = SLOT_SLOWLY;
	if (!np_kind_is_receiver(shape->kind) || shape->kind == NP_KIND_JS_PROXY || shape->map->dictionary ||
	    shape->kind == NP_KIND_JS_GLOBAL_OBJECT || shape->kind == NP_KIND_JS_MODULE_NAMESPACE)
		return;
	np_arena_reset(m->scratch);
	bool is_whole = !np_err_drop(np_object_properties(m->v8, at, property_is, &s));
	if (!s.ok) {
		bool may_be_built_in = shape->kind != NP_KIND_JS_OBJECT && shape->kind != NP_KIND_JS_FUNCTION;
		slot->kind = is_whole && !may_be_built_in ? SLOT_NONE : SLOT_SLOWLY;
	} else if (s.found.is_accessor) {
		slot->kind = SLOT_SLOWLY;
	} else if (!s.found.slot) {
		slot->kind = s.found.is_double ? SLOT_SLOWLY : SLOT_CONSTANT;
		slot->constant = s.found.value;
	} else if (s.found.slot > at && s.found.slot - at < np_graph_size(m->graph, node)) {
		slot->kind = s.found.is_double ? SLOT_RAW : SLOT_OBJECT;
		slot->offset = (uint32_t)(s.found.slot - at);
	} else if (np_field(m->v8, at, NP_F_JSReceiver_properties, &store) && np_is_ref(store) &&
		   s.found.slot > np_ref(store) && s.found.slot - np_ref(store) < UINT32_MAX && !s.found.is_double) {
		slot->kind = SLOT_ARRAY;
		slot->offset = (uint32_t)(s.found.slot - np_ref(store));
	}
}

static size_t slot_place(const np_member *m, uint32_t shape, uint32_t step)
{
	size_t at = (shape * 0x9e3779b1u ^ step * 0x85ebca6bu) & (m->cap - 1);
	while (m->slots[at].kind != SLOT_FREE && (m->slots[at].shape != shape || m->slots[at].step != step))
		at = (at + 1) & (m->cap - 1);
	return at;
}

static const struct slot *slot_of(np_member *m, np_vertex node, uint32_t step)
{
	uint32_t shape = np_graph_shape_of(m->graph, node);
	if ((m->len + 1) * 2 > m->cap) {
		struct slot *old = m->slots;
		size_t cap = m->cap;
		m->cap = cap ? cap * 2 : TABLE_MIN;
		m->slots = np_xcalloc(m->cap, sizeof(*m->slots));
		for (size_t i = 0; i < cap; i++)
			if (old[i].kind != SLOT_FREE)
				m->slots[slot_place(m, old[i].shape, old[i].step)] = old[i];
		free(old);
	}
	struct slot *slot = &m->slots[slot_place(m, shape, step)];
	if (slot->kind == SLOT_FREE) {
		slot->shape = shape;
		slot->step = step;
		slot_learn(m, node, np_graph_shape(m->graph, shape), slot);
		m->len++;
	}
	return slot;
}

/* --- following --- */

static void held_integer(struct held *h, uint64_t n)
{
	*h = (struct held){.is_number = true, .number = (double)n};
}

/* What built-in objects have without a property of their own. */
static bool built_in(np_member *m, np_addr at, const char *name, struct held *ret)
{
	enum np_kind kind = np_kind_at(m->v8, at);
	struct np_bytes bytes;
	uint64_t length;
	np_tagged table;
	int32_t count;
	const np_layout *l = m->v8->layout;
	if (kind == NP_KIND_STRING && strcmp(name, "length") == 0 && np_string_length(m->v8, at, &length)) {
		held_integer(ret, length);
		return true;
	}
	if ((kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_SET) && strcmp(name, "size") == 0 &&
	    np_has(l, NP_F_OrderedHash_data) && np_has(l, NP_F_OrderedHash_elements_index) &&
	    np_field(m->v8, at, NP_F_JSMap_table, &table) && np_is_ref(table) &&
	    np_smi_at(m->v8, np_ref(table) + (np_addr)np_get(l, NP_F_OrderedHash_data) +
				     8ull * (np_addr)np_get(l, NP_F_OrderedHash_elements_index), &count) && count >= 0) {
		held_integer(ret, (uint64_t)count);
		return true;
	}
	bool is_length = strcmp(name, "length") == 0;
	if ((!is_length && strcmp(name, "byteLength") != 0) || !np_bytes_load(m->v8, at, &bytes) || (is_length && !bytes.type))
		return false;
	held_integer(ret, is_length ? bytes.length : bytes.byte_length);
	return true;
}

/* The rest of the path, whatever it is. */
static bool follow_slowly(np_member *m, size_t step, struct held *h)
{
	struct held last;
	const char *rest = m->steps[step].rest;
	np_arena_reset(m->scratch);
	if (!np_err_drop(np_value_member(m->v8, h->word, rest, m->scratch, &last.word, &last.number, &last.is_number))) {
		*h = last;
		return true;
	}
	if (!m->steps[m->step_count - 1].name || !np_is_ref(h->word))
		return false;
	if (step + 1 < m->step_count) { /* all but the last step */
		size_t n = (size_t)(m->steps[m->step_count - 1].rest - m->steps[step].rest);
		const char *most = np_arena_strndup(m->scratch, m->steps[step].rest, n);
		if (np_err_drop(np_value_member(m->v8, h->word, most, m->scratch, &last.word, &last.number, &last.is_number)) ||
		    last.is_number || !np_is_ref(last.word))
			return false;
		h->word = last.word;
	}
	return built_in(m, np_ref(h->word), m->steps[m->step_count - 1].name, h);
}

static bool word_at(const np_graph *g, np_vertex node, uint64_t offset, uint64_t *ret)
{
	const uint8_t *bytes = node == NP_VERTEX_NONE ? NULL : np_graph_bytes(g, node);
	if (!bytes || offset + 8 > np_graph_size(g, node))
		return false;
	memcpy(ret, bytes + offset, 8);
	return true;
}

/* One step as the shape says; false: it has no such member. */
static bool follow_slot(np_member *m, np_vertex node, const struct slot *slot, struct held *h)
{
	uint64_t word;
	switch (slot->kind) {
	case SLOT_CONSTANT:
		*h = (struct held){.word = slot->constant};
		return true;
	case SLOT_OBJECT:
	case SLOT_RAW:
		if (!word_at(m->graph, node, slot->offset, &word))
			return false;
		break;
	case SLOT_ARRAY:
		if (!word_at(m->graph, node, (uint64_t)np_get(m->v8->layout, NP_F_JSReceiver_properties), &word) ||
		    !np_is_ref((np_tagged){word}) ||
		    !word_at(m->graph, np_graph_find(m->graph, np_ref((np_tagged){word})), slot->offset, &word))
			return false;
		break;
	default:
		return false;
	}
	*h = (struct held){.word = {word}};
	if (slot->kind == SLOT_RAW) {
		*h = (struct held){.is_number = true};
		memcpy(&h->number, &word, sizeof(h->number));
	}
	return true;
}

bool np_member_get(np_member *m, np_vertex node, np_tagged *ret, double *ret_number, bool *ret_is_number)
{
	if (np_graph_is_external(m->graph, node))
		return false;
	struct held h = {.word = np_tag(np_graph_address(m->graph, node))};
	for (size_t i = 0; i < m->step_count; i++) {
		if (h.is_number || !np_is_ref(h.word))
			return false;
		if (i)
			node = np_graph_find(m->graph, np_ref(h.word));
		const struct slot *slot = m->steps[i].name && node != NP_VERTEX_NONE ? slot_of(m, node, (uint32_t)i) : NULL;
		if (!slot || slot->kind == SLOT_SLOWLY) {
			if (!follow_slowly(m, i, &h))
				return false;
			break;
		}
		if (!follow_slot(m, node, slot, &h))
			return false;
	}
	*ret = h.word;
	*ret_number = h.number;
	*ret_is_number = h.is_number;
	return true;
}

/* --- keys --- */

enum { KEY_NUMBER = 1, KEY_STRING, KEY_OBJECT, KEY_TEXT };

static void key_unit(struct np_value_key *k, uint16_t unit)
{
	k->a = (k->a ^ unit) * 0x100000001b3u;
	k->b = (k->b + unit + 1) * 0x9e3779b97f4a7c15u;
	k->b ^= k->b >> 32;
}

static void key_number(double number, struct np_value_key *ret)
{
	*ret = (struct np_value_key){.kind = KEY_NUMBER};
	number = number == 0 ? 0 : number; /* -0 === 0 */
	if (number == number)
		memcpy(&ret->a, &number, sizeof(number));
	else
		ret->b = 1; /* every NaN */
}

static void key_string(np_member *m, np_addr string, struct np_value_key *ret)
{
	struct np_value_key k = {.kind = KEY_STRING, .a = 0xcbf29ce484222325u, .b = 0x2545f4914f6cdd1du};
	struct np_chars c;
	np_arena_reset(m->scratch);
	if (np_err_drop(np_string_read(m->v8, string, 0, UNITS_MAX, m->scratch, &c)))
		return;
	for (size_t i = 0; i < c.len; i++)
		key_unit(&k, np_char_at(&c, i));
	k.a ^= c.full_len;
	*ret = k;
}

/* Of what has no identity a person would see: its text. */
static void key_text(np_member *m, np_tagged value, enum np_kind kind, struct np_value_key *ret)
{
	struct np_value_limits limits = np_value_limits_brief;
	if (kind != NP_KIND_BIGINT && kind != NP_KIND_JS_DATE)
		return;
	np_arena_reset(m->scratch);
	limits.string_units = DIGITS_MAX;
	np_value *v = np_value_decode(m->v8, value, &limits, m->scratch);
	struct np_value_key k = {.kind = KEY_TEXT, .a = 0xcbf29ce484222325u ^ (uint64_t)kind, .b = 1};
	if (kind == NP_KIND_JS_DATE)
		memcpy(&k.a, &v->number, sizeof(k.a));
	else if (!v->text)
		return;
	for (const char *s = v->text; kind == NP_KIND_BIGINT && *s; s++)
		key_unit(&k, (uint8_t)*s);
	*ret = k;
}

void np_member_key(np_member *m, np_tagged value, double number, bool is_number, struct np_value_key *ret)
{
	double d;
	if (is_number) {
		key_number(number, ret);
		return;
	}
	if (np_number_value(m->v8, value, &d)) {
		key_number(d, ret);
		return;
	}
	np_addr at = np_ref(value);
	size_t place = (at >> 3 ^ at >> 13) & (KNOWN_KEYS - 1);
	if (m->known[place].addr == at) {
		*ret = m->known[place].key;
		return;
	}
	enum np_kind kind = np_is_ref(value) ? np_kind_at(m->v8, at) : NP_KIND_UNKNOWN;
	struct np_value_key key = {.kind = KEY_OBJECT, .a = at};
	if (kind == NP_KIND_STRING)
		key_string(m, at, &key);
	else
		key_text(m, value, kind, &key);
	m->known[place].addr = at;
	m->known[place].key = key;
	*ret = key;
}
