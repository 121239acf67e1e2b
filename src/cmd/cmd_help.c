/* nopsy help [COMMAND] */
#include "cmd/help.h"

static np_err *help_run(struct np_invocation *inv)
{
	if (inv->arg_count == 0) {
		inv->result = np_help_overview(inv->arena, np_commands);
		return NULL;
	}
	const struct np_command *command = np_command_by_name(inv->args[0]);
	if (!command)
		return np_help_unknown(np_commands, inv->args[0]);
	inv->result = np_help_command(inv->arena, command, false);
	return NULL;
}

static const struct np_example help_examples[] = {
	{"nopsy help", "lists the commands"},
	{"nopsy help stack", "the options and examples of one command"},
	{"nopsy help --json", "the command table for a program"},
	{0},
};

const struct np_command np_cmd_help = {
	.name = "help",
	.group = "General",
	.arguments = "COMMAND",
	.max_args = 1,
	.summary = "lists the commands, or tells about one",
	.help = "Without COMMAND: every command in a line. With COMMAND: what it answers, its options and "
		"examples, as `nopsy COMMAND --help` does.",
	.examples = help_examples,
	.run = help_run,
};
