/* How it died: the signal, its code, and what these mean. */
#include <signal.h>
#include <string.h>

#include "cmd/info.h"

static const struct np_shape shape_death = {
	.name = "death",
	.style = NP_STYLE_LINE,
	.line = "{signal_name:warn}[ ({code_name})][ at {address:addr}][, {_means}][, sent by process {sender_pid}]",
	.children = "_said,_thrown",
};

static const struct {
	int signal, code; /* signal 0: any */
	const char *name, *means;
} codes[] = {
	{0, SI_USER, "SI_USER", "sent with kill()"},
	{0, SI_KERNEL, "SI_KERNEL", "sent by the kernel"},
	{0, SI_QUEUE, "SI_QUEUE", "sent with sigqueue()"},
	{0, SI_TIMER, "SI_TIMER", "sent by a timer"},
	{0, SI_TKILL, "SI_TKILL", "sent to one thread, as abort() does"},
	{SIGSEGV, SI_KERNEL, "SI_KERNEL", "an address that cannot exist: the processor does not say which"},
	{SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR", "nothing is mapped there"},
	{SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR", "that access is not allowed there"},
	{SIGSEGV, SEGV_BNDERR, "SEGV_BNDERR", "out of bounds"},
	{SIGSEGV, SEGV_PKUERR, "SEGV_PKUERR", "a protection key forbids it"},
	{SIGBUS, BUS_ADRALN, "BUS_ADRALN", "not aligned"},
	{SIGBUS, BUS_ADRERR, "BUS_ADRERR", "no such physical address (a mapped file was truncated)"},
	{SIGBUS, BUS_OBJERR, "BUS_OBJERR", "a hardware error"},
	{SIGILL, ILL_ILLOPC, "ILL_ILLOPC", "illegal opcode"},
	{SIGILL, ILL_ILLOPN, "ILL_ILLOPN", "illegal operand (V8 and Node end so when they give up)"},
	{SIGILL, ILL_PRVOPC, "ILL_PRVOPC", "privileged opcode"},
	{SIGFPE, FPE_INTDIV, "FPE_INTDIV", "integer division by zero"},
	{SIGFPE, FPE_INTOVF, "FPE_INTOVF", "integer overflow"},
	{SIGFPE, FPE_FLTDIV, "FPE_FLTDIV", "division by zero"},
	{SIGTRAP, SI_KERNEL, "SI_KERNEL",
	 "a trap instruction: V8 ends so on a failed check, and with --abort-on-uncaught-exception"},
	{SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT", "a breakpoint (V8 ends so on a failed check)"},
	{SIGTRAP, TRAP_TRACE, "TRAP_TRACE", "a trace trap"},
};

np_node *np_info_death(np_arena *arena, np_target *target)
{
	const struct np_process_facts *facts = np_target_facts(target);
	if (!facts->signal)
		return NULL;
	np_node *death = np_obj(arena, &shape_death);
	const char *abbreviation = sigabbrev_np(facts->signal);
	np_set_int(death, "signal", facts->signal);
	np_set_str(death, "signal_name", abbreviation ? np_arena_printf(arena, "SIG%s", abbreviation)
						      : np_arena_printf(arena, "signal %d", facts->signal));
	np_set_int(death, "code", facts->signal_code);
	for (size_t i = 0; i < NP_ARRAY_LEN(codes); i++) {
		if ((codes[i].signal == 0 || codes[i].signal == facts->signal) && codes[i].code == facts->signal_code) {
			np_set_str(death, "code_name", codes[i].name);
			np_set_str(death, "_means", codes[i].means);
		}
	}
	bool fault = facts->signal_code > 0 &&
		     (facts->signal == SIGSEGV || facts->signal == SIGBUS || facts->signal == SIGILL ||
		      facts->signal == SIGFPE || facts->signal == SIGTRAP);
	if (fault && facts->signal_code != SI_KERNEL)
		np_set_addr(death, "address", facts->signal_addr);
	if (facts->signal_sender_pid) {
		np_set_int(death, "sender_pid", facts->signal_sender_pid);
		if (facts->signal_sender_pid == np_target_pid(target)) {
			np_hide(death, "sender_pid");
			np_set_bool(death, "self", true);
			np_set_str(death, "_means",
				   facts->signal == SIGABRT ? "sent by itself: abort()" : "sent by itself");
		}
	}
	return death;
}
