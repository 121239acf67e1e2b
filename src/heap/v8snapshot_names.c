/* Type, name and identifier of each object's node, as V8's snapshots have them. */
#include <stdlib.h>
#include <string.h>

#include "heap/v8snapshot_internal.h"
#include "v8/array.h"
#include "v8/function.h"
#include "v8/script.h"
#include "v8/string.h"

static const struct {
	const char *name;
	int type; /* -1: stays */
} tags[TAG_COUNT] = {
	[TAG_NONE] = {"", -1},
	[TAG_PROPERTIES] = {"(object properties)", -1},
	[TAG_ELEMENTS] = {"(object elements)", -1},
	[TAG_BOUND_ARGUMENTS] = {"(bound arguments)", -1},
	[TAG_CONSTANT_ELEMENTS] = {"(constant elements)", NP_SNAPSHOT_CODE},
	[TAG_CONSTANT_POOL] = {"(constant pool)", NP_SNAPSHOT_CODE},
	[TAG_HANDLER_TABLE] = {"(handler table)", NP_SNAPSHOT_CODE},
	[TAG_SOURCE_POSITIONS] = {"(source position table)", NP_SNAPSHOT_CODE},
	[TAG_LINE_ENDS] = {"(script line ends)", NP_SNAPSHOT_CODE},
	[TAG_INFOS] = {"(infos)", NP_SNAPSHOT_CODE},
	[TAG_HOST_OPTIONS] = {"(host-defined options)", NP_SNAPSHOT_CODE},
	[TAG_LOCAL_NAMES] = {"(context local names)", NP_SNAPSHOT_CODE},
	[TAG_FEEDBACK] = {"(feedback)", NP_SNAPSHOT_CODE},
	[TAG_ENUM_CACHE] = {"(enum cache)", NP_SNAPSHOT_OBJECT_SHAPE},
	[TAG_PROTOTYPE_CACHE] = {"(prototype chain enum cache)", NP_SNAPSHOT_OBJECT_SHAPE},
	[TAG_RELOCATION] = {"(code relocation info)", NP_SNAPSHOT_CODE},
	[TAG_DEOPT_DATA] = {"(code deopt data)", NP_SNAPSHOT_CODE},
	[TAG_OFFSET_TABLE] = {"(bytecode offset table)", NP_SNAPSHOT_CODE},
	[TAG_SHAPE] = {"", NP_SNAPSHOT_OBJECT_SHAPE},
	[TAG_CODE] = {"(code)", NP_SNAPSHOT_CODE},
	[TAG_DEPENDENT_CODE] = {"(dependent code)", -1},
	[TAG_TRANSITION] = {"(transition)", -1},
	[TAG_INTERPRETER_DATA] = {"(interpreter data)", -1},
};

struct form *np_snapshot_form_of(struct np_snapshot *s, np_vertex node)
{
	struct form *f = &s->forms[graph_shape_of(s->g, node)];
	if (!f->ready)
		np_snapshot_form_fill(s, node, f);
	return f;
}

/* --- functions --- */

static void shared_locate(struct np_snapshot *s, const struct np_shared *shared, struct location *ret)
{
	const struct np_script *script;
	int line, column;
	if (!shared->script || np_err_drop(np_script_load(s->v8, shared->script, &script)) ||
	    !np_script_line_column(script, shared->start > 0 ? shared->start : 0, &line, &column))
		return;
	*ret = (struct location){true, script->id, line - 1, column - 1};
}

const struct shared_entry *np_snapshot_shared_of(struct np_snapshot *s, np_vertex v)
{
	uint32_t i;
	struct np_shared shared;
	if (!np_vertex_map_get(&s->shared_numbers, v, &i)) {
		struct shared_entry e = {.vertex = v, .name = s->text_empty};
		np_arena_reset(s->scratch);
		if (!np_err_drop(np_shared_load(s->v8, np_graph_address(s->g, v), s->scratch, &shared))) {
			e.name = np_snapshot_name_cstr(s, shared.name);
			shared_locate(s, &shared, &e.location);
		}
		i = (uint32_t)s->shared.len;
		np_vec_push(&s->shared, e);
		np_vertex_map_put(&s->shared_numbers, v, i);
	}
	return &s->shared.data[i];
}

static const struct shared_entry *function_shared(struct np_snapshot *s, np_vertex function)
{
	const uint8_t *bytes = np_graph_bytes(s->g, function);
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
	return v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_SHARED_FUNCTION_INFO ? np_snapshot_shared_of(s, v) : NULL;
}

/* --- names of single objects --- */

static uint32_t prefixed_name(struct np_snapshot *s, const char *prefix, np_vertex string, const char *suffix)
{
	struct np_buf b = {0};
	size_t bytes;
	const char *text = np_snapshot_string(s, np_snapshot_name_string(s, string, false), &bytes);
	np_buf_puts(&b, prefix);
	np_buf_add(&b, text, bytes);
	np_buf_puts(&b, suffix);
	uint32_t name = np_snapshot_name_text(s, b.data, b.len);
	np_buf_deinit(&b);
	return name;
}

static np_vertex field_string(struct np_snapshot *s, np_vertex node, enum np_fact field)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t at = snapshot_fact(s, field);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, node), at)) : NP_VERTEX_NONE;
	return v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_STRING ? v : NP_VERTEX_NONE;
}

static uint32_t symbol_flags(struct np_snapshot *s, np_vertex symbol)
{
	uint32_t flags = 0;
	np_tagged t;
	if (snapshot_fact(s, NP_F_Symbol_flags_is_smi))
		return np_field(s->v8, np_graph_address(s->g, symbol), NP_F_Symbol_flags, &t) ? (uint32_t)np_smi_value(t) : 0;
	np_field_u32(s->v8, np_graph_address(s->g, symbol), NP_F_Symbol_flags, &flags);
	return flags;
}

static bool symbol_is_private(struct np_snapshot *s, np_vertex symbol)
{
	return symbol_flags(s, symbol) & snapshot_fact(s, NP_F_Symbol_private_mask);
}

static bool symbol_is_private_name(struct np_snapshot *s, np_vertex symbol)
{
	const np_layout *l = s->v8->layout;
	return np_has(l, NP_F_Symbol_private_name_shift) &&
	       (symbol_flags(s, symbol) >> np_get(l, NP_F_Symbol_private_name_shift) & 1);
}

uint32_t np_snapshot_key_name(struct np_snapshot *s, np_vertex key)
{
	uint32_t name;
	if (np_vertex_map_get(&s->key_names, key, &name))
		return name;
	if (vertex_kind(s, key) == NP_KIND_STRING) {
		name = np_snapshot_name_string(s, key, false);
	} else {
		np_vertex description = field_string(s, key, NP_F_Symbol_description);
		if (description == NP_VERTEX_NONE)
			name = np_snapshot_name_cstr(s, "<symbol>");
		else if (symbol_is_private_name(s, key))
			name = np_snapshot_name_string(s, description, false);
		else
			name = prefixed_name(s, "<symbol ", description, ">");
	}
	np_vertex_map_put(&s->key_names, key, name);
	return name;
}

static uint32_t regexp_name(struct np_snapshot *s, np_vertex node)
{
	np_vertex source = field_string(s, node, NP_F_JSRegExp_source);
	np_tagged data, t;
	np_addr addr = np_graph_address(s->g, node);
	if (source == NP_VERTEX_NONE && np_has(s->v8->layout, NP_F_RegExpData_source) &&
	    np_field(s->v8, addr, NP_F_JSRegExp_data, &data) && np_is_ref(data) &&
	    np_array_get(s->v8, np_ref(data), (uint32_t)np_get(s->v8->layout, NP_F_RegExpData_source), &t))
		source = snapshot_target(s, t.raw);
	if (source == NP_VERTEX_NONE || vertex_kind(s, source) != NP_KIND_STRING)
		return s->text_empty;
	return np_snapshot_name_string(s, source, false);
}

void np_snapshot_node_name(struct np_snapshot *s, np_vertex node, struct form *f, uint32_t *ret_type, uint32_t *ret_name)
{
	const struct shared_entry *shared;
	struct location location;
	uint32_t type = f->type, name = f->name;
	uint8_t mark = s->marks[node];
	np_vertex v;
	switch ((enum naming)f->naming) {
	case NAMING_STRING:
		name = np_snapshot_name_string(s, node, true);
		break;
	case NAMING_FUNCTION:
		shared = function_shared(s, node);
		name = shared ? shared->name : s->text_empty;
		break;
	case NAMING_REGEXP:
		name = regexp_name(s, node);
		break;
	case NAMING_SHARED:
		name = np_snapshot_shared_of(s, node)->name;
		if (name == s->text_empty)
			name = s->text_shared;
		break;
	case NAMING_SCRIPT:
		v = field_string(s, node, NP_F_Script_name);
		name = v == NP_VERTEX_NONE ? s->text_empty : np_snapshot_name_string(s, v, false);
		break;
	case NAMING_SYMBOL:
		if (symbol_is_private(s, node)) {
			type = NP_SNAPSHOT_HIDDEN;
			name = np_snapshot_name_cstr(s, "private symbol");
		}
		break;
	case NAMING_ODDBALL:
		v = field_string(s, node, NP_F_Oddball_to_string);
		name = v == NP_VERTEX_NONE ? f->name : np_snapshot_name_string(s, v, false);
		break;
	case NAMING_MAP:
		np_snapshot_map_name(s, node, &type, &name);
		break;
	case NAMING_CLASS:
		np_snapshot_class(s, node, f, &name, &location);
		break;
	case NAMING_FIXED:
		break;
	}
	if (mark & MARK_NAMED)
		np_vertex_map_get(&s->own_names, node, &name);
	enum tag tag = mark & TAG_MASK;
	if (tag && tag < TAG_COUNT) {
		if (tags[tag].type >= 0)
			type = (uint32_t)tags[tag].type;
		if (name == s->text_empty && *tags[tag].name)
			name = np_snapshot_name_cstr(s, tags[tag].name);
	}
	*ret_type = type;
	*ret_name = name;
}

/* --- identifiers --- */

uint32_t np_snapshot_id_of(const struct np_snapshot *s, np_vertex node)
{
	const np_graph *g = s->g;
	if (s->ids_by_number)
		return snapshot_number(s, node) * 2 + 1;
	uint32_t place = g->places[node];
	uint32_t page = place >> g->word_bits, word = place & ((1u << g->word_bits) - 1);
	/* the word in the unit, the area's start included */
	uint64_t in_unit = ((g->pages.data[page].start & ((1ull << g->unit_shift) - 1)) >> 3) + word;
	return (uint32_t)((s->page_ids.data[page] + in_unit) * 2 + 1);
}
