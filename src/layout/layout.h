/*
 * Which offset or constant holds in this V8, and how we know.
 *
 * Facts are rows of facts.tsv: a name (`JSFunction.shared`), the v8dbg_
 * symbols that may tell it, and what it is for.  v8/<major.minor>.facts gives
 * the values that were verified for that V8.  Both become C at build time
 * (tools/gen-layout.awk -> build/gen/layout_facts.{h,c}): an enumerator
 * NP_F_JSFunction_shared for each fact.
 *
 * Order of belief for each fact:
 *   1. a value in the exact table marked `!` (the symbol is known to lie)
 *   2. the binary's own symbol (matched by prefix, value read from the target
 *      for symbols that are filled at run time)
 *   3. the exact table of this V8 version
 *   4. self-calibration on the heap (np_layout_set by the v8 layer)
 *   5. the nearest older table, with a warning
 * A fact that stays unknown has NP_FACT_MISSING and never reads as a number:
 * code asks np_has() first, or calls np_need(), which names the fact.
 *
 * This layer reads symbols, not the heap.
 */
#ifndef NP_LAYOUT_LAYOUT_H
#define NP_LAYOUT_LAYOUT_H

#include "base/err.h"
#include "target/target.h"

#include "layout_facts.h" /* generated: enum np_fact { NP_F_..., NP_FACT_COUNT } */

#define NP_FACT_MISSING INT32_MIN

enum np_fact_source {
	NP_SOURCE_MISSING,
	NP_SOURCE_SYMBOL,     /* the binary's v8dbg_ symbol */
	NP_SOURCE_TABLE,      /* exact table of this V8 version */
	NP_SOURCE_CALIBRATED, /* confirmed or found on the target's heap */
	NP_SOURCE_NEAREST,    /* table of the nearest older V8 */
};

struct np_fact_info {
	const char *name;     /* "JSFunction.shared" */
	const char *symbols;  /* comma-separated symbol prefixes without "v8dbg_", or "" */
	const char *kind;     /* offset | index | mask | shift | type | bool | value */
	const char *doc;      /* one line */
};

struct np_v8_version {
	int major, minor, build, patch;
};

typedef struct np_layout {
	int32_t value[NP_FACT_COUNT];
	uint8_t source[NP_FACT_COUNT]; /* enum np_fact_source */
	char symbol_name[NP_FACT_COUNT][72]; /* the symbol that told it, "" otherwise */
	struct np_v8_version version;
	bool exact;		  /* a table for exactly this major.minor exists */
	const char *table;	  /* name of the table used, "13.6" */
	const char *node_version; /* "24.21.0" where the binary tells, else "" */
	/* Symbols the walkers need, run-time addresses, 0 where absent: */
	np_addr embedded_blob_start, embedded_blob_size; /* v8_Default_embedded_blob_code_ as in the image (not the remapped copy) */
	uint64_t tls_isolate_offset;	/* g_current_isolate_ in the TLS block */
	bool has_tls_isolate;
	np_addr isolate_key;	/* address of Isolate::isolate_key_ (<= 18), 0 none */
	np_addr default_isolate; /* address of Isolate::default_isolate_ (0.10), 0 none */
	np_addr bytecode_sizes;	/* address of Bytecodes::kBytecodeSizes, 0 none */
	uint32_t bytecode_sizes_bytes;
	/* Instance types: names from v8dbg_type_* symbols and the table. */
	struct np_type_name {
		int32_t type;
		const char *name;  /* "JS_ARRAY_TYPE" */
		const char *klass; /* "JSArray" */
	} *types; /* sorted by type */
	size_t type_count;
	/* Frame types: names from v8dbg_frametype_*. */
	struct np_frame_type {
		int32_t id;
		const char *name; /* "InternalFrame" */
	} *frame_types;
	size_t frame_type_count;
} np_layout;

/* Resolves every fact for the V8 of the target's v8 image. */
np_err *np_layout_create(np_target *target, np_layout **ret) NP_MUST;
void np_layout_destroy(np_layout *layout);

const struct np_fact_info *np_fact_info(enum np_fact fact);
/* Fact by name, NP_FACT_COUNT when there is none. */
enum np_fact np_fact_by_name(const char *name);
const char *np_fact_source_name(enum np_fact_source source);

static inline bool np_has(const np_layout *l, enum np_fact f)
{
	return l->value[f] != NP_FACT_MISSING;
}
static inline int32_t np_get(const np_layout *l, enum np_fact f)
{
	return l->value[f];
}
/* NP_EMISSING, naming the fact, unless it is known. */
np_err *np_need(const np_layout *l, enum np_fact f) NP_MUST;
/* For calibration: replaces a value and its source. */
void np_layout_set(np_layout *l, enum np_fact f, int32_t value, enum np_fact_source source);
/* "JS_ARRAY_TYPE", or NULL for a type without a name. */
const char *np_layout_type_name(const np_layout *l, int32_t type);
const char *np_layout_frame_type_name(const np_layout *l, int32_t id);

#endif
