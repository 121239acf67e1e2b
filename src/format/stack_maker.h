/*
 * From the frames of a sample to its stack.  One sample mostly shares its callers
 * with the one before, whose stacks are then taken over without a look-up.
 */
#ifndef NP_FORMAT_STACK_MAKER_H
#define NP_FORMAT_STACK_MAKER_H

#include "base/vec.h"
#include "profile/profile.h"

struct np_place {
	uint32_t frame, line, column;
};

struct np_stack_maker {
	np_profile *profile;
	NP_VEC(struct np_place) now;	/* the sample that is being read, in the order in which it comes */
	NP_VEC(struct np_place) before; /* the one before, root first */
	NP_VEC(uint32_t) stacks;	/* of before: up to and with each frame */
};

static inline void np_stack_maker_init(struct np_stack_maker *m, np_profile *profile)
{
	*m = (struct np_stack_maker){.profile = profile};
}

static inline void np_stack_maker_deinit(struct np_stack_maker *m)
{
	np_vec_deinit(&m->now);
	np_vec_deinit(&m->before);
	np_vec_deinit(&m->stacks);
}

static inline void np_stack_maker_put(struct np_stack_maker *m, uint32_t frame, uint32_t line, uint32_t column)
{
	np_vec_push(&m->now, (struct np_place){frame, line, column});
}

/* The stack of what was put since the last call. */
static inline uint32_t np_stack_maker_done(struct np_stack_maker *m, bool leaf_first)
{
	size_t n = m->now.len, shared = 0, most = n < m->before.len ? n : m->before.len;
	const struct np_place *now = m->now.data;
	for (; shared < most; shared++) {
		const struct np_place *a = &now[leaf_first ? n - 1 - shared : shared], *b = &m->before.data[shared];
		if (a->frame != b->frame || a->line != b->line || a->column != b->column)
			break;
	}
	uint32_t stack = shared ? m->stacks.data[shared - 1] : 0;
	m->before.len = m->stacks.len = shared;
	for (size_t i = shared; i < n; i++) {
		const struct np_place *p = &now[leaf_first ? n - 1 - i : i];
		stack = np_profile_push(m->profile, stack, p->frame, p->line, p->column);
		np_vec_push(&m->before, *p);
		np_vec_push(&m->stacks, stack);
	}
	m->now.len = 0;
	return stack;
}

#endif
