/*
 * Which bytecode table is for this V8.
 *
 * Opcodes move in nearly every V8 minor, and a wrong table prints plausible
 * nonsense.  The binary says what it has: kBytecodeSizes lists the length of
 * every bytecode at every scale.  A table is right when the number of
 * bytecodes and all lengths agree; of the neighbours that agree the nearest
 * version is taken.  Two orders exist: size of [scale][bytecode] (V8 6.2 and
 * later), of [bytecode][scale] before; ints up to V8 8.x, bytes later.
 */
#include "v8/bytecode_table.h"

/* Entry i of an array of little-endian entries of 1 or 4 bytes. */
static uint32_t size_entry(const uint8_t *sizes, size_t width, size_t i)
{
	uint32_t value = 0;

	for (size_t b = 0; b < width; b++)
		value |= (uint32_t)sizes[i * width + b] << (8 * b);
	return value;
}

static bool sizes_agree(const struct np_bytecode_table *table, const uint8_t *sizes, size_t width, bool by_scale)
{
	for (uint32_t i = 0; i < table->op_count; i++) {
		const struct np_bytecode_op *op = np_bytecode_op(table, i);

		for (uint32_t s = 0; s < 3; s++) {
			size_t at = by_scale ? (size_t)s * table->op_count + i : (size_t)i * 3 + s;

			if (size_entry(sizes, width, at) != np_bytecode_op_bytes(op, 1u << s))
				return false;
		}
	}
	return true;
}

static bool table_fits(const struct np_bytecode_table *table, const uint8_t *sizes, size_t len)
{
	for (size_t width = 1; width <= 4; width += 3) {
		if (len != width * 3 * table->op_count)
			continue;
		if (sizes_agree(table, sizes, width, true) || sizes_agree(table, sizes, width, false))
			return true;
	}
	return false;
}

static const struct np_bytecode_table *table_of_version(int major, int minor)
{
	for (size_t i = 0; i < np_bytecode_table_count; i++)
		if (np_bytecode_tables[i].major == major && np_bytecode_tables[i].minor == minor)
			return &np_bytecode_tables[i];
	return NULL;
}

/* Between majors there are about 9 minors; the distance only orders candidates. */
static int version_distance(const struct np_bytecode_table *table, int major, int minor)
{
	int64_t d = ((int64_t)table->major - major) * 10 + table->minor - minor;

	d = d < 0 ? -d : d;
	return d > 1000000 ? 1000000 : (int)d;
}

np_err *np_bytecode_table_for(int major, int minor, const uint8_t *sizes, size_t sizes_len,
			      const np_bytecode_table **ret, enum np_bytecode_fit *ret_fit)
{
	const struct np_bytecode_table *own = table_of_version(major, minor), *best = NULL;

	if (own && (!sizes || table_fits(own, sizes, sizes_len))) {
		*ret = own;
		*ret_fit = sizes ? NP_FIT_EXACT : NP_FIT_VERSION;
		return NULL;
	}
	for (size_t i = 0; sizes && i < np_bytecode_table_count; i++) {
		const struct np_bytecode_table *t = &np_bytecode_tables[i];

		if (table_fits(t, sizes, sizes_len) &&
		    (!best || version_distance(t, major, minor) < version_distance(best, major, minor)))
			best = t;
	}
	if (!best && sizes)
		return np_err_new(NP_EMISSING, "no bytecode table for V8 %d.%d: none fits the %zu bytes of sizes "
				  "in the binary", major, minor, sizes_len);
	if (!best)
		return np_err_new(NP_EMISSING, "no bytecode table for V8 %d.%d, and no sizes in the binary to "
				  "find a like one with", major, minor);
	*ret = best;
	*ret_fit = NP_FIT_SIZES;
	return NULL;
}

const char *np_bytecode_table_name(const np_bytecode_table *table)
{
	return table->name;
}

uint32_t np_bytecode_count(const np_bytecode_table *table)
{
	return table->op_count;
}

const char *np_bytecode_name(const np_bytecode_table *table, uint32_t opcode)
{
	const struct np_bytecode_op *op = np_bytecode_op(table, opcode);

	return op ? op->name : NULL;
}

int32_t np_bytecode_register_base(const np_bytecode_table *table)
{
	return table->register_base;
}

const char *np_bytecode_intrinsic(const np_bytecode_table *table, uint32_t id)
{
	return id < table->intrinsic_count ? table->intrinsics[id] : NULL;
}

const char *np_bytecode_native(const np_bytecode_table *table, uint32_t id)
{
	for (uint32_t i = 0; i < table->native_count; i++)
		if (table->natives[i].id == id)
			return table->natives[i].name;
	return NULL;
}
