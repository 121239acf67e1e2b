/*
 * Inside the JavaScript scanner: one pass over the text by a recursive-descent
 * parser that builds no tree.  It keeps only what V8's scope analysis looks at:
 * scopes, declarations and references by name.
 *
 *   jsscan_lex.c    text -> tokens; names -> small numbers (symbols)
 *   jsscan_scope.c  declarations, references, which reference means which variable
 *   jsscan_expr.c   expressions, patterns, arrow functions
 *   jsscan_func.c   function and class literals
 *   jsscan_stmt.c   statements
 *   jsscan_alloc.c  registers, by V8's order
 *   jsscan.c        the target, parameters; what is public
 *   jsscan_rules.c  what differs between V8 versions
 *   jsscan_name.c   the text before a function
 *
 * The function asked about is the target.  Its own scopes and variables are kept
 * (js_scope, js_var).  Of the functions inside it (js->inner is set there) only
 * one thing matters: which names they use and do not declare.
 *
 * References.  Each use of a name becomes a js_ref, numbered in text order, and
 * goes on its symbol's stack of unresolved uses.  A scope knows the number of
 * its first reference; when it closes, each of its variables takes the uses of
 * its name from that number on off the stack.  A use inside an inner function
 * marks the variable as captured.  This is linear: no use is looked at twice,
 * however deep the scopes are.
 *
 * Arrow functions.  (a, b) is known to be a parameter list only when => follows.
 * Names in places that could bind are noted on the way (js->cands); at => they
 * are declared, with the uses since '(' now belonging to the arrow function.
 *
 * Failure.  np_js_fail() turns the current token into the end of the text for
 * good, so that every loop ends by itself.
 */
#ifndef NP_V8_JSSCAN_INTERNAL_H
#define NP_V8_JSSCAN_INTERNAL_H

#include "base/vec.h"
#include "v8/jsscan.h"

enum js_type {
	T_EOF,
	T_IDENT, /* also contextual keywords, see js_token.word */
	T_NUMBER,
	T_STRING,
	T_TEMPLATE, /* the '`' only; np_js_template() reads on */
	T_PRIVATE,
	/* punctuation */
	T_LPAREN,
	T_RPAREN,
	T_LBRACK,
	T_RBRACK,
	T_LBRACE,
	T_RBRACE,
	T_SEMI,
	T_COMMA,
	T_COLON,
	T_DOT,
	T_QDOT, /* ?. */
	T_QUESTION,
	T_ELLIPSIS,
	T_ARROW,
	T_ASSIGN,
	T_ASSIGN_OP,
	T_INCDEC,
	T_ADDSUB,
	T_NOT, /* ! ~ */
	T_STAR,
	T_DIV,	      /* starts a regular expression where an operand is due */
	T_DIV_ASSIGN, /* the same */
	T_BINARY,     /* every other binary operator */
	/* reserved words */
	T_BREAK,
	T_CASE,
	T_CATCH,
	T_CLASS,
	T_CONST,
	T_CONTINUE,
	T_DEBUGGER,
	T_DEFAULT,
	T_DO,
	T_ELSE,
	T_EXPORT,
	T_EXTENDS,
	T_FINALLY,
	T_FOR,
	T_FUNCTION,
	T_IF,
	T_IMPORT,
	T_IN,
	T_INSTANCEOF,
	T_LITERAL, /* this null true false */
	T_NEW,
	T_RETURN,
	T_SUPER,
	T_SWITCH,
	T_THROW,
	T_TRY,
	T_UNARY, /* typeof void delete */
	T_VAR,
	T_WHILE,
	T_WITH,
};

/* Words that mean something in some places. */
enum js_word {
	W_NONE,
	W_ACCESSOR,
	W_ASYNC,
	W_AWAIT,
	W_EVAL,
	W_GET,
	W_LET,
	W_OF,
	W_SET,
	W_STATIC,
	W_USING,
	W_YIELD
};

struct js_token {
	uint8_t type; /* enum js_type */
	uint8_t word; /* enum js_word, of T_IDENT */
	bool newline; /* a line end stands before it */
	bool escaped; /* an identifier with \u */
	uint32_t start, end;
	uint32_t hash; /* of an identifier */
};

struct js_symbol {
	const uint16_t *chars;
	uint32_t len, hash;
	uint32_t pending; /* top of the stack of unresolved uses, + 1 */
};

/* Symbols that every text has; the rest are numbered after them. */
enum { SYM_ARGUMENTS, SYM_NEW_TARGET, SYM_THIS_FUNCTION, SYM_FIRST_FREE };

struct js_ref {
	uint32_t sym : 31;
	uint32_t inner : 1; /* inside an inner function or a with statement */
	uint32_t prev;	    /* the use below it on the symbol's stack, + 1 */
};

enum js_mode { M_VAR, M_LET, M_CONST, M_CLASS, M_FUNCTION, M_PARAM, M_CATCH, M_TEMP, M_OWN_NAME, M_SPECIAL };

struct js_var {
	uint32_t sym;
	uint32_t pos;
	uint32_t scope;
	uint32_t next; /* of the same scope, + 1 */
	int32_t reg;
	uint8_t mode; /* enum js_mode */
	uint8_t kind; /* enum np_jsscan_var_kind */
	bool used, captured;
	bool argument;	/* a parameter that stays an argument */
	bool hidden;	/* takes a register, is not the user's: a loop variable's dead zone, temporaries */
	bool dead;	/* belongs to an arrow function after all */
	bool elsewhere; /* a module cell or a property of the global object */
	bool by_var;	/* a var statement declares it, not only a function */
	bool exact;	/* of temporaries: false when there are some, nobody knows how many */
	bool sloppy_block_function;
	bool of_return; /* the temporary of a return: only derived constructors need it */
};

enum js_scope_kind { S_FUNCTION, S_BODY, S_BLOCK, S_CLASS, S_CATCH, S_WITH };

struct js_scope {
	uint32_t parent, first_child, sibling; /* + 1; children newest first, as V8 lists them */
	uint32_t start, end, first_ref;
	uint32_t vars, last_var; /* + 1, in order of declaration */
	uint16_t depth;
	uint8_t kind; /* enum js_scope_kind */
	bool dead;
	bool eval; /* a direct eval inside: everything is in the context */
};

/* The function being parsed. */
struct js_func {
	bool async, generator, strict;
	bool supers; /* super() here is the target's: the target, and arrow functions in it */
};

/* A block of an inner function or of the target: whichever js->inner says at np_js_block_open(). */
struct js_block {
	uint32_t lex_start, first_ref, saved_floor;
	bool inner;
};

struct js_rule_set {
	bool inner_first;	  /* inner scopes take registers before the scope around them */
	bool declared_is_used;	  /* every declared variable has a place, even when nothing uses it */
	bool class_name_always;	  /* the class's own name inside it has a place even when unused */
	bool super_uses_function; /* super.x needs .this_function, else a home object in a context */
	bool temps_last_in_arrow; /* arrow functions: temporaries after variables */
	bool return_temp;	  /* derived constructors: a temporary for each return with a value */
	bool method_spread_temp;  /* a.b(...c, d): a temporary */
	bool arguments_shadow;	  /* var arguments beside non-simple parameters reads the arguments object */
	bool module_result_temp;
	bool late_binding;	  /* names are declared when their declaration is rewritten, not where they stand */
	bool spread_temps;	  /* array literals with spread: a temporary, and three for each spread */
	bool param_promise_temp;  /* async functions with non-simple parameters: a temporary before them */
	bool resumable_params;	  /* parameters of async functions and generators are in the context */
	bool sloppy_hash_order;	  /* hoisted block functions come in hash order */
	bool switch_temp_always;  /* a temporary for each switch, not only for those that declare something */
	uint8_t for_of_temps;	  /* of one for-of */
	uint8_t array_temps;	  /* of one array pattern; 0: destructuring takes none */
	uint8_t array_rest_temps; /* more when it ends in ...rest */
};

/* A name to declare later, or n temporaries to make. */
struct js_deferred {
	uint32_t sym, pos, n;
	uint8_t mode;
};

struct js_param_sink;

struct js {
	const uint16_t *base, *p, *end;
	struct js_token tok;
	uint32_t prev_end; /* end of the token before tok */
	bool failed, module; /* module: --> and <!-- are no comments */
	uint32_t depth;

	NP_VEC(struct js_symbol) syms;
	uint32_t *table; /* symbol + 1, open addressing */
	uint32_t table_mask;
	uint32_t letters[128]; /* symbols of one character + 1 */
	NP_VEC(struct js_ref) refs;
	NP_VEC(struct js_var) vars;
	NP_VEC(struct js_scope) scopes;
	NP_VEC(uint32_t) lex_names, var_names; /* declarations of open inner functions */
	NP_VEC(uint32_t) cands;		       /* symbols that may turn out to be parameters */
	NP_VEC(struct js_deferred) deferred;
	NP_VEC(uint32_t) exports;     /* symbols */
	NP_VEC(uint32_t) hoists;      /* functions in blocks of sloppy code: their variable in the block */
	NP_VEC(uint16_t *) unescaped; /* owned texts of names with escapes */
	uint32_t *var_map;	      /* (scope, symbol) -> var + 1, open addressing */
	uint32_t var_map_mask;

	uint32_t floor;	   /* a name used since this reference needs no second entry */
	uint32_t scope;	   /* of the target, current */
	uint32_t body;	   /* S_FUNCTION or S_BODY: where var goes */
	bool inner;	   /* inside an inner function */
	uint32_t spreads;  /* temporaries of array literals to make when the expression ends */
	uint32_t closures; /* functions seen directly inside the target so far */
	bool derived;	   /* the target is a derived constructor: it says so, or calls super() */
	bool defer;	   /* np_js_binding() notes names and temporaries in js->deferred */
	struct js_param_sink *sink;
	bool tracks;	   /* scopes and names matter (not for the parameter list) */
	uint32_t work;	   /* budget for what is not constant time: hash collisions, walks up the scopes */
	struct js_func fn;
	const struct js_rule_set *rules;

	/* np_jsscan_name_before(): the class whose constructor begins at find_start, and its name, if any */
	uint32_t find_start;
	struct js_token cls, found;
	bool found_class;
};

/* Most texts nest a dozen deep; V8 itself gives up somewhere in the thousands. */
enum { JS_MAX_DEPTH = 1000, JS_MAX_TEXT = 1 << 26 };

/* jsscan_lex.c */
bool np_js_init(struct js *js, const uint16_t *chars, size_t len);
void np_js_deinit(struct js *js);
void np_js_next(struct js *js);
struct js_token np_js_peek(struct js *js);
void np_js_name(struct js *js);	    /* after '.': any word is a name */
void np_js_regexp(struct js *js);   /* tok is T_DIV or T_DIV_ASSIGN */
bool np_js_template(struct js *js); /* reads on to the next "${" (true, tok is what follows) or '`' (false) */
uint32_t np_js_intern(struct js *js, const struct js_token *tok);
uint32_t np_js_intern_text(struct js *js, const uint16_t *chars, uint32_t len);
bool np_js_token_is(const struct js *js, const struct js_token *tok, const char *ascii);
void np_js_fail(struct js *js);

static inline bool js_at(const struct js *js, enum js_type type)
{
	return js->tok.type == type;
}
static inline bool js_at_word(const struct js *js, enum js_word word)
{
	return js->tok.type == T_IDENT && js->tok.word == word;
}
static inline bool js_eat(struct js *js, enum js_type type)
{
	if (js->tok.type != type)
		return false;
	np_js_next(js);
	return true;
}
static inline void js_expect(struct js *js, enum js_type type)
{
	if (js->tok.type == type)
		np_js_next(js);
	else
		np_js_fail(js);
}
/* Pairs with js_leave(), also when it fails. */
static inline bool js_enter(struct js *js)
{
	if (++js->depth > JS_MAX_DEPTH)
		np_js_fail(js);
	return !js->failed;
}
static inline void js_leave(struct js *js)
{
	js->depth--;
}

/* jsscan_scope.c */
void np_js_ref(struct js *js, uint32_t sym);
void np_js_use_inner(struct js *js, uint32_t from); /* uses since from are an inner function's */
void np_js_forget(struct js *js, uint32_t sym, uint32_t first_ref);
void np_js_open(struct js *js, enum js_scope_kind kind, uint32_t start); /* of the target */
void np_js_close(struct js *js, uint32_t end);
void np_js_block_open(struct js *js, struct js_block *block, enum js_scope_kind kind, uint32_t start);
void np_js_block_close(struct js *js, struct js_block *block, uint32_t end);
void np_js_declare(struct js *js, uint32_t sym, uint32_t pos, enum js_mode mode);
uint32_t np_js_declare_in(struct js *js, uint32_t scope, uint32_t sym, uint32_t pos, enum js_mode mode); /* var index */
uint32_t np_js_find(struct js *js, uint32_t scope, uint32_t sym); /* var index + 1 */
uint32_t np_js_temps(struct js *js, unsigned n); /* index of the last one + 1 */
void np_js_unknown_temps(struct js *js);
void np_js_mark_eval(struct js *js);
void np_js_hoist_functions(struct js *js);
void np_js_spend(struct js *js, uint32_t work);

/* jsscan_expr.c */
enum { E_NO_IN = 1, E_PATTERN = 2 };
void np_js_assign(struct js *js, unsigned flags);
void np_js_expression(struct js *js, unsigned flags);
void np_js_left_hand_side(struct js *js);
void np_js_arguments(struct js *js, bool property_callee);
/* A binding pattern or name; names are declared with mode.  Returns whether it is a pattern. */
bool np_js_binding(struct js *js, enum js_mode mode);
void np_js_deferred(struct js *js, size_t from); /* does what np_js_binding() noted */
void np_js_use(struct js *js, const struct js_token *tok);

/* jsscan_func.c */
void np_js_function(struct js *js, bool async); /* at "function": an expression */
void np_js_function_declaration(struct js *js, bool async);
void np_js_method(struct js *js, bool async, bool generator);
/* At =>: the parameters are js->cands from cand on, their uses begin at first_ref. */
void np_js_arrow(struct js *js, uint32_t first_ref, uint32_t cand, bool async, unsigned flags);
void np_js_class(struct js *js, bool declaration);
/* Who wants to know the parameters. */
struct js_param_sink {
	void (*param)(struct js_param_sink *sink, struct js *js, uint32_t start, uint32_t end, bool rest,
		      bool has_default, bool pattern);
	void (*name)(struct js_param_sink *sink, struct js *js, const struct js_token *tok);
};
/* At '(': reads to behind ')'.  Returns whether the list is simple. */
bool np_js_formals(struct js *js, bool *has_rest);
void np_js_body(struct js *js); /* at '{': statements up to and with '}' */

/* jsscan_stmt.c */
void np_js_statements(struct js *js, enum js_type end);
void np_js_statement(struct js *js);
void np_js_directives(struct js *js);

/* jsscan_alloc.c */
void np_js_allocate(struct js *js, const struct np_jsscan_function *f, bool arrow, np_arena *arena,
		    struct np_jsscan_locals *ret);
char *np_js_utf8(np_arena *arena, const uint16_t *chars, size_t len);

/* jsscan_rules.c: NULL when unknown */
const struct js_rule_set *np_js_rules(enum np_jsscan_rules rules);

#endif
