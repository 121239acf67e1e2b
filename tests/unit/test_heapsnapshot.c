/* The writer of heap snapshots: what the file says, and what is left behind when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
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

static void two_nodes(np_heapsnapshot *file)
{
	np_heapsnapshot_edge(file, 1, 7, 1);
	np_heapsnapshot_edge(file, 2, 3, 0);
	np_heapsnapshot_node(file, &(struct np_heapsnapshot_node){.type = 9, .name = 1, .id = 1});
	assert_true(np_heapsnapshot_next(file));
	np_heapsnapshot_node(file, &(struct np_heapsnapshot_node){
					   .type = 3, .name = 2, .id = 4294967295u, .self_bytes = 12345678901ull, .detachedness = 2});
	np_heapsnapshot_location(file, 12, 0, 100);
	assert_true(np_heapsnapshot_next(file));
}

static void test_text(void **state)
{
	np_heapsnapshot *file;
	struct np_heapsnapshot_counts counts;
	struct stat st;
	(void)state;
	assert_null(np_heapsnapshot_create(path_of("a.heapsnapshot"), &file));
	two_nodes(file);
	assert_true(np_heapsnapshot_string(file, "<dummy>", 7));
	assert_true(np_heapsnapshot_string(file, "", 0));
	assert_true(np_heapsnapshot_string(file, "a\"b\\c\n\t\x01\x7f/</script>", 19));
	/* e acute, a Chinese sign, one beyond the first plane; half a sequence; a surrogate */
	assert_true(np_heapsnapshot_string(file, "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80|\xe4\xb8|\xed\xa0\x80", 16));
	assert_null(np_heapsnapshot_finish(file, &counts));
	np_heapsnapshot_destroy(file);
	assert_int_equal(counts.nodes, 2);
	assert_int_equal(counts.edges, 2);
	assert_int_equal(counts.locations, 1);
	assert_int_equal(counts.strings, 4);
	assert_int_equal(stat(path_of("a.heapsnapshot"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, counts.bytes);
	char *text = file_text(path_of("a.heapsnapshot"));
	assert_non_null(strstr(text, "\"node_count\":         2,\"edge_count\":         2,"));
	assert_non_null(strstr(text, "\"nodes\":[9,1,1,0,2,0\n,3,2,4294967295,12345678901,0,2\n],\n\"edges\":[1,7,6\n,2,3,0\n],"));
	assert_non_null(strstr(text, "\"locations\":[6,12,0,100\n],"));
	assert_non_null(strstr(text, "\"strings\":[\"<dummy>\",\n\"\",\n\"a\\\"b\\\\c\\n\\t\\u0001\\u007F/</script>\",\n"
				     "\"\\u00E9\\u4E2D\\uD83D\\uDE00|\\uFFFD\\uFFFD|\\uFFFD\"]}\n"));
	free(text);
	assert_int_equal(entries_remove(false), 1);
}

/* Batches, buffers and the joining of sections at sizes that pass each of them. */
static void test_many(void **state)
{
	enum { NODES = 300000, WIDE = 500000 };
	np_heapsnapshot *file;
	struct np_heapsnapshot_counts counts;
	(void)state;
	assert_null(np_heapsnapshot_create(path_of("b"), &file));
	for (uint32_t i = 0; i < NODES; i++) {
		uint32_t edges = i == 1000 ? WIDE : i % 4;
		for (uint32_t k = 0; k < edges; k++)
			np_heapsnapshot_edge(file, k % 7, k, (i + k) % NODES);
		np_heapsnapshot_node(file, &(struct np_heapsnapshot_node){.type = i % 15, .name = i, .id = 2 * i + 1, .self_bytes = i});
		if (i % 3 == 0)
			np_heapsnapshot_location(file, 1, (int32_t)i, 2);
		assert_true(np_heapsnapshot_next(file));
	}
	assert_true(np_heapsnapshot_string(file, "x", 1));
	assert_null(np_heapsnapshot_finish(file, &counts));
	np_heapsnapshot_destroy(file);
	assert_int_equal(counts.nodes, NODES);
	assert_int_equal(counts.locations, NODES / 3);

	char *text = file_text(path_of("b")), *at = strstr(text, "\"nodes\":[");
	uint64_t edges = 0;
	assert_non_null(at);
	at += strlen("\"nodes\":[");
	for (uint32_t i = 0; i < NODES; i++) {
		uint64_t field[6];
		for (int k = 0; k < 6; k++)
			field[k] = strtoull(at + (i || k), &at, 10);
		assert_int_equal(field[2], 2 * i + 1);
		assert_int_equal(field[4], i == 1000 ? WIDE : i % 4);
		edges += field[4];
		assert_int_equal(*at++, '\n');
	}
	assert_int_equal(edges, counts.edges);
	at = strstr(at, "\"edges\":[") + strlen("\"edges\":[");
	for (uint32_t i = 0, n = 0; i < NODES; i++)
		for (uint32_t k = 0; k < (i == 1000 ? WIDE : i % 4); k++, n++) {
			assert_int_equal(strtoull(at + (n != 0), &at, 10), k % 7);
			assert_int_equal(strtoull(at + 1, &at, 10), k);
			assert_int_equal(strtoull(at + 1, &at, 10), (uint64_t)((i + k) % NODES) * 6);
			at++;
		}
	assert_int_equal(*at, ']');
	free(text);
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

static void test_replaces(void **state)
{
	np_heapsnapshot *file;
	struct np_heapsnapshot_counts counts;
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
	assert_true(np_heapsnapshot_string(file, "", 0));
	assert_null(np_heapsnapshot_finish(file, &counts));
	np_heapsnapshot_destroy(file);
	assert_int_equal(lstat(path_of("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(target, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, counts.bytes);
	assert_int_equal(entries_remove(false), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_text, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(test_many, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(test_given_up, dir_make, dir_remove),
		cmocka_unit_test_setup_teardown(test_replaces, dir_make, dir_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
