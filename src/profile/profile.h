/*
 * A profile: stacks and how often, how long or how many bytes.  Every reader of a
 * format fills one, every writer drains one, filters make one of another.
 *
 *     strings   interned: equal texts have one number; 0 is ""
 *     frames    interned: a function, what it is and where it is defined; 0 is the
 *               empty frame
 *     stacks    a prefix tree: a node is a frame called by its parent, with the
 *               place that was executing in it; 0 is the empty stack
 *     samples   a stack on a thread with a value of each value type, and a time
 *               when the profile keeps times; without times equal stacks of a
 *               thread are one sample
 *     markers   named spans and moments (garbage collections, requests)
 *
 * Memory is in proportion to distinct strings, frames and stacks, and to samples
 * when times are kept.  Texts are as they came: whoever writes them escapes them.
 *
 * Invariants: a stack's parent has a smaller number; ids are dense.
 */
#ifndef NP_PROFILE_PROFILE_H
#define NP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct np_profile np_profile;

enum np_profile_kind {
	NP_PROFILE_UNKNOWN, /* an address without a name */
	NP_PROFILE_JS,
	NP_PROFILE_BUILTIN, /* V8's builtins, bytecode handlers, stubs */
	NP_PROFILE_REGEXP,
	NP_PROFILE_WASM,
	NP_PROFILE_NATIVE,
	NP_PROFILE_KERNEL,
	NP_PROFILE_META, /* (root), (program), (idle), (garbage collector): no code of its own */
};

enum np_profile_tier {
	NP_PROFILE_TIER_NONE,
	NP_PROFILE_TIER_INTERPRETED,
	NP_PROFILE_TIER_BASELINE,
	NP_PROFILE_TIER_MAGLEV,
	NP_PROFILE_TIER_TURBOFAN
};

struct np_profile_frame {
	uint32_t name;	 /* of the function alone: no tier mark, no place, no offset */
	uint32_t file;	 /* path or URL of its source, 0 unknown */
	uint32_t module; /* binary it lies in, 0 unknown */
	uint32_t line, column; /* where it begins, from 1; 0 unknown */
	uint32_t script_id;    /* as V8 numbers them, 0 unknown */
	uint8_t kind, tier;    /* enum np_profile_kind, np_profile_tier */
	bool is_inlined; /* into its caller */
	bool is_osr;	 /* entered by on-stack replacement */
};

struct np_profile_stack {
	uint32_t parent, frame;
	uint32_t line, column; /* executing in frame, from 1; 0 unknown */
};

struct np_profile_thread {
	int64_t pid, tid; /* -1 unknown */
	uint32_t name, process; /* strings */
};

struct np_profile_value_type {
	const char *name; /* "samples", "cpu", "wall", "alloc_space", ... */
	const char *unit; /* "count", "nanoseconds", "bytes", ... */
};

#define NP_TIME_NONE INT64_MIN

struct np_profile_sample {
	uint32_t stack, thread;
	int64_t time_ns; /* from any moment on, the same for all; NP_TIME_NONE */
};

struct np_profile_marker {
	uint32_t thread, name, category; /* strings */
	uint32_t args;	     /* JSON object as text, 0 none */
	int64_t start_ns, duration_ns; /* -1: a moment */
};

/* What a profile has and a format can hold. */
enum {
	NP_HOLDS_TIMES = 1,
	NP_HOLDS_THREADS = 2,
	NP_HOLDS_FILES = 4,	/* of functions */
	NP_HOLDS_LINES = 8,	/* where functions begin */
	NP_HOLDS_POSITIONS = 16, /* executing lines */
	NP_HOLDS_INLINING = 32,
	NP_HOLDS_TIERS = 64,
	NP_HOLDS_VALUES = 128, /* several values a sample, or another unit than a count */
	NP_HOLDS_MARKERS = 256,
	NP_HOLDS_MODULES = 512,
};

np_profile *np_profile_create(bool keep_times);
void np_profile_destroy(np_profile *profile);
bool np_profile_keeps_times(const np_profile *profile);
/* Samples came with times that it does not keep. */
bool np_profile_dropped_times(const np_profile *profile);

/* --- filling; text need not be terminated and may hold anything --- */

uint32_t np_profile_string(np_profile *profile, const char *text, size_t len);
uint32_t np_profile_cstring(np_profile *profile, const char *text); /* NULL is "" */
uint32_t np_profile_frame(np_profile *profile, const struct np_profile_frame *frame);
/* The stack that has one more frame, called by what parent's last one was doing. */
uint32_t np_profile_push(np_profile *profile, uint32_t parent, uint32_t frame, uint32_t line, uint32_t column);
/* The thread of those ids; a name that was not known (0) is taken over. */
uint32_t np_profile_thread(np_profile *profile, const struct np_profile_thread *thread);
/*
 * Texts are copied. Without any, there is one: samples, count. Returns its number. Best before the first sample: those
 * that are there get a zero (and the implied type becomes the first one).
 */
uint32_t np_profile_value_type(np_profile *profile, const char *name, const char *unit);
void np_profile_value_type_rename(np_profile *profile, uint32_t type, const char *name);
/* values: one of each type. */
void np_profile_add(np_profile *profile, uint32_t thread, uint32_t stack, int64_t time_ns, const int64_t *values);
void np_profile_add_marker(np_profile *profile, const struct np_profile_marker *marker);

/* --- what is told of the whole --- */

struct np_profile_facts {
	uint32_t title, command; /* strings, 0 none */
	int64_t start_unix_ns;	 /* 0 unknown */
	int64_t start_ns, end_ns; /* on the samples' clock; NP_TIME_NONE: that of the first and last sample */
	int64_t period;		 /* between samples, in the unit of default_type; 0 unknown */
	uint32_t default_type;	 /* value type that people look at first */
};

struct np_profile_facts *np_profile_facts(np_profile *profile);
const struct np_profile_facts *np_profile_facts_of(const np_profile *profile);

/* --- reading --- */

const char *np_profile_text(const np_profile *profile, uint32_t string); /* terminated; see the length for NULs in it */
size_t np_profile_text_len(const np_profile *profile, uint32_t string);
uint32_t np_profile_string_count(const np_profile *profile);
uint32_t np_profile_frame_count(const np_profile *profile);
const struct np_profile_frame *np_profile_frame_at(const np_profile *profile, uint32_t frame);
uint32_t np_profile_stack_count(const np_profile *profile);
const struct np_profile_stack *np_profile_stack_at(const np_profile *profile, uint32_t stack);
uint32_t np_profile_thread_count(const np_profile *profile);
const struct np_profile_thread *np_profile_thread_at(const np_profile *profile, uint32_t thread);
uint32_t np_profile_value_type_count(const np_profile *profile);
struct np_profile_value_type np_profile_value_type_at(const np_profile *profile, uint32_t type);
size_t np_profile_sample_count(const np_profile *profile);
const struct np_profile_sample *np_profile_sample_at(const np_profile *profile, size_t i);
const int64_t *np_profile_values(const np_profile *profile, size_t sample); /* one of each type */
size_t np_profile_marker_count(const np_profile *profile);
const struct np_profile_marker *np_profile_marker_at(const np_profile *profile, size_t i);
/* NP_HOLDS_* of what is in it. */
unsigned np_profile_holds(const np_profile *profile);
/* Samples (and markers) by time, stable; those without one first. */
void np_profile_sort(np_profile *profile);

#endif
