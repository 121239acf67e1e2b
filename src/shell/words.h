/* Splitting of a shell line: quotes, stages, redirections. */
#ifndef NP_SHELL_WORDS_H
#define NP_SHELL_WORDS_H

#include "base/arena.h"

struct np_words {
	char **words; /* ends with NULL */
	size_t count;
};

struct np_pipeline {
	struct np_words *stages;
	size_t count;
	const char *file;  /* > or >>, NULL none */
	bool append;
	const char *program; /* !, NULL none */
};

struct np_pipelines {
	struct np_pipeline *data;
	size_t count;
};

/* Text after # outside quotes is a comment. NP_EUSAGE for an open quote or an empty stage. */
np_err *np_words_split(const char *line, np_arena *arena, struct np_pipelines *ret) NP_MUST;

#endif
