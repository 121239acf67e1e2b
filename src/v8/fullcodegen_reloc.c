#include "v8/fullcodegen_reloc.h"

enum {
	TAG_BITS = 2,
	TAG_MASK = 3,
	TAG_LOCATABLE = 2, /* short record with data */
	TAG_LONG = 3,
	/* data kinds of short records; top tags of data records in the old form */
	DATA_ID = 0,
	DATA_POSITION = 1,
	DATA_STATEMENT_POSITION = 2,
	DATA_COMMENT = 3,
	/* old form: extra tags */
	EXTRA_MASK = 15,
	EXTRA_PC_JUMP = 15,
	EXTRA_DATA_JUMP = 14,
	EXTRA_POOL = 13,
	TOP_VARIABLE_PC_JUMP = 1,
	/* a jump in chunks of 7 bits, in units of what a short pc delta can hold */
	SHORT_PC_BITS = 6,
	CHUNK_BITS = 7,
	CHUNKS_MAX = 4,
	INT_BYTES = 4,
	POINTER_BYTES = 8,
};

void np_reloc_iter_init(struct np_reloc_iter *it, const uint8_t *bytes, size_t len,
			const struct np_reloc_format *format)
{
	*it = (struct np_reloc_iter){.bytes = bytes, .left = len, .format = *format};
}

static uint8_t reloc_byte(struct np_reloc_iter *it)
{
	if (it->left == 0) {
		it->truncated = true;
		return 0;
	}
	return it->bytes[--it->left];
}

static void reloc_skip(struct np_reloc_iter *it, size_t n)
{
	if (it->left < n) {
		it->truncated = true;
		n = it->left;
	}
	it->left -= n;
}

static uint32_t reloc_int(struct np_reloc_iter *it)
{
	uint32_t v = 0;
	for (int i = 0; i < INT_BYTES; i++)
		v |= (uint32_t)reloc_byte(it) << (8 * i);
	return v;
}

static void reloc_pc_jump(struct np_reloc_iter *it)
{
	uint32_t jump = 0;
	for (int i = 0; i < CHUNKS_MAX; i++) {
		uint8_t part = reloc_byte(it);
		jump |= (uint32_t)(part >> 1) << (i * CHUNK_BITS);
		if (part & 1)
			break;
	}
	it->pc += jump << SHORT_PC_BITS;
}

static void reloc_move_position(struct np_reloc_iter *it, uint32_t delta, bool statement, struct np_reloc_entry *e)
{
	it->position += delta;
	e->kind = statement ? NP_RELOC_STATEMENT_POSITION : NP_RELOC_POSITION;
	e->position = (int32_t)it->position;
}

/* Long record up to 4.5; false when it only moved the pc. */
static bool reloc_long_by_tags(struct np_reloc_iter *it, uint8_t byte, struct np_reloc_entry *e)
{
	int extra = byte >> TAG_BITS & EXTRA_MASK, top = byte >> (TAG_BITS + 4);
	switch (extra) {
	case EXTRA_PC_JUMP:
		if (top == TOP_VARIABLE_PC_JUMP)
			reloc_pc_jump(it);
		else
			it->pc += reloc_byte(it);
		return false;
	case EXTRA_DATA_JUMP:
		if (top == DATA_COMMENT)
			reloc_skip(it, POINTER_BYTES);
		else if (top == DATA_ID)
			reloc_skip(it, INT_BYTES);
		else
			reloc_move_position(it, reloc_int(it), top == DATA_STATEMENT_POSITION, e);
		return true;
	case EXTRA_POOL:
		if (it->format.pool_top < 0 || top == it->format.pool_top) {
			reloc_skip(it, INT_BYTES);
			return true;
		}
		break;
	default:
		break;
	}
	it->pc += reloc_byte(it);
	if (extra == it->format.runtime_entry)
		e->kind = NP_RELOC_RUNTIME_ENTRY;
	return true;
}

/* Long record after 4.5; false when it only moved the pc. */
static bool reloc_long_by_mode(struct np_reloc_iter *it, uint8_t byte, struct np_reloc_entry *e)
{
	const struct np_reloc_format *f = &it->format;
	int mode = byte >> TAG_BITS;
	if (mode == f->pc_jump) {
		reloc_pc_jump(it);
		return false;
	}
	it->pc += reloc_byte(it);
	if (f->position >= 0 && (mode == f->position || mode == f->statement_position))
		reloc_move_position(it, reloc_int(it), mode == f->statement_position, e);
	else if (mode == f->comment)
		reloc_skip(it, POINTER_BYTES);
	else if (mode < 32 && (f->int_data_mask >> mode & 1))
		reloc_skip(it, INT_BYTES);
	else if (mode == f->runtime_entry)
		e->kind = NP_RELOC_RUNTIME_ENTRY;
	return true;
}

bool np_reloc_next(struct np_reloc_iter *it, struct np_reloc_entry *ret)
{
	while (it->left > 0 && !it->truncated) {
		struct np_reloc_entry e = {.kind = NP_RELOC_OTHER};
		uint8_t byte = reloc_byte(it);
		bool complete = true;
		if ((byte & TAG_MASK) == TAG_LONG) {
			complete = it->format.mode_in_tag ? reloc_long_by_mode(it, byte, &e)
							  : reloc_long_by_tags(it, byte, &e);
		} else {
			it->pc += byte >> TAG_BITS;
			if ((byte & TAG_MASK) == TAG_LOCATABLE) {
				uint8_t data = reloc_byte(it);
				int kind = data & TAG_MASK;
				/* the delta is the upper six bits, signed */
				if (np_reloc_has_positions(&it->format) &&
				    (kind == DATA_POSITION || kind == DATA_STATEMENT_POSITION))
					reloc_move_position(it, (uint32_t)((int8_t)data >> TAG_BITS),
							    kind == DATA_STATEMENT_POSITION, &e);
			}
		}
		if (complete && !it->truncated) {
			e.pc_offset = it->pc;
			*ret = e;
			return true;
		}
	}
	return false;
}

bool np_reloc_position(const uint8_t *bytes, size_t len, const struct np_reloc_format *format, uint32_t pc_offset,
		       int32_t *ret_position, bool *ret_statement)
{
	struct np_reloc_iter it;
	struct np_reloc_entry e, best = {.position = -1};
	bool found = false;
	/* All records are looked at: code does not follow the order of the source, and pcs wrap in bad data only. */
	np_reloc_iter_init(&it, bytes, len, format);
	while (np_reloc_next(&it, &e)) {
		if (e.kind != NP_RELOC_POSITION && e.kind != NP_RELOC_STATEMENT_POSITION)
			continue;
		if (e.pc_offset > pc_offset)
			continue;
		if (!found || e.pc_offset > best.pc_offset ||
		    (e.pc_offset == best.pc_offset && e.position > best.position)) {
			best = e;
			found = true;
		}
	}
	if (!found || it.truncated || best.position < 0)
		return false;
	*ret_position = best.position;
	*ret_statement = best.kind == NP_RELOC_STATEMENT_POSITION;
	return true;
}
