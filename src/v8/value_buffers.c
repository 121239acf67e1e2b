/* ArrayBuffers and their views, Buffers included. */
#include <math.h>
#include <string.h>

#include "v8/map.h"
#include "v8/typed.h"
#include "v8/value_internal.h"

static void read_bytes(struct decoder *d, np_value *v, const struct np_bytes *b)
{
	size_t n = b->byte_length < d->limits->bytes ? (size_t)b->byte_length : d->limits->bytes;
	uint8_t *bytes = np_arena_alloc(d->arena, n);
	v->has_bytes = true;
	v->byte_count = n && b->data ? np_mem_read(d->v8->mem, b->data, bytes, n) : 0;
	v->bytes = bytes;
	if (v->byte_count < n)
		np_decode_slot(d, v, "data", NULL, "some bytes are unreadable");
	v->truncated |= v->byte_count < b->byte_length;
}

static np_value *element_value(struct decoder *d, const struct np_element_type *type, const uint8_t *at)
{
	struct np_typed_element e = np_typed_element(type, at);
	if (!e.is_bigint)
		return np_decode_integer_or_number(d, e.number);
	np_value *v = np_decode_number(d, 0);
	v->type = NP_VALUE_BIGINT;
	v->text = type->form == NP_FORM_BIGINT ? np_arena_printf(d->arena, "%lld", (long long)e.bigint)
					       : np_arena_printf(d->arena, "%llu", (unsigned long long)e.biguint);
	return v;
}

static void read_elements(struct decoder *d, np_value *v, const struct np_element_type *type)
{
	size_t n = v->byte_count / type->bytes;
	if (n > d->limits->elements)
		n = d->limits->elements;
	v->has_elements = true;
	v->elements = NP_NEW_ARRAY(d->arena, np_value *, n);
	for (size_t i = 0; i < n && d->total < d->limits->total; i++) {
		v->elements[i] = element_value(d, type, v->bytes + i * type->bytes);
		v->element_count = i + 1;
	}
	v->truncated |= v->element_count < v->length;
}

/* The buffer of a view as a value that is not opened: its bytes are the view's. */
static np_value *closed_buffer(struct decoder *d, np_addr addr)
{
	np_value *v = np_decode_number(d, 0);
	struct np_bytes b;
	v->type = NP_VALUE_ARRAYBUFFER;
	v->tagged = np_tag(addr);
	v->address = addr;
	v->class_name = np_class_name_of(d->v8, addr, d->arena);
	v->is_more = true;
	if (np_bytes_load(d->v8, addr, &b))
		v->byte_length = b.byte_length;
	return v;
}

static void number_slot(struct decoder *d, np_value *v, const char *name, uint64_t n)
{
	np_decode_slot(d, v, name, np_decode_integer_or_number(d, (double)n), NULL);
}

/* What the type says by itself: where a view lies, and what has happened to its buffer. */
static void state_slots(struct decoder *d, np_value *v, const struct np_bytes *b)
{
	if (b->buffer)
		np_decode_slot(d, v, "buffer", closed_buffer(d, b->buffer), NULL);
	if (b->type)
		np_decode_slot(d, v, "element_type", NULL, b->type->name);
	if (b->byte_offset)
		number_slot(d, v, "byte_offset", b->byte_offset);
	if (b->is_resizable)
		number_slot(d, v, "max_byte_length", b->max_byte_length);
	if (b->is_length_tracking)
		np_decode_slot(d, v, "length", NULL, "follows the buffer");
	if (b->is_detached)
		np_decode_slot(d, v, "buffer state", NULL, "detached");
	else if (b->is_out_of_bounds)
		np_decode_slot(d, v, "buffer state", NULL, "the view is out of bounds");
}

bool np_decode_bytes(struct decoder *d, np_value *v, enum np_kind kind)
{
	struct np_bytes b;
	if (!np_bytes_load(d->v8, v->address, &b)) {
		if (kind == NP_KIND_JS_ARRAY_BUFFER || kind == NP_KIND_JS_DATA_VIEW || kind == NP_KIND_JS_TYPED_ARRAY)
			np_decode_slot(d, v, "bytes", NULL, "unreadable");
		return false;
	}
	v->type = b.is_buffer ? NP_VALUE_ARRAYBUFFER
		  : b.type    ? NP_VALUE_TYPEDARRAY
			      : NP_VALUE_DATAVIEW;
	v->byte_length = b.byte_length;
	v->length = b.length;
	if (v->is_more)
		return true;
	state_slots(d, v, &b);
	read_bytes(d, v, &b);
	if (b.type)
		read_elements(d, v, b.type);
	return true;
}
