/*
 * Relocation info of the old compilers' code: up to V8 5.1 it holds the source
 * positions of full-codegen and Crankshaft code.
 *
 * The bytes are written backwards: the first record stands at the end.  A
 * record adds to the pc and, if it is a position, to the position:
 *
 *	ppppppTT		short: pc delta, tag (embedded object, code target)
 *	pppppp10 ddddddDD	short with data: signed delta, DD = id, position,
 *				statement position, comment or deopt reason
 *				(5.4 and later: 7 bits, no positions)
 *	TTeeee11 ...		long, up to 4.5: extra tag, top tag
 *	mmmmmm11 ...		long, later: the mode itself
 *
 * Mirrors RelocIterator::next() of src/assembler.cc in V8 3.14.5, 3.28.71,
 * 4.5.103 and 5.1.281.  Pure on bytes: no target is read here.
 */
#ifndef NP_V8_FULLCODEGEN_RELOC_H
#define NP_V8_FULLCODEGEN_RELOC_H

#include "base/types.h"

struct np_reloc_format {
	bool mode_in_tag; /* long records carry the mode (after 4.5), not an extra tag */
	int pool_top;	  /* !mode_in_tag: top tag of a pool record; -1 = any */
	int runtime_entry; /* number of RUNTIME_ENTRY as long records carry it */
	/* mode_in_tag only: RelocInfo modes; positions -1 where there are none (5.4 and later) */
	int comment, position, statement_position, pc_jump;
	uint32_t int_data_mask; /* further modes that carry an int */
};

static inline bool np_reloc_has_positions(const struct np_reloc_format *format)
{
	return !format->mode_in_tag || format->position >= 0;
}

enum np_reloc_kind {
	NP_RELOC_OTHER,
	NP_RELOC_POSITION,
	NP_RELOC_STATEMENT_POSITION,
	NP_RELOC_RUNTIME_ENTRY, /* a jump or call to a deoptimisation entry or the like */
};

struct np_reloc_entry {
	enum np_reloc_kind kind;
	uint32_t pc_offset;
	int32_t position; /* of the positions */
};

struct np_reloc_iter {
	const uint8_t *bytes;
	size_t left; /* bytes[0 .. left) are unread, the next one is bytes[left - 1] */
	struct np_reloc_format format;
	uint32_t pc;
	uint32_t position; /* int32_t with wrap-around */
	bool truncated;	   /* a record ran over the start of the bytes */
};

void np_reloc_iter_init(struct np_reloc_iter *it, const uint8_t *bytes, size_t len,
			const struct np_reloc_format *format);
/* Next record; false at the end or when the rest is no record. */
bool np_reloc_next(struct np_reloc_iter *it, struct np_reloc_entry *ret);

/*
 * The position that V8 gives to code at pc_offset (Code::SourcePosition): the
 * closest one at or before it, the largest where several share a pc.  For a
 * return address pass its offset - 1.  False when none stands before or the
 * bytes are no relocation info.
 */
bool np_reloc_position(const uint8_t *bytes, size_t len, const struct np_reloc_format *format, uint32_t pc_offset,
		       int32_t *ret_position, bool *ret_statement);

#endif
