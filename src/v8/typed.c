#include "v8/typed.h"

#include <math.h>
#include <string.h>

#include "v8/array.h"
#include "v8/object.h"

static const struct np_element_type int8 = {"Int8Array", 1, NP_FORM_INT}, uint8 = {"Uint8Array", 1, NP_FORM_UINT},
				    clamped = {"Uint8ClampedArray", 1, NP_FORM_UINT},
				    int16 = {"Int16Array", 2, NP_FORM_INT}, uint16 = {"Uint16Array", 2, NP_FORM_UINT},
				    int32 = {"Int32Array", 4, NP_FORM_INT}, uint32 = {"Uint32Array", 4, NP_FORM_UINT},
				    float16 = {"Float16Array", 2, NP_FORM_HALF},
				    float32 = {"Float32Array", 4, NP_FORM_FLOAT},
				    float64 = {"Float64Array", 8, NP_FORM_FLOAT},
				    bigint64 = {"BigInt64Array", 8, NP_FORM_BIGINT},
				    biguint64 = {"BigUint64Array", 8, NP_FORM_BIGUINT};

enum { TYPED_KINDS = 12, EXTERNAL_KINDS = 9 };

/* src/objects/elements-kind.h: orders that elements kinds had. */
static const struct np_element_type
	*const typed_orders[][TYPED_KINDS] = {{&uint8, &int8, &uint16, &int16, &uint32, &int32, &float32, &float64,
					       &clamped, &biguint64, &bigint64, &float16},
					      {&uint8, &int8, &uint16, &int16, &uint32, &int32, &biguint64, &bigint64,
					       &clamped, &float32, &float64, &float16}},
	*const external_order[EXTERNAL_KINDS] = {&int8,	 &uint8,   &int16,   &uint16, &int32,
						 &uint32, &float32, &float64, &clamped};

static bool in_row(const np_layout *l, enum np_fact first, int32_t kind, int32_t count, int32_t *ret)
{
	if (!np_has(l, first) || kind < np_get(l, first) || kind >= np_get(l, first) + count)
		return false;
	*ret = kind - np_get(l, first);
	return true;
}

static const struct np_element_type *element_type_of(const np_layout *l, const struct np_map *map, bool *is_external)
{
	int32_t i, order = np_has(l, NP_F_elements_typed_order) && np_get(l, NP_F_elements_typed_order) == 1;
	*is_external = false;
	if (in_row(l, NP_F_elements_resizable_typed, map->elements_kind, TYPED_KINDS, &i) ||
	    in_row(l, NP_F_elements_typed, map->elements_kind, TYPED_KINDS, &i))
		return typed_orders[order][i];
	*is_external = true;
	return in_row(l, NP_F_elements_external, map->elements_kind, EXTERNAL_KINDS, &i) ? external_order[i] : NULL;
}

/* A size that is a Smi or number in old versions and a raw word later. */
static bool size_field(np_v8 *v8, np_addr addr, enum np_fact fact, enum np_fact is_smi, uint64_t *ret)
{
	uint64_t raw;
	double number;
	if (!np_field_u64(v8, addr, fact, &raw))
		return false;
	if (np_get(v8->layout, is_smi) != 1) {
		*ret = raw;
		return raw < 1ull << 53;
	}
	if (!np_number_value(v8, (np_tagged){raw}, &number) || !(number >= 0 && number < 9007199254740992.0))
		return false;
	*ret = (uint64_t)number;
	return true;
}

/* Bit of a field that is a Smi up to 4.x in name only: the flags always fit the low half. */
static bool flag(np_v8 *v8, np_addr addr, enum np_fact field, enum np_fact shift)
{
	uint32_t bits;
	return np_has(v8->layout, shift) && np_field_u32(v8, addr, field, &bits) &&
	       (bits >> np_get(v8->layout, shift) & 1);
}

/* Growable shared buffers change under other threads: their length is in the C++ BackingStore. */
static bool shared_length(np_v8 *v8, np_addr buffer, uint64_t *ret)
{
	uint64_t extension, store;
	return np_field_u64(v8, buffer, NP_F_JSArrayBuffer_extension, &extension) &&
	       np_field_u64(v8, extension, NP_F_ArrayBufferExtension_backing_store, &store) &&
	       np_field_u64(v8, store, NP_F_BackingStore_byte_length, ret) && *ret < 1ull << 53;
}

static bool buffer_load(np_v8 *v8, np_addr addr, struct np_bytes *b)
{
	if (!size_field(v8, addr, NP_F_JSArrayBuffer_byte_length, NP_F_JSArrayBuffer_byte_length_is_smi, &b->byte_length))
		return false;
	b->is_buffer = true;
	b->is_detached = flag(v8, addr, NP_F_JSArrayBuffer_bit_field, NP_F_JSArrayBuffer_detached_shift);
	b->is_shared = flag(v8, addr, NP_F_JSArrayBuffer_bit_field, NP_F_JSArrayBuffer_shared_shift);
	b->is_resizable = flag(v8, addr, NP_F_JSArrayBuffer_bit_field, NP_F_JSArrayBuffer_resizable_shift);
	if (b->is_resizable)
		np_field_u64(v8, addr, NP_F_JSArrayBuffer_max_byte_length, &b->max_byte_length);
	if (b->is_resizable && b->is_shared && !shared_length(v8, addr, &b->byte_length))
		return false;
	np_field_u64(v8, addr, NP_F_JSArrayBuffer_backing_store, &b->data);
	b->length = b->byte_length;
	return true;
}

/* Where a typed array's bytes are; 0 when it cannot be told. */
static np_addr typed_data(np_v8 *v8, np_addr object, np_addr elements, bool is_external)
{
	const np_layout *l = v8->layout;
	uint64_t external;
	np_tagged base;
	/* base is Smi 0 off the heap, the tagged elements on it */
	if (np_field_u64(v8, object, NP_F_JSTypedArray_external_pointer, &external) &&
	    np_field(v8, object, NP_F_JSTypedArray_base_pointer, &base))
		return base.raw + external;
	if (!elements)
		return 0;
	if (is_external)
		return np_field_u64(v8, elements, NP_F_ExternalArray_external_pointer, &external) ? external : 0;
	if (np_field_u64(v8, elements, NP_F_ExternalArray_external_pointer, &external) &&
	    np_field(v8, elements, NP_F_ExternalArray_base_pointer, &base))
		return base.raw + external;
	return np_has(l, NP_F_JSTypedArray_onheap_data) ? elements + (np_addr)np_get(l, NP_F_JSTypedArray_onheap_data) : 0;
}

/* Fits a view to what its buffer is now. */
static void view_bound(np_v8 *v8, np_addr object, const struct np_bytes *buffer, struct np_bytes *b)
{
	const np_layout *l = v8->layout;
	b->is_detached = buffer->is_detached;
	b->is_length_tracking = flag(v8, object, NP_F_JSArrayBufferView_bit_field,
				     NP_F_JSArrayBufferView_length_tracking_shift);
	/* The buffer of a typed array on the heap knows nothing of its bytes: only resizable ones bound their views. */
	if (buffer->is_resizable && np_has(l, NP_F_JSArrayBufferView_bit_field)) {
		if (b->is_length_tracking && b->byte_offset <= buffer->byte_length)
			b->byte_length = buffer->byte_length - b->byte_offset;
		b->is_out_of_bounds = b->byte_offset > buffer->byte_length ||
				      b->byte_length > buffer->byte_length - b->byte_offset;
	}
	if (b->is_detached || b->is_out_of_bounds)
		b->byte_length = 0;
}

static bool view_load(np_v8 *v8, np_addr object, np_addr elements, bool is_external, struct np_bytes *b)
{
	struct np_bytes buffer = {0};
	np_tagged t;
	if (!size_field(v8, object, NP_F_JSArrayBufferView_byte_length, NP_F_JSArrayBufferView_is_smi, &b->byte_length))
		return false;
	size_field(v8, object, NP_F_JSArrayBufferView_byte_offset, NP_F_JSArrayBufferView_is_smi, &b->byte_offset);
	if (np_field(v8, object, NP_F_JSArrayBufferView_buffer, &t) && np_is_kind(v8, t, NP_KIND_JS_ARRAY_BUFFER) &&
	    buffer_load(v8, np_ref(t), &buffer)) {
		b->buffer = np_ref(t);
		view_bound(v8, object, &buffer, b);
	}
	if (b->type)
		b->data = typed_data(v8, object, elements, is_external);
	else if (buffer.data)
		b->data = buffer.data + b->byte_offset;
	uint32_t size = b->type ? b->type->bytes : 1;
	b->length = b->byte_length / size;
	b->byte_length = b->length * size;
	return true;
}

bool np_bytes_load(np_v8 *v8, np_addr object, struct np_bytes *ret)
{
	const struct np_map *map;
	struct np_bytes b = {0};
	np_tagged t;
	bool is_external;
	uint32_t len;
	if (!np_map_of(v8, object, &map))
		return false;
	enum np_kind kind = np_kind_of_type(v8, map->type);
	np_addr elements = np_field(v8, object, NP_F_JSObject_elements, &t) && np_is_ref(t) ? np_ref(t) : 0;
	b.type = element_type_of(v8->layout, map, &is_external);
	if (kind == NP_KIND_JS_ARRAY_BUFFER) {
		b.type = NULL;
		if (!buffer_load(v8, object, &b))
			return false;
	} else if (kind == NP_KIND_JS_TYPED_ARRAY || kind == NP_KIND_JS_DATA_VIEW) {
		if (kind == NP_KIND_JS_DATA_VIEW)
			b.type = NULL;
		if (!view_load(v8, object, elements, is_external, &b))
			return false;
	} else if (b.type && is_external && elements && np_array_length(v8, elements, &len)) {
		b.data = typed_data(v8, object, elements, true);
		b.length = len;
		b.byte_length = (uint64_t)len * b.type->bytes;
	} else {
		return false;
	}
	*ret = b;
	return true;
}

static double half_to_double(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 1023;
	double x = exponent == 31 ? (mantissa ? NAN : INFINITY)
		   : exponent	  ? ldexp(1024 + mantissa, exponent - 25)
				  : ldexp(mantissa, -24);
	return h >> 15 ? -x : x;
}

struct np_typed_element np_typed_element(const struct np_element_type *type, const uint8_t *at)
{
	struct np_typed_element e = {0};
	uint64_t u = 0;
	float f;
	memcpy(&u, at, type->bytes);
	int shift = 64 - 8 * type->bytes;
	switch (type->form) {
	case NP_FORM_INT:
		e.number = (double)((int64_t)(u << shift) >> shift);
		break;
	case NP_FORM_UINT:
		e.number = (double)u;
		break;
	case NP_FORM_HALF:
		e.number = half_to_double((uint16_t)u);
		break;
	case NP_FORM_FLOAT:
		if (type->bytes == 4) {
			memcpy(&f, at, 4);
			e.number = f;
		} else {
			memcpy(&e.number, at, 8);
		}
		break;
	case NP_FORM_BIGINT:
	case NP_FORM_BIGUINT:
		e.is_bigint = true;
		e.biguint = u;
		e.bigint = (int64_t)u;
	}
	return e;
}
