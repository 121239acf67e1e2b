/*
 * perf_script_input MEGABYTES STACKS SYMBOLS: what `perf script` prints of a busy Node.js, in any size, on standard
 * output. The numbers follow what was measured on an express application (75 s at 999 Hz: 39,412 samples of 37 lines,
 * 19,269 different stacks, 37,536 symbols, lines of 104 bytes, four frames in ten JavaScript).
 *
 * Stacks are those of a tree: each shares its callers with one before it and goes on for some frames of its own. Half of
 * the samples are of the stack that comes next, half of one of the hot ones, until each has come; then they come again.
 * Nothing is kept but the tree, so that a stream of any length can be made. The same arguments give the same text.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 37, SITES = 4 };

struct frame {
	char text[176];
	unsigned len;
};

struct stack {
	uint32_t sites[2 * DEPTH];
	unsigned depth;
};

static uint64_t state = 0x9e3779b97f4a7c15ull;

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(((state >> 32) * n) >> 32);
}

/* Small numbers more often than large ones. */
static uint32_t random_low(uint32_t n)
{
	uint64_t r = random_below(n);
	r = r * random_below(n) / n;
	return (uint32_t)(r * random_below(n) / n);
}

static const char *const names[] = {"parserOnHeadersComplete", "next", "handle", "Layer.handle [as handle_request]",
	"compileFunction", "readableAddChunk", "emit", "processTicksAndRejections", "serveStatic", "query", "render",
	"get body", "parse", "stringify", "callback", ""};
static const char *const files[] = {"/srv/app/node_modules/express/lib/router/layer.js",
	"/srv/app/node_modules/ejs/lib/ejs.js", "node:_http_server", "node:internal/process/task_queues",
	"/srv/app/node_modules/typescript/lib/typescript.js", "/srv/app/server.js", "node:internal/streams/readable",
	"/srv/app/node_modules/handlebars/dist/cjs/handlebars/compiler/javascript-compiler.js"};
static const char *const natives[] = {"v8::internal::(anonymous namespace)::Invoke", "v8::Function::Call",
	"node::InternalMakeCallback", "uv__stream_io", "node::StreamBase::WriteString<(node::encoding)1>",
	"v8::internal::Heap::CollectGarbage", "v8::internal::Builtin_HandleApiCall", "Builtins_JSEntryTrampoline",
	"node::crypto::Hash::HashUpdate", "operator new(unsigned long)", "v8::internal::JsonStringify",
	"std::_Hashtable<int, std::pair<int const, node::BaseObject*>, std::allocator<int> >::find"};
static const char *const kernels[] = {"do_syscall_64", "entry_SYSCALL_64_after_hwframe", "tcp_sendmsg", "__x64_sys_writev",
	"_raw_spin_unlock_irqrestore", "__handle_mm_fault"};

static void frame_make(struct frame *f, uint32_t symbol, uint32_t site)
{
	uint32_t kind = symbol % 10, offset = site * 0x49 + symbol % 0x40;
	uint64_t address = 0x7f6a1dfc0000ull + symbol * 0x480ull + offset;
	int n;
	if (kind < 4)
		n = snprintf(f->text, sizeof(f->text), "\t%16llx JS:%c%s%s %s:%u:%u+0x%x (/tmp/perf-6047.map)\n",
			     (unsigned long long)address, "~^+*"[symbol / 10 % 4], names[symbol / 40 % 16],
			     symbol / 640 % 3 ? "" : "Sync", files[symbol / 16 % 8], 1 + symbol / 7 % 4000, 1 + symbol % 80, offset);
	else if (kind < 9)
		n = snprintf(f->text, sizeof(f->text), "\t%16llx %s%u+0x%x (%s)\n", (unsigned long long)address % 0x2000000,
			     natives[symbol / 10 % 12], symbol / 120, offset,
			     kind < 8 ? "/usr/local/bin/node" : "/usr/lib/x86_64-linux-gnu/libc.so.6");
	else
		n = snprintf(f->text, sizeof(f->text), "\tffffffff%08llx %s%u+0x%x ([kernel.kallsyms])\n",
			     (unsigned long long)address & 0xffffffff, kernels[symbol / 10 % 6], symbol / 60, offset);
	f->len = (unsigned)n;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: perf_script_input MEGABYTES STACKS SYMBOLS\n");
		return 2;
	}
	double left = atof(argv[1]) * 1e6;
	uint32_t stack_count = (uint32_t)atol(argv[2]), symbols = (uint32_t)atol(argv[3]), site_count = symbols * SITES;
	struct frame *frames = calloc(site_count, sizeof(*frames));
	struct stack *stacks = calloc(stack_count, sizeof(*stacks));
	char *out = malloc(4 << 20);
	size_t len = 0;
	uint64_t time = 27651000000;
	if (!frames || !stacks || !out)
		return 1;
	for (uint32_t i = 0; i < site_count; i++)
		frame_make(&frames[i], i / SITES, i % SITES);
	for (uint32_t i = 0; i < stack_count; i++) {
		struct stack *s = &stacks[i];
		const struct stack *from = &stacks[i ? random_below(i) : 0];
		unsigned depth = DEPTH - 12 + random_below(25), shared = depth > 4 ? depth - 1 - random_low(depth - 4) : 0;
		shared = shared < from->depth ? shared : from->depth;
		memcpy(s->sites, from->sites, shared * sizeof(s->sites[0]));
		for (s->depth = shared; s->depth < depth; s->depth++)
			s->sites[s->depth] = random_low(site_count);
	}
	for (uint32_t next = 0, threads = 0; left > 0; threads++) {
		const struct stack *s;
		if (random_below(2)) {
			s = &stacks[next++ % stack_count];
		} else {
			uint32_t known = next < stack_count ? next : stack_count;
			s = &stacks[known ? random_low(known) : 0];
		}
		time += 1001;
		size_t from = len;
		if (random_below(30))
			len += (size_t)sprintf(out + len, "node  6047 %llu.%06llu:    1001001 cpu-clock:pppH: \n",
					       (unsigned long long)time / 1000000, (unsigned long long)time % 1000000);
		else
			len += (size_t)sprintf(out + len, "V8 Worker  %u %llu.%06llu:    1001001 cpu-clock:pppH: \n", 6050 + threads % 4,
					       (unsigned long long)time / 1000000, (unsigned long long)time % 1000000);
		for (unsigned i = s->depth; i-- > 0;) {
			const struct frame *f = &frames[s->sites[i]];
			memcpy(out + len, f->text, f->len);
			len += f->len;
		}
		out[len++] = '\n';
		left -= (double)(len - from);
		if (len > 3 << 20) {
			if (fwrite(out, 1, len, stdout) != len)
				return 1;
			len = 0;
		}
	}
	return fwrite(out, 1, len, stdout) != len;
}
