/* The tables, one constant each. */
#ifndef NP_SQL_TABLES_H
#define NP_SQL_TABLES_H

#include "sql/table.h"

extern const struct sql_table sql_table_objects, sql_table_edges, sql_table_strings, sql_table_properties;
extern const struct sql_table sql_table_functions, sql_table_closures, sql_table_scripts, sql_table_contexts;
extern const struct sql_table sql_table_threads, sql_table_frames, sql_table_frame_variables, sql_table_roots;
extern const struct sql_table sql_table_handles;

#endif
