/*
 * Deoptimisation translations and safepoint tables: bytes taken from running
 * processes of Node 8.17.0, 16.20.2 and 20.20.2, and what V8 itself printed of
 * them (--print-opt-code --print-code-verbose).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "v8/translation_format.h"
#include "v8/translation_safepoint.h"

/* inner() and never() inlined into outer(); in 11.3 all translations of the code, as one refers to another. */
static const uint8_t bytes_6_2[] = {
	0x00, 0x10, 0x0c, 0x04, 0x68, 0x08, 0x1c, 0x48, 0x0c, 0x48, 0x0e, 0x48, 0x0a, 0x48, 0x06, 0x48, 0x08, 0x60, 0x0c, 0x60,
	0x10, 0x60, 0x10, 0x60, 0x10, 0x60, 0x10, 0x60, 0x10, 0x60, 0x10, 0x1c, 0x00, 0x10, 0x60, 0x14, 0x60, 0x18, 0x48, 0x0a,
	0x48, 0x14, 0x48, 0x06, 0x04, 0x30, 0x00, 0x0c, 0x60, 0x14, 0x60, 0x18, 0x48, 0x0a, 0x48, 0x14, 0x60, 0x1c, 0x4c, 0x10,
	0x60, 0x10, 0x60, 0x10, 0x04, 0x3c, 0x04, 0x18, 0x60, 0x20, 0x60, 0x18, 0x48, 0x14, 0x60, 0x1c, 0x60, 0x10, 0x60, 0x10,
	0x60, 0x1c, 0x60, 0x10, 0x60, 0x10, 0x30, 0x00,
};
static const uint8_t bytes_9_4[] = {
	0x06, 0x08, 0x06, 0x00, 0x24, 0x2e, 0x0a, 0x0c, 0x00, 0x02, 0x30, 0x06, 0x30, 0x03, 0x30, 0x05, 0x30, 0x07, 0x30, 0x0c,
	0x2c, 0x0c, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x0e, 0x00, 0x00, 0x08, 0x2c, 0x10, 0x2c,
	0x12, 0x30, 0x05, 0x30, 0x0e, 0x30, 0x07, 0x24, 0x12, 0x00, 0x04, 0x00, 0x02, 0x2c, 0x10, 0x2c, 0x12, 0x30, 0x05, 0x30,
	0x0e, 0x2c, 0x14, 0x1e, 0x0a, 0x2c, 0x0e, 0x2c, 0x0e, 0x24, 0x18, 0x02, 0x0a, 0x00, 0x02, 0x2c, 0x16, 0x2c, 0x12, 0x30,
	0x0e, 0x2c, 0x14, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x14, 0x2c, 0x0e, 0x2c, 0x0e, 0x2c, 0x0e,
};
static const uint8_t bytes_11_3[] = {
	0x02, 0x00, 0x02, 0x02, 0x18, 0x1a, 0x0a, 0x0c, 0x1f, 0x06, 0x1f, 0x03, 0x1e, 0x09, 0x1f, 0x07, 0x1f, 0x0a, 0x1d, 0x0c,
	0x1c, 0x1d, 0x0e, 0x1c, 0x1e, 0x01, 0x1c, 0x1e, 0x09, 0x02, 0x1d, 0x06, 0x04, 0x18, 0x2e, 0x0a, 0x0c, 0x2b, 0x1c, 0x25,
	0x1c, 0x25, 0x1c, 0x0e, 0x00, 0x08, 0x1d, 0x0e, 0x1d, 0x10, 0x1e, 0x09, 0x1e, 0x01, 0x1f, 0x07, 0x18, 0x04, 0x00, 0x04,
	0x1d, 0x0e, 0x1d, 0x10, 0x1e, 0x09, 0x1e, 0x01, 0x1d, 0x12, 0x1c, 0x1c, 0x1e, 0x09, 0x02, 0x00, 0x08, 0x06, 0x17, 0x2e,
	0x0a, 0x0c, 0x00, 0x02, 0x1f, 0x06, 0x1f, 0x03, 0x1f, 0x05, 0x1f, 0x07, 0x1f, 0x0a, 0x1d, 0x0c, 0x1c, 0x1c, 0x1c, 0x1c,
	0x1c, 0x1c, 0x0e, 0x00, 0x08, 0x1d, 0x0e, 0x1d, 0x10, 0x1f, 0x05, 0x1f, 0x0c, 0x1f, 0x07, 0x17, 0x12, 0x00, 0x04, 0x00,
	0x02, 0x1d, 0x0e, 0x1d, 0x10, 0x1f, 0x05, 0x1f, 0x0c, 0x1d, 0x12, 0x10, 0x0e, 0x1c, 0x1c, 0x17, 0x18, 0x02, 0x0a, 0x00,
	0x02, 0x1d, 0x14, 0x1d, 0x10, 0x1f, 0x0c, 0x1d, 0x12, 0x1c, 0x1c, 0x1d, 0x12, 0x1c, 0x1c, 0x1c, 0x02, 0x52, 0x08, 0x06,
	0x18, 0x2e, 0x0a, 0x0c, 0x36, 0x18, 0x12, 0x00, 0x04, 0x2c, 0x18, 0x24, 0x02, 0x0a, 0x2b, 0x1e, 0x00, 0x26, 0x02, 0x68,
	0x08, 0x06, 0x18, 0x2e, 0x0a, 0x0c, 0x36, 0x18, 0x12, 0x00, 0x04, 0x2c, 0x18, 0x24, 0x02, 0x0a, 0x2b, 0x1e, 0x00, 0x26,
	0x02, 0x7e, 0x06, 0x04, 0x18, 0x2e, 0x0a, 0x0c, 0x36, 0x18, 0x20, 0x00, 0x04, 0x29, 0x1c, 0x1e, 0x01, 0x10, 0x0e, 0x02,
	0x91, 0x01, 0x06, 0x04, 0x18, 0x2e, 0x0a, 0x0c, 0x36, 0x18, 0x20, 0x00, 0x04, 0x29, 0x1c, 0x1e, 0x01, 0x10, 0x0e, 0x02,
	0xa5, 0x01, 0x02, 0x02, 0x18, 0x03, 0x0a, 0x0c, 0x29, 0x1c, 0x2a,
};
static const uint8_t safepoints_9_4[] = {
	0x05, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xeb, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0xbf, 0x02, 0x00, 0x00,
	0x6c, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x40, 0x02, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00,
	0xc6, 0x02, 0x00, 0x00, 0x57, 0x02, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x02, 0x00, 0x00,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0x00, 0x02, 0x02, 0x00,
};
static const uint8_t safepoints_11_3[] = {
	0x05, 0x00, 0x00, 0x00, 0xa1, 0x04, 0x00, 0x00, 0xd6, 0x00, 0x07, 0x70, 0x02, 0x51, 0x01, 0x00, 0x00, 0x00, 0x16, 0x02,
	0x08, 0x74, 0x02, 0x25, 0x02, 0x00, 0x00, 0x00, 0x48, 0x02, 0x00, 0x00, 0x00, 0x06, 0x00, 0x04, 0x04, 0x00,
};

static const struct np_translation_table *table_of(int major, int minor)
{
	const struct np_translation_table *table = NULL;
	assert_null(np_translation_table_for(major, minor, &table));
	return table;
}

/* J js frame, A arguments frame, L literal, S tagged, I int32 slot, - lost; with the first operand. */
static void put(char *out, size_t size, const struct np_translation_command *c)
{
	static const char letters[] = {
		[NP_TRANSLATION_JS_FRAME] = 'J',    [NP_TRANSLATION_ARGUMENTS_FRAME] = 'A', [NP_TRANSLATION_LITERAL] = 'L',
		[NP_TRANSLATION_TAGGED_SLOT] = 'S', [NP_TRANSLATION_INT32_SLOT] = 'I',	    [NP_TRANSLATION_LOST] = '-',
	};
	size_t n = strlen(out);
	char letter = letters[c->opcode->kind];
	assert_int_not_equal(letter, 0);
	if (letter == '-' || letter == 'A')
		snprintf(out + n, size - n, " %c", letter);
	else
		snprintf(out + n, size - n, " %c%d", letter, c->operand[0]);
}

static void check(int major, int minor, const uint8_t *bytes, size_t len, size_t at, const char *want)
{
	struct np_translation_reader r;
	struct np_translation_command c;
	char got[1024] = "";
	np_translation_reader_init(&r, table_of(major, minor), bytes, len, at);
	assert_true(np_translation_read(&r, &c));
	assert_int_equal(c.opcode->kind, NP_TRANSLATION_BEGIN);
	while (np_translation_read(&r, &c) && c.opcode->kind != NP_TRANSLATION_BEGIN)
		put(got, sizeof(got), &c);
	assert_string_equal(got, want);
}

static void test_commands(void **state)
{
	check(6, 2, bytes_6_2, sizeof(bytes_6_2), 0,
	      " J26 S3 S-3 S-2 S-1 S2 L3 L4 L4 L4 L4 L4 L4 A L5 L6 S-2 S5 S-1 J12 L5 L6 S-2 S5 L7 I4 L4 L4"
	      " J15 L8 L6 S5 L7 L4 L4 L7 L4 L4 -");
	check(9, 4, bytes_9_4, sizeof(bytes_9_4), 0,
	      " J23 S3 S-1 S-2 S-3 S6 L6 L7 L7 L7 L7 L7 L7 A L8 L9 S-2 S7 S-3 J9 L8 L9 S-2 S7 L10 I5 L7 L7"
	      " J12 L11 L9 S7 L10 L7 L7 L10 L7 L7 L7");
}

static void test_match_previous(void **state)
{
	check(11, 3, bytes_11_3, sizeof(bytes_11_3), 200,
	      " J23 S3 S-1 S-2 S-3 S5 L6 - - - - - - A L7 L8 S-2 S6 S-3 J16 L7 L8 S-2 S6 L9 - - I7");
	/* its distance leads before the first byte */
	struct np_translation_reader r;
	struct np_translation_command c;
	np_translation_reader_init(&r, table_of(11, 3), bytes_11_3 + 200, sizeof(bytes_11_3) - 200, 0);
	assert_false(np_translation_read(&r, &c));
}

static void test_tables(void **state)
{
	const struct np_translation_table *table;
	assert_int_equal(np_err_drop(np_translation_table_for(99, 9, &table)), NP_EMISSING);
	for (size_t i = 0; i < np_translation_table_count; i++) {
		const struct np_translation_table *t = &np_translation_tables[i];
		int begins = 0;
		for (int k = 0; k < t->opcode_count; k++) {
			assert_true(t->opcodes[k].operand_count <= NP_TRANSLATION_OPERANDS);
			begins += t->opcodes[k].kind == NP_TRANSLATION_BEGIN;
			if (t->opcodes[k].kind == NP_TRANSLATION_MATCH_PREVIOUS)
				assert_int_equal(k, t->opcode_count - 1);
		}
		assert_in_range(begins, 1, 2);
	}
}

/* Maglev code of Node 23.0.0 (V8 12.9): four calls, each with a byte of pushed registers. */
static const uint8_t safepoints_12_9[] = {
	0x04, 0x00, 0x00, 0x00, 0xa1, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x27, 0x00, 0x07, 0x95,
	0x02, 0x00, 0x3c, 0x01, 0x08, 0x99, 0x02, 0x00, 0x22, 0x02, 0x09, 0x9d, 0x02, 0x01, 0x70, 0x02, 0x00, 0x00, 0x00, 0x01,
};

static void test_maglev_safepoints(void **state)
{
	const struct np_packed_safepoints maglev = {.bytes = safepoints_12_9, .len = sizeof(safepoints_12_9),
						    .words_after = 2, .is_maglev = true};
	static const uint32_t pcs[] = {0x27, 0x13c, 0x222, 0x270};
	uint32_t pc;
	int32_t index;
	assert_true(np_packed_safepoint_find(&maglev, 0x13c, &pc, &index));
	assert_int_equal(index, 7);
	assert_true(np_packed_safepoint_find(&maglev, 0x29c, &pc, &index)); /* a trampoline */
	assert_int_equal(pc, 0x222);
	assert_false(np_packed_safepoint_find(&maglev, 0x270, &pc, &index)); /* no deopt */
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(np_packed_safepoint_pc(&maglev, i, &pc));
		assert_int_equal(pc, pcs[i]);
	}
	assert_false(np_packed_safepoint_pc(&maglev, 4, &pc));
}

/* V8s between the latest ones of two majors whose opcodes are those of a neighbour. */
static void test_same_opcodes(void **state)
{
	static const int same[][4] = {{7, 0, 6, 8}, {8, 1, 7, 8}, {10, 1, 9, 4}, {12, 4, 11, 8}, {14, 1, 13, 6}};
	const struct np_translation_table *a, *b;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_null(np_translation_table_for(same[i][0], same[i][1], &a));
		assert_null(np_translation_table_for(same[i][2], same[i][3], &b));
		assert_int_equal(a->opcode_count, b->opcode_count);
		for (int k = 0; k < a->opcode_count; k++)
			assert_string_equal(a->opcodes[k].name, b->opcodes[k].name);
	}
	assert_null(np_translation_table_for(12, 9, &a));
	assert_int_equal(a->opcode_count, 44);
}

static void test_safepoints(void **state)
{
	const struct np_packed_safepoints packed = {.bytes = safepoints_11_3, .len = sizeof(safepoints_11_3)};
	uint32_t pc = 0;
	int32_t index = -1;
	assert_true(np_wide_safepoint_find(safepoints_9_4, sizeof(safepoints_9_4), 0xeb, &pc, &index));
	assert_int_equal(index, 7);
	assert_true(np_wide_safepoint_find(safepoints_9_4, sizeof(safepoints_9_4), 0x2c6, &pc, &index)); /* a trampoline */
	assert_int_equal(index, 8);
	assert_int_equal(pc, 0x240);
	assert_false(np_wide_safepoint_find(safepoints_9_4, sizeof(safepoints_9_4), 0x16c, &pc, &index)); /* no deopt */
	assert_false(np_wide_safepoint_find(safepoints_9_4, sizeof(safepoints_9_4), 0xec, &pc, &index));
	assert_true(np_packed_safepoint_find(&packed, 0xd6, &pc, &index));
	assert_int_equal(index, 6);
	assert_true(np_packed_safepoint_find(&packed, 0x273, &pc, &index));
	assert_int_equal(index, 7);
	assert_int_equal(pc, 0x216);
	assert_false(np_packed_safepoint_find(&packed, 0x151, &pc, &index));
	uint32_t calls = 0;
	bool seen = false;
	for (; np_wide_safepoint_pc(safepoints_9_4, sizeof(safepoints_9_4), calls, &pc); calls++)
		seen |= pc == 0x240;
	assert_true(seen);
	assert_int_equal(calls, safepoints_9_4[0]);
	assert_false(np_wide_safepoint_pc(safepoints_9_4, 7, 0, &pc));
}

/* Damaged bytes end, within bounds (the copies have exactly their size, so that a sanitizer sees more). */
static void test_damage(void **state)
{
	static const struct {
		const uint8_t *bytes;
		size_t len;
	} all[] = {{bytes_6_2, sizeof(bytes_6_2)},
		   {bytes_9_4, sizeof(bytes_9_4)},
		   {bytes_11_3, sizeof(bytes_11_3)},
		   {safepoints_9_4, sizeof(safepoints_9_4)},
		   {safepoints_11_3, sizeof(safepoints_11_3)}};
	uint32_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		seed = seed * 1664525 + 1013904223;
		size_t which = (seed >> 8) % 5, len = all[which].len - (seed >> 12) % 8;
		const struct np_translation_table *table = &np_translation_tables[(seed >> 16) % np_translation_table_count];
		uint8_t *copy = malloc(len);
		memcpy(copy, all[which].bytes, len);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525 + 1013904223;
			copy[(seed >> 8) % len] = (uint8_t)(seed >> 24);
		}
		struct np_translation_reader r;
		struct np_translation_command c;
		np_translation_reader_init(&r, table, copy, len, (seed >> 4) % len);
		int commands = 0;
		while (np_translation_read(&r, &c) && commands < 100000)
			commands++;
		assert_true(commands < 100000);
		struct np_packed_safepoints packed = {.bytes = copy, .len = len, .words_before = seed >> 30,
						      .words_after = seed >> 28 & 3, .is_maglev = seed & 1};
		uint32_t pc;
		int32_t index;
		np_packed_safepoint_find(&packed, seed & 0xff, &pc, &index);
		np_wide_safepoint_find(copy, len, seed & 0xff, &pc, &index);
		np_packed_safepoint_pc(&packed, seed >> 8 & 0xf, &pc);
		np_wide_safepoint_pc(copy, len, seed >> 8 & 0xf, &pc);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands), cmocka_unit_test(test_match_previous), cmocka_unit_test(test_tables),
		cmocka_unit_test(test_safepoints), cmocka_unit_test(test_maglev_safepoints), cmocka_unit_test(test_same_opcodes), cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
