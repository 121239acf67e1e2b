#include "cmd/value_node.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"

static np_node *convert(np_arena *arena, const np_value *v);

static void set_date(np_node *n, double ms)
{
	char text[64];
	if (!(fabs(ms) <= 8.64e15)) {
		np_set_str(n, "value", "Invalid Date");
		return;
	}
	time_t seconds = (time_t)floor(ms / 1000);
	int milli = (int)(ms - (double)seconds * 1000);
	struct tm tm;
	if (!gmtime_r(&seconds, &tm))
		return;
	int year = tm.tm_year + 1900;
	snprintf(text, sizeof(text), year >= 0 && year <= 9999 ? "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" : "%+07d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		 year, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, milli);
	np_set_str(n, "value", text);
}

static const char *slot_text(const np_value *v, const char *name)
{
	for (size_t i = 0; i < v->slot_count; i++)
		if (strcmp(v->slots[i].name, name) == 0)
			return v->slots[i].text;
	return NULL;
}


static void set_scalar(np_arena *arena, np_node *n, const np_value *v)
{
	switch (v->type) {
	case NP_VALUE_SMI:
		np_set_int(n, "value", (int64_t)v->number);
		break;
	case NP_VALUE_NUMBER:
		np_set_double(n, "value", v->number);
		break;
	case NP_VALUE_BOOLEAN:
		np_set_bool(n, "value", v->number != 0);
		break;
	case NP_VALUE_STRING:
		np_set_strn(n, "value", v->text ? v->text : "", v->text_bytes);
		if (v->truncated) {
			np_set_uint(n, "length", v->length);
			np_set_bool(n, "truncated", true);
		}
		break;
	case NP_VALUE_DATE:
		set_date(n, v->number);
		break;
	case NP_VALUE_REGEXP: {
		const char *flags = slot_text(v, "flags");
		np_set_str(n, "value", np_arena_printf(arena, "/%s/%s", v->text ? v->text : "", flags ? flags : ""));
		break;
	}
	case NP_VALUE_ERROR:
		np_set_str(n, "message", v->text);
		np_set_str(n, "stack", v->stack);
		break;
	case NP_VALUE_FUNCTION:
		if (v->is_class)
			np_set_str(n, "function_kind", "class");
		/* fall through */
	case NP_VALUE_GENERATOR:
	case NP_VALUE_ASYNCFUNCTION:
		np_set_str(n, "name", v->text ? v->text : "");
		np_set_str(n, "file", v->file);
		if (v->line) {
			np_set_int(n, "line", v->line);
			np_set_int(n, "column", v->column);
		}
		break;
	case NP_VALUE_UNREADABLE:
		np_set_str(n, "reason", v->text);
		break;
	default:
		np_set_str(n, "value", v->text);
	}
}

static void set_properties(np_arena *arena, np_node *n, const np_value *v)
{
	static const char *const kinds[] = {"data", "accessor", "symbol", "private"};
	np_node *list = np_list(arena, NULL);
	for (size_t i = 0; i < v->property_count; i++) {
		const struct np_value_property *p = &v->properties[i];
		np_node *entry = np_obj(arena, NULL);
		np_set_str(entry, "name", p->name);
		np_set_node(entry, "value", convert(arena, p->value));
		np_set_str(entry, "kind", kinds[p->kind]);
		if (p->attributes & 2)
			np_set_bool(entry, "enumerable", false);
		if (p->attributes & 1 && p->kind != NP_PROPERTY_ACCESSOR)
			np_set_bool(entry, "writable", false);
		if (p->attributes & 4)
			np_set_bool(entry, "configurable", false);
		np_add(list, entry);
	}
	np_set_node(n, "properties", list);
}

static np_node *hole(np_arena *arena, uint64_t count)
{
	np_node *n = np_obj(arena, &np_shape_value);
	np_set_str(n, "type", "hole");
	if (count > 1)
		np_set_uint(n, "count", count);
	return n;
}

static void set_elements(np_arena *arena, np_node *n, const np_value *v)
{
	np_node *list = np_list(arena, &np_shape_value);
	uint64_t next = 0;
	for (size_t i = 0; i < v->element_count; i++) {
		uint64_t index = v->indices ? v->indices[i] : i;
		if (v->indices && index > next)
			np_add(list, hole(arena, index - next));
		np_add(list, v->elements[i] ? convert(arena, v->elements[i]) : hole(arena, 1));
		next = index + 1;
	}
	if (!v->truncated && v->length > next && v->type == NP_VALUE_ARRAY)
		np_add(list, hole(arena, v->length - next));
	np_set_node(n, "elements", list);
}

static void set_entries(np_arena *arena, np_node *n, const np_value *v)
{
	np_node *list = np_list(arena, NULL);
	for (size_t i = 0; i < v->entry_count; i++) {
		np_node *pair = np_list(arena, &np_shape_value);
		np_add(pair, convert(arena, v->keys[i]));
		np_node *value = v->values && v->values[i] ? convert(arena, v->values[i]) : NULL;
		if (value)
			np_add(pair, value);
		else if (v->type == NP_VALUE_SET || v->type == NP_VALUE_WEAKSET)
			np_add(pair, convert(arena, v->keys[i]));
		np_add(list, pair);
	}
	np_set_node(n, "entries", list);
}

static void set_bytes(np_node *n, const np_value *v)
{
	struct np_buf hex = {0};
	for (size_t i = 0; i < v->byte_count; i++)
		np_buf_printf(&hex, "%02x", v->bytes[i]);
	np_set_str(n, "bytes", np_buf_str(&hex));
	np_buf_deinit(&hex);
}

/* Slots that the contract knows by name stand beside the value; the others are listed. */
static void set_slots(np_arena *arena, np_node *n, const np_value *v)
{
	static const char *const direct[] = {"state", "result", "target", "handler", "this", "arguments", "buffer",
					     "element_type", "byte_offset", "receiver", "function"};
	np_node *internal = NULL;
	for (size_t i = 0; i < v->slot_count; i++) {
		const struct np_value_slot *s = &v->slots[i];
		bool known = false;
		for (size_t k = 0; k < NP_ARRAY_LEN(direct); k++)
			known |= strcmp(direct[k], s->name) == 0;
		if (v->type == NP_VALUE_REGEXP)
			continue;
		if (known && s->value) {
			np_set_node(n, s->name, convert(arena, s->value));
		} else if (known) {
			np_set_str(n, s->name, s->text);
		} else if (v->type == NP_VALUE_OBJECT && strcmp(s->name, "value") == 0 && s->value) {
			np_set_node(n, "primitive", convert(arena, s->value));
		} else if (v->type == NP_VALUE_ACCESSOR && s->value) {
			bool none = s->value->type == NP_VALUE_NULL || s->value->type == NP_VALUE_UNDEFINED;
			if (!none)
				np_set_node(n, strcmp(s->name, "get") == 0 ? "getter" : strcmp(s->name, "set") == 0 ? "setter" : s->name,
					    convert(arena, s->value));
		} else {
			np_node *slot = np_obj(arena, NULL);
			np_set_str(slot, "name", s->name);
			if (s->value)
				np_set_node(slot, "value", convert(arena, s->value));
			else
				np_set_str(slot, "value", s->text);
			if (!internal)
				internal = np_list(arena, NULL);
			np_add(internal, slot);
		}
	}
	if (internal)
		np_set_node(n, "internal", internal);
}

static bool is_composite(const np_value *v)
{
	return v->class_name && v->type != NP_VALUE_INTERNAL && v->type != NP_VALUE_ACCESSOR;
}

/* Lengths stand beside the parts that they count, whether these were read or not. */
static void set_sizes(np_node *n, const np_value *v)
{
	switch (v->type) {
	case NP_VALUE_MAP:
	case NP_VALUE_SET:
	case NP_VALUE_WEAKMAP:
	case NP_VALUE_WEAKSET:
		np_set_uint(n, "size", v->size);
		break;
	case NP_VALUE_ARRAYBUFFER:
	case NP_VALUE_DATAVIEW:
		np_set_uint(n, "byte_length", v->byte_length);
		break;
	case NP_VALUE_TYPEDARRAY:
		np_set_uint(n, "length", v->length);
		np_set_uint(n, "byte_length", v->byte_length);
		break;
	default:
		if (v->type == NP_VALUE_ARRAY || v->has_elements)
			np_set_uint(n, "length", v->length);
	}
}

static void set_parts(np_arena *arena, np_node *n, const np_value *v)
{
	if (v->has_entries)
		set_entries(arena, n, v);
	if (v->has_bytes)
		set_bytes(n, v);
	if (v->has_elements || v->type == NP_VALUE_ARRAY)
		set_elements(arena, n, v);
	if (is_composite(v) && v->type != NP_VALUE_PROXY && (v->property_count || v->slot_count || v->type != NP_VALUE_FUNCTION))
		set_properties(arena, n, v);
}

static np_node *convert(np_arena *arena, const np_value *v)
{
	np_node *n = np_obj(arena, &np_shape_value);
	np_set_str(n, "type", np_value_type_name(v->type));
	np_set_str(n, "class", v->class_name);
	set_scalar(arena, n, v);
	set_slots(arena, n, v);
	if (v->address)
		np_set_addr(n, "address", v->address | 1);
	if (v->null_prototype)
		np_set_bool(n, "null_prototype", true);
	if (v->is_cycle)
		np_set_bool(n, "circular", true);
	set_sizes(n, v);
	if (!v->is_more)
		set_parts(arena, n, v);
	if (v->truncated && v->type != NP_VALUE_STRING)
		np_set_bool(n, "truncated", true);
	return n;
}

np_node *np_value_node(np_arena *arena, const np_value *value)
{
	return convert(arena, value);
}

np_node *np_value_node_of(np_v8 *v8, np_tagged word, const struct np_value_limits *limits, np_arena *arena)
{
	return convert(arena, np_value_decode(v8, word, limits, arena));
}

np_node *np_value_node_number(np_arena *arena, double number)
{
	np_value v = {.type = NP_VALUE_NUMBER, .number = number};
	if (number == (int32_t)number && !(number == 0 && signbit(number)))
		v.type = NP_VALUE_SMI;
	return convert(arena, &v);
}
