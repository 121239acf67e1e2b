/*
 * Which V8 and which Node an image holds.
 *
 * V8 keeps its version in four ints (v8::internal::Version, src/utils/version.cc).
 * Node keeps its own in napi_get_node_version() from 6.14 and 8.5 on; before,
 * and in stripped binaries, both are found as text in the read-only data:
 * "node.js/v24.21.0" (the inspector's protocol answer), the download URL, or
 * the bare string of 0.10 and 0.12.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout/internal.h"

enum {
	SCAN_BYTES = 1024 * 1024, /* read at once */
	SCAN_OVERLAP = 64,	  /* longer than any text that is looked for */
	IMAGE_MAX_BYTES = 512 * 1024 * 1024,
	VERSION_PART_MAX = 9999,
};

static bool symbol_int(np_image *image, np_mem *mem, const char *name, int *ret)
{
	struct np_symbol symbol;
	uint32_t value;
	if (!np_image_symbol(image, name, &symbol) || !np_mem_u32(mem, symbol.addr, &value) || value > INT32_MAX)
		return false;
	*ret = (int)value;
	return true;
}

/*
 * Parses count numbers with dots between.  The text is followed by at least
 * SCAN_OVERLAP bytes or the end of the data.  Returns the length, 0: none.
 */
static size_t parse_dotted(const char *text, size_t len, int *parts, int count)
{
	size_t at = 0;
	for (int i = 0; i < count; i++) {
		size_t digits = 0;
		parts[i] = 0;
		while (at < len && digits < 4 && isdigit((unsigned char)text[at])) {
			parts[i] = parts[i] * 10 + (text[at++] - '0');
			digits++;
		}
		if (!digits || (i < count - 1 && (at >= len || text[at++] != '.')))
			return 0;
	}
	return at;
}

/* A text that may hold a version: bytes before it, how many numbers, what must follow. */
struct pattern {
	const char *before;
	size_t before_len;
	int parts;
	const char *after; /* "": anything but a digit or dot; "\n": a NUL (texts hold no newline) */
};

/* Searches one block; true ends the scan. */
static bool block_match(const char *block, size_t len, const struct pattern *pattern, int *parts)
{
	const char *at = block, *end = block + len;
	while ((at = memmem(at, (size_t)(end - at), pattern->before, pattern->before_len))) {
		const char *text = at + pattern->before_len;
		size_t left = (size_t)(end - text), used = parse_dotted(text, left, parts, pattern->parts);
		at++;
		if (!used || used >= left)
			continue;
		const char *next = text + used;
		if (!strcmp(pattern->after, "\n") ? *next == '\0'
		    : *pattern->after ? left - used >= strlen(pattern->after) &&
						!memcmp(next, pattern->after, strlen(pattern->after))
				      : !isdigit((unsigned char)*next) && *next != '.')
			return true;
	}
	return false;
}

/* Goes through the image's mappings without write permission, in the target or its file. */
static bool image_search(np_target *target, np_image *image, const struct pattern *pattern, int *parts)
{
	np_mem *mem = np_target_mem(target);
	char *block = NULL;
	uint64_t budget = IMAGE_MAX_BYTES;
	bool found = false;
	for (size_t i = 0; i < np_target_mapping_count(target) && !found; i++) {
		const struct np_mapping *m = np_target_mapping(target, i);
		if (m->image != image || (m->prot >= 0 && (m->prot & NP_PROT_W)))
			continue;
		for (np_addr at = m->start; at < m->end && !found && budget;) {
			size_t want = m->end - at < SCAN_BYTES ? (size_t)(m->end - at) : SCAN_BYTES, got;
			if (!block)
				block = np_xmalloc(SCAN_BYTES);
			got = np_mem_read(mem, at, block, want);
			found = got && block_match(block, got, pattern, parts);
			budget -= budget < want ? budget : want;
			at += want > SCAN_OVERLAP ? want - SCAN_OVERLAP : want;
			if (want < SCAN_BYTES)
				break;
		}
	}
	free(block);
	return found;
}

bool np_version_v8(np_target *target, np_image *image, struct np_v8_version *ret)
{
	np_mem *mem = np_target_mem(target);
	struct np_v8_version v = {0};
	int parts[4];
	if (symbol_int(image, mem, "_ZN2v88internal7Version6major_E", &v.major) &&
	    symbol_int(image, mem, "_ZN2v88internal7Version6minor_E", &v.minor) &&
	    symbol_int(image, mem, "_ZN2v88internal7Version6build_E", &v.build) &&
	    symbol_int(image, mem, "_ZN2v88internal7Version6patch_E", &v.patch)) {
		*ret = v;
		return true;
	}
	/* Node's builds of V8 say "12.4.254.21-node.33". */
	const struct pattern pattern = {"\0", 1, 4, "-node."};
	if (!image_search(target, image, &pattern, parts))
		return false;
	*ret = (struct np_v8_version){parts[0], parts[1], parts[2], parts[3]};
	return true;
}

const char *np_version_node(np_target *target, np_image *image, np_arena *arena)
{
	static const struct pattern patterns[] = {
		{"node.js/v", 9, 3, ""},
		{"/download/release/v", 19, 3, "/"},
		{"node v", 6, 3, "\n"},
		{"\0v", 2, 3, "\n"},
	};
	np_mem *mem = np_target_mem(target);
	struct np_symbol symbol;
	uint32_t words[3];
	int parts[3];
	if (np_image_symbol(image, "_ZZ21napi_get_node_versionE7version", &symbol) &&
	    np_mem_read(mem, symbol.addr, words, sizeof(words)) == sizeof(words) && words[0] <= VERSION_PART_MAX &&
	    words[1] <= VERSION_PART_MAX && words[2] <= VERSION_PART_MAX)
		return np_arena_printf(arena, "%u.%u.%u", words[0], words[1], words[2]);
	for (size_t i = 0; i < NP_ARRAY_LEN(patterns); i++)
		if (image_search(target, image, &patterns[i], parts))
			return np_arena_printf(arena, "%d.%d.%d", parts[0], parts[1], parts[2]);
	return "";
}
