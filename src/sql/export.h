/* What the files of the export share. */
#ifndef NP_SQL_EXPORT_H
#define NP_SQL_EXPORT_H

#include "sql/table.h"

struct sql_export {
	np_sql *sql;
	sqlite3 *file;
	const char *path;   /* as the user wrote it, for messages */
	const char *tables; /* with commas between; NULL: all */
	const char *doing;  /* table that is being written */
	uint64_t rows;
};

bool sql_export_wants(const struct sql_export *x, const char *table);
np_err *sql_export_error(struct sql_export *x) NP_MUST;
np_err *sql_export_execute(struct sql_export *x, const char *text) NP_MUST;

/* --- export_batch.c: rows for a table, some at a time --- */

typedef struct sql_batch sql_batch;

/* insert: name of the table, with a list of columns where it is not all. */
np_err *sql_batch_create(struct sql_export *x, const char *insert, int columns, sql_batch **ret) NP_MUST;
void sql_batch_destroy(sql_batch *batch);
/* Values of the current row, columns from 0; those that are not set are NULL. */
void sql_batch_integer(sql_batch *batch, int column, int64_t value);
void sql_batch_lasting(sql_batch *batch, int column, const char *text); /* text that stays; NULL is NULL */
/* As it is; contents as --redact wants them. */
void sql_batch_cell(struct sql_export *x, sql_batch *batch, int column, const struct sql_cell *cell);
/* To the next row; asks now and then whether to go on. */
np_err *sql_batch_row(struct sql_export *x, sql_batch *batch) NP_MUST;
/* After the last one. */
np_err *sql_batch_finish(struct sql_export *x, sql_batch *batch) NP_MUST;

/* --- export_file.c: the file until it has its name --- */

struct sql_export_file {
	char *path;	 /* where it is going to be */
	char *temporary; /* its name until then; NULL: it has none */
	struct sql_export_vfs *vfs;
	int fd;
};

/* NP_EUSAGE when there is something at path that is no plain file. */
np_err *sql_export_file_create(const char *path, struct sql_export_file *ret) NP_MUST;
/* Name of a VFS whose one database it is, as long as it is. */
const char *sql_export_file_vfs(struct sql_export_file *file);
/* Gives it its name, when nobody has it open any more. */
np_err *sql_export_file_name(struct sql_export_file *file) NP_MUST;
void sql_export_file_deinit(struct sql_export_file *file);

/* --- export_texts.c: texts that many rows have, each once --- */

/*
 * Numbers texts, and writes each with its number when it is new.  Only so many are
 * remembered, the ones seen last: one that comes again much later has a second
 * number, which does no harm.
 */
typedef struct sql_texts sql_texts;

/* table: of id, text, and kind where there are kinds. */
np_err *sql_texts_create(struct sql_export *x, const char *table, bool has_kind, sql_texts **ret) NP_MUST;
void sql_texts_destroy(sql_texts *texts);
np_err *sql_texts_id(struct sql_export *x, sql_texts *texts, int kind, const char *text, size_t bytes, int64_t *ret) NP_MUST;
np_err *sql_texts_finish(struct sql_export *x, sql_texts *texts) NP_MUST;

/* --- export_objects.c, export_edges.c, export_properties.c --- */
np_err *sql_export_objects(struct sql_export *x) NP_MUST;
np_err *sql_export_edges(struct sql_export *x) NP_MUST;
np_err *sql_export_strings(struct sql_export *x) NP_MUST;
np_err *sql_export_properties(struct sql_export *x) NP_MUST;

#endif
