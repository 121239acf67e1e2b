/*
 * The command table.  A command is one file with one constant of this type;
 * the command line, the shell, help, man pages and completions are derived
 * from it.  cmd/table.c lists them.
 */
#ifndef NP_CMD_CMD_H
#define NP_CMD_CMD_H

#include "base/arena.h"
#include "base/err.h"
#include "out/out.h"

struct np_session; /* an open target with its layout and V8, see cmd/session.h */

enum np_option_type { NP_OPT_FLAG, NP_OPT_STRING, NP_OPT_INT, NP_OPT_FILE, NP_OPT_CHOICE };

struct np_option {
	const char *name;  /* long name without dashes */
	char letter;	   /* 0 none */
	enum np_option_type type;
	const char *arg;   /* metavariable, NULL for flags */
	const char *choices; /* NP_OPT_CHOICE: "auto|always|never" */
	const char *help;
};

enum {
	NP_NEEDS_TARGET = 1, /* first positional is TARGET; it is open in inv->session */
	NP_NEEDS_V8 = 2,     /* layout resolved and V8 readers ready */
	NP_NEEDS_STOP = 4,   /* a live target is stopped while run() runs */
	NP_NEEDS_COPY = 8,   /* run() sees a copy of a live target's memory, which has gone on */
	NP_OPENS_TARGET = 32, /* run() opens TARGET itself: it may be something else than a process or a core */
	NP_OWNS_OUTPUT = 16, /* run() writes the file that --output names; the answer goes where it goes without one */
};

struct np_example {
	const char *command; /* "nopsy stack 4242 --args" */
	const char *does;
};

struct np_invocation {
	const struct np_command *command;
	struct np_session *session; /* NULL without NP_NEEDS_TARGET; of NP_OPENS_TARGET: NULL but in a shell */
	const char *target;	    /* NP_OPENS_TARGET: the word; NULL in a shell */
	np_arena *arena;	    /* lives for this command */
	np_node *result;	    /* set by run() */
	char **args;		    /* positionals after TARGET */
	size_t arg_count;
	bool partial;		    /* exit status 3 */
	bool in_shell;
	struct np_parsed_options *options;
	const struct np_globals *globals; /* options of every command, see cmd/args.h */
	struct np_notes *notes;		  /* of np_partial() */
	int exit_status; /* set by a command that runs others; 0: as usual */
	FILE *out; /* where the result will go; for commands that run others. Not to be written to while a target is stopped */
};

struct np_args;

struct np_command {
	const char *name;
	const char *group;     /* "Look at one moment", "Files and filters", "General"; NULL: works, but is not advertised */
	const char *arguments; /* "ADDR...", "" none; after TARGET */
	size_t min_args, max_args; /* positionals after TARGET; SIZE_MAX unlimited */
	unsigned needs;
	const char *summary;   /* one line */
	const char *help;      /* paragraphs, a blank line between; indented lines stay as they are */
	const struct np_option *options; /* ends with name == NULL; NULL none */
	const struct np_example *examples; /* ends with command == NULL */
	np_err *(*run)(struct np_invocation *inv);
	bool (*owns_output)(const struct np_args *args); /* is it as with NP_OWNS_OUTPUT, this time? NULL: no */
};

extern const struct np_command *const np_commands[]; /* ends with NULL */
const struct np_command *np_command_by_name(const char *name);

/* Option values; names must be in the command's table. */
bool np_opt_flag(const struct np_invocation *inv, const char *name);
const char *np_opt_str(const struct np_invocation *inv, const char *name); /* NULL: not given */
/* Of an option that may be given several times: the i-th value, NULL when there are no more. */
const char *np_opt_nth(const struct np_invocation *inv, const char *name, size_t i);
bool np_opt_int(const struct np_invocation *inv, const char *name, int64_t *ret);

/*
 * Says on standard error what could not be read, and makes the exit status 3.
 * The words come out after the answer: a stopped target does not wait for a
 * terminal.
 */
void np_partial(struct np_invocation *inv, const char *fmt, ...) NP_PRINTF(2, 3);

#endif
