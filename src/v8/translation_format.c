#include "v8/translation_format.h"

enum { OPERAND_BITS_MAX = 35 };

np_err *np_translation_table_for(int major, int minor, const struct np_translation_table **ret)
{
	for (size_t i = 0; i < np_translation_table_count; i++)
		if (np_translation_tables[i].major == major && np_translation_tables[i].minor == minor) {
			*ret = &np_translation_tables[i];
			return NULL;
		}
	return np_err_new(NP_EMISSING, "the deoptimisation translations of V8 %d.%d are not known", major, minor);
}

/* Unsigned number at *at; false when the bytes end before it does. */
static bool number_at(const struct np_translation_reader *r, size_t *at, uint32_t *ret)
{
	bool low = r->table->continue_low;
	uint32_t bits = 0;
	for (int shift = 0; shift < OPERAND_BITS_MAX; shift += 7) {
		if (*at >= r->len)
			return false;
		uint8_t byte = r->bytes[(*at)++];
		bits |= (uint32_t)(low ? byte >> 1 : byte & 0x7f) << shift;
		if (!(byte & (low ? 1 : 0x80))) {
			*ret = bits;
			return true;
		}
	}
	return false;
}

static int32_t with_sign(uint32_t bits)
{
	int32_t magnitude = (int32_t)(bits >> 1);
	return bits & 1 ? -magnitude : magnitude;
}

static const struct np_translation_opcode *last_opcode(const struct np_translation_table *t)
{
	return &t->opcodes[t->opcode_count - 1];
}

/* Since there is match_previous (always the last one) opcodes are plain bytes. */
static bool has_match_previous(const struct np_translation_table *t)
{
	return last_opcode(t)->kind == NP_TRANSLATION_MATCH_PREVIOUS;
}

/* Opcode number at *at; may be beyond the last one. */
static bool opcode_at(const struct np_translation_reader *r, size_t *at, uint32_t *ret)
{
	if (has_match_previous(r->table)) {
		if (*at >= r->len)
			return false;
		*ret = r->bytes[(*at)++];
		return true;
	}
	if (!number_at(r, at, ret) || *ret & 1)
		return false;
	*ret >>= 1;
	return true;
}

/* A whole command at *at that is neither match_previous nor its short form. */
static bool command_at(const struct np_translation_reader *r, size_t *at, struct np_translation_command *ret)
{
	uint32_t opcode, bits;
	if (!opcode_at(r, at, &opcode) || opcode >= (uint32_t)r->table->opcode_count)
		return false;
	ret->opcode = &r->table->opcodes[opcode];
	if (ret->opcode->kind == NP_TRANSLATION_MATCH_PREVIOUS)
		return false;
	for (int i = 0; i < ret->opcode->operand_count; i++) {
		if (!number_at(r, at, &bits))
			return false;
		ret->operand[i] = with_sign(bits);
	}
	return true;
}

void np_translation_reader_init(struct np_translation_reader *r, const struct np_translation_table *table,
				const uint8_t *bytes, size_t len, size_t at)
{
	*r = (struct np_translation_reader){
		.table = table, .bytes = bytes, .len = len, .at = at, .previous = SIZE_MAX};
}

/* begin: its first operand says how far back the translation starts that match_previous refers to; 0: there is none. */
static bool set_previous(struct np_translation_reader *r, size_t start)
{
	size_t at = start + 1;
	uint32_t distance;
	if (!number_at(r, &at, &distance) || distance > start)
		return false;
	r->previous = distance ? start - distance : SIZE_MAX;
	r->previous_left = 0;
	r->since_previous = 1;
	return true;
}

/* The commands of the earlier translation that stand where this one wrote its own. */
static bool skip_previous(struct np_translation_reader *r)
{
	struct np_translation_command skipped;
	for (uint32_t i = 0; i < r->since_previous; i++)
		if (r->previous >= r->at || !command_at(r, &r->previous, &skipped))
			return false;
	r->since_previous = 0;
	return true;
}

static bool previous_command(struct np_translation_reader *r, struct np_translation_command *ret)
{
	r->previous_left--;
	return r->previous < r->at && command_at(r, &r->previous, ret) && ret->opcode->kind != NP_TRANSLATION_BEGIN;
}

bool np_translation_read(struct np_translation_reader *r, struct np_translation_command *ret)
{
	const struct np_translation_table *t = r->table;
	size_t start = r->at, at = r->at;
	uint32_t opcode;
	if (r->previous_left)
		return previous_command(r, ret);
	if (has_match_previous(t)) {
		uint32_t last = (uint32_t)t->opcode_count - 1;
		if (!opcode_at(r, &at, &opcode))
			return false;
		if (opcode >= last) { /* beyond the last opcode: match_previous with a small operand */
			uint32_t n = opcode - last - 1;
			if (opcode == last && !number_at(r, &at, &n))
				return false;
			if (n == 0)
				return false;
			r->at = at;
			r->previous_left = n;
			return skip_previous(r) && previous_command(r, ret);
		}
		at = start;
	}
	if (!command_at(r, &at, ret))
		return false;
	r->at = at;
	if (ret->opcode->kind == NP_TRANSLATION_BEGIN && has_match_previous(t))
		return set_previous(r, start);
	r->since_previous++;
	return true;
}
