#include "format/v8_symbol.h"

#include <string.h>

#include "base/types.h"
#include "profile/profile.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && memcmp(text, with, n) == 0;
}

size_t np_offset_cut(const char *text, size_t len)
{
	size_t at = len;
	while (at && is_hex(text[at - 1]))
		at--;
	if (at == len || at < 3 || text[at - 1] != 'x' || text[at - 2] != '0' || text[at - 3] != '+')
		return len;
	return at - 3;
}

/* The number behind the last colon; at: where the colon is. */
static bool number_cut(const char *text, size_t len, size_t *at, uint32_t *ret)
{
	size_t i = len;
	uint64_t n = 0;
	while (i && is_digit(text[i - 1]) && len - i < 10)
		i--;
	if (i == len || i < 2 || text[i - 1] != ':')
		return false;
	for (size_t k = i; k < len; k++)
		n = n * 10 + (uint64_t)(text[k] - '0');
	if (n > UINT32_MAX)
		return false;
	*at = i - 1;
	*ret = (uint32_t)n;
	return true;
}

bool np_place_cut(const char *text, size_t *len, uint32_t *ret_line, uint32_t *ret_column)
{
	size_t last, first;
	uint32_t b, a;
	if (!number_cut(text, *len, &last, &b))
		return false;
	if (number_cut(text, last, &first, &a)) {
		*len = first;
		*ret_line = a;
		*ret_column = b;
	} else {
		*len = last;
		*ret_line = b;
		*ret_column = 0;
	}
	return true;
}

/* Does what may be a path or URL begin here? */
static bool file_begins(const char *text, size_t len)
{
	static const char *const starts[] = {"/", "node:", "file:", "http:", "https:", "[eval", "[stdin]", "[worker eval]",
					     "evalmachine.", "internal/", "wasm:", "webpack", "data:"};
	for (size_t i = 0; i < NP_ARRAY_LEN(starts); i++)
		if (begins(text, len, starts[i]))
			return true;
	return len > 2 && text[1] == ':' && (text[2] == '\\' || text[2] == '/'); /* C:\ */
}

/*
 * "name file": both may have spaces in them.  The file begins where something
 * looks like the beginning of one, else behind the last space.
 */
static void name_split(const char *text, size_t len, struct np_v8_symbol *ret)
{
	size_t space = SIZE_MAX;
	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ')
			continue;
		space = i;
		if (file_begins(text + i + 1, len - i - 1))
			break;
	}
	ret->name = text;
	ret->name_len = space != SIZE_MAX ? space : len;
	if (space != SIZE_MAX && space + 1 < len) {
		ret->file = text + space + 1;
		ret->file_len = len - space - 1;
	}
}

/* Behind the tag: how the code was made. */
static size_t tier_take(const char *text, size_t len, struct np_v8_symbol *ret)
{
	size_t at = 0;
	char c = len ? text[0] : '\0';
	if (c == 'o' && len > 1 && (text[1] == '+' || text[1] == '*')) {
		ret->is_osr = true;
		c = text[++at];
	}
	switch (c) {
	case '~':
		ret->tier = NP_PROFILE_TIER_INTERPRETED;
		break;
	case '^':
		ret->tier = NP_PROFILE_TIER_BASELINE;
		break;
	case '+':
		ret->tier = NP_PROFILE_TIER_MAGLEV;
		break;
	case '*':
		ret->tier = NP_PROFILE_TIER_TURBOFAN;
		break;
	default:
		return 0;
	}
	at++;
	if (at < len && text[at] == '\'' && (c == '+' || c == '*'))
		at++;
	return at;
}

/* name-3-turbofan, name-<anonymous>-liftoff */
static bool wasm_parse(const char *text, size_t len, struct np_v8_symbol *ret)
{
	static const struct {
		const char *end;
		uint8_t tier;
	} tiers[] = {{"-turbofan", NP_PROFILE_TIER_TURBOFAN}, {"-liftoff", NP_PROFILE_TIER_BASELINE},
		     {"-interpreter", NP_PROFILE_TIER_INTERPRETED}, {"-none", NP_PROFILE_TIER_NONE}};
	for (size_t i = 0; i < NP_ARRAY_LEN(tiers); i++) {
		size_t n = strlen(tiers[i].end), at, end;
		if (len <= n || memcmp(text + len - n, tiers[i].end, n) != 0)
			continue;
		at = end = len - n;
		if (end >= 11 && memcmp(text + end - 11, "<anonymous>", 11) == 0)
			at = end - 11;
		while (at == end || (at && is_digit(text[at - 1])))
			if (!at || !is_digit(text[at - 1]))
				return false;
			else
				at--;
		if (at < 2 || text[at - 1] != '-')
			return false;
		*ret = (struct np_v8_symbol){.name = text, .name_len = at - 1, .kind = NP_PROFILE_WASM, .tier = tiers[i].tier};
		return true;
	}
	return false;
}

static bool is_mark(const char *text, size_t len)
{
	return len && memchr("~^+*", text[0], 4) != NULL;
}

static void function_parse(const char *text, size_t len, struct np_v8_symbol *ret)
{
	if (!is_mark(text, len) && wasm_parse(text, len, ret))
		return;
	ret->kind = NP_PROFILE_JS;
	size_t at = tier_take(text, len, ret);
	bool placed = np_place_cut(text, &len, &ret->line, &ret->column);
	if (len < at) /* "JS:*:3": the place took nothing but the name */
		len = at;
	name_split(text + at, len - at, ret);
	if (!placed && ret->file && !file_begins(ret->file, ret->file_len) && ret->name_len) { /* spaces of the name */
		ret->name_len = len - at;
		ret->file = NULL;
		ret->file_len = 0;
	}
	if (ret->name_len == 11 && memcmp(ret->name, "<anonymous>", 11) == 0)
		ret->name_len = 0;
}

/* Scripts and evals have no name: the file alone, with or without a mark and a space. */
static void script_parse(const char *text, size_t len, const char *name, struct np_v8_symbol *ret)
{
	ret->kind = NP_PROFILE_JS;
	size_t at = tier_take(text, len, ret);
	np_place_cut(text, &len, &ret->line, &ret->column);
	if (len < at)
		len = at;
	text += at;
	len -= at;
	name_split(text, len, ret);
	if (!ret->file || (ret->file && !file_begins(ret->file, ret->file_len) && file_begins(text, len))) {
		ret->file = len ? text : NULL;
		ret->file_len = len;
		ret->name_len = 0;
	}
	if (!ret->name_len) {
		ret->name = name;
		ret->name_len = strlen(name);
	}
}

enum tag_kind { TAG_FUNCTION, TAG_SCRIPT, TAG_EVAL, TAG_REGEXP, TAG_BUILTIN, TAG_INTERNAL };

static const struct {
	const char *name;
	enum tag_kind kind;
} tags[] = {
	{"JS:", TAG_FUNCTION},
	{"LazyCompile:", TAG_FUNCTION},
	{"Function:", TAG_FUNCTION},
	{"InterpretedFunction:", TAG_FUNCTION},
	{"NativeFunction:", TAG_FUNCTION},
	{"NativeLazyCompile:", TAG_FUNCTION},
	{"Script:", TAG_SCRIPT},
	{"NativeScript:", TAG_SCRIPT},
	{"Eval:", TAG_EVAL},
	{"RegExp:", TAG_REGEXP},
	{"Builtin:", TAG_BUILTIN},
	/* what follows keeps its tag: it tells these from the functions that they are made for */
	{"Builtins_", TAG_INTERNAL},
	{"BytecodeHandler:", TAG_INTERNAL},
	{"Stub:", TAG_INTERNAL},
	{"Handler:", TAG_INTERNAL},
	{"Callback:", TAG_INTERNAL},
	{"LoadIC:", TAG_INTERNAL},
	{"StoreIC:", TAG_INTERNAL},
	{"KeyedLoadIC:", TAG_INTERNAL},
	{"KeyedStoreIC:", TAG_INTERNAL},
	{"KeyedExternalArrayLoadIC:", TAG_INTERNAL},
	{"KeyedExternalArrayStoreIC:", TAG_INTERNAL},
	{"LoadPolymorphicIC:", TAG_INTERNAL},
	{"StorePolymorphicIC:", TAG_INTERNAL},
	{"KeyedLoadPolymorphicIC:", TAG_INTERNAL},
	{"KeyedStorePolymorphicIC:", TAG_INTERNAL},
	{"CallIC:", TAG_INTERNAL},
	{"CallInitialize:", TAG_INTERNAL},
	{"CallMegamorphic:", TAG_INTERNAL},
	{"CallMiss:", TAG_INTERNAL},
	{"CallNormal:", TAG_INTERNAL},
	{"CallPreMonomorphic:", TAG_INTERNAL},
	{"KeyedCallIC:", TAG_INTERNAL},
	{"KeyedCallInitialize:", TAG_INTERNAL},
	{"KeyedCallMegamorphic:", TAG_INTERNAL},
	{"KeyedCallMiss:", TAG_INTERNAL},
	{"KeyedCallNormal:", TAG_INTERNAL},
	{"KeyedCallPreMonomorphic:", TAG_INTERNAL},
	{"CallDebugBreak:", TAG_INTERNAL},
	{"CallDebugPrepareStepIn:", TAG_INTERNAL},
};

bool np_v8_symbol_parse(const char *text, size_t len, struct np_v8_symbol *ret)
{
	size_t i = 0, n = 0;
	if (!len || text[0] < 'B' || text[0] > 'S')
		return false;
	while (i < NP_ARRAY_LEN(tags) && !begins(text, len, tags[i].name))
		i++;
	if (i == NP_ARRAY_LEN(tags))
		return false;
	n = strlen(tags[i].name);
	if (len > n && text[n] == ':' && text[n - 1] == ':') /* C++: Function::Call */
		return false;
	struct np_v8_symbol s = {.name = text + n};
	if (tags[i].kind != TAG_REGEXP)
		len = np_offset_cut(text, len);
	size_t left = len - n;
	switch (tags[i].kind) {
	case TAG_FUNCTION:
		function_parse(text + n, left, &s);
		break;
	case TAG_SCRIPT:
		script_parse(text + n, left, "(script)", &s);
		break;
	case TAG_EVAL:
		script_parse(text + n, left, "(eval)", &s);
		break;
	case TAG_REGEXP:
		s.kind = NP_PROFILE_REGEXP;
		s.name_len = np_offset_cut(text + n, left);
		break;
	case TAG_BUILTIN:
		s.kind = NP_PROFILE_BUILTIN;
		s.name_len = left;
		break;
	case TAG_INTERNAL:
		s.kind = NP_PROFILE_BUILTIN;
		s.name = text;
		s.name_len = len;
		break;
	}
	*ret = s;
	return true;
}
