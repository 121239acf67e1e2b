#include <stdlib.h>
#include <string.h>

#include "sql/export.h"

enum { SETS = 1 << 16, WAYS = 8, REMEMBERED_BYTES_MAX = 256 };

struct known {
	char *text; /* NULL: free */
	uint32_t bytes;
	int kind;
	int64_t id;
};

/* Sets of a few texts each; the ones that were asked for lately are in front. */
struct sql_texts {
	sql_batch *batch;
	bool has_kind;
	int64_t last;
	struct known sets[SETS][WAYS];
};

np_err *sql_texts_create(struct sql_export *x, const char *table, bool has_kind, sql_texts **ret)
{
	sql_batch *batch;
	NP_TRY(sql_batch_create(x, table, has_kind ? 3 : 2, &batch));
	*ret = np_xcalloc(1, sizeof(**ret));
	(*ret)->batch = batch;
	(*ret)->has_kind = has_kind;
	return NULL;
}

np_err *sql_texts_finish(struct sql_export *x, sql_texts *texts)
{
	return sql_batch_finish(x, texts->batch);
}

void sql_texts_destroy(sql_texts *texts)
{
	if (!texts)
		return;
	for (size_t i = 0; i < SETS; i++)
		for (size_t k = 0; k < WAYS; k++)
			free(texts->sets[i][k].text);
	sql_batch_destroy(texts->batch);
	free(texts);
}

static size_t hash(int kind, const char *text, size_t bytes)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ (uint64_t)(unsigned)kind;
	for (size_t i = 0; i < bytes; i++)
		h = (h ^ (uint8_t)text[i]) * 0x100000001b3u;
	return (h ^ h >> 29) * 0xbf58476d1ce4e5b9u >> 48;
}

static bool set_find(struct known *set, int kind, const char *text, size_t bytes, int64_t *ret)
{
	for (size_t i = 0; i < WAYS && set[i].text; i++) {
		if (set[i].kind != kind || set[i].bytes != bytes || memcmp(set[i].text, text, bytes) != 0)
			continue;
		*ret = set[i].id;
		if (i) {
			struct known front = set[i - 1];
			set[i - 1] = set[i];
			set[i] = front;
		}
		return true;
	}
	return false;
}

static void set_add(struct known *set, struct known known)
{
	size_t i = 0;
	while (i < WAYS - 1 && set[i].text)
		i++;
	free(set[i].text);
	set[i] = known;
}

np_err *sql_texts_id(struct sql_export *x, sql_texts *texts, int kind, const char *text, size_t bytes, int64_t *ret)
{
	struct known *set = texts->sets[hash(kind, text, bytes) % SETS];
	bool is_short = bytes <= REMEMBERED_BYTES_MAX;
	if (is_short && set_find(set, kind, text, bytes, ret))
		return NULL;
	int64_t id = ++texts->last;
	struct sql_cell cell = {.kind = NP_SQL_TEXT, .text = text, .bytes = bytes};
	sql_batch_integer(texts->batch, 0, id);
	sql_batch_cell(x, texts->batch, 1, &cell);
	if (texts->has_kind)
		sql_batch_integer(texts->batch, 2, kind);
	NP_TRY(sql_batch_row(x, texts->batch));
	if (is_short) {
		struct known known = {.text = np_xmalloc(bytes + 1), .bytes = (uint32_t)bytes, .kind = kind, .id = id};
		memcpy(known.text, text, bytes);
		set_add(set, known);
	}
	*ret = id;
	return NULL;
}
