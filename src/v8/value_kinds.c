/* Receivers by kind, and primitives that need more than a word. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "v8/array.h"
#include "v8/object.h"
#include "v8/string.h"
#include "v8/value_internal.h"

enum { BIGINT_WORDS_MAX = 1 << 14, BIGINT_DECIMAL_WORDS = 256 };

void np_decode_oddball(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	int32_t k;
	np_tagged t;
	v->type = NP_VALUE_INTERNAL;
	if (np_has(l, NP_F_Oddball_kind) && np_smi_at(d->v8, v->address + (np_addr)np_get(l, NP_F_Oddball_kind), &k)) {
		if (k == np_get(l, NP_F_Oddball_k_undefined))
			v->type = NP_VALUE_UNDEFINED;
		else if (k == np_get(l, NP_F_Oddball_k_null))
			v->type = NP_VALUE_NULL;
		else if (k == np_get(l, NP_F_Oddball_k_true) || k == np_get(l, NP_F_Oddball_k_false)) {
			v->type = NP_VALUE_BOOLEAN;
			v->number = k == np_get(l, NP_F_Oddball_k_true);
		} else if (k == np_get(l, NP_F_Oddball_k_hole))
			v->type = NP_VALUE_HOLE;
	}
	if (v->type == NP_VALUE_INTERNAL) {
		v->class_name = "Oddball";
		if (np_field(d->v8, v->address, NP_F_Oddball_to_string, &t) && np_is_ref(t))
			v->text = np_string_utf8(d->v8, np_ref(t), NP_NAME_MAX, d->arena);
	}
}

bool np_is_null(np_v8 *v8, np_tagged t)
{
	int32_t k;
	return np_is_kind(v8, t, NP_KIND_ODDBALL) && np_has(v8->layout, NP_F_Oddball_kind) &&
	       np_smi_at(v8, np_ref(t) + (np_addr)np_get(v8->layout, NP_F_Oddball_kind), &k) &&
	       k == np_get(v8->layout, NP_F_Oddball_k_null);
}

void np_decode_symbol(struct decoder *d, np_value *v)
{
	np_tagged t;
	v->type = NP_VALUE_SYMBOL;
	if (np_field(d->v8, v->address, NP_F_Symbol_description, &t) && np_is_kind(d->v8, t, NP_KIND_STRING))
		v->text = np_string_utf8(d->v8, np_ref(t), NP_NAME_MAX, d->arena);
}

/* Decimal digits of a little-endian array of 64-bit words, by repeated division; words is destroyed. */
static const char *bigint_decimal(struct decoder *d, uint64_t *words, size_t n, bool negative)
{
	struct np_buf rev = {0};
	while (n && !words[n - 1])
		n--;
	if (!n)
		return "0";
	while (n) {
		unsigned __int128 rest = 0;
		for (size_t i = n; i-- > 0;) {
			unsigned __int128 cur = rest << 64 | words[i];
			words[i] = (uint64_t)(cur / 1000000000000000000ull);
			rest = cur % 1000000000000000000ull;
		}
		uint64_t chunk = (uint64_t)rest;
		while (n && !words[n - 1])
			n--;
		for (int k = 0; k < 18 && (n || chunk); k++) {
			np_buf_putc(&rev, (char)('0' + chunk % 10));
			chunk /= 10;
		}
	}
	if (negative)
		np_buf_putc(&rev, '-');
	char *out = np_arena_alloc(d->arena, rev.len + 1);
	for (size_t i = 0; i < rev.len; i++)
		out[i] = rev.data[rev.len - 1 - i];
	np_buf_deinit(&rev);
	return out;
}

/* The time that decimals take grows with the square of the length: long ones are written as hexadecimals. */
static const char *bigint_hex(struct decoder *d, const uint64_t *words, size_t n, bool negative)
{
	struct np_buf buf = {0};
	while (n > 1 && !words[n - 1])
		n--;
	np_buf_printf(&buf, "%s0x%llx", negative ? "-" : "", (unsigned long long)words[n - 1]);
	for (size_t i = n - 1; i-- > 0;)
		np_buf_printf(&buf, "%016llx", (unsigned long long)words[i]);
	const char *text = np_arena_strndup(d->arena, np_buf_str(&buf), buf.len);
	np_buf_deinit(&buf);
	return text;
}

void np_decode_bigint(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	uint32_t bits;
	v->type = NP_VALUE_BIGINT;
	if (!np_field_u32(d->v8, v->address, NP_F_BigInt_bitfield, &bits) || !np_has(l, NP_F_BigInt_digits)) {
		v->type = NP_VALUE_UNREADABLE;
		v->text = "BigInt is unreadable";
		return;
	}
	size_t n = bits >> 1 & 0x3fffffff;
	bool negative = bits & 1;
	if (n > BIGINT_WORDS_MAX) {
		v->text = np_arena_printf(d->arena, "(BigInt of %zu words)", n);
		v->truncated = true;
		return;
	}
	uint64_t *words = NP_NEW_ARRAY(d->arena, uint64_t, n + 1);
	if (np_mem_read(d->v8->mem, v->address + (np_addr)np_get(l, NP_F_BigInt_digits), words, n * 8) != n * 8) {
		v->type = NP_VALUE_UNREADABLE;
		v->text = "BigInt digits are unreadable";
		return;
	}
	v->text = n > BIGINT_DECIMAL_WORDS ? bigint_hex(d, words, n, negative) : bigint_decimal(d, words, n, negative);
}

static void decode_date(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	uint64_t bits;
	v->type = NP_VALUE_DATE;
	v->number = NAN;
	if (!np_field_u64(d->v8, v->address, NP_F_JSDate_value, &bits))
		return;
	if (np_get(l, NP_F_JSDate_value_is_raw) == 1)
		memcpy(&v->number, &bits, 8);
	else
		np_number_value(d->v8, (np_tagged){bits}, &v->number);
}

/* Letters of RegExp flags in the order that RegExp.prototype.flags has. */
static const char *regexp_flags(struct decoder *d, uint32_t flags)
{
	static const struct {
		char letter;
		uint32_t bit;
	} letters[] = {{'d', 128}, {'g', 1}, {'i', 2}, {'l', 64}, {'m', 4}, {'s', 32}, {'u', 16}, {'v', 256}, {'y', 8}};
	char text[NP_ARRAY_LEN(letters) + 1];
	size_t n = 0;
	for (size_t i = 0; i < NP_ARRAY_LEN(letters); i++)
		if (flags & letters[i].bit)
			text[n++] = letters[i].letter;
	return np_arena_strndup(d->arena, text, n);
}

/* Up to 4.5 the source is an own property, and the flags lie in the data array only. */
static void decode_old_regexp(struct decoder *d, np_value *v)
{
	enum { DATA_SOURCE = 1, DATA_FLAGS = 2 };
	np_tagged data, t;
	if (!np_field(d->v8, v->address, NP_F_JSRegExp_data, &data) || !np_is_ref(data))
		return;
	if ((np_object_own_data(d->v8, v->address, "source", &t) ||
	     np_array_get(d->v8, np_ref(data), DATA_SOURCE, &t)) &&
	    np_is_kind(d->v8, t, NP_KIND_STRING))
		v->text = np_string_utf8(d->v8, np_ref(t), d->limits->string_units, d->arena);
	if (np_array_get(d->v8, np_ref(data), DATA_FLAGS, &t) && np_is_smi(t))
		np_decode_slot(d, v, "flags", NULL, regexp_flags(d, (uint32_t)np_smi_value(t)));
}

static void decode_regexp(struct decoder *d, np_value *v)
{
	const np_layout *l = d->v8->layout;
	np_tagged t;
	int32_t flags;
	v->type = NP_VALUE_REGEXP;
	if (!np_has(l, NP_F_JSRegExp_source)) {
		decode_old_regexp(d, v);
		return;
	}
	if (np_field(d->v8, v->address, NP_F_JSRegExp_source, &t) && np_is_kind(d->v8, t, NP_KIND_STRING))
		v->text = np_string_utf8(d->v8, np_ref(t), d->limits->string_units, d->arena);
	if (np_has(l, NP_F_JSRegExp_flags) &&
	    np_smi_at(d->v8, v->address + (np_addr)np_get(l, NP_F_JSRegExp_flags), &flags))
		np_decode_slot(d, v, "flags", NULL, regexp_flags(d, (uint32_t)flags));
}

struct simple {
	enum np_kind kind;
	enum np_value_type type;
	const char *first;
	enum np_fact first_fact;
	const char *second;
	enum np_fact second_fact;
};

static const struct simple simple_kinds[] = {
	{NP_KIND_JS_PROXY, NP_VALUE_PROXY, "target", NP_F_JSProxy_target, "handler", NP_F_JSProxy_handler},
	{NP_KIND_JS_WEAK_REF, NP_VALUE_OBJECT, "target", NP_F_JSWeakRef_target, NULL, 0},
	{NP_KIND_JS_PRIMITIVE_WRAPPER, NP_VALUE_OBJECT, "value", NP_F_JSPrimitiveWrapper_value, NULL, 0},
	{NP_KIND_JS_EXTERNAL, NP_VALUE_EXTERNAL, NULL, 0, NULL, 0},
	{NP_KIND_WASM, NP_VALUE_WASM, NULL, 0, NULL, 0},
};

static bool wraps_primitive(const struct decoder *d, const np_value *v)
{
	np_tagged t;
	if (!np_field(d->v8, v->address, NP_F_JSPrimitiveWrapper_value, &t))
		return false;
	enum np_kind kind = np_is_ref(t) ? np_kind_at(d->v8, np_ref(t)) : NP_KIND_HEAP_NUMBER;
	return kind >= NP_KIND_STRING && kind <= NP_KIND_ODDBALL;
}

static bool decode_simple(struct decoder *d, np_value *v, enum np_kind kind)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(simple_kinds); i++) {
		const struct simple *s = &simple_kinds[i];
		if (s->kind != kind)
			continue;
		v->type = s->type;
		if (v->is_more && !(kind == NP_KIND_JS_PRIMITIVE_WRAPPER && wraps_primitive(d, v)))
			return true;
		if (s->first)
			np_decode_field(d, v, s->first, s->first_fact);
		if (s->second)
			np_decode_field(d, v, s->second, s->second_fact);
		return true;
	}
	return false;
}

static void decode_special(struct decoder *d, np_value *v, const struct np_map *map, enum np_kind kind)
{
	switch (kind) {
	case NP_KIND_JS_ARRAY:
		v->type = NP_VALUE_ARRAY;
		break;
	case NP_KIND_JS_FUNCTION:
		np_decode_function(d, v);
		break;
	case NP_KIND_JS_BOUND_FUNCTION:
		np_decode_bound_function(d, v);
		break;
	case NP_KIND_JS_ERROR:
		np_decode_error(d, v);
		break;
	case NP_KIND_JS_DATE:
		decode_date(d, v);
		break;
	case NP_KIND_JS_REG_EXP:
		decode_regexp(d, v);
		break;
	case NP_KIND_JS_PROMISE:
		np_decode_promise(d, v);
		break;
	case NP_KIND_JS_MAP:
	case NP_KIND_JS_SET:
		np_decode_collection(d, v, kind == NP_KIND_JS_MAP);
		break;
	case NP_KIND_JS_WEAK_MAP:
	case NP_KIND_JS_WEAK_SET:
		np_decode_weak_collection(d, v, kind == NP_KIND_JS_WEAK_MAP);
		break;
	case NP_KIND_JS_GENERATOR:
	case NP_KIND_JS_ASYNC_GENERATOR:
	case NP_KIND_JS_ASYNC_FUNCTION:
		v->type = kind == NP_KIND_JS_ASYNC_FUNCTION ? NP_VALUE_ASYNCFUNCTION : NP_VALUE_GENERATOR;
		np_decode_generator(d, v);
		break;
	case NP_KIND_JS_MODULE_NAMESPACE:
		np_decode_module(d, v);
		break;
	default:
		if (decode_simple(d, v, kind) || np_decode_bytes(d, v, kind))
			break;
		/* plain objects by their type */
		if (np_is_error_object(d->v8, v->address, map))
			np_decode_error(d, v);
		else if (np_has_promise_symbols(d->v8, v->address, map))
			np_decode_promise(d, v);
	}
}

/* Properties that every function has: length, name, arguments, caller, prototype. */
static bool has_only_own_names(const struct decoder *d, const struct np_map *map)
{
	enum { FUNCTION_PROPERTIES = 5 };
	return !d->limits->all_properties && map->own_descriptors <= FUNCTION_PROPERTIES && !map->dictionary;
}

void np_decode_receiver(struct decoder *d, np_value *v, const struct np_map *map, enum np_kind kind)
{
	v->type = NP_VALUE_OBJECT;
	v->class_name = np_class_name_of(d->v8, v->address, d->arena);
	v->null_prototype = kind != NP_KIND_JS_PROXY && np_is_null(d->v8, map->prototype);
	decode_special(d, v, map, kind);
	if (v->is_more) {
		struct np_elements e;
		if (v->type == NP_VALUE_ARRAY && np_elements_load(d->v8, v->address, &e))
			v->length = e.length;
		return;
	}
	if (kind == NP_KIND_JS_PROXY || kind == NP_KIND_JS_MODULE_NAMESPACE ||
	    (kind == NP_KIND_JS_FUNCTION && has_only_own_names(d, map)))
		return;
	np_decode_properties(d, v);
	if (v->type != NP_VALUE_TYPEDARRAY)
		np_decode_elements(d, v);
}
