/*
 * Hashes and a table from hashes to dense numbers.  The keys themselves lie with
 * the caller, who is asked whether a number is the one that is looked for.
 */
#ifndef NP_BASE_HASH_H
#define NP_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Good spread, not for defence against chosen keys: the tables below stay correct whatever collides. */
static inline uint64_t np_hash_u64(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xe9846af9b1a615dull;
	x ^= x >> 32;
	x *= 0xe9846af9b1a615dull;
	return x ^ x >> 28;
}

static inline uint64_t np_hash_mix(uint64_t hash, uint64_t word)
{
	__uint128_t m = (__uint128_t)(hash ^ word) * 0x9e3779b97f4a7c15ull;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t np_hash_bytes(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t hash = 0x2d358dccaa6c78a5ull ^ n, word;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		hash = np_hash_mix(hash, word);
	}
	word = 0;
	memcpy(&word, p, n);
	return np_hash_u64(np_hash_mix(hash, word));
}

/* Zero-initialise. */
struct np_hash_table {
	uint64_t *slots; /* upper half of the hash, number + 1; 0: empty */
	size_t cap, len; /* cap: a power of two; at most 7 of 10 slots are taken */
};

static inline void np_hash_table_deinit(struct np_hash_table *t)
{
	free(t->slots);
	*t = (struct np_hash_table){0};
}

static inline void np_hash_table_grow(struct np_hash_table *t, uint64_t (*hash_of)(const void *ctx, uint32_t number),
				      const void *ctx)
{
	size_t cap = t->cap ? t->cap * 2 : 64;
	uint64_t *slots = np_xcalloc(cap, sizeof(*slots));
	for (size_t i = 0; i < t->cap; i++) {
		if (!t->slots[i])
			continue;
		size_t at = (size_t)hash_of(ctx, (uint32_t)t->slots[i] - 1) & (cap - 1);
		while (slots[at])
			at = (at + 1) & (cap - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
}

/*
 * Loops over the numbers that may have that hash:
 *
 *     NP_HASH_FIND(&table, hash, number) if (it is the one) return number;
 */
#define NP_HASH_FIND(t, hash, number)                                                                                  \
	for (size_t np_at_ = (size_t)(hash) & ((t)->cap - 1); (t)->cap && (t)->slots[np_at_];                          \
	     np_at_ = (np_at_ + 1) & ((t)->cap - 1))                                                                   \
		for (uint32_t number = (uint32_t)(t)->slots[np_at_] - 1, np_once_ = 1;                                 \
		     np_once_ && (uint32_t)((t)->slots[np_at_] >> 32) == (uint32_t)((hash) >> 32); np_once_ = 0)

/* A number that is not in it. hash_of gives a number's hash again when the table grows. */
static inline void np_hash_put(struct np_hash_table *t, uint64_t hash, uint32_t number,
			       uint64_t (*hash_of)(const void *ctx, uint32_t number), const void *ctx)
{
	if ((t->len + 1) * 10 > t->cap * 7)
		np_hash_table_grow(t, hash_of, ctx);
	size_t at = (size_t)hash & (t->cap - 1);
	while (t->slots[at])
		at = (at + 1) & (t->cap - 1);
	t->slots[at] = (hash & 0xffffffff00000000ull) | (number + 1);
	t->len++;
}

#endif
