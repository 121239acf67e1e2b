#include "base/text_ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static uint64_t text_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h ^ h >> 29;
}

/* Where the text is, or the empty slot where it belongs. */
static size_t slot_find(const struct np_text_ids *t, const char *text)
{
	size_t at = text_hash(text) & (t->cap - 1);
	while (t->keys[at] && strcmp(t->keys[at], text) != 0)
		at = (at + 1) & (t->cap - 1);
	return at;
}

static void grow(struct np_text_ids *t)
{
	struct np_text_ids old = *t;
	t->cap = old.cap ? old.cap * 2 : 256;
	t->keys = np_xcalloc(t->cap, sizeof(*t->keys));
	t->ids = np_xcalloc(t->cap, sizeof(*t->ids));
	for (size_t i = 0; i < old.cap; i++) {
		if (!old.keys[i])
			continue;
		size_t at = slot_find(t, old.keys[i]);
		t->keys[at] = old.keys[i];
		t->ids[at] = old.ids[i];
	}
	free(old.keys);
	free(old.ids);
}

uint32_t np_text_id(struct np_text_ids *t, const char *text, bool *ret_is_new)
{
	if ((t->len + 1) * 2 > t->cap)
		grow(t);
	size_t at = slot_find(t, text);
	*ret_is_new = !t->keys[at];
	if (*ret_is_new) {
		t->keys[at] = np_xstrdup(text);
		t->ids[at] = (uint32_t)t->len++;
	}
	return t->ids[at];
}

uint32_t np_text_id_find(const struct np_text_ids *t, const char *text)
{
	if (!t->cap)
		return UINT32_MAX;
	size_t at = slot_find(t, text);
	return t->keys[at] ? t->ids[at] : UINT32_MAX;
}

void np_text_ids_deinit(struct np_text_ids *t)
{
	for (size_t i = 0; i < t->cap; i++)
		free(t->keys[i]);
	free(t->keys);
	free(t->ids);
	*t = (struct np_text_ids){0};
}
