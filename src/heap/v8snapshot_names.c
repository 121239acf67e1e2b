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

void np_snapshot_load_shared(struct np_snapshot *s, np_vertex v)
{
	struct np_shared shared;
	struct shared_entry e = {.name = s->text_empty};
	np_arena_reset(s->scratch);
	if (!np_err_drop(np_shared_load(s->v8, np_graph_address(s->g, v), s->scratch, &shared))) {
		e.name = np_snapshot_text_cstr(s, shared.name);
		shared_locate(s, &shared, &e.location);
	}
	np_vertex_map_put(&s->shared_numbers, v, (uint32_t)s->shared.len);
	np_vec_push(&s->shared, e);
}

/* NULL: it is no live SharedFunctionInfo. */
const struct shared_entry *np_snapshot_shared_of(const struct np_snapshot *s, np_vertex v)
{
	uint32_t i;
	return np_vertex_map_get(&s->shared_numbers, v, &i) ? &s->shared.data[i] : NULL;
}

static const struct shared_entry *function_shared(const struct np_snapshot *s, np_vertex function)
{
	const uint8_t *bytes = np_graph_bytes(s->g, function);
	uint32_t at = snapshot_fact(s, NP_F_JSFunction_shared);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, function), at)) : NP_VERTEX_NONE;
	return v != NP_VERTEX_NONE ? np_snapshot_shared_of(s, v) : NULL;
}

/* --- names of single objects --- */

static np_vertex field_string(const struct np_snapshot *s, np_vertex node, enum np_fact field)
{
	const uint8_t *bytes = np_graph_bytes(s->g, node);
	uint32_t at = snapshot_fact(s, field);
	np_vertex v = bytes && at ? snapshot_target(s, word_of(bytes, vertex_size(s, node), at)) : NP_VERTEX_NONE;
	return v != NP_VERTEX_NONE && vertex_kind(s, v) == NP_KIND_STRING ? v : NP_VERTEX_NONE;
}

static uint32_t symbol_flags(const struct np_snapshot *s, np_vertex symbol)
{
	const uint8_t *bytes = np_graph_bytes(s->g, symbol);
	uint32_t at = snapshot_fact(s, NP_F_Symbol_flags), flags;
	if (!bytes || !at || at + 8 > vertex_size(s, symbol))
		return 0;
	memcpy(&flags, bytes + at + (snapshot_fact(s, NP_F_Symbol_flags_is_smi) ? 4 : 0), sizeof(flags));
	return flags;
}

static bool symbol_is_private(const struct np_snapshot *s, np_vertex symbol)
{
	return symbol_flags(s, symbol) & snapshot_fact(s, NP_F_Symbol_private_mask);
}

static bool symbol_is_private_name(const struct np_snapshot *s, np_vertex symbol)
{
	const np_layout *l = s->v8->layout;
	return np_has(l, NP_F_Symbol_private_name_shift) &&
	       (symbol_flags(s, symbol) >> np_get(l, NP_F_Symbol_private_name_shift) & 1);
}

static uint32_t symbol_name(struct np_snapshot_walker *w, np_vertex symbol)
{
	struct np_snapshot *s = w->s;
	struct np_buf b = {0};
	np_vertex description = field_string(s, symbol, NP_F_Symbol_description);
	if (description == NP_VERTEX_NONE)
		return np_snapshot_text_cstr(s, "<symbol>");
	bool is_private_name = symbol_is_private_name(s, symbol);
	np_buf_puts(&b, is_private_name ? "" : "<symbol ");
	np_snapshot_append_string(w, description, false, &b);
	np_buf_puts(&b, is_private_name ? "" : ">");
	uint32_t name = np_snapshot_text(s, np_buf_str(&b), b.len);
	np_buf_deinit(&b);
	return name;
}

uint32_t np_snapshot_key_name(struct np_snapshot_walker *w, np_vertex key)
{
	uint32_t name;
	bool is_string = vertex_kind(w->s, key) == NP_KIND_STRING;
	if (is_string && snapshot_is_named_string(w->s, key) && !w->s->options.redact)
		return np_snapshot_name_number(w, (struct np_name){.string = key});
	if (np_vertex_map_get(&w->keys, key, &name))
		return name;
	name = is_string ? np_snapshot_name_number(w, (struct np_name){.string = key}) : symbol_name(w, key);
	np_vertex_map_put(&w->keys, key, name);
	return name;
}

static struct np_name name_of_string(const struct np_snapshot *s, np_vertex string)
{
	return string == NP_VERTEX_NONE ? name_of_text(s->text_empty) : (struct np_name){.string = string};
}

static np_vertex regexp_source(struct np_snapshot *s, np_vertex node)
{
	np_vertex source = field_string(s, node, NP_F_JSRegExp_source);
	np_tagged data, t;
	np_addr addr = np_graph_address(s->g, node);
	pthread_mutex_lock(&s->readers);
	if (source == NP_VERTEX_NONE && np_has(s->v8->layout, NP_F_RegExpData_source) &&
	    np_field(s->v8, addr, NP_F_JSRegExp_data, &data) && np_is_ref(data) &&
	    np_array_get(s->v8, np_ref(data), (uint32_t)np_get(s->v8->layout, NP_F_RegExpData_source), &t))
		source = snapshot_target(s, t.raw);
	pthread_mutex_unlock(&s->readers);
	return source != NP_VERTEX_NONE && vertex_kind(s, source) == NP_KIND_STRING ? source : NP_VERTEX_NONE;
}

/* By its map, without who refers to it. */
static void plain_name(struct np_snapshot_walker *w, np_vertex node, const struct form *f, uint32_t *ret_type,
		       struct np_name *ret)
{
	struct np_snapshot *s = w->s;
	const struct shared_entry *shared;
	struct location location;
	np_vertex v;
	*ret_type = f->type;
	*ret = name_of_text(f->name);
	switch ((enum naming)f->naming) {
	case NAMING_STRING:
		*ret = (struct np_name){.string = node, .is_content = true};
		break;
	case NAMING_FUNCTION:
		shared = function_shared(s, node);
		ret->text = shared ? shared->name : s->text_empty;
		break;
	case NAMING_REGEXP:
		*ret = name_of_string(s, regexp_source(s, node));
		break;
	case NAMING_SHARED:
		shared = np_snapshot_shared_of(s, node);
		ret->text = shared && shared->name != s->text_empty ? shared->name : s->text_shared;
		break;
	case NAMING_SCRIPT:
		*ret = name_of_string(s, field_string(s, node, NP_F_Script_name));
		break;
	case NAMING_SYMBOL:
		if (symbol_is_private(s, node)) {
			*ret_type = NP_SNAPSHOT_HIDDEN;
			ret->text = np_snapshot_text_cstr(s, "private symbol");
		}
		break;
	case NAMING_ODDBALL:
		v = field_string(s, node, NP_F_Oddball_to_string);
		if (v != NP_VERTEX_NONE)
			*ret = name_of_string(s, v);
		break;
	case NAMING_MAP:
		np_snapshot_map_name(w, node, ret_type, &ret->text);
		break;
	case NAMING_CLASS:
		np_snapshot_class(w, node, f, &ret->text, &location);
		if (f->native_at && np_snapshot_native_name(w, node, f, &ret->text))
			*ret_type = NP_SNAPSHOT_NATIVE;
		break;
	case NAMING_FIXED:
		break;
	}
}

static uint32_t tag_name(struct np_snapshot_walker *w, enum tag tag)
{
	if (w->tag_names[tag] == NO_NAME)
		w->tag_names[tag] = np_snapshot_text_cstr(w->s, tags[tag].name);
	return w->tag_names[tag];
}

void np_snapshot_node_name(struct np_snapshot_walker *w, np_vertex node, const struct form *f, uint32_t *ret_type,
			   struct np_name *ret)
{
	struct np_snapshot *s = w->s;
	uint8_t mark = s->marks[node];
	uint32_t own;
	plain_name(w, node, f, ret_type, ret);
	if (mark & MARK_NAMED && np_vertex_map_get(&s->own_names, node, &own))
		*ret = name_of_text(own);
	enum tag tag = mark & TAG_MASK;
	if (!tag || tag >= TAG_COUNT)
		return;
	if (tags[tag].type >= 0)
		*ret_type = (uint32_t)tags[tag].type;
	if (ret->string == NP_VERTEX_NONE && ret->text == s->text_empty && *tags[tag].name)
		ret->text = tag_name(w, tag);
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
