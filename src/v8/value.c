/*
 * The driver: words, primitives, nesting.  Limits hold everywhere: depth of
 * nesting, values in all, text, properties, elements; an object that is
 * already open further out is marked as a cycle and not entered again.
 */
#include "v8/value.h"

#include <math.h>
#include <string.h>

#include "v8/accessor.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

const struct np_value_limits np_value_limits_default = {
	.depth = 2, .string_units = 1024, .properties = 500, .elements = 200, .bytes = 512, .total = 100000};
const struct np_value_limits np_value_limits_brief = {
	.depth = 1, .string_units = 200, .properties = 12, .elements = 12, .bytes = 32, .total = 2000};

const char *np_value_type_name(enum np_value_type type)
{
	static const char *const names[] = {
		[NP_VALUE_UNREADABLE] = "unreadable", [NP_VALUE_SMI] = "smi", [NP_VALUE_NUMBER] = "number",
		[NP_VALUE_BIGINT] = "bigint", [NP_VALUE_STRING] = "string", [NP_VALUE_BOOLEAN] = "boolean",
		[NP_VALUE_UNDEFINED] = "undefined", [NP_VALUE_NULL] = "null", [NP_VALUE_HOLE] = "hole",
		[NP_VALUE_SYMBOL] = "symbol", [NP_VALUE_OBJECT] = "object", [NP_VALUE_ARRAY] = "array",
		[NP_VALUE_FUNCTION] = "function", [NP_VALUE_ERROR] = "error", [NP_VALUE_PROMISE] = "promise",
		[NP_VALUE_MAP] = "map", [NP_VALUE_SET] = "set", [NP_VALUE_WEAKMAP] = "weakmap",
		[NP_VALUE_WEAKSET] = "weakset", [NP_VALUE_DATE] = "date",
		[NP_VALUE_REGEXP] = "regexp", [NP_VALUE_ARRAYBUFFER] = "arraybuffer",
		[NP_VALUE_TYPEDARRAY] = "typedarray", [NP_VALUE_DATAVIEW] = "dataview", [NP_VALUE_PROXY] = "proxy",
		[NP_VALUE_GENERATOR] = "generator", [NP_VALUE_ASYNCFUNCTION] = "asyncfunction",
		[NP_VALUE_ACCESSOR] = "accessor", [NP_VALUE_EXTERNAL] = "external", [NP_VALUE_WASM] = "wasm",
		[NP_VALUE_INTERNAL] = "internal",
	};
	return names[type];
}

static np_value *value_new(struct decoder *d, enum np_value_type type, np_tagged word)
{
	np_value *v = NP_NEW(d->arena, np_value);
	v->type = type;
	v->tagged = word;
	if (np_is_ref(word))
		v->address = np_ref(word);
	d->total++;
	return v;
}

np_value *np_decode_number(struct decoder *d, double number)
{
	np_value *v = value_new(d, NP_VALUE_NUMBER, (np_tagged){0});
	v->number = number;
	return v;
}

np_value *np_decode_integer_or_number(struct decoder *d, double number)
{
	np_value *v = np_decode_number(d, number);
	if (number >= INT32_MIN && number <= INT32_MAX && number == (double)(int32_t)number &&
	    !(number == 0 && signbit(number))) {
		v->type = NP_VALUE_SMI;
		v->tagged.raw = (uint64_t)(uint32_t)(int32_t)number << 32;
	}
	return v;
}

np_value *np_decode_unreadable(struct decoder *d, np_addr addr, const char *reason)
{
	np_value *v = value_new(d, NP_VALUE_UNREADABLE, (np_tagged){0});
	v->address = addr;
	v->text = reason;
	return v;
}

void np_decode_slot(struct decoder *d, np_value *v, const char *name, np_value *value, const char *text)
{
	/* slots are few: grow by copying */
	struct np_value_slot *slots = NP_NEW_ARRAY(d->arena, struct np_value_slot, v->slot_count + 1);
	if (v->slot_count)
		memcpy(slots, v->slots, v->slot_count * sizeof(*slots));
	slots[v->slot_count++] = (struct np_value_slot){name, value, text};
	v->slots = slots;
}

void np_decode_field(struct decoder *d, np_value *v, const char *name, enum np_fact fact)
{
	np_tagged t;
	if (np_field(d->v8, v->address, fact, &t))
		np_decode_slot(d, v, name, np_decode(d, t), NULL);
}

static void decode_string(struct decoder *d, np_value *v)
{
	struct np_chars chars;
	np_err *err = np_string_read(d->v8, v->address, 0, d->limits->string_units, d->arena, &chars);
	v->type = NP_VALUE_STRING;
	if (err) {
		v->type = NP_VALUE_UNREADABLE;
		v->text = np_arena_strdup(d->arena, np_err_message(err));
		np_err_free(err);
		return;
	}
	v->text = np_chars_utf8_len(&chars, d->arena, &v->text_bytes);
	v->length = chars.full_len;
	v->truncated = chars.len < chars.full_len;
}

static bool is_open(const struct decoder *d, np_addr addr)
{
	for (int i = 0; i < d->nest; i++)
		if (d->open[i] == addr)
			return true;
	return false;
}

static void decode_heap_object(struct decoder *d, np_value *v, const struct np_map *map)
{
	enum np_kind kind = np_kind_of_type(d->v8, map->type);
	switch (kind) {
	case NP_KIND_STRING:
		decode_string(d, v);
		return;
	case NP_KIND_HEAP_NUMBER:
		v->type = NP_VALUE_NUMBER;
		if (!np_number_value(d->v8, v->tagged, &v->number)) {
			v->type = NP_VALUE_UNREADABLE;
			v->text = "number is unreadable";
		}
		return;
	case NP_KIND_ODDBALL:
		np_decode_oddball(d, v);
		return;
	case NP_KIND_HOLE:
		v->type = NP_VALUE_HOLE;
		return;
	case NP_KIND_BIGINT:
		np_decode_bigint(d, v);
		return;
	case NP_KIND_SYMBOL:
		np_decode_symbol(d, v);
		return;
	default:
		break;
	}
	if (!np_kind_is_receiver(kind)) {
		np_decode_internal(d, v, map, kind);
		return;
	}
	v->is_cycle = is_open(d, v->address);
	if (v->is_cycle || d->nest >= d->limits->depth || d->nest >= VALUE_NEST_MAX || d->total >= d->limits->total)
		v->is_more = true;
	if (v->is_more) { /* says what it is, and opens nothing */
		np_decode_receiver(d, v, map, kind);
		return;
	}
	d->open[d->nest++] = v->address;
	np_decode_receiver(d, v, map, kind);
	d->nest--;
}

np_value *np_decode(struct decoder *d, np_tagged word)
{
	np_value *v = value_new(d, NP_VALUE_UNREADABLE, word);
	const struct np_map *map;
	if (np_is_smi(word)) {
		v->type = NP_VALUE_SMI;
		v->number = np_smi_value(word);
		if (word.raw & 0xffffffff) { /* not a Smi: a raw word */
			v->type = NP_VALUE_UNREADABLE;
			v->text = np_arena_printf(d->arena, "raw word 0x%llx", (unsigned long long)word.raw);
		}
		return v;
	}
	if (!np_map_of(d->v8, np_ref(word), &map)) {
		v->text = "no valid object there";
		return v;
	}
	if (d->level >= VALUE_LEVEL_MAX) {
		v->text = "nested too deeply";
		return v;
	}
	d->level++;
	decode_heap_object(d, v, map);
	d->level--;
	return v;
}

np_value *np_value_decode(np_v8 *v8, np_tagged word, const struct np_value_limits *limits, np_arena *arena)
{
	struct decoder d = {.v8 = v8, .arena = arena, .limits = limits};
	return np_decode(&d, word);
}

struct property_sink {
	struct decoder *d;
	np_value *v;
	NP_VEC(struct np_value_property) found;
};

static const char *property_name(struct decoder *d, np_tagged key, enum np_property_kind *kind)
{
	np_addr addr = np_ref(key);
	const char *name;
	if (np_kind_at(d->v8, addr) == NP_KIND_SYMBOL) {
		enum np_symbol_kind symbol = np_symbol_kind(d->v8, addr);
		np_tagged t;
		*kind = symbol == NP_SYMBOL_PUBLIC ? NP_PROPERTY_SYMBOL : NP_PROPERTY_PRIVATE;
		name = np_field(d->v8, addr, NP_F_Symbol_description, &t) && np_is_kind(d->v8, t, NP_KIND_STRING)
			       ? np_string_utf8(d->v8, np_ref(t), NP_NAME_MAX, d->arena)
			       : NULL;
		if (symbol == NP_SYMBOL_PRIVATE_NAME && name) /* "#field", or the class's name as the brand of its private methods */
			return name;
		return np_arena_printf(d->arena, "Symbol(%s)", name ? name : "");
	}
	name = np_string_utf8(d->v8, addr, NP_NAME_MAX, d->arena);
	return name ? name : "(unreadable name)";
}

/*
 * What V8 attaches to objects by itself, where it looks like a property: the
 * identity hash, and up to 3.28 all of this under a string without characters.
 */
static bool is_hidden(struct decoder *d, const struct np_property *p, const struct np_value_property *out)
{
	enum { DONT_ENUM = 2 };
	if (out->kind == NP_PROPERTY_PRIVATE)
		return strcmp(out->name, "Symbol(hash_code_symbol)") == 0;
	return np_get(d->v8->layout, NP_F_Object_hidden_string) == 1 && !*out->name && out->kind == NP_PROPERTY_DATA &&
	       (p->attributes & DONT_ENUM);
}

static bool property_add(void *ctx, const struct np_property *p)
{
	struct property_sink *s = ctx;
	struct decoder *d = s->d;
	struct np_value_property out = {.kind = NP_PROPERTY_DATA, .attributes = p->attributes};
	out.name = property_name(d, p->key, &out.kind);
	if (is_hidden(d, p, &out))
		return true;
	if (out.kind == NP_PROPERTY_PRIVATE && out.name[0] != '#' && !d->limits->all_properties)
		return true; /* V8's own private symbols */
	if (p->is_accessor && !d->limits->all_properties && !np_is_kind(d->v8, p->value, NP_KIND_ACCESSOR_PAIR))
		return true; /* V8's own accessors: length, name, prototype, stack, ... */
	if (s->found.len >= d->limits->properties || d->total >= d->limits->total) {
		s->v->truncated = true;
		return false;
	}
	np_tagged computed;
	bool is_computed = np_accessor_value(d->v8, s->v->address, p, &computed);
	if (p->is_accessor && !is_computed && out.kind == NP_PROPERTY_DATA)
		out.kind = NP_PROPERTY_ACCESSOR;
	out.value = p->is_double ? np_decode_number(d, p->number) : np_decode(d, is_computed ? computed : p->value);
	if (p->is_accessor && !is_computed && out.value->type == NP_VALUE_INTERNAL)
		out.value->type = NP_VALUE_ACCESSOR; /* one of V8's own, a Foreign in 3.14 */
	np_vec_push(&s->found, out);
	return true;
}

void np_decode_properties(struct decoder *d, np_value *v)
{
	struct property_sink s = {.d = d, .v = v};
	np_err *err = np_object_properties(d->v8, v->address, property_add, &s);
	if (err) {
		np_vec_push(&s.found, (struct np_value_property){
					      .name = "(properties)",
					      .value = np_decode_unreadable(d, v->address,
									    np_arena_strdup(d->arena, np_err_message(err)))});
		np_err_free(err);
	}
	v->properties = np_arena_memdup(d->arena, s.found.data, s.found.len * sizeof(*s.found.data));
	v->property_count = s.found.len;
	np_vec_deinit(&s.found);
}

static np_value *decode_element(struct decoder *d, const struct np_element *el)
{
	return el->is_double ? np_decode_number(d, el->number) : np_decode(d, el->value);
}

static void decode_dictionary_elements(struct decoder *d, np_value *v, const struct np_elements *e)
{
	struct np_element *found;
	size_t n;
	size_t max = d->limits->elements;
	if (np_err_drop(np_elements_dictionary(d->v8, e, max + 1, d->arena, &found, &n)))
		return;
	v->truncated |= n > max;
	n = n < max ? n : max;
	v->elements = NP_NEW_ARRAY(d->arena, np_value *, n);
	v->indices = NP_NEW_ARRAY(d->arena, uint64_t, n);
	for (size_t i = 0; i < n && d->total < d->limits->total; i++) {
		v->indices[i] = found[i].index;
		v->elements[i] = decode_element(d, &found[i]);
		v->element_count = i + 1;
	}
	v->truncated |= v->element_count < n;
	v->has_elements = e->is_array || v->element_count;
	if (!e->is_array && v->element_count)
		v->length = v->indices[v->element_count - 1] + 1;
}

/* Stores of objects that are no arrays are larger than what was put in: their tail of holes says nothing. */
static uint64_t without_holes(struct decoder *d, const struct np_elements *e, uint64_t n)
{
	enum { STEPS_MAX = 1 << 16 };
	struct np_element el;
	for (int steps = 0; steps < STEPS_MAX && n && np_element_get(d->v8, e, (uint32_t)n - 1, &el) && el.is_hole; steps++)
		n--;
	return n;
}

void np_decode_elements(struct decoder *d, np_value *v)
{
	struct np_elements e;
	struct np_element el;
	if (!np_elements_load(d->v8, v->address, &e))
		return;
	v->length = e.length;
	if (e.form == NP_ELEMENTS_DICTIONARY) {
		decode_dictionary_elements(d, v, &e);
		return;
	}
	uint64_t n = e.length < e.capacity ? e.length : e.capacity;
	if (e.form == NP_ELEMENTS_NONE)
		n = 0;
	if (!e.is_array)
		v->length = n = without_holes(d, &e, n);
	v->has_elements = e.is_array || n;
	enum { UNREADABLE_MAX = 64 }; /* in a row: then the array ends with what is readable */
	size_t shown = n < d->limits->elements ? (size_t)n : d->limits->elements, unreadable = 0;
	v->elements = NP_NEW_ARRAY(d->arena, np_value *, shown);
	for (size_t i = 0; i < shown && d->total < d->limits->total && unreadable < UNREADABLE_MAX; i++) {
		v->element_count = i + 1;
		bool readable = np_element_get(d->v8, &e, (uint32_t)i, &el);
		unreadable = readable ? 0 : unreadable + 1;
		if (!readable)
			v->elements[i] = np_decode_unreadable(d, 0, "element is unreadable");
		else if (!el.is_hole)
			v->elements[i] = decode_element(d, &el);
	}
	v->truncated |= v->element_count < n;
}
