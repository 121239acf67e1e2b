/*
 * The words of a flame graph: what a function is called, in full and cut to a
 * width, and what a value is written like.  Names are hostile: here they lose
 * control and bidirectional characters (base/text.h) and get their markup
 * escaped, once a function.
 */
#ifndef NP_FORMAT_FLAME_LABELS_H
#define NP_FORMAT_FLAME_LABELS_H

#include "base/buf.h"
#include "profile/flame.h"

/* Values: "1,234 samples", "12.3 ms", "4.5 MiB". */
struct np_flame_unit {
	const char *name; /* of what is counted; texts of people are escaped by whoever writes them */
	enum { NP_FLAME_COUNT, NP_FLAME_NANOSECONDS, NP_FLAME_MICROSECONDS, NP_FLAME_BYTES } kind;
};

/* Of a value type; count_name (NULL: none was asked for) makes it a plain number of that. */
struct np_flame_unit np_flame_unit_of(struct np_profile_value_type type, const char *count_name);

/* s fit for XML and HTML, as text and in attributes. */
void np_markup_put(struct np_buf *buf, const char *s, size_t n);
/* With thousands separated. */
void np_flame_put_count(struct np_buf *buf, int64_t value);
/* With decimals digits behind the point, fewer when they are 0; what is not finite is 0. */
void np_flame_put_fixed(struct np_buf *buf, double value, int decimals);
/* As markup. */
void np_flame_put_value(struct np_buf *buf, int64_t value, const struct np_flame_unit *unit);
/* value of total as "12.34%". */
void np_flame_put_percent(struct np_buf *buf, double value, double total);

typedef struct np_flame_labels np_flame_labels;

np_flame_labels *np_flame_labels_create(const np_flame *flame);
void np_flame_labels_destroy(np_flame_labels *labels);
/* Of a function, "name /path/file.js:12:5", as markup. */
void np_flame_put_label(struct np_buf *buf, np_flame_labels *labels, uint32_t function);
/* What of it fits into so many cells of a terminal's kind, as markup: with the path, its base name, the name alone, a
 * beginning. */
void np_flame_put_cut(struct np_buf *buf, np_flame_labels *labels, uint32_t function, size_t cells);

#endif
