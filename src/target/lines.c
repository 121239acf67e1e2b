#include "target/lines.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct np_lines {
	Dwfl *dwfl;
	Dwfl_Module *module;
	Dwarf_Addr bias; /* what libdwfl adds to the file's addresses */
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

np_err *np_lines_open(const char *file, np_lines **ret)
{
	np_lines *lines = np_xcalloc(1, sizeof(*lines));
	np_err *err = NULL;
	lines->dwfl = dwfl_begin(&callbacks);
	if (lines->dwfl) {
		lines->module = dwfl_report_offline(lines->dwfl, "", file, -1);
		dwfl_report_end(lines->dwfl, NULL, NULL);
	}
	if (!lines->module)
		err = np_err_new(NP_EFORMAT, "'%s' cannot be read: %s", file, dwfl_errmsg(-1));
	else if (!dwfl_module_getdwarf(lines->module, &lines->bias))
		err = np_err_new(NP_ENOTFOUND, "'%s' has no debug information", file);
	if (err) {
		np_lines_close(lines);
		return err;
	}
	*ret = lines;
	return NULL;
}

void np_lines_close(np_lines *lines)
{
	if (!lines)
		return;
	if (lines->dwfl)
		dwfl_end(lines->dwfl);
	free(lines);
}

/* A name that a declaration or an abstract instance may have instead. */
static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *name = NULL;
	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &a) || dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &a))
		name = dwarf_formstring(&a);
	return name ? name : dwarf_diename(die);
}

static int die_number(Dwarf_Die *die, unsigned attribute)
{
	Dwarf_Attribute a;
	Dwarf_Word value;
	if (!dwarf_attr(die, attribute, &a) || dwarf_formudata(&a, &value) || value > INT32_MAX)
		return 0;
	return (int)value;
}

/* Where an inlined function was called. */
static void call_site(Dwarf_Die *unit, Dwarf_Die *inlined, struct np_source_line *ret)
{
	Dwarf_Files *files;
	size_t count;
	int file = die_number(inlined, DW_AT_call_file);
	if (!dwarf_getsrcfiles(unit, &files, &count) && (size_t)file < count)
		ret->file = dwarf_filesrc(files, (size_t)file, NULL, NULL);
	ret->line = die_number(inlined, DW_AT_call_line);
	ret->column = die_number(inlined, DW_AT_call_column);
}

/*
 * The scopes around an address, innermost first.  libdw follows an inlined
 * function to where it was written; what is wanted is where it was put.
 */
static int scopes_at(Dwarf_Die *unit, Dwarf_Addr addr, Dwarf_Die **ret)
{
	Dwarf_Die *scopes = NULL, innermost;
	int count = dwarf_getscopes(unit, addr, &scopes);
	if (count <= 0)
		return 0;
	innermost = scopes[0];
	free(scopes);
	*ret = NULL;
	count = dwarf_getscopes_die(&innermost, ret);
	return count > 0 ? count : 0;
}

size_t np_lines_at(np_lines *lines, np_addr vaddr, struct np_source_line *ret, size_t max)
{
	struct np_source_line at = {0};
	Dwarf_Die *scopes = NULL;
	Dwarf_Addr bias;
	size_t n = 0;
	Dwfl_Line *line = dwfl_module_getsrc(lines->module, vaddr + lines->bias);
	if (line)
		at.file = dwfl_lineinfo(line, NULL, &at.line, &at.column, NULL, NULL);
	Dwarf_Die *unit = dwfl_module_addrdie(lines->module, vaddr + lines->bias, &bias);
	int count = unit ? scopes_at(unit, vaddr + lines->bias - bias, &scopes) : 0;
	for (int i = 0; i < count && n < max; i++) {
		int tag = dwarf_tag(&scopes[i]);
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		at.function = die_name(&scopes[i]);
		ret[n++] = at;
		if (tag == DW_TAG_subprogram)
			break;
		at = (struct np_source_line){0};
		call_site(unit, &scopes[i], &at);
	}
	free(scopes);
	if (!n && at.file && max)
		ret[n++] = at;
	return n;
}
