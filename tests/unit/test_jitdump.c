/* Jitdumps: what was where when, moves, lines, files that grow, end early or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "format/jitdump.h"
#include "format/side_file.h"

static void put32(struct np_buf *b, uint32_t v)
{
	np_buf_add(b, &v, sizeof(v));
}

static void put64(struct np_buf *b, uint64_t v)
{
	np_buf_add(b, &v, sizeof(v));
}

static void put_header(struct np_buf *b)
{
	const uint32_t words[] = {0x4a695444, 1, 40, 62, 0, 4242};
	for (size_t i = 0; i < 6; i++)
		put32(b, words[i]);
	put64(b, 0);
	put64(b, 0);
}

static void put_record(struct np_buf *b, uint32_t id, uint64_t time, const struct np_buf *body)
{
	put32(b, id);
	put32(b, (uint32_t)(16 + body->len));
	put64(b, time);
	np_buf_add(b, body->data, body->len);
}

static void put_load(struct np_buf *b, uint64_t time, uint64_t start, uint64_t size, uint64_t index, const char *name)
{
	struct np_buf body = {0};
	put32(&body, 4242);
	put32(&body, 4242);
	put64(&body, start);
	put64(&body, start);
	put64(&body, size);
	put64(&body, index);
	np_buf_add(&body, name, strlen(name) + 1);
	for (uint64_t i = 0; i < size && i < 64; i++)
		np_buf_putc(&body, (char)0xcc);
	put_record(b, 0, time, &body);
	np_buf_deinit(&body);
}

static void put_move(struct np_buf *b, uint64_t time, uint64_t from, uint64_t to, uint64_t size, uint64_t index)
{
	struct np_buf body = {0};
	put64(&body, 0);
	put64(&body, 0);
	put64(&body, from);
	put64(&body, to);
	put64(&body, size);
	put64(&body, index);
	put_record(b, 1, time, &body);
	np_buf_deinit(&body);
}

/* Two entries, the second one with the same file; shift is what V8 adds. */
static void put_debug(struct np_buf *b, uint64_t start, uint64_t shift)
{
	struct np_buf body = {0};
	put64(&body, start);
	put64(&body, 2);
	put64(&body, start + shift);
	put32(&body, 7);
	put32(&body, 3);
	np_buf_add(&body, "/a.js", 6);
	put64(&body, start + shift + 0x20);
	put32(&body, 9);
	put32(&body, 0);
	np_buf_add(&body, "\xff", 2);
	put_record(b, 2, 1, &body);
	np_buf_deinit(&body);
}

static np_err *open_bytes(const struct np_buf *b, char *path, np_jitdump **ret)
{
	strcpy(path, "/tmp/nopsy-jit-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, b->data, b->len), (ssize_t)b->len);
	close(fd);
	return np_jitdump_open(path, NP_UID_NONE, ret);
}

static void append(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "a");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static const char *name_at(const np_jitdump *dump, uint64_t addr, uint64_t time)
{
	static char text[256];
	struct np_jitdump_hit hit;
	np_jitdump_find(dump, addr, time, &hit);
	if (hit.symbol)
		assert_true(hit.from_ns <= time);
	assert_true(time < hit.to_ns || hit.to_ns == UINT64_MAX);
	snprintf(text, sizeof(text), "%.*s", hit.symbol ? (int)hit.symbol->name_bytes : 0, hit.symbol ? hit.symbol->name : "");
	return text;
}

static void test_times(void **state)
{
	struct np_buf b = {0};
	char path[64];
	np_jitdump *dump;
	put_header(&b);
	put_load(&b, 100, 0x1000, 0x40, 1, "first");
	put_load(&b, 200, 0x1020, 0x40, 2, "second");
	put_load(&b, 300, 0x1000, 0x10, 3, "third");
	put_move(&b, 400, 0x1020, 0x5000, 0x40, 2);
	put_load(&b, 150, 0x1000, 0x40, 4, "late in the file");
	assert_null(open_bytes(&b, path, &dump));
	assert_int_equal(np_jitdump_pid(dump), 4242);
	assert_string_equal(name_at(dump, 0x1000, 99), "");
	assert_string_equal(name_at(dump, 0x1000, 100), "first");
	assert_string_equal(name_at(dump, 0x1000, 150), "late in the file");
	assert_string_equal(name_at(dump, 0x1030, 199), "late in the file");
	assert_string_equal(name_at(dump, 0x1030, 200), "second");
	assert_string_equal(name_at(dump, 0x1000, 299), "late in the file");
	assert_string_equal(name_at(dump, 0x1000, 300), "third");
	assert_string_equal(name_at(dump, 0x1010, 300), "late in the file");
	assert_string_equal(name_at(dump, 0x5000, 399), "");
	assert_string_equal(name_at(dump, 0x5000, 400), "second");
	assert_string_equal(name_at(dump, 0x503f, NP_JITDUMP_LATEST), "second");
	assert_string_equal(name_at(dump, 0x5040, NP_JITDUMP_LATEST), "");
	assert_string_equal(name_at(dump, 0xfff, NP_JITDUMP_LATEST), "");
	np_jitdump_close(dump);
	unlink(path);
	np_buf_deinit(&b);
}

static void test_random(void **state)
{
	enum { LOADS = 300, SPACE = 512 };
	struct np_buf b = {0};
	char path[64], want[16];
	np_jitdump *dump;
	uint32_t seed = 3, start[LOADS], size[LOADS];
	put_header(&b);
	for (int i = 0; i < LOADS; i++) {
		seed = seed * 1664525 + 1013904223;
		start[i] = 1 + (seed >> 8) % SPACE;
		size[i] = 1 + (seed >> 20) % 60;
		snprintf(want, sizeof(want), "f%d", i);
		put_load(&b, (uint64_t)(10 * i + 10), start[i], size[i], (uint64_t)i, want);
	}
	assert_null(open_bytes(&b, path, &dump));
	for (uint32_t addr = 0; addr < SPACE + 70; addr++) {
		for (uint64_t time = 5; time < 10 * LOADS + 20; time += 15) {
			*want = '\0';
			for (int i = 0; i < LOADS && (uint64_t)(10 * i + 10) <= time; i++)
				if (addr >= start[i] && addr - start[i] < size[i])
					snprintf(want, sizeof(want), "f%d", i);
			assert_string_equal(name_at(dump, addr, time), want);
		}
	}
	np_jitdump_close(dump);
	unlink(path);
	np_buf_deinit(&b);
}

static void check_line(const np_jitdump *dump, uint64_t addr, int line, int column)
{
	struct np_jitdump_hit hit;
	struct np_jitdump_line found = {0};
	np_jitdump_find(dump, addr, NP_JITDUMP_LATEST, &hit);
	assert_int_equal(np_jitdump_line(dump, hit.load, addr, &found), line != 0);
	assert_int_equal(found.line, line);
	assert_int_equal(found.column, column);
	if (line)
		assert_string_equal(found.file, "/a.js");
}

static void test_lines(void **state)
{
	struct np_buf b = {0};
	char path[64];
	np_jitdump *dump;
	put_header(&b);
	put_debug(&b, 0x1000, 0x44);
	put_load(&b, 100, 0x1000, 0x80, 1, "of V8");
	put_load(&b, 100, 0x2000, 0x80, 2, "without lines");
	put_debug(&b, 0x3000, 0);
	put_load(&b, 100, 0x3000, 0x80, 3, "of others");
	put_debug(&b, 0x4000, 0);
	put_load(&b, 100, 0x4100, 0x80, 4, "not that record's");
	put_move(&b, 200, 0x1000, 0x9000, 0x80, 1);
	assert_null(open_bytes(&b, path, &dump));
	check_line(dump, 0x1000, 0, 0);
	check_line(dump, 0x1004, 7, 3);
	check_line(dump, 0x1023, 7, 3);
	check_line(dump, 0x1024, 9, 0);
	check_line(dump, 0x2000, 0, 0);
	check_line(dump, 0x3000, 7, 3);
	check_line(dump, 0x3020, 9, 0);
	check_line(dump, 0x4100, 0, 0);
	check_line(dump, 0x9024, 9, 0);
	np_jitdump_close(dump);
	unlink(path);
	np_buf_deinit(&b);
}

static void test_growth(void **state)
{
	struct np_buf b = {0}, more = {0};
	char path[64];
	np_jitdump *dump;
	uint64_t first, last;
	put_header(&b);
	assert_null(open_bytes(&b, path, &dump));
	assert_false(np_jitdump_times(dump, &first, &last));
	put_load(&more, 100, 0x1000, 0x40, 1, "first");
	append(path, more.data, 20);
	assert_false(np_jitdump_refresh(dump));
	assert_null(np_jitdump_problem(dump));
	append(path, more.data + 20, more.len - 20);
	assert_true(np_jitdump_refresh(dump));
	assert_string_equal(name_at(dump, 0x1000, 100), "first");
	assert_true(np_jitdump_times(dump, &first, &last));
	assert_int_equal(first, 100);
	np_jitdump_close(dump);
	unlink(path);
	np_buf_deinit(&b);
	np_buf_deinit(&more);
}

/* Every byte of a good file changed, and every length of it. */
static void test_damage(void **state)
{
	struct np_buf b = {0};
	char path[64];
	np_jitdump *dump;
	put_header(&b);
	put_debug(&b, 0x1000, 0x40);
	put_load(&b, 100, 0x1000, 0x40, 1, "first");
	put_move(&b, 200, 0x1000, 0x2000, 0x40, 1);
	for (size_t i = 0; i < 2 * b.len; i++) {
		struct np_buf bad = {0};
		np_buf_add(&bad, b.data, i < b.len ? b.len : i - b.len);
		if (i < b.len)
			bad.data[i] = (char)(bad.data[i] ^ 0xff);
		np_err *err = open_bytes(&bad, path, &dump);
		if (!err) {
			for (uint64_t addr = 0xff0; addr < 0x2050; addr += 8) {
				struct np_jitdump_hit hit;
				struct np_jitdump_line line;
				np_jitdump_find(dump, addr, 150, &hit);
				np_jitdump_line(dump, hit.load, addr, &line);
			}
			np_jitdump_close(dump);
		}
		np_err_free(err);
		unlink(path);
		np_buf_deinit(&bad);
	}
	np_buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),  cmocka_unit_test(test_random), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_growth), cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
