#include "sql/tables.h"

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
	&sql_table_threads,
	&sql_table_frames,
	&sql_table_frame_variables,
	NULL,
};
