/*
 * Running one command line: the words, the target, the answer, the output.
 *
 *   np_cmd_execute = np_args_parse + np_cmd_answer + np_cmd_show + messages
 *
 * The command line and the shell use the whole; a shell's pipe takes the
 * answer as a tree.  Invariants:
 *   1. A live target is stopped only inside of np_cmd_answer(), and runs again
 *      when that returns, whatever it returns.
 *   2. Neither the answer nor what could not be read is written while it is stopped: a terminal may be slow.
 *   3. A failure is printed once, here.
 */
#ifndef NP_CMD_EXECUTE_H
#define NP_CMD_EXECUTE_H

#include <stdio.h>

#include "cmd/args.h"
#include "cmd/session.h"

enum { NP_EXIT_OK = 0, NP_EXIT_FAILED = 1, NP_EXIT_USAGE = 2, NP_EXIT_PARTIAL = 3 };

struct np_execute {
	const struct np_command *const *table;
	struct np_session *session;	   /* open already; NULL: TARGET is the first argument */
	const struct np_globals *defaults; /* options that hold unless the line says otherwise; may be NULL */
	FILE *out;			   /* NULL: standard output, paged when it is a terminal */
	bool in_shell;
};

struct np_answer {
	np_node *result; /* NULL: the command printed nothing or did it itself */
	bool partial;
	int exit_status; /* of a command that ran others */
	struct np_notes *notes;
};

/* Returns the exit status; messages go to standard error. */
int np_cmd_execute(const struct np_execute *x, int argc, char **argv);

/* The result lives in arena. */
np_err *np_cmd_answer(const struct np_execute *x, const struct np_args *args, np_arena *arena,
		      struct np_answer *ret) NP_MUST;
np_err *np_cmd_show(const struct np_execute *x, const struct np_globals *globals, const np_node *result) NP_MUST;

/*
 * Runs body when the readers are ready, on a core or on a copy of a live
 * target's memory, which has gone on: what NP_NEEDS_COPY is, for commands that
 * open targets themselves.
 */
np_err *np_cmd_on_copy(struct np_session *session, np_err *(*body)(void *ctx), void *ctx) NP_MUST;

/* Prints an error once, as `nopsy: stack 4242: ...`, with a hint where there is one; frees it; gives the exit status.
 */
int np_cmd_complain(const struct np_args *args, const char *target, np_err *err);
/* What could not be read, one line each. */
void np_notes_print(const struct np_args *args, const char *target, const struct np_notes *notes);

#endif
