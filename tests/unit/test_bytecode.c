/*
 * Bytecode, source positions and baseline offsets against what V8 itself said:
 * tests/unit/bytecode/<V8>.tsv holds, for one V8 a file, tab-separated
 *
 *   sizes     Bytecodes::kBytecodeSizes of that binary
 *   runtime   id, name
 *   insn      parameters with receiver, offset, bytes, Smis of the constant pool, --print-bytecode's text
 *   function  parameters, bytes, offsets of its instructions, position table, positions that V8 printed
 *             (code offset : S statement, s not breakable, E expression : script offset)
 *   code      position table of optimised code, what --print-opt-code printed (offset : script offset :
 *             inlining id)
 *   baseline  bytecode offset table, bytecodes, return address : bytecode offset (checked against
 *             Error.stack when it was recorded)
 *
 * V8's text is in the style of V8 14, but feedback slots may lack their "FBV".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "mem/mem.h"
#include "v8/bytecode.h"
#include "v8/bytecode_runtime.h"
#include "v8/source_positions.h"

#define DATA "tests/unit/bytecode"
#define SMIS_MAX 64

struct expectation {
	int major, minor;
	const np_bytecode_table *table;
	struct np_position_format positions;
	char *runtime[4096];
	struct {
		uint32_t index;
		int32_t value;
	} smis[SMIS_MAX];
	uint32_t smi_count;
	unsigned insns, functions, codes, baselines;
};

static const char *const versions[] = {"6.0",  "6.2",  "6.8",  "7.8",  "8.4", "9.4",
				       "10.2", "11.3", "12.4", "13.6", "14.6"};

/* An exact copy on the heap, so that the sanitizer sees a read beyond it. */
static uint8_t *unhex(const char *hex, size_t *len)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = np_xmalloc(n ? n : 1);

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	*len = n;
	return bytes;
}

static const char *runtime_name(void *ctx, uint32_t id)
{
	struct expectation *e = ctx;

	return id < 4096 ? e->runtime[id] : NULL;
}

static bool pool_smi(void *ctx, uint32_t index, int32_t *ret)
{
	struct expectation *e = ctx;

	for (uint32_t i = 0; i < e->smi_count; i++) {
		if (e->smis[i].index == index) {
			*ret = e->smis[i].value;
			return true;
		}
	}
	return false;
}

static void smis_parse(struct expectation *e, const char *text)
{
	e->smi_count = 0;
	for (const char *p = text; p && *p != '-' && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		assert_true(e->smi_count < SMIS_MAX);
		assert_int_equal(sscanf(p, "%u=%d", &e->smis[e->smi_count].index, &e->smis[e->smi_count].value), 2);
		e->smi_count++;
	}
}

/* Without "FBV", which old versions do not print. */
static void plain(char *text)
{
	for (char *p = text; (p = strstr(p, "FBV["));)
		memmove(p, p + 3, strlen(p + 3) + 1);
}

static void check_insn(struct expectation *e, char **field)
{
	struct np_bytecode_names names = {.ctx = e, .smi = pool_smi, .runtime = runtime_name};
	uint32_t parameters = (uint32_t)atoi(field[1]), offset = (uint32_t)atoi(field[2]);
	size_t len;
	uint8_t *bytes = unhex(field[3], &len), *array = np_xcalloc(offset + len, 1);
	struct np_bytecode_insn insn;
	struct np_buf text = {0};

	memcpy(array + offset, bytes, len);
	smis_parse(e, field[4]);
	assert_null(np_bytecode_decode(e->table, array, offset + len, offset, parameters, &insn));
	assert_int_equal(insn.length, len);
	assert_int_equal(np_bytecode_size_at(e->table, array, offset + len, offset), len);
	np_bytecode_format(e->table, &insn, parameters, &names, &text);
	plain(text.data);
	assert_string_equal(text.data, field[5]);
	np_buf_deinit(&text);
	free(bytes);
	free(array);
	e->insns++;
}

static void check_offsets(struct expectation *e, const uint8_t *bytes, size_t len, const char *offsets)
{
	uint32_t offset = 0;
	const char *p = offsets;

	do {
		assert_int_equal(offset, atoi(p));
		p = strchr(p, ',');
		p = p ? p + 1 : NULL;
	} while (np_bytecode_next(e->table, bytes, len, &offset) && p);
	assert_null(p);
	assert_int_equal(offset + np_bytecode_size_at(e->table, bytes, len, offset), len);
}

static void check_positions(struct expectation *e, const uint8_t *table, size_t len, const char *text)
{
	struct np_positions it;
	struct np_position pos, found;
	bool exact;

	np_positions_start(&it, table, len, e->positions);
	for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		int offset, script;
		char kind;

		assert_int_equal(sscanf(p, "%d:%c:%d", &offset, &kind, &script), 3);
		do /* V8 prints no entry of the function's entry */
			assert_true(np_positions_next(&it, &pos));
		while (pos.code_offset < 0);
		assert_int_equal(pos.code_offset, offset);
		assert_int_equal(pos.script_offset, script);
		assert_int_equal(pos.inlining_id, 0);
		assert_int_equal(pos.is_statement, kind != 'E');
		assert_int_equal(pos.is_breakable, kind == 'S');
		assert_false(pos.is_external);
		assert_true(np_positions_find(table, len, e->positions, offset, &found, &exact));
		assert_true(exact);
		assert_int_equal(found.script_offset, script);
	}
	assert_false(np_positions_next(&it, &pos));
	assert_false(it.damaged);
}

static void check_function(struct expectation *e, char **field)
{
	size_t len, table_len;
	uint8_t *bytes = unhex(field[2], &len), *table = unhex(field[4], &table_len);

	check_offsets(e, bytes, len, field[3]);
	check_positions(e, table, table_len, field[5]);
	free(bytes);
	free(table);
	e->functions++;
}

static void check_code(struct expectation *e, char **field)
{
	size_t len;
	uint8_t *table = unhex(field[1], &len);
	struct np_positions it;
	struct np_position pos;

	np_positions_start(&it, table, len, e->positions);
	for (const char *p = field[2]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		int offset, script, inlining;

		assert_int_equal(sscanf(p, "%d:%d:%d", &offset, &script, &inlining), 3);
		assert_true(np_positions_next(&it, &pos));
		assert_int_equal(pos.code_offset, offset);
		assert_int_equal(pos.script_offset, script);
		assert_int_equal(pos.inlining_id, inlining);
	}
	assert_false(np_positions_next(&it, &pos));
	assert_false(it.damaged);
	free(table);
	e->codes++;
}

static void check_baseline(struct expectation *e, char **field)
{
	size_t table_len, len;
	uint8_t *table = unhex(field[1], &table_len), *bytes = unhex(field[2], &len);

	for (const char *p = field[3]; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
		int pc, offset;
		int32_t ret;

		assert_int_equal(sscanf(p, "%d:%d", &pc, &offset), 2);
		assert_null(np_baseline_offset(e->table, table, table_len, bytes, len, (uint64_t)pc, &ret));
		assert_int_equal(ret, offset);
	}
	free(table);
	free(bytes);
	e->baselines++;
}

static void choose_table(struct expectation *e, const char *hex)
{
	size_t len;
	uint8_t *sizes = unhex(hex, &len);
	enum np_bytecode_fit fit;
	int version = e->major * 100 + e->minor;

	assert_null(np_bytecode_table_for(e->major, e->minor, sizes, len, &e->table, &fit));
	assert_int_equal(fit, NP_FIT_EXACT);
	e->positions.has_external_bit = version >= 704;
	e->positions.first_varint_unsigned = version >= 1401;
	e->positions.first_offset = version >= 803 ? -1 : 0;
	free(sizes);
}

static void check_line(struct expectation *e, char *line)
{
	char *field[8] = {0}, *save = NULL;
	size_t n = 0;

	line[strcspn(line, "\n")] = 0;
	for (char *f = strtok_r(line, "\t", &save); f && n < 8; f = strtok_r(NULL, "\t", &save))
		field[n++] = f;
	if (n == 0 || field[0][0] == '#')
		return;
	if (strcmp(field[0], "sizes") == 0)
		choose_table(e, field[1]);
	else if (strcmp(field[0], "runtime") == 0)
		e->runtime[atoi(field[1]) & 4095] = np_xstrdup(field[2]);
	else if (strcmp(field[0], "insn") == 0)
		check_insn(e, field);
	else if (strcmp(field[0], "function") == 0)
		check_function(e, field);
	else if (strcmp(field[0], "code") == 0)
		check_code(e, field);
	else if (strcmp(field[0], "baseline") == 0)
		check_baseline(e, field);
	else
		fail_msg("unknown line: %s", field[0]);
}

static void test_as_v8_prints_it(void **state)
{
	for (size_t v = 0; v < NP_ARRAY_LEN(versions); v++) {
		struct expectation *e = np_xcalloc(1, sizeof(*e));
		char path[64], *line = NULL;
		size_t cap = 0;
		FILE *f;

		snprintf(path, sizeof(path), DATA "/%s.tsv", versions[v]);
		f = fopen(path, "r");
		if (!f)
			fail_msg("cannot open %s: run from the root of the repository", path);
		assert_int_equal(sscanf(versions[v], "%d.%d", &e->major, &e->minor), 2);
		while (getline(&line, &cap, f) > 0)
			check_line(e, line);
		assert_true(e->insns > 300);
		assert_true(e->functions >= 2);
		assert_true(e->major == 6 && e->minor == 0 ? true : e->codes >= 1);
		assert_true(e->major < 9 ? true : e->baselines >= 3);
		for (size_t i = 0; i < NP_ARRAY_LEN(e->runtime); i++)
			free(e->runtime[i]);
		free(line);
		fclose(f);
		free(e);
	}
}

static const np_bytecode_table *table_of(int major, int minor)
{
	const np_bytecode_table *table = NULL;
	enum np_bytecode_fit fit;

	assert_null(np_bytecode_table_for(major, minor, NULL, 0, &table, &fit));
	assert_int_equal(fit, NP_FIT_VERSION);
	return table;
}

/* Opcode by name. */
static uint8_t opcode_of(const np_bytecode_table *table, const char *name)
{
	for (uint32_t i = 0; i < np_bytecode_count(table); i++)
		if (strcmp(np_bytecode_name(table, i), name) == 0)
			return (uint8_t)i;
	fail_msg("no bytecode %s", name);
	return 0;
}

/* kBytecodeSizes as a binary with this table would hold it. */
static uint8_t *sizes_of(const np_bytecode_table *table, bool by_scale, size_t *len)
{
	uint32_t n = np_bytecode_count(table);
	uint8_t *sizes = np_xcalloc(3, n), bytes[64] = {0};

	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t s = 0; s < 3; s++) {
			const char *name = np_bytecode_name(table, i);
			bool is_prefix = strstr(name, "Wide") != NULL;
			uint32_t size = 1;

			if (!is_prefix && s == 0) {
				bytes[0] = (uint8_t)i;
				size = np_bytecode_size_at(table, bytes, sizeof(bytes), 0);
			} else if (!is_prefix) {
				bytes[0] = opcode_of(table, s == 1 ? "Wide" : "ExtraWide");
				bytes[1] = (uint8_t)i;
				size = np_bytecode_size_at(table, bytes, sizeof(bytes), 0) - 1;
			}
			sizes[by_scale ? s * n + i : 3 * i + s] = (uint8_t)size;
		}
	}
	*len = 3 * (size_t)n;
	return sizes;
}

static void test_table_for_unknown_version(void **state)
{
	const np_bytecode_table *table = NULL;
	enum np_bytecode_fit fit;
	size_t len;
	uint8_t *sizes = sizes_of(table_of(13, 6), true, &len);
	np_err *err;

	/* A binary of a version without a table, whose sizes are those of 13.6. */
	assert_null(np_bytecode_table_for(13, 7, sizes, len, &table, &fit));
	assert_int_equal(fit, NP_FIT_SIZES);
	assert_string_equal(np_bytecode_table_name(table), "13.6");
	/* A version whose own table does not agree: the one that does is taken. */
	assert_null(np_bytecode_table_for(12, 4, sizes, len, &table, &fit));
	assert_int_equal(fit, NP_FIT_SIZES);
	assert_string_equal(np_bytecode_table_name(table), "13.6");
	/* One size differs: nothing fits, and no table is guessed. */
	table = NULL;
	sizes[17]++;
	err = np_bytecode_table_for(13, 6, sizes, len, &table, &fit);
	assert_int_equal(np_err_code(err), NP_EMISSING);
	assert_non_null(strstr(np_err_message(err), "13.6"));
	assert_null(table);
	np_err_free(err);
	sizes[17]--;
	err = np_bytecode_table_for(13, 6, sizes, len - 3, &table, &fit);
	assert_int_equal(np_err_code(err), NP_EMISSING);
	np_err_free(err);
	free(sizes);
	/* The nearest of several that fit: 9.3 to 9.6 are alike. */
	sizes = sizes_of(table_of(9, 6), true, &len);
	assert_null(np_bytecode_table_for(9, 8, sizes, len, &table, &fit));
	assert_string_equal(np_bytecode_table_name(table), "9.6");
	free(sizes);
	/* The other order, as in V8 6.0. */
	sizes = sizes_of(table_of(6, 0), false, &len);
	assert_null(np_bytecode_table_for(6, 0, sizes, len, &table, &fit));
	assert_int_equal(fit, NP_FIT_EXACT);
	free(sizes);
	/* No sizes and no such version. */
	err = np_bytecode_table_for(99, 1, NULL, 0, &table, &fit);
	assert_int_equal(np_err_code(err), NP_EMISSING);
	assert_non_null(strstr(np_err_message(err), "99.1"));
	np_err_free(err);
}

static void expect_none(const np_bytecode_table *table, const uint8_t *bytes, size_t len, uint32_t offset)
{
	struct np_bytecode_insn insn = {.offset = 77};
	np_err *err = np_bytecode_decode(table, bytes, len, offset, 1, &insn);
	uint32_t at = offset;

	assert_int_equal(np_err_code(err), NP_EFORMAT);
	assert_int_equal(insn.offset, 77); /* untouched */
	np_err_free(err);
	assert_int_equal(np_bytecode_size_at(table, bytes, len, offset), 0);
	assert_false(np_bytecode_next(table, bytes, len, &at));
	assert_int_equal(at, offset);
}

static void test_damaged(void **state)
{
	const np_bytecode_table *t = table_of(13, 6);
	uint8_t wide = opcode_of(t, "Wide"), lda = opcode_of(t, "LdaConstant"), ret = opcode_of(t, "Return");
	uint8_t wide_wide[] = {wide, wide, lda, 0, 0}, cut[] = {wide, lda, 0}, prefix[] = {wide};
	uint8_t unknown[] = {255}, good[] = {ret};

	expect_none(t, NULL, 0, 0);
	expect_none(t, wide_wide, sizeof(wide_wide), 0);
	expect_none(t, cut, sizeof(cut), 0);
	expect_none(t, prefix, sizeof(prefix), 0);
	expect_none(t, unknown, sizeof(unknown), 0);
	expect_none(t, good, sizeof(good), 1);
	expect_none(t, good, sizeof(good), UINT32_MAX);
	assert_int_equal(np_bytecode_size_at(t, good, sizeof(good), 0), 1);
}

static void test_breakpoints(void **state)
{
	const np_bytecode_table *t = table_of(13, 6);
	/* A breakpoint on "Wide <3 register operands>", as a debugger leaves it. */
	uint8_t bytes[] = {opcode_of(t, "DebugBreakWide"), opcode_of(t, "DebugBreak3"), 1, 2, 3, 4, 5, 6,
			   opcode_of(t, "Return")};
	struct np_bytecode_insn insn;
	uint32_t at = 0;

	assert_null(np_bytecode_decode(t, bytes, sizeof(bytes), 0, 1, &insn));
	assert_true(insn.debug_break);
	assert_int_equal(insn.operand_count, 0);
	assert_int_equal(insn.scale, 2);
	assert_int_equal(insn.length, 8);
	assert_true(np_bytecode_next(t, bytes, sizeof(bytes), &at));
	assert_int_equal(at, 8);
	assert_false(np_bytecode_next(t, bytes, sizeof(bytes), &at));
}

static void expect_register(const np_bytecode_table *t, int32_t slot, uint32_t parameters, const char *text)
{
	struct np_register reg = np_bytecode_register(t, slot, parameters);
	struct np_buf buf = {0};

	assert_int_equal(reg.slot, slot);
	np_register_format(&reg, &buf);
	assert_string_equal(buf.data, text);
	np_buf_deinit(&buf);
}

static void test_registers(void **state)
{
	/* The receiver is the highest of the arguments up to V8 8, the lowest after. */
	expect_register(table_of(8, 4), 4, 3, "<this>");
	expect_register(table_of(8, 4), 3, 3, "a0");
	expect_register(table_of(8, 4), 2, 3, "a1");
	expect_register(table_of(9, 4), 2, 3, "<this>");
	expect_register(table_of(9, 4), 3, 3, "a0");
	expect_register(table_of(9, 4), 4, 3, "a1");
	expect_register(table_of(9, 4), 5, 3, "[fp+40]");
	expect_register(table_of(9, 4), 3, 0, "[fp+24]");
	expect_register(table_of(8, 4), -5, 1, "r0");
	expect_register(table_of(9, 4), -5, 1, "[fp-40]");
	expect_register(table_of(9, 4), -6, 1, "r0");
	expect_register(table_of(13, 6), -7, 1, "r0");
	expect_register(table_of(13, 6), -107, 1, "r100");
	expect_register(table_of(13, 6), INT32_MIN, UINT32_MAX, "r2147483641");
	expect_register(table_of(13, 6), INT32_MAX, UINT32_MAX, "a2147483644");
	expect_register(table_of(13, 6), -1, 1, "<context>");
	expect_register(table_of(13, 6), -2, 1, "<closure>");
	expect_register(table_of(13, 6), -3, 1, "[fp-24]");
	expect_register(table_of(6, 0), -3, 1, "<new.target>");
	expect_register(table_of(13, 6), 1, 1, "<accumulator>");
	assert_int_equal(np_bytecode_register_base(table_of(13, 6)), -7);
}

static void test_star_and_constants(void **state)
{
	const np_bytecode_table *t = table_of(13, 6);
	uint8_t bytes[] = {opcode_of(t, "Star7"), opcode_of(t, "LdaGlobal"), 3, 9};
	struct np_bytecode_insn insn;

	assert_null(np_bytecode_decode(t, bytes, sizeof(bytes), 0, 1, &insn));
	assert_int_equal(insn.star, 7);
	assert_null(np_bytecode_decode(t, bytes, sizeof(bytes), 1, 1, &insn));
	assert_int_equal(insn.star, -1);
	assert_int_equal(insn.operand[0].kind, NP_OPERAND_CONSTANT);
	assert_int_equal(insn.operand[0].raw, 3);
	assert_int_equal(insn.operand[1].kind, NP_OPERAND_SLOT);
}

static void test_baseline_edges(void **state)
{
	const np_bytecode_table *t = table_of(13, 6);
	uint8_t lda = opcode_of(t, "LdaZero"), smi = opcode_of(t, "LdaSmi"), ret = opcode_of(t, "Return");
	uint8_t code[] = {lda, smi, 5, ret};
	uint8_t table[] = {10, 4, 0x80 | 0x48, 1, 3}; /* prologue 10, 4, 200, 3 bytes */
	uint8_t endless[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct {
		uint64_t pc;
		int32_t offset;
	} want[] = {{0, -1}, {10, -1}, {11, 0}, {14, 0}, {15, 1}, {214, 1}, {215, 3}, {217, 3}};
	int32_t offset = 99;
	np_err *err;

	for (size_t i = 0; i < NP_ARRAY_LEN(want); i++) {
		assert_null(np_baseline_offset(t, table, sizeof(table), code, sizeof(code), want[i].pc, &offset));
		assert_int_equal(offset, want[i].offset);
	}
	offset = 99;
	err = np_baseline_offset(t, table, sizeof(table), code, sizeof(code), 218, &offset);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	np_err_free(err);
	err = np_baseline_offset(t, endless, sizeof(endless), code, sizeof(code), 1, &offset);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	np_err_free(err);
	/* More table than bytecode. */
	err = np_baseline_offset(t, table, sizeof(table), code, 1, 217, &offset);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	np_err_free(err);
	assert_int_equal(offset, 99);
}

/* Two rows of Runtime::Function and the first one's name; the second row's pointer leads nowhere. */
static void test_runtime_names(void **state)
{
	uint64_t image[12] = {0x0000000100000000, 0x1040, 0, 0, 0x0000000100000001, 0x9000, 0, 0};
	struct np_runtime_names names = {.mem = np_mem_create(), .table = 0x1000, .count = 2};

	memcpy(&image[8], "ThrowTypeError", 15);
	assert_null(np_mem_add_bytes(names.mem, 0x1000, image, sizeof(image), NP_SEGMENT_CORE, true));
	assert_string_equal(np_runtime_name(&names, 0), "ThrowTypeError");
	assert_null(np_runtime_name(&names, 1));
	assert_null(np_runtime_name(&names, 2));
	assert_null(np_runtime_name(&names, UINT32_MAX));
	names.table = 0x1020; /* the row says another id */
	assert_null(np_runtime_name(&names, 0));
	np_mem_destroy(names.mem);
}

static uint32_t random_next(uint32_t *seed)
{
	return *seed = *seed * 1664525u + 1013904223u, *seed >> 8;
}

/* Whatever the bytes, every walk ends and nothing is read outside of them. */
static void test_garbage(void **state)
{
	uint32_t seed = 1;

	for (int round = 0; round < 3000; round++) {
		const char *version = versions[random_next(&seed) % NP_ARRAY_LEN(versions)];
		size_t len = random_next(&seed) % 64;
		uint8_t *bytes = np_xmalloc(len ? len : 1);
		int major = 0, minor = 0;
		const np_bytecode_table *t;
		struct np_buf text = {0};
		uint32_t offset = 0, steps = 0;
		int32_t ignored;

		assert_int_equal(sscanf(version, "%d.%d", &major, &minor), 2);
		t = table_of(major, minor);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(random_next(&seed) % (round & 1 ? 256 : np_bytecode_count(t)));
		do {
			struct np_bytecode_insn insn;
			np_err *err = np_bytecode_decode(t, bytes, len, offset, 3, &insn);

			if (err) {
				np_err_free(err);
				break;
			}
			np_bytecode_format(t, &insn, 3, NULL, &text);
			assert_true(++steps <= len);
		} while (np_bytecode_next(t, bytes, len, &offset));
		np_err_free(np_baseline_offset(t, bytes, len, bytes, len, random_next(&seed) % 1000, &ignored));
		np_buf_deinit(&text);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_v8_prints_it),
		cmocka_unit_test(test_table_for_unknown_version),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_breakpoints),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_star_and_constants),
		cmocka_unit_test(test_baseline_edges),
		cmocka_unit_test(test_runtime_names),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
