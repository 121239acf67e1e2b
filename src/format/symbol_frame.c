#include "format/symbol_frame.h"

#include <string.h>

#include "base/types.h"
#include "format/v8_symbol.h"

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len >= n && memcmp(text, with, n) == 0;
}

static bool is(const char *text, size_t len, const char *what)
{
	return len == strlen(what) && memcmp(text, what, len) == 0;
}

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
		      (text[i] >= 'A' && text[i] <= 'F')))
			return false;
	return len > 0;
}

static const char *base_name(const char *path, size_t *len)
{
	const char *slash = memrchr(path, '/', *len);
	if (!slash || slash + 1 == path + *len)
		return path;
	*len -= (size_t)(slash + 1 - path);
	return slash + 1;
}

/* perf writes modules of the kernel in brackets; what it says of mappings without a file, too. */
static bool module_is_kernel(const char *m, size_t len)
{
	static const char *const others[] = {"[unknown]", "[vdso]", "[vsyscall]", "[vvar]", "[heap]", "[stack]", "[anon",
					     "[uprobes]", "[perf-"};
	if (len < 3)
		return false;
	if (m[0] != '[')
		return (len > 3 && memcmp(m + len - 3, ".ko", 3) == 0) || memmem(m, len, "/vmlinux", 8) ||
		       memmem(m, len, ".ko.", 4) || is(m, len, "vmlinux");
	for (size_t i = 0; i < NP_ARRAY_LEN(others); i++)
		if (begins(m, len, others[i]))
			return false;
	return true;
}

static bool symbol_is_unknown(const char *s, size_t len)
{
	if (!len || is(s, len, "[unknown]") || is(s, len, "??") || is(s, len, "???") || is(s, len, "unknown"))
		return true;
	return len > 2 && s[0] == '0' && s[1] == 'x' && is_hex(s + 2, len - 2);
}

/* "(idle)", "(garbage collector)", "(V8)": a text in parentheses; not "(anonymous namespace)::run", "(anonymous)". */
static bool is_meta(const char *s, size_t len)
{
	if (len < 3 || s[0] != '(' || s[len - 1] != ')' || is(s, len, "(anonymous)"))
		return false;
	return !memchr(s + 1, '(', len - 2) && !memchr(s + 1, ')', len - 2);
}

/* Libraries without symbols are told by their name: one frame each, not one an address. */
static uint32_t unknown_name(np_profile *p, const char *symbol, size_t len, const char *module, size_t module_len)
{
	char text[256];
	if (!module_len || is(module, module_len, "[unknown]"))
		return np_profile_string(p, symbol, len);
	const char *base = base_name(module, &module_len);
	if (base[0] == '[')
		return np_profile_string(p, base, module_len);
	if (module_len > sizeof(text) - 2)
		module_len = sizeof(text) - 2;
	text[0] = '[';
	memcpy(text + 1, base, module_len);
	text[module_len + 1] = ']';
	return np_profile_string(p, text, module_len + 2);
}

/* DTrace and illumos: "(anon) as exports.active at timers.js position 5310", "<< adaptor >>". */
static bool ustack_helper_parse(np_profile *p, const char *s, size_t len, struct np_profile_frame *ret)
{
	const char *at = memmem(s, len, " at ", 4), *position;
	if (len > 4 && memcmp(s, "<< ", 3) == 0 && memcmp(s + len - 3, " >>", 3) == 0) {
		*ret = (struct np_profile_frame){.name = np_profile_string(p, s, len), .kind = NP_PROFILE_BUILTIN};
		return true;
	}
	if (!at || !(position = memmem(at, (size_t)(s + len - at), " position ", 10)))
		return false;
	const char *as = memmem(s, (size_t)(at - s), " as ", 4), *name = s;
	if (as && begins(s, len, "(anon)"))
		name = as + 4;
	*ret = (struct np_profile_frame){.name = np_profile_string(p, name, (size_t)(at - name)),
					 .file = np_profile_string(p, at + 4, (size_t)(position - at - 4)),
					 .kind = NP_PROFILE_JS};
	return true;
}

/* "run /app/a.js:3:13": how tools write JavaScript that do not say what V8 said. */
static bool plain_js_parse(np_profile *p, const char *s, size_t len, struct np_profile_frame *ret)
{
	static const char *const ends[] = {".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".mts", ".cts"};
	struct np_v8_symbol v8;
	char text[1024];
	size_t file_len = len;
	uint32_t line, column;
	bool known = false;
	if (len > sizeof(text) - 3 || !np_place_cut(s, &file_len, &line, &column))
		return false;
	for (size_t i = 0; i < NP_ARRAY_LEN(ends) && !known; i++) {
		size_t n = strlen(ends[i]);
		known = file_len > n && memcmp(s + file_len - n, ends[i], n) == 0;
	}
	if (!known && !memmem(s, file_len, " node:", 6))
		return false;
	memcpy(text, "JS:", 3);
	memcpy(text + 3, s, len);
	if (!np_v8_symbol_parse(text, len + 3, &v8) || !v8.file)
		return false;
	*ret = (struct np_profile_frame){.name = np_profile_string(p, v8.name, v8.name_len),
					 .file = np_profile_string(p, v8.file, v8.file_len),
					 .line = v8.line, .column = v8.column, .kind = v8.kind, .tier = v8.tier, .is_osr = v8.is_osr};
	return true;
}

struct np_profile_frame np_symbol_parse(np_profile *p, const char *s, size_t len, const char *module, size_t module_len)
{
	struct np_v8_symbol v8;
	struct np_profile_frame f = {0};
	if (np_v8_symbol_parse(s, len, &v8)) {
		f = (struct np_profile_frame){.name = np_profile_string(p, v8.name, v8.name_len),
					      .file = v8.file ? np_profile_string(p, v8.file, v8.file_len) : 0,
					      .line = v8.line, .column = v8.column, .kind = v8.kind, .tier = v8.tier,
					      .is_osr = v8.is_osr};
	} else {
		bool kernel = module_is_kernel(module, module_len);
		len = np_offset_cut(s, len);
		if (symbol_is_unknown(s, len))
			f = (struct np_profile_frame){.name = unknown_name(p, s, len, module, module_len),
						      .kind = kernel ? NP_PROFILE_KERNEL : NP_PROFILE_UNKNOWN};
		else if (is_meta(s, len))
			f = (struct np_profile_frame){.name = np_profile_string(p, s, len), .kind = NP_PROFILE_META};
		else if (kernel || !(plain_js_parse(p, s, len, &f) || ustack_helper_parse(p, s, len, &f)))
			f = (struct np_profile_frame){.name = np_profile_string(p, s, len),
						      .kind = kernel ? NP_PROFILE_KERNEL : NP_PROFILE_NATIVE};
	}
	if (module_len && !is(module, module_len, "[unknown]"))
		f.module = np_profile_string(p, module, module_len);
	return f;
}

uint32_t np_symbol_frame(np_profile *p, const char *s, size_t len, const char *module, size_t module_len)
{
	struct np_profile_frame f = np_symbol_parse(p, s, len, module, module_len);
	return np_profile_frame(p, &f);
}

/* --- and back --- */

static void put_text(struct np_buf *buf, const np_profile *p, uint32_t string)
{
	np_buf_add(buf, np_profile_text(p, string), np_profile_text_len(p, string));
}

static void put_js(struct np_buf *buf, const np_profile *p, const struct np_profile_frame *f)
{
	static const char *const marks[] = {"", "~", "^", "+", "*"};
	const char *name = np_profile_text(p, f->name);
	size_t len = np_profile_text_len(p, f->name);
	bool nameless = is(name, len, "(script)") || is(name, len, "(eval)");
	np_buf_puts(buf, !nameless ? "JS:" : name[1] == 's' ? "Script:" : "Eval:");
	np_buf_puts(buf, f->is_osr && f->tier ? "o" : "");
	np_buf_puts(buf, f->tier < NP_ARRAY_LEN(marks) ? marks[f->tier] : "");
	if (!nameless)
		np_buf_add(buf, name, len);
	if (!f->file)
		return;
	np_buf_putc(buf, ' ');
	put_text(buf, p, f->file);
	if (f->line)
		np_buf_printf(buf, ":%u", f->line);
	if (f->line && f->column)
		np_buf_printf(buf, ":%u", f->column);
}

void np_symbol_put(struct np_buf *buf, const np_profile *p, const struct np_profile_frame *f)
{
	const char *name = np_profile_text(p, f->name);
	size_t len = np_profile_text_len(p, f->name);
	struct np_v8_symbol v8;
	switch (f->kind) {
	case NP_PROFILE_JS:
		put_js(buf, p, f);
		break;
	case NP_PROFILE_REGEXP:
		np_buf_puts(buf, "RegExp:");
		put_text(buf, p, f->name);
		break;
	case NP_PROFILE_BUILTIN:
		if (!np_v8_symbol_parse(name, len, &v8) && !begins(name, len, "<< "))
			np_buf_puts(buf, "Builtin:");
		put_text(buf, p, f->name);
		break;
	case NP_PROFILE_WASM:
		np_buf_puts(buf, "JS:");
		put_text(buf, p, f->name);
		np_buf_printf(buf, "-<anonymous>-%s",
			      f->tier == NP_PROFILE_TIER_TURBOFAN ? "turbofan" : f->tier == NP_PROFILE_TIER_BASELINE ? "liftoff" : "none");
		break;
	default:
		if (len)
			put_text(buf, p, f->name);
		else
			np_buf_puts(buf, f->kind == NP_PROFILE_UNKNOWN ? "[unknown]" : "(anonymous)");
		break;
	}
}
