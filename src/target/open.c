/*
 * Opening and closing a target, whatever it is.
 *
 * A core is read eagerly (its images decide which bytes the address space
 * has); of a live process the files of the images are opened when somebody
 * asks for them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

/* Decimal digits only: a PID. A file with such a name is reached as ./NAME. */
static bool spec_is_pid(const char *spec)
{
	if (!*spec)
		return false;
	for (const char *p = spec; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return false;
	}
	return true;
}

static np_err *spec_parse_pid(const char *spec, pid_t *ret)
{
	errno = 0;
	unsigned long value = strtoul(spec, NULL, 10);
	if (errno || value == 0 || value > INT32_MAX)
		return np_err_new(NP_EUSAGE, "'%s' is not a process id", spec);
	*ret = (pid_t)value;
	return NULL;
}

static np_err *target_load(np_target *target)
{
	if (!spec_is_pid(target->spec))
		return np_core_open(target, target->spec);
	pid_t pid = 0;
	NP_TRY(spec_parse_pid(target->spec, &pid));
	return np_process_open(target, pid);
}

np_err *np_target_open(const char *spec, const struct np_target_options *options, np_target **ret)
{
	np_target *target = np_xcalloc(1, sizeof(*target));
	target->spec = np_xstrdup(spec);
	if (options && options->exe)
		target->option_exe = np_xstrdup(options->exe);
	if (options && options->sysroot)
		target->option_sysroot = np_xstrdup(options->sysroot);
	target->arena = np_arena_create();
	target->mapping_arena = np_arena_create();
	target->mem = np_mem_create();
	target->facts.uid = -1;
	elf_version(EV_CURRENT);
	np_err *err = target_load(target);
	if (err) {
		np_target_close(target);
		return err;
	}
	*ret = target;
	return NULL;
}

void np_target_close(np_target *target)
{
	if (!target)
		return;
	if (target->process)
		np_process_close(target);
	np_mem_destroy(target->mem); /* before the core and the images, whose bytes it shows */
	for (size_t i = 0; i < target->images.len; i++)
		np_image_destroy(target->images.data[i]);
	if (target->core)
		np_core_close(target);
	np_vec_deinit(&target->images);
	np_vec_deinit(&target->threads);
	np_vec_deinit(&target->mappings);
	np_vec_deinit(&target->auxv);
	np_arena_destroy(target->mapping_arena);
	np_arena_destroy(target->arena);
	free(target->option_exe);
	free(target->option_sysroot);
	free(target->spec);
	free(target);
}

enum np_target_kind np_target_kind(const np_target *target)
{
	return target->kind;
}

pid_t np_target_pid(const np_target *target)
{
	return target->pid;
}

const char *np_target_spec(const np_target *target)
{
	return target->spec;
}

np_mem *np_target_mem(np_target *target)
{
	return target->mem;
}

const struct np_process_facts *np_target_facts(np_target *target)
{
	if (!target->facts_tried && target->kind == NP_TARGET_PROCESS) {
		target->facts_tried = true;
		np_process_read_facts(target);
	}
	return &target->facts;
}
