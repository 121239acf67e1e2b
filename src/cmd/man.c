/* Manual pages in the man macros. */
#include <string.h>

#include "cmd/generate.h"
#include "cmd/help.h"
#include "cmd/version.h"

/* Text for roff: backslashes and hyphens are meant, a dot or quote at a line's start is no macro. */
static void roff_put(struct np_buf *buf, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool line_start = buf->len == 0 || buf->data[buf->len - 1] == '\n';
		switch (s[i]) {
		case '\\':
			np_buf_puts(buf, "\\e");
			break;
		case '-':
			np_buf_puts(buf, "\\-");
			break;
		case '.':
		case '\'':
			if (line_start)
				np_buf_puts(buf, "\\&");
			np_buf_puts(buf, s[i] == '\'' ? "\\(aq" : ".");
			break;
		case '`': /* `code` becomes bold */
			for (size_t end = i + 1; end < n; end++) {
				if (s[end] != '`')
					continue;
				np_buf_puts(buf, "\\fB");
				roff_put(buf, s + i + 1, end - i - 1);
				np_buf_puts(buf, "\\fR");
				i = end;
				break;
			}
			break;
		default:
			np_buf_putc(buf, s[i]);
		}
	}
}

static void roff_puts(struct np_buf *buf, const char *s)
{
	roff_put(buf, s, strlen(s));
}

/* Running text in short lines, as source of roff should be. */
static void roff_fill(struct np_buf *buf, const char *s, size_t n)
{
	struct np_buf filled = {0};
	np_paragraph_fill(&filled, s, n, 0, 76);
	roff_put(buf, np_buf_str(&filled), filled.len);
	np_buf_deinit(&filled);
}

static void put_upper(struct np_buf *buf, const char *s)
{
	for (; *s; s++)
		np_buf_putc(buf, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
}

static void put_title(struct np_buf *buf, const char *command)
{
	np_buf_puts(buf, ".\\\" Made from the command table by `nopsy generate man`.\n.TH ");
	put_upper(buf, "nopsy");
	if (command) {
		np_buf_puts(buf, "\\-");
		put_upper(buf, command);
	}
	np_buf_puts(buf, " 1 \"\" \"nopsy " NP_VERSION "\" \"User Commands\"\n");
}

static void put_paragraphs(struct np_buf *buf, const char *text)
{
	enum np_paragraph_kind kind;
	const char *s;
	size_t n;
	bool first = true;
	while (text && (kind = np_paragraph_next(&text, &s, &n)) != NP_PARAGRAPH_END) {
		if (!first)
			np_buf_puts(buf, ".PP\n");
		first = false;
		if (kind == NP_PARAGRAPH_TEXT) {
			roff_fill(buf, s, n);
			continue;
		}
		np_buf_puts(buf, ".nf\n");
		roff_put(buf, s, n);
		np_buf_puts(buf, "\n.fi\n");
	}
}

static void put_options(struct np_buf *buf, const struct np_option *options)
{
	struct np_buf help = {0};
	for (; options && options->name; options++) {
		np_buf_puts(buf, ".TP\n");
		if (options->letter)
			np_buf_printf(buf, "\\fB\\-%c\\fR, ", options->letter);
		np_buf_puts(buf, "\\fB\\-\\-");
		roff_puts(buf, options->name);
		np_buf_puts(buf, "\\fR");
		if (options->arg) {
			np_buf_puts(buf, " \\fI");
			roff_puts(buf, options->arg);
			np_buf_puts(buf, "\\fR");
		}
		np_buf_putc(buf, '\n');
		np_buf_clear(&help);
		np_buf_puts(&help, options->help ? options->help : "");
		if (options->choices)
			np_buf_printf(&help, " (%s)", options->choices);
		roff_fill(buf, np_buf_str(&help), help.len);
	}
	np_buf_deinit(&help);
}

static void put_examples(struct np_buf *buf, const struct np_example *examples)
{
	if (!examples || !examples->command)
		return;
	np_buf_puts(buf, ".SH EXAMPLES\n");
	for (; examples->command; examples++) {
		np_buf_puts(buf, ".TP\n\\fB");
		roff_puts(buf, examples->command);
		np_buf_puts(buf, "\\fR\n");
		roff_fill(buf, examples->does, strlen(examples->does));
	}
}

static void put_status(struct np_buf *buf)
{
	static const struct {
		int status;
		const char *means;
	} statuses[] = {
		{0, "done"},
		{1, "failed; one message on standard error says what was being done, on what, and what to try"},
		{2, "the words of the command line make no sense"},
		{3, "answered in part; what could not be read is said on standard error and marked in the answer"},
	};
	np_buf_puts(buf, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < NP_ARRAY_LEN(statuses); i++) {
		np_buf_printf(buf, ".TP\n%d\n", statuses[i].status);
		roff_fill(buf, statuses[i].means, strlen(statuses[i].means));
	}
}

static void put_environment(struct np_buf *buf)
{
	static const char *const names[][2] = {
		{"NO_COLOR", "when set and not empty: no colours"},
		{"NOPSY_PAGER, PAGER", "the pager for long answers on a terminal (less); empty or cat: none"},
		{"TERM, TERM_PROGRAM, VTE_VERSION", "whether the terminal has colours and links"},
	};
	np_buf_puts(buf, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		np_buf_printf(buf, ".TP\n%s\n%s\n", names[i][0], names[i][1]);
}

void np_man_overview_put(struct np_buf *buf, np_table table)
{
	put_title(buf, NULL);
	np_buf_puts(buf, ".SH NAME\nnopsy \\- look into Node.js, alive or dead\n"
			 ".SH SYNOPSIS\n.B nopsy\n.I COMMAND\n.RI [ OPTIONS ]\n.I TARGET\n.RI [ ARGUMENTS ]\n"
			 ".SH DESCRIPTION\n");
	put_paragraphs(buf,
		       "nopsy looks inside of a Node.js process by reading its memory, or that of its core file. The "
		       "program that is looked at needs no flag, no module and no other build, and it is stopped for a "
		       "few milliseconds at most.\n\n"
		       "TARGET is a process id, or the path of a core: plain, or compressed with zstd, lz4 or gzip. "
		       "Options may stand anywhere; `--` ends them.\n\n"
		       "Text of the target never reaches the terminal as it is: control characters, escape sequences "
		       "and direction overrides are spelled out. Files that nopsy writes are readable by their owner "
		       "alone.");
	np_buf_puts(buf, ".SH COMMANDS\n");
	for (np_table c = table; *c; c++) {
		bool told = np_command_is_hidden(*c);
		for (np_table d = table; d < c && !told; d++)
			told = (*d)->group && !strcmp((*d)->group, (*c)->group);
		if (told)
			continue;
		np_buf_puts(buf, ".SS ");
		roff_puts(buf, (*c)->group);
		np_buf_putc(buf, '\n');
		for (np_table d = c; *d; d++) {
			if (np_command_is_hidden(*d) || strcmp((*d)->group, (*c)->group))
				continue;
			np_buf_puts(buf, ".TP\n\\fB");
			roff_puts(buf, (*d)->name);
			np_buf_puts(buf, "\\fR\n");
			roff_puts(buf, (*d)->summary);
			np_buf_putc(buf, '\n');
		}
	}
	np_buf_puts(buf, ".SH OPTIONS\nEvery command takes these.\n");
	put_options(buf, np_global_options);
	put_status(buf);
	put_environment(buf);
	np_buf_puts(buf, ".SH SEE ALSO\n");
	bool first = true;
	for (np_table c = table; *c; c++) {
		if (np_command_is_hidden(*c))
			continue;
		np_buf_puts(buf, first ? ".BR nopsy\\-" : ",\n.BR nopsy\\-");
		roff_puts(buf, (*c)->name);
		np_buf_puts(buf, " (1)");
		first = false;
	}
	np_buf_putc(buf, '\n');
}

void np_man_command_put(struct np_buf *buf, const struct np_command *command)
{
	put_title(buf, command->name);
	np_buf_puts(buf, ".SH NAME\nnopsy\\-");
	roff_puts(buf, command->name);
	np_buf_puts(buf, " \\- ");
	roff_puts(buf, command->summary);
	np_buf_puts(buf, "\n.SH SYNOPSIS\n");
	struct np_buf synopsis = {0};
	np_synopsis_put(&synopsis, command);
	roff_puts(buf, np_buf_str(&synopsis));
	np_buf_deinit(&synopsis);
	np_buf_puts(buf, "\n.SH DESCRIPTION\n");
	put_paragraphs(buf, command->help && *command->help ? command->help : command->summary);
	if (command->options && command->options->name) {
		np_buf_puts(buf, ".SH OPTIONS\n");
		put_options(buf, command->options);
	}
	np_buf_puts(buf, ".SS Options of every command\n");
	put_options(buf, np_global_options);
	put_examples(buf, command->examples);
	put_status(buf);
	np_buf_puts(buf, ".SH SEE ALSO\n.BR nopsy (1)\n");
}
