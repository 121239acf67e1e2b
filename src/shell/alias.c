#include "shell/alias.h"

#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "cmd/args.h"

const struct np_alias np_aliases[] = {
	{"status", "info", "", false, "what the target is and how it died", NULL},
	{"jsstack", "stack", "v=--args --source,a=--addresses,f:=--function,n:=--lines,p:=", false, "JavaScript and native stack", NULL},
	{"jsframe", "stack --frame", "v=--args --source,a=--addresses,i=--internal,f:=--function,n:=--lines,p:=", false, "the frame at a frame pointer", NULL},
	{"stack", "stack --native --internal", "", false, "the whole stack", NULL},
	{"stacks", "stack --group", "", false, "threads by identical stack", NULL},
	{"threads", "stack --group --max-frames 1", "", false, "threads", NULL},
	{"jsprint", "print", "a=,b=,v=--all-properties,d:=--depth,N:=--max-string", true, "a value, or members of it", NULL},
	{"jsarray", "elements", "i=--index", false, "addresses of an array's elements", NULL},
	{"jsclosure", "closure", "", false, "variables a function closes over", NULL},
	{"jsfunction", "print", "", false, "a function's name and place; target, this and arguments of a bound one", NULL},
	{"jssource", "source", "n:=--lines", false, "source of a function", NULL},
	{"jsconstructor", "constructor", "v=", false, "constructor of an object", NULL},
	{"v8whatis", "whatis", "v=,d:=", false, "what lies at an address", NULL},
	{"whatis", "whatis", "", false, "what lies at an address", NULL},
	{"v8str", "print --max-string 1073741823", "v=,r=,N:=--max-string", false, "contents of a string", NULL},
	{"v8print", "print --all-properties", "", false, "a heap object with internal parts", NULL},
	{"v8type", "whatis", "", false, "type of a heap object", NULL},
	{"v8array", "elements --raw", "i=--index", false, "slots of a FixedArray", NULL},
	{"v8context", "closure", "", false, "a context and those around it", NULL},
	{"v8function", "disasm", "d=", false, "code of a function", NULL},
	{"v8code", "disasm", "d=", false, "disassembly of code", NULL},
	{"v8scopeinfo", "scopeinfo", "", false, "names in a ScopeInfo", NULL},
	{"v8classes", "types", "", false, "V8's heap classes", NULL},
	{"v8types", "types", "", false, "V8's instance types", NULL},
	{"v8frametypes", "frametypes", "", false, "V8's frame types", NULL},
	{"v8class", "class", "", false, "layout of a class", NULL},
	{"v8field", "field", "", false, "set the offset of a field by hand", NULL},
	{"findjsobjects", "objects --no-retained", "c:=--class,p:=--property,k:=--kind,l=--instances,a=--all,b=,m=,v=,r=@refs",
	 false, "objects by class and shape; all that are like one; -r: who refers to one", "objects --instances --like"},
	{"jsfindrefs", "refs", "d=,v=,l:=", false, "who refers to an object", NULL},
	{"jsfunctions", "functions --no-retained", "s:=--script=*%*,n:=--name=*%*,l=--instances,X=", false,
	 "closures by function, those of one with an address", NULL},
	{"nodebuffer", "print", "f=", false, "bytes of a Buffer", NULL},
	{"walk", "walk", "", false, "jselement, jsprop or jsframe", NULL},
	{"help", "help", "", false, "help", NULL},
	{"dcmds", "aliases", "", false, "mdb's names that are known", NULL},
	{"quit", "quit", "", false, "leave the shell", NULL},
	{0},
};

const struct np_alias *np_alias_find(const char *dcmd)
{
	for (const struct np_alias *a = np_aliases; a->dcmd; a++)
		if (strcmp(a->dcmd, dcmd) == 0)
			return a;
	return NULL;
}

np_err *np_alias_unknown(const char *dcmd)
{
	const char *names[64];
	size_t n = 0;
	for (const struct np_alias *a = np_aliases; a->dcmd && n < NP_ARRAY_LEN(names); a++)
		names[n++] = a->dcmd;
	const char *near = np_suggest(dcmd, names, n);
	return np_err_new(NP_EUSAGE, "unknown ::%s%s%s%s; ::dcmds lists what is known", dcmd, near ? " (did you mean ::" : "",
			  near ? near : "", near ? "?)" : "");
}

typedef NP_VEC(char *) word_vec;

static void push_split(word_vec *out, const char *text, np_arena *arena)
{
	while (*(text += strspn(text, " "))) {
		size_t n = strcspn(text, " ");
		np_vec_push(out, np_arena_strndup(arena, text, n));
		text += n;
	}
}

/* The replacement of an option letter in "v=--a --b,n:=--lines"; false when it is not there. */
static bool letter_find(const struct np_alias *a, char letter, np_arena *arena, bool *takes_value, char **replacement)
{
	for (const char *p = a->letters; *p;) {
		size_t n = strcspn(p, ",");
		if (p[0] == letter) {
			const char *eq = memchr(p, '=', n);
			*takes_value = p[1] == ':';
			*replacement = np_arena_strndup(arena, eq + 1, n - (size_t)(eq + 1 - p));
			return true;
		}
		p += n + (p[n] == ',');
	}
	return false;
}

/* The value in the replacement's %, else behind it. */
static void put_value(const char *replacement, char *value, np_arena *arena, word_vec *out)
{
	const char *percent = strchr(replacement, '%');
	if (percent) {
		np_vec_push(out, np_arena_printf(arena, "%.*s%s%s", (int)(percent - replacement), replacement, value, percent + 1));
	} else if (*replacement) {
		push_split(out, replacement, arena);
		np_vec_push(out, value);
	}
}

/* ret_command: another command that a letter stands for. */
static np_err *expand_letters(const struct np_alias *a, const struct np_words *stage, size_t *i, np_arena *arena,
			      word_vec *out, const char **ret_command)
{
	for (const char *p = stage->words[*i] + 1; *p; p++) {
		bool takes_value;
		char *replacement;
		if (!letter_find(a, *p, arena, &takes_value, &replacement))
			return np_err_new(NP_EUSAGE, "::%s has no option -%c", a->dcmd, *p);
		if (*replacement == '@')
			*ret_command = replacement + 1;
		else if (!takes_value)
			push_split(out, replacement, arena);
		if (!takes_value)
			continue;
		char *value = p[1] ? np_arena_strdup(arena, p + 1) : *i + 1 < stage->count ? stage->words[++*i] : NULL;
		if (!value)
			return np_err_new(NP_EUSAGE, "::%s -%c needs a value", a->dcmd, *p);
		put_value(replacement, value, arena, out);
		break;
	}
	return NULL;
}

/* $c and $C are stacks, $q quits, $m is not needed to have a name of its own here. */
static const char *dollar(const char *word)
{
	if (strcmp(word, "$c") == 0 || strcmp(word, "$C") == 0)
		return "stack";
	return strcmp(word, "$q") == 0 ? "quit" : NULL;
}

np_err *np_alias_expand(const struct np_words *stage, np_arena *arena, struct np_words *ret)
{
	const char *first = stage->words[0], *colons = strstr(first, "::"), *short_name = dollar(first);
	if (!colons && !short_name) {
		*ret = *stage;
		return NULL;
	}
	const char *dcmd = short_name ? short_name : colons + 2;
	const char *addr = colons && colons > first ? np_arena_strndup(arena, first, (size_t)(colons - first)) : NULL;
	size_t i = 1;
	if (!*dcmd && stage->count > 1)
		dcmd = stage->words[i++]; /* ":: dcmd" */
	const struct np_alias *a = np_alias_find(dcmd);
	if (!a)
		return np_alias_unknown(dcmd);
	word_vec out = {0}, options = {0}, rest = {0};
	np_err *err = NULL;
	const char *command = addr && a->at ? a->at : a->command;
	for (; i < stage->count && !err; i++) {
		if (stage->words[i][0] == '-' && stage->words[i][1] && stage->words[i][1] != '-')
			err = expand_letters(a, stage, &i, arena, &options, &command);
		else
			np_vec_push(&rest, stage->words[i]);
	}
	push_split(&out, command, arena);
	bool address_is_value = strcmp(command, "stack --frame") == 0 || command == a->at;
	bool address_is_last = strcmp(command, "walk") == 0;
	if (address_is_value && addr)
		np_vec_push(&out, np_arena_strdup(arena, addr));
	for (size_t k = 0; k < options.len; k++)
		np_vec_push(&out, options.data[k]);
	if (addr && !address_is_value && !(a->members && rest.len) && !address_is_last)
		np_vec_push(&out, np_arena_strdup(arena, addr));
	for (size_t k = 0; k < rest.len; k++) {
		bool path = a->members && addr;
		const char *dot = path && rest.data[k][0] != '[' && rest.data[k][0] != '.' ? "." : "";
		np_vec_push(&out, np_arena_printf(arena, "%s%s%s", path ? addr : "", dot, rest.data[k]));
	}
	if (addr && address_is_last)
		np_vec_push(&out, np_arena_strdup(arena, addr));
	if (!err) {
		ret->count = out.len;
		np_vec_push(&out, NULL);
		ret->words = np_arena_memdup(arena, out.data, out.len * sizeof(char *));
	}
	np_vec_deinit(&out);
	np_vec_deinit(&options);
	np_vec_deinit(&rest);
	return err;
}
