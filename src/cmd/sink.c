#include "cmd/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cmd/pager.h"

struct np_sink_state {
	bool borrowed;	  /* the stream is the caller's */
	const char *path; /* of --output, else NULL */
	bool created, begun;
	int fd;
	struct np_pager pager;
	struct np_buf held; /* what may yet go to a pager */
	bool holding;
	size_t rows, rows_max; /* of the screen */
	int columns;
	int error;  /* errno of the first failed write */
};

static void write_all(struct np_sink_state *s, const char *p, size_t n)
{
	while (n > 0 && !s->error) {
		ssize_t wrote = write(s->fd, p, n);
		if (wrote < 0 && errno != EINTR)
			s->error = errno;
		if (wrote > 0) {
			p += wrote;
			n -= (size_t)wrote;
		}
	}
}

/* Lines on the screen, long ones counted as often as they wrap (bytes are taken for columns). */
static void count_rows(struct np_sink_state *s, const char *p, size_t n)
{
	while (n > 0) {
		const char *newline = memchr(p, '\n', n);
		size_t len = newline ? (size_t)(newline - p) : n;
		s->rows += s->columns > 0 ? len / (size_t)s->columns : 0;
		s->rows += newline != NULL;
		len += newline != NULL;
		p += len;
		n -= len;
	}
}

/* The old content of a file goes only now that there is a new one. */
static void begin_file(struct np_sink_state *s)
{
	struct stat st;
	s->begun = true;
	if (!s->path || s->created || fstat(s->fd, &st) || !S_ISREG(st.st_mode))
		return;
	if (fchmod(s->fd, 0600) || ftruncate(s->fd, 0))
		s->error = errno;
}

static ssize_t sink_write(void *cookie, const char *p, size_t n)
{
	struct np_sink_state *s = cookie;
	if (!s->begun)
		begin_file(s);
	if (s->holding) {
		np_buf_add(&s->held, p, n);
		count_rows(s, p, n);
		if (s->rows < s->rows_max)
			return (ssize_t)n;
		s->holding = false;
		if (np_pager_start(&s->pager))
			s->fd = s->pager.fd;
		write_all(s, s->held.data, s->held.len);
		np_buf_deinit(&s->held);
	} else {
		write_all(s, p, n);
	}
	if (s->error) {
		errno = s->error;
		return 0;
	}
	return (ssize_t)n;
}

static np_err *open_output(struct np_sink_state *s, const char *path)
{
	/* not truncated before there is an answer */
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	s->created = s->fd >= 0;
	if (s->fd < 0 && errno == EEXIST)
		s->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (s->fd < 0)
		return np_err_sys(NP_EIO, "creating %s", path);
	s->path = path;
	return NULL;
}

static void measure_terminal(struct np_sink *sink)
{
	struct winsize w;
	struct np_sink_state *s = sink->state;
	if (!isatty(s->fd))
		return;
	sink->is_terminal = true;
	sink->width = 80;
	if (!ioctl(s->fd, TIOCGWINSZ, &w) && w.ws_col > 0) {
		sink->width = w.ws_col;
		s->rows_max = w.ws_row;
		s->columns = w.ws_col;
	}
	s->holding = s->rows_max > 0 && np_pager_wanted();
}

np_err *np_sink_open(const struct np_globals *globals, FILE *out, struct np_sink *ret)
{
	struct np_sink sink = {.state = np_xcalloc(1, sizeof(*sink.state))};
	struct np_sink_state *s = sink.state;
	np_err *err = NULL;
	s->fd = STDOUT_FILENO;
	if (globals->output && strcmp(globals->output, "-")) {
		err = open_output(s, globals->output);
		if (err) {
			free(s);
			return err;
		}
	} else if (out) {
		s->borrowed = true;
		sink.file = out;
		*ret = sink;
		return NULL;
	} else {
		measure_terminal(&sink);
	}
	sink.file = fopencookie(s, "w", (cookie_io_functions_t){.write = sink_write});
	if (!sink.file) {
		err = np_err_sys(NP_EIO, "opening the output");
		if (s->path)
			close(s->fd);
		free(s);
		return err;
	}
	*ret = sink;
	return NULL;
}

np_err *np_sink_close(struct np_sink *sink, bool keep)
{
	struct np_sink_state *s = sink->state;
	np_err *err = NULL;
	if (s->borrowed) {
		if (fflush(sink->file) && errno != EPIPE)
			err = np_err_sys(NP_EIO, "writing the answer");
	} else {
		fclose(sink->file);
		if (s->held.len)
			write_all(s, s->held.data, s->held.len);
		np_buf_deinit(&s->held);
		np_pager_finish(&s->pager);
		if (s->path && close(s->fd) && !s->error)
			s->error = errno;
		if (s->path && s->created && !keep)
			unlink(s->path);
		if (s->error && s->error != EPIPE) {
			errno = s->error;
			err = np_err_sys(NP_EIO, "writing %s", s->path ? s->path : "the answer");
		}
	}
	free(s);
	sink->state = NULL;
	sink->file = NULL;
	return err;
}

/* Terminals that are known to understand OSC 8; the others may print it. */
static bool terminal_has_links(void)
{
	static const char *const programs[] = {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper"};
	const char *program = getenv("TERM_PROGRAM"), *vte = getenv("VTE_VERSION");
	for (size_t i = 0; program && i < NP_ARRAY_LEN(programs); i++)
		if (!strcmp(program, programs[i]))
			return true;
	return (vte && atoi(vte) >= 5000) || getenv("KITTY_WINDOW_ID") || getenv("KONSOLE_VERSION");
}

struct np_render np_sink_render(const struct np_sink *sink, const struct np_globals *globals)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct np_render how = {.json = globals->json, .redact = globals->redact, .width = sink->width};
	how.color = sink->is_terminal && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	how.links = how.color && terminal_has_links();
	if (globals->color == NP_COLOR_ALWAYS)
		how.color = true;
	if (globals->color == NP_COLOR_NEVER)
		how.color = how.links = false;
	if (how.json)
		how.color = how.links = false;
	return how;
}
