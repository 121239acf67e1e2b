/*
 * Vectors: NP_VEC(type) declares an anonymous struct {data, len, cap}.
 * Zero-initialise, np_vec_push() appends, np_vec_deinit() frees.
 */
#ifndef NP_BASE_VEC_H
#define NP_BASE_VEC_H

#include <stdlib.h>

#include "base/arena.h"

#define NP_VEC(type)              \
	struct {                  \
		type *data;       \
		size_t len, cap;  \
	}

static inline void *np_vec_grow(void *data, size_t *cap, size_t elem_bytes)
{
	*cap = *cap ? *cap * 2 : 8;
	return np_xrealloc(data, *cap * elem_bytes);
}

#define np_vec_push(v, ...)                                                                     \
	do {                                                                                    \
		if ((v)->len == (v)->cap)                                                       \
			(v)->data = np_vec_grow((v)->data, &(v)->cap, sizeof(*(v)->data));      \
		(v)->data[(v)->len++] = __VA_ARGS__;                                            \
	} while (0)

#define np_vec_deinit(v)           \
	do {                       \
		free((v)->data);   \
		(v)->data = NULL;  \
		(v)->len = (v)->cap = 0; \
	} while (0)

#endif
