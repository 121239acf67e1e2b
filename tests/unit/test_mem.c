/* The address space: overlaps, falling through, faults, page borders, the page cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "mem/fault.h"
#include "mem/mem.h"

enum { PAGE = 4096 };

static void add_bytes(np_mem *mem, np_addr start, const void *bytes, size_t len, enum np_segment_priority priority)
{
	np_err *err = np_mem_add_bytes(mem, start, bytes, len, priority, true);
	assert_null(err);
}

static void add_filled(np_mem *mem, np_addr start, int byte, size_t len, enum np_segment_priority priority)
{
	uint8_t *bytes = np_xmalloc(len);
	memset(bytes, byte, len);
	add_bytes(mem, start, bytes, len, priority);
	free(bytes);
}

static uint8_t byte_at(np_mem *mem, np_addr addr)
{
	uint8_t value = 0xee;
	assert_true(np_mem_u8(mem, addr, &value));
	return value;
}

/* A segment that counts its reads and lacks some pages: what a live process is. */
struct source {
	np_addr start;
	size_t bytes;
	uint8_t fill;
	np_addr hole_start, hole_end;
	unsigned reads;
	size_t largest;
	unsigned destroyed;
};

static size_t source_read(void *ctx, np_addr addr, void *buf, size_t len)
{
	struct source *source = ctx;
	source->reads++;
	if (len > source->largest)
		source->largest = len;
	size_t n = 0;
	for (; n < len && (addr + n < source->hole_start || addr + n >= source->hole_end); n++)
		((uint8_t *)buf)[n] = (uint8_t)(source->fill + (addr + n) / PAGE);
	return n;
}

static void source_destroy(void *ctx)
{
	((struct source *)ctx)->destroyed++;
}

static const struct np_segment_ops source_ops = {.read = source_read, .destroy = source_destroy};

static void add_source(np_mem *mem, struct source *source, bool cached)
{
	struct np_segment segment = {
		.start = source->start,
		.end = source->start + source->bytes,
		.priority = NP_SEGMENT_LIVE,
		.cached = cached,
		.ops = &source_ops,
		.ctx = source,
	};
	np_err *err = np_mem_add(mem, &segment);
	assert_null(err);
}

static void test_empty(void **state)
{
	np_mem *mem = np_mem_create();
	uint64_t value = 7;
	assert_false(np_mem_u64(mem, 0x1000, &value));
	assert_int_equal(value, 7);
	assert_int_equal(np_mem_read(mem, 0, &value, 8), 0);
	assert_null(np_mem_view(mem, 0x1000, 1));
	np_mem_destroy(mem);
}

static void test_integers_are_little_endian(void **state)
{
	np_mem *mem = np_mem_create();
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	add_bytes(mem, 0x5ffe, bytes, sizeof(bytes), NP_SEGMENT_CORE);
	assert_true(np_mem_u8(mem, 0x5ffe, &u8) && u8 == 1);
	assert_true(np_mem_u16(mem, 0x5fff, &u16) && u16 == 0x0302);
	assert_true(np_mem_u32(mem, 0x5ffe, &u32) && u32 == 0x04030201);
	assert_true(np_mem_u64(mem, 0x5fff, &u64) && u64 == 0x0908070605040302);
	assert_false(np_mem_u64(mem, 0x6000, &u64));
	np_mem_destroy(mem);
}

static void test_priority_wins(void **state)
{
	np_mem *mem = np_mem_create();
	add_filled(mem, 0x12000, 'o', 0x1000, NP_SEGMENT_OVERLAY);
	add_filled(mem, 0x10000, 'i', 0x8000, NP_SEGMENT_IMAGE);
	add_filled(mem, 0x11000, 'c', 0x3000, NP_SEGMENT_CORE);
	assert_int_equal(byte_at(mem, 0x10fff), 'i');
	assert_int_equal(byte_at(mem, 0x11000), 'c');
	assert_int_equal(byte_at(mem, 0x12000), 'o');
	assert_int_equal(byte_at(mem, 0x12fff), 'o');
	assert_int_equal(byte_at(mem, 0x13000), 'c');
	assert_int_equal(byte_at(mem, 0x14000), 'i');
	/* One read over all borders. */
	uint8_t all[0x8000];
	assert_int_equal(np_mem_read(mem, 0x10000, all, sizeof(all)), sizeof(all));
	assert_int_equal(all[0], 'i');
	assert_int_equal(all[0x1000], 'c');
	assert_int_equal(all[0x2fff], 'o');
	assert_int_equal(all[0x3000], 'c');
	assert_int_equal(all[0x7fff], 'i');
	np_mem_destroy(mem);
}

static void test_last_added_wins_within_a_priority(void **state)
{
	np_mem *mem = np_mem_create();
	add_filled(mem, 0x10000, 'a', 0x1000, NP_SEGMENT_CORE);
	assert_int_equal(byte_at(mem, 0x10800), 'a');
	add_filled(mem, 0x10800, 'b', 0x100, NP_SEGMENT_CORE);
	/* The page was read before: nothing stale may answer. */
	assert_int_equal(byte_at(mem, 0x10800), 'b');
	assert_int_equal(byte_at(mem, 0x10900), 'a');
	np_mem_destroy(mem);
}

static void test_drop(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x4000, .fill = 0x40};
	add_source(mem, &source, true);
	add_filled(mem, 0x10000, 'o', 0x1000, NP_SEGMENT_OVERLAY);
	assert_int_equal(byte_at(mem, 0x10000), 'o');
	np_mem_drop(mem, NP_SEGMENT_OVERLAY);
	assert_int_equal(byte_at(mem, 0x10000), 0x50);
	np_mem_drop(mem, NP_SEGMENT_LIVE);
	assert_int_equal(source.destroyed, 1);
	uint8_t byte;
	assert_false(np_mem_u8(mem, 0x10000, &byte));
	np_mem_destroy(mem);
}

static void test_hole_falls_through_page_by_page(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x4000, .fill = 0, .hole_start = 0x11000, .hole_end = 0x12000};
	add_source(mem, &source, true);
	add_filled(mem, 0x10000, 0xaa, 0x4000, NP_SEGMENT_IMAGE);
	uint8_t all[0x4000];
	assert_int_equal(np_mem_read(mem, 0x10000, all, sizeof(all)), sizeof(all));
	assert_int_equal(all[0xfff], 0x10);
	assert_int_equal(all[0x1000], 0xaa);
	assert_int_equal(all[0x1fff], 0xaa);
	assert_int_equal(all[0x2000], 0x12); /* the higher one again */
	uint64_t value;
	assert_true(np_mem_u64(mem, 0x11ffc, &value));
	assert_true(value == 0x12121212aaaaaaaa);
	np_mem_destroy(mem);
}

static void test_unreadable_hole_gives_its_address(void **state)
{
	np_mem *mem = np_mem_create();
	uint8_t buf[0x3000];
	np_addr addr = 0;
	add_filled(mem, 0x10000, 1, 0x1234, NP_SEGMENT_CORE);
	add_filled(mem, 0x12000, 2, 0x1000, NP_SEGMENT_CORE);
	assert_int_equal(np_mem_read(mem, 0x10000, buf, sizeof(buf)), 0x1234);
	np_err *err = np_mem_read_err(mem, 0x10000, buf, sizeof(buf));
	assert_int_equal(np_err_code(err), NP_EFAULT);
	assert_true(np_err_address(err, &addr));
	assert_true(addr == 0x11234);
	np_err_free(err);
	err = np_mem_read_err(mem, 0x10000, buf, 0x1234);
	assert_null(err);
	np_mem_destroy(mem);
}

static void test_page_crossing(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x2000, .fill = 0};
	add_source(mem, &source, true);
	for (unsigned i = 0; i <= 8; i++) {
		uint64_t value, want = 0;
		assert_true(np_mem_u64(mem, 0x10ff8 + i, &value));
		for (unsigned b = 0; b < 8; b++)
			want |= (uint64_t)(b + i < 8 ? 0x10 : 0x11) << 8 * b;
		assert_true(value == want);
	}
	uint64_t value;
	assert_false(np_mem_u64(mem, 0x11ff9, &value)); /* the last byte is missing */
	assert_true(np_mem_u64(mem, 0x11ff8, &value));
	np_mem_destroy(mem);
}

static void test_ends_of_the_address_space(void **state)
{
	np_mem *mem = np_mem_create();
	uint8_t buf[64];
	uint64_t value;
	add_filled(mem, 0, 3, 16, NP_SEGMENT_CORE);
	add_filled(mem, UINT64_MAX - 16, 4, 16, NP_SEGMENT_CORE);
	assert_true(np_mem_u64(mem, 0, &value));
	assert_int_equal(np_mem_read(mem, UINT64_MAX - 16, buf, sizeof(buf)), 16);
	assert_false(np_mem_u64(mem, UINT64_MAX - 3, &value));
	assert_null(np_mem_view(mem, UINT64_MAX - 3, 16));
	np_err *err = np_mem_add_bytes(mem, UINT64_MAX - 16, buf, 32, NP_SEGMENT_CORE, true);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	np_err_free(err);
	err = np_mem_add_bytes(mem, 0x1000, buf, 0, NP_SEGMENT_CORE, true);
	assert_int_equal(np_err_code(err), NP_EFORMAT);
	np_err_free(err);
	np_mem_destroy(mem);
}

static void test_cache_reads_a_page_once(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x10000, .fill = 0};
	uint64_t value;
	add_source(mem, &source, true);
	for (np_addr at = 0x14000; at < 0x15000; at += 8)
		assert_true(np_mem_u64(mem, at, &value));
	assert_int_equal(source.reads, 1);
	/* One after the other is read ahead. */
	for (np_addr at = 0x10000; at < 0x20000; at += 8)
		assert_true(np_mem_u64(mem, at, &value));
	assert_true(source.reads <= 7);
	assert_true(source.largest > PAGE);
	unsigned before = source.reads;
	np_mem_invalidate(mem);
	source.fill = 0x30;
	assert_int_equal(byte_at(mem, 0x14000), 0x44);
	assert_int_equal(source.reads, before + 1);
	np_mem_destroy(mem);
	assert_int_equal(source.destroyed, 1);
}

static void test_cache_remembers_unreadable_pages(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x4000, .hole_start = 0x11000, .hole_end = 0x12000};
	uint64_t value;
	add_source(mem, &source, true);
	for (unsigned i = 0; i < 100; i++)
		assert_false(np_mem_u64(mem, 0x11000 + 8 * i, &value));
	assert_int_equal(source.reads, 1);
	np_mem_invalidate(mem);
	source.hole_start = source.hole_end = 0;
	assert_true(np_mem_u64(mem, 0x11000, &value));
	np_mem_destroy(mem);
}

static void test_cache_is_bounded_and_right_after_eviction(void **state)
{
	np_mem *mem = np_mem_create();
	/* 128 MiB, far more than the cache holds. */
	struct source source = {.start = 0x10000000, .bytes = 0x8000000, .fill = 0};
	add_source(mem, &source, true);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < 20000; i++) {
			np_addr addr = source.start + i * 7919 * PAGE % source.bytes + i % PAGE;
			assert_int_equal(byte_at(mem, addr), (uint8_t)(addr / PAGE));
		}
	}
	np_mem_destroy(mem);
}

static void test_large_reads_do_not_go_through_the_cache(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x100000, .bytes = 0x100000, .fill = 0};
	uint8_t *buf = np_xmalloc(source.bytes);
	add_source(mem, &source, true);
	assert_int_equal(np_mem_read(mem, source.start, buf, source.bytes), source.bytes);
	assert_int_equal(source.reads, 1);
	assert_int_equal(buf[0xfffff], 0xff);
	free(buf);
	np_mem_destroy(mem);
}

static void test_uncached_segment_is_always_asked(void **state)
{
	np_mem *mem = np_mem_create();
	struct source source = {.start = 0x10000, .bytes = 0x1000, .fill = 0};
	add_source(mem, &source, false);
	assert_int_equal(byte_at(mem, 0x10000), 0x10);
	source.fill = 1;
	assert_int_equal(byte_at(mem, 0x10000), 0x11);
	np_mem_destroy(mem);
}

static void test_views(void **state)
{
	np_mem *mem = np_mem_create();
	static uint8_t bytes[3 * PAGE];
	struct source source = {.start = 0x30000, .bytes = 0x1000};
	np_err *err = np_mem_add_bytes(mem, 0x10000, bytes, sizeof(bytes), NP_SEGMENT_CORE, false);
	assert_null(err);
	add_filled(mem, 0x11000, 'i', PAGE, NP_SEGMENT_IMAGE); /* below: splits nothing */
	add_source(mem, &source, true);
	assert_ptr_equal(np_mem_view(mem, 0x10000, sizeof(bytes)), bytes);
	assert_ptr_equal(np_mem_view(mem, 0x10ff0, 0x20), bytes + 0xff0);
	assert_null(np_mem_view(mem, 0x10000, sizeof(bytes) + 1));
	assert_null(np_mem_view(mem, 0xffff, 2));
	assert_null(np_mem_view(mem, 0x10000, 0));
	assert_null(np_mem_view(mem, 0x30000, 8)); /* no views there */
	add_filled(mem, 0x11000, 'o', 16, NP_SEGMENT_OVERLAY);
	assert_null(np_mem_view(mem, 0x10ff0, 0x20));
	assert_ptr_equal(np_mem_view(mem, 0x11010, 0x20), bytes + 0x1010);
	np_mem_destroy(mem);
}

static void test_strings(void **state)
{
	np_mem *mem = np_mem_create();
	char buf[600], long_text[600];
	memset(long_text, 'x', sizeof(long_text));
	add_bytes(mem, 0x10ffd, "hello", 6, NP_SEGMENT_CORE);
	add_bytes(mem, 0x20000, long_text, sizeof(long_text), NP_SEGMENT_CORE);
	add_bytes(mem, 0x20000 + sizeof(long_text), "", 1, NP_SEGMENT_CORE);
	add_bytes(mem, 0x30000, "open", 4, NP_SEGMENT_CORE);
	assert_true(np_mem_cstr(mem, 0x10ffd, buf, sizeof(buf)));
	assert_string_equal(buf, "hello");
	assert_true(np_mem_cstr(mem, 0x10ffd, buf, 6));
	assert_false(np_mem_cstr(mem, 0x10ffd, buf, 5));
	assert_false(np_mem_cstr(mem, 0x20000, buf, sizeof(buf)));	/* too long */
	assert_true(np_mem_cstr(mem, 0x20000 + 301, buf, sizeof(buf)));
	assert_int_equal(strlen(buf), 299);
	assert_false(np_mem_cstr(mem, 0x30000, buf, sizeof(buf)));	/* no end */
	assert_false(np_mem_cstr(mem, 0x40000, buf, sizeof(buf)));	/* nothing there */
	np_mem_destroy(mem);
}

static void test_fault_injection(void **state)
{
	np_mem *mem = np_mem_create();
	struct fault_case {
		struct np_fault fault;
		bool want[5];
	} cases[] = {
		{{.fail_from = 0, .fail_count = UINT64_MAX}, {false, false, false, false, false}},
		{{.fail_from = 2, .fail_count = 1}, {true, true, false, true, true}},
		{{.fail_from = 3, .fail_count = UINT64_MAX}, {true, true, true, false, false}},
	};
	add_filled(mem, 0x10000, 5, 0x4000, NP_SEGMENT_CORE);
	assert_int_equal(byte_at(mem, 0x11000), 5);
	for (size_t i = 0; i < NP_ARRAY_LEN(cases); i++) {
		np_err *err = np_mem_add_fault(mem, 0x11000, 0x12000, &cases[i].fault);
		assert_null(err);
		assert_null(np_mem_view(mem, 0x11000, 8));
		for (size_t n = 0; n < NP_ARRAY_LEN(cases[i].want); n++) {
			uint64_t value;
			assert_int_equal(np_mem_u64(mem, 0x11008, &value), cases[i].want[n]);
		}
		assert_int_equal(cases[i].fault.reads, 5);
		assert_int_equal(byte_at(mem, 0x10fff), 5); /* outside of the range */
		uint64_t value;
		if (i == 0)
			assert_false(np_mem_u64(mem, 0x10ffc, &value)); /* half inside */
		np_mem_drop(mem, NP_SEGMENT_OVERLAY);
	}
	np_mem_destroy(mem);
}

/* Against a plain array that is painted in order of priority. */
static void test_random_overlaps(void **state)
{
	enum { SPAN = 64 * 1024, ROUNDS = 60, SEGMENTS = 40 };
	static uint8_t want[SPAN], known[SPAN], got[SPAN];
	uint32_t seed = 12345;
	for (int round = 0; round < ROUNDS; round++) {
		np_mem *mem = np_mem_create();
		memset(known, 0, sizeof(known));
		struct paint {
			uint32_t start, len, priority;
		} paints[SEGMENTS];
		for (unsigned i = 0; i < SEGMENTS; i++) {
			seed = seed * 1103515245 + 12345;
			paints[i].start = seed >> 8 & (SPAN - 1);
			seed = seed * 1103515245 + 12345;
			paints[i].len = 1 + (seed >> 8) % (SPAN / 8);
			if (paints[i].len > SPAN - paints[i].start)
				paints[i].len = SPAN - paints[i].start;
			paints[i].priority = seed >> 28 & 3;
			add_filled(mem, 0x7000000 + paints[i].start, (int)i + 1, paints[i].len, paints[i].priority);
		}
		for (uint32_t priority = 0; priority < 4; priority++) {
			for (unsigned i = 0; i < SEGMENTS; i++) {
				if (paints[i].priority != priority)
					continue;
				memset(want + paints[i].start, (int)i + 1, paints[i].len);
				memset(known + paints[i].start, 1, paints[i].len);
			}
		}
		for (size_t at = 0; at < SPAN;) {
			size_t run = 0;
			while (at + run < SPAN && known[at + run])
				run++;
			assert_int_equal(np_mem_read(mem, 0x7000000 + at, got, SPAN - at), run);
			assert_memory_equal(got, want + at, run);
			at += run + 1;
		}
		np_mem_destroy(mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_integers_are_little_endian),
		cmocka_unit_test(test_priority_wins),
		cmocka_unit_test(test_last_added_wins_within_a_priority),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_hole_falls_through_page_by_page),
		cmocka_unit_test(test_unreadable_hole_gives_its_address),
		cmocka_unit_test(test_page_crossing),
		cmocka_unit_test(test_ends_of_the_address_space),
		cmocka_unit_test(test_cache_reads_a_page_once),
		cmocka_unit_test(test_cache_remembers_unreadable_pages),
		cmocka_unit_test(test_cache_is_bounded_and_right_after_eviction),
		cmocka_unit_test(test_large_reads_do_not_go_through_the_cache),
		cmocka_unit_test(test_uncached_segment_is_always_asked),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_fault_injection),
		cmocka_unit_test(test_random_overlaps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
