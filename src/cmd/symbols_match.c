#include "cmd/symbols_match.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "target/target.h"

void np_symbol_pattern_make(const char *text, struct np_symbol_pattern *ret)
{
	*ret = (struct np_symbol_pattern){.text = text, .literal = text, .is_glob = strpbrk(text, "*?[")};
	/* parameters are spelled another way in a mangled name; so is what stands in brackets */
	for (const char *p = text; *p && *p != '(' && *p != '<' && *p != '[';) {
		size_t n = 0;
		while (isalnum((unsigned char)p[n]) || p[n] == '_')
			n++;
		if (n > ret->literal_bytes) {
			ret->literal = p;
			ret->literal_bytes = n;
		}
		p += n ? n : 1;
	}
}

static bool text_matches(const struct np_symbol_pattern *p, const char *text)
{
	return p->is_glob ? !fnmatch(p->text, text, 0) : !strcmp(p->text, text);
}

/* The name without parameters: up to the "(" that belongs to the ")" near its end. */
static void parameters_cut(char *name)
{
	char *end = strrchr(name, ')');
	int depth = 0;
	for (char *p = end; p && p >= name; p--) {
		depth += *p == ')' ? 1 : *p == '(' ? -1 : 0;
		if (!depth) {
			if (p > name)
				*p = '\0';
			return;
		}
	}
}

bool np_symbol_pattern_matches(const struct np_symbol_pattern *p, const char *mangled)
{
	static const char builtins[] = "Builtins_";
	if (p->literal_bytes && !memmem(mangled, strlen(mangled), p->literal, p->literal_bytes))
		return false;
	if (text_matches(p, mangled))
		return true;
	if (!strncmp(mangled, builtins, sizeof(builtins) - 1))
		return text_matches(p, mangled + sizeof(builtins) - 1);
	if (strncmp(mangled, "_Z", 2) && !strchr(mangled, '@'))
		return false;
	char *plain = np_demangle(mangled);
	bool found = text_matches(p, plain);
	parameters_cut(plain);
	found = found || text_matches(p, plain);
	free(plain);
	return found;
}
