/* help, as the shell has it: TARGET is implied, and there are pipes, redirections and mdb's names. */
#include <string.h>

#include "cmd/help.h"
#include "cmd/session.h"
#include "shell/alias.h"
#include "shell/shell.h"

enum { LINE_COLUMN = 26, DCMD_COLUMN = 18 };

static const struct {
	const char *form, *means;
} forms[] = {
	{"COMMAND [OPTIONS] [ARGS]", "as on the command line, without nopsy and TARGET"},
	{"A | B", "runs B on the addresses that A found"},
	{"A > FILE, A >> FILE", "writes, or appends, the answer to a file that only you can read"},
	{"A ! PROGRAM", "hands the answer to a shell command: `stack ! less`"},
	{"A; B", "one after the other"},
	{"ADDR::dcmd [-x] [ARGS]", "mdb's names: `::jsstack -v`, `ADDR::jsprint -d 3 member`, `::walk jsframe | ::jsframe`"},
	{"# text", "a comment"},
	{"help COMMAND, help ::dcmd", "tells about one"},
	{"quit", "leaves, as the end of input does"},
};

static np_node *aliases_node(np_arena *arena)
{
	np_node *list = np_list(arena, NULL);
	for (const struct np_alias *a = np_aliases; a->dcmd; a++) {
		np_node *n = np_obj(arena, NULL);
		np_set_str(n, "dcmd", a->dcmd);
		np_set_str(n, "command", a->command);
		np_set_str(n, "help", a->help);
		np_add(list, n);
	}
	return list;
}

static np_node *overview(np_arena *arena, np_target *target)
{
	const struct np_command *const *table = np_shell_table(arena);
	struct np_buf text = {0};
	np_buf_printf(&text, "Every command looks at %s %s.%s\n\nA line\n",
		      np_target_kind(target) == NP_TARGET_CORE ? "the core" : "process", np_target_spec(target),
		      np_target_kind(target) == NP_TARGET_CORE ? "" : " It runs between commands.");
	for (size_t i = 0; i < NP_ARRAY_LEN(forms); i++)
		np_help_row_put(&text, forms[i].form, LINE_COLUMN + 2, forms[i].means);
	np_help_commands_put(&text, table);
	np_buf_puts(&text, "\nmdb's names\n");
	for (const struct np_alias *a = np_aliases; a->dcmd; a++)
		np_help_row_put(&text, np_arena_printf(arena, "::%s", a->dcmd), DCMD_COLUMN, a->help);
	np_buf_puts(&text, "\n`help COMMAND` tells more about a command.\n");
	np_node *node = np_help_text(arena, np_buf_str(&text));
	np_buf_deinit(&text);
	np_set_node(node, "commands", np_help_commands(arena, table));
	np_set_node(node, "aliases", aliases_node(arena));
	return node;
}

/* What mdb's letter becomes, from its replacement of len bytes. */
static const char *letter_text(np_arena *arena, const char *replacement, int len, bool takes_value)
{
	const char *percent = memchr(replacement, '%', (size_t)len);
	if (!len)
		return "has no effect here";
	if (*replacement == '@')
		return np_arena_printf(arena, "`%.*s` instead", len - 1, replacement + 1);
	if (percent)
		return np_arena_printf(arena, "%.*sVALUE%.*s", (int)(percent - replacement), replacement,
				       len - (int)(percent + 1 - replacement), percent + 1);
	return np_arena_printf(arena, takes_value ? "%.*s VALUE" : "%.*s", len, replacement);
}

/* "v=--args --source,d:=--depth" as rows. */
static void put_letters(struct np_buf *buf, np_arena *arena, const char *letters)
{
	for (const char *p = letters; *p;) {
		size_t n = strcspn(p, ",");
		bool takes_value = p[1] == ':';
		const char *eq = memchr(p, '=', n);
		int len = eq ? (int)(n - (size_t)(eq + 1 - p)) : 0;
		np_help_row_put(buf, np_arena_printf(arena, takes_value ? "-%c VALUE" : "-%c", *p), DCMD_COLUMN,
				letter_text(arena, eq ? eq + 1 : "", len, takes_value));
		p += n + (p[n] == ',');
	}
}

static np_node *about_alias(np_arena *arena, const struct np_alias *a)
{
	struct np_buf text = {0};
	np_buf_printf(&text, "::%s: %s\n\nis `%s`", a->dcmd, a->help, a->command);
	np_buf_puts(&text, a->members ? ", on ADDR or on members of it: `ADDR::" : ".\n");
	if (a->members)
		np_buf_printf(&text, "%s [member]...`.\n", a->dcmd);
	if (a->at)
		np_buf_printf(&text, "ADDR::%s is `%s ADDR`.\n", a->dcmd, a->at);
	if (*a->letters) {
		np_buf_puts(&text, "\nOptions\n");
		put_letters(&text, arena, a->letters);
	}
	np_buf_printf(&text, "\n`help %.*s` tells more.\n", (int)strcspn(a->command, " "), a->command);
	np_node *node = np_help_text(arena, np_buf_str(&text));
	np_buf_deinit(&text);
	np_set_str(node, "dcmd", a->dcmd);
	np_set_str(node, "command", a->command);
	np_set_str(node, "help", a->help);
	return node;
}

static np_err *run(struct np_invocation *inv)
{
	if (!inv->arg_count) {
		inv->result = overview(inv->arena, inv->session->target);
		return NULL;
	}
	const char *word = inv->args[0];
	const struct np_command *const *table = np_shell_table(inv->arena);
	const struct np_command *command = np_table_find(table, word);
	if (command) {
		inv->result = np_help_command(inv->arena, command, true);
		return NULL;
	}
	const char *dcmd = strncmp(word, "::", 2) ? word : word + 2;
	const struct np_alias *alias = np_alias_find(dcmd);
	if (!alias)
		return dcmd == word ? np_help_unknown(table, word) : np_alias_unknown(dcmd);
	inv->result = about_alias(inv->arena, alias);
	return NULL;
}

const struct np_command np_shell_help = {
	.name = "help",
	.group = "Shell",
	.arguments = "COMMAND",
	.max_args = 1,
	.needs = NP_NEEDS_TARGET,
	.summary = "what can be typed here, or about one command",
	.run = run,
};
