/* Machine code as text: control flow, rip-relative operands, symbols, bytes that are no code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "v8/machine_disasm.h"

#define LINES_MAX 64

struct lines {
	size_t count, stop_at;
	struct np_machine_insn insn[LINES_MAX];
	char text[LINES_MAX][128];
	size_t covered; /* bytes */
};

static bool line_add(void *ctx, const struct np_machine_insn *insn)
{
	struct lines *lines = ctx;

	lines->covered += insn->length;
	if (lines->count < LINES_MAX) {
		lines->insn[lines->count] = *insn;
		strncpy(lines->text[lines->count], insn->text, sizeof(lines->text[0]) - 1);
	}
	return ++lines->count != lines->stop_at;
}

static bool symbol_name(void *ctx, np_addr address, struct np_buf *out)
{
	if (address != 0x2000)
		return false;
	np_buf_puts(out, "Builtins_Call");
	return true;
}

static void disasm(const uint8_t *bytes, size_t len, struct lines *lines)
{
	struct np_machine_callbacks cb = {lines, symbol_name, line_add};
	size_t stop_at = lines->stop_at;

	memset(lines, 0, sizeof(*lines));
	lines->stop_at = stop_at;
	assert_null(np_machine_disasm(0x1000, bytes, len, &cb));
}

static void test_control_flow(void **state)
{
	const uint8_t code[] = {
		0x55,				    /* 1000 push rbp */
		0xe8, 0xfa, 0x0f, 0x00, 0x00,	    /* 1001 call 2000 */
		0x74, 0xf8,			    /* 1006 je 1000 */
		0xeb, 0x00,			    /* 1008 jmp 100a */
		0xff, 0xe0,			    /* 100a jmp rax */
		0xff, 0x15, 0xee, 0x0f, 0x00, 0x00, /* 100c call [rip+fee] = 2000 */
		0xc3,				    /* 1012 ret */
	};
	struct lines lines = {0};

	disasm(code, sizeof(code), &lines);
	assert_int_equal(lines.count, 7);
	assert_string_equal(lines.text[0], "push rbp");
	assert_false(lines.insn[0].is_call || lines.insn[0].is_jump || lines.insn[0].is_return);
	assert_string_equal(lines.text[1], "call 0x2000 <Builtins_Call>");
	assert_true(lines.insn[1].is_call && lines.insn[1].has_target && !lines.insn[1].is_jump);
	assert_int_equal(lines.insn[1].target, 0x2000);
	assert_string_equal(lines.text[2], "je 0x1000");
	assert_true(lines.insn[2].is_jump && lines.insn[2].is_conditional && lines.insn[2].has_target);
	assert_int_equal(lines.insn[2].target, 0x1000);
	assert_true(lines.insn[3].is_jump && !lines.insn[3].is_conditional);
	assert_int_equal(lines.insn[3].target, 0x100a);
	assert_string_equal(lines.text[4], "jmp rax");
	assert_true(lines.insn[4].is_jump && !lines.insn[4].has_target && !lines.insn[4].is_conditional);
	assert_true(lines.insn[5].is_call && !lines.insn[5].has_target && lines.insn[5].has_memory);
	assert_int_equal(lines.insn[5].memory, 0x2000);
	assert_non_null(strstr(lines.text[5], "# 0x2000 <Builtins_Call>"));
	assert_true(lines.insn[6].is_return);
	assert_int_equal(lines.insn[6].address, 0x1012);
}

static void test_bytes_that_are_no_code(void **state)
{
	/* 06 is not an instruction in 64-bit mode; the last one is cut off. */
	const uint8_t code[] = {0x06, 0x90, 0x48, 0xb8, 1, 2};
	struct lines lines = {0};

	disasm(code, sizeof(code), &lines);
	assert_string_equal(lines.text[0], ".byte 0x06");
	assert_false(lines.insn[0].valid);
	assert_int_equal(lines.insn[0].length, 1);
	assert_string_equal(lines.text[1], "nop");
	assert_int_equal(lines.insn[1].address, 0x1001);
	assert_string_equal(lines.text[2], ".byte 0x48");
	assert_int_equal(lines.covered, sizeof(code));
	disasm(NULL, 0, &lines);
	assert_int_equal(lines.count, 0);
}

static void test_stop(void **state)
{
	const uint8_t code[] = {0x90, 0x90, 0x90, 0x90};
	struct lines lines = {.stop_at = 2};

	disasm(code, sizeof(code), &lines);
	assert_int_equal(lines.count, 2);
}

static void test_garbage(void **state)
{
	uint32_t seed = 3;

	for (int round = 0; round < 500; round++) {
		size_t len = (seed >> 9) % 200;
		uint8_t *bytes = np_xmalloc(len ? len : 1);
		struct lines lines = {0};

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525u + 1013904223u;
			bytes[i] = (uint8_t)(seed >> 20);
		}
		disasm(bytes, len, &lines);
		assert_int_equal(lines.covered, len); /* every byte is in one line */
		free(bytes);
		seed = seed * 1664525u + 1013904223u;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_flow),
		cmocka_unit_test(test_bytes_that_are_no_code),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
