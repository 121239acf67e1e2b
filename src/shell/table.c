#include "shell/shell.h"

#include <string.h>

static size_t table_len(const struct np_command *const *table)
{
	size_t n = 0;
	while (table[n])
		n++;
	return n;
}

/* Commands that the shell has its own of, or that make no sense inside. */
static bool is_replaced(const struct np_command *command)
{
	static const char *const names[] = {"help", "shell"};
	for (size_t i = 0; i < NP_ARRAY_LEN(names); i++)
		if (!strcmp(command->name, names[i]))
			return true;
	return false;
}

const struct np_command *const *np_shell_table(np_arena *arena)
{
	size_t n = table_len(np_commands), m = table_len(np_shell_commands);
	const struct np_command **all = NP_NEW_ARRAY(arena, const struct np_command *, n + m + 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_replaced(np_commands[i]))
			all[len++] = np_commands[i];
	for (size_t i = 0; i < m; i++)
		all[len++] = np_shell_commands[i];
	return all;
}
