/*
 * Call trees as indented text, where a line has what it and all below it took.
 * Lines come parents first; what a line took itself is what its children leave.
 */
#ifndef NP_FORMAT_TEXT_TREE_H
#define NP_FORMAT_TEXT_TREE_H

#include "base/vec.h"
#include "profile/profile.h"

struct np_text_tree_line {
	size_t indent;
	int64_t left; /* of its value, without the children that came */
	uint32_t stack, thread;
};

struct np_text_tree {
	np_profile *profile;
	uint32_t thread; /* of lines that are added */
	NP_VEC(struct np_text_tree_line) open;
};

static inline void np_text_tree_init(struct np_text_tree *t, np_profile *profile)
{
	*t = (struct np_text_tree){.profile = profile};
}

/* Closes all lines that are indented as much or more; 0: all. */
static inline void np_text_tree_close(struct np_text_tree *t, size_t indent)
{
	while (t->open.len && t->open.data[t->open.len - 1].indent >= indent) {
		struct np_text_tree_line *line = &t->open.data[--t->open.len];
		if (line->left > 0)
			np_profile_add(t->profile, line->thread, line->stack, NP_TIME_NONE, &line->left);
	}
}

/* frame 0: a level without one, as of threads. */
static inline void np_text_tree_add(struct np_text_tree *t, size_t indent, int64_t value, uint32_t frame)
{
	np_text_tree_close(t, indent);
	uint32_t parent = 0;
	if (t->open.len) {
		struct np_text_tree_line *above = &t->open.data[t->open.len - 1];
		above->left -= value < above->left ? value : above->left;
		parent = above->stack;
	}
	uint32_t stack = frame ? np_profile_push(t->profile, parent, frame, 0, 0) : parent;
	np_vec_push(&t->open, (struct np_text_tree_line){indent, value, stack, t->thread});
}

static inline void np_text_tree_deinit(struct np_text_tree *t)
{
	np_text_tree_close(t, 0);
	np_vec_deinit(&t->open);
}

#endif
