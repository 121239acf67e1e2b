/* The writer of heap snapshots: what the file says, and what is left behind when it fails; parts in order from threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/ordered.h"
#include "format/heapsnapshot.h"

static char dir[64];

static int dir_make(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/nopsy-heapsnapshot-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int entries_remove(bool remove_them)
{
	int n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[512];
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (remove_them)
			unlink(path);
		n++;
	}
	closedir(d);
	return n;
}

static int dir_remove(void **state)
{
	(void)state;
	entries_remove(true);
	return rmdir(dir);
}

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static char *file_text(const char *path)
{
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	long n = ftell(f);
	rewind(f);
	char *text = np_xcalloc(1, (size_t)n + 1);
	assert_int_equal(fread(text, 1, (size_t)n, f), n);
	fclose(f);
	return text;
}

static void records_append(np_heapsnapshot *file, struct np_buf *b)
{
	assert_true(np_heapsnapshot_append(file, b));
	np_buf_clear(b);
}

static void two_nodes(np_heapsnapshot *file)
{
	struct np_buf b = {0};
	np_heapsnapshot_head(file, 2, 2);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_NODES);
	np_heapsnapshot_put_node(&b, &(struct np_snapshot_node){.type = 9, .name = 1, .id = 1, .edge_count = 2});
	records_append(file, &b);
	np_heapsnapshot_put_node(&b, &(struct np_snapshot_node){.type = 3, .name = 2, .id = 4294967295u, .self_bytes = 12345678901ull});
	records_append(file, &b);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_EDGES);
	records_append(file, &b); /* nothing is no record */
	np_heapsnapshot_put_edges(&b, (struct np_snapshot_edge[]){{1, 7, 1}, {2, 3, 0}}, 2);
	records_append(file, &b);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_LOCATIONS);
	np_heapsnapshot_put_location(&b, 0, -1, 5, 6); /* readers take no signs */
	np_heapsnapshot_put_location(&b, 1, 12, 0, 100);
	records_append(file, &b);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_STRINGS);
	np_buf_deinit(&b);
}

static void string_append(np_heapsnapshot *file, const char *text, size_t bytes)
{
	struct np_buf b = {0};
	np_heapsnapshot_put_string(&b, text, bytes);
	records_append(file, &b);
	np_buf_deinit(&b);
}

static void test_text(void **state)
{
	np_heapsnapshot *file;
	uint64_t bytes;
	struct stat st;
	(void)state;
	assert_null(np_heapsnapshot_create(path_of("a.heapsnapshot"), &file));
	two_nodes(file);
	string_append(file, "<dummy>", 7);
	string_append(file, "", 0);
	string_append(file, "a\"b\\c\n\t\x01\x7f/</script>", 19);
	/* e acute, a Chinese sign, one beyond the first plane; half a sequence; a surrogate */
	string_append(file, "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80|\xe4\xb8|\xed\xa0\x80", 16);
	/* what is plain is copied eight bytes at a time */
	string_append(file, "eight by\x7fight by\"eight byt\\eight by\xc3\xa9\x1f", 38);
	int unnamed = open(dir, O_TMPFILE | O_WRONLY, 0600);
	if (unnamed >= 0) { /* the file system can: no name before it is whole */
		close(unnamed);
		assert_int_equal(entries_remove(false), 0);
	}
	assert_null(np_heapsnapshot_finish(file, &bytes));
	np_heapsnapshot_destroy(file);
	assert_int_equal(stat(path_of("a.heapsnapshot"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, bytes);
	char *text = file_text(path_of("a.heapsnapshot"));
	assert_non_null(strstr(text, "\"node_count\":2,\"edge_count\":2,"));
	assert_non_null(strstr(text, "\"nodes\":[9,1,1,0,2,0\n,3,2,4294967295,12345678901,0,0\n],\n\"edges\":[1,7,6\n,2,3,0\n],"));
	assert_non_null(strstr(text, "\"locations\":[6,12,0,100\n],"));
	assert_non_null(strstr(text, "\"strings\":[\"<dummy>\",\n\"\",\n\"a\\\"b\\\\c\\n\\t\\u0001\\u007F/</script>\",\n"
				     "\"\\u00E9\\u4E2D\\uD83D\\uDE00|\\uFFFD\\uFFFD|\\uFFFD\",\n"
				     "\"eight by\\u007Fight by\\\"eight byt\\\\eight by\\u00E9\\u001F\"]}\n"));
	free(text);
	assert_int_equal(entries_remove(false), 1);
}

/* Every number of digits, and numbers on both sides of it. */
static void test_numbers(void **state)
{
	struct np_buf b = {0};
	char expected[256];
	(void)state;
	for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10)
		for (int d = -1; d < 2; d++) {
			uint64_t n = power + (uint64_t)d;
			struct np_snapshot_node node = {.name = (uint32_t)n, .id = (uint32_t)(n / 3), .self_bytes = n};
			struct np_snapshot_edge edge = {6, (uint32_t)n, (uint32_t)n};
			np_buf_clear(&b);
			np_heapsnapshot_put_node(&b, &node);
			np_heapsnapshot_put_edges(&b, &edge, 1);
			snprintf(expected, sizeof(expected), ",0,%u,%u,%llu,0,0\n,6,%u,%llu\n", node.name, node.id, (unsigned long long)n,
				 edge.name, (unsigned long long)edge.to * 6);
			assert_int_equal(b.len, strlen(expected));
			assert_memory_equal(b.data, expected, b.len);
		}
	np_buf_deinit(&b);
}

/* To a pipe, whose reader goes away: an error, and no end of the program. */
static void test_pipe(void **state)
{
	struct np_buf b = {0};
	uint64_t bytes;
	int fds[2];
	char text[64] = "";
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	np_heapsnapshot *file = np_heapsnapshot_on(fds[1], "a pipe");
	np_heapsnapshot_head(file, 1, 0);
	assert_int_equal(read(fds[0], text, 19), 19); /* it comes at once */
	assert_string_equal(text, "{\"snapshot\":{\"meta\"");
	close(fds[0]);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_NODES);
	np_heapsnapshot_put_node(&b, &(struct np_snapshot_node){.type = 9});
	assert_false(np_heapsnapshot_append(file, &b));
	np_buf_deinit(&b);
	np_err *err = np_heapsnapshot_finish(file, &bytes);
	assert_int_equal(np_err_code(err), NP_EIO);
	assert_non_null(strstr(np_err_message(err), "a pipe"));
	np_err_free(err);
	np_heapsnapshot_destroy(file);
	assert_int_equal(close(fds[1]), 0); /* it is the caller's */
}

/* --- parts in order --- */

enum { PARTS = 1000, PART_OF_MANY = 500, MANY = 10 };

struct parts {
	size_t taken, ends_at;
	size_t slots[64]; /* 1 + what a slot has; 0: nothing */
	size_t pieces;	  /* of PART_OF_MANY */
	atomic_size_t made;
	bool is_wrong;
};

static void part_make(void *ctx, np_ordered *loop, size_t item, unsigned worker, size_t slot)
{
	struct parts *p = ctx;
	p->is_wrong |= p->slots[slot] != 0 || worker >= 4;
	p->slots[slot] = item + 1;
	p->made++;
	for (int i = 1; item == PART_OF_MANY && i < MANY; i++) {
		if (!np_ordered_take_part(loop, item))
			return;
		p->slots[slot] = item + 1;
	}
	for (volatile int i = 0; i < (int)(item % 7) * 1000; i++) /* some take longer */
		;
}

static bool part_take(void *ctx, size_t item, size_t slot)
{
	struct parts *p = ctx;
	p->is_wrong |= p->slots[slot] != item + 1 || (item != p->taken && !(item == PART_OF_MANY && p->taken == item + 1));
	p->taken = item + 1;
	p->pieces += item == PART_OF_MANY;
	p->slots[slot] = 0;
	return item != p->ends_at;
}

static void test_ordered(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct parts p = {.ends_at = SIZE_MAX};
		struct np_ordered_loop loop = {PARTS, threads, part_make, part_take, &p};
		assert_true(np_ordered_run(&loop));
		assert_int_equal(p.taken, PARTS);
		assert_int_equal(p.pieces, MANY);
		assert_false(p.is_wrong);
		struct parts ended = {.ends_at = 300};
		loop.ctx = &ended;
		assert_false(np_ordered_run(&loop));
		assert_int_equal(ended.taken, 301);
		assert_true(ended.made <= 301 + np_ordered_slots(threads));
		struct parts ended_inside = {.ends_at = PART_OF_MANY};
		loop.ctx = &ended_inside;
		assert_false(np_ordered_run(&loop));
		assert_int_equal(ended_inside.pieces, 1);
		loop.count = 0;
		assert_true(np_ordered_run(&loop));
	}
}

/* A write that fails is told in the end, and leaves nothing. */
static void test_full(void **state)
{
	struct np_buf b = {0};
	uint64_t bytes;
	(void)state;
	int fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	np_heapsnapshot *file = np_heapsnapshot_on(fd, "/dev/full");
	np_heapsnapshot_head(file, 0, 0);
	np_heapsnapshot_begin(file, NP_HEAPSNAPSHOT_NODES);
	assert_false(np_heapsnapshot_append(file, &b));
	np_err *err = np_heapsnapshot_finish(file, &bytes);
	assert_non_null(strstr(np_err_message(err), "No space left"));
	np_err_free(err);
	np_heapsnapshot_destroy(file);
	close(fd);
}

static void test_given_up(void **state)
{
	np_heapsnapshot *file;
	(void)state;
	assert_null(np_heapsnapshot_create(path_of("c"), &file));
	two_nodes(file);
	np_heapsnapshot_destroy(file);
	assert_int_equal(entries_remove(false), 0);
	np_err *err = np_heapsnapshot_create("/nonexistent/dir/file", &file);
	assert_int_equal(np_err_code(err), NP_EIO);
	assert_non_null(strstr(np_err_message(err), "/nonexistent/dir/file"));
	np_err_free(err);
	err = np_heapsnapshot_create("/dev/null", &file);
	assert_int_equal(np_err_code(err), NP_EUSAGE);
	np_err_free(err);
}

/* Where the file system has files without names: nothing is left of a process that was killed. */
static void test_killed(void **state)
{
	(void)state;
	int status, unnamed = open(dir, O_TMPFILE | O_WRONLY, 0600);
	if (unnamed < 0)
		skip();
	close(unnamed);
	pid_t pid = fork();
	if (pid == 0) {
		np_heapsnapshot *file;
		if (np_err_drop(np_heapsnapshot_create(path_of("killed"), &file)))
			_exit(1);
		np_heapsnapshot_head(file, 1, 1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(entries_remove(false), 0);
}

static void test_replaces(void **state)
{
	np_heapsnapshot *file;
	uint64_t bytes;
	struct stat st;
	char target[256];
	(void)state;
	FILE *f = fopen(path_of("old"), "w");
	fputs("what was there", f);
	fclose(f);
	chmod(path_of("old"), 0644);
	strcpy(target, path_of("old"));
	assert_int_equal(symlink(target, path_of("link")), 0);
	assert_null(np_heapsnapshot_create(path_of("link"), &file));
	two_nodes(file);
	char *text = file_text(target);
	assert_string_equal(text, "what was there");
	free(text);
	string_append(file, "", 0);
	assert_null(np_heapsnapshot_finish(file, &bytes));
	np_heapsnapshot_destroy(file);
	assert_int_equal(lstat(path_of("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, bytes);
	assert_int_equal(entries_remove(false), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, dir_make, dir_remove),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_ordered),
		cmocka_unit_test(test_full),
		cmocka_unit_test_setup_teardown(test_given_up, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(test_killed, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(test_replaces, dir_make, dir_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
