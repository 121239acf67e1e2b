#include "v8/names.h"

#include <string.h>

#include "base/vec.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/jsscan.h"
#include "v8/map.h"
#include "v8/scopeinfo.h"
#include "v8/script.h"
#include "v8/string.h"

enum { FUNCTION_TEXT_MAX = 1 << 20, PARAM_TEXT_MAX = 1 << 14, BEFORE_MAX = 256 };

/* Everything that is known about a function before its text is scanned. */
struct subject {
	struct np_shared shared;
	struct np_scope_info info;
	bool has_info;
	const struct np_script *script; /* NULL: no text */
	np_addr wrapped;		/* FixedArray of parameter names of a CommonJS wrapper, 0 none */
};

static bool subject_load(np_v8 *v8, np_addr shared, np_arena *arena, struct subject *s)
{
	np_tagged t;
	memset(s, 0, sizeof(*s));
	if (np_err_drop(np_shared_load(v8, shared, arena, &s->shared)))
		return false;
	s->has_info = s->shared.scope_info &&
		      !np_err_drop(np_scope_info_load(v8, s->shared.scope_info, arena, &s->info));
	if (s->shared.script && (np_err_drop(np_script_load(v8, s->shared.script, &s->script)) || !s->script->has_text))
		s->script = NULL;
	/* A function compiled from a body alone (vm.compileFunction, CommonJS): the script keeps the names. */
	if (s->script && s->shared.start == 0 && np_field(v8, s->shared.script, NP_F_Script_eval_from, &t) &&
	    np_is_kind(v8, t, NP_KIND_FIXED_ARRAY))
		s->wrapped = np_ref(t);
	return true;
}

static const uint16_t *text_of(const struct subject *s, size_t from, size_t to, np_arena *arena)
{
	uint16_t *chars = NP_NEW_ARRAY(arena, uint16_t, to - from + 1);
	for (size_t i = from; i < to; i++)
		chars[i - from] = np_char_at(&s->script->text, i);
	return chars;
}

static bool text_range(const struct subject *s, size_t max, size_t *from, size_t *to)
{
	if (!s->script || s->shared.start < 0 || s->shared.end < s->shared.start)
		return false;
	*from = (size_t)s->shared.start;
	*to = (size_t)s->shared.end < s->script->text.len ? (size_t)s->shared.end : s->script->text.len;
	if (*from > *to)
		return false;
	if (*to - *from > max)
		*to = *from + max;
	return true;
}

static size_t wrapped_names(np_v8 *v8, np_addr array, np_arena *arena, const char ***ret)
{
	uint32_t n;
	if (!array || !np_array_length(v8, array, &n) || n > 64)
		return 0;
	const char **names = NP_NEW_ARRAY(arena, const char *, n);
	for (uint32_t i = 0; i < n; i++) {
		np_tagged t;
		if (np_array_get(v8, array, i, &t) && np_is_kind(v8, t, NP_KIND_STRING))
			names[i] = np_string_utf8(v8, np_ref(t), NP_NAME_MAX, arena);
		if (!names[i])
			names[i] = "";
	}
	*ret = names;
	return n;
}

void np_param_names(np_v8 *v8, np_addr shared, np_arena *arena, struct np_param_names *ret)
{
	struct subject s;
	size_t from, to;
	*ret = (struct np_param_names){0};
	if (!subject_load(v8, shared, arena, &s))
		return;
	if (s.has_info && s.info.param_names) {
		ret->params = NP_NEW_ARRAY(arena, struct np_param_name, s.info.param_count);
		ret->count = s.info.param_count;
		for (size_t i = 0; i < ret->count; i++)
			if (s.info.param_names[i])
				ret->params[i].name = np_string_utf8(v8, s.info.param_names[i], NP_NAME_MAX, arena);
		return;
	}
	const char **wrapped;
	size_t n = wrapped_names(v8, s.wrapped, arena, &wrapped);
	if (n) {
		ret->params = NP_NEW_ARRAY(arena, struct np_param_name, n);
		ret->count = n;
		for (size_t i = 0; i < n; i++)
			ret->params[i].name = wrapped[i];
		return;
	}
	if (s.shared.is_toplevel || !text_range(&s, PARAM_TEXT_MAX, &from, &to))
		return;
	struct np_jsscan_params found;
	np_jsscan_params(text_of(&s, from, to, arena), to - from, NP_JSSCAN_AUTO, arena, &found);
	ret->params = NP_NEW_ARRAY(arena, struct np_param_name, found.n);
	ret->count = found.n;
	for (size_t i = 0; i < found.n; i++)
		ret->params[i] = (struct np_param_name){.name = found.params[i].name, .is_rest = found.params[i].is_rest};
}

static bool is_word(uint16_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 0x80;
}

/* Words and '*' that stand before the function's text, nearest first. */
static size_t words_before(const struct subject *s, char words[][24], size_t max)
{
	size_t i = (size_t)s->shared.start, low = i > BEFORE_MAX ? i - BEFORE_MAX : 0, n = 0;
	const struct np_chars *text = &s->script->text;
	while (n < max && i > low) {
		uint16_t c = np_char_at(text, i - 1);
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			i--;
			continue;
		}
		if (c == '*') {
			strcpy(words[n++], "*");
			i--;
			continue;
		}
		size_t end = i;
		while (i > low && is_word(np_char_at(text, i - 1)))
			i--;
		if (i == end || end - i >= sizeof(words[0]))
			break;
		for (size_t k = i; k < end; k++)
			words[n][k - i] = (char)np_char_at(text, k);
		words[n++][end - i] = '\0';
	}
	return n;
}

static void subject_kind(const struct subject *s, struct np_jsscan_function *f)
{
	char words[5][24] = {{0}};
	size_t n = words_before(s, words, 5);
	bool function = false;
	if (s->wrapped) {
		f->kind = NP_JSSCAN_WRAPPED;
		return;
	}
	if (s->shared.is_toplevel) {
		f->kind = s->info.type == NP_SCOPE_MODULE   ? NP_JSSCAN_MODULE
			  : s->info.type == NP_SCOPE_SCRIPT ? NP_JSSCAN_SCRIPT
							    : NP_JSSCAN_OTHER;
		return;
	}
	if (!f->len || f->chars[0] != '(') {
		f->kind = NP_JSSCAN_ARROW;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], "*") == 0)
			f->flags |= NP_JSSCAN_GENERATOR;
		else if (strcmp(words[i], "async") == 0)
			f->flags |= NP_JSSCAN_ASYNC;
		else if (strcmp(words[i], "function") == 0)
			function = true;
		else if (i > 0)
			break;
	}
	f->kind = NP_JSSCAN_AUTO;
	if (n && strcmp(words[0], "constructor") == 0)
		f->kind = NP_JSSCAN_CONSTRUCTOR;
	else if (n && !function && strcmp(words[0], "async") != 0)
		f->kind = NP_JSSCAN_METHOD;
}

static bool captured(void *ctx, const char *name)
{
	const char **names = ctx;
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static const char **captured_names(np_v8 *v8, const struct subject *s, np_arena *arena)
{
	uint32_t n = s->has_info ? s->info.context_count : 0;
	const char **names = NP_NEW_ARRAY(arena, const char *, n + 1);
	size_t k = 0;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = s->info.context_names[i]
					   ? np_string_utf8(v8, s->info.context_names[i], NP_NAME_MAX, arena)
					   : NULL;
		if (name)
			names[k++] = name;
	}
	return names;
}

void np_register_names(np_v8 *v8, np_addr shared, int32_t source_offset, np_arena *arena, struct np_register_names *ret)
{
	const np_layout *l = v8->layout;
	struct subject s;
	size_t from, to;
	uint32_t flags;
	*ret = (struct np_register_names){0};
	if (!np_has(l, NP_F_frame_register_rules) || !subject_load(v8, shared, arena, &s) ||
	    !text_range(&s, FUNCTION_TEXT_MAX, &from, &to))
		return;
	const char **own = captured_names(v8, &s, arena);
	struct np_jsscan_function f = {.chars = text_of(&s, from, to, arena),
				       .len = to - from,
				       .rules = (enum np_jsscan_rules)np_get(l, NP_F_frame_register_rules)};
	subject_kind(&s, &f);
	if (f.kind == NP_JSSCAN_WRAPPED) {
		const char **names = NULL;
		f.n_wrapped_params = wrapped_names(v8, s.wrapped, arena, &names);
		f.wrapped_params = names;
	}
	if (s.has_info) {
		f.captured = captured;
		f.ctx = own;
	}
	if (np_has(l, NP_F_SharedFunctionInfo_strict_shift) &&
	    np_field_u32(v8, shared, NP_F_SharedFunctionInfo_flags, &flags) &&
	    (flags >> np_get(l, NP_F_SharedFunctionInfo_strict_shift) & 1))
		f.flags |= NP_JSSCAN_STRICT;
	struct np_jsscan_locals found;
	np_jsscan_locals(&f, arena, &found);
	if (!found.understood)
		return;
	ret->names = NP_NEW_ARRAY(arena, struct np_register_name, found.n);
	uint32_t at = source_offset >= (int32_t)from ? (uint32_t)source_offset - (uint32_t)from : 0;
	for (size_t i = 0; i < found.n; i++) {
		const struct np_jsscan_local *local = &found.locals[i];
		if (local->place != NP_JSSCAN_REGISTER || local->reg < 0 || local->name[0] == '.')
			continue;
		if (source_offset >= 0 && np_jsscan_locals_find(&found, local->name, at) != i)
			continue;
		ret->names[ret->count++] = (struct np_register_name){.index = (uint32_t)local->reg,
								     .name = local->name,
								     .trusted = found.trusted && local->exact};
	}
}
