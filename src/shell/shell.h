/*
 * The shell: every command on one open target.
 *
 * A line is commands separated by `;`.  A command is stages joined by `|`; the
 * addresses that a stage finds are the arguments of the next.  Its output may
 * go to a file (`> FILE`, `>> FILE`) or a program (`! COMMAND`).  A stage is a
 * command of the table without its TARGET, or one of mdb's names:
 * `[ADDR]::dcmd [arguments]` (shell/alias.h).
 */
#ifndef NP_SHELL_SHELL_H
#define NP_SHELL_SHELL_H

#include "cmd/execute.h"

struct np_shell {
	struct np_session *session;
	const struct np_globals *defaults;
	const char *prompt;
	FILE *out; /* where answers go unless redirected; NULL: standard output */
	const struct np_command *const *table; /* np_shell_table() */
};

/* Runs one line; returns the exit status of the first command in it that failed, else 0. *quit is set by quit. */
int np_shell_line(struct np_shell *shell, const char *line, bool *quit);
/* Reads lines from standard input until its end or quit: with editing and history on a terminal. */
int np_shell_run(struct np_shell *shell);

/* Commands that exist in the shell only: walkers and the like; ends with NULL. */
extern const struct np_command *const np_shell_commands[];
extern const struct np_command np_shell_help;
/* The command table and the shell's own, as one, ends with NULL. */
const struct np_command *const *np_shell_table(np_arena *arena);

#endif
