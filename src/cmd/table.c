/* The commands, in the order in which help lists them.  A row is a file: cmd_<name>.c. */
#include "cmd/args.h"

extern const struct np_command np_cmd_info;
extern const struct np_command np_cmd_stack;
extern const struct np_command np_cmd_objects;
extern const struct np_command np_cmd_functions;
extern const struct np_command np_cmd_strings;
extern const struct np_command np_cmd_errors;
extern const struct np_command np_cmd_path;
extern const struct np_command np_cmd_refs;
extern const struct np_command np_cmd_retained;
extern const struct np_command np_cmd_leaks;
extern const struct np_command np_cmd_diff;
extern const struct np_command np_cmd_print;
extern const struct np_command np_cmd_closure;
extern const struct np_command np_cmd_source;
extern const struct np_command np_cmd_disasm;
extern const struct np_command np_cmd_whatis;
extern const struct np_command np_cmd_snapshot;
extern const struct np_command np_cmd_sql;
extern const struct np_command np_cmd_layout;
extern const struct np_command np_cmd_resolve;
extern const struct np_command np_cmd_symbols;
extern const struct np_command np_cmd_flame;
extern const struct np_command np_cmd_convert;
extern const struct np_command np_cmd_shell;
extern const struct np_command np_cmd_help;
extern const struct np_command np_cmd_generate;

const struct np_command *const np_commands[] = {
	&np_cmd_info,
	&np_cmd_stack,
	&np_cmd_objects,
	&np_cmd_functions,
	&np_cmd_strings,
	&np_cmd_errors,
	&np_cmd_path,
	&np_cmd_refs,
	&np_cmd_retained,
	&np_cmd_leaks,
	&np_cmd_diff,
	&np_cmd_print,
	&np_cmd_closure,
	&np_cmd_source,
	&np_cmd_disasm,
	&np_cmd_whatis,
	&np_cmd_snapshot,
	&np_cmd_sql,
	&np_cmd_layout,
	&np_cmd_resolve,
	&np_cmd_symbols,
	&np_cmd_flame,
	&np_cmd_convert,
	&np_cmd_shell,
	&np_cmd_help,
	&np_cmd_generate,
	NULL,
};

const struct np_command *np_command_by_name(const char *name)
{
	return np_table_find(np_commands, name);
}
