/* threads, frames, frame_variables: the stacks.  They need no heap. */
#include <string.h>

#include "sql/tables.h"
#include "stack/stack.h"

static np_err *stacks_load(struct np_sql *sql)
{
	static const struct np_stack_options options = {.args = true, .locals = true};
	np_target *target = sql->source.target;
	if (sql->has_stacks)
		return NULL;
	size_t n = np_target_thread_count(target);
	sql->stacks = NP_NEW_ARRAY(sql->arena, struct np_stack, n + 1);
	for (sql->stack_count = 0; sql->stack_count < n; sql->stack_count++)
		NP_TRY(np_stack_walk(target, sql->source.v8, np_target_thread(target, sql->stack_count), &options, sql->arena,
				     &sql->stacks[sql->stack_count]));
	sql->has_stacks = true;
	return NULL;
}

struct state {
	size_t thread, frame, variable;
	bool is_begun;
	int64_t tid; /* the key; -1 all */
	struct sql_js_value value;
	bool has_value;
};

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct state *s = c->state;
	s->tid = key->column < 0 ? -1 : key->integer;
	return stacks_load(c->sql);
}

static bool is_wanted(const struct sql_cursor *c, size_t thread)
{
	const struct state *s = c->state;
	return s->tid < 0 || c->sql->stacks[thread].thread->tid == s->tid;
}

static const struct np_frame *frame_of(const struct sql_cursor *c)
{
	const struct state *s = c->state;
	return &c->sql->stacks[s->thread].frames[s->frame];
}

/* Text that is "" where it is not known. */
static void cell_known(struct sql_cell *ret, const char *text)
{
	sql_cell_lasting(ret, text && *text ? text : NULL);
}

static void cell_positive(struct sql_cell *ret, int64_t number)
{
	if (number > 0)
		sql_cell_integer(ret, number);
}

static void cell_object(struct sql_cell *ret, np_addr object)
{
	sql_cell_address(ret, object ? object | 1 : 0);
}

/* --- threads --- */

enum { T_TID, T_NAME, T_STATE, T_ISOLATE, T_SIGNAL, T_FRAMES, T_NOTE };

static const struct sql_column thread_columns[] = {
	[T_TID] = {"tid", SQL_INTEGER, SQL_KEY_UNIQUE, "the kernel's number"},
	[T_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "the kernel's name"},
	[T_STATE] = {"state", SQL_TEXT, SQL_KEY_NONE, "R running, S sleeping, D waiting for a disk, ..."},
	[T_ISOLATE] = {"isolate", SQL_ADDRESS, SQL_KEY_NONE, "V8's isolate of the thread; NULL: it runs no JavaScript"},
	[T_SIGNAL] = {"signal", SQL_INTEGER, SQL_KEY_NONE, "that it died of, in a core"},
	[T_FRAMES] = {"frames", SQL_INTEGER, SQL_KEY_NONE, "how many it has in frames"},
	[T_NOTE] = {"note", SQL_TEXT, SQL_KEY_NONE, "why the stack was cut"},
};

static np_err *thread_step(struct sql_cursor *c)
{
	struct state *s = c->state;
	if (s->is_begun)
		s->thread++;
	s->is_begun = true;
	while (s->thread < c->sql->stack_count && !is_wanted(c, s->thread))
		s->thread++;
	c->eof = s->thread >= c->sql->stack_count;
	return NULL;
}

static np_err *thread_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	const struct np_stack *stack = &c->sql->stacks[((struct state *)c->state)->thread];
	switch (column) {
	case T_TID:
		sql_cell_integer(ret, stack->thread->tid);
		break;
	case T_NAME:
		cell_known(ret, stack->thread->name);
		break;
	case T_STATE:
		sql_cell_text(ret, stack->thread->state == '?' ? NULL : &stack->thread->state);
		if (ret->text)
			ret->bytes = 1;
		break;
	case T_ISOLATE:
		sql_cell_address(ret, stack->isolate);
		break;
	case T_SIGNAL:
		cell_positive(ret, stack->thread->signal);
		break;
	case T_FRAMES:
		sql_cell_integer(ret, (int64_t)stack->frame_count);
		break;
	case T_NOTE:
		sql_cell_lasting(ret, stack->note);
		break;
	}
	return NULL;
}

static double thread_rows(const struct np_sql *sql)
{
	return 20;
}

const struct sql_table sql_table_threads = {
	.name = "threads",
	.about = "the threads of the process",
	.columns = thread_columns,
	.column_count = NP_ARRAY_LEN(thread_columns),
	.state_bytes = sizeof(struct state),
	.rows = thread_rows,
	.begin = begin,
	.step = thread_step,
	.cell = thread_cell,
};

/* --- frames --- */

enum {
	F_THREAD, F_DEPTH, F_KIND, F_NAME, F_FILE, F_LINE, F_COLUMN, F_POSITION, F_FUNCTION, F_THIS, F_CONTEXT, F_TIER, F_INLINED,
	F_DISPLAY, F_PC, F_FP
};

static const struct sql_column frame_columns[] = {
	[F_THREAD] = {"thread", SQL_INTEGER, SQL_KEY_FEW, "threads.tid"},
	[F_DEPTH] = {"depth", SQL_INTEGER, SQL_KEY_NONE, "0 is the youngest"},
	[F_KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE, "js, builtin, internal, native, wasm"},
	[F_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "of the function; symbol of native code; NULL: anonymous"},
	[F_FILE] = {"file", SQL_TEXT, SQL_KEY_NONE, "script, or image of native code"},
	[F_LINE] = {"line", SQL_INTEGER, SQL_KEY_NONE, "of the executing call, from 1"},
	[F_COLUMN] = {"column", SQL_INTEGER, SQL_KEY_NONE, "from 1"},
	[F_POSITION] = {"position", SQL_TEXT, SQL_KEY_NONE, "exact, approximate, definition: what line and column are"},
	[F_FUNCTION] = {"function", SQL_ADDRESS, SQL_KEY_NONE, "closures.address"},
	[F_THIS] = {"this", SQL_ADDRESS, SQL_KEY_NONE, "the receiver, where it is an object"},
	[F_CONTEXT] = {"context", SQL_ADDRESS, SQL_KEY_NONE, "contexts.address"},
	[F_TIER] = {"tier", SQL_TEXT, SQL_KEY_NONE, "interpreted, baseline, maglev, turbofan, ..."},
	[F_INLINED] = {"is_inlined", SQL_BOOL, SQL_KEY_NONE, "1: in the frame of its caller"},
	[F_DISPLAY] = {"display", SQL_TEXT, SQL_KEY_NONE, "the call as Error.stack prints it"},
	[F_PC] = {"pc", SQL_TEXT, SQL_KEY_NONE, "program counter; NULL: not known"},
	[F_FP] = {"fp", SQL_ADDRESS, SQL_KEY_NONE, "frame pointer"},
};

static bool frame_next(struct sql_cursor *c)
{
	struct state *s = c->state;
	if (s->is_begun)
		s->frame++;
	s->is_begun = true;
	while (s->thread < c->sql->stack_count &&
	       (!is_wanted(c, s->thread) || s->frame >= c->sql->stacks[s->thread].frame_count)) {
		s->thread++;
		s->frame = 0;
	}
	return s->thread < c->sql->stack_count;
}

static np_err *frame_step(struct sql_cursor *c)
{
	c->eof = !frame_next(c);
	return NULL;
}

static np_err *frame_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	static const char *const kinds[] = {[NP_FRAME_JS] = "js", [NP_FRAME_BUILTIN] = "builtin",
					    [NP_FRAME_INTERNAL] = "internal", [NP_FRAME_NATIVE] = "native",
					    [NP_FRAME_WASM] = "wasm"};
	static const char *const positions[] = {[NP_POSITION_NONE] = NULL, [NP_POSITION_EXACT] = "exact",
						[NP_POSITION_APPROXIMATE] = "approximate",
						[NP_POSITION_DEFINITION] = "definition"};
	const struct state *s = c->state;
	const struct np_frame *f = frame_of(c);
	switch (column) {
	case F_THREAD:
		sql_cell_integer(ret, c->sql->stacks[s->thread].thread->tid);
		break;
	case F_DEPTH:
		sql_cell_integer(ret, (int64_t)s->frame);
		break;
	case F_KIND:
		sql_cell_lasting(ret, kinds[f->kind]);
		break;
	case F_NAME:
		cell_known(ret, f->name);
		break;
	case F_FILE:
		cell_known(ret, f->file);
		break;
	case F_LINE:
		cell_positive(ret, f->line);
		break;
	case F_COLUMN:
		cell_positive(ret, f->column);
		break;
	case F_POSITION:
		sql_cell_lasting(ret, positions[f->position]);
		break;
	case F_FUNCTION:
		cell_object(ret, f->function);
		break;
	case F_THIS:
		if (f->has_args && !f->receiver_lost && np_is_ref(f->receiver))
			cell_object(ret, np_ref(f->receiver));
		break;
	case F_CONTEXT:
		cell_object(ret, f->context);
		break;
	case F_TIER:
		sql_cell_lasting(ret, f->tier);
		break;
	case F_INLINED:
		sql_cell_integer(ret, f->inlined);
		break;
	case F_DISPLAY:
		cell_known(ret, f->display);
		break;
	case F_PC:
		sql_cell_address(ret, f->pc);
		break;
	case F_FP:
		sql_cell_address(ret, f->fp);
		break;
	}
	return NULL;
}

static double frame_rows(const struct np_sql *sql)
{
	return 300;
}

const struct sql_table sql_table_frames = {
	.name = "frames",
	.about = "the frames of every thread's stack, native and JavaScript in one",
	.columns = frame_columns,
	.column_count = NP_ARRAY_LEN(frame_columns),
	.state_bytes = sizeof(struct state),
	.rows = frame_rows,
	.begin = begin,
	.step = frame_step,
	.cell = frame_cell,
};

/* --- frame_variables --- */

enum { V_THREAD, V_DEPTH, V_KIND, V_NAME, V_VALUE_TYPE, V_VALUE, V_TARGET };

static const struct sql_column variable_columns[] = {
	[V_THREAD] = {"thread", SQL_INTEGER, SQL_KEY_FEW, "threads.tid"},
	[V_DEPTH] = {"depth", SQL_INTEGER, SQL_KEY_NONE, "frames.depth"},
	[V_KIND] = {"kind", SQL_TEXT, SQL_KEY_NONE, "argument, local, context (captured: lives in a context)"},
	[V_NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "NULL: an argument without a parameter; r0, r1, ...: a register whose variable is not known"},
	[V_VALUE_TYPE] = {"value_type", SQL_TEXT, SQL_KEY_NONE, "as in properties; NULL: optimised away"},
	[V_VALUE] = {"value", SQL_ANY, SQL_KEY_NONE, "as in properties"},
	[V_TARGET] = {"target", SQL_ADDRESS, SQL_KEY_NONE, "the value's address, where it is in the heap"},
};

static size_t variable_count(const struct np_frame *f)
{
	return (f->has_args ? f->arg_count : 0) + (f->has_locals ? f->local_count : 0);
}

static np_err *variable_step(struct sql_cursor *c)
{
	struct state *s = c->state;
	s->has_value = false;
	np_arena_reset(c->arena);
	if (s->is_begun && s->thread < c->sql->stack_count && s->variable + 1 < variable_count(frame_of(c))) {
		s->variable++;
		return NULL;
	}
	s->variable = 0;
	while (frame_next(c))
		if (variable_count(frame_of(c)))
			return NULL;
	c->eof = true;
	return NULL;
}

static void variable_value(struct sql_cursor *c, bool is_lost, bool is_boolean, bool is_number, double number, np_tagged value)
{
	struct state *s = c->state;
	if (s->has_value)
		return;
	s->has_value = true;
	s->value = (struct sql_js_value){0};
	if (is_lost)
		return;
	if (is_boolean) {
		s->value.type = "boolean";
		sql_cell_integer(&s->value.cell, number != 0);
	} else if (is_number) {
		sql_js_number(number, &s->value);
	} else {
		sql_js_value_of(c->sql, value, c->arena, &s->value);
	}
}

static const char *local_kind(const struct np_local *local)
{
	return local->is_context ? "context" : "local";
}

static np_err *variable_cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	const struct np_frame *f = frame_of(c);
	size_t args = f->has_args ? f->arg_count : 0;
	const struct np_arg *arg = s->variable < args ? &f->args[s->variable] : NULL;
	const struct np_local *local = arg ? NULL : &f->locals[s->variable - args];
	switch (column) {
	case V_THREAD:
		sql_cell_integer(ret, c->sql->stacks[s->thread].thread->tid);
		return NULL;
	case V_DEPTH:
		sql_cell_integer(ret, (int64_t)s->frame);
		return NULL;
	case V_KIND:
		sql_cell_lasting(ret, arg ? "argument" : local_kind(local));
		return NULL;
	case V_NAME:
		sql_cell_lasting(ret, arg ? arg->name : local->name);
		return NULL;
	}
	if (arg)
		variable_value(c, arg->lost, arg->is_boolean, arg->is_number, arg->number, arg->value);
	else
		variable_value(c, local->lost, local->is_boolean, local->is_number, local->number, local->value);
	sql_js_cell(&s->value, column - V_VALUE_TYPE, ret);
	return NULL;
}

const struct sql_table sql_table_frame_variables = {
	.name = "frame_variables",
	.about = "arguments and local variables of the JavaScript frames",
	.columns = variable_columns,
	.column_count = NP_ARRAY_LEN(variable_columns),
	.state_bytes = sizeof(struct state),
	.rows = frame_rows,
	.begin = begin,
	.step = variable_step,
	.cell = variable_cell,
};
