/* nopsy generate KIND [DIR]: what the build makes from the command table.  Hidden: not for users. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/generate.h"
#include "cmd/help.h"

static np_err *page_write(const char *path, const struct np_buf *page)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return np_err_sys(NP_EIO, "creating %s", path);
	fwrite(page->data, 1, page->len, f);
	bool failed = ferror(f);
	if (fclose(f) || failed)
		return np_err_sys(NP_EIO, "writing %s", path);
	return NULL;
}

static np_err *man_write(np_arena *arena, const char *dir)
{
	struct np_buf page = {0};
	if (mkdir(dir, 0777) && errno != EEXIST)
		return np_err_sys(NP_EIO, "creating %s", dir);
	np_man_overview_put(&page, np_commands);
	np_err *err = page_write(np_arena_printf(arena, "%s/nopsy.1", dir), &page);
	for (np_table c = np_commands; *c && !err; c++) {
		if (np_command_is_hidden(*c))
			continue;
		np_buf_clear(&page);
		np_man_command_put(&page, *c);
		err = page_write(np_arena_printf(arena, "%s/nopsy-%s.1", dir, (*c)->name), &page);
	}
	np_buf_deinit(&page);
	return err;
}

static np_err *generate_run(struct np_invocation *inv)
{
	static const struct {
		const char *kind;
		void (*put)(struct np_buf *buf, np_table table);
	} kinds[] = {
		{"bash", np_completion_bash_put},
		{"zsh", np_completion_zsh_put},
		{"fish", np_completion_fish_put},
		{"markdown", np_markdown_put},
	};
	if (!strcmp(inv->args[0], "man")) {
		if (inv->arg_count < 2)
			return np_err_new(NP_EUSAGE, "man wants the directory to write the pages to");
		return man_write(inv->arena, inv->args[1]);
	}
	for (size_t i = 0; i < NP_ARRAY_LEN(kinds); i++) {
		if (strcmp(inv->args[0], kinds[i].kind))
			continue;
		struct np_buf text = {0};
		kinds[i].put(&text, np_commands);
		inv->result = np_help_text(inv->arena, np_buf_str(&text));
		np_buf_deinit(&text);
		return NULL;
	}
	return np_err_new(NP_EUSAGE, "'%s' is not one of man, bash, zsh, fish, markdown", inv->args[0]);
}

const struct np_command np_cmd_generate = {
	.name = "generate",
	.group = NULL,
	.arguments = "man DIR | bash | zsh | fish | markdown",
	.min_args = 1,
	.max_args = 2,
	.summary = "manual pages, completions and documentation from the command table",
	.help = "Writes the manual pages into DIR, or one of the others to standard output.",
	.run = generate_run,
};
