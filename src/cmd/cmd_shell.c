/* nopsy shell: every command on one open target. */
#include <stdlib.h>
#include <string.h>

#include "cmd/session.h"
#include "shell/shell.h"

static const struct np_option options[] = {
	{"command", 'c', NP_OPT_STRING, "'COMMAND; ...'", NULL, "run these and leave"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy shell 4242", "look around in process 4242"},
	{"nopsy shell core.4242 -c 'stack --args; print 0x2f31d9c1'", "two answers from one opened core"},
	{"nopsy shell core.4242 -c '::walk jsframe | ::jsframe -v'", "mdb's names and pipes"},
	{0},
};

static np_err *run(struct np_invocation *inv)
{
	/* --json and the like hold for each command; --output is for the whole */
	struct np_globals defaults = *inv->globals;
	defaults.output = NULL;
	struct np_shell shell = {.session = inv->session, .defaults = &defaults, .prompt = "nopsy> ",
				 .table = np_shell_table(inv->arena),
				 .out = inv->globals->output ? inv->out : NULL};
	const char *script = np_opt_str(inv, "command");
	bool quit = false;
	inv->exit_status = script ? np_shell_line(&shell, script, &quit) : np_shell_run(&shell);
	return NULL;
}

const struct np_command np_cmd_shell = {
	.name = "shell",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8,
	.summary = "every command on one open target, with history and completion",
	.help = "Commands are those of the command line without TARGET. `A | B` runs B on the addresses that A found,\n"
		"`> FILE` and `>> FILE` write to a file, `! PROGRAM` to a program. mdb's names work: `::jsstack -v`,\n"
		"`ADDR::jsprint -d 3 member`, `::walk jsframe | ::jsframe`; `::dcmds` lists them. A live target runs\n"
		"between commands. `help` lists the commands, `quit` or the end of input leaves.",
	.options = options,
	.examples = examples,
	.run = run,
};
