#include "cmd/help.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 80, OPTION_COLUMN = 26, NAME_COLUMN = 14 };

static const struct np_shape shape_text = {.name = "text", .style = NP_STYLE_TEXT};

static void put_blanks(struct np_buf *buf, size_t n)
{
	while (n--)
		np_buf_putc(buf, ' ');
}

/* Length of a line of s and whether it is blank. */
static size_t line_length(const char *s, bool *ret_blank)
{
	size_t n = strcspn(s, "\n");
	*ret_blank = strspn(s, " \t") >= n;
	return n;
}

enum np_paragraph_kind np_paragraph_next(const char **text, const char **ret, size_t *ret_len)
{
	const char *s = *text;
	bool blank;
	size_t n;
	while (*s) {
		n = line_length(s, &blank);
		if (!blank)
			break;
		s += n + (s[n] == '\n');
	}
	if (!*s)
		return NP_PARAGRAPH_END;
	bool verbatim = *s == ' ' || *s == '\t';
	const char *end = s, *next = s;
	while (*next) {
		n = line_length(next, &blank);
		if (blank || (*next == ' ' || *next == '\t') != verbatim)
			break;
		end = next + n;
		next = end + (*end == '\n');
	}
	*ret = s;
	*ret_len = (size_t)(end - s);
	*text = next;
	return verbatim ? NP_PARAGRAPH_VERBATIM : NP_PARAGRAPH_TEXT;
}

void np_paragraph_fill(struct np_buf *buf, const char *s, size_t n, size_t indent, size_t width)
{
	const char *end = s + n;
	size_t column = 0;
	while (s < end) {
		while (s < end && (*s == ' ' || *s == '\n'))
			s++;
		size_t word = 0;
		while (s + word < end && s[word] != ' ' && s[word] != '\n')
			word++;
		if (!word)
			break;
		if (column && column + 1 + word > width) {
			np_buf_putc(buf, '\n');
			column = 0;
		}
		if (!column)
			put_blanks(buf, indent);
		else
			np_buf_putc(buf, ' ');
		column += (column ? 1 : indent) + word;
		np_buf_add(buf, s, word);
		s += word;
	}
	np_buf_putc(buf, '\n');
}

static void put_verbatim(struct np_buf *buf, const char *s, size_t n, size_t indent)
{
	while (n > 0) {
		const char *newline = memchr(s, '\n', n);
		size_t len = newline ? (size_t)(newline - s) : n;
		put_blanks(buf, indent);
		np_buf_add(buf, s, len);
		np_buf_putc(buf, '\n');
		len += newline != NULL;
		s += len;
		n -= len;
	}
}

static void put_paragraphs(struct np_buf *buf, const char *text, size_t indent)
{
	const char *s;
	size_t n;
	enum np_paragraph_kind kind;
	bool first = true;
	while (text && (kind = np_paragraph_next(&text, &s, &n)) != NP_PARAGRAPH_END) {
		if (!first)
			np_buf_putc(buf, '\n');
		if (kind == NP_PARAGRAPH_TEXT)
			np_paragraph_fill(buf, s, n, indent, WIDTH);
		else
			put_verbatim(buf, s, n, indent);
		first = false;
	}
}

void np_help_row_put(struct np_buf *buf, const char *left, size_t column, const char *right)
{
	size_t n = strlen(left) + 2;
	struct np_buf filled = {0};
	np_buf_printf(buf, "  %s", left);
	if (!right || !*right) {
		np_buf_putc(buf, '\n');
		return;
	}
	np_paragraph_fill(&filled, right, strlen(right), column, WIDTH);
	if (n + 2 > column)
		np_buf_putc(buf, '\n');
	else
		put_blanks(buf, column - n);
	np_buf_puts(buf, filled.data + (n + 2 > column ? 0 : column));
	np_buf_deinit(&filled);
}

static void put_synopsis(struct np_buf *buf, const struct np_command *command, bool in_shell)
{
	np_buf_printf(buf, in_shell ? "%s [OPTIONS]" : "nopsy %s [OPTIONS]", command->name);
	if (command->needs & NP_NEEDS_TARGET && !in_shell)
		np_buf_puts(buf, " TARGET");
	if (*command->arguments)
		np_buf_printf(buf, command->min_args ? " %s" : " [%s]", command->arguments);
}

void np_synopsis_put(struct np_buf *buf, const struct np_command *command)
{
	put_synopsis(buf, command, false);
}

void np_usage_put(struct np_buf *buf, const struct np_command *command, bool in_shell)
{
	const char *nopsy = in_shell ? "" : "nopsy ";
	np_buf_puts(buf, "usage: ");
	if (command && strcmp(command->name, "help")) {
		put_synopsis(buf, command, in_shell);
		np_buf_printf(buf, "\n`%shelp %s` tells more\n", nopsy, command->name);
		return;
	}
	if (command)
		np_buf_printf(buf, "%shelp [COMMAND]", nopsy);
	else
		np_buf_printf(buf, "%sCOMMAND [OPTIONS]%s [ARGUMENTS]", nopsy, in_shell ? "" : " TARGET");
	np_buf_printf(buf, "\n`%shelp` lists the commands\n", nopsy);
}

np_err *np_help_unknown(const struct np_command *const *table, const char *word)
{
	const char *words[128];
	size_t n = 0;
	for (const struct np_command *const *c = table; *c && n < NP_ARRAY_LEN(words); c++)
		if (!np_command_is_hidden(*c))
			words[n++] = (*c)->name;
	const char *near = np_suggest(word, words, n);
	return np_err_new(NP_EUSAGE, near ? "no command '%s'; did you mean '%s'?" : "no command '%s'", word, near);
}

void np_option_put(struct np_buf *buf, const struct np_option *option)
{
	if (option->letter)
		np_buf_printf(buf, "-%c, ", option->letter);
	np_buf_printf(buf, "--%s", option->name);
	if (option->arg)
		np_buf_printf(buf, " %s", option->arg);
}

static void put_options(struct np_buf *buf, const struct np_option *options)
{
	struct np_buf left = {0}, right = {0};
	for (; options && options->name; options++) {
		np_buf_clear(&left);
		np_buf_clear(&right);
		np_option_put(&left, options);
		np_buf_puts(&right, options->help ? options->help : "");
		if (options->choices)
			np_buf_printf(&right, " (%s)", options->choices);
		np_help_row_put(buf, np_buf_str(&left), OPTION_COLUMN, np_buf_str(&right));
	}
	np_buf_deinit(&left);
	np_buf_deinit(&right);
}

/* Options of every command; in a shell without those that say what to open. */
static void put_global_options(struct np_buf *buf, bool in_shell)
{
	static const char *const of_opening[] = {"exe", "sysroot", "cache", "isolate", "version"};
	struct np_option here[16] = {{0}};
	size_t n = 0;
	for (const struct np_option *o = np_global_options; o->name && n + 1 < NP_ARRAY_LEN(here); o++) {
		bool skip = false;
		for (size_t i = 0; i < NP_ARRAY_LEN(of_opening); i++)
			skip = skip || (in_shell && !strcmp(o->name, of_opening[i]));
		if (!skip)
			here[n++] = *o;
	}
	put_options(buf, here);
}

/* An example as one types it in a shell, without `nopsy` and TARGET; NULL when it makes no sense there. */
static const char *example_in_shell(const char *line, const struct np_command *command, char *buf, size_t max)
{
	size_t target = strcspn(line, " ") + 1; /* nopsy */
	target += strcspn(line + target, " ");
	if (!(command->needs & NP_NEEDS_TARGET) || !line[target] || strstr(line, " --exe ") || strstr(line, " --sysroot "))
		return NULL;
	size_t rest = target + 1 + strcspn(line + target + 1, " ");
	const char *name = line + strcspn(line, " ") + 1;
	if (line[target + 1] == '-')
		return NULL;
	snprintf(buf, max, "%.*s%s", (int)(line + target - name), name, line + rest);
	return buf;
}

static void put_examples(struct np_buf *buf, const struct np_command *command, bool in_shell)
{
	bool any = false;
	for (const struct np_example *e = command->examples; e && e->command; e++) {
		char words[256];
		const char *line = in_shell ? example_in_shell(e->command, command, words, sizeof(words)) : e->command;
		if (!line)
			continue;
		if (!any)
			np_buf_puts(buf, "\nExamples\n");
		any = true;
		np_buf_printf(buf, "  %s\n", line);
		np_paragraph_fill(buf, e->does, strlen(e->does), 6, WIDTH);
	}
}

/* Has a command before this one the same group? */
static bool group_is_told(const struct np_command *const *table, const struct np_command *const *at)
{
	for (const struct np_command *const *c = table; c < at; c++)
		if ((*c)->group && !strcmp((*c)->group, (*at)->group))
			return true;
	return false;
}

void np_help_commands_put(struct np_buf *buf, const struct np_command *const *table)
{
	for (const struct np_command *const *c = table; *c; c++) {
		if (np_command_is_hidden(*c) || group_is_told(table, c))
			continue;
		np_buf_printf(buf, "\n%s\n", (*c)->group);
		for (const struct np_command *const *d = c; *d; d++)
			if (!np_command_is_hidden(*d) && !strcmp((*d)->group, (*c)->group))
				np_help_row_put(buf, (*d)->name, NAME_COLUMN, (*d)->summary);
	}
}

void np_help_overview_put(struct np_buf *buf, const struct np_command *const *table)
{
	np_buf_puts(buf, "nopsy looks into Node.js, alive or dead: stock binaries, no flags, nothing injected.\n\n"
			 "usage: nopsy COMMAND [OPTIONS] TARGET [ARGUMENTS]\n\n"
			 "TARGET is a process id, or the path of a core file (plain, zstd, lz4, gzip).\n");
	np_help_commands_put(buf, table);
	np_buf_puts(buf, "\nFor every command\n");
	put_options(buf, np_global_options);
	np_buf_puts(buf, "\n`nopsy help COMMAND` tells more about a command.\n"
			 "Exit status: 0 done, 1 failed, 2 usage, 3 answered in part.\n");
}

np_node *np_help_text(np_arena *arena, const char *text)
{
	np_node *node = np_obj(arena, &shape_text);
	np_set_str(node, "_text", text);
	return node;
}

static np_node *options_node(np_arena *arena, const struct np_option *options)
{
	static const char *const types[] = {
		[NP_OPT_FLAG] = "flag", [NP_OPT_STRING] = "string", [NP_OPT_INT] = "int",
		[NP_OPT_FILE] = "file", [NP_OPT_CHOICE] = "choice",
	};
	np_node *list = np_list(arena, NULL);
	for (; options && options->name; options++) {
		np_node *o = np_obj(arena, NULL);
		char letter[2] = {options->letter, '\0'};
		np_set_str(o, "name", options->name);
		if (options->letter)
			np_set_str(o, "letter", letter);
		np_set_str(o, "type", types[options->type]);
		np_set_str(o, "argument", options->arg);
		np_set_str(o, "choices", options->choices);
		np_set_str(o, "help", options->help);
		np_add(list, o);
	}
	return list;
}

/* The fields that JSON shows. */
static void command_set(np_node *node, np_arena *arena, const struct np_command *command)
{
	np_set_str(node, "name", command->name);
	np_set_str(node, "group", command->group);
	np_set_bool(node, "target", command->needs & NP_NEEDS_TARGET);
	np_set_str(node, "arguments", command->arguments);
	np_set_str(node, "summary", command->summary);
	np_set_str(node, "help", command->help);
	np_set_node(node, "options", options_node(arena, command->options));
	np_node *examples = np_list(arena, NULL);
	for (const struct np_example *e = command->examples; e && e->command; e++) {
		np_node *example = np_obj(arena, NULL);
		np_set_str(example, "command", e->command);
		np_set_str(example, "does", e->does);
		np_add(examples, example);
	}
	np_set_node(node, "examples", examples);
}

np_node *np_help_commands(np_arena *arena, const struct np_command *const *table)
{
	np_node *commands = np_list(arena, NULL);
	for (; *table; table++) {
		if (np_command_is_hidden(*table))
			continue;
		np_node *command = np_obj(arena, NULL);
		command_set(command, arena, *table);
		np_add(commands, command);
	}
	return commands;
}

np_node *np_help_overview(np_arena *arena, const struct np_command *const *table)
{
	struct np_buf text = {0};
	np_help_overview_put(&text, table);
	np_node *node = np_help_text(arena, np_buf_str(&text));
	np_buf_deinit(&text);
	np_set_node(node, "commands", np_help_commands(arena, table));
	np_set_node(node, "options", options_node(arena, np_global_options));
	return node;
}

np_node *np_help_command(np_arena *arena, const struct np_command *command, bool in_shell)
{
	struct np_buf text = {0};
	np_buf_printf(&text, in_shell ? "%s: %s\n\nusage: " : "nopsy %s: %s\n\nusage: ", command->name, command->summary);
	put_synopsis(&text, command, in_shell);
	np_buf_puts(&text, "\n\n");
	if (command->help && *command->help) {
		put_paragraphs(&text, command->help, 0);
		np_buf_putc(&text, '\n');
	}
	if (command->options && command->options->name) {
		np_buf_puts(&text, "Options\n");
		put_options(&text, command->options);
		np_buf_putc(&text, '\n');
	}
	np_buf_puts(&text, "Options of every command\n");
	put_global_options(&text, in_shell);
	put_examples(&text, command, in_shell);
	np_node *node = np_help_text(arena, np_buf_str(&text));
	np_buf_deinit(&text);
	command_set(node, arena, command);
	return node;
}
