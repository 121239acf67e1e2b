/*
 * Stacks of frames that a file numbers and may tell only behind its samples: a
 * prefix tree of numbers, which becomes stacks of a profile at the end.
 */
#ifndef NP_FORMAT_JSON_STACKS_H
#define NP_FORMAT_JSON_STACKS_H

#include "base/hash.h"
#include "base/vec.h"
#include "profile/profile.h"

struct np_json_stack {
	uint32_t parent, frame;
	uint32_t stack; /* of the profile, once it is placed */
};

struct np_json_stacks {
	NP_VEC(struct np_json_stack) nodes; /* 0 is the empty stack */
	struct np_hash_table table;
};

static inline uint64_t np_json_stack_hash(const void *ctx, uint32_t number)
{
	const struct np_json_stacks *s = (const struct np_json_stacks *)ctx;
	return np_hash_u64((uint64_t)s->nodes.data[number].parent << 32 | s->nodes.data[number].frame);
}

static inline void np_json_stacks_init(struct np_json_stacks *s)
{
	*s = (struct np_json_stacks){0};
	np_vec_push(&s->nodes, (struct np_json_stack){0});
}

static inline void np_json_stacks_deinit(struct np_json_stacks *s)
{
	np_vec_deinit(&s->nodes);
	np_hash_table_deinit(&s->table);
}

static inline uint32_t np_json_stack_push(struct np_json_stacks *s, uint32_t parent, uint32_t frame)
{
	uint64_t hash = np_hash_u64((uint64_t)parent << 32 | frame);
	NP_HASH_FIND(&s->table, hash, number)
		if (s->nodes.data[number].parent == parent && s->nodes.data[number].frame == frame)
			return number;
	np_vec_push(&s->nodes, (struct np_json_stack){parent, frame, 0});
	np_hash_put(&s->table, hash, (uint32_t)s->nodes.len - 1, np_json_stack_hash, s);
	return (uint32_t)s->nodes.len - 1;
}

/* frames: of the profile, by number; numbers that are not among them are left out. */
static inline void np_json_stacks_place(struct np_json_stacks *s, np_profile *p, const uint32_t *frames, size_t count)
{
	for (size_t i = 1; i < s->nodes.len; i++) {
		uint32_t above = s->nodes.data[s->nodes.data[i].parent].stack, frame = s->nodes.data[i].frame;
		s->nodes.data[i].stack = frame < count ? np_profile_push(p, above, frames[frame], 0, 0) : above;
	}
}

#endif
