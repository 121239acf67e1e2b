#include "cmd/error_node.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cmd/value_node.h"
#include "v8/error_stack.h"
#include "v8/map.h"
#include "v8/object.h"
#include "v8/string.h"

enum {
	PROTOTYPES_MAX = 64,
	CAUSES_MAX = 32,
	FRAMES_MAX = 1024,
	MESSAGE_SHOWN = 200,
	MESSAGE_UNITS_MAX = 4096,
	CODE_UNITS_MAX = 128,
};

static const struct np_shape frame_shape = {
	.name = "frame", .style = NP_STYLE_LINE, .line = "at [{_async:keyword} ][{_call:name} (]{_place:path}[{_close}]"};
static const struct np_shape cause_shape = {
	.name = "cause",
	.style = NP_STYLE_LINE,
	.line = "{_how:keyword}[ {class:name}][: {_message}][ \\[{code}\\]][ {value}][  {address}][ {_circular:dim}]",
	.children = "_frames",
};

np_addr np_error_message_string(np_v8 *v8, np_addr error)
{
	np_tagged t;
	return np_object_own_data(v8, error, "message", &t) && np_is_kind(v8, t, NP_KIND_STRING) ? np_ref(t) : 0;
}

const char *np_error_message(np_v8 *v8, np_addr error, size_t max, np_arena *arena)
{
	const struct np_map *map;
	np_addr at = error;
	for (int i = 0; i < PROTOTYPES_MAX && np_map_of(v8, at, &map); i++) {
		struct np_property p;
		np_addr string = np_error_message_string(v8, at);
		const char *text = string ? np_string_utf8(v8, string, max, arena) : NULL;
		if (text)
			return text;
		if (np_object_own(v8, at, "message", &p) || !np_is_ref(map->prototype) ||
		    !np_kind_is_receiver(np_kind_at(v8, np_ref(map->prototype))))
			break;
		at = np_ref(map->prototype);
	}
	return "";
}

/* --- frames --- */

/* "name (place)" or "place" of one line of a stack, behind "at ". */
static np_node *frame_of_line(const char *line, size_t n, np_arena *arena)
{
	np_node *f = np_obj(arena, &frame_shape);
	char *text = np_arena_strndup(arena, line, n), *place = text;
	char *open = n && text[n - 1] == ')' ? strstr(text, " (") : NULL;
	if (strncmp(text, "async ", 6) == 0) {
		np_set_bool(f, "is_async", true);
		np_set_str(f, "_async", "async");
		text += 6;
		place = text;
	}
	np_set_str(f, "kind", "js");
	if (open && open >= text) {
		*open = '\0';
		place = open + 2;
		place[strlen(place) - 1] = '\0';
		np_set_str(f, "_call", text);
		np_set_str(f, "_close", ")");
		const char *as = strstr(text, " [as ");
		const char *name = strncmp(text, "new ", 4) == 0 ? text + 4 : text;
		np_set_strn(f, "name", name, as ? (size_t)(as - name) : strlen(name));
	} else {
		np_set_str(f, "name", "");
	}
	np_set_str(f, "_place", place);
	/* file:line:column */
	char *end = place + strlen(place), *column = NULL, *number = NULL;
	for (char *p = end; p > place; p--) {
		if (p[-1] == ':' && *p >= '0' && *p <= '9') {
			if (!column) {
				column = p;
				continue;
			}
			number = p;
			break;
		}
		if (p[-1] < '0' || p[-1] > '9')
			if (p[-1] != ':')
				break;
	}
	if (number) {
		np_set_strn(f, "file", place, (size_t)(number - 1 - place));
		np_set_int(f, "line", strtol(number, NULL, 10));
		np_set_int(f, "column", strtol(column, NULL, 10));
		np_set_str(f, "position", "exact");
	}
	return f;
}

static np_node *frames_of_text(const char *text, np_arena *arena)
{
	static const char at[] = "\n    at ";
	np_node *list = np_list(arena, &frame_shape);
	for (const char *p = text; (p = strstr(p, at)) && np_node_len(list) < FRAMES_MAX;) {
		p += sizeof(at) - 1;
		np_add(list, frame_of_line(p, strcspn(p, "\n"), arena));
	}
	return list;
}

static np_node *frame_of_site(const struct np_call_site *s, np_arena *arena)
{
	np_node *f = np_obj(arena, &frame_shape);
	np_set_str(f, "kind", "js");
	np_set_str(f, "name", s->name);
	np_set_str(f, "call", s->call);
	np_hide(f, "call");
	np_set_str(f, "_call", s->call);
	np_set_str(f, "_place", s->place);
	np_set_str(f, "_close", s->call ? ")" : NULL);
	np_set_str(f, "file", s->file);
	if (s->line) {
		np_set_int(f, "line", s->line);
		np_set_int(f, "column", s->column);
		np_set_str(f, "position", s->exact ? "exact" : "definition");
	}
	if (s->function)
		np_set_addr(f, "function", s->function | 1);
	return f;
}

static void set_stack(np_v8 *v8, np_addr error, np_arena *arena, np_node *n)
{
	struct np_error_stack stack;
	np_node *frames;
	if (!np_error_stack_load(v8, error, arena, &stack))
		return;
	if (stack.text) {
		frames = frames_of_text(stack.text, arena);
	} else {
		frames = np_list(arena, &frame_shape);
		for (size_t i = 0; i < stack.site_count; i++)
			np_add(frames, frame_of_site(&stack.sites[i], arena));
	}
	np_set_str(n, "stack", np_error_stack_text(v8, error, arena));
	np_sensitive(n, "stack");
	np_hide(n, "stack");
	if (np_node_len(frames)) {
		np_set_node(n, "frames", frames);
		np_hide(n, "frames");
		np_set_node(n, "_frames", frames);
	}
}

/* --- what one error says, without its causes --- */

static void set_head(np_v8 *v8, np_addr error, const char *message, np_arena *arena, np_node *n)
{
	np_tagged code;
	size_t len = strlen(message);
	np_set_str(n, "message", message);
	np_sensitive(n, "message");
	np_hide(n, "message");
	if (len > MESSAGE_SHOWN) {
		len = MESSAGE_SHOWN;
		while (len && ((uint8_t)message[len] & 0xc0) == 0x80)
			len--;
		message = np_arena_printf(arena, "%.*s…", (int)len, message);
	}
	if (*message)
		np_set_str(n, "_message", message);
	np_sensitive(n, "_message");
	if (np_object_own_data(v8, error, "code", &code) && np_is_kind(v8, code, NP_KIND_STRING)) {
		np_set_str(n, "code", np_string_utf8(v8, np_ref(code), CODE_UNITS_MAX, arena));
		np_sensitive(n, "code");
	}
	set_stack(v8, error, arena, n);
}

static bool same_text(const np_node *a, const np_node *b, const char *key)
{
	const char *x = np_node_str(np_node_get(a, key)), *y = np_node_str(np_node_get(b, key));
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* As text, the frames at the end that the error around it has, too, are told by their number. */
static void frames_fold(np_node *cause, const np_node *around, np_arena *arena)
{
	static const struct np_shape rest_shape = {.name = "rest", .style = NP_STYLE_LINE, .line = "{_rest:dim}"};
	const np_node *own = np_node_get(cause, "frames"), *outer = np_node_get(around, "frames");
	size_t n = np_node_len(own), m = np_node_len(outer), same = 0;
	while (same < n && same < m && same_text(np_node_at(own, n - 1 - same), np_node_at(outer, m - 1 - same), "_place") &&
	       same_text(np_node_at(own, n - 1 - same), np_node_at(outer, m - 1 - same), "_call"))
		same++;
	if (same < 2)
		return;
	np_node *shown = np_list(arena, &frame_shape), *rest = np_obj(arena, &rest_shape);
	for (size_t i = 0; i < n - same; i++)
		np_add(shown, np_node_at(own, i));
	np_set_str(rest, "_rest", np_arena_printf(arena, "... %zu more, as above", same));
	np_add(shown, rest);
	np_set_node(cause, "_frames", shown);
}

void np_error_node_fill(np_v8 *v8, np_addr error, const char *message, np_arena *arena, np_node *n)
{
	np_node *causes = np_list(arena, &cause_shape);
	np_addr seen[CAUSES_MAX + 1] = {error}, at = error;
	const np_node *around = n;
	set_head(v8, error, message, arena, n);
	for (size_t i = 1; i <= CAUSES_MAX; i++) {
		np_tagged t;
		if (!np_object_own_data(v8, at, "cause", &t))
			break;
		np_node *cause = np_obj(arena, &cause_shape);
		np_set_str(cause, "_how", "caused by");
		np_add(causes, cause);
		if (!np_is_ref(t) || !np_is_error(v8, np_ref(t))) { /* anything may be thrown */
			np_set_node(cause, "value", np_value_node_of(v8, t, &np_value_limits_brief, arena));
			break;
		}
		at = np_ref(t);
		np_set_str(cause, "class", np_class_name_of(v8, at, arena));
		np_set_addr(cause, "address", at | 1);
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again = again || seen[k] == at;
		if (again) {
			np_set_bool(cause, "circular", true);
			np_set_str(cause, "_circular", "(again)");
			break;
		}
		seen[i] = at;
		set_head(v8, at, np_error_message(v8, at, MESSAGE_UNITS_MAX, arena), arena, cause);
		frames_fold(cause, around, arena);
		around = cause;
	}
	if (np_node_len(causes))
		np_set_node(n, "causes", causes);
}
