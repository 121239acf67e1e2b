/* ArrayBuffers and their views, Buffers included. */
#include <math.h>
#include <string.h>

#include "v8/array.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/value_internal.h"

/* A size that is a Smi or number in old versions and a raw word later. */
static bool size_field(struct decoder *d, np_addr addr, enum np_fact fact, enum np_fact is_smi, uint64_t *ret)
{
	uint64_t raw;
	double number;
	if (!np_field_u64(d->v8, addr, fact, &raw))
		return false;
	if (np_get(d->v8->layout, is_smi) != 1) {
		*ret = raw;
		return raw < 1ull << 53;
	}
	if (!np_number_value(d->v8, (np_tagged){raw}, &number) || !(number >= 0 && number < 9007199254740992.0))
		return false;
	*ret = (uint64_t)number;
	return true;
}

static void read_bytes(struct decoder *d, np_value *v, np_addr data, uint64_t len)
{
	size_t n = len < d->limits->bytes ? (size_t)len : d->limits->bytes;
	uint8_t *bytes = np_arena_alloc(d->arena, n);
	v->has_bytes = true;
	v->byte_count = n ? np_mem_read(d->v8->mem, data, bytes, n) : 0;
	v->bytes = bytes;
	if (v->byte_count < n)
		np_decode_slot(d, v, "data", NULL, "some bytes are unreadable");
	v->truncated |= v->byte_count < len;
}

void np_decode_array_buffer(struct decoder *d, np_value *v)
{
	uint64_t len, store;
	v->type = NP_VALUE_ARRAYBUFFER;
	if (!size_field(d, v->address, NP_F_JSArrayBuffer_byte_length, NP_F_JSArrayBuffer_byte_length_is_smi, &len))
		return;
	v->length = len;
	if (!v->is_more && np_field_u64(d->v8, v->address, NP_F_JSArrayBuffer_backing_store, &store))
		read_bytes(d, v, store, store ? len : 0);
}

/* Where a view's bytes are; false when it cannot be told. */
static bool view_data(struct decoder *d, np_value *v, np_addr buffer, uint64_t byte_offset, np_addr *ret)
{
	const np_layout *l = d->v8->layout;
	uint64_t external, store;
	np_tagged base, elements;
	if (v->type == NP_VALUE_TYPEDARRAY && np_has(l, NP_F_JSTypedArray_external_pointer) &&
	    np_field_u64(d->v8, v->address, NP_F_JSTypedArray_external_pointer, &external) &&
	    np_field(d->v8, v->address, NP_F_JSTypedArray_base_pointer, &base)) {
		*ret = base.raw + external; /* base is Smi 0 off the heap, the tagged elements on it */
		return true;
	}
	if (buffer && np_field_u64(d->v8, buffer, NP_F_JSArrayBuffer_backing_store, &store) && store) {
		*ret = store + byte_offset;
		return true;
	}
	if (np_has(l, NP_F_JSTypedArray_onheap_data) && np_field(d->v8, v->address, NP_F_JSObject_elements, &elements) &&
	    np_is_ref(elements)) {
		*ret = np_ref(elements) + (np_addr)np_get(l, NP_F_JSTypedArray_onheap_data);
		return true;
	}
	return false;
}

static const struct element_type {
	const char *name;
	uint8_t bytes;
	char form; /* i u f n(bigint signed) N(bigint unsigned) */
} element_types[] = {
	{"Int8Array", 1, 'i'}, {"Uint8Array", 1, 'u'}, {"Uint8ClampedArray", 1, 'u'}, {"Int16Array", 2, 'i'},
	{"Uint16Array", 2, 'u'}, {"Int32Array", 4, 'i'}, {"Uint32Array", 4, 'u'}, {"Float16Array", 2, 'h'},
	{"Float32Array", 4, 'f'}, {"Float64Array", 8, 'f'}, {"BigInt64Array", 8, 'n'}, {"BigUint64Array", 8, 'N'},
};

/* Element type of a typed array: the first typed array class on its prototype chain (Buffer -> Uint8Array). */
static const struct element_type *element_type_of(struct decoder *d, np_addr object)
{
	const struct np_map *map;
	for (int i = 0; i < 8 && np_map_of(d->v8, object, &map); i++) {
		const char *name = np_class_name(d->v8, map, d->arena);
		for (size_t k = 0; k < NP_ARRAY_LEN(element_types); k++)
			if (strcmp(element_types[k].name, name) == 0)
				return &element_types[k];
		np_tagged c;
		if (np_object_own_data(d->v8, object, "constructor", &c) && np_is_js_function(d->v8, c)) {
			name = np_function_name(d->v8, np_ref(c), d->arena);
			for (size_t k = 0; name && k < NP_ARRAY_LEN(element_types); k++)
				if (strcmp(element_types[k].name, name) == 0)
					return &element_types[k];
		}
		if (!np_is_ref(map->prototype))
			break;
		object = np_ref(map->prototype);
	}
	return NULL;
}

static double half_to_double(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 1023;
	double x = exponent == 31 ? (mantissa ? NAN : INFINITY)
		   : exponent	  ? ldexp(1024 + mantissa, exponent - 25)
				  : ldexp(mantissa, -24);
	return h >> 15 ? -x : x;
}

static np_value *typed_element(struct decoder *d, const struct element_type *type, const uint8_t *at)
{
	uint64_t u = 0;
	memcpy(&u, at, type->bytes);
	int shift = 64 - 8 * type->bytes;
	if (type->form == 'i')
		return np_decode_number(d, (double)((int64_t)(u << shift) >> shift));
	if (type->form == 'f' && type->bytes == 4) {
		float f;
		memcpy(&f, at, 4);
		return np_decode_number(d, f);
	}
	if (type->form == 'f') {
		double f;
		memcpy(&f, at, 8);
		return np_decode_number(d, f);
	}
	if (type->form == 'h')
		return np_decode_number(d, half_to_double((uint16_t)u));
	np_value *v = np_decode_number(d, (double)u);
	if (type->form == 'n' || type->form == 'N') {
		v->type = NP_VALUE_BIGINT;
		v->text = type->form == 'n' ? np_arena_printf(d->arena, "%lld", (long long)u)
					    : np_arena_printf(d->arena, "%llu", (unsigned long long)u);
	}
	return v;
}

void np_decode_array_buffer_view(struct decoder *d, np_value *v, bool typed)
{
	uint64_t byte_length, byte_offset = 0;
	np_tagged buffer;
	np_addr data;
	v->type = typed ? NP_VALUE_TYPEDARRAY : NP_VALUE_DATAVIEW;
	if (!size_field(d, v->address, NP_F_JSArrayBufferView_byte_length, NP_F_JSArrayBufferView_is_smi, &byte_length))
		return;
	size_field(d, v->address, NP_F_JSArrayBufferView_byte_offset, NP_F_JSArrayBufferView_is_smi, &byte_offset);
	const struct element_type *type = typed ? element_type_of(d, v->address) : NULL;
	v->length = type ? byte_length / type->bytes : byte_length;
	if (v->is_more)
		return;
	np_addr buffer_addr = np_field(d->v8, v->address, NP_F_JSArrayBufferView_buffer, &buffer) && np_is_ref(buffer)
				      ? np_ref(buffer)
				      : 0;
	if (buffer_addr)
		np_decode_slot(d, v, "buffer", NULL, np_arena_printf(d->arena, "0x%llx", (unsigned long long)buffer_addr));
	if (type)
		np_decode_slot(d, v, "element_type", NULL, type->name);
	if (byte_offset)
		np_decode_slot(d, v, "byte_offset", np_decode_number(d, (double)byte_offset), NULL);
	if (!view_data(d, v, buffer_addr, byte_offset, &data))
		return;
	read_bytes(d, v, data, byte_length);
	if (!type)
		return;
	size_t n = v->byte_count / type->bytes;
	if (n > d->limits->elements)
		n = d->limits->elements;
	v->has_elements = true;
	v->elements = NP_NEW_ARRAY(d->arena, np_value *, n);
	for (size_t i = 0; i < n && d->total < d->limits->total; i++) {
		v->elements[i] = typed_element(d, type, v->bytes + i * type->bytes);
		v->element_count = i + 1;
	}
}
