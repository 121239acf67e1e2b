#include "sql/tables.h"

#include <string.h>

const struct sql_table *const sql_tables[] = {
	&sql_table_objects,
	&sql_table_edges,
	&sql_table_properties,
	&sql_table_strings,
	&sql_table_functions,
	&sql_table_closures,
	&sql_table_contexts,
	&sql_table_scripts,
	&sql_table_roots,
	&sql_table_handles,
	&sql_table_threads,
	&sql_table_frames,
	&sql_table_frame_variables,
	NULL,
};

int sql_column_number(const struct sql_table *table, const char *name)
{
	int i = 0;
	while (strcmp(table->columns[i].name, name) != 0)
		i++;
	return i;
}
