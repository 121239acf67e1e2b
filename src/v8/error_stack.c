/*
 * An Error keeps its stack in an own property whose key is one of V8's private
 * symbols (up to 3.14: behind the getter of `stack`): formatted text once the
 * program has read `.stack`, before that call sites.  ErrorStack.form tells how
 * call sites are kept:
 *
 *   1  JSArray of tuples                       up to 5.1
 *   2  FrameArray (a FixedArray of tuples)     6.2, 6.8
 *   5  FixedArray of StackTraceFrames, which lead to a FrameArray   7.8, 8.4
 *   3  FixedArray of CallSiteInfos             9.4 to 13.6
 *   4  FixedArray of tuples                    14.6
 *
 * A call site is {receiver, function, code, offset, flags}.  The offset is one
 * in the bytecode or machine code, or already a source offset; frames of
 * Promise.all keep the index of the promise in it.
 */
#include "v8/error_stack.h"

#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "v8/array.h"
#include "v8/call_name.h"
#include "v8/code.h"
#include "v8/fullcodegen.h"
#include "v8/function.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/position.h"
#include "v8/script.h"
#include "v8/string.h"

enum {
	SITES_MAX = 1024, /* Error.stackTraceLimit is 10 unless the program says otherwise */
	TEXT_MAX = 1 << 16,
	PROTOTYPES_MAX = 64,
};

enum stack_form { FORM_JS_ARRAY = 1, FORM_FRAME_ARRAY, FORM_CALL_SITE_INFOS, FORM_TUPLES, FORM_STACK_TRACE_FRAMES };

struct stack_search {
	np_v8 *v8;
	np_tagged message;     /* its private copy (13.6+) is a string under a symbol, too, and comes after the stack */
	np_tagged sites, text; /* raw 0 none */
};

struct site {
	np_tagged receiver, function, code;
	int32_t offset;
	uint32_t flags;
};

static bool slot(np_v8 *v8, np_addr array, uint32_t frame, enum np_fact index, np_tagged *ret)
{
	const np_layout *l = v8->layout;
	return np_has(l, index) && np_array_get(v8, array, frame + (uint32_t)np_get(l, index), ret);
}

/* The tuple that begins at slot `frame`. */
static bool tuple_read(np_v8 *v8, np_addr array, uint32_t frame, struct site *ret)
{
	np_tagged offset, flags;
	if (!slot(v8, array, frame, NP_F_ErrorStack_receiver, &ret->receiver) ||
	    !slot(v8, array, frame, NP_F_ErrorStack_function, &ret->function) ||
	    !slot(v8, array, frame, NP_F_ErrorStack_code, &ret->code) ||
	    !slot(v8, array, frame, NP_F_ErrorStack_offset, &offset))
		return false;
	ret->offset = np_is_smi(offset) ? np_smi_value(offset) : 0;
	ret->flags = slot(v8, array, frame, NP_F_ErrorStack_flags, &flags) && np_is_smi(flags)
			     ? (uint32_t)np_smi_value(flags)
			     : 0;
	return true;
}

static bool call_site_info_read(np_v8 *v8, np_tagged info, struct site *ret)
{
	np_tagged offset, flags;
	if (!np_is_kind(v8, info, NP_KIND_CALL_SITE_INFO) ||
	    !np_field(v8, np_ref(info), NP_F_CallSiteInfo_receiver, &ret->receiver) ||
	    !np_field(v8, np_ref(info), NP_F_CallSiteInfo_function, &ret->function) ||
	    !np_field(v8, np_ref(info), NP_F_CallSiteInfo_code, &ret->code) ||
	    !np_field(v8, np_ref(info), NP_F_CallSiteInfo_code_offset, &offset))
		return false;
	ret->offset = np_is_smi(offset) ? np_smi_value(offset) : 0;
	ret->flags = np_field(v8, np_ref(info), NP_F_CallSiteInfo_flags, &flags) && np_is_smi(flags)
			     ? (uint32_t)np_smi_value(flags)
			     : 0;
	return true;
}

/* Where the tuples of a FrameArray that a StackTraceFrame names are. */
static bool stack_trace_frame_read(np_v8 *v8, np_tagged frame, struct site *ret)
{
	const np_layout *l = v8->layout;
	np_tagged array;
	int32_t index;
	uint32_t length;
	if (!np_is_ref(frame) || !np_field(v8, np_ref(frame), NP_F_StackTraceFrame_frame_array, &array) ||
	    !np_is_kind(v8, array, NP_KIND_FIXED_ARRAY) || !np_array_length(v8, np_ref(array), &length) ||
	    !np_has(l, NP_F_StackTraceFrame_frame_index) || !np_has(l, NP_F_ErrorStack_stride) ||
	    !np_smi_at(v8, np_ref(frame) + (np_addr)np_get(l, NP_F_StackTraceFrame_frame_index), &index) || index < 0 ||
	    index >= SITES_MAX)
		return false;
	uint32_t stride = (uint32_t)np_get(l, NP_F_ErrorStack_stride);
	uint32_t at = (uint32_t)np_get(l, NP_F_ErrorStack_first) + (uint32_t)index * stride;
	return at < length && stride <= length - at && tuple_read(v8, np_ref(array), at, ret);
}

/* The FixedArray that holds call sites and the slots of it in use; false when t is none. */
static bool sites_array(np_v8 *v8, np_tagged t, np_addr *array, uint32_t *length)
{
	np_tagged inner, size;
	int form = np_get(v8->layout, NP_F_ErrorStack_form);
	const struct np_map *map;
	if (!np_is_ref(t) || !np_map_of(v8, np_ref(t), &map))
		return false;
	if (np_has(v8->layout, NP_F_type_ERROR_STACK_DATA) && map->type == np_get(v8->layout, NP_F_type_ERROR_STACK_DATA)) {
		if (!np_field(v8, np_ref(t), NP_F_ErrorStackData_call_sites, &t) || !np_is_ref(t))
			return false;
	}
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	if (kind == NP_KIND_JS_ARRAY && (form == FORM_JS_ARRAY || form == FORM_FRAME_ARRAY)) {
		if (!np_field(v8, np_ref(t), NP_F_JSObject_elements, &inner) ||
		    !np_field(v8, np_ref(t), NP_F_JSArray_length, &size) || !np_is_kind(v8, inner, NP_KIND_FIXED_ARRAY) ||
		    !np_array_length(v8, np_ref(inner), length))
			return false;
		if (np_is_smi(size) && np_smi_value(size) >= 0 && (uint32_t)np_smi_value(size) < *length)
			*length = (uint32_t)np_smi_value(size);
		*array = np_ref(inner);
		return true;
	}
	*array = np_ref(t);
	return kind == NP_KIND_FIXED_ARRAY && np_array_length(v8, *array, length);
}

/* Site i; false past the last one. */
static bool site_read(np_v8 *v8, np_addr array, uint32_t length, uint32_t i, struct site *ret)
{
	const np_layout *l = v8->layout;
	int form = np_get(l, NP_F_ErrorStack_form);
	np_tagged t;
	if (form == FORM_CALL_SITE_INFOS || form == FORM_STACK_TRACE_FRAMES) {
		if (i >= length || !np_array_get(v8, array, i, &t))
			return false;
		return form == FORM_CALL_SITE_INFOS ? call_site_info_read(v8, t, ret) : stack_trace_frame_read(v8, t, ret);
	}
	if (!np_has(l, NP_F_ErrorStack_first) || !np_has(l, NP_F_ErrorStack_stride))
		return false;
	uint32_t stride = (uint32_t)np_get(l, NP_F_ErrorStack_stride);
	uint64_t at = (uint64_t)np_get(l, NP_F_ErrorStack_first) + (uint64_t)i * stride;
	return at + stride <= length && tuple_read(v8, array, (uint32_t)at, ret);
}

static bool are_sites(np_v8 *v8, np_tagged t)
{
	np_addr array;
	uint32_t length;
	struct site first;
	uint32_t head = np_has(v8->layout, NP_F_ErrorStack_first) ? (uint32_t)np_get(v8->layout, NP_F_ErrorStack_first) : 0;
	return np_has(v8->layout, NP_F_ErrorStack_form) && sites_array(v8, t, &array, &length) &&
	       (length <= head || (site_read(v8, array, length, 0, &first) &&
				(np_is_smi(first.function) || np_is_js_function(v8, first.function))));
}

static bool has_frames(np_v8 *v8, np_tagged string)
{
	np_arena *scratch = np_arena_create();
	const char *text = np_string_utf8(v8, np_ref(string), TEXT_MAX, scratch);
	bool found = text && strstr(text, "\n    at ");
	np_arena_destroy(scratch);
	return found;
}

/* is_sure: this is where a stack is, whatever it looks like. */
static void stack_take(struct stack_search *s, np_tagged value, bool is_sure)
{
	if (!np_is_ref(value))
		return;
	if (np_kind_at(s->v8, np_ref(value)) != NP_KIND_STRING) {
		if (!s->sites.raw && are_sites(s->v8, value))
			s->sites = value;
		return;
	}
	bool is_first = !s->sites.raw && !s->text.raw && value.raw != s->message.raw;
	if (is_sure || is_first || (!s->text.raw && has_frames(s->v8, value)))
		s->text = value;
}

/*
 * Up to 3.14 the getter of `stack` closes over the text, or, before it was
 * read, over a function that closes over the call sites.
 */
static void take_from_closure(struct stack_search *s, np_tagged function, int depth)
{
	np_tagged context, t;
	uint32_t length;
	if (!np_is_js_function(s->v8, function) || !np_field(s->v8, np_ref(function), NP_F_JSFunction_context, &context) ||
	    !np_is_ref(context) || !np_has(s->v8->layout, NP_F_Context_min_slots) ||
	    !np_array_length(s->v8, np_ref(context), &length) || length > 16)
		return;
	for (uint32_t i = (uint32_t)np_get(s->v8->layout, NP_F_Context_min_slots); i < length; i++) {
		if (!np_array_get(s->v8, np_ref(context), i, &t) || !np_is_ref(t))
			continue;
		stack_take(s, t, false);
		if (depth > 0 && np_is_js_function(s->v8, t))
			take_from_closure(s, t, depth - 1);
	}
}

static bool stack_match(void *ctx, const struct np_property *p)
{
	struct stack_search *s = ctx;
	np_tagged getter;
	if (p->is_double || !np_is_ref(p->key) || !np_is_ref(p->value))
		return true;
	bool symbol = np_kind_at(s->v8, np_ref(p->key)) == NP_KIND_SYMBOL;
	bool named_stack = !symbol && np_string_equals(s->v8, np_ref(p->key), "stack");
	uint64_t length;
	/* 3.28 keeps it under a nameless string instead of a symbol */
	bool hidden = !symbol && !named_stack && np_string_length(s->v8, np_ref(p->key), &length) && !length;
	if (p->is_accessor) {
		if (named_stack && np_get(s->v8->layout, NP_F_ErrorStack_in_getter) == 1 &&
		    np_is_kind(s->v8, p->value, NP_KIND_ACCESSOR_PAIR) &&
		    np_field(s->v8, np_ref(p->value), NP_F_AccessorPair_getter, &getter))
			take_from_closure(s, getter, 1);
	} else if (symbol || named_stack || hidden) {
		stack_take(s, p->value, named_stack);
	}
	return true;
}

static bool flag(const np_v8 *v8, const struct site *s, enum np_fact shift)
{
	return np_has(v8->layout, shift) && (s->flags >> np_get(v8->layout, shift) & 1);
}

/* Source offset of an offset in bytecode, or in machine code as a return address has it. */
static bool code_position(np_v8 *v8, np_addr code, const struct np_shared *function, int32_t offset, int32_t *ret)
{
	enum { INLINED_MAX = 32 };
	struct np_code_object machine;
	struct np_inline_position at[INLINED_MAX];
	np_tagged inner;
	np_addr bytecode, shared = function->addr;
	int32_t bytecode_offset;
	if (np_kind_at(v8, code) == NP_KIND_UNKNOWN && /* the wrapper of a Code */
	    np_field(v8, code, NP_F_BytecodeWrapper_bytecode, &inner) && np_is_kind(v8, inner, NP_KIND_CODE))
		code = np_ref(inner);
	if (offset < 0)
		return false;
	if (np_kind_at(v8, code) != NP_KIND_CODE)
		return np_bytecode_array_of(v8, code, &bytecode) && np_bytecode_position(v8, bytecode, offset, ret);
	if (!np_code_load(v8, code, &machine))
		return false;
	if (machine.kind == NP_CODE_FULL)
		return np_full_stored_position(v8, &machine, offset, ret);
	if (machine.kind == NP_CODE_BASELINE)
		return function->bytecode &&
		       np_baseline_bytecode_offset(v8, &machine, function->bytecode, (uint32_t)offset, &bytecode_offset) &&
		       np_bytecode_position(v8, function->bytecode, bytecode_offset, ret);
	size_t n = np_code_positions(v8, &machine, shared, offset > 0 ? (uint32_t)offset - 1 : 0, at, INLINED_MAX);
	for (size_t i = 0; i < n; i++)
		if (at[i].shared == shared && at[i].offset >= 0) {
			*ret = at[i].offset;
			return true;
		}
	return false;
}

static void site_position(np_v8 *v8, const struct site *s, const struct np_shared *shared, struct np_call_site *site,
			  const struct np_script *script)
{
	int32_t at = -1;
	if (flag(v8, s, NP_F_ErrorStack_position_shift)) {
		at = s->offset;
		site->exact = true;
	} else if (np_is_ref(s->code)) {
		site->exact = code_position(v8, np_ref(s->code), shared, s->offset, &at);
	}
	if (!site->exact)
		at = shared->start;
	np_script_line_column(script, at, &site->line, &site->column);
}

/* "file:1:2", "eval at f (file:1:2), <anonymous>:1:2", "native" */
static const char *place_text(np_v8 *v8, const struct np_script *script, const struct np_call_site *site, np_arena *arena)
{
	int32_t type;
	enum { TYPE_NATIVE = 0 };
	if (!script)
		return "<anonymous>";
	if (np_has(v8->layout, NP_F_Script_type) &&
	    np_smi_at(v8, script->addr + (np_addr)np_get(v8->layout, NP_F_Script_type), &type) && type == TYPE_NATIVE)
		return "native";
	const char *origin = script->name ? NULL : np_eval_origin(v8, script, arena);
	const char *file = script->name && *script->name ? script->name : "<anonymous>";
	if (!site->line)
		return file;
	return np_arena_printf(arena, "%s%s%s:%d:%d", origin ? origin : "", origin ? ", " : "", file, site->line,
			       site->column);
}

static void site_fill(np_v8 *v8, const struct site *s, np_arena *arena, struct np_call_site *site)
{
	struct np_shared shared;
	const struct np_script *script = NULL;
	site->name = "";
	site->place = "<anonymous>";
	if (!np_is_ref(s->function) || !np_function_shared(v8, np_ref(s->function), &site->shared))
		return;
	site->function = np_ref(s->function);
	const char *name = np_call_function_name(v8, site->function, arena);
	if (!np_err_drop(np_shared_load(v8, site->shared, arena, &shared)) && shared.script &&
	    !np_err_drop(np_script_load(v8, shared.script, &script))) {
		site->file = script->name;
		site_position(v8, s, &shared, site, script);
	}
	site->name = *name ? name : script && script->eval_from ? "eval" : "";
	site->place = place_text(v8, script, site, arena);
	bool is_async = flag(v8, s, NP_F_ErrorStack_async_shift);
	if (is_async && !script) { /* a combinator of promises: the offset is the index of the promise */
		site->call = np_arena_printf(arena, "async Promise.%s", site->name);
		site->place = np_arena_printf(arena, "index %d", s->offset);
		return;
	}
	struct np_call call = {.function = site->function, .name = site->name, .receiver = s->receiver,
			       .has_receiver = true,
			       .is_constructor = flag(v8, s, NP_F_ErrorStack_constructor_shift)};
	site->call = np_call_name(v8, &call, arena);
	if (is_async && site->call)
		site->call = np_arena_printf(arena, "async %s", site->call);
	else if (is_async)
		site->place = np_arena_printf(arena, "async %s", site->place);
}

bool np_error_stack_load(np_v8 *v8, np_addr error, np_arena *arena, struct np_error_stack *ret)
{
	np_addr array;
	uint32_t length;
	struct stack_search s = {.v8 = v8};
	*ret = (struct np_error_stack){0};
	np_object_own_data(v8, error, "message", &s.message);
	np_err_free(np_object_properties(v8, error, stack_match, &s));
	if (s.text.raw)
		ret->text = np_string_utf8(v8, np_ref(s.text), TEXT_MAX, arena);
	if (s.sites.raw && sites_array(v8, s.sites, &array, &length)) {
		NP_VEC(struct np_call_site) sites = {0};
		struct site found;
		for (uint32_t i = 0; i < SITES_MAX && site_read(v8, array, length, i, &found); i++) {
			struct np_call_site site = {0};
			site_fill(v8, &found, arena, &site);
			np_vec_push(&sites, site);
		}
		ret->sites = np_arena_memdup(arena, sites.data, sites.len * sizeof(*sites.data));
		ret->site_count = sites.len;
		np_vec_deinit(&sites);
	}
	return ret->text || s.sites.raw;
}

/* A string property of the object or its prototypes; NULL where V8 would have to call something. */
static const char *inherited_string(np_v8 *v8, np_addr object, const char *name, const char *otherwise, np_arena *arena)
{
	struct np_property p;
	const struct np_map *map;
	for (int i = 0; i < PROTOTYPES_MAX && np_map_of(v8, object, &map); i++) {
		if (np_object_own(v8, object, name, &p)) {
			if (!p.is_accessor && !p.is_double && np_is_kind(v8, p.value, NP_KIND_STRING))
				return np_string_utf8(v8, np_ref(p.value), TEXT_MAX, arena);
			return p.is_accessor ? NULL : otherwise; /* undefined, or what would need converting */
		}
		if (!np_is_ref(map->prototype) || !np_kind_is_receiver(np_kind_at(v8, np_ref(map->prototype))))
			break;
		object = np_ref(map->prototype);
	}
	return otherwise;
}

const char *np_error_title(np_v8 *v8, np_addr error, np_arena *arena)
{
	const char *name = inherited_string(v8, error, "name", "Error", arena);
	const char *message = inherited_string(v8, error, "message", "", arena);
	if (!name)
		name = np_class_name_of(v8, error, arena);
	if (!message || !*message)
		return name;
	return *name ? np_arena_printf(arena, "%s: %s", name, message) : message;
}

const char *np_error_stack_text(np_v8 *v8, np_addr error, np_arena *arena)
{
	struct np_error_stack stack;
	struct np_buf buf = {0};
	if (!np_error_stack_load(v8, error, arena, &stack))
		return NULL;
	if (stack.text)
		return stack.text;
	np_buf_puts(&buf, np_error_title(v8, error, arena));
	for (size_t i = 0; i < stack.site_count; i++) {
		const struct np_call_site *s = &stack.sites[i];
		np_buf_printf(&buf, s->call ? "\n    at %s (%s)" : "\n    at %s%s", s->call ? s->call : "", s->place);
	}
	const char *text = np_arena_strndup(arena, np_buf_str(&buf), buf.len);
	np_buf_deinit(&buf);
	return text;
}
