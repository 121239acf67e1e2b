/* nopsy strings: the biggest, those that exist many times, those that an expression matches, slices of big ones. */
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/heap_view.h"
#include "cmd/held_by.h"
#include "cmd/session.h"
#include "cmd/string_match.h"
#include "cmd/value_node.h"
#include "heap/strings.h"
#include "v8/string.h"

enum {
	ROWS_TEXT = 20,
	ROWS_JSON = 100,
	ROWS_MAX = 1 << 24,
	UNITS_TEXT = 60,
	UNITS_JSON = 1000,
	ROPE_PARTS_MAX = 1 << 20,
	BEFORE_MATCH = 16,
};

static const struct np_option options[] = {
	{"biggest", 0, NP_OPT_FLAG, NULL, NULL, "only the biggest strings (shown by default with the duplicates)"},
	{"duplicates", 'd', NP_OPT_FLAG, NULL, NULL, "only contents that exist more than once, and the bytes this wastes"},
	{"slices", 0, NP_OPT_FLAG, NULL, NULL, "big strings that live on only because parts of them are in use"},
	{"match", 'm', NP_OPT_STRING, "REGEX", NULL, "strings that a POSIX extended regular expression matches"},
	{"all", 'a', NP_OPT_FLAG, NULL, NULL, "garbage too, not only what the roots keep alive"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N rows a table (20, as JSON 100; of --match all)"},
	{"max-string", 'N', NP_OPT_INT, "UNITS", NULL, "characters of each string (60, as JSON 1000)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy strings 4242", "the biggest strings of a process, and what copies of the same text cost"},
	{"nopsy strings core.4242 --match 'ECONNREFUSED|ETIMEDOUT'", "strings with these words in them, and where they are"},
	{"nopsy strings core.4242 --slices", "documents that are kept for a few characters of them"},
	{0},
};

static const struct np_shape biggest_shape = {
	.name = "string",
	.style = NP_STYLE_TABLE,
	.columns = "_size:Size,length:Length,form:Form:dim,address:Address,held_by:Held by:name,value:String",
	.empty = "no strings",
};
static const struct np_shape duplicate_shape = {
	.name = "duplicate",
	.style = NP_STYLE_TABLE,
	.columns = "wasted_bytes:Wasted,count:Copies,length:Length,example:Example,held_by:Held by:name,value:String",
	.empty = "no content exists more than once",
};
static const struct np_shape match_shape = {
	.name = "match",
	.style = NP_STYLE_TABLE,
	.columns = "address:Address,self_bytes:Size,length:Length,match_offset:At,held_by:Held by:name,_excerpt:Text:string",
	.empty = "no string matches",
};
static const struct np_shape slice_shape = {
	.name = "slice",
	.style = NP_STYLE_TABLE,
	.columns = "wasted_bytes:Wasted,parent_bytes:Whole,used_bytes:Used,slice_count:Slices,example:Slice,"
		   "held_by:Slice held by:name,value:Whole string",
	.empty = "no slice keeps a larger string alive",
};
static const struct np_shape heading_shape = {.name = "heading", .style = NP_STYLE_LINE, .line = "{text:name}"};
static const struct np_shape total_shape = {
	.name = "total",
	.style = NP_STYLE_LINE,
	.line = "{count:num} strings, {self_bytes}[ ({_live})]"
		"[; {duplicate_contents:num} contents more than once waste {wasted_bytes}]"
		"[; {matches:num} match][; slices waste {slice_wasted_bytes}]",
};
static const struct np_shape answer_shape = {
	.name = "strings",
	.style = NP_STYLE_LINE,
	.children = "_heading,strings,_heading_duplicates,duplicates,slices,more,total,coverage",
	.indent = -1,
};
static const struct np_shape more_shape = {
	.name = "more", .style = NP_STYLE_LINE, .line = "... and {count:num} more; --limit N shows more"};

struct ask {
	struct np_invocation *inv;
	struct np_heap_view *view;
	np_strings *strings;
	const struct np_reach *reach; /* NULL: garbage, too */
	size_t limit;
	struct np_value_limits limits;
	np_node *total;
};

static np_addr tagged(const struct ask *a, np_vertex node)
{
	return np_graph_address(a->view->graph, node) | 1;
}

static void set_value(struct ask *a, np_node *n, np_vertex node)
{
	np_set_node(n, "value", np_value_node_of(a->inv->session->v8, (np_tagged){tagged(a, node)}, &a->limits, a->inv->arena));
}

static void set_heading(struct ask *a, const char *key, const char *text)
{
	np_node *heading = np_obj(a->inv->arena, &heading_shape);
	np_set_str(heading, "text", text);
	np_set_node(a->inv->result, key, heading);
}

static void set_more(struct ask *a, size_t left_out)
{
	if (!left_out)
		return;
	np_node *more = np_obj(a->inv->arena, &more_shape);
	np_set_uint(more, "count", left_out);
	np_set_node(a->inv->result, "more", more);
}

static void set_total(struct ask *a)
{
	uint64_t count = 0, bytes = 0;
	struct np_heap_string s;
	for (np_vertex node = 0; node < np_graph_object_count(a->view->graph); node++)
		if (np_strings_form(a->strings, node) && (!a->reach || np_reach_has(a->reach, node)) &&
		    np_strings_look(a->strings, node, &s)) {
			count++;
			bytes += s.size_bytes;
		}
	np_set_uint(a->total, "count", count);
	np_set_bytes(a->total, "self_bytes", bytes);
	np_set_str(a->total, "_live", a->reach ? "alive" : "garbage included");
}

/* --- the biggest --- */

struct big {
	np_vertex node;
	uint64_t bytes; /* of ropes first the length, then what was measured */
	bool is_part;	/* there is more than was measured */
};
typedef NP_VEC(struct big) big_vec;

static int big_compare(const void *a, const void *b)
{
	const struct big *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* The best are kept; max is what is wanted in the end. */
static void big_cut(big_vec *v, size_t max)
{
	if (v->len)
		qsort(v->data, v->len, sizeof(*v->data), big_compare);
	if (v->len > max)
		v->len = max;
}

static void big_add(big_vec *v, struct big big, size_t max)
{
	if (v->len >= 2 * max + 64)
		big_cut(v, max);
	np_vec_push(v, big);
}

static void bigs_gather(struct ask *a, big_vec *flat)
{
	big_vec long_ropes = {0};
	uint64_t *ropes = np_strings_ropes(a->strings, a->reach);
	for (np_vertex node = 0; node < np_graph_object_count(a->view->graph); node++) {
		enum np_string_form form = np_strings_form(a->strings, node);
		struct np_heap_string s;
		bool is_rope = ropes[node / 64] >> (node % 64) & 1;
		if ((form != NP_STRING_FLAT && form != NP_STRING_EXTERNAL && !is_rope) ||
		    (a->reach && !np_reach_has(a->reach, node)) || !np_strings_look(a->strings, node, &s))
			continue;
		if (is_rope)
			big_add(&long_ropes, (struct big){node, s.length, false}, a->limit);
		else
			big_add(flat, (struct big){node, s.size_bytes, false}, a->limit);
	}
	big_cut(&long_ropes, a->limit);
	for (size_t i = 0; i < long_ropes.len; i++) {
		struct big *b = &long_ropes.data[i];
		b->is_part = !np_strings_rope_bytes(a->strings, b->node, ROPE_PARTS_MAX, &b->bytes);
		np_vec_push(flat, *b);
	}
	big_cut(flat, a->limit);
	np_vec_deinit(&long_ropes);
	free(ropes);
}

static np_node *big_node(struct ask *a, const struct big *b)
{
	np_arena *arena = a->inv->arena;
	np_node *n = np_obj(arena, &biggest_shape), *size = np_obj(arena, NULL);
	static const struct np_shape size_shape = {.name = "size", .style = NP_STYLE_LINE, .line = "[{more}]{bytes}"};
	struct np_heap_string s;
	np_vertex outside;
	if (!np_strings_look(a->strings, b->node, &s))
		return n;
	np_set_uint(n, "length", s.length);
	np_set_bytes(n, "self_bytes", np_graph_size(a->view->graph, b->node));
	if (s.form == NP_STRING_EXTERNAL && (outside = np_strings_external(a->strings, b->node)) != NP_VERTEX_NONE)
		np_set_bytes(n, "external_bytes", np_graph_size(a->view->graph, outside));
	if (s.form == NP_STRING_CONS) {
		np_set_bytes(n, "rope_bytes", b->bytes);
		if (b->is_part)
			np_set_bool(n, "rope_bytes_is_minimum", true);
	}
	np_node_set_shape(size, &size_shape);
	np_set_bytes(size, "bytes", b->bytes);
	if (b->is_part)
		np_set_str(size, "more", ">");
	np_set_node(n, "_size", size);
	np_set_str(n, "form", np_string_form_name(s.form));
	np_set_addr(n, "address", tagged(a, b->node));
	np_set_str(n, "held_by", np_held_by(a->inv, a->view, b->node));
	set_value(a, n, b->node);
	return n;
}

static void answer_biggest(struct ask *a)
{
	big_vec bigs = {0};
	np_node *list = np_list(a->inv->arena, &biggest_shape);
	bigs_gather(a, &bigs);
	for (size_t i = 0; i < bigs.len; i++)
		np_add(list, big_node(a, &bigs.data[i]));
	np_set_node(a->inv->result, "strings", list);
	np_vec_deinit(&bigs);
}

/* --- duplicates, slices, matches --- */

static void answer_duplicates(struct ask *a)
{
	struct np_duplicates d;
	np_node *list = np_list(a->inv->arena, &duplicate_shape);
	np_duplicates_find(a->strings, a->reach, a->limit, &d);
	for (size_t i = 0; i < d.count; i++) {
		const struct np_duplicate *one = &d.top[i];
		struct np_heap_string s;
		np_node *n = np_obj(a->inv->arena, &duplicate_shape);
		np_set_uint(n, "count", one->count);
		np_set_bytes(n, "wasted_bytes", one->wasted_bytes);
		np_set_bytes(n, "total_bytes", one->bytes);
		if (np_strings_look(a->strings, one->example, &s))
			np_set_uint(n, "length", s.length);
		np_set_addr(n, "example", tagged(a, one->sample_count ? one->samples[one->sample_count / 2] : one->example));
		np_set_str(n, "held_by", np_held_by_most(a->inv, a->view, one->samples, one->sample_count));
		set_value(a, n, one->example);
		np_add(list, n);
	}
	np_set_node(a->inv->result, "duplicates", list);
	np_set_uint(a->total, "duplicate_contents", d.content_count);
	np_set_bytes(a->total, "wasted_bytes", d.wasted_bytes);
	np_duplicates_deinit(&d);
}

static void answer_slices(struct ask *a)
{
	struct np_slice_parent *all;
	size_t count = np_slices_find(a->strings, a->reach, &a->view->roots, &all), wasteful = 0;
	np_node *list = np_list(a->inv->arena, &slice_shape);
	uint64_t wasted = 0;
	for (; wasteful < count && np_slice_wasted_bytes(&all[wasteful]); wasteful++) {
		const struct np_slice_parent *p = &all[wasteful];
		wasted += np_slice_wasted_bytes(p);
		if (wasteful >= a->limit)
			continue;
		np_node *n = np_obj(a->inv->arena, &slice_shape);
		np_set_bytes(n, "wasted_bytes", np_slice_wasted_bytes(p));
		np_set_bytes(n, "parent_bytes", p->parent_bytes);
		np_set_bytes(n, "used_bytes", p->used_bytes);
		np_set_uint(n, "slice_count", p->slice_count);
		np_set_addr(n, "parent", tagged(a, p->parent));
		np_set_addr(n, "example", tagged(a, p->example));
		np_set_str(n, "held_by", np_held_by(a->inv, a->view, p->example));
		set_value(a, n, p->parent);
		np_add(list, n);
	}
	free(all);
	np_set_node(a->inv->result, "slices", list);
	np_set_bytes(a->total, "slice_wasted_bytes", wasted);
	set_more(a, wasteful > a->limit ? wasteful - a->limit : 0);
}

/* The text around the match. */
static void set_excerpt(struct ask *a, np_node *n, const struct np_string_match *m)
{
	uint64_t from = m->offset > BEFORE_MATCH ? m->offset - BEFORE_MATCH : 0;
	struct np_chars c;
	if (np_err_drop(np_string_read(a->inv->session->v8, np_graph_address(a->view->graph, m->node), from,
				       a->limits.string_units, a->inv->arena, &c)))
		return;
	size_t bytes;
	const char *text = np_chars_utf8_len(&c, a->inv->arena, &bytes);
	struct np_buf b = {0};
	np_buf_puts(&b, from ? "…" : "");
	np_buf_add(&b, text, bytes);
	np_buf_puts(&b, from + c.len < c.full_len ? "…" : "");
	np_set_strn(n, "_excerpt", np_buf_str(&b), b.len);
	np_sensitive(n, "_excerpt");
	np_buf_deinit(&b);
}

static np_err *answer_matches(struct ask *a, const char *expression)
{
	struct np_string_match *all = NULL;
	size_t count = 0;
	uint64_t skipped = 0;
	np_node *list = np_list(a->inv->arena, &match_shape);
	NP_TRY(np_string_match(a->view, a->strings, expression, !a->reach, &all, &count, &skipped));
	for (size_t i = 0; i < count && i < a->limit; i++) {
		struct np_heap_string s;
		np_node *n = np_obj(a->inv->arena, &match_shape);
		if (!np_strings_look(a->strings, all[i].node, &s))
			continue;
		np_set_addr(n, "address", tagged(a, all[i].node));
		np_set_bytes(n, "self_bytes", s.size_bytes);
		np_set_uint(n, "length", s.length);
		np_set_str(n, "form", np_string_form_name(s.form));
		np_set_uint(n, "match_offset", all[i].offset);
		np_set_uint(n, "match_length", all[i].length);
		np_set_str(n, "held_by", np_held_by(a->inv, a->view, all[i].node));
		set_value(a, n, all[i].node);
		np_hide(n, "value");
		set_excerpt(a, n, &all[i]);
		np_add(list, n);
	}
	free(all);
	np_set_node(a->inv->result, "strings", list);
	np_set_uint(a->total, "matches", count);
	set_more(a, count > a->limit ? count - a->limit : 0);
	if (skipped)
		np_partial(a->inv, "strings in parts that were too long to be put together and matched: %llu",
			   (unsigned long long)skipped);
	return NULL;
}

static np_err *limits_take(struct ask *a, bool is_match)
{
	struct np_invocation *inv = a->inv;
	int64_t limit = is_match ? ROWS_MAX : inv->globals->json ? ROWS_JSON : ROWS_TEXT;
	int64_t units = inv->globals->json ? UNITS_JSON : UNITS_TEXT;
	if (np_opt_int(inv, "limit", &limit) && (limit < 0 || limit > ROWS_MAX))
		return np_err_new(NP_EUSAGE, "--limit is a number of rows up to %d", ROWS_MAX);
	if (np_opt_int(inv, "max-string", &units) && (units < 0 || units > INT32_MAX))
		return np_err_new(NP_EUSAGE, "--max-string is a number of characters");
	a->limit = (size_t)limit;
	a->limits = np_value_limits_brief;
	a->limits.string_units = (size_t)units;
	return NULL;
}

static np_err *answer(struct ask *a)
{
	struct np_invocation *inv = a->inv;
	const char *expression = np_opt_str(inv, "match");
	bool biggest = np_opt_flag(inv, "biggest"), duplicates = np_opt_flag(inv, "duplicates");
	bool slices = np_opt_flag(inv, "slices");
	inv->result = np_obj(inv->arena, &answer_shape);
	a->total = np_obj(inv->arena, &total_shape);
	set_total(a);
	if (expression)
		NP_TRY(answer_matches(a, expression));
	if (!expression && !biggest && !duplicates && !slices)
		biggest = duplicates = true;
	if (biggest && duplicates)
		set_heading(a, "_heading", "biggest");
	if (biggest)
		answer_biggest(a);
	if (biggest && duplicates)
		set_heading(a, "_heading_duplicates", "duplicates");
	if (duplicates)
		answer_duplicates(a);
	if (slices)
		answer_slices(a);
	np_set_node(inv->result, "total", a->total);
	np_set_node(inv->result, "coverage", np_heap_view_coverage(inv, a->view));
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct ask a = {.inv = inv};
	const char *expression = np_opt_str(inv, "match");
	if (expression && (np_opt_flag(inv, "biggest") || np_opt_flag(inv, "duplicates") || np_opt_flag(inv, "slices")))
		return np_err_new(NP_EUSAGE, "--match goes with none of --biggest, --duplicates and --slices");
	NP_TRY(limits_take(&a, expression != NULL));
	if (expression)
		NP_TRY(np_string_match_check(expression));
	NP_TRY(np_heap_view_get(inv, &a.view));
	NP_TRY(np_heap_view_need_reach(inv, a.view));
	a.reach = np_opt_flag(inv, "all") ? NULL : &a.view->reach;
	a.strings = np_strings_create(a.view->graph);
	np_err *err = answer(&a);
	np_strings_destroy(a.strings);
	return err;
}

const struct np_command np_cmd_strings = {
	.name = "strings",
	.group = "Look at one moment",
	.arguments = "",
	.needs = NP_NEEDS_TARGET | NP_NEEDS_V8 | NP_NEEDS_COPY,
	.summary = "the biggest strings, the most duplicated ones, or those that match",
	.help = "Without options two tables: the biggest strings, and contents that exist more than once with the bytes\n"
		"that all copies but one take. The size of a string that was concatenated and not yet joined is that of all\n"
		"its parts. --match looks at the characters of every string; REGEX is a POSIX extended regular expression\n"
		"on UTF-8. --slices lists strings that nothing holds but slices of them: copying the few characters that\n"
		"are in use would free the rest.\n\n"
		"Held by is the end of the shortest path from a root; of duplicates that of most copies of a sample.",
	.options = options,
	.examples = examples,
	.run = run,
};
