#include "format/heapsnapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

enum {
	BUFFER_BYTES = 1 << 20,
	RECORD_BYTES = 160, /* at most, of a node, an edge or a location */
	BATCH_EDGES = 1 << 16,
	BATCH_NODES = 1 << 15,
	BATCHES = 4,
	COUNT_DIGITS = 10,  /* of the counts in the head, which are known in the end */
	COPY_BYTES = 1 << 30,
};

/* A file that is written from its start to its end. */
struct stream {
	int fd;
	char *buffer;
	size_t len;
	uint64_t bytes; /* all that was written */
	int error;	/* errno of the first failed write */
};

struct edge {
	uint32_t type, name, to;
};

struct node {
	struct np_heapsnapshot_node fields;
	uint32_t edge_count;
	int32_t script_id, line, column; /* script_id -1: no location */
};

/* Nodes with their edges on the way from who finds them to who writes them. */
struct batch {
	struct edge *edges;
	size_t edge_count, edge_cap;
	struct node *nodes;
	size_t node_count;
	bool is_last;
};

/*
 * Numbers become text on a thread of their own, a batch at a time:
 *
 *     caller -> batches[filled % BATCHES] ... batches[written % BATCHES] -> writer
 *
 * The streams are the writer's as long as it runs.
 */
struct np_heapsnapshot {
	char *path, *temporary; /* temporary NULL: has no name, or got its own */
	struct stream nodes, edges, locations;
	struct np_heapsnapshot_counts counts; /* the writer's; strings: the caller's */
	off_t counts_at;
	bool joined;

	struct batch batches[BATCHES];
	size_t filled, written; /* under lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t writer;
	bool has_writer, failed; /* failed: under lock */
	uint32_t edges_of_node;
};

static const char head_before_counts[] =
	"{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"detachedness\"],"
	"\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\",\"number\",\"native\","
	"\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\",\"bigint\",\"object shape\"],\"string\",\"number\","
	"\"number\",\"number\",\"number\"],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\"edge_types\":[[\"context\","
	"\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],"
	"\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",\"line\",\"column\"],"
	"\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
	"\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
	"\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},";

/* --- streams --- */

static void stream_flush(struct stream *s)
{
	for (size_t at = 0; at < s->len && !s->error;) {
		ssize_t wrote = write(s->fd, s->buffer + at, s->len - at);
		if (wrote < 0 && errno != EINTR)
			s->error = errno;
		if (wrote > 0)
			at += (size_t)wrote;
	}
	s->bytes += s->len;
	s->len = 0;
}

/* Room for n more bytes, n at most BUFFER_BYTES. */
static inline char *stream_room(struct stream *s, size_t n)
{
	if (s->len + n > BUFFER_BYTES)
		stream_flush(s);
	return s->buffer + s->len;
}

static void stream_put(struct stream *s, const char *text, size_t n)
{
	while (n) {
		size_t part = n < BUFFER_BYTES ? n : BUFFER_BYTES;
		memcpy(stream_room(s, part), text, part);
		s->len += part;
		text += part;
		n -= part;
	}
}

static inline unsigned digits_of(uint64_t n)
{
	unsigned digits = 1;
	for (;; n /= 10000, digits += 4) {
		if (n < 10)
			return digits;
		if (n < 100)
			return digits + 1;
		if (n < 1000)
			return digits + 2;
		if (n < 10000)
			return digits + 3;
	}
}

static inline char *number_put(char *at, uint64_t n)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char *end = at + digits_of(n), *p = end;
	if (n <= UINT32_MAX) { /* cheaper to divide */
		uint32_t small = (uint32_t)n;
		for (; small >= 100; small /= 100)
			memcpy(p -= 2, pairs + 2 * (small % 100), 2);
		n = small;
	}
	for (; n >= 100; n /= 100)
		memcpy(p -= 2, pairs + 2 * (n % 100), 2);
	if (n >= 10)
		memcpy(p - 2, pairs + 2 * n, 2);
	else
		p[-1] = (char)('0' + n);
	return end;
}

/* All of a finished stream behind another one. */
static void stream_append(struct stream *to, struct stream *from)
{
	off_t at = 0;
	stream_flush(to);
	stream_flush(from);
	if (from->error && !to->error)
		to->error = from->error;
	while (!to->error && (uint64_t)at < from->bytes) {
		ssize_t n = copy_file_range(from->fd, &at, to->fd, NULL, COPY_BYTES, 0);
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
			n = pread(from->fd, to->buffer, BUFFER_BYTES, at);
			if (n > 0) {
				at += n;
				to->len = (size_t)n;
				stream_flush(to);
				continue;
			}
		}
		if (n > 0)
			to->bytes += (uint64_t)n;
		else if (n == 0 || errno != EINTR)
			to->error = n == 0 ? EIO : errno;
	}
}

/* --- files --- */

/* A file that is gone when it is closed, in the same folder. */
static int unnamed_file(const char *path)
{
	char *dir = np_xstrdup(path), *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	int fd = open(slash ? dir : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	free(dir);
	if (fd >= 0)
		return fd;
	char *name = np_xmalloc(strlen(path) + 16);
	sprintf(name, "%s.XXXXXX", path);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	free(name);
	return fd;
}

/* Where a symbolic link leads, so that the link stays. */
static np_err *path_resolve(const char *path, char **ret)
{
	struct stat st;
	if (stat(path, &st)) {
		*ret = np_xstrdup(path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode))
		return np_err_new(NP_EUSAGE, "a heap snapshot needs a plain file, which %s is not", path);
	*ret = realpath(path, NULL);
	return *ret ? NULL : np_err_sys(NP_EIO, "creating %s", path);
}

static void head_put(np_heapsnapshot *file)
{
	stream_put(&file->nodes, head_before_counts, sizeof(head_before_counts) - 1);
	stream_flush(&file->nodes);
	file->counts_at = (off_t)file->nodes.bytes;
	char counts[128];
	int n = snprintf(counts, sizeof(counts), "\"node_count\":%*s,\"edge_count\":%*s,", COUNT_DIGITS, "", COUNT_DIGITS, "");
	stream_put(&file->nodes, counts, (size_t)n);
	static const char rest[] = "\"trace_function_count\":0,\"extra_native_bytes\":0},\n\"nodes\":[";
	stream_put(&file->nodes, rest, sizeof(rest) - 1);
}

static void *writer_run(void *arg);

static np_err *writer_start(np_heapsnapshot *file)
{
	for (size_t i = 0; i < BATCHES; i++) {
		struct batch *b = &file->batches[i];
		b->edge_cap = BATCH_EDGES;
		b->edges = np_xmalloc(b->edge_cap * sizeof(*b->edges));
		b->nodes = np_xmalloc(BATCH_NODES * sizeof(*b->nodes));
	}
	errno = pthread_create(&file->writer, NULL, writer_run, file);
	if (errno)
		return np_err_sys(NP_EIO, "starting a thread");
	file->has_writer = true;
	return NULL;
}

np_err *np_heapsnapshot_create(const char *path, np_heapsnapshot **ret)
{
	np_heapsnapshot *file = np_xcalloc(1, sizeof(*file));
	struct stream *streams[] = {&file->nodes, &file->edges, &file->locations};
	pthread_mutex_init(&file->lock, NULL);
	pthread_cond_init(&file->changed, NULL);
	for (size_t i = 0; i < NP_ARRAY_LEN(streams); i++) {
		streams[i]->fd = -1;
		streams[i]->buffer = np_xmalloc(BUFFER_BYTES);
	}
	np_err *err = path_resolve(path, &file->path);
	if (!err) {
		file->temporary = np_xmalloc(strlen(file->path) + 16);
		sprintf(file->temporary, "%s.XXXXXX", file->path);
		file->nodes.fd = mkostemp(file->temporary, O_CLOEXEC);
		if (file->nodes.fd < 0) {
			free(file->temporary);
			file->temporary = NULL;
		}
		file->edges.fd = file->nodes.fd < 0 ? -1 : unnamed_file(file->path);
		file->locations.fd = file->edges.fd < 0 ? -1 : unnamed_file(file->path);
		if (file->locations.fd < 0)
			err = np_err_sys(NP_EIO, "creating %s", path);
	}
	if (!err) {
		head_put(file);
		err = writer_start(file);
	}
	if (err) {
		np_heapsnapshot_destroy(file);
		return err;
	}
	*ret = file;
	return NULL;
}

/* --- batches --- */

static struct batch *batch_now(np_heapsnapshot *file)
{
	return &file->batches[file->filled % BATCHES];
}

/* Hands the batch over and waits for room for the next one. False when writing has failed. */
static bool batch_send(np_heapsnapshot *file)
{
	pthread_mutex_lock(&file->lock);
	file->filled++;
	pthread_cond_broadcast(&file->changed);
	while (file->filled - file->written == BATCHES)
		pthread_cond_wait(&file->changed, &file->lock);
	bool good = !file->failed;
	pthread_mutex_unlock(&file->lock);
	struct batch *b = batch_now(file);
	b->edge_count = b->node_count = 0;
	b->is_last = false;
	return good;
}

static void writer_end(np_heapsnapshot *file)
{
	if (!file->has_writer)
		return;
	batch_now(file)->is_last = true;
	batch_send(file);
	pthread_join(file->writer, NULL);
	file->has_writer = false;
}

void np_heapsnapshot_destroy(np_heapsnapshot *file)
{
	if (!file)
		return;
	struct stream *streams[] = {&file->nodes, &file->edges, &file->locations};
	writer_end(file);
	for (size_t i = 0; i < NP_ARRAY_LEN(streams); i++) {
		if (streams[i]->fd >= 0)
			close(streams[i]->fd);
		free(streams[i]->buffer);
	}
	for (size_t i = 0; i < BATCHES; i++) {
		free(file->batches[i].edges);
		free(file->batches[i].nodes);
	}
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	free(file->path);
	pthread_mutex_destroy(&file->lock);
	pthread_cond_destroy(&file->changed);
	free(file);
}

void np_heapsnapshot_edge(np_heapsnapshot *file, uint32_t type, uint32_t name_or_index, uint32_t to)
{
	struct batch *b = batch_now(file);
	if (b->edge_count == b->edge_cap) { /* a node's edges stay together */
		b->edge_cap *= 2;
		b->edges = np_xrealloc(b->edges, b->edge_cap * sizeof(*b->edges));
	}
	b->edges[b->edge_count++] = (struct edge){type, name_or_index, to};
	file->edges_of_node++;
}

void np_heapsnapshot_node(np_heapsnapshot *file, const struct np_heapsnapshot_node *node)
{
	if (batch_now(file)->node_count == BATCH_NODES)
		batch_send(file);
	struct batch *b = batch_now(file);
	b->nodes[b->node_count++] = (struct node){.fields = *node, .edge_count = file->edges_of_node, .script_id = -1};
	file->edges_of_node = 0;
}

void np_heapsnapshot_location(np_heapsnapshot *file, int32_t script_id, int32_t line, int32_t column)
{
	struct batch *b = batch_now(file);
	if (!b->node_count || script_id < 0 || line < 0 || column < 0)
		return; /* readers take numbers without a sign */
	struct node *node = &b->nodes[b->node_count - 1];
	node->script_id = script_id;
	node->line = line;
	node->column = column;
}

bool np_heapsnapshot_next(np_heapsnapshot *file)
{
	struct batch *b = batch_now(file);
	return (b->edge_count < BATCH_EDGES / 2 && b->node_count < BATCH_NODES - 1) || batch_send(file);
}

/* --- the writer --- */

static void edge_put(struct stream *out, bool is_first, const struct edge *edge)
{
	char *at = stream_room(out, RECORD_BYTES), *start = at;
	if (!is_first)
		*at++ = ',';
	at = number_put(at, edge->type);
	*at++ = ',';
	at = number_put(at, edge->name);
	*at++ = ',';
	at = number_put(at, (uint64_t)edge->to * NP_HEAPSNAPSHOT_NODE_FIELDS);
	*at++ = '\n';
	out->len += (size_t)(at - start);
}

static void numbers_put(struct stream *out, bool is_first, const uint64_t *fields, size_t count)
{
	char *at = stream_room(out, RECORD_BYTES), *start = at;
	for (size_t i = 0; i < count; i++) {
		if (i || !is_first)
			*at++ = ',';
		at = number_put(at, fields[i]);
	}
	*at++ = '\n';
	out->len += (size_t)(at - start);
}

static void batch_write(np_heapsnapshot *file, const struct batch *b)
{
	struct np_heapsnapshot_counts *c = &file->counts;
	for (size_t i = 0; i < b->edge_count; i++)
		edge_put(&file->edges, !c->edges++, &b->edges[i]);
	for (size_t i = 0; i < b->node_count; i++) {
		const struct node *n = &b->nodes[i];
		const uint64_t fields[] = {n->fields.type,	 n->fields.name, n->fields.id,
					   n->fields.self_bytes, n->edge_count,	 n->fields.detachedness};
		numbers_put(&file->nodes, !c->nodes, fields, NP_ARRAY_LEN(fields));
		if (n->script_id >= 0) {
			const uint64_t location[] = {c->nodes * NP_HEAPSNAPSHOT_NODE_FIELDS, (uint32_t)n->script_id,
						     (uint32_t)n->line, (uint32_t)n->column};
			numbers_put(&file->locations, !c->locations++, location, NP_ARRAY_LEN(location));
		}
		c->nodes++;
	}
}

static void *writer_run(void *arg)
{
	np_heapsnapshot *file = arg;
	for (bool is_last = false; !is_last;) {
		pthread_mutex_lock(&file->lock);
		while (file->written == file->filled)
			pthread_cond_wait(&file->changed, &file->lock);
		const struct batch *b = &file->batches[file->written % BATCHES];
		pthread_mutex_unlock(&file->lock);
		is_last = b->is_last;
		batch_write(file, b);
		bool failed = file->nodes.error || file->edges.error || file->locations.error;
		pthread_mutex_lock(&file->lock);
		file->written++;
		file->failed |= failed;
		pthread_cond_broadcast(&file->changed);
		pthread_mutex_unlock(&file->lock);
	}
	return NULL;
}

/* --- strings --- */

/* Nodes, edges and locations are over. */
static void sections_join(np_heapsnapshot *file)
{
	static const char edges[] = "],\n\"edges\":[", traces[] = "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n"
								  "\"samples\":[],\n\"locations\":[";
	static const char strings[] = "],\n\"strings\":[";
	if (file->joined)
		return;
	file->joined = true;
	writer_end(file);
	stream_put(&file->nodes, edges, sizeof(edges) - 1);
	stream_append(&file->nodes, &file->edges);
	stream_put(&file->nodes, traces, sizeof(traces) - 1);
	stream_append(&file->nodes, &file->locations);
	stream_put(&file->nodes, strings, sizeof(strings) - 1);
}

/* One code point, and how many bytes it had; U+FFFD for what is no UTF-8. */
static size_t utf8_decode(const uint8_t *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t cp = len == 1 ? s[0] : len == 2 ? s[0] & 0x1fu : len == 3 ? s[0] & 0xfu : s[0] & 7u;
	*ret = 0xfffd;
	if (!len || len > n)
		return 1;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp >= least[len] && cp <= 0x10ffff && (cp < 0xd800 || cp >= 0xe000))
		*ret = cp;
	return len;
}

static char *escape_put(char *at, uint32_t unit)
{
	static const char digits[] = "0123456789ABCDEF";
	*at++ = '\\';
	*at++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*at++ = digits[unit >> shift & 15];
	return at;
}

static char *code_point_put(char *at, uint32_t cp)
{
	static const char named[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	const char *found = cp && cp < 0x80 ? strchr(named, (int)cp) : NULL;
	if (found) {
		*at++ = '\\';
		*at++ = letters[found - named];
	} else if (cp >= 0x20 && cp < 0x7f) {
		*at++ = (char)cp;
	} else if (cp < 0x10000) {
		at = escape_put(at, cp);
	} else {
		at = escape_put(at, 0xd800 + ((cp - 0x10000) >> 10));
		at = escape_put(at, 0xdc00 + ((cp - 0x10000) & 0x3ff));
	}
	return at;
}

static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

bool np_heapsnapshot_string(np_heapsnapshot *file, const char *utf8, size_t bytes)
{
	struct stream *out = &file->nodes;
	const uint8_t *s = (const uint8_t *)utf8;
	sections_join(file);
	if (file->counts.strings++)
		stream_put(out, ",\n", 2);
	stream_put(out, "\"", 1);
	for (size_t i = 0; i < bytes;) {
		size_t plain = i;
		while (plain < bytes && is_plain(s[plain]))
			plain++;
		stream_put(out, utf8 + i, plain - i);
		i = plain;
		if (i == bytes)
			break;
		uint32_t cp;
		i += utf8_decode(s + i, bytes - i, &cp);
		char *start = stream_room(out, RECORD_BYTES);
		out->len += (size_t)(code_point_put(start, cp) - start);
	}
	stream_put(out, "\"", 1);
	return !out->error;
}

np_err *np_heapsnapshot_finish(np_heapsnapshot *file, struct np_heapsnapshot_counts *ret)
{
	struct stream *out = &file->nodes;
	char counts[128];
	sections_join(file);
	stream_put(out, "]}\n", 3);
	stream_flush(out);
	int n = snprintf(counts, sizeof(counts), "\"node_count\":%*llu,\"edge_count\":%*llu,", COUNT_DIGITS,
			 (unsigned long long)file->counts.nodes, COUNT_DIGITS, (unsigned long long)file->counts.edges);
	if (!out->error && pwrite(out->fd, counts, (size_t)n, file->counts_at) != n)
		out->error = errno;
	if (out->error) {
		errno = out->error;
		return np_err_sys(NP_EIO, "writing %s", file->path);
	}
	if (rename(file->temporary, file->path))
		return np_err_sys(NP_EIO, "naming %s", file->path);
	free(file->temporary);
	file->temporary = NULL;
	file->counts.bytes = out->bytes;
	*ret = file->counts;
	return NULL;
}
