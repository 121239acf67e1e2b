/*
 * Mixed stacks: native, V8-internal and JavaScript frames of one thread, leaf
 * first, inlined functions as frames of their own.
 *
 * Method, in this order for every frame: classify the program counter
 * (embedded builtin, heap code, native image), then take the frame's marker
 * or function, then step: V8 frames by frame pointer, native ones by
 * .eh_frame, else frame pointer.  A native stack that cannot be unwound is
 * left through the isolate's last exit frame.
 */
#ifndef NP_STACK_STACK_H
#define NP_STACK_STACK_H

#include "target/target.h"
#include "v8/v8.h"

enum np_frame_kind {
	NP_FRAME_JS,	   /* JavaScript with source */
	NP_FRAME_BUILTIN,  /* a JavaScript-callable builtin: Array.forEach, ... */
	NP_FRAME_INTERNAL, /* V8's own: entry, exit, stubs, adaptors, handlers */
	NP_FRAME_NATIVE,
	NP_FRAME_WASM,
};

enum np_position_kind { NP_POSITION_NONE, NP_POSITION_EXACT, NP_POSITION_APPROXIMATE, NP_POSITION_DEFINITION };

struct np_arg {
	const char *name;  /* NULL: passed beyond the declared ones, or unknown */
	np_tagged value;
	bool declared;	   /* has a formal parameter */
	bool passed;	   /* false: declared but not passed (undefined) */
	bool is_rest;
	bool is_number;	   /* kept unboxed by optimised code: number, not value */
	bool is_boolean;   /* the same; number is 0 or 1 */
	double number;
	bool lost;	   /* optimised away */
};

struct np_local {
	const char *name;
	np_tagged value;
	bool is_context;  /* captured: lives in a context */
	bool is_closure;  /* of an enclosing function, and named in this one */
	bool is_register; /* unnamed register: name is r0, r1, ... */
	bool is_number;	  /* kept unboxed: number, not value */
	double number;
	bool trusted;	  /* false: the name was recovered and may be wrong */
	bool is_boolean, lost; /* as in np_arg */
};

struct np_frame {
	enum np_frame_kind kind;
	const char *name;    /* V8's debug name; symbol for native; "" anonymous */
	const char *display; /* as Error.stack would print the call: "Foo.bar [as baz]", "new Foo" */
	const char *file;    /* script name; image path for native; NULL unknown */
	int line, column;    /* 1-based, 0 unknown */
	enum np_position_kind position;
	const char *tier;    /* NULL for non-JS */
	bool inlined;
	bool is_constructor, is_toplevel, is_eval;
	np_addr pc, fp;	     /* pc 0 for frames found without one */
	np_addr function;    /* JSFunction, 0 unknown (inlined) */
	np_addr shared, script;
	int32_t source_offset; /* executing position, -1 unknown */
	np_addr context;     /* current context, 0 unknown */
	np_addr code;	     /* Code object, 0 none */
	np_addr bytecode_array; /* 0 none */
	int32_t bytecode_offset; /* -1 unknown */
	uint64_t symbol_offset; /* native: pc - symbol start */
	const char *eval_origin; /* "eval at f (file:1:2)", NULL */
	bool has_args;
	np_tagged receiver;
	bool receiver_lost;
	struct np_arg *args;
	size_t arg_count;
	bool has_locals;
	struct np_local *locals;
	size_t local_count;
	const char *note;    /* what could not be told, NULL */
};

struct np_stack {
	const struct np_thread *thread;
	np_addr isolate; /* 0: none on this thread */
	struct np_frame *frames;
	size_t frame_count;
	bool cut;	   /* ended before the thread's start */
	const char *note;  /* why it was cut */
};

struct np_stack_options {
	bool args, locals;
	size_t max_frames; /* 0: 10000 */
};

/*
 * Walks one thread.  v8 may be NULL: then frames are native only.  The answer
 * is in the arena; a thread without registers gives no frames and a note.
 */
np_err *np_stack_walk(np_target *target, np_v8 *v8, const struct np_thread *thread,
		      const struct np_stack_options *options, np_arena *arena, struct np_stack *ret) NP_MUST;

/* Isolate of a thread: thread-local, else pthread key, else the default; 0 none. */
np_addr np_isolate_of_thread(np_v8 *v8, const struct np_thread *thread);

#endif
