/*
 * What V8's heap does not keep, read back from the source text: the names of
 * parameters and of the variables that live in interpreter registers, and the
 * name that a function expression was assigned to.
 *
 * Pure text in, names out: nothing here touches a target.  The text is hostile:
 * time and memory are linear in its length, nesting is limited, and whatever is
 * not understood makes an answer that says so.
 *
 * Text is an array of UTF-16 code units (Latin-1 widened).  A function's text is
 * V8's own range [start, end): it begins at the '(' of functions, methods,
 * accessors and constructors, at the first token of arrow functions, and is the
 * whole text of scripts, modules and CommonJS wrappers.  Positions in answers
 * are offsets into the text that was passed.
 *
 * Names are UTF-8.  Everything in an answer is owned by the arena.
 */
#ifndef NP_V8_JSSCAN_H
#define NP_V8_JSSCAN_H

#include "base/arena.h"
#include "base/types.h"

/* What the text is.  V8's FunctionKind and the ScopeInfo's flags say it. */
enum np_jsscan_kind {
	NP_JSSCAN_AUTO = 0,	       /* function or arrow function, told apart by the text */
	NP_JSSCAN_FUNCTION,	       /* declaration or expression */
	NP_JSSCAN_ARROW,
	NP_JSSCAN_METHOD,	       /* concise method, getter, setter */
	NP_JSSCAN_CONSTRUCTOR,	       /* of a class without extends */
	NP_JSSCAN_DERIVED_CONSTRUCTOR, /* of a class with extends; a call of super() says it too */
	NP_JSSCAN_WRAPPED,	       /* a body whose parameters are not in the text (CommonJS) */
	NP_JSSCAN_SCRIPT,
	NP_JSSCAN_MODULE,
	NP_JSSCAN_OTHER, /* eval, class member initializers: no registers can be named */
};

enum np_jsscan_flag {
	NP_JSSCAN_ASYNC = 1,
	NP_JSSCAN_GENERATOR = 2,
	NP_JSSCAN_STRICT = 4,	       /* from outside; directives in the text are seen here */
	NP_JSSCAN_NAMED_EXPRESSION = 8 /* own_name is bound inside, as in x = function own_name(){} */
};

/*
 * How V8 hands out registers: a layout fact, named by the first V8 measured that
 * does it so; in brackets those it was measured on.  jsscan_rules.c says what
 * each means.
 */
enum np_jsscan_rules {
	NP_JSSCAN_RULES_UNKNOWN = 0, /* no registers */
	NP_JSSCAN_RULES_6_2 = 1,     /* Node 8.7 to 9 (6.1, 6.2) */
	NP_JSSCAN_RULES_6_6 = 10,    /* Node 10.0 (6.6) */
	NP_JSSCAN_RULES_6_8 = 2,     /* Node 10.4 (6.7, 6.8) */
	NP_JSSCAN_RULES_7_0 = 11,    /* Node 11 (7.0) */
	NP_JSSCAN_RULES_7_8 = 3,     /* Node 12 and 13.0 (7.4 to 7.8) */
	NP_JSSCAN_RULES_7_9 = 12,    /* Node 13.2 (7.9) */
	NP_JSSCAN_RULES_8_4 = 4,     /* Node 14 and 15 (8.1 to 8.6) */
	NP_JSSCAN_RULES_9_0 = 13,    /* Node 16.0 (9.0) */
	NP_JSSCAN_RULES_9_4 = 5,     /* Node 16.4 and 17 (9.1 to 9.6) */
	NP_JSSCAN_RULES_10_2 = 6,    /* Node 18 and 19 (10.1 to 10.8) */
	NP_JSSCAN_RULES_11_3 = 7,    /* Node 20 and 21 (11.3, 11.8): the same as 10.2 */
	NP_JSSCAN_RULES_12_4 = 8,    /* Node 22 and 23 (12.4, 12.9) */
	NP_JSSCAN_RULES_13_6 = 9,    /* Node 24 to 26 (13.6, 14.1, 14.6) */
	NP_JSSCAN_RULES_COUNT = 14
};

struct np_jsscan_param {
	const char *name;	  /* of a pattern: its text, shortened */
	bool is_rest, is_pattern, has_default;
	const char *const *bound; /* names that the parameter binds, in order */
	size_t n_bound;
};

struct np_jsscan_params {
	const struct np_jsscan_param *params;
	size_t n;
	bool complete;	/* the whole list was understood */
	bool is_arrow;
	bool in_text;	/* false: there is no list (scripts, wrappers, default constructors) */
};

/* The parameters of the function whose text is chars[0..len).  Reads the list only. */
void np_jsscan_params(const uint16_t *chars, size_t len, enum np_jsscan_kind kind, np_arena *arena,
		      struct np_jsscan_params *ret);

enum np_jsscan_place {
	NP_JSSCAN_REGISTER, /* reg says which */
	NP_JSSCAN_CONTEXT,  /* captured by a closure, or by eval or with */
	NP_JSSCAN_ARGUMENT, /* a simple parameter on the stack */
	NP_JSSCAN_ABSENT,   /* never used: V8 keeps no value */
	NP_JSSCAN_ELSEWHERE /* global object, module cell */
};

enum np_jsscan_var_kind {
	NP_JSSCAN_VAR,
	NP_JSSCAN_LET,
	NP_JSSCAN_CONST,
	NP_JSSCAN_CLASS,
	NP_JSSCAN_FUNCTION_DECL,
	NP_JSSCAN_PARAM,
	NP_JSSCAN_CATCH,
	NP_JSSCAN_OWN_NAME,	  /* of a named function expression */
	NP_JSSCAN_ARGUMENTS,	  /* the arguments object */
	NP_JSSCAN_NEW_TARGET,
	NP_JSSCAN_THIS_FUNCTION,  /* the active function, for super */
	NP_JSSCAN_GENERATOR_OBJECT
};

struct np_jsscan_local {
	const char *name; /* of what has no name in the source: "new.target", ".this_function", ".generator_object" */
	int32_t reg;	  /* r<reg>; -1 unless place is NP_JSSCAN_REGISTER */
	uint32_t pos;	  /* of the declaration */
	uint32_t scope_start, scope_end;
	uint16_t depth;	  /* nesting of the scope; the deepest one around a position wins */
	enum np_jsscan_place place;
	enum np_jsscan_var_kind kind;
	bool exact;	  /* false: temporaries of unknown number come before it */
};

struct np_jsscan_locals {
	const struct np_jsscan_local *locals; /* by register, then those without */
	size_t n;
	size_t n_registers; /* taken by variables, named or not; expression temporaries follow them */
	bool understood;    /* false: the text was not understood, there are no locals */
	bool trusted;	    /* false: show registers as approximate */
};

struct np_jsscan_function {
	const uint16_t *chars;
	size_t len;
	enum np_jsscan_kind kind;
	unsigned flags; /* enum np_jsscan_flag */
	enum np_jsscan_rules rules;
	const uint16_t *own_name; /* with NP_JSSCAN_NAMED_EXPRESSION */
	size_t own_name_len;
	const char *const *wrapped_params; /* of NP_JSSCAN_WRAPPED, UTF-8, may be NULL */
	size_t n_wrapped_params;
	/*
	 * Truth from the heap, optional.  captured: is a variable of the
	 * function's own scope in its context, by the ScopeInfo?  Where it
	 * differs from what the text says it wins, and the answer is not
	 * trusted.  max_registers: how many registers the frame has; 0 = unknown.
	 */
	bool (*captured)(void *ctx, const char *name);
	void *ctx;
	size_t max_registers;
};

void np_jsscan_locals(const struct np_jsscan_function *function, np_arena *arena, struct np_jsscan_locals *ret);

/*
 * The local that a name means at a position: the one in the innermost scope.
 * locals[i] is visible when this returns i; SIZE_MAX when nothing is.
 */
size_t np_jsscan_locals_find(const struct np_jsscan_locals *locals, const char *name, uint32_t pos);

/*
 * The name of the function whose text begins at start of a script's text, from
 * what stands before it: "f" of function f(, "A.m" of A.prototype.m = function(,
 * "get x" of get x(, "[a.b]" of [a.b](, "Foo" of the constructor of class Foo.
 * false when there is none or it is not clear.  buf is NUL-terminated, cut at a
 * character.
 */
bool np_jsscan_name_before(const uint16_t *chars, size_t len, size_t start, char *buf, size_t size);

#endif
