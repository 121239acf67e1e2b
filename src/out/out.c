#include "out/out.h"

#include <errno.h>

#include "out/render.h"

np_err *np_render(const np_node *root, const struct np_render *how, FILE *out)
{
	errno = 0;
	if (how->json)
		np_render_json(root, how, out);
	else
		np_render_text(root, how, out);
	if (fflush(out) || ferror(out))
		return np_err_sys(NP_EIO, "writing the answer");
	return NULL;
}
