#include "v8/script.h"

#include <stdlib.h>

#include "v8/cache.h"
#include "v8/map.h"

enum { SOURCE_MAX = 64 << 20 };

static const char *script_text_field(np_v8 *v8, np_addr addr, enum np_fact fact)
{
	np_tagged t;
	if (!np_field(v8, addr, fact, &t) || !np_is_kind(v8, t, NP_KIND_STRING))
		return NULL;
	const char *s = np_string_utf8(v8, np_ref(t), NP_NAME_MAX, v8->cache->arena);
	return s && *s ? s : NULL;
}

static int32_t script_smi(np_v8 *v8, np_addr addr, enum np_fact fact, int32_t otherwise)
{
	np_tagged t;
	return np_field(v8, addr, fact, &t) && np_is_smi(t) ? np_smi_value(t) : otherwise;
}

/* Terminators as in V8's String::CalculateLineEnds: \n, \r, \r\n, U+2028, U+2029. */
static void script_lines(np_v8 *v8, struct np_script *s)
{
	bool lf_only = np_get(v8->layout, NP_F_Script_lf_only) == 1;
	size_t cap = 64, n = 0;
	uint32_t *ends = np_xmalloc(cap * sizeof(*ends));
	for (size_t i = 0; i <= s->text.len; i++) {
		bool end = i == s->text.len;
		if (!end) {
			uint16_t c = np_char_at(&s->text, i);
			end = c == '\n' || (!lf_only && (c == 0x2028 || c == 0x2029 ||
			      (c == '\r' && !(i + 1 < s->text.len && np_char_at(&s->text, i + 1) == '\n'))));
		}
		if (!end)
			continue;
		if (n == cap) {
			cap *= 2;
			ends = np_xrealloc(ends, cap * sizeof(*ends));
		}
		ends[n++] = (uint32_t)i;
	}
	s->line_ends = np_arena_memdup(v8->cache->arena, ends, n * sizeof(*ends));
	s->line_count = n;
	free(ends);
}

np_err *np_script_load(np_v8 *v8, np_addr addr, const struct np_script **ret)
{
	struct np_script *hit = np_addr_map_get(&v8->cache->scripts, addr);
	if (hit) {
		*ret = hit;
		return NULL;
	}
	if (np_kind_at(v8, addr) != NP_KIND_SCRIPT)
		return np_err_new(NP_EFORMAT, "no Script at 0x%llx", (unsigned long long)addr);
	struct np_script *s = NP_NEW(v8->cache->arena, struct np_script);
	s->addr = addr;
	s->name = script_text_field(v8, addr, NP_F_Script_source_url);
	if (!s->name)
		s->name = script_text_field(v8, addr, NP_F_Script_name);
	s->id = script_smi(v8, addr, NP_F_Script_id, -1);
	s->line_offset = script_smi(v8, addr, NP_F_Script_line_offset, 0);
	s->column_offset = script_smi(v8, addr, NP_F_Script_column_offset, 0);
	s->eval_position = script_smi(v8, addr, NP_F_Script_eval_position, 0);
	np_tagged t;
	if (np_field(v8, addr, NP_F_Script_eval_from, &t) && np_is_kind(v8, t, NP_KIND_SHARED_FUNCTION_INFO))
		s->eval_from = np_ref(t);
	if (np_field(v8, addr, NP_F_Script_source, &t) && np_is_kind(v8, t, NP_KIND_STRING)) {
		s->source_string = np_ref(t);
		np_err *err = np_string_read(v8, s->source_string, 0, SOURCE_MAX, v8->cache->arena, &s->text);
		s->has_text = !err;
		np_err_free(err);
		if (s->has_text)
			script_lines(v8, s);
	}
	np_addr_map_put(&v8->cache->scripts, addr, s);
	*ret = s;
	return NULL;
}

bool np_script_line_column(const struct np_script *s, int32_t offset, int *line, int *column)
{
	if (!s->has_text || offset < 0 || (size_t)offset > s->text.len)
		return false;
	size_t lo = 0, hi = s->line_count - 1;
	while (lo < hi) { /* first line whose end is at or after offset */
		size_t mid = (lo + hi) / 2;
		if (s->line_ends[mid] < (uint32_t)offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	uint32_t start = lo ? s->line_ends[lo - 1] + 1 : 0;
	*column = offset - (int32_t)start + 1 + (lo == 0 ? s->column_offset : 0);
	*line = (int)lo + 1 + s->line_offset;
	return true;
}

bool np_script_line_range(const struct np_script *s, int line, size_t *from, size_t *to)
{
	if (!s->has_text || line < 1 || (size_t)line > s->line_count)
		return false;
	*from = line > 1 ? s->line_ends[line - 2] + 1 : 0;
	*to = s->line_ends[line - 1];
	if (*to > *from && np_char_at(&s->text, *to - 1) == '\r')
		(*to)--;
	return true;
}
