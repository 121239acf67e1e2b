/*
 * Opening a layout: symbols, version, table; then every fact once, into one
 * flat struct that nobody changes afterwards but calibration.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "layout/internal.h"

/* What np_layout_create() returns, with the memory behind its pointers. */
struct owned_layout {
	np_layout layout;
	np_arena *arena;
};

static np_addr symbol_address(np_image *image, const char *name)
{
	struct np_symbol symbol;
	return np_image_symbol(image, name, &symbol) && !symbol.is_tls ? symbol.addr : 0;
}

/*
 * Embedded builtins.  The name of the blob changed: in V8 7.x and 8.x one blob
 * holds code and data, then two; and the bare name was a pointer to the bytes
 * (which end in _data_) until both became one symbol in 11.x.
 */
static void embedded_blob_find(np_layout *layout, np_image *image, np_mem *mem)
{
	np_addr start = symbol_address(image, "v8_Default_embedded_blob_code_data_");
	np_addr size = symbol_address(image, "v8_Default_embedded_blob_code_size_");
	uint32_t bytes;
	if (!start)
		start = symbol_address(image, "v8_Default_embedded_blob_code_");
	if (!size) {
		start = symbol_address(image, "v8_Default_embedded_blob_data_");
		size = symbol_address(image, "v8_Default_embedded_blob_size_");
	}
	if (!start || !size || !np_mem_u32(mem, size, &bytes))
		return;
	layout->embedded_blob_start = start;
	layout->embedded_blob_size = bytes;
}

static void walker_symbols_find(np_layout *layout, np_image *image, np_mem *mem)
{
	struct np_symbol symbol;
	embedded_blob_find(layout, image, mem);
	if (np_image_symbol(image, "_ZN2v88internal18g_current_isolate_E", &symbol) && symbol.is_tls) {
		layout->tls_isolate_offset = symbol.addr;
		layout->has_tls_isolate = true;
	}
	layout->isolate_key = symbol_address(image, "_ZN2v88internal7Isolate12isolate_key_E");
	layout->default_isolate = symbol_address(image, "_ZN2v88internal7Isolate16default_isolate_E");
	if (np_image_symbol(image, "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE", &symbol) &&
	    symbol.size_bytes <= UINT32_MAX) {
		layout->bytecode_sizes = symbol.addr;
		layout->bytecode_sizes_bytes = (uint32_t)symbol.size_bytes;
	}
}

static void table_warn(const np_layout *layout, const struct np_layout_table *table)
{
	const struct np_v8_version *v = &layout->version;
	if (!v->major)
		np_warn("the version of V8 is unknown: only its v8dbg_ symbols are used");
	else if (!table)
		np_warn("V8 %d.%d.%d.%d is older than every layout table: only its v8dbg_ symbols are used", v->major,
			v->minor, v->build, v->patch);
	else if (!layout->exact)
		np_warn("no layout table for V8 %d.%d.%d.%d: what its v8dbg_ symbols do not tell is taken from V8 %s",
			v->major, v->minor, v->build, v->patch, table->name);
}

np_err *np_layout_create(np_target *target, np_layout **ret)
{
	np_image *image = np_target_v8_image(target);
	np_mem *mem = np_target_mem(target);
	const struct np_layout_table *table = NULL;
	struct np_v8dbg_table symbols = {0};
	bool exact = false;
	if (!image)
		return np_err_new(NP_ENOTNODE, "no V8 in '%s'", np_target_spec(target));
	struct owned_layout *owned = np_xcalloc(1, sizeof(*owned));
	np_layout *layout = &owned->layout;
	owned->arena = np_arena_create();
	np_v8dbg_load(image, mem, &symbols);
	if (np_version_v8(target, image, &layout->version))
		table = np_layout_table_find(&layout->version, &exact);
	else if (!symbols.count) {
		np_err *err = np_err_new(NP_ENOTNODE, "'%s' tells neither V8's version nor its layout",
					 np_image_path(image));
		np_layout_destroy(layout);
		return err;
	}
	layout->exact = exact;
	layout->table = table ? table->name : "";
	layout->node_version = np_version_node(target, image, owned->arena);
	np_resolve_facts(layout, &symbols, table, exact);
	np_types_load(layout, &symbols, table, exact, owned->arena);
	walker_symbols_find(layout, image, mem);
	free(symbols.data);
	table_warn(layout, table);
	*ret = layout;
	return NULL;
}

void np_layout_destroy(np_layout *layout)
{
	struct owned_layout *owned = (struct owned_layout *)layout;
	if (!owned)
		return;
	np_arena_destroy(owned->arena);
	free(owned);
}

np_err *np_need(const np_layout *layout, enum np_fact fact)
{
	if (np_has(layout, fact))
		return NULL;
	return np_err_new(NP_EMISSING, "the layout fact %s is not known for V8 %d.%d.%d", np_layout_fact_info[fact].name,
			  layout->version.major, layout->version.minor, layout->version.build);
}

void np_layout_set(np_layout *layout, enum np_fact fact, int32_t value, enum np_fact_source source)
{
	if (fact >= NP_FACT_COUNT)
		return;
	layout->value[fact] = value;
	layout->source[fact] = value == NP_FACT_MISSING ? NP_SOURCE_MISSING : (uint8_t)source;
}
