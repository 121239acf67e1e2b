/* handles: what keeps the loop alive. */
#include "heap/handles.h"
#include "sql/tables.h"
#include "target/sockets.h"
#include "v8/function.h"
#include "v8/script.h"

enum {
	TYPE, ADDRESS, CLASS, OWNER, IS_REQUEST, IS_ACTIVE, IS_REFERENCED, NAME, LOCAL, REMOTE, FD, CALLBACK, FUNCTION, FILE_NAME,
	LINE, DUE, PERIOD, IS_REPEATED
};

static const struct sql_column columns[] = {
	[TYPE] = {"type", SQL_TEXT, SQL_KEY_NONE,
		  "tcp, tcp-server, pipe, pipe-server, tty, udp, timer, immediate, process, worker, message-port, signal, fs-event, "
		  "fs-stat, http (a parser at work); requests: fs, dns, connect, write, shutdown, send, crypto"},
	[ADDRESS] = {"address", SQL_ADDRESS, SQL_KEY_NONE, "objects.address of the timer, the immediate, or the handle of Node's own"},
	[CLASS] = {"class", SQL_TEXT, SQL_KEY_NONE, "objects.class of the owner, else of the handle"},
	[OWNER] = {"owner", SQL_ADDRESS, SQL_KEY_NONE, "the object of the program: Socket, Server, ChildProcess, ...; NULL: not known"},
	[IS_REQUEST] = {"is_request", SQL_BOOL, SQL_KEY_NONE, "1: a piece of work that ends by itself"},
	[IS_ACTIVE] = {"is_active", SQL_BOOL, SQL_KEY_NONE, "1: it waits for something; NULL: not known"},
	[IS_REFERENCED] = {"is_referenced", SQL_BOOL, SQL_KEY_NONE,
			   "1: keeps the loop alive while it is active; 0: unref() was called; NULL: not known"},
	[NAME] = {"name", SQL_TEXT, SQL_KEY_NONE, "what it is about: host, command, signal, path, method and URL"},
	[LOCAL] = {"local", SQL_TEXT, SQL_KEY_NONE,
		   "own address of a socket, path of a pipe; of a core, what the program once asked for; NULL: not known"},
	[REMOTE] = {"remote", SQL_TEXT, SQL_KEY_NONE, "the other end's address; a host's name where only that is known"},
	[FD] = {"fd", SQL_INTEGER, SQL_KEY_NONE, "file descriptor; NULL: none, or not known"},
	[CALLBACK] = {"callback", SQL_ADDRESS, SQL_KEY_NONE, "closures.address of the function that is called"},
	[FUNCTION] = {"function", SQL_TEXT, SQL_KEY_NONE, "its name"},
	[FILE_NAME] = {"file", SQL_TEXT, SQL_KEY_NONE, "its script"},
	[LINE] = {"line", SQL_INTEGER, SQL_KEY_NONE, "where it begins, from 1"},
	[DUE] = {"due_ms", SQL_INTEGER, SQL_KEY_NONE, "of a timer: milliseconds from the loop's time on; negative: late; NULL: not known"},
	[PERIOD] = {"period_ms", SQL_INTEGER, SQL_KEY_NONE, "of a timer: how long it was set for"},
	[IS_REPEATED] = {"is_repeated", SQL_BOOL, SQL_KEY_NONE, "of a timer: 1: setInterval()"},
};

struct state {
	size_t next, at;
	bool has_shared, is_readable;
	struct np_shared shared;
	struct np_socket_addresses addresses; /* of a live process */
	bool has_addresses;
};

static double rows(const struct np_sql *sql)
{
	return sql->handles ? (double)sql->handles->count : 1000;
}

static np_err *begin(struct sql_cursor *c, const struct sql_key_value *key)
{
	struct np_sql *sql = c->sql;
	if (sql->handles)
		return NULL;
	NP_TRY(sql_need(sql, NP_SQL_NEED_REACH));
	struct np_handles *handles = NP_NEW(sql->arena, struct np_handles);
	NP_TRY(np_handles_load(sql->heap.graph, sql->heap.classes, sql->heap.roots, sql->heap.reach, sql->arena, handles));
	sql->handles = handles;
	return NULL;
}

static np_err *step(struct sql_cursor *c)
{
	struct state *s = c->state;
	np_arena_reset(c->arena);
	s->has_shared = s->has_addresses = false;
	s->at = s->next++;
	c->eof = s->at >= c->sql->handles->count;
	return NULL;
}

static void cell_known(struct sql_cell *ret, enum np_known known)
{
	if (known != NP_KNOWN_NOT)
		sql_cell_integer(ret, known == NP_KNOWN_YES);
}

static void cell_object(struct sql_cell *ret, np_addr at)
{
	sql_cell_address(ret, at ? at | 1 : 0);
}

/* What the kernel says now, where the process lives; else what JavaScript remembers. */
static void cell_socket(struct sql_cursor *c, const struct np_loop_handle *h, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	if (h->fd >= 0 && !s->has_addresses) {
		s->has_addresses = true;
		s->addresses = (struct np_socket_addresses){0};
		np_socket_addresses(c->sql->source.target, h->fd, c->arena, &s->addresses);
	}
	const char *live = !s->has_addresses ? NULL : column == LOCAL ? s->addresses.local : s->addresses.remote;
	sql_cell_text(ret, live ? live : column == LOCAL ? h->local : h->remote);
}

static void cell_function(struct sql_cursor *c, np_addr callback, int column, struct sql_cell *ret)
{
	struct state *s = c->state;
	np_v8 *v8 = c->sql->source.v8;
	const struct np_script *script;
	np_addr shared;
	int line, at;
	if (!callback)
		return;
	if (column == FUNCTION) {
		sql_cell_text(ret, np_function_name(v8, callback, c->arena));
		return;
	}
	if (!s->has_shared)
		s->is_readable = np_function_shared(v8, callback, &shared) &&
				 !np_err_drop(np_shared_load(v8, shared, c->arena, &s->shared));
	s->has_shared = true;
	if (!s->is_readable || !s->shared.script || np_err_drop(np_script_load(v8, s->shared.script, &script)))
		return;
	if (column == FILE_NAME)
		sql_cell_text(ret, script->name);
	else if (np_script_line_column(script, s->shared.start, &line, &at))
		sql_cell_integer(ret, line);
}

static np_err *cell(struct sql_cursor *c, int column, struct sql_cell *ret)
{
	const struct np_loop_handle *h = &c->sql->handles->all[((struct state *)c->state)->at];
	np_vertex owner;
	bool is_timer = h->type == NP_HANDLE_TIMER;
	switch (column) {
	case TYPE:
		sql_cell_lasting(ret, np_handle_type_name(h->type));
		break;
	case ADDRESS:
		sql_cell_node(c->sql, ret, h->node);
		break;
	case CLASS:
		owner = h->owner ? np_graph_find(c->sql->heap.graph, h->owner) : NP_VERTEX_NONE;
		sql_cell_lasting(ret, sql_class_name(c->sql, owner == NP_VERTEX_NONE ? h->node : owner));
		break;
	case OWNER:
		cell_object(ret, h->owner);
		break;
	case IS_REQUEST:
		sql_cell_integer(ret, np_handle_type_is_request(h->type));
		break;
	case IS_ACTIVE:
		cell_known(ret, h->active);
		break;
	case IS_REFERENCED:
		cell_known(ret, h->referenced);
		break;
	case NAME:
		sql_cell_text(ret, h->name);
		ret->is_content = true;
		break;
	case LOCAL:
	case REMOTE:
		cell_socket(c, h, column, ret);
		ret->is_content = true;
		break;
	case FD:
		if (h->fd >= 0)
			sql_cell_integer(ret, h->fd);
		break;
	case CALLBACK:
		cell_object(ret, h->callback);
		break;
	case DUE:
		if (h->has_due)
			sql_cell_integer(ret, h->due_ms);
		break;
	case PERIOD:
		if (h->period_ms >= 0)
			sql_cell_integer(ret, h->period_ms);
		break;
	case IS_REPEATED:
		if (is_timer)
			sql_cell_integer(ret, h->is_repeated);
		break;
	default:
		cell_function(c, h->callback, column, ret);
	}
	return NULL;
}

const struct sql_table sql_table_handles = {
	.name = "handles",
	.about = "what keeps the loop alive: sockets, servers, timers, immediates, child processes, workers, requests",
	.columns = columns,
	.column_count = NP_ARRAY_LEN(columns),
	.state_bytes = sizeof(struct state),
	.needs_heap = true,
	.rows = rows,
	.begin = begin,
	.step = step,
	.cell = cell,
};
