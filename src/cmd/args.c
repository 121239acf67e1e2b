#include "cmd/args.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

const struct np_option np_global_options[] = {
	{"exe", 0, NP_OPT_FILE, "FILE", NULL, "the node binary, when it is not where the process or core says"},
	{"sysroot", 0, NP_OPT_FILE, "DIR", NULL, "where the files of another machine lie that a core names"},
	{"cache", 0, NP_OPT_FLAG, NULL, NULL, "keep the index of a core's heap for the next command (in ~/.cache/nopsy)"},
	{"isolate", 0, NP_OPT_STRING, "ADDR", NULL, "heap commands: of several isolates (workers) that one alone, as `info` names it"},
	{"json", 0, NP_OPT_FLAG, NULL, NULL, "answer in JSON"},
	{"output", 'o', NP_OPT_FILE, "FILE", NULL, "write the answer to FILE (readable by you alone)"},
	{"color", 0, NP_OPT_CHOICE, "WHEN", "auto|always|never",
	 "colours; auto: on a terminal, unless NO_COLOR is set"},
	{"redact", 0, NP_OPT_FLAG, NULL, NULL, "show the length and a hash of strings in place of their content"},
	{"quiet", 'q', NP_OPT_FLAG, NULL, NULL, "no warnings"},
	{"verbose", 'v', NP_OPT_FLAG, NULL, NULL, "say what is being done; twice: in detail"},
	{"help", 'h', NP_OPT_FLAG, NULL, NULL, "help on the command"},
	{"version", 0, NP_OPT_FLAG, NULL, NULL, "the version of nopsy"},
	{0},
};

struct np_parsed_options {
	struct given {
		const struct np_option *option;
		const char *value; /* NULL for flags */
		int64_t number;
	} *given;
	size_t len, cap;
};

struct parser {
	const struct np_command *const *table;
	np_arena *arena;
	struct np_args *args;
	char **words;
	int left; /* words not looked at yet */
};

const struct np_command *np_table_find(const struct np_command *const *table, const char *name)
{
	for (; *table; table++)
		if (!strcmp((*table)->name, name))
			return *table;
	return NULL;
}

static const struct np_option *option_by_name(const struct np_option *options, const char *name, size_t n)
{
	for (; options && options->name; options++)
		if (!strncmp(options->name, name, n) && options->name[n] == '\0')
			return options;
	return NULL;
}

static const struct np_option *option_by_letter(const struct np_option *options, char letter)
{
	for (; options && options->name; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

static np_err *unknown_option(const struct parser *p, const char *name)
{
	const struct np_command *command = p->args->command;
	const char *words[128];
	size_t n = 0;
	for (const struct np_option *o = command ? command->options : NULL; o && o->name && n < 100; o++)
		words[n++] = o->name;
	for (const struct np_option *o = np_global_options; o->name; o++)
		words[n++] = o->name;
	const char *near = np_suggest(name, words, n);
	if (near)
		return np_err_new(NP_EUSAGE, "no option --%s; did you mean --%s?", name, near);
	if (!command)
		return np_err_new(NP_EUSAGE, "no option --%s before the command; options of a command come after it",
				  name);
	return np_err_new(NP_EUSAGE, "no option --%s", name);
}

static np_err *check_choice(const struct np_option *option, const char *value)
{
	char list[256];
	const char *words[16];
	size_t n = 0;
	assert(strlen(option->choices) < sizeof(list));
	strcpy(list, option->choices);
	char *rest = list;
	for (char *word; n < NP_ARRAY_LEN(words) && (word = strsep(&rest, "|"));) {
		if (!strcmp(word, value))
			return NULL;
		words[n++] = word;
	}
	const char *near = np_suggest(value, words, n);
	if (near)
		return np_err_new(NP_EUSAGE, "--%s %s: did you mean %s?", option->name, value, near);
	return np_err_new(NP_EUSAGE, "--%s is one of %s, not '%s'", option->name, option->choices, value);
}

static np_err *option_take(struct parser *p, const struct np_option *option, const char *value)
{
	struct np_globals *g = &p->args->globals;
	struct given given = {.option = option, .value = value};
	if (option->type == NP_OPT_CHOICE)
		NP_TRY(check_choice(option, value));
	if (option->type == NP_OPT_INT) {
		char *end;
		errno = 0;
		given.number = strtoll(value, &end, 0);
		if (errno || end == value || *end || isspace((unsigned char)*value))
			return np_err_new(NP_EUSAGE, "--%s wants a number, not '%s'", option->name, value);
	}
	if (option >= np_global_options && option < np_global_options + NP_ARRAY_LEN(np_global_options)) {
		if (!strcmp(option->name, "exe"))
			g->exe = value;
		else if (!strcmp(option->name, "sysroot"))
			g->sysroot = value;
		else if (!strcmp(option->name, "isolate"))
			g->isolate = value;
		else if (!strcmp(option->name, "cache"))
			g->cache = true;
		else if (!strcmp(option->name, "json"))
			g->json = true;
		else if (!strcmp(option->name, "output"))
			g->output = value;
		else if (!strcmp(option->name, "color"))
			g->color = *value == 'n' ? NP_COLOR_NEVER : value[1] == 'l' ? NP_COLOR_ALWAYS : NP_COLOR_AUTO;
		else if (!strcmp(option->name, "redact"))
			g->redact = true;
		else if (!strcmp(option->name, "quiet"))
			g->quiet = true;
		else if (!strcmp(option->name, "verbose"))
			g->verbose++;
		else if (!strcmp(option->name, "help"))
			g->help = true;
		else if (!strcmp(option->name, "version"))
			g->version = true;
		return NULL;
	}
	struct np_parsed_options *o = p->args->options;
	if (o->len == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 8;
		struct given *grown = NP_NEW_ARRAY(p->arena, struct given, cap);
		if (o->len)
			memcpy(grown, o->given, o->len * sizeof(*grown));
		o->given = grown;
		o->cap = cap;
	}
	o->given[o->len++] = given;
	return NULL;
}

static bool takes_value(const struct np_option *option)
{
	return option->type != NP_OPT_FLAG;
}

/* The word after an option that wants a value. */
static np_err *next_value(struct parser *p, const struct np_option *option, const char **ret)
{
	if (p->left == 0)
		return np_err_new(NP_EUSAGE, "--%s wants %s after it", option->name, option->arg);
	p->left--;
	*ret = *p->words++;
	return NULL;
}

/* --name, --name=value, --name value */
static np_err *long_option(struct parser *p, const char *word)
{
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t n = equals ? (size_t)(equals - name) : strlen(name);
	const struct np_command *command = p->args->command;
	const struct np_option *option = command ? option_by_name(command->options, name, n) : NULL;
	if (!option)
		option = option_by_name(np_global_options, name, n);
	if (!option)
		return unknown_option(p, np_arena_strndup(p->arena, name, n));
	const char *value = equals ? equals + 1 : NULL;
	if (!takes_value(option) && equals)
		return np_err_new(NP_EUSAGE, "--%s takes no value", option->name);
	if (takes_value(option) && !equals)
		NP_TRY(next_value(p, option, &value));
	return option_take(p, option, value);
}

/* -q, -qv, -oFILE, -o FILE */
static np_err *letters(struct parser *p, const char *word)
{
	const struct np_command *command = p->args->command;
	for (const char *c = word + 1; *c; c++) {
		const struct np_option *option = command ? option_by_letter(command->options, *c) : NULL;
		if (!option)
			option = option_by_letter(np_global_options, *c);
		if (!option)
			return np_err_new(NP_EUSAGE, "no option -%c%s%s", *c, c[1] || c != word + 1 ? " in " : "",
					  c[1] || c != word + 1 ? word : "");
		if (!takes_value(option)) {
			NP_TRY(option_take(p, option, NULL));
			continue;
		}
		const char *value = c + 1;
		if (!*value)
			NP_TRY(next_value(p, option, &value));
		return option_take(p, option, value);
	}
	return NULL;
}

static np_err *command_take(struct parser *p, const char *word)
{
	p->args->command = np_table_find(p->table, word);
	if (p->args->command)
		return NULL;
	if (*word && word[strspn(word, "0123456789")] == '\0')
		return np_err_new(NP_EUSAGE, "a command comes before the process: try `nopsy stack %s`", word);
	const char *words[64];
	size_t n = 0;
	for (const struct np_command *const *c = p->table; *c && n < NP_ARRAY_LEN(words); c++)
		if (!np_command_is_hidden(*c))
			words[n++] = (*c)->name;
	const char *near = np_suggest(word, words, n);
	if (near)
		return np_err_new(NP_EUSAGE, "no command '%s'; did you mean '%s'?", word, near);
	return np_err_new(NP_EUSAGE, "no command '%s'", word);
}

static np_err *check_count(const struct np_args *args, bool have_target)
{
	const struct np_command *command = args->command;
	if ((command->needs & NP_NEEDS_TARGET) && !have_target && !args->target)
		return np_err_new(NP_EUSAGE, "TARGET is missing: a process id or the path of a core");
	if (args->arg_count < command->min_args) {
		const char *what = *command->arguments ? command->arguments : "an argument";
		return np_err_new(NP_EUSAGE, "%s is missing", what);
	}
	if (args->arg_count > command->max_args)
		return np_err_new(NP_EUSAGE, "'%s' is one argument too many", args->args[command->max_args]);
	return NULL;
}

np_err *np_args_parse(const struct np_command *const *table, np_arena *arena, int argc, char **argv, bool have_target,
		      const struct np_globals *defaults, struct np_args *ret)
{
	struct parser p = {.table = table, .arena = arena, .args = ret, .words = argv, .left = argc};
	bool options_ended = false;

	*ret = (struct np_args){.in_shell = have_target, .options = NP_NEW(arena, struct np_parsed_options)};
	if (defaults)
		ret->globals = *defaults;
	ret->args = NP_NEW_ARRAY(arena, char *, (size_t)argc + 1);
	while (p.left > 0) {
		char *word = *p.words++;
		p.left--;
		if (!options_ended && !strcmp(word, "--"))
			options_ended = true;
		else if (!options_ended && word[0] == '-' && word[1] == '-')
			NP_TRY(long_option(&p, word));
		else if (!options_ended && word[0] == '-' && word[1])
			NP_TRY(letters(&p, word));
		else if (!ret->command)
			NP_TRY(command_take(&p, word));
		else if ((ret->command->needs & NP_NEEDS_TARGET) && !have_target && !ret->target)
			ret->target = word;
		else
			ret->args[ret->arg_count++] = word;
	}
	if (ret->command && !ret->globals.help && !ret->globals.version)
		NP_TRY(check_count(ret, have_target));
	return NULL;
}

static const struct given *option_given(const struct np_invocation *inv, const char *name)
{
	assert(option_by_name(inv->command->options, name, strlen(name)));
	const struct np_parsed_options *o = inv->options;
	for (size_t i = o ? o->len : 0; i > 0; i--)
		if (!strcmp(o->given[i - 1].option->name, name))
			return &o->given[i - 1]; /* the last one counts */
	return NULL;
}

bool np_opt_flag(const struct np_invocation *inv, const char *name)
{
	return option_given(inv, name) != NULL;
}

const char *np_opt_str(const struct np_invocation *inv, const char *name)
{
	const struct given *given = option_given(inv, name);
	return given ? given->value : NULL;
}

const char *np_opt_nth(const struct np_invocation *inv, const char *name, size_t i)
{
	const struct np_parsed_options *o = inv->options;
	for (size_t at = 0; o && at < o->len; at++)
		if (!strcmp(o->given[at].option->name, name) && !i--)
			return o->given[at].value;
	return NULL;
}

bool np_opt_int(const struct np_invocation *inv, const char *name, int64_t *ret)
{
	const struct given *given = option_given(inv, name);
	if (!given)
		return false;
	*ret = given->number;
	return true;
}
