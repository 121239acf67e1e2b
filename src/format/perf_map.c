#include "format/perf_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "format/side_file.h"

enum { READ_BYTES = 1 << 20, SAMPLE_EVERY = 16, SAMPLE_LEVELS = 2 };
/* A map of more is no map: 32 bits number its entries. */
#define MAP_BYTES_MAX ((uint64_t)64 << 30)

struct chunk {
	char *data;
	size_t bytes, cap;
};

struct np_perf_map {
	char *path; /* NULL: of bytes */
	int fd;	    /* -1 none */
	bool regular;
	int64_t process_uid;
	dev_t device;
	ino_t inode;
	uint64_t read_bytes; /* of the file */

	NP_VEC(struct chunk) chunks;
	NP_VEC(struct np_code_symbol) entries;
	size_t whole;	  /* entries that came from whole lines; one more may come from a torn one */
	size_t lines, bad_lines, first_bad; /* number of lines so far; those that are no entries */

	/* segments */
	np_addr *starts, *ends;
	uint32_t *owners;
	size_t segment_count;
	np_addr *samples[SAMPLE_LEVELS]; /* each SAMPLE_EVERY-th of the starts, and of the level below */
	size_t sample_counts[SAMPLE_LEVELS];
};

/* --- lines --- */

static const char *hex_parse(const char *p, const char *end, uint64_t *ret)
{
	uint64_t n = 0;
	const char *from = p;
	if (end - p > 2 && p[0] == '0' && (p[1] | 32) == 'x')
		from = p += 2;
	for (; p < end; p++) {
		unsigned c = (unsigned char)*p, digit;
		if (c - '0' < 10)
			digit = c - '0';
		else if ((c | 32) - 'a' < 6)
			digit = (c | 32) - 'a' + 10;
		else
			break;
		if (n >> 60)
			return NULL;
		n = n << 4 | digit;
	}
	*ret = n;
	return p > from ? p : NULL;
}

static const char *blanks_skip(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* "START SIZE name" */
static bool entry_parse(const char *p, const char *end, struct np_code_symbol *ret)
{
	uint64_t start, size;
	const char *next = hex_parse(blanks_skip(p, end), end, &start);
	if (!next || (p = blanks_skip(next, end)) == next)
		return false;
	next = hex_parse(p, end, &size);
	if (!next || next == end || (*next != ' ' && *next != '\t'))
		return false;
	p = next + 1; /* a name may begin with blanks: "JS:* /a.js" does not, but others might */
	while (end > p && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	if (p == end)
		return false;
	size_t bytes = (size_t)(end - p);
	*ret = (struct np_code_symbol){.start = start, .size_bytes = size, .name = p,
				       .name_bytes = bytes < NP_CODE_NAME_MAX ? (uint32_t)bytes : NP_CODE_NAME_MAX};
	return true;
}

static void line_take(np_perf_map *map, const char *p, const char *end)
{
	struct np_code_symbol entry;
	map->lines++;
	if (p == end)
		return;
	if (entry_parse(p, end, &entry)) {
		if (map->entries.len < UINT32_MAX)
			np_vec_push(&map->entries, entry);
	} else if (!map->bad_lines++) {
		map->first_bad = map->lines;
	}
}

/* All lines of the last chunk from `from` on; returns where the unfinished one begins. */
static size_t lines_take(np_perf_map *map, const struct chunk *chunk, size_t from)
{
	const char *p = chunk->data + from, *end = chunk->data + chunk->bytes, *newline;
	map->entries.len = map->whole;
	while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
		line_take(map, p, newline);
		p = newline + 1;
	}
	map->whole = map->entries.len;
	struct np_code_symbol torn;
	if (p < end && map->entries.len < UINT32_MAX && entry_parse(p, end, &torn))
		np_vec_push(&map->entries, torn);
	return (size_t)(p - chunk->data);
}

/* --- segments --- */

struct key {
	np_addr start;
	uint32_t entry;
};

/* By start, entries of one start in their order; only the bytes that differ are sorted by. */
static struct key *keys_sort(struct key *keys, struct key *other, size_t n)
{
	uint64_t all = ~(uint64_t)0, any = 0;
	for (size_t i = 0; i < n; i++) {
		all &= keys[i].start;
		any |= keys[i].start;
	}
	for (int shift = 0; shift < 64; shift += 8) {
		if (!((all ^ any) >> shift & 255))
			continue;
		size_t at[256] = {0}, sum = 0;
		for (size_t i = 0; i < n; i++)
			at[keys[i].start >> shift & 255]++;
		for (int d = 0; d < 256; d++) {
			size_t count = at[d];
			at[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			other[at[keys[i].start >> shift & 255]++] = keys[i];
		struct key *swap = keys;
		keys = other;
		other = swap;
	}
	return keys;
}

static np_addr entry_end(const struct np_code_symbol *entry)
{
	return entry->size_bytes > UINT64_MAX - entry->start ? UINT64_MAX : entry->start + entry->size_bytes;
}

/* Entries that reach the sweep's place, the latest on top. */
struct heap {
	uint32_t *items;
	size_t len;
};

static void heap_push(struct heap *h, uint32_t item)
{
	size_t i = h->len++;
	while (i > 0 && h->items[(i - 1) / 2] < item) {
		h->items[i] = h->items[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->items[i] = item;
}

static void heap_pop(struct heap *h)
{
	uint32_t item = h->items[--h->len];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->len)
			break;
		if (child + 1 < h->len && h->items[child + 1] > h->items[child])
			child++;
		if (h->items[child] <= item)
			break;
		h->items[i] = h->items[child];
		i = child;
	}
	if (h->len)
		h->items[i] = item;
}

static void segment_add(np_perf_map *map, np_addr start, np_addr end, uint32_t owner)
{
	size_t n = map->segment_count;
	if (start >= end)
		return;
	if (n && map->owners[n - 1] == owner && map->ends[n - 1] == start) {
		map->ends[n - 1] = end;
		return;
	}
	map->starts[n] = start;
	map->ends[n] = end;
	map->owners[n] = owner;
	map->segment_count++;
}

/* Between two places where an entry begins or the topmost ends, one entry covers all. */
static void segments_sweep(np_perf_map *map, const struct key *keys, size_t n)
{
	struct heap heap = {.items = np_xmalloc((n + 1) * sizeof(*heap.items))};
	np_addr at = 0;
	size_t next = 0;
	while (next < n || heap.len) {
		if (!heap.len)
			at = keys[next].start;
		while (next < n && keys[next].start <= at)
			heap_push(&heap, keys[next++].entry);
		uint32_t top = heap.items[0];
		np_addr end = entry_end(&map->entries.data[top]);
		if (end <= at) {
			heap_pop(&heap);
			continue;
		}
		if (next < n && keys[next].start < end)
			end = keys[next].start;
		segment_add(map, at, end, top);
		at = end;
	}
	free(heap.items);
}

/* A look-up that goes through all starts would wait for memory at nearly every step. */
static void samples_build(np_perf_map *map)
{
	const np_addr *below = map->starts;
	size_t n = map->segment_count;
	for (int level = 0; level < SAMPLE_LEVELS; level++) {
		size_t count = (n + SAMPLE_EVERY - 1) / SAMPLE_EVERY;
		np_addr *samples = np_xmalloc((count + 1) * sizeof(*samples));
		for (size_t i = 0; i < count; i++)
			samples[i] = below[i * SAMPLE_EVERY];
		map->samples[level] = samples;
		map->sample_counts[level] = count;
		below = samples;
		n = count;
	}
}

static void segments_drop(np_perf_map *map)
{
	free(map->starts);
	free(map->ends);
	free(map->owners);
	for (int level = 0; level < SAMPLE_LEVELS; level++)
		free(map->samples[level]);
}

static void segments_build(np_perf_map *map)
{
	size_t n = map->entries.len;
	segments_drop(map);
	/* each entry begins one segment at most, and uncovers one at its end */
	map->starts = np_xmalloc_huge((2 * n + 1) * sizeof(*map->starts));
	map->ends = np_xmalloc_huge((2 * n + 1) * sizeof(*map->ends));
	map->owners = np_xmalloc_huge((2 * n + 1) * sizeof(*map->owners));
	map->segment_count = 0;
	struct key *keys = np_xmalloc_huge((n + 1) * sizeof(*keys)), *other = np_xmalloc_huge((n + 1) * sizeof(*other));
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct key){map->entries.data[i].start, (uint32_t)i};
	segments_sweep(map, keys_sort(keys, other, n), n);
	free(keys);
	free(other);
	samples_build(map);
}

/* The last of n that is not above addr; the first one is not. */
static size_t last_below(const np_addr *of, size_t n, np_addr addr)
{
	size_t base = 0;
	while (n > 1) {
		size_t half = n / 2;
		base += of[base + half] <= addr ? half : 0;
		n -= half;
	}
	return base;
}

const struct np_code_symbol *np_perf_map_find(const np_perf_map *map, np_addr addr)
{
	if (!map->segment_count || addr < map->starts[0])
		return NULL;
	size_t at = last_below(map->samples[SAMPLE_LEVELS - 1], map->sample_counts[SAMPLE_LEVELS - 1], addr);
	for (int level = SAMPLE_LEVELS - 1; level-- >= 0;) {
		const np_addr *of = level >= 0 ? map->samples[level] : map->starts;
		size_t n = level >= 0 ? map->sample_counts[level] : map->segment_count, from = at * SAMPLE_EVERY;
		at = from + last_below(of + from, n - from < SAMPLE_EVERY ? n - from : SAMPLE_EVERY, addr);
	}
	return addr < map->ends[at] ? &map->entries.data[map->owners[at]] : NULL;
}

/* --- files --- */

static struct chunk *chunk_new(np_perf_map *map, size_t cap)
{
	np_vec_push(&map->chunks, (struct chunk){.data = np_xmalloc_huge(cap), .cap = cap});
	return &map->chunks.data[map->chunks.len - 1];
}

/* Appends what can be read now.  A pipe is read to its end. */
static np_err *chunk_fill(np_perf_map *map, struct chunk *chunk)
{
	for (;;) {
		if (chunk->bytes == chunk->cap) {
			if (chunk->cap >= MAP_BYTES_MAX)
				return np_err_new(NP_ELIMIT, "'%s' is larger than %llu GiB", map->path,
						  (unsigned long long)(MAP_BYTES_MAX >> 30));
			chunk->cap += chunk->cap / 2 + READ_BYTES;
			chunk->data = np_xrealloc(chunk->data, chunk->cap);
		}
		size_t room = chunk->cap - chunk->bytes;
		ssize_t n = map->regular ? pread(map->fd, chunk->data + chunk->bytes, room, (off_t)map->read_bytes)
					 : read(map->fd, chunk->data + chunk->bytes, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return np_err_sys(NP_EIO, "reading '%s'", map->path);
		if (n == 0)
			return NULL;
		chunk->bytes += (size_t)n;
		map->read_bytes += (size_t)n;
	}
}

/* A chunk of its own for what was appended, so that older names stay where they are; the torn line begins it. */
static np_err *take_appended(np_perf_map *map)
{
	struct stat st;
	size_t expect = READ_BYTES, carry = 0;
	const char *from = NULL;
	if (map->regular && !fstat(map->fd, &st) && st.st_size >= 0 && (uint64_t)st.st_size > map->read_bytes)
		expect = (size_t)((uint64_t)st.st_size - map->read_bytes) + 4096;
	if (expect > MAP_BYTES_MAX)
		return np_err_new(NP_ELIMIT, "'%s' is larger than %llu GiB", map->path,
				  (unsigned long long)(MAP_BYTES_MAX >> 30));
	if (map->chunks.len) {
		struct chunk *last = &map->chunks.data[map->chunks.len - 1];
		const char *newline = last->bytes ? memrchr(last->data, '\n', last->bytes) : NULL;
		from = newline ? newline + 1 : last->data;
		carry = last->bytes - (size_t)(from - last->data);
	}
	struct chunk *chunk = chunk_new(map, carry + expect);
	if (carry)
		memcpy(chunk->data, from, carry);
	chunk->bytes = carry;
	np_err *err = chunk_fill(map, chunk);
	lines_take(map, chunk, 0);
	return err;
}

static void contents_drop(np_perf_map *map)
{
	for (size_t i = 0; i < map->chunks.len; i++)
		free(map->chunks.data[i].data);
	map->chunks.len = 0;
	map->entries.len = map->whole = 0;
	map->lines = map->bad_lines = map->first_bad = 0;
	map->read_bytes = 0;
}

static np_err *file_open(np_perf_map *map)
{
	struct stat st;
	int fd;
	bool regular;
	NP_TRY(np_side_file_open(map->path, map->process_uid, &fd, &regular));
	if (map->fd >= 0)
		close(map->fd);
	map->fd = fd;
	map->regular = regular;
	if (fstat(fd, &st))
		return np_err_sys(NP_EIO, "looking at '%s'", map->path);
	map->device = st.st_dev;
	map->inode = st.st_ino;
	return NULL;
}

static np_perf_map *map_create(void)
{
	np_perf_map *map = np_xcalloc(1, sizeof(*map));
	map->fd = -1;
	map->process_uid = NP_UID_NONE;
	return map;
}

static np_err *contents_check(const np_perf_map *map)
{
	if (map->entries.len || !map->bad_lines)
		return NULL;
	return np_err_new(NP_EFORMAT, "%s%s%sno perf map: line %zu is not `START SIZE name` with both numbers in hex",
			  map->path ? "'" : "", map->path ? map->path : "", map->path ? "' is " : "", map->first_bad);
}

np_err *np_perf_map_parse(const char *text, size_t bytes, np_perf_map **ret)
{
	np_perf_map *map = map_create();
	struct chunk *chunk = chunk_new(map, bytes + 1);
	if (bytes)
		memcpy(chunk->data, text, bytes);
	chunk->bytes = bytes;
	lines_take(map, chunk, 0);
	segments_build(map);
	np_err *err = contents_check(map);
	if (err) {
		np_perf_map_close(map);
		return err;
	}
	*ret = map;
	return NULL;
}

np_err *np_perf_map_open(const char *path, int64_t process_uid, np_perf_map **ret)
{
	np_perf_map *map = map_create();
	map->path = np_xstrdup(path);
	map->process_uid = process_uid;
	np_err *err = file_open(map);
	if (!err)
		err = take_appended(map);
	if (!err)
		err = contents_check(map);
	if (err) {
		np_perf_map_close(map);
		return err;
	}
	segments_build(map);
	*ret = map;
	return NULL;
}

void np_perf_map_close(np_perf_map *map)
{
	if (!map)
		return;
	contents_drop(map);
	np_vec_deinit(&map->chunks);
	np_vec_deinit(&map->entries);
	segments_drop(map);
	free(map->path);
	if (map->fd >= 0)
		close(map->fd);
	free(map);
}

/* A process that starts under a number that was used before truncates the old file, or makes a new one. */
static bool was_replaced(const np_perf_map *map)
{
	struct stat at_path, ours;
	if (fstat(map->fd, &ours))
		return false;
	if ((uint64_t)ours.st_size < map->read_bytes)
		return true;
	return !stat(map->path, &at_path) && (at_path.st_dev != map->device || at_path.st_ino != map->inode);
}

bool np_perf_map_refresh(np_perf_map *map)
{
	struct stat st;
	if (!map->path || !map->regular)
		return false;
	bool replaced = was_replaced(map);
	if (replaced) {
		/* what cannot be opened again, or must not be, stays as it was */
		if (np_err_drop(file_open(map)))
			return false;
		contents_drop(map);
	} else if (fstat(map->fd, &st) || (uint64_t)st.st_size <= map->read_bytes) {
		return false;
	}
	np_err_free(take_appended(map));
	segments_build(map);
	return true;
}

const char *np_perf_map_path(const np_perf_map *map)
{
	return map->path ? map->path : "";
}

int np_perf_map_pid(const np_perf_map *map)
{
	return map->path ? (int)np_side_file_pid(map->path, strlen(map->path)) : 0;
}

size_t np_perf_map_count(const np_perf_map *map)
{
	return map->entries.len;
}

size_t np_perf_map_bad_lines(const np_perf_map *map)
{
	return map->bad_lines;
}
