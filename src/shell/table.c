#include "shell/shell.h"

static size_t table_len(const struct np_command *const *table)
{
	size_t n = 0;
	while (table[n])
		n++;
	return n;
}

const struct np_command *const *np_shell_table(np_arena *arena)
{
	size_t n = table_len(np_commands), m = table_len(np_shell_commands);
	const struct np_command **all = NP_NEW_ARRAY(arena, const struct np_command *, n + m + 1);
	for (size_t i = 0; i < n + m; i++)
		all[i] = i < n ? np_commands[i] : np_shell_commands[i - n];
	return all;
}
