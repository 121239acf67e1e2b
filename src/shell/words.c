#include "shell/words.h"

#include <string.h>

#include "base/buf.h"
#include "base/vec.h"

struct splitter {
	np_arena *arena;
	const char *at;
	NP_VEC(struct np_pipeline) pipelines;
	NP_VEC(struct np_words) stages;
	NP_VEC(char *) words;
	struct np_pipeline open; /* redirections of the pipeline being read */
};

static np_err *stage_end(struct splitter *s, bool last)
{
	if (!s->words.len) {
		if (last && !s->stages.len)
			return NULL;
		return np_err_new(NP_EUSAGE, "a stage of the pipe is empty");
	}
	struct np_words w = {.count = s->words.len};
	np_vec_push(&s->words, NULL);
	w.words = np_arena_memdup(s->arena, s->words.data, s->words.len * sizeof(char *));
	s->words.len = 0;
	np_vec_push(&s->stages, w);
	return NULL;
}

static np_err *pipeline_end(struct splitter *s)
{
	NP_TRY(stage_end(s, true));
	if (s->stages.len) {
		struct np_pipeline p = s->open;
		p.count = s->stages.len;
		p.stages = np_arena_memdup(s->arena, s->stages.data, s->stages.len * sizeof(*s->stages.data));
		np_vec_push(&s->pipelines, p);
	} else if (s->open.file || s->open.program) {
		return np_err_new(NP_EUSAGE, "nothing to write: a command is missing before the redirection");
	}
	s->stages.len = 0;
	s->open = (struct np_pipeline){0};
	return NULL;
}

/* One word, quotes removed; brackets keep a member path such as [“a|b”] together. */
static np_err *word_read(struct splitter *s, char **ret)
{
	struct np_buf buf = {0};
	char quote = 0;
	int bracket = 0;
	const char *start = s->at;
	for (; *s->at; s->at++) {
		char c = *s->at;
		if (quote) {
			if (c == quote) {
				quote = 0;
				if (!bracket)
					continue;
			}
			if (c == '\\' && quote == '"' && s->at[1] && !bracket)
				c = *++s->at;
			np_buf_putc(&buf, c);
			continue;
		}
		if (c == '"' || c == '\'') {
			quote = c;
			if (bracket)
				np_buf_putc(&buf, c);
			continue;
		}
		if (!bracket && strchr(" \t\r\n;|>!", c))
			break;
		if (c == '\\' && s->at[1] && !bracket)
			c = *++s->at;
		bracket += c == '[' ? 1 : c == ']' && bracket ? -1 : 0;
		np_buf_putc(&buf, c);
	}
	*ret = np_arena_strndup(s->arena, np_buf_str(&buf), buf.len);
	np_buf_deinit(&buf);
	if (quote)
		return np_err_new(NP_EUSAGE, "the quote in `%s` is not closed", start);
	return NULL;
}

static np_err *redirect_read(struct splitter *s)
{
	char *word;
	s->open.append = s->at[1] == '>';
	s->at += s->open.append ? 2 : 1;
	s->at += strspn(s->at, " \t");
	NP_TRY(word_read(s, &word));
	if (!*word)
		return np_err_new(NP_EUSAGE, "a file name is missing after >");
	s->open.file = word;
	return NULL;
}

static np_err *split(struct splitter *s)
{
	while (*s->at) {
		char *word;
		switch (*s->at) {
		case ' ':
		case '\t':
		case '\r':
			s->at++;
			break;
		case '#':
			s->at += strcspn(s->at, "\n");
			break;
		case ';':
		case '\n':
			s->at++;
			NP_TRY(pipeline_end(s));
			break;
		case '|':
			s->at++;
			NP_TRY(stage_end(s, false));
			break;
		case '>':
			NP_TRY(redirect_read(s));
			break;
		case '!': { /* the rest of the line belongs to the shell */
			size_t n = strcspn(s->at, "\n");
			s->open.program = np_arena_strndup(s->arena, s->at + 1, n - 1);
			s->at += n;
			break;
		}
		default:
			NP_TRY(word_read(s, &word));
			np_vec_push(&s->words, word);
		}
	}
	return pipeline_end(s);
}

np_err *np_words_split(const char *line, np_arena *arena, struct np_pipelines *ret)
{
	struct splitter s = {.arena = arena, .at = line};
	np_err *err = split(&s);
	if (!err) {
		ret->count = s.pipelines.len;
		ret->data = np_arena_memdup(arena, s.pipelines.data, s.pipelines.len * sizeof(*s.pipelines.data));
	}
	np_vec_deinit(&s.pipelines);
	np_vec_deinit(&s.stages);
	np_vec_deinit(&s.words);
	return err;
}
