/*
 * Raw bytes behind objects: ArrayBuffers, typed arrays and DataViews on them,
 * and objects whose elements the embedder keeps outside the heap (Buffers up to
 * Node 0.12).
 */
#ifndef NP_V8_TYPED_H
#define NP_V8_TYPED_H

#include "v8/map.h"

enum np_element_form { NP_FORM_INT, NP_FORM_UINT, NP_FORM_FLOAT, NP_FORM_HALF, NP_FORM_BIGINT, NP_FORM_BIGUINT };

struct np_element_type {
	const char *name; /* "Uint8Array" */
	uint8_t bytes;
	enum np_element_form form;
};

struct np_bytes {
	const struct np_element_type *type; /* NULL: bytes without a type (buffers, DataViews) */
	np_addr data;	      /* 0: none, or it cannot be told where */
	uint64_t length;      /* elements (bytes without a type) */
	uint64_t byte_length, byte_offset; /* offset of a view in its buffer */
	uint64_t max_byte_length; /* resizable buffers */
	np_addr buffer;	      /* ArrayBuffer of a view, 0 none */
	bool is_buffer, is_shared, is_resizable, is_detached;
	bool is_length_tracking; /* as long as its buffer */
	bool is_out_of_bounds;	 /* a view past the end of a buffer that shrank: has no elements now */
};

/* Bytes of an object; false when it has none or its fields are unreadable. */
bool np_bytes_load(np_v8 *v8, np_addr object, struct np_bytes *ret);

struct np_typed_element {
	bool is_bigint;
	double number;
	int64_t bigint;
	uint64_t biguint; /* for NP_FORM_BIGUINT */
};

/* Decodes the type->bytes bytes at at. */
struct np_typed_element np_typed_element(const struct np_element_type *type, const uint8_t *at);

#endif
