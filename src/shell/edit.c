/* Reading lines: libedit with history and completion on a terminal, plain lines elsewhere. */
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/vec.h"
#include "shell/alias.h"
#include "shell/heap_names.h"
#include "shell/shell.h"

enum { HISTORY_LINES = 2000 };

static const char *prompt_of(EditLine *el)
{
	struct np_shell *shell;
	el_get(el, EL_CLIENTDATA, &shell);
	return shell->prompt;
}

/* $XDG_STATE_HOME/nopsy/history or ~/.local/state/nopsy/history; NULL without a home. */
static char *history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct np_buf buf = {0};
	if (state && *state == '/')
		np_buf_puts(&buf, state);
	else if (home && *home == '/')
		np_buf_printf(&buf, "%s/.local/state", home);
	else
		return NULL;
	np_buf_puts(&buf, "/nopsy");
	for (char *p = buf.data + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(buf.data, 0700);
			*p = '/';
		}
	mkdir(buf.data, 0700);
	np_buf_puts(&buf, "/history");
	return buf.data;
}

typedef NP_VEC(char *) candidate_vec;

static void candidate_add(candidate_vec *out, const char *text, const char *word, size_t n)
{
	if (strncmp(text, word, n) == 0)
		np_vec_push(out, np_xstrdup(text));
}

static void option_candidates(candidate_vec *out, const struct np_shell *shell, const char *line, const char *word, size_t n)
{
	char name[64], option[96];
	size_t len = strcspn(line, " ");
	if (len >= sizeof(name))
		return;
	memcpy(name, line, len);
	name[len] = '\0';
	const struct np_command *c = np_table_find(shell->table, name);
	for (const struct np_option *o = c ? c->options : NULL; o && o->name; o++) {
		snprintf(option, sizeof(option), "--%s", o->name);
		candidate_add(out, option, word, n);
	}
	for (const struct np_option *o = np_global_options; o->name; o++) {
		snprintf(option, sizeof(option), "--%s", o->name);
		candidate_add(out, option, word, n);
	}
}

struct name_candidates {
	candidate_vec *found;
	const char *word;
	size_t len;
};

static void name_candidate(void *ctx, const char *name)
{
	struct name_candidates *c = ctx;
	candidate_add(c->found, name, c->word, c->len);
}

/* A class or property, where the word before says that one belongs here. */
static bool heap_candidates(candidate_vec *out, struct np_shell *shell, const char *start, const char *word, size_t n)
{
	static const char *const options[] = {"--class", "-c", "--property", "-p"};
	const char *end = word;
	while (end > start && end[-1] == ' ')
		end--;
	const char *before = end;
	while (before > start && before[-1] != ' ')
		before--;
	for (size_t i = 0; i < NP_ARRAY_LEN(options); i++) {
		if (strlen(options[i]) != (size_t)(end - before) || strncmp(options[i], before, (size_t)(end - before)) != 0)
			continue;
		np_shell_heap_names(shell->session, options[i], name_candidate, &(struct name_candidates){out, word, n});
		return true;
	}
	return false;
}

static unsigned char complete(EditLine *el, int ch)
{
	const LineInfo *info = el_line(el);
	struct np_shell *shell;
	el_get(el, EL_CLIENTDATA, &shell);
	const char *start = info->buffer, *word = info->cursor;
	candidate_vec found = {0};
	for (const char *p = start; p < info->cursor; p++)
		if (*p == '|' || *p == ';')
			start = p + 1;
	while (start < info->cursor && *start == ' ')
		start++;
	while (word > start && word[-1] != ' ')
		word--;
	size_t n = (size_t)(info->cursor - word);
	const char *colons = NULL;
	for (const char *p = word; p + 1 < info->cursor; p++)
		if (p[0] == ':' && p[1] == ':')
			colons = p + 2;
	if (heap_candidates(&found, shell, start, word, n)) {
		/* found, or nothing is known */
	} else if (colons) {
		n = (size_t)(info->cursor - colons);
		for (const struct np_alias *a = np_aliases; a->dcmd; a++)
			candidate_add(&found, a->dcmd, colons, n);
	} else if (word == start || (strncmp(start, "help ", 5) == 0 && *word != '-')) {
		for (const struct np_command *const *c = shell->table; *c; c++)
			candidate_add(&found, (*c)->name, word, n);
	} else if (*word == '-') {
		option_candidates(&found, shell, start, word, n);
	}
	size_t common = found.len ? strlen(found.data[0]) : 0;
	for (size_t i = 1; i < found.len; i++) {
		size_t k = 0;
		while (k < common && found.data[i][k] == found.data[0][k])
			k++;
		common = k;
	}
	unsigned char result = found.len ? CC_REFRESH : CC_ERROR;
	if (common > n) {
		char *more = strndup(found.data[0] + n, common - n);
		el_insertstr(el, more);
		free(more);
		if (found.len == 1)
			el_insertstr(el, " ");
	} else if (found.len > 1) {
		putchar('\n');
		for (size_t i = 0; i < found.len; i++)
			printf("%s  ", found.data[i]);
		putchar('\n');
		result = CC_REDISPLAY;
	}
	for (size_t i = 0; i < found.len; i++)
		free(found.data[i]);
	np_vec_deinit(&found);
	return result;
}

static int run_edited(struct np_shell *shell)
{
	HistEvent event;
	History *history_state = history_init();
	EditLine *el = el_init("nopsy", stdin, stdout, stderr);
	char *path = history_path();
	int status = 0, n;
	bool quit = false;
	const char *line;
	history(history_state, &event, H_SETSIZE, HISTORY_LINES);
	history(history_state, &event, H_SETUNIQUE, 1);
	if (path)
		history(history_state, &event, H_LOAD, path);
	el_set(el, EL_CLIENTDATA, shell);
	el_set(el, EL_PROMPT, prompt_of);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 1);
	el_set(el, EL_HIST, history, history_state);
	el_set(el, EL_ADDFN, "nopsy-complete", "complete names", complete);
	el_set(el, EL_BIND, "^I", "nopsy-complete", NULL);
	el_source(el, NULL);
	while (!quit && (line = el_gets(el, &n)) && n > 0) {
		if (line[strspn(line, " \t\n")])
			history(history_state, &event, H_ENTER, line);
		status = np_shell_line(shell, line, &quit);
	}
	if (!quit)
		putchar('\n');
	if (path) {
		mode_t mask = umask(077);
		history(history_state, &event, H_SAVE, path);
		umask(mask);
	}
	free(path);
	history_end(history_state);
	el_end(el);
	return status;
}

int np_shell_run(struct np_shell *shell)
{
	char *line = NULL;
	size_t cap = 0;
	int status = 0;
	bool quit = false;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		return run_edited(shell);
	while (!quit && getline(&line, &cap, stdin) >= 0) {
		int one = np_shell_line(shell, line, &quit);
		if (!status)
			status = one;
		fflush(stdout);
	}
	free(line);
	return status;
}
