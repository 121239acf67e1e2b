/*
 * What a process or a core itself knows about the code at an address: no perf
 * map is needed.  Names are spelled as V8 spells them in perf maps, so that
 * whatever reads those reads these: JS:*name file:line:column, Builtin:Name; native functions are demangled.
 *
 * A live process is stopped for a moment when it is opened, and again about once a
 * second while it is asked about, to forget what may have changed; between that it is
 * read while it runs.
 */
#ifndef NP_CMD_RESOLVE_TARGET_H
#define NP_CMD_RESOLVE_TARGET_H

#include "cmd/args.h"
#include "format/code_symbol.h"

typedef struct np_code_names np_code_names;

struct np_code_name {
	struct np_code_symbol symbol; /* NULs end its name, too */
	const char *file;	      /* where the code is at that address, NULL: not known */
	int line, column;
	bool is_kind; /* only what kind of code it is: --interpreted-frames-native-stack makes copies of a builtin, and only
			 a perf map tells whose */
};

np_err *np_code_names_open(const char *spec, const struct np_globals *globals, np_code_names **ret) NP_MUST;
void np_code_names_close(np_code_names *names);
/*
 * NULL: no code there.  is_return: the address is where a call returns to.
 * What was found is valid until the next np_code_names_age() that says so.
 */
const struct np_code_name *np_code_names_find(np_code_names *names, np_addr addr, bool is_return);
/* A live process has run since: true when what was found before may be wrong, or was dropped to keep memory flat. */
bool np_code_names_age(np_code_names *names);
int np_code_names_pid(const np_code_names *names); /* 0 unknown */
/* The user that owns it, as in np_side_file_open(). */
int64_t np_code_names_uid(const np_code_names *names);
/* A running process's own perf map, through its file system; NULL: it cannot have one. */
char *np_code_names_map_path(const np_code_names *names); /* free() */
/* Why JavaScript is not known, NULL: it is. */
const char *np_code_names_problem(const np_code_names *names);

#endif
