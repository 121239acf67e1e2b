/* Perf maps: sizes, overlaps, growth, torn lines, garbage, whom a file belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "format/perf_map.h"
#include "format/side_file.h"

static np_perf_map *parse(const char *text)
{
	np_perf_map *map = NULL;
	assert_null(np_perf_map_parse(text, strlen(text), &map));
	return map;
}

/* Name at an address, "" none; one of few that are kept. */
static const char *name_at(const np_perf_map *map, np_addr addr)
{
	static char texts[4][256];
	static int next;
	char *text = texts[next++ % 4];
	const struct np_code_symbol *s = np_perf_map_find(map, addr);
	snprintf(text, sizeof(texts[0]), "%.*s", s ? (int)s->name_bytes : 0, s ? s->name : "");
	return text;
}

static void test_sizes(void **state)
{
	np_perf_map *map = parse("1000 10 a\n2000 8 b c  d\n3d278f93e100 288 JS:*last /x.js:1:2\n");
	assert_int_equal(np_perf_map_count(map), 3);
	assert_string_equal(name_at(map, 0xfff), "");
	assert_string_equal(name_at(map, 0x1000), "a");
	assert_string_equal(name_at(map, 0x100f), "a");
	assert_string_equal(name_at(map, 0x1010), "");
	assert_string_equal(name_at(map, 0x2007), "b c  d");
	assert_string_equal(name_at(map, 0x2008), "");
	assert_string_equal(name_at(map, 0x3d278f93e387), "JS:*last /x.js:1:2");
	assert_string_equal(name_at(map, 0x3d278f93e388), "");
	assert_string_equal(name_at(map, UINT64_MAX), "");
	np_perf_map_close(map);
}

static void test_later_wins(void **state)
{
	np_perf_map *map = parse("1000 100 old\n1040 20 middle\n10f0 20 end\nff0 20 begin\n1040 20 again\n1044 4 inner\n");
	const char *want[][2] = {{"ff0", "begin"}, {"100f", "begin"}, {"1010", "old"}, {"103f", "old"}, {"1040", "again"},
				 {"1043", "again"}, {"1044", "inner"}, {"1047", "inner"}, {"1048", "again"}, {"105f", "again"},
				 {"1060", "old"}, {"10ef", "old"}, {"10f0", "end"}, {"110f", "end"}, {"1110", ""}};
	for (size_t i = 0; i < NP_ARRAY_LEN(want); i++)
		assert_string_equal(name_at(map, strtoull(want[i][0], NULL, 16)), want[i][1]);
	np_perf_map_close(map);
}

static void test_odd_lines(void **state)
{
	np_perf_map *map = parse("garbage\n0x4000 0x10 prefixed\n\n5000 10\n5000 10 \nffffffffffffff00 ffff top\n"
				 "11112222333344445 10 too long\n6000 0 empty\n7000 10 dos\r\n8000 10 torn");
	assert_string_equal(name_at(map, 0x4000), "prefixed");
	assert_string_equal(name_at(map, 0x5000), "");
	assert_string_equal(name_at(map, 0xffffffffffffff80), "top");
	assert_string_equal(name_at(map, 0x6000), "");
	assert_string_equal(name_at(map, 0x7000), "dos");
	assert_string_equal(name_at(map, 0x8000), "torn");
	assert_int_equal(np_perf_map_bad_lines(map), 4);
	np_perf_map_close(map);
	/* a torn line without a name says nothing, and is no fault */
	map = parse("1000 10 a\n200");
	assert_int_equal(np_perf_map_count(map), 1);
	np_perf_map_close(map);
	map = parse("");
	assert_null(np_perf_map_find(map, 0x1000));
	np_perf_map_close(map);
	np_err *err = np_perf_map_parse("\x7f" "ELF\0\0\nnothing\n", 15, &map);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	assert_non_null(strstr(np_err_message(err), "line 1"));
	np_err_free(err);
}

/* Against the plain rule: of all lines that cover an address, the last. */
static void test_random(void **state)
{
	enum { LINES = 600, SPACE = 4096 };
	uint32_t seed = 7, starts[LINES], sizes[LINES];
	char *text = np_xmalloc(LINES * 32), *p = text;
	for (int i = 0; i < LINES; i++) {
		seed = seed * 1664525 + 1013904223;
		starts[i] = seed >> 8 & (SPACE - 1);
		sizes[i] = (seed >> 20) % (i % 3 ? 24 : 300);
		p += sprintf(p, "%x %x f%d\n", starts[i], sizes[i], i);
	}
	np_perf_map *map = parse(text);
	for (uint32_t addr = 0; addr < SPACE + 400; addr++) {
		char want[16] = "";
		for (int i = 0; i < LINES; i++)
			if (addr >= starts[i] && addr - starts[i] < sizes[i])
				sprintf(want, "f%d", i);
		assert_string_equal(name_at(map, addr), want);
	}
	np_perf_map_close(map);
	free(text);
}

static void put(const char *path, const char *mode, const char *text)
{
	FILE *f = fopen(path, mode);
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_growth(void **state)
{
	char folder[] = "/tmp/nopsy-map-XXXXXX", path[64];
	np_perf_map *map;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/perf-77.map", folder);
	put(path, "w", "1000 10 a\n2000 10 bl");
	assert_null(np_perf_map_open(path, NP_UID_NONE, &map));
	assert_int_equal(np_perf_map_pid(map), 77);
	assert_string_equal(name_at(map, 0x2000), "bl");
	assert_false(np_perf_map_refresh(map));
	put(path, "a", "ue\n3000 10 c\n40");
	assert_true(np_perf_map_refresh(map));
	assert_string_equal(name_at(map, 0x1000), "a");
	assert_string_equal(name_at(map, 0x2000), "blue");
	assert_string_equal(name_at(map, 0x3000), "c");
	assert_string_equal(name_at(map, 0x40), "");
	put(path, "a", "00 10 d\n1008 10 e\n");
	assert_true(np_perf_map_refresh(map));
	assert_string_equal(name_at(map, 0x4000), "d");
	assert_string_equal(name_at(map, 0x1007), "a");
	assert_string_equal(name_at(map, 0x1008), "e");
	/* another process with that number */
	put(path, "w", "1000 10 new\n");
	assert_true(np_perf_map_refresh(map));
	assert_string_equal(name_at(map, 0x1000), "new");
	assert_string_equal(name_at(map, 0x4000), "");
	unlink(path);
	assert_false(np_perf_map_refresh(map));
	assert_string_equal(name_at(map, 0x1000), "new");
	np_perf_map_close(map);
	rmdir(folder);
}

static enum np_code open_code(const char *path)
{
	np_perf_map *map;
	np_err *err = np_perf_map_open(path, NP_UID_NONE, &map);
	if (!err)
		np_perf_map_close(map);
	return err ? np_err_drop(err) : 0;
}

static void test_trust(void **state)
{
	char folder[] = "/tmp/nopsy-map-XXXXXX", path[64], link_path[64];
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/perf-1.map", folder);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	put(path, "w", "1000 10 a\n");
	assert_int_equal(symlink(path, link_path), 0);
	assert_int_equal(open_code(link_path), 0);
	assert_int_equal(open_code(folder), NP_EFORMAT);
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(open_code(path), 0);
	assert_int_equal(open_code(link_path), NP_EPERM);
	if (geteuid() == 0) { /* only root may give a file away */
		assert_int_equal(chown(path, 12345, 12345), 0);
		assert_int_equal(open_code(path), NP_EPERM);
		np_perf_map *map;
		assert_null(np_perf_map_open(path, 12345, &map));
		np_perf_map_close(map);
	}
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_code(path), NP_EPERM);
	unlink(path);
	assert_int_equal(open_code(path), NP_ENOTFOUND);
	unlink(link_path);
	rmdir(folder);
}

static void test_pids(void **state)
{
	const struct {
		const char *path;
		int pid;
	} cases[] = {{"/tmp/perf-4242.map", 4242}, {"perf-1.map", 1}, {"/x/jit-77.dump", 77}, {"/tmp/perf-.map", 0},
		     {"/tmp/perf-12", 0}, {"/tmp/jitted-12-3.so", 12}, {"/perf-9.map/x", 0}, {"", 0}};
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++)
		assert_int_equal(np_side_file_pid(cases[i].path, strlen(cases[i].path)), cases[i].pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),  cmocka_unit_test(test_later_wins), cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_random), cmocka_unit_test(test_growth),	  cmocka_unit_test(test_trust),
		cmocka_unit_test(test_pids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
