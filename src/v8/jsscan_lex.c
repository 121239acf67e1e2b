/*
 * Tokens of ECMAScript, as V8's scanner sees them.  A token is read only when
 * asked for, so that the parser, which knows whether an operand or an operator
 * is due, decides what '/' and '}' mean.
 */
#include <string.h>

#include "v8/jsscan_internal.h"

/* Odd: may go on in a name. */
enum { C_OTHER = 0, C_ID = 1, C_DIGIT = 3, C_SPACE = 2, C_NEWLINE = 4, C_SINGLE = 6, C_PUNCT = 8 };

static const uint8_t char_class[128] = {
	['\t'] = C_SPACE, ['\v'] = C_SPACE, ['\f'] = C_SPACE, [' '] = C_SPACE, ['\n'] = C_NEWLINE, ['\r'] = C_NEWLINE,
	['0' ... '9'] = C_DIGIT, ['a' ... 'z'] = C_ID, ['A' ... 'Z'] = C_ID, ['_'] = C_ID, ['$'] = C_ID,
	['('] = C_SINGLE, [')'] = C_SINGLE, ['['] = C_SINGLE, [']'] = C_SINGLE, ['{'] = C_SINGLE, ['}'] = C_SINGLE,
	[';'] = C_SINGLE, [','] = C_SINGLE, [':'] = C_SINGLE, ['~'] = C_SINGLE, ['`'] = C_SINGLE,
	['!'] = C_PUNCT, ['"'] = C_PUNCT, ['%'] = C_PUNCT, ['&'] = C_PUNCT, ['\''] = C_PUNCT, ['*'] = C_PUNCT,
	['+'] = C_PUNCT, ['-'] = C_PUNCT, ['.'] = C_PUNCT, ['/'] = C_PUNCT, ['<'] = C_PUNCT, ['='] = C_PUNCT,
	['>'] = C_PUNCT, ['?'] = C_PUNCT, ['^'] = C_PUNCT, ['|'] = C_PUNCT, ['#'] = C_PUNCT,
};

/* Tokens of one character, which begin no longer one. */
static const uint8_t single_type[128] = {
	['('] = T_LPAREN, [')'] = T_RPAREN, ['['] = T_LBRACK, [']'] = T_RBRACK, ['{'] = T_LBRACE, ['}'] = T_RBRACE,
	[';'] = T_SEMI,	  [','] = T_COMMA,  [':'] = T_COLON,  ['~'] = T_NOT,	['`'] = T_TEMPLATE,
};

struct word {
	const char *text;
	uint8_t type, word;
};

/* By length, then alphabet. */
static const struct word words[] = {
	{"do", T_DO, 0},
	{"if", T_IF, 0},
	{"in", T_IN, 0},
	{"of", T_IDENT, W_OF},
	{"for", T_FOR, 0},
	{"get", T_IDENT, W_GET},
	{"let", T_IDENT, W_LET},
	{"new", T_NEW, 0},
	{"set", T_IDENT, W_SET},
	{"try", T_TRY, 0},
	{"var", T_VAR, 0},
	{"case", T_CASE, 0},
	{"else", T_ELSE, 0},
	{"eval", T_IDENT, W_EVAL},
	{"null", T_LITERAL, 0},
	{"this", T_LITERAL, 0},
	{"true", T_LITERAL, 0},
	{"void", T_UNARY, 0},
	{"with", T_WITH, 0},
	{"async", T_IDENT, W_ASYNC},
	{"await", T_IDENT, W_AWAIT},
	{"break", T_BREAK, 0},
	{"catch", T_CATCH, 0},
	{"class", T_CLASS, 0},
	{"const", T_CONST, 0},
	{"false", T_LITERAL, 0},
	{"super", T_SUPER, 0},
	{"throw", T_THROW, 0},
	{"using", T_IDENT, W_USING},
	{"while", T_WHILE, 0},
	{"yield", T_IDENT, W_YIELD},
	{"delete", T_UNARY, 0},
	{"export", T_EXPORT, 0},
	{"import", T_IMPORT, 0},
	{"return", T_RETURN, 0},
	{"static", T_IDENT, W_STATIC},
	{"switch", T_SWITCH, 0},
	{"typeof", T_UNARY, 0},
	{"default", T_DEFAULT, 0},
	{"extends", T_EXTENDS, 0},
	{"finally", T_FINALLY, 0},
	{"accessor", T_IDENT, W_ACCESSOR},
	{"continue", T_CONTINUE, 0},
	{"debugger", T_DEBUGGER, 0},
	{"function", T_FUNCTION, 0},
	{"instanceof", T_INSTANCEOF, 0},
};

/* words[first[n]] .. words[first[n + 1] - 1] have n letters. */
static const uint8_t word_first[12] = {0, 0, 0, 4, 11, 19, 31, 38, 41, 45, 45, 46};
_Static_assert(NP_ARRAY_LEN(words) == 46, "word_first follows words");

/* What they begin with. */
#define L(c) (1u << ((c) - 'a'))
static const uint32_t word_initials[11] = {
	[2] = L('d') | L('i') | L('o'),
	[3] = L('f') | L('g') | L('l') | L('n') | L('s') | L('t') | L('v'),
	[4] = L('c') | L('e') | L('n') | L('t') | L('v') | L('w'),
	[5] = L('a') | L('b') | L('c') | L('f') | L('s') | L('t') | L('u') | L('w') | L('y'),
	[6] = L('d') | L('e') | L('i') | L('r') | L('s') | L('t'),
	[7] = L('d') | L('e') | L('f'),
	[8] = L('a') | L('c') | L('d') | L('f'),
	[10] = L('i'),
};
#undef L

void np_js_fail(struct js *js)
{
	js->failed = true;
	js->p = js->end;
	js->tok.type = T_EOF;
	js->tok.word = W_NONE;
}

static bool is_newline(uint32_t c)
{
	return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

static bool is_wide_space(uint32_t c)
{
	return c == 0xa0 || c == 0xfeff || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

static bool is_id_char(uint32_t c)
{
	if (c < 128)
		return char_class[c] & 1;
	return !is_newline(c) && !is_wide_space(c);
}

static const uint16_t *line_comment(const uint16_t *p, const uint16_t *end)
{
	while (p < end && !is_newline(*p))
		p++;
	return p;
}

/* p is behind the opening; sets *newline when it spans lines. */
static const uint16_t *block_comment(const uint16_t *p, const uint16_t *end, bool *newline)
{
	for (; p < end; p++) {
		if (*p == '*' && end - p > 1 && p[1] == '/')
			return p + 2;
		if (is_newline(*p))
			*newline = true;
	}
	return end;
}

static bool starts_with(const uint16_t *p, const uint16_t *end, const char *ascii)
{
	for (; *ascii; p++, ascii++)
		if (p >= end || *p != (unsigned char)*ascii)
			return false;
	return true;
}

static const uint16_t *skip_space(struct js *js, const uint16_t *p)
{
	const uint16_t *end = js->end;
	bool newline = js->tok.newline;
	for (; p < end; p++) {
		uint32_t c = *p;
		if (c >= 128) {
			if (is_newline(c))
				newline = true;
			else if (!is_wide_space(c))
				break;
		} else if (char_class[c] == C_SPACE) {
			continue;
		} else if (char_class[c] == C_NEWLINE) {
			newline = true;
		} else if (c == '/') {
			if (end - p < 2)
				break;
			if (p[1] == '/')
				p = line_comment(p + 2, end) - 1;
			else if (p[1] == '*')
				p = block_comment(p + 2, end, &newline) - 1;
			else
				break;
		} else if (c == '<' && !js->module && starts_with(p, end, "<!--")) {
			p = line_comment(p + 4, end) - 1;
		} else if (c == '-' && newline && !js->module && starts_with(p, end, "-->")) {
			p = line_comment(p + 3, end) - 1;
		} else {
			break;
		}
	}
	js->tok.newline = newline;
	return p;
}

static void word_lookup(struct js *js, const uint16_t *start, uint32_t len)
{
	for (uint32_t i = word_first[len]; i < word_first[len + 1]; i++) {
		const char *text = words[i].text;
		if (*start != (unsigned char)*text)
			continue;
		uint32_t k = 1;
		while (k < len && start[k] == (unsigned char)text[k])
			k++;
		if (k == len) {
			js->tok.type = words[i].type;
			js->tok.word = words[i].word;
			return;
		}
	}
}

/* The '\' of \uXXXX or \u{X...} at p; NULL when it is none. */
static const uint16_t *unicode_escape(const uint16_t *p, const uint16_t *end, uint32_t *cp)
{
	if (!starts_with(p, end, "\\u"))
		return NULL;
	p += 2;
	bool braces = p < end && *p == '{';
	p += braces;
	uint32_t value = 0;
	unsigned n = 0;
	for (; p < end && (braces ? n < 16 : n < 4); p++, n++) {
		uint32_t c = *p, digit;
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (c | 32) - 'a' + 10;
		else
			break;
		value = value * 16 + digit;
		if (value > 0x10ffff)
			return NULL;
	}
	if (n == 0 || (!braces && n != 4) || (braces && (p >= end || *p++ != '}')))
		return NULL;
	*cp = value;
	return p;
}

static inline uint32_t hash_step(uint32_t hash, uint32_t c)
{
	return (hash ^ c) * 0x9e3779b1u;
}

static const uint16_t *identifier_slow(struct js *js, const uint16_t *p, uint32_t hash)
{
	while (p < js->end) {
		if (*p == '\\') {
			uint32_t cp;
			const uint16_t *next = unicode_escape(p, js->end, &cp);
			if (!next)
				break;
			js->tok.escaped = true;
			p = next;
		} else if (is_id_char(*p)) {
			hash = hash_step(hash, *p++);
		} else {
			break;
		}
	}
	js->tok.hash = hash;
	return p;
}

static inline const uint16_t *identifier(struct js *js, const uint16_t *p)
{
	const uint16_t *start = p, *end = js->end;
	uint32_t hash = 0;
	js->tok.type = T_IDENT;
	while (p < end && *p < 128 && (char_class[*p] & 1))
		hash = hash_step(hash, *p++);
	if (p < end && (*p == '\\' || (*p >= 128 && is_id_char(*p))))
		return identifier_slow(js, p, hash);
	js->tok.hash = hash;
	size_t len = (size_t)(p - start);
	if (len <= 10 && *start >= 'a' && (word_initials[len] >> (*start - 'a') & 1))
		word_lookup(js, start, (uint32_t)len);
	return p;
}

static const uint16_t *number(const uint16_t *p, const uint16_t *end)
{
	if (*p == '0' && end - p > 1 && ((p[1] | 32) == 'x' || (p[1] | 32) == 'b' || (p[1] | 32) == 'o')) {
		p += 2;
		while (p < end && is_id_char(*p))
			p++;
		return p;
	}
	bool dot = false;
	for (; p < end; p++) {
		if (*p == '.' && !dot)
			dot = true;
		else if ((*p | 32) == 'e' && end - p > 1 && (p[1] == '+' || p[1] == '-'))
			p++, dot = true;
		else if ((*p | 32) == 'e')
			dot = true;
		else if (!is_id_char(*p))
			break;
	}
	return p;
}

static const uint16_t *string(struct js *js, const uint16_t *p)
{
	const uint16_t *end = js->end;
	uint16_t quote = *p++;
	for (; p < end && *p != quote; p++) {
		if (*p == '\\' && end - p > 1) {
			if (p[1] == '\r' && end - p > 2 && p[2] == '\n')
				p++;
			p++;
		} else if (*p == '\n' || *p == '\r') {
			np_js_fail(js);
			return end;
		}
	}
	if (p >= end) {
		np_js_fail(js);
		return end;
	}
	return p + 1;
}

/* An operator of which c, c1, c2, c3 are the next characters; returns its length. */
static size_t operator(uint32_t c, uint32_t c1, uint32_t c2, uint32_t c3, uint8_t *type)
{
	size_t n = 1;
	*type = T_BINARY;
	switch (c) {
	case '=':
		*type = c1 == '=' ? T_BINARY : c1 == '>' ? T_ARROW : T_ASSIGN;
		return c1 == '=' ? (c2 == '=' ? 3 : 2) : c1 == '>' ? 2 : 1;
	case '!':
		*type = c1 == '=' ? T_BINARY : T_NOT;
		return c1 == '=' ? (c2 == '=' ? 3 : 2) : 1;
	case '+':
	case '-':
		*type = c1 == c ? T_INCDEC : c1 == '=' ? T_ASSIGN_OP : T_ADDSUB;
		return c1 == c || c1 == '=' ? 2 : 1;
	case '/':
		*type = c1 == '=' ? T_DIV_ASSIGN : T_DIV;
		return c1 == '=' ? 2 : 1;
	case '?':
		if (c1 == '.' && !(c2 >= '0' && c2 <= '9')) {
			*type = T_QDOT;
			return 2;
		}
		if (c1 != '?') {
			*type = T_QUESTION;
			return 1;
		}
		n = 2;
		break;
	case '*':
	case '&':
	case '|':
		n = c1 == c ? 2 : 1;
		*type = c == '*' && n == 1 ? T_STAR : T_BINARY;
		break;
	case '<':
		n = c1 == '<' ? 2 : 1;
		break;
	case '>':
		n = c1 == '>' ? (c2 == '>' ? 3 : 2) : 1;
		break;
	default: /* % ^ */
		break;
	}
	if ((n == 3 ? c3 : n == 2 ? c2 : c1) != '=')
		return n;
	if (n > 1 || (c != '<' && c != '>'))
		*type = T_ASSIGN_OP;
	return n + 1;
}

static const uint16_t *punctuation(struct js *js, const uint16_t *p)
{
	size_t left = (size_t)(js->end - p);
	uint32_t c = *p, c1 = left > 1 ? p[1] : 0, c2 = left > 2 ? p[2] : 0, c3 = left > 3 ? p[3] : 0;
	switch (c) {
	case '"':
	case '\'':
		js->tok.type = T_STRING;
		return string(js, p);
	case '.':
		if (c1 >= '0' && c1 <= '9') {
			js->tok.type = T_NUMBER;
			return number(p, js->end);
		}
		js->tok.type = c1 == '.' && c2 == '.' ? T_ELLIPSIS : T_DOT;
		return p + (js->tok.type == T_ELLIPSIS ? 3 : 1);
	case '#':
		if (!is_id_char(c1) && c1 != '\\') {
			np_js_fail(js);
			return js->end;
		}
		p = identifier(js, p + 1);
		js->tok.type = T_PRIVATE;
		js->tok.word = W_NONE;
		return p;
	default:
		return p + operator(c, c1, c2, c3, &js->tok.type);
	}
}

/* Neither a name nor a single character. */
static const uint16_t *rare_token(struct js *js, const uint16_t *p)
{
	const uint16_t *start = p;
	uint32_t c = *p;
	if (c >= 128 || c == '\\') {
		p = identifier(js, p);
		if (p == start)
			np_js_fail(js);
	} else if (char_class[c] == C_DIGIT) {
		js->tok.type = T_NUMBER;
		p = number(p, js->end);
	} else if (char_class[c] == C_PUNCT) {
		p = punctuation(js, p);
	} else {
		np_js_fail(js);
	}
	return js->failed ? js->end : p;
}

void np_js_next(struct js *js)
{
	const uint16_t *p = js->p, *end = js->end;
	js->prev_end = js->tok.end;
	js->tok.newline = false;
	js->tok.escaped = false;
	js->tok.word = W_NONE;
	if (p < end && *p == ' ')
		p++;
	uint32_t kind = p < end && *p < 128 ? char_class[*p] : C_OTHER;
	if (!(kind & 1) && kind != C_SINGLE) {
		p = skip_space(js, p);
		kind = p < end && *p < 128 ? char_class[*p] : C_OTHER;
	}
	js->tok.start = (uint32_t)(p - js->base);
	if (p >= end)
		js->tok.type = T_EOF;
	else if (kind == C_ID)
		p = identifier(js, p);
	else if (kind == C_SINGLE)
		js->tok.type = single_type[*p++];
	else
		p = rare_token(js, p);
	js->p = p;
	js->tok.end = (uint32_t)(p - js->base);
}

struct js_token np_js_peek(struct js *js)
{
	struct js_token saved = js->tok;
	const uint16_t *p = js->p;
	uint32_t prev_end = js->prev_end;
	bool failed = js->failed;
	np_js_next(js);
	struct js_token ret = js->tok;
	js->tok = saved;
	js->p = p;
	js->prev_end = prev_end;
	js->failed = failed;
	return ret;
}

void np_js_name(struct js *js)
{
	np_js_next(js);
	if (js->tok.type >= T_BREAK)
		js->tok.type = T_IDENT;
	js->tok.word = W_NONE;
}

void np_js_regexp(struct js *js)
{
	const uint16_t *p = js->base + js->tok.start + 1;
	bool in_class = false;
	for (; p < js->end; p++) {
		if (is_newline(*p))
			break;
		if (*p == '\\') {
			p++;
			if (p < js->end && is_newline(*p))
				break;
		} else if (*p == '[') {
			in_class = true;
		} else if (*p == ']') {
			in_class = false;
		} else if (*p == '/' && !in_class) {
			p++;
			while (p < js->end && is_id_char(*p))
				p++;
			js->p = p;
			js->tok.end = (uint32_t)(p - js->base);
			np_js_next(js);
			return;
		}
	}
	np_js_fail(js);
}

bool np_js_template(struct js *js)
{
	for (const uint16_t *p = js->p; p < js->end; p++) {
		if (*p == '\\') {
			p++;
		} else if (*p == '`') {
			js->p = p + 1;
			js->tok.end = (uint32_t)(p + 1 - js->base);
			np_js_next(js);
			return false;
		} else if (*p == '$' && js->end - p > 1 && p[1] == '{') {
			js->p = p + 2;
			js->tok.end = (uint32_t)(p + 2 - js->base);
			np_js_next(js);
			return true;
		}
	}
	np_js_fail(js);
	return false;
}

bool np_js_token_is(const struct js *js, const struct js_token *tok, const char *ascii)
{
	size_t n = strlen(ascii);
	if (tok->end - tok->start != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (js->base[tok->start + i] != (unsigned char)ascii[i])
			return false;
	return true;
}

static void table_grow(struct js *js)
{
	uint32_t size = (js->table_mask + 1) * 2;
	free(js->table);
	js->table = np_xcalloc(size, sizeof(*js->table));
	js->table_mask = size - 1;
	for (uint32_t i = 0; i < js->syms.len; i++) {
		uint32_t h = js->syms.data[i].hash & js->table_mask;
		while (js->table[h])
			h = (h + 1) & js->table_mask;
		js->table[h] = i + 1;
	}
}

static uint32_t intern(struct js *js, const uint16_t *chars, uint32_t len, uint32_t hash)
{
	hash ^= hash >> 15; /* multiplication leaves the low bits poor */
	uint32_t h = hash & js->table_mask;
	unsigned probes = 0;
	for (uint32_t at; (at = js->table[h]) != 0; h = (h + 1) & js->table_mask) {
		if (++probes > 32)
			np_js_spend(js, 1);
		const struct js_symbol *sym = &js->syms.data[at - 1];
		if (sym->hash != hash || sym->len != len)
			continue;
		uint32_t i = 0;
		while (i < len && sym->chars[i] == chars[i])
			i++;
		if (i == len)
			return at - 1;
	}
	np_vec_push(&js->syms, (struct js_symbol){chars, len, hash, 0});
	js->table[h] = (uint32_t)js->syms.len;
	if (js->syms.len * 2 > js->table_mask)
		table_grow(js);
	return (uint32_t)js->syms.len - 1;
}

uint32_t np_js_intern_text(struct js *js, const uint16_t *chars, uint32_t len)
{
	uint32_t hash = 0;
	for (uint32_t i = 0; i < len; i++)
		hash = hash_step(hash, chars[i]);
	return intern(js, chars, len, hash);
}

uint32_t np_js_intern(struct js *js, const struct js_token *tok)
{
	const uint16_t *chars = js->base + tok->start;
	uint32_t len = tok->end - tok->start;
	if (len == 1 && *chars < 128) { /* minified texts hold little else */
		uint32_t *known = &js->letters[*chars];
		if (!*known)
			*known = intern(js, chars, len, tok->hash) + 1;
		return *known - 1;
	}
	if (!tok->escaped)
		return intern(js, chars, len, tok->hash);
	uint16_t *text = np_xmalloc(len * sizeof(*text));
	uint32_t n = 0;
	for (const uint16_t *p = chars; p < chars + len;) {
		uint32_t cp;
		const uint16_t *next = *p == '\\' ? unicode_escape(p, chars + len, &cp) : NULL;
		if (!next) {
			text[n++] = *p++;
		} else {
			p = next;
			if (cp >= 0x10000) {
				text[n++] = (uint16_t)(0xd800 + ((cp - 0x10000) >> 10));
				cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
			}
			text[n++] = (uint16_t)cp;
		}
	}
	np_vec_push(&js->unescaped, text);
	return np_js_intern_text(js, text, n);
}

static const uint16_t text_arguments[] = {'a', 'r', 'g', 'u', 'm', 'e', 'n', 't', 's'};
static const uint16_t text_new_target[] = {'n', 'e', 'w', '.', 't', 'a', 'r', 'g', 'e', 't'};
static const uint16_t text_this_function[] = {'.', 't', 'h', 'i', 's', '_', 'f', 'u', 'n', 'c', 't', 'i', 'o', 'n'};

bool np_js_init(struct js *js, const uint16_t *chars, size_t len)
{
	static const struct js_rule_set no_rules;
	*js = (struct js){
		.base = chars, .p = chars, .end = chars + len, .work = 10 * 1000 * 1000, .rules = &no_rules};
	if (len > JS_MAX_TEXT)
		return false;
	js->table_mask = 255;
	js->table = np_xcalloc(js->table_mask + 1, sizeof(*js->table));
	np_js_intern_text(js, text_arguments, NP_ARRAY_LEN(text_arguments));
	np_js_intern_text(js, text_new_target, NP_ARRAY_LEN(text_new_target));
	np_js_intern_text(js, text_this_function, NP_ARRAY_LEN(text_this_function));
	if (starts_with(chars, chars + len, "#!"))
		js->p = line_comment(chars, chars + len);
	return true;
}

void np_js_deinit(struct js *js)
{
	free(js->table);
	free(js->var_map);
	for (size_t i = 0; i < js->unescaped.len; i++)
		free(js->unescaped.data[i]);
	np_vec_deinit(&js->unescaped);
	np_vec_deinit(&js->syms);
	np_vec_deinit(&js->refs);
	np_vec_deinit(&js->vars);
	np_vec_deinit(&js->scopes);
	np_vec_deinit(&js->lex_names);
	np_vec_deinit(&js->var_names);
	np_vec_deinit(&js->cands);
	np_vec_deinit(&js->deferred);
	np_vec_deinit(&js->exports);
	np_vec_deinit(&js->hoists);
}
