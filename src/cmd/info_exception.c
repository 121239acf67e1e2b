/*
 * What a dead process was about to report: the uncaught exception and V8's
 * last words.  Both are looked for on the stack of the thread that took the
 * signal: V8 passes the thrown object to Isolate::Throw (as a word or as a
 * handle), and the message of a fatal error to its handler as a C string.
 * That it is the one is likely, not certain, and the answer says so.
 */
#include <ctype.h>
#include <string.h>

#include "cmd/info.h"
#include "cmd/value_node.h"
#include "v8/map.h"

enum { STACK_BYTES = 32 << 10, MESSAGE_MAX = 256 };

static const struct np_shape shape_said = {
	.name = "said", .style = NP_STYLE_LINE, .line = "V8 said: {text:warn}[ ({_means})]"};
static const struct np_shape shape_thrown = {
	.name = "thrown", .style = NP_STYLE_LINE, .line = "uncaught, as far as the stack tells:", .children = "value"};

static const struct np_thread *dead_thread(np_target *target)
{
	for (size_t i = 0; i < np_target_thread_count(target); i++)
		if (np_target_thread(target, i)->signal)
			return np_target_thread(target, i);
	return np_target_thread_count(target) ? np_target_thread(target, 0) : NULL;
}

static bool is_error(np_v8 *v8, np_tagged t, np_arena *arena)
{
	if ((t.raw & 3) != 1 || t.raw < 4096)
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(t));
	if (kind == NP_KIND_JS_ERROR)
		return true;
	if (kind != NP_KIND_JS_OBJECT || np_has(v8->layout, NP_F_type_JS_ERROR))
		return false;
	const char *name = np_class_name_of(v8, np_ref(t), arena); /* up to 4.5 errors have no type of their own */
	size_t n = strlen(name);
	return n >= 5 && strcmp(name + n - 5, "Error") == 0;
}

static void set_said(np_arena *arena, np_node *death, const char *text)
{
	np_node *said = np_obj(arena, &shape_said);
	np_set_str(death, "fatal_message", text);
	np_set_str(said, "text", text);
	if (strstr(text, "heap limit") || strstr(text, "heap out of memory"))
		np_set_str(said, "_means", "the JavaScript heap was full: its limit is set by --max-old-space-size");
	else if (strstr(text, "out of memory"))
		np_set_str(said, "_means", "no more JavaScript heap: its limit, --max-old-space-size, or the system's");
	np_set_node(death, "_said", said);
}

static void set_thrown(np_arena *arena, np_node *death, np_node *value)
{
	np_node *thrown = np_obj(arena, &shape_thrown);
	np_set_node(death, "exception", value);
	np_set_bool(death, "exception_is_likely", true);
	np_set_node(thrown, "value", value);
	np_set_node(death, "_thrown", thrown);
}

static bool is_message(const char *s)
{
	static const char *const words[] = {"out of memory", "Allocation failed", "Check failed:", "heap limit"};
	size_t n = strlen(s);
	if (n < 10)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)s[i]) && s[i] != '\n')
			return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(words); i++)
		if (strstr(s, words[i]) && !strchr(s, '%'))
			return true;
	return false;
}

void np_info_last_words(struct np_invocation *inv, np_node *death)
{
	np_v8 *v8 = inv->session->v8;
	const struct np_thread *thread = dead_thread(inv->session->target);
	if (!v8 || !thread || !(thread->regs.valid >> NP_REG_RSP & 1))
		return;
	uint64_t *words = np_arena_alloc(inv->arena, STACK_BYTES);
	size_t n = np_mem_read(v8->mem, thread->regs.r[NP_REG_RSP] & ~7ull, words, STACK_BYTES) / 8;
	bool has_exception = false, has_message = false;
	for (size_t i = 0; i < n && !(has_exception && has_message); i++) {
		np_tagged t = {words[i]}, in_handle;
		char text[MESSAGE_MAX];
		if (!has_exception &&
		    (is_error(v8, t, inv->arena) || ((t.raw & 7) == 0 && t.raw > 4096 && np_tagged_at(v8, t.raw, &in_handle) &&
						     is_error(v8, in_handle, inv->arena) && (t = in_handle, true)))) {
			struct np_value_limits limits = np_value_limits_default;
			set_thrown(inv->arena, death, np_value_node_of(v8, t, &limits, inv->arena));
			has_exception = true;
		}
		if (!has_message && words[i] > 4096 && np_mem_cstr(v8->mem, words[i], text, sizeof(text)) &&
		    is_message(text)) {
			set_said(inv->arena, death, text);
			has_message = true;
		}
	}
}
