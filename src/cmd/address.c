#include "cmd/address.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "v8/map.h"
#include "v8/value.h"

np_err *np_address_parse(const char *text, np_arena *arena, struct np_address_arg *ret)
{
	struct np_address_arg a = {0};
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = hex ? text + 2 : text;
	size_t n = hex ? strspn(digits, "0123456789abcdefABCDEF") : strspn(digits, "0123456789");
	if (!hex && isxdigit((unsigned char)digits[n])) { /* hex without 0x, as debuggers print it */
		hex = true;
		n = strspn(digits, "0123456789abcdefABCDEF");
	}
	const char *rest = digits + n;
	if (!n || n > 20 || (*rest && *rest != '.' && *rest != '['))
		return np_err_new(NP_EUSAGE, "`%s` is no address: expected 0x… with an optional member path", text);
	char *number = np_arena_strndup(arena, digits, n);
	errno = 0;
	a.addr = strtoull(number, NULL, hex ? 16 : 10);
	if (errno)
		return np_err_new(NP_EUSAGE, "`%s` is out of range for an address", text);
	a.path = rest;
	/* A Smi has an empty low half; an untagged address is taken for the object there. */
	if ((a.addr & 7) == 0 && (a.addr & 0xffffffff || a.addr == 0))
		a.tagged = np_tag(a.addr);
	else
		a.tagged.raw = a.addr;
	*ret = a;
	return NULL;
}

np_err *np_address_resolve(np_v8 *v8, const char *text, np_arena *arena, np_tagged *ret, double *ret_double,
			   bool *ret_is_double)
{
	struct np_address_arg a;
	NP_TRY(np_address_parse(text, arena, &a));
	return np_value_member(v8, a.tagged, a.path, arena, ret, ret_double, ret_is_double);
}

np_err *np_address_object(np_v8 *v8, const char *text, np_arena *arena, np_addr *ret)
{
	np_tagged t;
	double number;
	bool is_double;
	const struct np_map *map;
	NP_TRY(np_address_resolve(v8, text, arena, &t, &number, &is_double));
	if (is_double || !np_is_ref(t) || !np_map_of(v8, np_ref(t), &map))
		return np_err_new(NP_ENOTFOUND, "no heap object at %s", text);
	*ret = np_ref(t);
	return NULL;
}
