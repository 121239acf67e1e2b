/*
 * Forms: what the snapshot says of the objects of a map, worked out at the
 * first of them.  V8 decides by instance type; here the names of the types do.
 */
#include <string.h>

#include "heap/v8snapshot_internal.h"

/* V8's classes that belong to code, whatever space they are in. */
static const char *const code_classes[] = {
	"AllocationSite", "ArrayBoilerplateDescription", "BytecodeArray", "BytecodeWrapper", "ClosureFeedbackCellArray",
	"Code", "CodeDataContainer", "CodeWrapper", "FeedbackCell", "FeedbackMetadata", "FeedbackVector",
	"InstructionStream", "InterpreterData", "LoadHandler", "ObjectBoilerplateDescription", "PreparseData",
	"RegExpBoilerplateDescription", "ScopeInfo", "StoreHandler", "TemplateObjectDescription",
	"TurbofanBitsetType", "TurbofanFloat64RangeType", "TurbofanFloat64SetType", "TurbofanHeapConstantType",
	"TurbofanOtherNumberConstantType", "TurbofanUnionType", "TurbofanWord32RangeType", "TurbofanWord32SetType",
	"TurbofanWord64RangeType", "TurbofanWord64SetType", "UncompiledData", "UncompiledDataWithPreparseData",
	"UncompiledDataWithoutPreparseData", "UncompiledDataWithPreparseDataAndJob",
	"UncompiledDataWithoutPreparseDataWithJob",
};

static const char *const shape_classes[] = {"DescriptorArray", "StrongDescriptorArray", "TransitionArray", "PrototypeInfo",
					    "EnumCache"};

/* Types of which V8 has many names for one class: arrays of tagged values, bytes or doubles. */
static const char *const array_types[] = {
	"FIXED_ARRAY_TYPE", "FIXED_DOUBLE_ARRAY_TYPE", "BYTE_ARRAY_TYPE", "HASH_TABLE_TYPE", "NAME_DICTIONARY_TYPE",
	"GLOBAL_DICTIONARY_TYPE", "NUMBER_DICTIONARY_TYPE", "SIMPLE_NUMBER_DICTIONARY_TYPE", "STRING_TABLE_TYPE",
	"EPHEMERON_HASH_TABLE_TYPE", "NAME_TO_INDEX_HASH_TABLE_TYPE", "REGISTERED_SYMBOL_TABLE_TYPE",
	"ORDERED_HASH_MAP_TYPE", "ORDERED_HASH_SET_TYPE", "ORDERED_NAME_DICTIONARY_TYPE", "OBJECT_HASH_TABLE_TYPE",
	"OBJECT_HASH_SET_TYPE",
};

/* Fields that V8's generator names, in its order, by instance type's class. */
static const struct {
	const char *klass;
	enum np_fact field;
	const char *name;
	bool is_weak;
} named[] = {
	{"Symbol", NP_F_Symbol_description, "name", false},
	{"SharedFunctionInfo", NP_F_SharedFunctionInfo_name, "name_or_scope_info", false},
	{"SharedFunctionInfo", NP_F_SharedFunctionInfo_script, "script", false},
	{"SharedFunctionInfo", NP_F_SharedFunctionInfo_function_data, "trusted_function_data", false},
	{"SharedFunctionInfo", NP_F_SharedFunctionInfo_untrusted_function_data, "untrusted_function_data", false},
	{"SharedFunctionInfo", NP_F_SharedFunctionInfo_outer_scope_info, "raw_outer_scope_info_or_feedback_metadata", false},
	{"Script", NP_F_Script_source, "source", false},
	{"Script", NP_F_Script_name, "name", false},
	{"Script", NP_F_Script_context_data, "context_data", false},
	{"Script", NP_F_Script_line_ends, "line_ends", false},
	{"AccessorInfo", NP_F_AccessorInfo_name, "name", false},
	{"AccessorInfo", NP_F_AccessorInfo_data, "data", false},
	{"AccessorPair", NP_F_AccessorPair_getter, "getter", false},
	{"AccessorPair", NP_F_AccessorPair_setter, "setter", false},
	{"Cell", NP_F_Cell_value, "value", false},
	{"FeedbackCell", NP_F_FeedbackCell_value, "value", false},
	{"PropertyCell", NP_F_PropertyCell_value, "value", false},
	{"PropertyCell", NP_F_PropertyCell_dependent_code, "dependent_code", false},
	{"AllocationSite", NP_F_AllocationSite_transition_info, "transition_info", false},
	{"AllocationSite", NP_F_AllocationSite_nested_site, "nested_site", false},
	{"AllocationSite", NP_F_AllocationSite_dependent_code, "dependent_code", false},
	{"AllocationSite", NP_F_AllocationSite_weak_next, NULL, false}, /* a list that holds nothing */
	{"ArrayBoilerplateDescription", NP_F_ArrayBoilerplateDescription_elements, "constant_elements", false},
	{"WeakCell", NP_F_WeakCell_target, "target", true},
	{"WeakCell", NP_F_WeakCell_unregister_token, "unregister_token", true},
	{"Code", NP_F_Code_instruction_stream, "instruction_stream", false},
	{"InstructionStream", NP_F_InstructionStream_code, "code", false},
	{"InstructionStream", NP_F_InstructionStream_relocation_info, "relocation_info", false},
};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; name && i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool type_has(const char *type, const char *part)
{
	return type && strstr(type, part);
}

/* "FEEDBACK_VECTOR_TYPE" and "FeedbackVector"; several classes may share one type. */
static bool type_is_of_class(const char *type, const char *klass)
{
	while (*klass) {
		while (*type == '_')
			type++;
		if ((*klass >= 'a' && *klass <= 'z' ? *klass - 'a' + 'A' : *klass) != *type)
			return false;
		klass++;
		type++;
	}
	return strcmp(type, "_TYPE") == 0;
}

const char *np_snapshot_type_name(const struct np_vertex_shape *shape)
{
	if (shape->type_name && strcmp(shape->type_name, "DEPENDENT_CODE_TYPE") == 0)
		return "WEAK_ARRAY_LIST_TYPE";
	return shape->type_name;
}

static const char *class_of(const struct np_snapshot *s, np_arena *arena, const struct np_vertex_shape *shape)
{
	const np_layout *l = s->v8->layout;
	const char *type = np_snapshot_type_name(shape);
	if (!type)
		return np_arena_printf(arena, "instance type %u", shape->map->type);
	for (size_t i = 0; i < l->type_count; i++)
		if (l->types[i].type == shape->map->type && l->types[i].klass &&
		    type_is_of_class(type, l->types[i].klass))
			return l->types[i].klass;
	char *name = np_arena_strdup(arena, type), *to = name;
	bool upper = true;
	size_t n = strlen(name);
	if (n > 5 && strcmp(name + n - 5, "_TYPE") == 0)
		name[n - 5] = '\0';
	for (const char *p = name; *p; p++) {
		if (*p == '_') {
			upper = true;
			continue;
		}
		*to++ = upper || *p < 'A' || *p > 'Z' ? *p : (char)(*p - 'A' + 'a');
		upper = false;
	}
	*to = '\0';
	return name;
}

static void add_field(struct named_field *fields, uint32_t *count, uint32_t offset, uint32_t name, uint8_t type)
{
	if (offset && *count < NAMED_FIELDS_MAX)
		fields[(*count)++] = (struct named_field){offset, name, type};
}

static void add_named(struct np_snapshot *s, struct form *f, const char *klass)
{
	for (size_t i = 0; i < NP_ARRAY_LEN(named); i++)
		if (strcmp(named[i].klass, klass) == 0)
			add_field(f->before, &f->before_count, snapshot_fact(s, named[i].field),
				  named[i].name ? np_snapshot_text_cstr(s, named[i].name) : NO_NAME,
				  named[i].is_weak ? NP_SNAPSHOT_WEAK : NP_SNAPSHOT_INTERNAL);
}

/* --- strings --- */

static void string_fill(struct np_snapshot *s, struct form *f)
{
	const np_layout *l = s->v8->layout;
	int64_t kind = -1, type = f->shape->shape.map->type;
	if (np_has(l, NP_F_String_representation_mask))
		kind = type & np_get(l, NP_F_String_representation_mask);
	f->type = NP_SNAPSHOT_STRING;
	f->naming = NAMING_STRING;
	f->is_internalized_string = type_has(f->shape->shape.type_name, "INTERNALIZED");
	bool is_sequential = np_has(l, NP_F_String_tag_seq) && kind == np_get(l, NP_F_String_tag_seq);
	f->char_bytes = np_has(l, NP_F_String_encoding_mask) && (type & np_get(l, NP_F_String_encoding_mask)) ? 1 : 2;
	f->sequential_bytes = is_sequential && s->string_chars_at && np_has(l, NP_F_String_encoding_mask) ? f->char_bytes : 0;
	if (np_has(l, NP_F_String_tag_cons) && kind == np_get(l, NP_F_String_tag_cons)) {
		f->type = NP_SNAPSHOT_CONS_STRING;
		f->naming = NAMING_FIXED;
		f->name = np_snapshot_text_cstr(s, "(concatenated string)");
		add_field(f->before, &f->before_count, snapshot_fact(s, NP_F_ConsString_first), np_snapshot_text_cstr(s, "first"),
			  NP_SNAPSHOT_INTERNAL);
		add_field(f->before, &f->before_count, snapshot_fact(s, NP_F_ConsString_second), np_snapshot_text_cstr(s, "second"),
			  NP_SNAPSHOT_INTERNAL);
	} else if (np_has(l, NP_F_String_tag_sliced) && kind == np_get(l, NP_F_String_tag_sliced)) {
		f->type = NP_SNAPSHOT_SLICED_STRING;
		f->naming = NAMING_FIXED;
		f->name = np_snapshot_text_cstr(s, "(sliced string)");
		add_field(f->before, &f->before_count, snapshot_fact(s, NP_F_SlicedString_parent), np_snapshot_text_cstr(s, "parent"),
			  NP_SNAPSHOT_INTERNAL);
	} else if (np_has(l, NP_F_String_tag_thin) && kind == np_get(l, NP_F_String_tag_thin)) {
		add_field(f->before, &f->before_count, snapshot_fact(s, NP_F_ThinString_actual), np_snapshot_text_cstr(s, "actual"),
			  NP_SNAPSHOT_INTERNAL);
	} else if (np_has(l, NP_F_String_tag_external) && kind == np_get(l, NP_F_String_tag_external)) {
		f->is_external_string = true;
	}
}

/* --- V8's own objects --- */

static bool array_is_weak(const char *type)
{
	return type_has(type, "WEAK_FIXED_ARRAY") || type_has(type, "WEAK_ARRAY_LIST");
}

static bool is_in_read_only_space(struct np_snapshot *s, np_vertex v)
{
	const struct np_page *page = np_graph_page(s->g, v);
	return page && page->space == NP_SPACE_READ_ONLY;
}

/* Maps of V8's own objects and of strings. */
static const char *map_name(struct np_snapshot_walker *w, np_vertex node)
{
	struct np_snapshot *s = w->s;
	const struct np_map *map;
	pthread_mutex_lock(&s->readers);
	bool is_loaded = np_map_load(s->v8, np_graph_address(s->g, node), &map);
	pthread_mutex_unlock(&s->readers);
	if (!is_loaded)
		return "system / Map";
	const char *type = np_layout_type_name(s->v8->layout, map->type);
	if (np_kind_of_type(s->v8, map->type) != NP_KIND_STRING || !type)
		return "system / Map";
	struct np_vertex_shape shape = {.map = map, .type_name = type};
	np_arena_reset(w->scratch);
	const char *klass = class_of(s, w->scratch, &shape);
	size_t n = strlen(klass);
	if (n > 6 && strcmp(klass + n - 6, "String") != 0)
		return "system / Map";
	return np_arena_printf(w->scratch, "system / Map (%s)", klass);
}

static void map_fill(struct form *f)
{
	f->type = NP_SNAPSHOT_OBJECT_SHAPE;
	f->naming = NAMING_MAP;
	f->walk = WALK_MAP;
}

static void context_fill(struct np_snapshot *s, struct form *f)
{
	const np_layout *l = s->v8->layout;
	const char *type = f->shape->shape.type_name;
	f->walk = WALK_CONTEXT;
	f->is_native_context = np_has(l, NP_F_type_NATIVE_CONTEXT) &&
			       f->shape->shape.map->type == np_get(l, NP_F_type_NATIVE_CONTEXT);
	f->type = f->is_native_context ? NP_SNAPSHOT_HIDDEN : NP_SNAPSHOT_OBJECT;
	f->name = np_snapshot_text_cstr(s, f->is_native_context ? "system / NativeContext" : "system / Context");
	/* Of blocks, catch clauses and the like V8 does not name the variables, unless functions declare in them. */
	f->is_block_context = type_has(type, "BLOCK_CONTEXT");
	f->is_eval_context = type_has(type, "EVAL_CONTEXT");
	f->names_variables = !f->is_native_context &&
			     !(type_has(type, "CATCH_CONTEXT") || type_has(type, "WITH_CONTEXT") ||
			       type_has(type, "DEBUG_EVALUATE") || type_has(type, "AWAIT_CONTEXT"));
}

static void system_fill(struct np_snapshot *s, struct form *f)
{
	const struct np_vertex_shape *shape = &f->shape->shape;
	const char *type = np_snapshot_type_name(shape), *klass = class_of(s, s->arena, shape);
	f->type = NP_SNAPSHOT_HIDDEN;
	f->name = np_snapshot_text_cstr(s, np_arena_printf(s->arena, "system / %s", klass));
	if (is_one_of(klass, code_classes, NP_ARRAY_LEN(code_classes)))
		f->type = NP_SNAPSHOT_CODE;
	else if (is_one_of(klass, shape_classes, NP_ARRAY_LEN(shape_classes)))
		f->type = NP_SNAPSHOT_OBJECT_SHAPE;
	if (is_one_of(type, array_types, NP_ARRAY_LEN(array_types)) || shape->kind == NP_KIND_FIXED_ARRAY ||
	    shape->kind == NP_KIND_FIXED_DOUBLE_ARRAY ||
	    (shape->kind == NP_KIND_BYTE_ARRAY && !type_has(type, "TRUSTED"))) {
		f->type = NP_SNAPSHOT_ARRAY;
		f->name = s->text_empty;
		f->walk = WALK_FIXED_ARRAY;
		if (shape->kind == NP_KIND_FIXED_DOUBLE_ARRAY || shape->kind == NP_KIND_BYTE_ARRAY)
			f->walk = WALK_PLAIN;
		if (f->shape->is_table)
			f->walk = WALK_EPHEMERONS;
	} else if (array_is_weak(type) && !type_has(type, "TRUSTED") && !type_has(type, "PROTECTED")) {
		f->walk = WALK_WEAK_ARRAY;
	} else if (type_has(type, "DESCRIPTOR_ARRAY")) {
		f->walk = WALK_DESCRIPTORS;
	}
	add_named(s, f, klass);
}

static void map_of_form(struct np_snapshot *s, struct form *f)
{
	np_vertex map = graph_find(s->g, f->shape->shape.map_addr);
	f->map_is_in_row = map != NP_VERTEX_NONE;
	f->map = map != NP_VERTEX_NONE && snapshot_is_live(s, map) ? map : NP_VERTEX_NONE;
	f->has_map_edge = f->map != NP_VERTEX_NONE && snapshot_is_essential(s, map);
	f->prototype = f->shape->shape.map ? snapshot_target(s, f->shape->shape.map->prototype.raw) : NP_VERTEX_NONE;
}

static void form_fill(struct np_snapshot_walker *w, np_vertex node, struct form *f)
{
	struct np_snapshot *s = w->s;
	const struct graph_shape *shape = graph_shape(s->g, node);
	*f = (struct form){.ready = true, .shape = shape, .name = s->text_empty, .walk = WALK_PLAIN};
	map_of_form(s, f);
	switch (shape->shape.kind) {
	case NP_KIND_STRING:
		string_fill(s, f);
		break;
	case NP_KIND_SYMBOL:
		f->type = NP_SNAPSHOT_SYMBOL;
		f->naming = NAMING_SYMBOL;
		f->name = np_snapshot_text_cstr(s, "symbol");
		add_named(s, f, "Symbol");
		break;
	case NP_KIND_HEAP_NUMBER:
		f->type = NP_SNAPSHOT_NUMBER;
		f->name = np_snapshot_text_cstr(s, "heap number");
		break;
	case NP_KIND_BIGINT:
		f->type = NP_SNAPSHOT_BIGINT;
		f->name = np_snapshot_text_cstr(s, "bigint");
		break;
	case NP_KIND_ODDBALL:
		f->type = NP_SNAPSHOT_HIDDEN;
		f->naming = NAMING_ODDBALL;
		f->name = np_snapshot_text_cstr(s, "system / Oddball");
		break;
	case NP_KIND_MAP:
		map_fill(f);
		break;
	case NP_KIND_CODE:
	case NP_KIND_INSTRUCTION_STREAM:
		f->type = NP_SNAPSHOT_CODE;
		f->walk = WALK_CODE;
		add_named(s, f, shape->shape.kind == NP_KIND_CODE ? "Code" : "InstructionStream");
		break;
	case NP_KIND_SHARED_FUNCTION_INFO:
		f->type = NP_SNAPSHOT_CODE;
		f->naming = NAMING_SHARED;
		add_named(s, f, "SharedFunctionInfo");
		break;
	case NP_KIND_SCRIPT:
		f->type = NP_SNAPSHOT_CODE;
		f->naming = NAMING_SCRIPT;
		add_named(s, f, "Script");
		break;
	case NP_KIND_CONTEXT:
		context_fill(s, f);
		break;
	case NP_KIND_JS_PROXY:
		f->type = NP_SNAPSHOT_HIDDEN;
		f->name = np_snapshot_text_cstr(s, "system / JSProxy");
		break;
	default:
		if (np_kind_is_receiver(shape->shape.kind)) {
			np_snapshot_js_form(w, node, f);
			break;
		}
		system_fill(s, f);
	}
	f->is_leaf = f->walk == WALK_PLAIN && !f->before_count && f->shape->tagged_end <= f->shape->tagged_start &&
		     shape->shape.kind != NP_KIND_JS_ARRAY_BUFFER && shape->shape.kind != NP_KIND_JS_GLOBAL_PROXY;
}

void np_snapshot_fill_forms(struct np_snapshot *s)
{
	struct np_snapshot_walker w;
	np_snapshot_walker_init(&w, s);
	for (int receivers = 0; receivers < 2; receivers++) /* their keys are strings */
		for (size_t i = 0; i < s->g->shapes.len; i++)
			if (s->examples[i] != NP_VERTEX_NONE && np_kind_is_receiver(s->g->shapes.data[i]->shape.kind) == receivers)
				form_fill(&w, s->examples[i], &s->forms[i]);
	np_snapshot_walker_deinit(&w);
}

static void fields_number(const struct np_snapshot *s, struct named_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fields[i].name = np_snapshot_text_number(s, fields[i].name);
}

void np_snapshot_number_forms(struct np_snapshot *s)
{
	struct np_snapshot_walker w;
	np_snapshot_walker_init(&w, s);
	for (size_t i = 0; i < s->g->shapes.len; i++) {
		struct form *f = &s->forms[i];
		if (!f->ready)
			continue;
		f->name = np_snapshot_text_number(s, f->name);
		fields_number(s, f->before, f->before_count);
		fields_number(s, f->after, f->after_count);
		for (uint32_t k = 0; k < f->property_count; k++) {
			struct shape_property *p = &f->properties[k];
			p->name = np_snapshot_key_name(&w, p->key);
			if (p->is_accessor) {
				p->getter_name = np_snapshot_text_number(s, p->getter_name);
				p->setter_name = np_snapshot_text_number(s, p->setter_name);
			}
		}
	}
	fields_number(s, s->native_context.data, s->native_context.len);
	np_snapshot_walker_deinit(&w);
}

/* The maps of strings have names of their own; those of read-only space are no shapes of the program's. */
void np_snapshot_map_name(struct np_snapshot_walker *w, np_vertex node, uint32_t *ret_type, uint32_t *ret_name)
{
	*ret_name = np_snapshot_text_cstr(w->s, map_name(w, node));
	*ret_type = is_in_read_only_space(w->s, node) ? NP_SNAPSHOT_HIDDEN : NP_SNAPSHOT_OBJECT_SHAPE;
}
