#include "profile/classify.h"

#include <string.h>

const char *np_code_class_name(enum np_code_class class)
{
	static const char *const names[NP_CLASSES] = {
		"unknown", "application", "dependency", "Node.js core", "V8", "C++", "library", "kernel", "state",
	};
	return names[class];
}

struct slice {
	const char *s;
	size_t n;
};

static struct slice slice_of(const np_profile *profile, uint32_t string)
{
	return (struct slice){np_profile_text(profile, string), np_profile_text_len(profile, string)};
}

static bool starts(struct slice t, const char *with)
{
	size_t n = strlen(with);
	return t.n >= n && memcmp(t.s, with, n) == 0;
}

static bool ends(struct slice t, const char *with)
{
	size_t n = strlen(with);
	return t.n >= n && memcmp(t.s + t.n - n, with, n) == 0;
}

static bool contains(struct slice t, const char *what)
{
	return memmem(t.s, t.n, what, strlen(what)) != NULL;
}

/* 0 is no separator: a path of Windows has the other one. */
static bool is_separator(char c)
{
	return c == '/' || c == '\\';
}

static struct slice base_name(struct slice path)
{
	size_t at = path.n;
	while (at > 0 && !is_separator(path.s[at - 1]))
		at--;
	return (struct slice){path.s + at, path.n - at};
}

/* --- scripts --- */

/* Where the text behind the last ".../node_modules/" begins; SIZE_MAX: there is none. */
static size_t after_node_modules(struct slice path)
{
	static const char folder[] = "node_modules";
	enum { LEN = sizeof(folder) - 1 };
	for (size_t at = path.n; at-- > 0;) {
		if (path.s[at] != 'n' || path.n - at <= LEN || memcmp(path.s + at, folder, LEN) != 0)
			continue;
		if (is_separator(path.s[at + LEN]) && (at == 0 || is_separator(path.s[at - 1])))
			return at + LEN + 1;
	}
	return SIZE_MAX;
}

/* "express/lib/x.js" -> express, "@scope/name/x.js" -> @scope/name. */
static struct slice package_at(struct slice path, size_t at)
{
	int parts = at < path.n && path.s[at] == '@' ? 2 : 1;
	size_t end = at;
	while (end < path.n && !(is_separator(path.s[end]) && --parts == 0))
		end++;
	return (struct slice){path.s + at, end - at};
}

/* Up to Node 14 its scripts had names without a scheme: "fs.js", "_http_server.js", "internal/timers.js". */
static bool is_old_core_name(struct slice file)
{
	return ends(file, ".js") && !memchr(file.s, '/', file.n) && !memchr(file.s, '\\', file.n) &&
	       !memchr(file.s, ':', file.n) && !memchr(file.s, ' ', file.n);
}

struct np_classified np_classify_script(const char *text, size_t len)
{
	struct slice file = {text, len};
	size_t package;
	if (!len)
		return (struct np_classified){NP_CLASS_UNKNOWN, NULL, 0};
	if (starts(file, "node:") || starts(file, "internal/") || starts(file, "internal:"))
		return (struct np_classified){NP_CLASS_CORE, NULL, 0};
	if (starts(file, "native ") || starts(file, "extensions::") || starts(file, "v8/"))
		return (struct np_classified){NP_CLASS_V8, NULL, 0};
	package = after_node_modules(file);
	if (package != SIZE_MAX && package < len) {
		struct slice name = package_at(file, package);
		return (struct np_classified){NP_CLASS_DEPENDENCY, name.s, name.n};
	}
	if (is_old_core_name(file))
		return (struct np_classified){NP_CLASS_CORE, NULL, 0};
	return (struct np_classified){NP_CLASS_APPLICATION, NULL, 0};
}

/* --- names alone --- */

static bool is_v8_name(struct slice name)
{
	static const char *const beginnings[] = {
		"v8::",	   "Builtins_", "Builtin:",	"BytecodeHandler:", "Stub:",	"RegExp:",    "Handler:",
		"LoadIC:", "StoreIC:",	"KeyedLoadIC:", "CallIC:",	    "BuiltIn:", "RegExpCode:"};
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (starts(name, beginnings[i]))
			return true;
	return contains(name, "v8::internal::") || contains(name, "v8::base::");
}

/* Annotations of stackcollapse tools: name_[k]. */
static enum np_code_class class_of_mark(struct slice name)
{
	if (ends(name, "_[k]"))
		return NP_CLASS_KERNEL;
	if (ends(name, "_[j]") || ends(name, "_[i]"))
		return NP_CLASS_APPLICATION;
	return NP_CLASS_UNKNOWN;
}

/* The path that ends a name as perf maps spell it: "fn /app/a.js:1:2", "~ fs.js:10". */
static struct slice place_in(struct slice name)
{
	size_t at = name.n;
	while (at > 0 && name.s[at - 1] != ' ')
		at--;
	struct slice place = {name.s + at, name.n - at};
	for (int i = 0; i < 2; i++) {
		size_t end = place.n;
		while (end > 0 && place.s[end - 1] >= '0' && place.s[end - 1] <= '9')
			end--;
		if (end > 0 && end < place.n && place.s[end - 1] == ':')
			place.n = end - 1;
	}
	return place;
}

static bool is_script_path(struct slice place)
{
	static const char *const ending[] = {".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"};
	if (starts(place, "node:") || starts(place, "file:///"))
		return true;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (ends(place, ending[i]))
			return true;
	return false;
}

static struct np_classified classify_name(struct slice name)
{
	enum np_code_class marked = class_of_mark(name);
	struct slice place = place_in(name);
	if (marked == NP_CLASS_KERNEL)
		return (struct np_classified){NP_CLASS_KERNEL, NULL, 0};
	if (is_script_path(place))
		return np_classify_script(place.s, place.n);
	if (is_v8_name(name))
		return (struct np_classified){NP_CLASS_V8, NULL, 0};
	if (name.n && name.s[0] == '(' && name.s[name.n - 1] == ')')
		return (struct np_classified){NP_CLASS_META, NULL, 0};
	if (contains(name, "::") || starts(name, "uv_") || starts(name, "uv__"))
		return (struct np_classified){NP_CLASS_CPP, NULL, 0};
	return (struct np_classified){marked, NULL, 0};
}

/* --- frames --- */

static bool is_node_binary(struct slice base)
{
	return starts(base, "libnode.so") ||
	       ((starts(base, "node") || starts(base, "iojs")) && !ends(base, ".node") && !contains(base, ".so"));
}

static struct np_classified classify_native(struct slice name, struct slice module)
{
	struct slice base = base_name(module);
	if (starts(module, "[kernel") || starts(module, "[guest.kernel") || ends(module, ".ko"))
		return (struct np_classified){NP_CLASS_KERNEL, NULL, 0};
	if (is_v8_name(name))
		return (struct np_classified){NP_CLASS_V8, NULL, 0};
	if (!base.n || is_node_binary(base))
		return (struct np_classified){NP_CLASS_CPP, NULL, 0};
	size_t package = after_node_modules(module);
	if (package != SIZE_MAX && package < module.n)
		base = package_at(module, package);
	return (struct np_classified){NP_CLASS_LIBRARY, base.s, base.n};
}

struct np_classified np_classify(const np_profile *profile, const struct np_profile_frame *frame)
{
	struct slice name = slice_of(profile, frame->name), file = slice_of(profile, frame->file);
	struct slice module = slice_of(profile, frame->module);
	switch ((enum np_profile_kind)frame->kind) {
	case NP_PROFILE_KERNEL:
		return (struct np_classified){NP_CLASS_KERNEL, NULL, 0};
	case NP_PROFILE_META:
		return (struct np_classified){NP_CLASS_META, NULL, 0};
	case NP_PROFILE_BUILTIN:
	case NP_PROFILE_REGEXP:
		return (struct np_classified){NP_CLASS_V8, NULL, 0};
	case NP_PROFILE_NATIVE:
		return classify_native(name, module);
	case NP_PROFILE_JS:
	case NP_PROFILE_WASM:
		return file.n ? np_classify_script(file.s, file.n)
			      : (struct np_classified){NP_CLASS_APPLICATION, NULL, 0};
	case NP_PROFILE_UNKNOWN:
		break;
	}
	if (file.n)
		return np_classify_script(file.s, file.n);
	return module.n && !is_node_binary(base_name(module)) ? classify_native(name, module) : classify_name(name);
}
