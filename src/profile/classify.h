/*
 * What a frame belongs to: the application, one of its dependencies, Node's own
 * JavaScript, V8, C++ of the program, a library, the kernel.  Colours, folding and
 * views by package follow from it.
 *
 * What the profile's reader knew (kind, file, module) decides; a frame that has no
 * more than a name is told by how V8, Node and the tools that write folded stacks
 * spell names.  It is a heuristic where a project keeps its own code in a folder
 * called node_modules.
 */
#ifndef NP_PROFILE_CLASSIFY_H
#define NP_PROFILE_CLASSIFY_H

#include "profile/profile.h"

enum np_code_class {
	NP_CLASS_UNKNOWN,
	NP_CLASS_APPLICATION,
	NP_CLASS_DEPENDENCY, /* in node_modules */
	NP_CLASS_CORE,	     /* Node's own JavaScript: node:, internal/ */
	NP_CLASS_V8,	     /* builtins, regular expressions, the compiler, the collector */
	NP_CLASS_CPP,	     /* other code of the node binary: node::, libuv, OpenSSL */
	NP_CLASS_LIBRARY,    /* shared libraries and addons */
	NP_CLASS_KERNEL,
	NP_CLASS_META, /* (idle), (program), threads, processes */
	NP_CLASSES
};

struct np_classified {
	enum np_code_class class;
	/* Package of a dependency ("express", "@scope/name"), base name of a library's file; else NULL. In the
	 * profile's texts. */
	const char *package;
	size_t package_len;
};

/* "application", "dependency", ...: words for people. */
const char *np_code_class_name(enum np_code_class class);
struct np_classified np_classify(const np_profile *profile, const struct np_profile_frame *frame);
/* A script by its path or URL alone: application, dependency, core, V8; unknown for "". */
struct np_classified np_classify_script(const char *file, size_t len);

#endif
