#include "cmd/resolve_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/target.h"

enum { DEMANGLED_SLOTS = 4096, MANGLED_MAX = 4096 };

static bool is_word(char c)
{
	return (unsigned char)(c - '0') < 10 || (unsigned char)((c | 32) - 'a') < 26 || c == '_' || c == '$' || c == '.';
}

/* "JS:*f /srv/app/lib/a.js:1:2": where the folders begin and end; false: there is no path. */
static bool folders_find(const char *name, size_t n, size_t *from, size_t *to)
{
	if (n > 7 && !memcmp(name, "RegExp:", 7))
		return false;
	const char *slash = memmem(name, n, " /", 2), *url = memmem(name, n, " file://", 8);
	const char *start = !slash || (url && url < slash) ? url : slash;
	const char *last = start ? memrchr(start, '/', n - (size_t)(start - name)) : NULL;
	if (!last)
		return false;
	*from = (size_t)(start - name) + 1;
	*to = (size_t)(last - name) + 1;
	return true;
}

const char *np_resolve_name(const struct np_found_name *found, const struct np_resolve_options *options,
			    struct np_buf *scratch, size_t *ret_bytes)
{
	const struct np_code_symbol *s = found->symbol;
	const char *name = s->name;
	size_t n = s->name_bytes, from, to;
	bool cut = options->short_paths && folders_find(name, n, &from, &to);
	bool mangled = options->demangle && n > 2 && n < MANGLED_MAX && name[0] == '_' && name[1] == 'Z';
	*ret_bytes = n;
	if (!cut && !mangled && !found->unsafe)
		return name;
	np_buf_clear(scratch);
	if (mangled) {
		char *copy = np_xmalloc(n + 1);
		memcpy(copy, name, n);
		copy[n] = '\0';
		char *plain = np_demangle(copy);
		np_text_put(scratch, plain, strlen(plain), NP_TEXT_LINE);
		free(plain);
		free(copy);
	} else if (cut) {
		np_text_put(scratch, name, from, NP_TEXT_LINE);
		np_text_put(scratch, name + to, n - to, NP_TEXT_LINE);
	} else {
		np_text_put(scratch, name, n, NP_TEXT_LINE);
	}
	*ret_bytes = scratch->len;
	return np_buf_str(scratch);
}

void np_resolve_put_place(struct np_buf *buf, const struct np_found_name *found, const struct np_resolve_options *options)
{
	if (!found->file || found->line <= 0)
		return;
	const char *file = found->file, *slash = options->short_paths ? strrchr(file, '/') : NULL;
	if (slash && strncmp(file, "node:", 5))
		file = slash + 1;
	np_buf_puts(buf, " at ");
	np_text_put(buf, file, strlen(file), NP_TEXT_LINE);
	np_buf_printf(buf, ":%d", found->line);
	if (found->column > 0)
		np_buf_printf(buf, ":%d", found->column);
}

/* --- C++ names of the text --- */

struct demangled {
	char *mangled, *plain; /* plain NULL: it is no name */
	size_t bytes;
};

struct np_demangled {
	struct demangled slots[DEMANGLED_SLOTS];
};

np_demangled *np_demangled_create(void)
{
	return np_xcalloc(1, sizeof(np_demangled));
}

static void slot_clear(struct demangled *slot)
{
	free(slot->mangled);
	free(slot->plain);
	*slot = (struct demangled){0};
}

void np_demangled_destroy(np_demangled *d)
{
	for (size_t i = 0; d && i < DEMANGLED_SLOTS; i++)
		slot_clear(&d->slots[i]);
	free(d);
}

const char *np_mangled_find(const char *p, const char *end, bool word_before, const char **ret_end)
{
	const char *begin = p;
	while (end - p > 3 && (p = memmem(p, (size_t)(end - p), "_Z", 2))) {
		const char *q = p + 2;
		while (q < end && is_word(*q))
			q++;
		if ((p > begin ? !is_word(p[-1]) : !word_before) && q - p > 3) {
			*ret_end = q;
			return p;
		}
		p = q;
	}
	return NULL;
}

const char *np_demangled_get(np_demangled *d, const char *name, size_t bytes)
{
	uint64_t hash = 0xcbf29ce484222325u;
	if (bytes >= MANGLED_MAX)
		return NULL;
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3u;
	struct demangled *slot = &d->slots[(hash ^ hash >> 32) % DEMANGLED_SLOTS];
	if (slot->mangled && slot->bytes == bytes && !memcmp(slot->mangled, name, bytes))
		return slot->plain;
	slot_clear(slot);
	slot->mangled = np_xmalloc(bytes + 1);
	memcpy(slot->mangled, name, bytes);
	slot->mangled[bytes] = '\0';
	slot->bytes = bytes;
	char *plain = np_demangle(slot->mangled);
	if (strcmp(plain, slot->mangled))
		slot->plain = plain;
	else
		free(plain);
	return slot->plain;
}
