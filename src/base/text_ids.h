/* Texts to dense numbers: the first text is 0, each new one gets the next. */
#ifndef NP_BASE_TEXT_IDS_H
#define NP_BASE_TEXT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. */
struct np_text_ids {
	char **keys; /* own copies */
	uint32_t *ids;
	size_t cap, len;
};

uint32_t np_text_id(struct np_text_ids *texts, const char *text, bool *ret_is_new);
/* UINT32_MAX: it has none. */
uint32_t np_text_id_find(const struct np_text_ids *texts, const char *text);
void np_text_ids_deinit(struct np_text_ids *texts);

#endif
