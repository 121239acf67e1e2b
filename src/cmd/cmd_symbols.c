/* nopsy symbols: the symbols of a binary, a process or a core; addresses to names and lines, names to addresses. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "cmd/resolve_target.h"
#include "cmd/session.h"
#include "cmd/symbols_match.h"
#include "target/binary.h"
#include "target/lines.h"

enum { INLINED_MAX = 64, LINES_KEPT = 64 };

static const struct np_option options[] = {
	{"inlines", 'i', NP_OPT_FLAG, NULL, NULL, "of an address: the functions that were inlined there, too (needs DWARF)"},
	{"image", 0, NP_OPT_STRING, "TEXT", NULL,
	 "only images whose path contains TEXT (without names: the one that has V8 in it)"},
	{"kind", 'k', NP_OPT_CHOICE, "KIND", "function|object|builtin|tls", "only symbols of that kind"},
	{"sort", 's', NP_OPT_CHOICE, "HOW", "address|size|name", "in that order (address); size: largest first"},
	{"limit", 'n', NP_OPT_INT, "N", NULL, "at most N symbols"},
	{"mangled", 0, NP_OPT_FLAG, NULL, NULL, "C++ names as they stand in the file"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy symbols /usr/bin/node --sort size --limit 20", "the largest functions and tables of a binary"},
	{"nopsy symbols /usr/bin/node 'uv_fs_*' node::Abort ArrayPrototypePush", "where functions and builtins are"},
	{"nopsy symbols /usr/bin/node 0x14ce0dc", "the function at an address of the file; with its line where there is DWARF"},
	{"nopsy symbols 4242 0x7f6a1dfc34dc Builtins_CEntry", "the same at addresses of a running process, JavaScript too"},
	{0},
};

static const struct np_shape symbol_shape = {
	.name = "symbol",
	.style = NP_STYLE_TABLE,
	.columns = "address:Address,size_bytes:Size,kind:Kind:keyword,name:Name:name,_image:Image:path",
	.empty = "no such symbol",
};
static const struct np_shape inline_shape = {
	.name = "inline",
	.style = NP_STYLE_LINE,
	.line = "inlined into {name:name}[ at {file:path}[:{line:num}][:{column:num}]]",
};
static const struct np_shape address_shape = {
	.name = "address",
	.style = NP_STYLE_LINE,
	.line = "{address}: {kind:keyword}[ {name:name}][ + {_offset:num}][ of {_size:num} bytes]"
		"[ at {file:path}[:{line:num}][:{column:num}]][ in {image:path}]",
	.children = "inlined_into",
};
static const struct np_shape total_shape = {
	.name = "total", .style = NP_STYLE_LINE, .line = "{count:num} symbols[, {_shown:num} shown][; {_note:warn}]"};
static const struct np_shape answer_shape = {
	.name = "symbols", .style = NP_STYLE_LINE, .children = "symbols,addresses,total", .indent = -1};

struct found {
	struct np_symbol symbol;
	np_image *image;
};

struct open_lines {
	const np_image *image;
	np_lines *lines; /* NULL: it has none */
};

struct symbols {
	struct np_invocation *inv;
	np_target *target;
	np_code_names *names; /* of a process or a core, when asked for an address outside of images */
	bool names_tried, is_binary;
	const char *kind, *image;
	NP_VEC(struct np_symbol_pattern) patterns;
	bool *pattern_hit;
	NP_VEC(struct found) found;
	np_image *searched;
	struct open_lines lines[LINES_KEPT];
	size_t lines_len;
};

/* --- symbols --- */

static const char *kind_of(const struct np_symbol *s)
{
	if (!strncmp(s->name, "Builtins_", 9))
		return "builtin";
	return s->is_tls ? "tls" : s->is_function ? "function" : "object";
}

static bool symbol_take(void *ctx, const struct np_symbol *symbol)
{
	struct symbols *s = ctx;
	bool wanted = !s->patterns.len;
	if (s->kind && strcmp(s->kind, kind_of(symbol)))
		return true;
	for (size_t i = 0; i < s->patterns.len; i++) {
		if (!np_symbol_pattern_matches(&s->patterns.data[i], symbol->name))
			continue;
		wanted = s->pattern_hit[i] = true;
	}
	if (wanted)
		np_vec_push(&s->found, (struct found){*symbol, s->searched});
	return true;
}

/* Without names one image is listed; with them all are searched. */
static bool image_wanted(const struct symbols *s, np_image *image)
{
	if (s->image)
		return strstr(np_image_path(image), s->image);
	return s->patterns.len || s->is_binary || image == np_target_v8_image(s->target);
}

static int by_address(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	if (x->symbol.is_tls != y->symbol.is_tls)
		return x->symbol.is_tls ? 1 : -1;
	if (x->symbol.addr != y->symbol.addr)
		return x->symbol.addr < y->symbol.addr ? -1 : 1;
	return strcmp(x->symbol.name, y->symbol.name);
}

static int by_size(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	if (x->symbol.size_bytes != y->symbol.size_bytes)
		return x->symbol.size_bytes > y->symbol.size_bytes ? -1 : 1;
	return by_address(a, b);
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(x->symbol.name, y->symbol.name);
	return order ? order : by_address(a, b);
}

static void set_name(struct symbols *s, np_node *n, const char *name)
{
	static const char builtins[] = "Builtins_";
	bool mangled = np_opt_flag(s->inv, "mangled");
	char *plain = mangled ? NULL : np_demangle(name);
	const char *shown = mangled ? name : plain;
	if (!mangled && !strncmp(name, builtins, sizeof(builtins) - 1))
		shown = name + sizeof(builtins) - 1;
	np_set_str(n, "name", shown);
	if (strcmp(shown, name)) {
		np_set_str(n, "symbol", name);
		np_hide(n, "symbol");
	}
	free(plain);
}

static np_node *symbol_node(struct symbols *s, const struct found *f)
{
	np_node *n = np_obj(s->inv->arena, &symbol_shape);
	const char *path = np_image_path(f->image), *slash = strrchr(path, '/');
	if (f->symbol.is_tls)
		np_set_uint(n, "tls_offset", f->symbol.addr);
	else
		np_set_addr(n, "address", f->symbol.addr);
	np_set_uint(n, "size_bytes", f->symbol.size_bytes);
	np_set_str(n, "kind", kind_of(&f->symbol));
	set_name(s, n, f->symbol.name);
	np_set_str(n, "image", path);
	if (!s->is_binary && !f->symbol.is_tls)
		np_set_addr(n, "image_address", f->symbol.addr - (np_addr)np_image_bias(f->image));
	if (!s->is_binary)
		np_set_str(n, "_image", slash ? slash + 1 : path);
	return n;
}

static np_err *symbols_list(struct symbols *s, np_node *root)
{
	struct np_invocation *inv = s->inv;
	const char *sort = np_opt_str(inv, "sort");
	int64_t limit = INT64_MAX;
	np_opt_int(inv, "limit", &limit);
	bool stripped = true;
	for (size_t i = 0; i < np_target_image_count(s->target); i++) {
		np_image *image = np_target_image(s->target, i);
		if (!image_wanted(s, image))
			continue;
		s->searched = image;
		stripped = stripped && np_image_stripped(image);
		if (np_image_problem(image))
			np_partial(inv, "%s: %s", np_image_path(image), np_image_problem(image));
		np_image_symbols(image, "", symbol_take, s);
	}
	if (!s->searched)
		return np_err_new(NP_ENOTFOUND, "no image has '%s' in its path", s->image ? s->image : "");
	if (s->found.len)
		qsort(s->found.data, s->found.len, sizeof(*s->found.data),
		      !sort || *sort == 'a' ? by_address : *sort == 's' ? by_size : by_name);
	np_node *list = np_list(inv->arena, &symbol_shape), *total = np_obj(inv->arena, &total_shape);
	size_t shown = s->found.len < (uint64_t)limit ? s->found.len : (size_t)limit;
	for (size_t i = 0; i < shown; i++)
		np_add(list, symbol_node(s, &s->found.data[i]));
	np_set_node(root, "symbols", list);
	np_set_uint(total, "count", s->found.len);
	if (shown < s->found.len)
		np_set_uint(total, "_shown", shown);
	if (stripped) {
		np_set_bool(total, "stripped", true);
		np_set_str(total, "_note", "the binary is stripped: only what others may call is named");
	}
	np_set_node(root, "total", total);
	return NULL;
}

/* --- addresses --- */

/* Where a process's or core's file lies, for libdwfl. */
static np_lines *lines_of(struct symbols *s, np_image *image)
{
	for (size_t i = 0; i < s->lines_len; i++)
		if (s->lines[i].image == image)
			return s->lines[i].lines;
	np_lines *lines = NULL;
	const char *file = np_image_file(image);
	if (!file || s->lines_len == LINES_KEPT)
		return NULL;
	np_err *err = np_lines_open(file, &lines);
	if (err && np_err_code(err) != NP_ENOTFOUND)
		np_partial(s->inv, "no lines: %s", np_err_message(err));
	np_err_free(err);
	s->lines[s->lines_len++] = (struct open_lines){image, lines};
	return lines;
}

static void set_place(np_node *n, const char *file, int line, int column)
{
	np_set_str(n, "file", file);
	if (line > 0)
		np_set_int(n, "line", line);
	if (column > 0)
		np_set_int(n, "column", column);
}

static void set_lines(struct symbols *s, np_node *n, np_image *image, np_addr vaddr)
{
	struct np_source_line at[INLINED_MAX];
	np_lines *lines = lines_of(s, image);
	size_t count = lines ? np_lines_at(lines, vaddr, at, INLINED_MAX) : 0;
	if (!count)
		return;
	bool inlines = np_opt_flag(s->inv, "inlines");
	/* the place in the function that the symbol names is that of the outermost call */
	size_t shown = inlines ? 0 : count - 1;
	set_place(n, at[shown].file, at[shown].line, at[shown].column);
	if (!inlines || count < 2)
		return;
	np_node *list = np_list(s->inv->arena, &inline_shape);
	for (size_t i = 0; i < count; i++) {
		if (!i) {
			if (at[0].function)
				set_name(s, n, at[0].function);
			continue;
		}
		np_node *outer = np_obj(s->inv->arena, &inline_shape);
		set_name(s, outer, at[i].function ? at[i].function : "?");
		set_place(outer, at[i].file, at[i].line, at[i].column);
		np_add(list, outer);
	}
	np_set_node(n, "inlined_into", list);
}

/* Of the variables that cover the address the one that begins last. */
struct data_search {
	np_addr addr;
	struct np_symbol found;
	bool has;
};

static bool data_take(void *ctx, const struct np_symbol *symbol)
{
	struct data_search *d = ctx;
	if (!symbol->is_tls && symbol->addr <= d->addr && d->addr - symbol->addr < symbol->size_bytes &&
	    (!d->has || symbol->addr > d->found.addr)) {
		d->found = *symbol;
		d->has = true;
	}
	return true;
}

static void set_extent(np_node *n, np_addr addr, np_addr start, uint64_t size)
{
	np_set_uint(n, "offset", addr - start);
	if (addr != start)
		np_set_uint(n, "_offset", addr - start);
	np_set_addr(n, "start", start);
	np_hide(n, "start");
	np_set_uint(n, "size_bytes", size);
	np_hide(n, "size_bytes");
	if (size)
		np_set_uint(n, "_size", size);
}

/* Code that V8 made: a process or a core tells. */
static bool set_generated(struct symbols *s, np_node *n, np_addr addr)
{
	if (s->is_binary)
		return false;
	if (!s->names_tried) {
		s->names_tried = true;
		np_err *err = np_code_names_open(np_target_spec(s->target), s->inv->globals, &s->names);
		if (err)
			np_partial(s->inv, "generated code is not known: %s", np_err_message(err));
		np_err_free(err);
	}
	const struct np_code_name *name = s->names ? np_code_names_find(s->names, addr, false) : NULL;
	if (!name)
		return false;
	np_set_str(n, "kind", "js");
	np_set_strn(n, "name", name->symbol.name, name->symbol.name_bytes);
	set_extent(n, addr, name->symbol.start, name->symbol.size_bytes);
	set_place(n, name->file, name->line, name->column);
	return true;
}

static np_node *address_node(struct symbols *s, np_addr addr)
{
	np_node *n = np_obj(s->inv->arena, &address_shape);
	struct np_symbol_at at;
	struct data_search data = {.addr = addr};
	np_set_addr(n, "address", addr);
	bool is_code = np_target_symbol_at(s->target, addr, &at) && at.name;
	if (!is_code && at.image)
		np_image_symbols(at.image, "", data_take, &data);
	if (is_code) {
		np_set_str(n, "kind", strncmp(at.name, "Builtins_", 9) ? "function" : "builtin");
		set_name(s, n, at.name);
		set_extent(n, addr, at.start, at.size_bytes);
	} else if (data.has) {
		np_set_str(n, "kind", kind_of(&data.found));
		set_name(s, n, data.found.name);
		set_extent(n, addr, data.found.addr, data.found.size_bytes);
	} else if (at.image) {
		np_set_str(n, "kind", "unnamed");
	} else if (!set_generated(s, n, addr)) {
		np_set_str(n, "kind", np_target_mapping_at(s->target, addr) ? "memory" : "unmapped");
	}
	if (!at.image)
		return n;
	if (is_code)
		set_lines(s, n, at.image, at.vaddr);
	np_set_str(n, "image", np_image_path(at.image));
	if (!s->is_binary) {
		np_set_addr(n, "image_address", at.vaddr);
		np_hide(n, "image_address");
	}
	return n;
}

/* 0x... or hexadecimal digits that begin with a decimal one: no symbol does. */
static bool is_address(const char *text, np_addr *ret)
{
	bool prefixed = text[0] == '0' && (text[1] | 32) == 'x';
	const char *digits = prefixed ? text + 2 : text;
	size_t n = strspn(digits, "0123456789abcdefABCDEF");
	if (!n || digits[n] || (!prefixed && !isdigit((unsigned char)*digits)))
		return false;
	errno = 0;
	*ret = strtoull(digits, NULL, 16);
	return !errno;
}

/* --- run --- */

static np_err *arguments_take(struct symbols *s, np_node *root)
{
	struct np_invocation *inv = s->inv;
	np_node *addresses = np_list(inv->arena, &address_shape);
	for (size_t i = 0; i < inv->arg_count; i++) {
		np_addr addr;
		struct np_symbol_pattern pattern;
		if (is_address(inv->args[i], &addr)) {
			np_add(addresses, address_node(s, addr));
			continue;
		}
		np_symbol_pattern_make(inv->args[i], &pattern);
		np_vec_push(&s->patterns, pattern);
	}
	s->pattern_hit = NP_NEW_ARRAY(inv->arena, bool, s->patterns.len + 1);
	if (s->patterns.len || !inv->arg_count)
		NP_TRY(symbols_list(s, root));
	if (np_node_len(addresses))
		np_set_node(root, "addresses", addresses);
	size_t missed = 0;
	for (size_t i = 0; i < s->patterns.len; i++)
		missed += !s->pattern_hit[i];
	if (missed && missed == inv->arg_count)
		return np_err_new(NP_ENOTFOUND, "no symbol is called '%s' (* matches: '*%s*' may)", s->patterns.data[0].text,
				  s->patterns.data[0].text);
	for (size_t i = 0; i < s->patterns.len; i++)
		if (!s->pattern_hit[i])
			np_partial(inv, "no symbol is called '%s'", s->patterns.data[i].text);
	return NULL;
}

static np_err *run(struct np_invocation *inv)
{
	struct symbols s = {.inv = inv, .kind = np_opt_str(inv, "kind"), .image = np_opt_str(inv, "image")};
	struct np_session own = {0};
	struct np_target_options how = {.exe = inv->globals->exe, .sysroot = inv->globals->sysroot};
	int64_t limit;
	np_err *err = NULL;
	if (np_opt_int(inv, "limit", &limit) && limit < 0)
		return np_err_new(NP_EUSAGE, "--limit is a number of symbols");
	s.is_binary = !inv->session && np_path_is_binary(inv->target);
	if (inv->session)
		s.target = inv->session->target;
	else if (s.is_binary)
		err = np_target_open_binary(inv->target, &own.target);
	else
		err = np_session_open(inv->target, &how, &own);
	if (!inv->session)
		s.target = own.target;
	if (!err) {
		inv->result = np_obj(inv->arena, &answer_shape);
		err = arguments_take(&s, inv->result);
	}
	for (size_t i = 0; i < s.lines_len; i++)
		np_lines_close(s.lines[i].lines);
	np_code_names_close(s.names);
	np_vec_deinit(&s.patterns);
	np_vec_deinit(&s.found);
	if (own.target)
		np_session_close(&own);
	return err;
}

const struct np_command np_cmd_symbols = {
	.name = "symbols",
	.group = "Files and filters",
	.arguments = "ADDR|NAME...",
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_OPENS_TARGET,
	.summary = "symbols, addresses to names and lines, of a binary, process or core",
	.help = "TARGET is a binary (node, libnode.so, an addon, any ELF file), a process or a core; addresses are those of the\n"
		"file, or those at run time. Without arguments it lists the symbols of the file, or of the image that has V8 in\n"
		"it. An ADDR (0x..., or hexadecimal digits) is answered with the function or variable there, and with file and\n"
		"line where the file has DWARF, itself or in the separate file that belongs to it; in a process or a core with\n"
		"the JavaScript function that V8 compiled there, too. A NAME is that of a function or variable in any image:\n"
		"mangled, demangled with or without parameters, that of a builtin of V8 with or without `Builtins_`; * and ?\n"
		"match.",
	.options = options,
	.examples = examples,
	.run = run,
};
