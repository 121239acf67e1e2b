/*
 * The frame of a text that was seen before, found by a hash of the text alone: a
 * tool prints the same few thousand lines a million times.  The cache has a fixed
 * size, older texts make room for newer ones.  96 bits of hash tell texts apart.
 */
#ifndef NP_FORMAT_FRAME_CACHE_H
#define NP_FORMAT_FRAME_CACHE_H

#include <stdlib.h>

#include "base/hash.h"

struct np_frame_slot {
	uint64_t hash;
	uint32_t check;
	uint32_t frame;
};

enum { NP_FRAME_CACHE_BITS = 18, NP_FRAME_NONE = UINT32_MAX };

struct np_frame_cache {
	struct np_frame_slot *slots; /* pairs: the one used last is first */
};

struct np_text_hash {
	uint64_t hash;
	uint32_t check;
};

static inline void np_frame_cache_init(struct np_frame_cache *c)
{
	c->slots = np_xcalloc((size_t)1 << NP_FRAME_CACHE_BITS, sizeof(*c->slots));
}

static inline void np_frame_cache_deinit(struct np_frame_cache *c)
{
	free(c->slots);
	c->slots = NULL;
}

static inline uint64_t np_text_word(const char *p)
{
	uint64_t word;
	memcpy(&word, p, 8);
	return word;
}

/*
 * Two lanes, so that their multiplications run side by side.  8 bytes from any
 * place in the text must be readable, as they are in a line (format/lines.h).
 */
static inline struct np_text_hash np_text_hash(const char *p, size_t n)
{
	uint64_t a = 0x2d358dccaa6c78a5ull ^ n, b = 0x8bb84b93962eacc9ull + n;
	for (; n > 16; p += 16, n -= 16) {
		a = np_hash_mix(a, np_text_word(p));
		b = np_hash_mix(b, np_text_word(p + 8));
	}
	if (n >= 8) {
		a = np_hash_mix(a, np_text_word(p));
		p += 8;
		n -= 8;
	}
	if (n)
		b = np_hash_mix(b, np_text_word(p) << (64 - 8 * n));
	__uint128_t m = (__uint128_t)(a ^ 0x4b33a62ed433d4a3ull) * (b | 1);
	uint64_t low = np_hash_u64((uint64_t)m ^ a), high = (uint64_t)(m >> 64) ^ b;
	return (struct np_text_hash){low ? low : 1, (uint32_t)(high ^ high >> 32)};
}

/* NP_FRAME_NONE: not there. */
static inline uint32_t np_frame_cache_get(struct np_frame_cache *c, struct np_text_hash h)
{
	struct np_frame_slot *s = &c->slots[(h.hash & (((size_t)1 << NP_FRAME_CACHE_BITS) - 1)) & ~(size_t)1];
	if (s[0].hash == h.hash && s[0].check == h.check)
		return s[0].frame;
	if (s[1].hash != h.hash || s[1].check != h.check)
		return NP_FRAME_NONE;
	struct np_frame_slot found = s[1];
	s[1] = s[0];
	s[0] = found;
	return found.frame;
}

static inline void np_frame_cache_put(struct np_frame_cache *c, struct np_text_hash h, uint32_t frame)
{
	struct np_frame_slot *s = &c->slots[(h.hash & (((size_t)1 << NP_FRAME_CACHE_BITS) - 1)) & ~(size_t)1];
	s[1] = s[0];
	s[0] = (struct np_frame_slot){h.hash, h.check, frame};
}

#endif
