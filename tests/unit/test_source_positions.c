/* Source position tables: each encoding byte by byte, edges, damage. Tables of real V8s: test_bytecode.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "v8/source_positions.h"

static const struct np_position_format v8_6_8 = {false, false, 0};
static const struct np_position_format v8_7_8 = {true, false, 0};
static const struct np_position_format v8_13_6 = {true, false, -1};
static const struct np_position_format v8_14_6 = {true, true, -1};

static void expect_next(struct np_positions *it, int32_t offset, int32_t script, bool statement, bool breakable)
{
	struct np_position pos;

	assert_true(np_positions_next(it, &pos));
	assert_int_equal(pos.code_offset, offset);
	assert_int_equal(pos.script_offset, script);
	assert_int_equal(pos.is_statement, statement);
	assert_int_equal(pos.is_breakable, breakable);
}

static void expect_end(struct np_positions *it, bool damaged)
{
	struct np_position pos;

	assert_false(np_positions_next(it, &pos));
	assert_int_equal(it->damaged, damaged);
	assert_false(np_positions_next(it, &pos));
}

static void test_signed(void **state)
{
	/* Steps +3 statement (zig-zag 6), +5 expression (-6: 11); positions +11 (22), -4 (7). */
	const uint8_t table[] = {6, 22, 11, 7}, even[] = {6, 20};
	struct np_positions it;

	np_positions_start(&it, table, sizeof(table), v8_6_8);
	expect_next(&it, 3, 10, true, true);
	expect_next(&it, 8, 6, false, false);
	expect_end(&it, false);
	/* Where bit 0 says external, 11 is such a place, and 11 - 4 too. */
	np_positions_start(&it, table, sizeof(table), v8_7_8);
	expect_next(&it, 3, -1, true, true);
	expect_next(&it, 8, -1, false, false);
	expect_end(&it, false);
	np_positions_start(&it, even, sizeof(even), v8_7_8);
	expect_next(&it, 3, 4, true, true);
	expect_end(&it, false);
}

static void test_entry_of_the_function(void **state)
{
	/* Step 0 expression (-1: 1), position +22 (44); step +1 statement, +2 (4). */
	const uint8_t table[] = {1, 44, 2, 4};
	struct np_positions it;
	struct np_position pos;
	bool exact;

	np_positions_start(&it, table, sizeof(table), v8_13_6);
	expect_next(&it, -1, 10, false, false);
	expect_next(&it, 0, 11, true, true);
	expect_end(&it, false);
	assert_true(np_positions_find(table, sizeof(table), v8_13_6, -1, &pos, &exact));
	assert_true(exact);
	assert_int_equal(pos.script_offset, 10);
	assert_false(np_positions_find(table, sizeof(table), v8_13_6, -2, &pos, &exact));
}

static void test_unsigned(void **state)
{
	/* (step << 2) | breakable << 1 | statement */
	const uint8_t table[] = {(1 << 2) | 3, 44, (4 << 2) | 2, 4, (2 << 2) | 1, 4, 0x80 | ((100 << 2) & 0x7f), 3, 4};
	struct np_positions it;

	np_positions_start(&it, table, sizeof(table), v8_14_6);
	expect_next(&it, 0, 10, true, true);
	expect_next(&it, 4, 11, false, false);
	expect_next(&it, 6, 12, true, false);
	expect_next(&it, 106, 13, false, false);
	expect_end(&it, false);
}

static void test_find(void **state)
{
	const uint8_t table[] = {20, 22, 20, 2, 20, 2}; /* 10: 10, 20: 11, 30: 12 */
	struct np_position pos = {.script_offset = 77};
	bool exact = true;

	assert_false(np_positions_find(table, sizeof(table), v8_6_8, 9, &pos, &exact));
	assert_int_equal(pos.script_offset, 77);
	assert_true(np_positions_find(table, sizeof(table), v8_6_8, 10, &pos, &exact));
	assert_int_equal(pos.script_offset, 10);
	assert_true(exact);
	assert_true(np_positions_find(table, sizeof(table), v8_6_8, 19, &pos, &exact));
	assert_int_equal(pos.script_offset, 10);
	assert_false(exact);
	assert_true(np_positions_find(table, sizeof(table), v8_6_8, INT32_MAX, &pos, NULL));
	assert_int_equal(pos.script_offset, 12);
	assert_false(np_positions_find(table, 0, v8_6_8, 10, &pos, &exact));
}

static void test_words(void **state)
{
	struct np_position pos;

	np_position_from_word(v8_13_6, (uint64_t)3 << 31 | 101 << 1, &pos);
	assert_int_equal(pos.script_offset, 100);
	assert_int_equal(pos.inlining_id, 3);
	assert_false(pos.is_external);
	np_position_from_word(v8_13_6, 0, &pos);
	assert_int_equal(pos.script_offset, -1);
	assert_int_equal(pos.inlining_id, 0);
	np_position_from_word(v8_13_6, 101 << 1 | 1, &pos);
	assert_true(pos.is_external);
	assert_int_equal(pos.script_offset, -1);
	np_position_from_word(v8_6_8, (uint64_t)3 << 31 | 101, &pos);
	assert_int_equal(pos.script_offset, 100);
	assert_int_equal(pos.inlining_id, 3);
	assert_false(pos.is_external);
	np_position_from_word(v8_13_6, UINT64_MAX, &pos);
	assert_true(pos.is_external);
	assert_int_equal(pos.inlining_id, 0xffff);
}

static void test_damaged(void **state)
{
	const uint8_t cut[] = {6, 22, 11}, cut_inside[] = {6, 0x80};
	const uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
	const uint8_t far[] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 2};
	const uint8_t twice[] = {0xfe, 0xff, 0xff, 0xff, 0x0f, 2, 0xfe, 0xff, 0xff, 0xff, 0x0f, 2};
	struct np_positions it;

	np_positions_start(&it, cut, sizeof(cut), v8_6_8);
	expect_next(&it, 3, 10, true, true);
	expect_end(&it, true);
	np_positions_start(&it, cut_inside, sizeof(cut_inside), v8_6_8);
	expect_end(&it, true);
	np_positions_start(&it, endless, sizeof(endless), v8_6_8);
	expect_end(&it, true);
	np_positions_start(&it, far, sizeof(far), v8_6_8);
	expect_end(&it, true);
	np_positions_start(&it, far, sizeof(far), v8_14_6);
	expect_end(&it, true);
	np_positions_start(&it, twice, sizeof(twice), v8_6_8);
	expect_next(&it, INT32_MAX, 0, true, true);
	expect_end(&it, true);
	np_positions_start(&it, NULL, 0, v8_6_8);
	expect_end(&it, false);
}

static void test_garbage(void **state)
{
	const struct np_position_format formats[] = {v8_6_8, v8_7_8, v8_13_6, v8_14_6};
	uint32_t seed = 7;

	for (int round = 0; round < 4000; round++) {
		size_t len = (seed >> 9) % 40;
		uint8_t *bytes = np_xmalloc(len ? len : 1); /* exact, for the sanitizer */
		struct np_position pos;
		struct np_positions it;
		size_t entries = 0;
		int32_t last = -1;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = (uint8_t)(seed >> 20);
		}
		np_positions_start(&it, bytes, len, formats[round % 4]);
		while (np_positions_next(&it, &pos)) {
			assert_true(pos.code_offset >= last);
			last = pos.code_offset;
			entries++;
		}
		assert_true(entries <= len / 2);
		np_positions_find(bytes, len, formats[round % 4], (int32_t)(seed % 100), &pos, NULL);
		free(bytes);
		seed = seed * 1664525u + 1013904223u;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_entry_of_the_function),
		cmocka_unit_test(test_unsigned),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
