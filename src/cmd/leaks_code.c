#include <stdlib.h>
#include <string.h>

#include "cmd/leaks.h"
#include "cmd/session.h"
#include "v8/collection.h"
#include "v8/function.h"
#include "v8/object.h"
#include "v8/script.h"
#include "v8/string.h"

enum { MENTIONS_MAX = 5, SITES_MAX = 64, NAME_MIN = 3, NAME_UNITS_MAX = 64, SIBLINGS_MAX = 1000 };

/* --- misspelt names --- */

/* Damerau-Levenshtein distance (adjacent transpositions count one) of at most 1? */
static bool is_near(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i = 0;
	if (n > m) {
		const char *t = a;
		size_t u = n;
		a = b;
		b = t;
		n = m;
		m = u;
	}
	if (m - n > 1 || n < NAME_MIN || strcmp(a, b) == 0)
		return false;
	while (i < n && a[i] == b[i])
		i++;
	if (m > n) /* an insertion */
		return strcmp(a + i, b + i + 1) == 0;
	if (strcmp(a + i + 1, b + i + 1) == 0) /* a substitution; of digits it is a series: item1, item2 */
		return !(a[i] >= '0' && a[i] <= '9' && b[i] >= '0' && b[i] <= '9');
	return a[i] == b[i + 1] && a[i + 1] == b[i] && strcmp(a + i + 2, b + i + 2) == 0;
}

static bool count_one(void *ctx, const struct np_property *p)
{
	(void)p;
	*(bool *)ctx = true;
	return false;
}

/* undefined, null, an object without properties and elements, an empty Map or Set */
static bool is_empty(np_v8 *v8, np_tagged value)
{
	bool any = false;
	struct np_elements elements;
	if (np_is_smi(value))
		return false;
	enum np_kind kind = np_kind_at(v8, np_ref(value));
	if (kind == NP_KIND_ODDBALL)
		return true;
	if (kind == NP_KIND_JS_MAP || kind == NP_KIND_JS_SET) {
		np_tagged key, content;
		return !np_collection_entry(v8, np_ref(value), 0, &key, &content);
	}
	if (kind == NP_KIND_JS_ARRAY)
		return np_elements_load(v8, np_ref(value), &elements) && elements.length == 0;
	if (kind != NP_KIND_JS_OBJECT)
		return false;
	np_err_free(np_object_properties(v8, np_ref(value), count_one, &any));
	return !any;
}

struct siblings {
	np_v8 *v8;
	np_arena *arena;
	const char *name, *found;
	size_t seen;
};

static bool sibling_matches(void *ctx, const struct np_property *p)
{
	struct siblings *s = ctx;
	const char *key = np_key_text(s->v8, p->key, s->arena);
	if (key && !p->is_accessor && !p->is_double && is_near(key, s->name) && is_empty(s->v8, p->value))
		s->found = key;
	return !s->found && s->seen++ < SIBLINGS_MAX;
}

const char *np_leaks_misspelt(struct np_leaks *leaks, np_vertex owner, const char *name)
{
	struct siblings s = {leaks->inv->session->v8, leaks->inv->arena, name, NULL, 0};
	np_graph *g = leaks->view->graph;
	if (!np_graph_is_external(g, owner) && np_kind_is_receiver(np_graph_shape(g, np_graph_shape_of(g, owner))->kind))
		np_err_free(np_object_properties(s.v8, np_graph_address(g, owner), sibling_matches, &s));
	return s.found;
}

/* --- functions that mention a name --- */

static const struct np_shape mention_shape = {
	.name = "mention", .style = NP_STYLE_LINE, .line = "{name:name} {file:path}:{line}"};

struct site {
	const struct np_script *script;
	int32_t at;
	np_addr function; /* SharedFunctionInfo around it, the smallest */
	int32_t from, to;
};

static bool is_name_unit(uint16_t c)
{
	return c == '_' || c == '$' || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
}

static bool is_program_text(const struct np_script *s)
{
	return s->has_text && s->name && strncmp(s->name, "node:", 5) != 0 && (strchr(s->name, '/') || strchr(s->name, '\\'));
}

/* The first place at or behind `from`; SIZE_MAX: none. */
static size_t text_find(const struct np_chars *text, size_t from, const char *name, size_t n)
{
	if (text->one) {
		const uint8_t *at = from < text->len ? memmem(text->one + from, text->len - from, name, n) : NULL;
		return at ? (size_t)(at - text->one) : SIZE_MAX;
	}
	for (size_t i = from; i + n <= text->len; i++) {
		size_t k = 0;
		while (k < n && np_char_at(text, i + k) == (uint8_t)name[k])
			k++;
		if (k == n)
			return i;
	}
	return SIZE_MAX;
}

/* Places of `.name` and `["name"]` in a script. */
static void script_sites(const struct np_script *s, const char *name, struct site *sites, size_t *len)
{
	size_t n = strlen(name);
	for (size_t i = text_find(&s->text, 1, name, n); i != SIZE_MAX && *len < SITES_MAX;
	     i = text_find(&s->text, i + 1, name, n)) {
		if (i + n < s->text.len && is_name_unit(np_char_at(&s->text, i + n)))
			continue;
		uint16_t before = np_char_at(&s->text, i - 1);
		if (before == '.' || before == '"' || before == '\'')
			sites[(*len)++] = (struct site){.script = s, .at = (int32_t)i};
	}
}

static size_t sites_find(struct np_leaks *leaks, const char *name, struct site *sites)
{
	const struct np_scan_list *scripts = &leaks->found[NP_LEAKS_SCRIPT];
	size_t len = 0;
	for (size_t i = 0; i < scripts->count && len < SITES_MAX; i++) {
		const struct np_script *script;
		if (!np_err_drop(np_script_load(leaks->inv->session->v8, np_graph_address(leaks->view->graph, scripts->nodes[i]),
						&script)) &&
		    is_program_text(script))
			script_sites(script, name, sites, &len);
	}
	return len;
}

/* --- the function around a place --- */

struct np_leaks_function_range {
	np_addr script, function;
	int32_t start, end;
};

static int range_compare(const void *a, const void *b)
{
	const struct np_leaks_function_range *x = a, *y = b;
	if (x->script != y->script)
		return x->script < y->script ? -1 : 1;
	return x->function < y->function ? -1 : x->function > y->function;
}

/* Of all functions with a source, by script. */
static void ranges_load(struct np_leaks *leaks)
{
	const struct np_scan_list *list = &leaks->found[NP_LEAKS_FUNCTION_INFO];
	if (leaks->ranges)
		return;
	np_arena *scratch = np_arena_create();
	leaks->ranges = np_xmalloc((list->count + 1) * sizeof(*leaks->ranges));
	for (size_t i = 0; i < list->count; i++) {
		struct np_shared f;
		np_arena_reset(scratch);
		if (!np_err_drop(np_shared_load(leaks->inv->session->v8, np_graph_address(leaks->view->graph, list->nodes[i]),
						scratch, &f)) &&
		    f.script && f.start >= 0)
			leaks->ranges[leaks->range_count++] =
				(struct np_leaks_function_range){f.script, f.addr, f.start, f.end};
	}
	if (leaks->range_count)
		qsort(leaks->ranges, leaks->range_count, sizeof(*leaks->ranges), range_compare);
	np_arena_destroy(scratch);
}

static void site_offer(struct site *s, const struct np_leaks_function_range *f)
{
	bool whole = f->start <= 0 && (size_t)f->end >= s->script->text.len;
	if (s->at >= f->start && s->at < f->end && !whole && (!s->function || f->end - f->start < s->to - s->from)) {
		s->function = f->function;
		s->from = f->start;
		s->to = f->end;
	}
}

static void sites_name(struct np_leaks *leaks, struct site *sites, size_t len)
{
	if (len)
		ranges_load(leaks);
	for (size_t k = 0; k < len; k++) {
		size_t low = 0, high = leaks->range_count;
		while (low < high) {
			size_t mid = low + (high - low) / 2;
			if (leaks->ranges[mid].script < sites[k].script->addr)
				low = mid + 1;
			else
				high = mid;
		}
		for (; low < leaks->range_count && leaks->ranges[low].script == sites[k].script->addr; low++)
			site_offer(&sites[k], &leaks->ranges[low]);
	}
}

np_node *np_leaks_mentions(struct np_leaks *leaks, const char *property)
{
	np_v8 *v8 = leaks->inv->session->v8;
	np_arena *arena = leaks->inv->arena;
	struct site sites[SITES_MAX];
	np_node *list = np_list(arena, &mention_shape);
	size_t n = strlen(property);
	if (n < NAME_MIN || n > NAME_UNITS_MAX)
		return list;
	size_t len = sites_find(leaks, property, sites);
	sites_name(leaks, sites, len);
	for (size_t i = 0; i < len && np_node_len(list) < MENTIONS_MAX; i++) {
		struct np_shared f;
		int line, column;
		bool told = false;
		for (size_t k = 0; k < i; k++)
			told |= sites[k].function == sites[i].function && sites[k].script == sites[i].script;
		if (told || !np_script_line_column(sites[i].script, sites[i].at, &line, &column))
			continue;
		const char *name = "(top level)";
		if (sites[i].function && !np_err_drop(np_shared_load(v8, sites[i].function, arena, &f)))
			name = np_shared_debug_name(v8, &f, arena);
		np_node *m = np_obj(arena, &mention_shape);
		np_set_str(m, "name", *name ? name : "(anonymous)");
		np_set_str(m, "file", sites[i].script->name);
		np_set_int(m, "line", line);
		np_set_int(m, "column", column);
		np_add(list, m);
	}
	return list;
}

/* --- functions --- */

static bool function_at(struct np_leaks *leaks, np_addr function, struct np_shared *ret_shared, const struct np_script **ret)
{
	np_v8 *v8 = leaks->inv->session->v8;
	np_addr shared;
	if (!np_function_shared(v8, function, &shared) ||
	    np_err_drop(np_shared_load(v8, shared, leaks->inv->arena, ret_shared)))
		return false;
	*ret = NULL;
	if (!ret_shared->script || np_err_drop(np_script_load(v8, ret_shared->script, ret)) || !(*ret)->name)
		*ret = NULL;
	return true;
}

bool np_leaks_function(struct np_leaks *leaks, np_vertex node, const char **ret_name, const char **ret_place)
{
	np_graph *g = leaks->view->graph;
	np_arena *arena = leaks->inv->arena;
	const struct np_script *script;
	struct np_shared f;
	int line, column;
	if (np_graph_is_external(g, node) || np_graph_shape(g, np_graph_shape_of(g, node))->kind != NP_KIND_JS_FUNCTION ||
	    !function_at(leaks, np_graph_address(g, node), &f, &script))
		return false;
	const char *name = np_function_name(leaks->inv->session->v8, np_graph_address(g, node), arena);
	*ret_name = name && *name ? name : "(anonymous)";
	*ret_place = "";
	if (script)
		*ret_place = np_script_line_column(script, f.start, &line, &column)
				     ? np_arena_printf(arena, "%s:%d", script->name, line)
				     : script->name;
	return true;
}

np_node *np_leaks_constructor(struct np_leaks *leaks, np_vertex node)
{
	np_graph *g = leaks->view->graph;
	np_v8 *v8 = leaks->inv->session->v8;
	np_arena *arena = leaks->inv->arena;
	const struct np_script *script;
	struct np_shared f;
	np_addr constructor;
	int line, column;
	if (np_graph_is_external(g, node) || !np_kind_is_receiver(np_graph_shape(g, np_graph_shape_of(g, node))->kind))
		return NULL;
	const char *name = np_class_and_constructor(v8, np_graph_address(g, node), arena, &constructor);
	if (!constructor || !function_at(leaks, constructor, &f, &script) || !script ||
	    !np_script_line_column(script, f.start, &line, &column))
		return NULL;
	np_node *n = np_obj(arena, &mention_shape);
	np_set_str(n, "name", name);
	np_set_str(n, "file", script->name);
	np_set_int(n, "line", line);
	np_set_int(n, "column", column);
	return n;
}
