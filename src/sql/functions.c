/* What queries may call beside SQLite's own functions. */
#include <regex.h>
#include <stdlib.h>

#include "base/arena.h"
#include "sql/table.h"

static void regexp_free(void *regex)
{
	regfree(regex);
	free(regex);
}

/* text REGEXP pattern, a POSIX extended regular expression: SQLite has the operator, but no function for it. */
static void regexp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	regex_t *regex = sqlite3_get_auxdata(ctx, 0);
	const char *pattern = (const char *)sqlite3_value_text(argv[0]);
	const char *text = (const char *)sqlite3_value_text(argv[1]);
	if (!pattern || !text)
		return;
	bool is_new = !regex;
	if (is_new) {
		regex = np_xcalloc(1, sizeof(*regex));
		int why = regcomp(regex, pattern, REG_EXTENDED | REG_NOSUB);
		if (why) {
			char message[200];
			regerror(why, regex, message, sizeof(message));
			sqlite3_result_error(ctx, message, -1);
			free(regex);
			return;
		}
	}
	sqlite3_result_int(ctx, regexec(regex, text, 0, NULL, 0) == 0);
	/* it may be freed at once */
	if (is_new)
		sqlite3_set_auxdata(ctx, 0, regex, regexp_free);
}

/* address(x): a number or text as an address is written in the tables; NULL for what is none. */
static void address(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct sql_cell cell;
	np_addr at;
	if (sqlite3_value_type(argv[0]) == SQLITE_INTEGER)
		at = (np_addr)sqlite3_value_int64(argv[0]);
	else if (sqlite3_value_type(argv[0]) != SQLITE_TEXT ||
		 !sql_address_parse((const char *)sqlite3_value_text(argv[0]), &at))
		return;
	sql_cell_address(&cell, at | 1);
	sql_cell_give(NULL, ctx, &cell);
}

int sql_functions_register(sqlite3 *db)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
	int rc = sqlite3_create_function_v2(db, "regexp", 2, flags, NULL, regexp, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_function_v2(db, "address", 1, flags, NULL, address, NULL, NULL, NULL);
	return rc;
}
