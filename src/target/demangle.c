/* C++ names, by the C++ runtime's own demangler; the symbol version of a name is cut off. */
#include <stdlib.h>
#include <string.h>

#include "target/internal.h"

/* <cxxabi.h> is a C++ header; this is its C linkage function. */
char *__cxa_demangle(const char *mangled, char *buf, size_t *bytes, int *status);

/* Long names can take the demangler very long, and deep. */
enum { MANGLED_MAX = 8192 };

char *np_demangle(const char *name)
{
	/* .symtab names versioned symbols "memcpy@@GLIBC_2.14". */
	size_t length = strcspn(name, "@");
	char *bare = np_xmalloc(length + 1);
	memcpy(bare, name, length);
	bare[length] = '\0';
	if (bare[0] != '_' || bare[1] != 'Z' || length >= MANGLED_MAX)
		return bare;
	int status = 0;
	char *plain = __cxa_demangle(bare, NULL, NULL, &status);
	if (!plain)
		return bare;
	free(bare);
	return plain;
}
