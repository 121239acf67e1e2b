/*
 * Bytes of TurboFan's and Maglev's deoptimisation translations (V8 6.2 and
 * later): a pure decoder.
 *
 *	translation = begin, then for each frame, outermost first:
 *		frame opcode (bytecode offset, function, ...), values
 *
 * An operand is a number with its sign in bit 0, in groups of seven bits,
 * lowest first; which bit of a byte says that more follow depends on the
 * version.  Opcodes are written the same way, and as plain bytes since
 * match_previous exists (10.3 and later): it says that the next commands are
 * those of an earlier translation, whose distance in bytes stands in begin.
 *
 * What the opcodes are is data: src/v8/translations/opcodes.tsv, measured on
 * node binaries.  A V8 that is not in it has no translations here.
 *
 * Mirrors DeoptTranslationIterator of V8 14.6 (deoptimization-data.cc),
 * TranslationArrayIterator of 9.4 to 11.3, TranslationIterator of 6.2 to 8.4.
 */
#ifndef NP_V8_TRANSLATION_FORMAT_H
#define NP_V8_TRANSLATION_FORMAT_H

#include "base/err.h"
#include "base/types.h"

enum np_translation_kind {
	NP_TRANSLATION_BEGIN,
	NP_TRANSLATION_MATCH_PREVIOUS,
	NP_TRANSLATION_FEEDBACK,	 /* neither a frame nor a value */
	NP_TRANSLATION_JS_FRAME,	 /* bytecode offset, SharedFunctionInfo, ...; values: see translation.c */
	NP_TRANSLATION_JS_BUILTIN_FRAME, /* a builtin's loop that was inlined; the same first operands */
	NP_TRANSLATION_CONSTRUCT_FRAME,	 /* the next function was called with new */
	NP_TRANSLATION_ARGUMENTS_FRAME,	 /* what was really passed to the next function */
	NP_TRANSLATION_OTHER_FRAME,
	NP_TRANSLATION_LITERAL, /* index into the literals */
	NP_TRANSLATION_TAGGED_SLOT,
	NP_TRANSLATION_INT32_SLOT,
	NP_TRANSLATION_UINT32_SLOT,
	NP_TRANSLATION_INT64_SLOT,
	NP_TRANSLATION_BOOL_SLOT,
	NP_TRANSLATION_FLOAT_SLOT,
	NP_TRANSLATION_DOUBLE_SLOT,
	NP_TRANSLATION_HOLEY_DOUBLE_SLOT, /* one NaN stands for undefined */
	NP_TRANSLATION_CAPTURED,	  /* an object that was never allocated: operand values follow as its fields */
	NP_TRANSLATION_STRING_CONCAT,	  /* a string that was never put together: two values follow */
	NP_TRANSLATION_LOST,		  /* a value that cannot be read from the stack */
};

struct np_translation_opcode {
	const char *name; /* V8's */
	enum np_translation_kind kind;
	uint8_t operand_count;
};

struct np_translation_table {
	int major, minor; /* of V8 */
	bool continue_low; /* bit 0 of an operand's byte says that more follow; else bit 7 */
	int opcode_count;
	const struct np_translation_opcode *opcodes;
};

/* The generated tables, ascending by version. */
extern const struct np_translation_table np_translation_tables[];
extern const size_t np_translation_table_count;

/* Fails with NP_EMISSING for a V8 without a table. */
np_err *np_translation_table_for(int major, int minor, const struct np_translation_table **ret) NP_MUST;

enum { NP_TRANSLATION_OPERANDS = 6 };

struct np_translation_command {
	const struct np_translation_opcode *opcode;
	int32_t operand[NP_TRANSLATION_OPERANDS];
};

struct np_translation_reader {
	const struct np_translation_table *table;
	const uint8_t *bytes;
	size_t len, at;
	size_t previous;	    /* where match_previous goes on; SIZE_MAX: nowhere */
	uint32_t previous_left;	    /* commands still to be taken from there */
	uint32_t since_previous;    /* commands since previous was moved */
};

/* Starts at byte offset at, where a begin stands. */
void np_translation_reader_init(struct np_translation_reader *r, const struct np_translation_table *table,
				const uint8_t *bytes, size_t len, size_t at);
/* The next command, never match_previous; false at the end and on bytes that are no translation. */
bool np_translation_read(struct np_translation_reader *r, struct np_translation_command *ret);

static inline bool np_translation_starts_frame(enum np_translation_kind kind)
{
	return kind >= NP_TRANSLATION_JS_FRAME && kind <= NP_TRANSLATION_OTHER_FRAME;
}
static inline bool np_translation_is_value(enum np_translation_kind kind)
{
	return kind >= NP_TRANSLATION_LITERAL;
}

#endif
