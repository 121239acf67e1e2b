#include <string.h>

#include "cmd/args.h"

enum { WORD_MAX = 40 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

/* Optimal string alignment: Levenshtein with swaps of neighbours. */
static unsigned edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned rows[3][WORD_MAX + 1];
	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			now[j] = min3(before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    earlier[j - 2] + 1 < now[j])
				now[j] = earlier[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

const char *np_suggest(const char *word, const char *const *words, size_t n)
{
	size_t len = strlen(word);
	const char *best = NULL;
	unsigned best_distance = WORD_MAX;
	for (size_t i = 0; i < n; i++) {
		unsigned d = edit_distance(word, words[i]);
		if (len >= 2 && !strncmp(words[i], word, len))
			d = 1; /* a beginning is as good as one slip */
		size_t shorter = len < strlen(words[i]) ? len : strlen(words[i]);
		unsigned allowed = shorter < 3 ? 1 : shorter < 6 ? 2 : 3;
		if (d <= allowed && d < best_distance && d < shorter) {
			best = words[i];
			best_distance = d;
		}
	}
	return best;
}
