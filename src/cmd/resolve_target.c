#include "cmd/resolve_target.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "cmd/resolve_baseline.h"
#include "cmd/session.h"
#include "format/side_file.h"
#include "v8/code.h"
#include "v8/function.h"
#include "v8/position.h"
#include "v8/script.h"

enum { FOUND_MAX = 1 << 17, INLINED_MAX = 64 };
#define AGE_NS 1000000000u

struct np_code_names {
	struct np_session session;
	np_arena *arena; /* what was found */
	size_t found; /* look-ups since the arena was emptied */
	np_baseline_index *baseline; /* NULL without V8 */
	const char *problem; /* in problem_arena */
	np_arena *problem_arena;
	bool live;
	uint64_t read_ns; /* when what is remembered was read first */
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Layout and readers; a target without V8 still has native symbols. */
static np_err *readers_open(np_code_names *names)
{
	struct np_session *s = &names->session;
	np_err *err = np_session_need_layout(s);
	if (!err) {
		np_session_warm(s);
		NP_TRY(np_target_stop(s->target));
		err = np_session_need_v8(s);
		if (!err)
			np_session_calibrate(s);
		np_target_resume(s->target);
	}
	if (err && np_err_code(err) == NP_ENOTNODE) {
		names->problem = np_arena_strdup(names->problem_arena, np_err_message(err));
		np_err_free(err);
		return NULL;
	}
	return err;
}

np_err *np_code_names_open(const char *spec, const struct np_globals *globals, np_code_names **ret)
{
	struct np_target_options options = {.exe = globals->exe, .sysroot = globals->sysroot};
	np_code_names *names = np_xcalloc(1, sizeof(*names));
	names->arena = np_arena_create();
	names->problem_arena = np_arena_create();
	np_err *err = np_session_open(spec, &options, &names->session);
	if (!err)
		err = readers_open(names);
	if (err) {
		np_code_names_close(names);
		return err;
	}
	if (names->session.v8)
		names->baseline = np_baseline_index_create(names->session.v8);
	names->live = np_target_kind(names->session.target) == NP_TARGET_PROCESS;
	names->read_ns = now_ns();
	*ret = names;
	return NULL;
}

void np_code_names_close(np_code_names *names)
{
	if (!names)
		return;
	np_baseline_index_destroy(names->baseline);
	np_session_close(&names->session);
	np_arena_destroy(names->arena);
	np_arena_destroy(names->problem_arena);
	free(names);
}

static struct np_code_name *name_new(np_code_names *names, np_addr start, uint64_t size, const char *text)
{
	struct np_code_name *n = NP_NEW(names->arena, struct np_code_name);
	size_t bytes = strlen(text);
	n->symbol = (struct np_code_symbol){.start = start, .size_bytes = size, .name = text,
					    .name_bytes = bytes < NP_CODE_NAME_MAX ? (uint32_t)bytes : NP_CODE_NAME_MAX};
	return n;
}

static const struct np_code_name *symbol_name(np_code_names *names, const struct np_symbol_at *at)
{
	static const char builtins[] = "Builtins_", handler[] = "Handler";
	const char *text;
	if (!strncmp(at->name, builtins, sizeof(builtins) - 1)) {
		const char *bare = at->name + sizeof(builtins) - 1;
		size_t n = strlen(bare), h = sizeof(handler) - 1;
		/* V8 lists the handlers of bytecodes as such, without that word */
		if (n > h && !strcmp(bare + n - h, handler))
			text = np_arena_printf(names->arena, "BytecodeHandler:%.*s", (int)(n - h), bare);
		else
			text = np_arena_printf(names->arena, "Builtin:%s", bare);
	} else {
		char *plain = np_demangle(at->name);
		text = np_arena_strdup(names->arena, plain);
		free(plain);
	}
	return name_new(names, at->start, at->size_bytes, text);
}

static const char *tier_mark(enum np_code_kind kind)
{
	switch (kind) {
	case NP_CODE_OPTIMIZED:
		return "*";
	case NP_CODE_MAGLEV:
		return "+";
	case NP_CODE_BASELINE:
		return "^";
	default:
		return "~";
	}
}

/* Where the code is at the address: the innermost function that was inlined there. */
static void place_set(np_code_names *names, struct np_code_name *n, const struct np_code_object *code,
		      const struct np_shared *shared, np_addr addr, bool is_return)
{
	np_v8 *v8 = names->session.v8;
	struct np_inline_position at[INLINED_MAX] = {{.shared = shared->addr, .offset = -1}};
	uint32_t offset = (uint32_t)(addr - code->start);
	if (code->kind == NP_CODE_BASELINE) {
		np_addr array = shared->bytecode;
		int32_t bytecode;
		if (!array ||
		    !np_baseline_bytecode_offset(v8, code, array, offset + (is_return ? 0 : 1), &bytecode) ||
		    !np_bytecode_position(v8, array, bytecode, &at[0].offset))
			return;
	} else if (!np_code_positions(v8, code, shared->addr, offset - (is_return && offset ? 1 : 0), at, INLINED_MAX)) {
		return;
	}
	struct np_shared inner;
	const struct np_script *script;
	if (at[0].offset < 0 || np_err_drop(np_shared_load(v8, at[0].shared, names->arena, &inner)) || !inner.script ||
	    np_err_drop(np_script_load(v8, inner.script, &script)) || !script->name ||
	    !np_script_line_column(script, at[0].offset, &n->line, &n->column))
		return;
	n->file = np_arena_strdup(names->arena, script->name);
}

static const struct np_code_name *code_name(np_code_names *names, const struct np_code_object *code, np_addr addr,
					    bool is_return)
{
	np_v8 *v8 = names->session.v8;
	np_arena *arena = names->arena;
	struct np_shared shared;
	const struct np_script *script = NULL;
	np_addr at;
	int line, column;
	static const char *const plain[] = {[NP_CODE_BYTECODE_HANDLER] = "BytecodeHandler", [NP_CODE_BUILTIN] = "Builtin",
					    [NP_CODE_STUB] = "Stub", [NP_CODE_REGEXP] = "RegExp", [NP_CODE_WASM] = "wasm",
					    [NP_CODE_INTERPRETED] = "Builtin:InterpreterEntryTrampoline"};
	if ((size_t)code->kind < NP_ARRAY_LEN(plain) && plain[code->kind]) {
		struct np_code_name *n = name_new(names, code->start, code->size_bytes, plain[code->kind]);
		n->is_kind = true;
		return n;
	}
	if (!(code->kind == NP_CODE_BASELINE ? np_baseline_shared(names->baseline, code, &at) : np_code_shared(v8, code, &at)) ||
	    np_err_drop(np_shared_load(v8, at, arena, &shared)))
		return NULL;
	const char *name = np_shared_debug_name(v8, &shared, arena);
	if (shared.script && np_err_drop(np_script_load(v8, shared.script, &script)))
		script = NULL;
	struct np_buf text = {0};
	np_buf_printf(&text, "JS:%s%s", tier_mark(code->kind), name);
	if (script && script->name)
		np_buf_printf(&text, " %s", script->name);
	/* V8 names a function by where its parameters begin */
	if (script && np_script_line_column(script, shared.start, &line, &column))
		np_buf_printf(&text, ":%d:%d", line, column);
	struct np_code_name *n = name_new(names, code->start, code->size_bytes, np_arena_strdup(arena, np_buf_str(&text)));
	np_buf_deinit(&text);
	place_set(names, n, code, &shared, addr, is_return);
	return n;
}

const struct np_code_name *np_code_names_find(np_code_names *names, np_addr addr, bool is_return)
{
	struct np_symbol_at at;
	const struct np_code_object *code;
	names->found++;
	if (np_target_symbol_at(names->session.target, addr, &at) && at.name)
		return symbol_name(names, &at);
	if (!names->session.v8 || !np_code_at_pc(names->session.v8, addr, &code))
		return NULL;
	return code_name(names, code, addr, is_return);
}

bool np_code_names_age(np_code_names *names)
{
	struct np_session *s = &names->session;
	if (names->found > FOUND_MAX) {
		np_arena_reset(names->arena);
		names->found = 0;
		return true;
	}
	uint64_t now = names->live ? now_ns() : 0;
	if (!names->live || now - names->read_ns < AGE_NS)
		return false;
	names->read_ns = now;
	/* a stop reads the mappings anew; a process that has ended keeps what was read of it */
	if (np_err_drop(np_target_stop(s->target))) {
		names->live = false;
		return false;
	}
	np_target_resume(s->target);
	if (s->v8)
		np_v8_invalidate(s->v8);
	np_arena_reset(names->arena);
	names->found = 0;
	return true;
}

int np_code_names_pid(const np_code_names *names)
{
	return (int)np_target_pid(names->session.target);
}

int64_t np_code_names_uid(const np_code_names *names)
{
	return names->live ? np_side_file_process_uid(np_target_pid(names->session.target)) : NP_UID_NONE;
}

const char *np_code_names_problem(const np_code_names *names)
{
	return names->problem;
}

/* The process's number in its own namespace: that is what it names its map by. */
static int inner_pid(int pid)
{
	char path[40], line[256];
	int inner = pid;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *last = strrchr(line, '\t');
		if (!strncmp(line, "NSpid:", 6) && last)
			inner = atoi(last + 1);
	}
	if (f)
		fclose(f);
	return inner;
}

char *np_code_names_map_path(const np_code_names *names)
{
	char *path = NULL;
	int pid = np_code_names_pid(names);
	if (!names->live || asprintf(&path, "/proc/%d/root/tmp/perf-%d.map", pid, inner_pid(pid)) < 0)
		return NULL;
	return path;
}
