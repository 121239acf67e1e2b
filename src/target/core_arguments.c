/*
 * argv and envp of a core, from the initial stack.
 *
 *     argc | argv[0..argc) 0 | envp[...] 0 | auxv | random, platform | strings
 *
 * The auxiliary vector is known from its note, so its copy on the stack can be
 * recognised; AT_RANDOM points shortly above it.  The two pointer arrays end
 * right below it and are walked backwards.  What a program does to its
 * environment later (setenv) is not seen here.
 */
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

enum { SEARCH_BYTES = 8192, STRINGS_MAX = 1 << 20, STRING_BYTES_MAX = 128 * 1024 };

/* Where auxv lies on the stack; 0 not found. */
static np_addr auxv_find(np_target *target)
{
	uint64_t random;
	size_t bytes = target->auxv.len * sizeof(Elf64_auxv_t);
	if (target->auxv.len < 4 || !np_auxv_get(target, AT_RANDOM, &random))
		return 0;
	random &= ~(uint64_t)7;
	for (np_addr at = random - bytes; at > random - SEARCH_BYTES; at -= 8) {
		Elf64_auxv_t first;
		if (np_mem_read(target->mem, at, &first, sizeof(first)) != sizeof(first))
			return 0;
		if (memcmp(&first, target->auxv.data, sizeof(first)))
			continue;
		uint8_t copy[SEARCH_BYTES];
		if (bytes <= sizeof(copy) && np_mem_read(target->mem, at, copy, bytes) == bytes &&
		    !memcmp(copy, target->auxv.data, bytes))
			return at;
	}
	return 0;
}

/* The strings of count pointers at start. */
static char **strings_read(np_target *target, np_addr start, size_t count)
{
	char **strings = NP_NEW_ARRAY(target->arena, char *, count + 1);
	char *buf = np_xmalloc(STRING_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		uint64_t addr;
		if (np_mem_u64(target->mem, start + i * 8, &addr) &&
		    np_mem_cstr(target->mem, addr, buf, STRING_BYTES_MAX))
			strings[i] = np_arena_strdup(target->arena, buf);
		else
			strings[i] = np_arena_strdup(target->arena, "<unreadable>");
	}
	free(buf);
	return strings;
}

/* Steps down from below end over non-zero words to the zero before them. */
static bool array_find_start(np_target *target, np_addr end, np_addr *ret, bool stop_at_count)
{
	np_addr at = end;
	for (size_t n = 0; n < STRINGS_MAX; n++) {
		uint64_t word;
		if (!np_mem_u64(target->mem, at - 8, &word))
			return false;
		/* argc stands below argv; a pointer is never that small. */
		if (stop_at_count ? word == n : word == 0) {
			*ret = at;
			return true;
		}
		at -= 8;
	}
	return false;
}

void np_core_read_arguments(np_target *target)
{
	struct np_process_facts *facts = &target->facts;
	np_addr auxv = auxv_find(target), envp, argv;
	if (!auxv || !array_find_start(target, auxv - 8, &envp, false))
		return;
	facts->envp = strings_read(target, envp, (size_t)(auxv - 8 - envp) / 8);
	for (char **p = facts->envp; *p; p++) {
		if (!strncmp(*p, "PWD=/", 5))
			facts->cwd = *p + 4; /* where it was started; the best a core tells */
	}
	if (array_find_start(target, envp - 8, &argv, true))
		facts->argv = strings_read(target, argv, (size_t)(envp - 8 - argv) / 8);
}
