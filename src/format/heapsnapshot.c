#include "format/heapsnapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

enum {
	NODE_BYTES = 96, /* of a record, at most */
	EDGE_BYTES = 36,
	LOCATION_BYTES = 64,
	ESCAPED_BYTES = 12, /* of one code point: a pair of \uXXXX */
	NAME_TRIES = 100,
};

/*
 * The file: where the directory's file system can, one without a name, which is
 * linked in the end; else one with a name of its own, which is removed.
 */
struct np_heapsnapshot {
	char *path;	 /* for messages where is_borrowed */
	char *temporary; /* NULL: has no name, or got its own */
	int fd;
	bool is_borrowed; /* fd is the caller's, and has no name to get */
	int error;	  /* errno of the first failed write */
	uint64_t bytes;
	size_t skip; /* what parts the first record of the section from none before */
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

static const char *const section_heads[NP_HEAPSNAPSHOT_SECTIONS] = {
	[NP_HEAPSNAPSHOT_NODES] = "\"nodes\":[",
	[NP_HEAPSNAPSHOT_EDGES] = "],\n\"edges\":[",
	[NP_HEAPSNAPSHOT_LOCATIONS] =
		"],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[",
	[NP_HEAPSNAPSHOT_STRINGS] = "],\n\"strings\":[",
};

/* --- the file --- */

static void bytes_write(np_heapsnapshot *file, const char *bytes, size_t n)
{
	for (size_t at = 0; at < n && !file->error;) {
		ssize_t wrote = write(file->fd, bytes + at, n - at);
		if (wrote < 0 && errno != EINTR)
			file->error = errno;
		if (wrote > 0)
			at += (size_t)wrote;
	}
	file->bytes += n;
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

/* A file without a name in the folder of path; -1. */
static int unnamed_open(const char *path)
{
	char *dir = np_xstrdup(path), *slash = strrchr(dir, '/'), link[64];
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	int fd = open(slash ? dir : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	free(dir);
	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (access(link, F_OK) == 0)
		return fd;
	close(fd); /* it could not get a name */
	return -1;
}

np_err *np_heapsnapshot_create(const char *path, np_heapsnapshot **ret)
{
	np_heapsnapshot *file = np_xcalloc(1, sizeof(*file));
	np_err *err = path_resolve(path, &file->path);
	file->fd = err ? -1 : unnamed_open(file->path);
	if (!err && file->fd < 0) {
		file->temporary = np_xmalloc(strlen(file->path) + 16);
		sprintf(file->temporary, "%s.XXXXXX", file->path);
		file->fd = mkostemp(file->temporary, O_CLOEXEC);
		if (file->fd < 0) {
			err = np_err_sys(NP_EIO, "creating %s", path);
			free(file->temporary);
			file->temporary = NULL;
		}
	}
	if (err) {
		np_heapsnapshot_destroy(file);
		return err;
	}
	*ret = file;
	return NULL;
}

np_heapsnapshot *np_heapsnapshot_on(int fd, const char *name)
{
	np_heapsnapshot *file = np_xcalloc(1, sizeof(*file));
	file->path = np_xstrdup(name);
	file->fd = fd;
	file->is_borrowed = true;
	return file;
}

void np_heapsnapshot_destroy(np_heapsnapshot *file)
{
	if (!file)
		return;
	if (file->fd >= 0 && !file->is_borrowed)
		close(file->fd);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	free(file->path);
	free(file);
}

void np_heapsnapshot_head(np_heapsnapshot *file, uint64_t nodes, uint64_t edges)
{
	struct np_buf b = {0};
	np_buf_puts(&b, head_before_counts);
	np_buf_printf(&b, "\"node_count\":%llu,\"edge_count\":%llu,\"trace_function_count\":0,\"extra_native_bytes\":0},\n",
		      (unsigned long long)nodes, (unsigned long long)edges);
	bytes_write(file, b.data, b.len);
	np_buf_deinit(&b);
}

void np_heapsnapshot_begin(np_heapsnapshot *file, enum np_heapsnapshot_section section)
{
	bytes_write(file, section_heads[section], strlen(section_heads[section]));
	file->skip = section == NP_HEAPSNAPSHOT_STRINGS ? 2 : 1;
}

/* Records begin with the comma that parts them from the one before; strings with a new line, too. */
bool np_heapsnapshot_append(np_heapsnapshot *file, const struct np_buf *records)
{
	if (records->len < file->skip)
		return !file->error;
	bytes_write(file, records->data + file->skip, records->len - file->skip);
	file->skip = 0;
	return !file->error;
}

/* Gives the unnamed file a name beside its own, which rename() can put in its place. */
static int temporary_link(np_heapsnapshot *file)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	file->temporary = np_xmalloc(strlen(file->path) + 32);
	for (unsigned i = 0; i < NAME_TRIES; i++) {
		sprintf(file->temporary, "%s.%d.%u", file->path, (int)getpid(), i);
		if (linkat(AT_FDCWD, link, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	free(file->temporary);
	file->temporary = NULL;
	return -1;
}

np_err *np_heapsnapshot_finish(np_heapsnapshot *file, uint64_t *ret_bytes)
{
	bytes_write(file, "]}\n", 3);
	if (file->error) {
		errno = file->error;
		return np_err_sys(NP_EIO, "writing %s", file->path);
	}
	*ret_bytes = file->bytes;
	if (file->is_borrowed)
		return NULL;
	if ((!file->temporary && temporary_link(file)) || rename(file->temporary, file->path))
		return np_err_sys(NP_EIO, "naming %s", file->path);
	free(file->temporary);
	file->temporary = NULL;
	return NULL;
}

/* --- numbers --- */

/*
 * The eight decimal digits of n < 10^8 as bytes 0 to 9, the first in the lowest
 * byte: the number is halved into lanes of four, two and one digit, each divided
 * by a multiplication.
 */
static inline uint64_t digits8(uint32_t n)
{
	uint64_t fours = (uint64_t)(n % 10000) << 32 | n / 10000;
	uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007full;
	uint64_t twos = (fours - 100 * hundreds) << 16 | hundreds;
	uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000full;
	return (twos - 10 * tens) << 8 | tens;
}

static inline char *digits_put(char *at, uint64_t digits, unsigned skip)
{
	digits = (digits | 0x3030303030303030ull) >> (8 * skip);
	memcpy(at, &digits, 8);
	return at + 8 - skip;
}

/* Writes up to 24 bytes; returns the end. */
static inline char *number_put(char *at, uint64_t n)
{
	const uint32_t limit = 100000000;
	if (n < 10) {
		*at = (char)('0' + n);
		return at + 1;
	}
	if (n >= limit) {
		at = number_put(at, n / limit);
		return digits_put(at, digits8((uint32_t)(n % limit)), 0);
	}
	uint64_t digits = digits8((uint32_t)n);
	return digits_put(at, digits, (unsigned)__builtin_ctzll(digits) / 8);
}

/* --- records --- */

void np_heapsnapshot_put_node(struct np_buf *out, const struct np_snapshot_node *n)
{
	const uint64_t fields[NP_HEAPSNAPSHOT_NODE_FIELDS - 1] = {n->type, n->name, n->id, n->self_bytes, n->edge_count};
	char *start = np_buf_room(out, NODE_BYTES), *at = start;
	for (size_t i = 0; i < NP_ARRAY_LEN(fields); i++) {
		*at++ = ',';
		at = number_put(at, fields[i]);
	}
	memcpy(at, ",0\n", 3); /* detachedness: unknown */
	out->len += (size_t)(at + 3 - start);
}

void np_heapsnapshot_put_edges(struct np_buf *out, const struct np_snapshot_edge *edges, size_t count)
{
	char *start = np_buf_room(out, count * EDGE_BYTES), *at = start;
	for (size_t i = 0; i < count; i++) {
		*at++ = ',';
		*at++ = (char)('0' + edges[i].type);
		*at++ = ',';
		at = number_put(at, edges[i].name);
		*at++ = ',';
		at = number_put(at, (uint64_t)edges[i].to * NP_HEAPSNAPSHOT_NODE_FIELDS);
		*at++ = '\n';
	}
	out->len += (size_t)(at - start);
}

void np_heapsnapshot_put_location(struct np_buf *out, uint64_t node, int32_t script_id, int32_t line, int32_t column)
{
	if (script_id < 0 || line < 0 || column < 0)
		return;
	const uint64_t fields[] = {node * NP_HEAPSNAPSHOT_NODE_FIELDS, (uint32_t)script_id, (uint32_t)line, (uint32_t)column};
	char *start = np_buf_room(out, LOCATION_BYTES), *at = start;
	for (size_t i = 0; i < NP_ARRAY_LEN(fields); i++) {
		*at++ = ',';
		at = number_put(at, fields[i]);
	}
	*at++ = '\n';
	out->len += (size_t)(at - start);
}

/* --- strings --- */

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

/* In the byte: no control character, '"', '\\' or byte of a longer code point. */
static inline bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static inline uint64_t bytes_equal(uint64_t word, uint8_t byte)
{
	uint64_t x = word ^ (0x0101010101010101ull * byte);
	return (x - 0x0101010101010101ull) & ~x;
}

/* All eight bytes plain? May deny it wrongly (DEL beside), never claim it wrongly. */
static inline bool are_plain(uint64_t word)
{
	const uint64_t high = 0x8080808080808080ull;
	uint64_t bad = word | (word - 0x2020202020202020ull) | (word + 0x0101010101010101ull);
	return !((bad | bytes_equal(word, '"') | bytes_equal(word, '\\')) & high);
}

static char *plain_copy(char *to, const uint8_t **from, const uint8_t *end)
{
	const uint8_t *s = *from;
	for (uint64_t word; end - s >= 8; s += 8, to += 8) {
		memcpy(&word, s, 8);
		if (!are_plain(word))
			break;
		memcpy(to, &word, 8);
	}
	while (s < end && is_plain(*s))
		*to++ = (char)*s++;
	*from = s;
	return to;
}

void np_heapsnapshot_put_string(struct np_buf *out, const char *utf8, size_t bytes)
{
	const uint8_t *s = (const uint8_t *)utf8, *end = s + bytes;
	char *start = np_buf_room(out, bytes * ESCAPED_BYTES + 4), *at = start;
	memcpy(at, ",\n\"", 3);
	at += 3;
	for (at = plain_copy(at, &s, end); s < end; at = plain_copy(at, &s, end)) {
		uint32_t cp;
		s += utf8_decode(s, (size_t)(end - s), &cp);
		at = code_point_put(at, cp);
	}
	*at++ = '"';
	out->len += (size_t)(at - start);
}
