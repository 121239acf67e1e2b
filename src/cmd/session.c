#include "cmd/session.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/heap_view.h"
#include "v8/calibrate.h"

/* A wrong --sysroot would look like a machine on which nothing is installed. */
static np_err *sysroot_check(const char *sysroot)
{
	struct stat st;
	if (stat(sysroot, &st) == 0) {
		if (S_ISDIR(st.st_mode) && access(sysroot, X_OK) == 0)
			return NULL;
		if (!S_ISDIR(st.st_mode))
			errno = ENOTDIR;
	}
	return np_err_sys(NP_EIO, "the folder '%s' of --sysroot cannot be used", sysroot);
}

np_err *np_session_open(const char *spec, const struct np_target_options *options, struct np_session *ret)
{
	struct np_session session = {0};
	if (options && options->sysroot)
		NP_TRY(sysroot_check(options->sysroot));
	NP_TRY(np_target_open(spec, options, &session.target));
	session.exe = options ? options->exe : NULL;
	*ret = session;
	return NULL;
}

/* There is no Node.js in it, or its binary was not found. */
static np_err *no_v8_error(np_target *target)
{
	const char *exe = np_target_facts(target)->exe_path;
	for (size_t i = 0; exe && i < np_target_image_count(target); i++) {
		const np_image *image = np_target_image(target, i);
		if (!np_image_file(image) && !strcmp(np_image_path(image), exe))
			return np_err_new(NP_ENOTNODE, "its executable '%s' is not here (--sysroot DIR names a folder "
					  "that has it at that place)", exe);
	}
	return np_err_new(NP_ENOTNODE, "no Node.js in it: none of its images carries V8's symbols");
}

np_err *np_session_need_layout(struct np_session *session)
{
	if (session->layout)
		return NULL;
	if (!np_target_v8_image(session->target))
		return no_v8_error(session->target);
	return np_layout_create(session->target, &session->layout);
}

np_err *np_session_need_v8(struct np_session *session)
{
	if (session->v8)
		return NULL;
	NP_TRY(np_session_need_layout(session));
	return np_v8_create(session->target, session->layout, &session->v8);
}

void np_session_calibrate(struct np_session *session)
{
	struct np_calibration calibration;
	if (session->calibrated)
		return;
	session->calibrated = true;
	np_calibrate(session->v8, &calibration);
	np_debug("calibration: %zu functions, %zu facts confirmed, %zu found, %zu corrected", calibration.functions,
		 calibration.confirmed, calibration.found, calibration.corrected);
}

void np_session_warm(struct np_session *session)
{
	np_image *image = np_target_v8_image(session->target);
	if (session->warm || !image)
		return;
	session->warm = true;
	for (size_t i = 0; i < np_target_mapping_count(session->target); i++) {
		const struct np_mapping *m = np_target_mapping(session->target, i);
		struct np_symbol_at at;
		if (m->image != image || (m->prot >= 0 && !(m->prot & NP_PROT_X)))
			continue;
		np_target_symbol_at(session->target, m->start, &at);
		struct np_regs regs = {.valid = 1u << NP_REG_RIP | 1u << NP_REG_RSP | 1u << NP_REG_RBP}, next;
		bool is_signal;
		regs.r[NP_REG_RIP] = m->start + (m->end - m->start) / 2;
		np_err_free(np_target_unwind(session->target, &regs, true, &next, &is_signal));
		break;
	}
}

void np_session_drop_heap(struct np_session *session)
{
	np_heap_view_destroy(session->heap);
	session->heap = NULL;
}

void np_session_close(struct np_session *session)
{
	np_session_drop_heap(session);
	if (session->v8)
		np_v8_destroy(session->v8);
	if (session->layout)
		np_layout_destroy(session->layout);
	if (session->target)
		np_target_close(session->target);
	*session = (struct np_session){0};
}
