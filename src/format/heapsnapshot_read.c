#include "format/heapsnapshot_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"

enum {
	CHUNK_BYTES = 1 << 20,
	FIELDS_MAX = 32,
	TYPES_MAX = 64,
	NEST_MAX = 64,
	NAME_BYTES_MAX = 4096,
	CLASSES_MAX = 1 << 22,
};
#define NO_NAME UINT32_MAX

struct tally {
	uint32_t type, name; /* name: NO_NAME where the type is one class */
	uint64_t count, self_bytes; /* count 0: empty */
};

struct reader {
	FILE *file;
	uint8_t *chunk;
	size_t at, len;
	uint64_t offset; /* of chunk in the file */
	np_arena *arena;

	char *types[TYPES_MAX];
	bool by_name[TYPES_MAX];
	uint32_t type_count;
	uint32_t field_count, type_at, name_at, size_at; /* field_count 0: meta was not read */
	bool has_nodes, has_strings;

	struct tally *table;
	size_t cap, used;
	uint64_t node_count, self_bytes;
	struct np_buf text;
};

/* --- bytes and tokens --- */

static np_err *broken(const struct reader *r, const char *what)
{
	return np_err_new(NP_EFORMAT, "%s at byte %llu", what, (unsigned long long)(r->offset + r->at));
}

/* The next byte without taking it, -1 at the end. */
static int peek(struct reader *r)
{
	if (r->at < r->len)
		return r->chunk[r->at];
	r->offset += r->len;
	r->at = 0;
	r->len = fread(r->chunk, 1, CHUNK_BYTES, r->file);
	return r->len ? r->chunk[0] : -1;
}

static int peek_token(struct reader *r)
{
	int c;
	while ((c = peek(r)) == ' ' || c == '\n' || c == '\r' || c == '\t')
		r->at++;
	return c;
}

static np_err *expect(struct reader *r, char wanted)
{
	int c = peek_token(r);
	if (c == wanted) {
		r->at++;
		return NULL;
	}
	if (c < 0)
		return broken(r, ferror(r->file) ? "it cannot be read" : "it ends in the middle");
	char what[] = "expected '?'";
	what[sizeof(what) - 3] = wanted;
	return broken(r, what);
}

/* After an element of a list or record: true when another one follows. */
static np_err *more(struct reader *r, char close, bool *ret)
{
	int c = peek_token(r);
	if (c == ',' || c == close) {
		r->at++;
		*ret = c == ',';
		return NULL;
	}
	return c < 0 ? broken(r, "it ends in the middle") : broken(r, "expected ',' or an end");
}

/* Is the list or record that was just begun empty? Takes its end. */
static bool is_empty(struct reader *r, char close)
{
	if (peek_token(r) != close)
		return false;
	r->at++;
	return true;
}

static np_err *number_read(struct reader *r, uint64_t *ret)
{
	uint64_t n = 0;
	int c = peek_token(r);
	if (c < '0' || c > '9')
		return broken(r, c < 0 ? "it ends in the middle" : "expected a number");
	for (; c >= '0' && c <= '9'; c = peek(r)) {
		if (n > (UINT64_MAX - 9) / 10)
			return broken(r, "a number is too large");
		n = n * 10 + (uint64_t)(c - '0');
		r->at++;
	}
	*ret = n;
	return NULL;
}

static np_err *hex_read(struct reader *r, uint32_t *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++) {
		int c = peek(r);
		int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
		if (c < 0 || digit < 0)
			return broken(r, "a character's number is malformed");
		*ret = *ret << 4 | (uint32_t)digit;
		r->at++;
	}
	return NULL;
}

static void text_put(struct reader *r, uint32_t cp)
{
	if (r->text.len < NAME_BYTES_MAX)
		np_buf_put_utf8(&r->text, cp);
}

/* Behind a backslash. pending: a high surrogate that waits for its other half, 0 none. */
static np_err *escape_read(struct reader *r, uint32_t *pending)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(r);
	const char *known = c > 0 ? strchr(from, c) : NULL;
	uint32_t unit;
	r->at += c >= 0;
	if (c != 'u' && (!known || !*known))
		return broken(r, "a string has an unknown escape");
	if (c != 'u') {
		if (*pending)
			text_put(r, *pending);
		*pending = 0;
		text_put(r, (uint8_t)to[known - from]);
		return NULL;
	}
	NP_TRY(hex_read(r, &unit));
	if (unit >= 0xd800 && unit < 0xdc00) {
		if (*pending)
			text_put(r, *pending);
		*pending = unit;
		return NULL;
	}
	if (unit >= 0xdc00 && unit < 0xe000 && *pending)
		unit = 0x10000 + ((*pending - 0xd800) << 10) + (unit - 0xdc00);
	else if (*pending)
		text_put(r, *pending);
	*pending = 0;
	text_put(r, unit);
	return NULL;
}

/* A string, into r->text when it is kept, cut at NAME_BYTES_MAX. */
static np_err *string_read(struct reader *r, bool keep)
{
	uint32_t pending = 0;
	np_buf_clear(&r->text);
	NP_TRY(expect(r, '"'));
	for (;;) {
		int c = peek(r);
		if (c < 0)
			return broken(r, "it ends in the middle of a string");
		r->at++;
		if (c == '\\' && keep) {
			NP_TRY(escape_read(r, &pending));
			continue;
		}
		if (c == '\\') {
			if (peek(r) >= 0)
				r->at++;
			continue;
		}
		if (pending)
			text_put(r, pending);
		pending = 0;
		if (c == '"')
			return NULL;
		if (keep && r->text.len < NAME_BYTES_MAX)
			np_buf_putc(&r->text, (char)c);
	}
}

/* A value of any kind; only its nesting and its strings are understood. */
static np_err *value_skip(struct reader *r)
{
	int depth = 0;
	for (;;) {
		int c = peek_token(r);
		if (c < 0)
			return broken(r, "it ends in the middle");
		if (c == '"') {
			NP_TRY(string_read(r, false));
		} else if (c == '{' || c == '[') {
			if (++depth > NEST_MAX)
				return broken(r, "it is nested too deeply");
			r->at++;
			continue;
		} else if (c == '}' || c == ']') {
			if (!depth)
				return broken(r, "expected a value");
			depth--;
			r->at++;
		} else if (c == ',' || c == ':') {
			if (!depth)
				return broken(r, "expected a value");
			r->at++;
			continue;
		} else {
			do { /* a number, true, null */
				r->at++;
				c = peek(r);
			} while (c > ' ' && !strchr(",:]}[{\"", c));
		}
		if (!depth)
			return NULL;
	}
}

/* --- meta --- */

/* Calls each(r, ctx, key) with the value ahead, for every field of a record. */
static np_err *record_read(struct reader *r, np_err *(*each)(struct reader *r, const char *key))
{
	bool again = true;
	char key[32];
	NP_TRY(expect(r, '{'));
	if (is_empty(r, '}'))
		return NULL;
	while (again) {
		NP_TRY(string_read(r, true));
		snprintf(key, sizeof(key), "%s", np_buf_str(&r->text));
		NP_TRY(expect(r, ':'));
		NP_TRY(each(r, key));
		NP_TRY(more(r, '}', &again));
	}
	return NULL;
}

static np_err *fields_read(struct reader *r)
{
	bool again = true, has_type = false, has_name = false, has_size = false;
	uint32_t n = 0;
	NP_TRY(expect(r, '['));
	while (again) {
		NP_TRY(string_read(r, true));
		const char *field = np_buf_str(&r->text);
		if (n >= FIELDS_MAX)
			return broken(r, "a node has too many fields");
		if (strcmp(field, "type") == 0) {
			r->type_at = n;
			has_type = true;
		} else if (strcmp(field, "name") == 0) {
			r->name_at = n;
			has_name = true;
		} else if (strcmp(field, "self_size") == 0) {
			r->size_at = n;
			has_size = true;
		}
		n++;
		NP_TRY(more(r, ']', &again));
	}
	if (!has_type || !has_name || !has_size)
		return broken(r, "nodes have no type, name or self_size");
	r->field_count = n;
	return NULL;
}

/* [["hidden", "array", ...], "string", "number", ...]: the first list names the types of nodes. */
static np_err *types_read(struct reader *r)
{
	static const char *const named[] = {"object", "native", "hidden", "synthetic"};
	bool again = true;
	NP_TRY(expect(r, '['));
	NP_TRY(expect(r, '['));
	while (again) {
		NP_TRY(string_read(r, true));
		if (r->type_count >= TYPES_MAX)
			return broken(r, "there are too many types of nodes");
		r->types[r->type_count] = np_arena_strndup(r->arena, np_buf_str(&r->text), r->text.len);
		for (size_t i = 0; i < NP_ARRAY_LEN(named); i++)
			if (strcmp(r->types[r->type_count], named[i]) == 0)
				r->by_name[r->type_count] = true;
		r->type_count++;
		NP_TRY(more(r, ']', &again));
	}
	NP_TRY(more(r, ']', &again));
	while (again) {
		NP_TRY(value_skip(r));
		NP_TRY(more(r, ']', &again));
	}
	return NULL;
}

static np_err *meta_field(struct reader *r, const char *key)
{
	if (strcmp(key, "node_fields") == 0 && !r->field_count)
		return fields_read(r);
	if (strcmp(key, "node_types") == 0 && !r->type_count)
		return types_read(r);
	return value_skip(r);
}

static np_err *header_field(struct reader *r, const char *key)
{
	return strcmp(key, "meta") == 0 ? record_read(r, meta_field) : value_skip(r);
}

/* --- nodes --- */

static struct tally *tally_find(const struct reader *r, uint32_t type, uint32_t name)
{
	size_t at = (size_t)((((uint64_t)type << 32 | name) * 0x9e3779b97f4a7c15u) >> 24) & (r->cap - 1);
	while (r->table[at].count && (r->table[at].type != type || r->table[at].name != name))
		at = (at + 1) & (r->cap - 1);
	return &r->table[at];
}

static void table_grow(struct reader *r)
{
	struct tally *old = r->table;
	size_t old_cap = r->cap;
	r->cap = old_cap ? old_cap * 2 : 1024;
	r->table = np_xcalloc(r->cap, sizeof(*r->table));
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].count)
			*tally_find(r, old[i].type, old[i].name) = old[i];
	free(old);
}

static np_err *node_take(struct reader *r, const uint64_t *fields)
{
	uint64_t type = fields[r->type_at], name = fields[r->name_at], size = fields[r->size_at];
	if (type >= r->type_count)
		return broken(r, "a node is of an unknown type");
	if (name >= NO_NAME)
		return broken(r, "a name is out of range");
	if (__builtin_add_overflow(r->self_bytes, size, &r->self_bytes))
		return broken(r, "the sizes of nodes are out of range");
	r->node_count++;
	if (!r->by_name[type])
		name = NO_NAME;
	if ((r->used + 1) * 2 > r->cap)
		table_grow(r);
	struct tally *t = tally_find(r, (uint32_t)type, (uint32_t)name);
	if (!t->count) {
		if (++r->used > CLASSES_MAX)
			return np_err_new(NP_ELIMIT, "it has more than %d classes", CLASSES_MAX);
		t->type = (uint32_t)type;
		t->name = (uint32_t)name;
	}
	t->count++;
	t->self_bytes += size;
	return NULL;
}

static np_err *nodes_read(struct reader *r)
{
	uint64_t fields[FIELDS_MAX];
	uint32_t n = 0;
	bool again = true;
	if (!r->field_count || !r->type_count)
		return broken(r, "the nodes come before what their fields mean");
	if (r->has_nodes)
		return broken(r, "there are nodes twice");
	r->has_nodes = true;
	NP_TRY(expect(r, '['));
	if (is_empty(r, ']'))
		return NULL;
	while (again) {
		NP_TRY(number_read(r, &fields[n]));
		if (++n == r->field_count) {
			NP_TRY(node_take(r, fields));
			n = 0;
		}
		NP_TRY(more(r, ']', &again));
	}
	return n ? broken(r, "the last node is not whole") : NULL;
}

/* --- strings --- */

static int class_by_name(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;
	if (x->name != y->name)
		return x->name < y->name ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* Names of the classes; those that are in the table move to its front, sorted. */
static np_err *strings_read(struct reader *r, const char ***ret)
{
	size_t n = 0, next = 0;
	bool again = true;
	if (!r->has_nodes || r->has_strings)
		return broken(r, r->has_strings ? "there are strings twice" : "the strings come before the nodes");
	r->has_strings = true;
	for (size_t i = 0; i < r->cap; i++)
		if (r->table[i].count)
			r->table[n++] = r->table[i];
	if (n)
		qsort(r->table, n, sizeof(*r->table), class_by_name);
	const char **names = NP_NEW_ARRAY(r->arena, const char *, n + 1);
	NP_TRY(expect(r, '['));
	if (is_empty(r, ']'))
		again = false;
	for (uint32_t index = 0; again; index++) {
		bool wanted = next < n && r->table[next].name == index;
		NP_TRY(string_read(r, wanted));
		if (wanted) {
			const char *name = np_arena_strndup(r->arena, np_buf_str(&r->text), r->text.len);
			for (; next < n && r->table[next].name == index; next++)
				names[next] = name;
		}
		NP_TRY(more(r, ']', &again));
	}
	if (next < n && r->table[next].name != NO_NAME)
		return broken(r, "a name is not among the strings");
	*ret = names;
	return NULL;
}

/* --- the whole --- */

static np_err *snapshot_read(struct reader *r, const char ***names)
{
	bool again = true;
	char key[32];
	NP_TRY(expect(r, '{'));
	while (again) {
		NP_TRY(string_read(r, true));
		snprintf(key, sizeof(key), "%s", np_buf_str(&r->text));
		NP_TRY(expect(r, ':'));
		if (strcmp(key, "snapshot") == 0)
			NP_TRY(record_read(r, header_field));
		else if (strcmp(key, "nodes") == 0)
			NP_TRY(nodes_read(r));
		else if (strcmp(key, "strings") == 0)
			NP_TRY(strings_read(r, names));
		else
			NP_TRY(value_skip(r));
		NP_TRY(more(r, '}', &again));
	}
	if (!r->has_nodes || !r->has_strings)
		return np_err_new(NP_EFORMAT, "it has no %s", r->has_nodes ? "strings" : "nodes");
	return NULL;
}

np_err *np_heapsnapshot_census_read(FILE *file, np_arena *arena, struct np_heapsnapshot_census *ret)
{
	struct reader r = {.file = file, .arena = arena, .chunk = np_xmalloc(CHUNK_BYTES)};
	const char **names = NULL;
	np_err *err = snapshot_read(&r, &names);
	if (!err) {
		struct np_heapsnapshot_census c = {.node_count = r.node_count, .self_bytes = r.self_bytes, .class_count = r.used};
		c.classes = NP_NEW_ARRAY(arena, struct np_heapsnapshot_class, r.used + 1);
		for (size_t i = 0; i < r.used; i++)
			c.classes[i] = (struct np_heapsnapshot_class){.type = r.types[r.table[i].type], .name = names[i],
								      .count = r.table[i].count,
								      .self_bytes = r.table[i].self_bytes};
		*ret = c;
	}
	np_buf_deinit(&r.text);
	free(r.table);
	free(r.chunk);
	return err;
}

np_err *np_heapsnapshot_census_open(const char *path, np_arena *arena, struct np_heapsnapshot_census *ret)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return np_err_sys(NP_EIO, "opening %s", path);
	np_err *err = np_heapsnapshot_census_read(file, arena, ret);
	fclose(file);
	return err ? np_err_wrap(err, "reading the snapshot %s", path) : NULL;
}

bool np_heapsnapshot_is(const char *path)
{
	char head[256], *p = head;
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t n = fread(head, 1, sizeof(head) - 1, file);
	fclose(file);
	head[n] = '\0';
	p += strspn(p, " \t\r\n");
	if (*p++ != '{')
		return false;
	p += strspn(p, " \t\r\n");
	return strncmp(p, "\"snapshot\"", 10) == 0;
}
