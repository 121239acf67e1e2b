/* Completions for bash, zsh and fish. */
#include <string.h>

#include "cmd/generate.h"

/* The words that may stand for a target: running nodes, and files. */
#define NODE_PIDS "pgrep -x 'node|nodejs|node-MainThread|MainThread' 2>/dev/null"

static void put_option_names(struct np_buf *buf, const struct np_option *options)
{
	for (; options && options->name; options++)
		np_buf_printf(buf, " --%s", options->name);
}

static bool is_file(const struct np_option *option)
{
	return option->type == NP_OPT_FILE;
}

/* `--output|-o|` of all options that want(). */
static void put_bash_cases(struct np_buf *buf, const struct np_option *options, bool files)
{
	for (; options && options->name; options++) {
		if (files ? !is_file(options) : (options->type != NP_OPT_STRING && options->type != NP_OPT_INT))
			continue;
		np_buf_printf(buf, "|--%s", options->name);
		if (options->letter)
			np_buf_printf(buf, "|-%c", options->letter);
	}
}

static void put_bash_choices(struct np_buf *buf, const char *command, const struct np_option *options)
{
	for (; options && options->name; options++) {
		if (options->type != NP_OPT_CHOICE)
			continue;
		np_buf_printf(buf, "\t%s:--%s", command, options->name);
		if (options->letter)
			np_buf_printf(buf, "|%s:-%c", command, options->letter);
		np_buf_puts(buf, ") COMPREPLY=($(compgen -W '");
		for (const char *c = options->choices; *c; c++)
			np_buf_putc(buf, *c == '|' ? ' ' : *c);
		np_buf_puts(buf, "' -- \"$cur\")); return ;;\n");
	}
}

static void put_bash_valued(struct np_buf *buf, const char *command, const struct np_option *options)
{
	for (; options && options->name; options++) {
		if (options->type == NP_OPT_FLAG)
			continue;
		np_buf_printf(buf, "|%s:--%s", command, options->name);
		if (options->letter)
			np_buf_printf(buf, "|%s:-%c", command, options->letter);
	}
}

static void put_names(struct np_buf *buf, np_table table)
{
	bool first = true;
	for (; *table; table++) {
		if (np_command_is_hidden(*table))
			continue;
		np_buf_printf(buf, first ? "%s" : " %s", (*table)->name);
		first = false;
	}
}

void np_completion_bash_put(struct np_buf *buf, np_table table)
{
	np_buf_puts(buf, "# bash completion for nopsy, made from the command table by `nopsy generate bash`\n"
			 "_nopsy()\n{\n"
			 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command= words=0 i\n"
			 "\t# bash splits --name=value at the sign\n"
			 "\tif [[ $cur == = ]]; then cur=; prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			 "\telif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
			 "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			 "\t\tcase $command:${COMP_WORDS[i]} in\n\t\t''");
	/* the word after these is a value */
	put_bash_valued(buf, "*", np_global_options);
	for (np_table c = table; *c; c++)
		put_bash_valued(buf, (*c)->name, (*c)->options);
	np_buf_puts(buf, ") ((i++)); [[ ${COMP_WORDS[i]} == = ]] && ((i++)) ;;\n"
			 "\t\t*:-*) ;;\n"
			 "\t\t*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else ((words++)); fi ;;\n"
			 "\t\tesac\n\tdone\n"
			 "\tcase $prev in\n\t''");
	put_bash_cases(buf, np_global_options, true);
	for (np_table c = table; *c; c++)
		put_bash_cases(buf, (*c)->options, true);
	np_buf_puts(buf, ") compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\t'='");
	for (np_table c = table; *c; c++)
		put_bash_cases(buf, (*c)->options, false);
	np_buf_puts(buf, ") return ;;\n\tesac\n\tcase $command:$prev in\n");
	put_bash_choices(buf, "*", np_global_options);
	for (np_table c = table; *c; c++)
		put_bash_choices(buf, (*c)->name, (*c)->options);
	np_buf_puts(buf, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tlocal options='");
	const struct np_option *all = np_global_options;
	np_buf_puts(buf, "--exe");
	put_option_names(buf, all + 1);
	np_buf_puts(buf, "'\n\t\tcase $command in\n");
	for (np_table c = table; *c; c++) {
		if (!(*c)->options || !(*c)->options->name || np_command_is_hidden(*c))
			continue;
		np_buf_printf(buf, "\t\t%s) options+='", (*c)->name);
		put_option_names(buf, (*c)->options);
		np_buf_puts(buf, "' ;;\n");
	}
	np_buf_puts(buf, "\t\tesac\n\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
			 "\telif [[ -z $command ]]; then\n\t\tCOMPREPLY=($(compgen -W '");
	put_names(buf, table);
	np_buf_puts(buf, "' -- \"$cur\"))\n\telif [[ $command == help ]]; then\n\t\tCOMPREPLY=($(compgen -W '");
	put_names(buf, table);
	np_buf_puts(buf, "' -- \"$cur\"))\n\telif ((words == 0)); then\n\t\tcompopt -o filenames\n"
			 "\t\tCOMPREPLY=($(compgen -W \"$(" NODE_PIDS ")\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
			 "\tfi\n}\ncomplete -F _nopsy nopsy\n");
}

/* Inside of '...' of a shell, and inside of [...] of zsh's _arguments. */
static void put_quoted(struct np_buf *buf, const char *s, const char *escape)
{
	for (; *s; s++) {
		if (*s == '\'')
			np_buf_puts(buf, "'\\''");
		else if (strchr(escape, *s))
			np_buf_printf(buf, "\\%c", *s);
		else
			np_buf_putc(buf, *s);
	}
}

static void put_zsh_action(struct np_buf *buf, const struct np_option *option)
{
	if (option->type == NP_OPT_FLAG)
		return;
	np_buf_puts(buf, ":");
	put_quoted(buf, option->arg, ":[]\\");
	np_buf_puts(buf, ":");
	if (is_file(option))
		np_buf_puts(buf, "_files");
	if (option->type == NP_OPT_CHOICE) {
		np_buf_putc(buf, '(');
		for (const char *c = option->choices; *c; c++)
			np_buf_putc(buf, *c == '|' ? ' ' : *c);
		np_buf_putc(buf, ')');
	}
}

static void put_zsh_options(struct np_buf *buf, const struct np_option *options)
{
	for (; options && options->name; options++) {
		bool value = options->type != NP_OPT_FLAG;
		if (options->letter) {
			np_buf_printf(buf, " \\\n\t\t'-%c%s[", options->letter, value ? "+" : "");
			put_quoted(buf, options->help, ":[]\\");
			np_buf_puts(buf, "]");
			put_zsh_action(buf, options);
			np_buf_puts(buf, "'");
		}
		np_buf_printf(buf, " \\\n\t\t'--%s%s[", options->name, value ? "=" : "");
		put_quoted(buf, options->help, ":[]\\");
		np_buf_puts(buf, "]");
		put_zsh_action(buf, options);
		np_buf_puts(buf, "'");
	}
}

void np_completion_zsh_put(struct np_buf *buf, np_table table)
{
	np_buf_puts(buf, "#compdef nopsy\n# made from the command table by `nopsy generate zsh`\n\n"
			 "_nopsy_commands() {\n\tlocal -a commands=(");
	for (np_table c = table; *c; c++) {
		if (np_command_is_hidden(*c))
			continue;
		np_buf_printf(buf, "\n\t\t'%s:", (*c)->name);
		put_quoted(buf, (*c)->summary, ":\\");
		np_buf_puts(buf, "'");
	}
	np_buf_puts(buf, "\n\t)\n\t_describe -t commands command commands\n}\n\n"
			 "_nopsy_target() {\n\tlocal -a pids=(${(f)\"$(" NODE_PIDS ")\"})\n"
			 "\t_alternative \"pids:process:compadd -a pids\" 'files:core:_files'\n}\n\n"
			 "_nopsy() {\n\tlocal curcontext=$curcontext state line\n\tlocal -A opt_args\n"
			 "\tlocal -a every=(");
	put_zsh_options(buf, np_global_options);
	np_buf_puts(buf, ")\n\t_arguments -C $every '1:command:_nopsy_commands' '*::argument:->rest'\n"
			 "\t[[ $state == rest ]] || return\n\tcase $line[1] in\n");
	for (np_table c = table; *c; c++) {
		if (np_command_is_hidden(*c))
			continue;
		np_buf_printf(buf, "\t%s)\n\t\t_arguments $every", (*c)->name);
		put_zsh_options(buf, (*c)->options);
		if (!strcmp((*c)->name, "help"))
			np_buf_puts(buf, " '1:command:_nopsy_commands'");
		if ((*c)->needs & NP_NEEDS_TARGET)
			np_buf_puts(buf, " '1:target:_nopsy_target' '*:argument:'");
		np_buf_puts(buf, " ;;\n");
	}
	np_buf_puts(buf, "\tesac\n}\n\n_nopsy \"$@\"\n");
}

static void put_fish_options(struct np_buf *buf, const char *condition, const struct np_option *options)
{
	for (; options && options->name; options++) {
		np_buf_printf(buf, "complete -c nopsy%s -l %s", condition, options->name);
		if (options->letter)
			np_buf_printf(buf, " -s %c", options->letter);
		if (is_file(options))
			np_buf_puts(buf, " -r -F");
		else if (options->type != NP_OPT_FLAG)
			np_buf_puts(buf, " -x");
		if (options->type == NP_OPT_CHOICE) {
			np_buf_puts(buf, " -a '");
			for (const char *c = options->choices; *c; c++)
				np_buf_putc(buf, *c == '|' ? ' ' : *c);
			np_buf_puts(buf, "'");
		}
		np_buf_puts(buf, " -d '");
		for (const char *c = options->help; *c; c++)
			np_buf_printf(buf, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
		np_buf_puts(buf, "'\n");
	}
}

void np_completion_fish_put(struct np_buf *buf, np_table table)
{
	np_buf_puts(buf, "# fish completion for nopsy, made from the command table by `nopsy generate fish`\n");
	put_fish_options(buf, "", np_global_options);
	struct np_buf condition = {0};
	for (np_table c = table; *c; c++) {
		if (np_command_is_hidden(*c))
			continue;
		np_buf_printf(buf, "complete -c nopsy -f -n __fish_use_subcommand -a %s -d '", (*c)->name);
		for (const char *s = (*c)->summary; *s; s++)
			np_buf_printf(buf, *s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
		np_buf_puts(buf, "'\n");
		np_buf_clear(&condition);
		np_buf_printf(&condition, " -n '__fish_seen_subcommand_from %s'", (*c)->name);
		put_fish_options(buf, condition.data, (*c)->options);
		if ((*c)->needs & NP_NEEDS_TARGET)
			np_buf_printf(buf, "complete -c nopsy%s -a '(pgrep -x node)' -d process\n", condition.data);
	}
	np_buf_puts(buf, "complete -c nopsy -f -n '__fish_seen_subcommand_from help' -a '");
	put_names(buf, table);
	np_buf_puts(buf, "'\n");
	np_buf_deinit(&condition);
}
