/* docs/COMMANDS.md: the command table as a page. */
#include <string.h>

#include "cmd/generate.h"
#include "cmd/help.h"

static void put_cell(struct np_buf *buf, const char *s)
{
	for (; *s; s++) {
		if (*s == '|' || *s == '<')
			np_buf_putc(buf, '\\');
		np_buf_putc(buf, *s);
	}
}

static void put_options(struct np_buf *buf, const struct np_option *options)
{
	struct np_buf name = {0};
	np_buf_puts(buf, "| option | |\n|---|---|\n");
	for (; options->name; options++) {
		np_buf_clear(&name);
		np_option_put(&name, options);
		np_buf_printf(buf, "| `%s` | ", name.data);
		put_cell(buf, options->help ? options->help : "");
		if (options->choices) {
			np_buf_puts(buf, " (");
			put_cell(buf, options->choices);
			np_buf_puts(buf, ")");
		}
		np_buf_puts(buf, " |\n");
	}
	np_buf_putc(buf, '\n');
	np_buf_deinit(&name);
}

static void put_paragraphs(struct np_buf *buf, const char *text)
{
	enum np_paragraph_kind kind;
	const char *s;
	size_t n;
	while (text && (kind = np_paragraph_next(&text, &s, &n)) != NP_PARAGRAPH_END) {
		if (kind == NP_PARAGRAPH_VERBATIM)
			np_buf_puts(buf, "```\n");
		np_buf_add(buf, s, n);
		np_buf_puts(buf, kind == NP_PARAGRAPH_VERBATIM ? "\n```\n\n" : "\n\n");
	}
}

void np_markdown_put(struct np_buf *buf, np_table table)
{
	np_buf_puts(buf, "# Commands\n\nMade from the command table by `nopsy generate markdown`.\n\n"
			 "    nopsy COMMAND [OPTIONS] TARGET [ARGUMENTS]\n\n"
			 "TARGET is a process id, or the path of a core (plain, zstd, lz4, gzip).\n\n"
			 "## For every command\n\n");
	put_options(buf, np_global_options);
	np_buf_puts(buf, "Exit status: 0 done, 1 failed, 2 usage, 3 answered in part.\n\n");
	for (; *table; table++) {
		const struct np_command *c = *table;
		if (np_command_is_hidden(c))
			continue;
		np_buf_printf(buf, "## %s\n\n    ", c->name);
		np_synopsis_put(buf, c);
		np_buf_puts(buf, "\n\n");
		put_paragraphs(buf, c->help && *c->help ? c->help : c->summary);
		if (c->options && c->options->name)
			put_options(buf, c->options);
		for (const struct np_example *e = c->examples; e && e->command; e++)
			np_buf_printf(buf, "- `%s`: %s\n", e->command, e->does);
		np_buf_putc(buf, '\n');
	}
}
