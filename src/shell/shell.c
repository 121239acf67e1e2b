/* Lines, pipelines, redirections. */
#include "shell/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell/alias.h"
#include "shell/pipe.h"
#include "shell/words.h"

enum { PIPE_ADDRESSES_MAX = 1 << 20 };

struct run {
	struct np_shell *shell;
	np_arena *arena;
	FILE *out; /* NULL: the terminal */
	int status;
	bool quit;
};

static int complain(np_err *err)
{
	int status = np_err_code(err) == NP_EUSAGE ? NP_EXIT_USAGE : NP_EXIT_FAILED;
	fprintf(stderr, "nopsy: %s\n", np_err_message(err));
	np_err_free(err);
	return status;
}

static struct np_execute execution(struct run *r)
{
	return (struct np_execute){.table = r->shell->table,
				   .session = r->shell->session,
				   .defaults = r->shell->defaults,
				   .out = r->out ? r->out : r->shell->out,
				   .in_shell = true};
}

static void note_status(struct run *r, int status)
{
	if (!r->status)
		r->status = status;
}

/* The stage with an address from the pipe in its place. */
static np_err *with_address(const struct np_words *stage, np_addr addr, np_arena *arena, struct np_words *ret)
{
	char *text = np_arena_printf(arena, "0x%llx", (unsigned long long)addr);
	struct np_words w = {.words = NP_NEW_ARRAY(arena, char *, stage->count + 2), .count = stage->count};
	memcpy(w.words, stage->words, stage->count * sizeof(char *));
	const char *colons = strstr(w.words[0], "::");
	if (colons) {
		w.words[0] = np_arena_printf(arena, "%s%s", text, colons);
		return np_alias_expand(&w, arena, ret);
	}
	w.words[w.count++] = text;
	*ret = w;
	return NULL;
}

/* Runs a stage that is not the last: its addresses go to out. */
static np_err *stage_collect(struct run *r, const struct np_words *stage, np_addr_vec *out)
{
	struct np_execute x = execution(r);
	struct np_args args;
	struct np_answer answer = {0};
	NP_TRY(np_args_parse(x.table, r->arena, (int)stage->count, stage->words, true, x.defaults, &args));
	NP_TRY(np_cmd_answer(&x, &args, r->arena, &answer));
	np_notes_print(&args, NULL, answer.notes);
	if (answer.partial)
		note_status(r, NP_EXIT_PARTIAL);
	np_pipe_addresses(answer.result, out);
	return NULL;
}

static bool takes_many(const struct np_shell *shell, const struct np_words *stage)
{
	const struct np_command *c = np_table_find(shell->table, stage->words[0]);
	return c && c->max_args == SIZE_MAX && !strstr(stage->words[0], "::");
}

/* All addresses as arguments of one run. */
static struct np_words with_all(const struct np_words *stage, const np_addr_vec *in, np_arena *arena)
{
	struct np_words w = {.words = NP_NEW_ARRAY(arena, char *, stage->count + in->len + 1), .count = stage->count};
	memcpy(w.words, stage->words, stage->count * sizeof(char *));
	for (size_t i = 0; i < in->len; i++)
		w.words[w.count++] = np_arena_printf(arena, "0x%llx", (unsigned long long)in->data[i]);
	return w;
}

static void execute(struct run *r, const struct np_words *stage)
{
	struct np_execute x = execution(r);
	if (strcmp(stage->words[0], "quit") == 0 || strcmp(stage->words[0], "exit") == 0) {
		r->quit = true;
		return;
	}
	note_status(r, np_cmd_execute(&x, (int)stage->count, stage->words));
}

static np_err *stage_run(struct run *r, const struct np_words *stage, bool last, np_addr_vec *out)
{
	if (!last)
		return stage_collect(r, stage, out);
	execute(r, stage);
	return NULL;
}

static np_err *stages_run(struct run *r, const struct np_pipeline *p)
{
	np_addr_vec in = {0};
	np_err *err = NULL;
	for (size_t i = 0; i < p->count && !err; i++) {
		bool last = i + 1 == p->count;
		np_addr_vec out = {0};
		struct np_words words;
		if (i == 0) {
			err = np_alias_expand(&p->stages[0], r->arena, &words);
			if (!err)
				err = stage_run(r, &words, last, &out);
		} else if (in.len > PIPE_ADDRESSES_MAX) {
			err = np_err_new(NP_ELIMIT, "the pipe carries too many addresses (%zu)", in.len);
		} else if (in.len && takes_many(r->shell, &p->stages[i])) {
			words = with_all(&p->stages[i], &in, r->arena);
			err = stage_run(r, &words, last, &out);
		} else {
			for (size_t k = 0; k < in.len && !err && !r->quit; k++) {
				err = with_address(&p->stages[i], in.data[k], r->arena, &words);
				if (!err)
					err = stage_run(r, &words, last, &out);
			}
		}
		np_vec_deinit(&in);
		in = out;
	}
	np_vec_deinit(&in);
	return err;
}

static np_err *output_open(const struct np_pipeline *p, FILE **ret)
{
	if (p->program) {
		*ret = popen(p->program, "w");
		return *ret ? NULL : np_err_sys(NP_EIO, "starting `%s`", p->program);
	}
	if (!p->file)
		return NULL;
	int fd = open(p->file, O_WRONLY | O_CREAT | O_CLOEXEC | (p->append ? O_APPEND : O_TRUNC), 0600);
	if (fd < 0 || !(*ret = fdopen(fd, p->append ? "a" : "w"))) {
		np_err *err = np_err_sys(NP_EIO, "opening %s", p->file);
		if (fd >= 0)
			close(fd);
		return err;
	}
	return NULL;
}

static void pipeline_run(struct run *r, const struct np_pipeline *p)
{
	np_err *err = output_open(p, &r->out);
	if (!err)
		err = stages_run(r, p);
	if (err)
		note_status(r, complain(err));
	if (!r->out)
		return;
	if (p->program)
		pclose(r->out);
	else if (fclose(r->out) != 0)
		note_status(r, complain(np_err_sys(NP_EIO, "writing %s", p->file)));
	r->out = NULL;
}

int np_shell_line(struct np_shell *shell, const char *line, bool *quit)
{
	struct run r = {.shell = shell, .arena = np_arena_create()};
	struct np_pipelines lines = {0};
	np_err *err = np_words_split(line, r.arena, &lines);
	if (err)
		r.status = complain(err);
	for (size_t i = 0; i < lines.count && !r.quit; i++)
		pipeline_run(&r, &lines.data[i]);
	*quit = r.quit;
	np_arena_destroy(r.arena);
	return r.status;
}
