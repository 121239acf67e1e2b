/* nopsy whatis: what lies at any address. */
#include "cmd/address.h"
#include "cmd/whatis.h"

static const struct np_option options[] = {
	{"search", 's', NP_OPT_FLAG, NULL, NULL,
	 "search V8's heap for the owner of native memory and of bytecode, whatever its size (else up to 256 MiB)"},
	{0},
};

static const struct np_example examples[] = {
	{"nopsy whatis 4242 0x2f31d9c1", "the object there, or around it"},
	{"nopsy whatis core.4242 0x7ffd4a10 0x7f2a1c 0x55d0", "a stack slot, a return address, a pointer from malloc"},
	{0},
};

static const struct np_shape smi_shape = {
	.name = "smi", .style = NP_STYLE_LINE, .line = "{address}: the small integer {value:num}, not an address"};

/* A word whose lower half is empty is how V8 writes the integer in its upper half. */
static np_node *smi_node(struct whatis *w, np_addr addr)
{
	if (addr & 0xffffffff || !addr || np_target_mapping_at(w->target, addr))
		return NULL;
	np_node *n = np_obj(w->inv->arena, &smi_shape);
	np_set_addr(n, "address", addr);
	np_set_str(n, "kind", "smi");
	np_set_int(n, "value", np_smi_value((np_tagged){addr}));
	return n;
}

static np_node *describe(struct whatis *w, np_addr addr)
{
	np_node *n = smi_node(w, addr);
	if (!n)
		n = np_whatis_heap(w, addr);
	if (!n)
		n = np_whatis_symbol(w, addr);
	if (!n)
		n = np_whatis_stack(w, addr);
	if (!n)
		n = np_whatis_malloc(w, addr);
	if (!n)
		n = np_whatis_mapping(w, addr);
	return n;
}

/* A plain address as it is; with a member path, what the path leads to. */
static np_err *argument_address(struct whatis *w, const char *text, np_addr *ret)
{
	struct np_address_arg a;
	double number;
	bool is_double;
	np_tagged t;
	NP_TRY(np_address_parse(text, w->inv->arena, &a));
	*ret = a.addr;
	if (!*a.path)
		return NULL;
	if (!w->v8)
		return np_err_new(NP_EUSAGE, "%s: a member path needs a target with V8 in it", text);
	NP_TRY(np_address_resolve(w->v8, text, w->inv->arena, &t, &number, &is_double));
	if (is_double)
		return np_err_new(NP_EUSAGE, "%s is the number %g: it has no address", text, number);
	*ret = t.raw;
	return NULL;
}

static void open_heap(struct whatis *w)
{
	np_err *err = np_session_need_v8(w->inv->session);
	if (!err) {
		w->v8 = w->inv->session->v8;
		np_session_calibrate(w->inv->session);
		err = np_heap_create(w->v8, &w->heap);
	}
	/* Without V8 there is still a process. */
	if (err && np_err_code(err) != NP_ENOTNODE)
		np_partial(w->inv, "V8's heap is not recognised: %s", np_err_message(err));
	np_err_free(err);
}

static np_err *run(struct np_invocation *inv)
{
	struct whatis w = {.inv = inv, .target = inv->session->target, .search = np_opt_flag(inv, "search")};
	np_err *err = NULL;
	open_heap(&w);
	inv->result = np_list(inv->arena, NULL);
	for (size_t i = 0; i < inv->arg_count && !err; i++) {
		np_addr addr;
		err = argument_address(&w, inv->args[i], &addr);
		if (!err)
			np_add(inv->result, describe(&w, addr));
	}
	np_heap_destroy(w.heap);
	return err;
}

const struct np_command np_cmd_whatis = {
	.name = "whatis",
	.group = "Look at one moment",
	.arguments = "ADDR...",
	.min_args = 1,
	.max_args = SIZE_MAX,
	.needs = NP_NEEDS_TARGET | NP_NEEDS_STOP,
	.summary = "what lies at an address: object and field, code, symbol, stack, malloc chunk",
	.help = "Each address may be tagged or not, and may point into the middle of something. Answers are:\n\n"
		"  heap-object  the object of V8's heap around it: offset, field, type, size, space\n"
		"  code         compiled code in V8's heap: function, tier, offset of the instruction\n"
		"  page         header or free part of a page of V8's heap\n"
		"  builtin      an embedded builtin of V8, and the offset in it\n"
		"  symbol       a function or variable of the executable or a library\n"
		"  stack        a thread's stack: distance from rsp, and the frame\n"
		"  heap         memory of malloc: the chunk, and the buffer or string that owns it\n"
		"  mapping      other memory, with protection and path\n"
		"  smi          no address: a small integer as V8 writes it\n"
		"  unmapped     nothing\n\n"
		"An object that was found behind a gap in its page is `likely`, one in a damaged page a `guess`; both may be\n"
		"garbage.",
	.options = options,
	.examples = examples,
	.run = run,
};
