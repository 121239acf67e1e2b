/*
 * V8's source position tables: which place of the script a bytecode or a piece
 * of machine code came from.  Pure on bytes (the content of the ByteArray).
 *
 * An entry holds for code from its offset up to the next entry's.  Offsets are
 * bytecode offsets in tables of BytecodeArrays (baseline code uses these too),
 * offsets from the first instruction in tables of optimised Code.
 */
#ifndef NP_V8_SOURCE_POSITIONS_H
#define NP_V8_SOURCE_POSITIONS_H

#include "base/types.h"

/* How this V8 writes its tables. */
struct np_position_format {
	bool has_external_bit;	    /* V8 7.4: bit 0 of a position is set for places in V8's own sources */
	bool first_varint_unsigned; /* V8 14.1: offset delta >> 2, bit 1 breakable, bit 0 statement */
	int8_t first_offset;	    /* what the first delta is added to: 0, from V8 8.3 on -1 */
};

struct np_position {
	int32_t code_offset;   /* -1: entry of the function, before its first bytecode */
	int32_t script_offset; /* characters from the start of the script; -1 = not known */
	uint16_t inlining_id;  /* 0 = in the function itself, else index + 1 into the inlining positions */
	bool is_statement;
	bool is_breakable; /* V8 14.1; before, the same as is_statement */
	bool is_external;  /* in V8's sources: script_offset is -1 */
};

/* Runs over a table. */
struct np_positions {
	const uint8_t *bytes;
	size_t len, at;
	struct np_position_format format;
	int64_t code_offset;
	uint64_t value;
	bool damaged; /* np_positions_next() stopped at what cannot be an entry */
};

void np_positions_start(struct np_positions *it, const uint8_t *bytes, size_t len, struct np_position_format format);
/* The next entry; false at the end. */
bool np_positions_next(struct np_positions *it, struct np_position *ret);

/*
 * The entry that holds at code_offset: the last one not beyond it.  For a
 * return address pass its offset - 1, so that the call is found and not what
 * follows it.  *ret_exact (may be NULL): the entry is for this very offset.
 * False when there is no entry so early.
 */
bool np_positions_find(const uint8_t *bytes, size_t len, struct np_position_format format, int32_t code_offset,
		       struct np_position *ret, bool *ret_exact);

/* A SourcePosition word as it stands in inlining positions: sets script_offset, inlining_id and is_external. */
void np_position_from_word(struct np_position_format format, uint64_t word, struct np_position *ret);

#endif
