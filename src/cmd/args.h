/*
 * One command line, taken apart: options of every command, the command, its
 * own options, TARGET and arguments.  Options may stand anywhere, `--` ends
 * them; a letter may be combined with others (-qv) and may be followed by its
 * value at once (-oFILE).  The command line and the shell share this.
 */
#ifndef NP_CMD_ARGS_H
#define NP_CMD_ARGS_H

#include "cmd/cmd.h"

enum np_color { NP_COLOR_AUTO, NP_COLOR_ALWAYS, NP_COLOR_NEVER };

/* What --exe, --json, ... said; the strings are those of the command line. */
struct np_globals {
	const char *exe, *sysroot, *output, *isolate; /* NULL: not given */
	bool json, redact, quiet, cache;
	int verbose; /* how often it was given */
	enum np_color color;
	bool help, version;
};

/* --exe to --version; ends with name == NULL. */
extern const struct np_option np_global_options[];

struct np_args {
	const struct np_command *command; /* NULL: none was named */
	struct np_globals globals;
	bool in_shell;	    /* the session is open: no command has a TARGET */
	const char *target; /* NULL: the command takes none, or the session is open */
	char **args;	    /* after TARGET */
	size_t arg_count;
	struct np_parsed_options *options;
};

/*
 * argv begins with the first word after the program's name.  With have_target
 * (in a shell) the command's TARGET is implied.  defaults may be NULL.
 *
 * NP_EUSAGE for everything that is wrong with the words.  ret->command and
 * ret->globals are then set as far as they were understood, for a usage line.
 * The number of arguments is not checked when --help or --version was given.
 */
np_err *np_args_parse(const struct np_command *const *table, np_arena *arena, int argc, char **argv, bool have_target,
		      const struct np_globals *defaults, struct np_args *ret) NP_MUST;

const struct np_command *np_table_find(const struct np_command *const *table, const char *name);
/* Hidden commands work but are not advertised. */
static inline bool np_command_is_hidden(const struct np_command *command)
{
	return command->group == NULL;
}

/*
 * The one of n words that is most likely meant by word, or NULL when none is
 * close: few edits (swapped neighbours count once) or a beginning.
 */
const char *np_suggest(const char *word, const char *const *words, size_t n);

#endif
