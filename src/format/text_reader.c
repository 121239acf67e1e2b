#include "format/text_reader.h"

#include "base/types.h"

void np_strays_add(struct np_strays *s, uint64_t line, const char *text, size_t len)
{
	if (s->count++)
		return;
	s->first_line = line;
	size_t n = len < sizeof(s->text) - 4 ? len : sizeof(s->text) - 4;
	for (size_t i = 0; i < n; i++)
		s->text[i] = text[i] ? text[i] : ' ';
	if (n < len)
		memcpy(s->text + n, "...", 3);
	s->text[n + (n < len ? 3 : 0)] = '\0';
}

np_err *np_text_reader_end(struct np_lines *lines, const struct np_strays *strays, const char *format)
{
	uint64_t number = lines->number, cut = lines->cut;
	np_err *err = np_lines_deinit(lines);
	if (err)
		return np_err_wrap(err, "after line %llu", (unsigned long long)number);
	if (strays->count == 1)
		return np_err_new(NP_EFORMAT, "line %llu is not of %s: \"%s\"", (unsigned long long)strays->first_line, format,
				  strays->text);
	if (strays->count)
		return np_err_new(NP_EFORMAT, "line %llu and %llu more are not of %s: \"%s\"",
				  (unsigned long long)strays->first_line, (unsigned long long)strays->count - 1, format,
				  strays->text);
	if (cut)
		return np_err_new(NP_ELIMIT, "%llu lines are longer than 64 MiB; their rest was left out",
				  (unsigned long long)cut);
	return NULL;
}

bool np_head_line(const char **head, size_t *len, const char **ret, size_t *ret_len)
{
	if (!*len)
		return false;
	const char *newline = memchr(*head, '\n', *len);
	size_t n = newline ? (size_t)(newline - *head) : *len, taken = n + (newline != NULL);
	*ret = *head;
	*ret_len = n && (*head)[n - 1] == '\r' ? n - 1 : n;
	*head += taken;
	*len -= taken;
	return true;
}

bool np_count_cut(const char *text, size_t *len, int64_t *ret)
{
	size_t end = *len, at, dot = SIZE_MAX;
	while (end && (text[end - 1] == ' ' || text[end - 1] == '\t'))
		end--;
	for (at = end; at && ((text[at - 1] >= '0' && text[at - 1] <= '9') || (text[at - 1] == '.' && dot == SIZE_MAX)); at--)
		if (text[at - 1] == '.')
			dot = at - 1;
	if (at == end || at == dot || (at && text[at - 1] != ' ' && text[at - 1] != '\t'))
		return false;
	int64_t n = 0;
	bool is_beyond = false; /* of what there are numbers for: it is the largest then */
	for (size_t i = at; i < (dot != SIZE_MAX ? dot : end); i++)
		is_beyond |= __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text[i] - '0', &n);
	if (dot != SIZE_MAX && dot + 1 < end && text[dot + 1] >= '5')
		is_beyond |= __builtin_add_overflow(n, 1, &n);
	n = is_beyond ? INT64_MAX : n;
	while (at && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	*len = at;
	*ret = n;
	return true;
}
