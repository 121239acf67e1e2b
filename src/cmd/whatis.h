/* Parts of `nopsy whatis`: one file for what V8 knows, one for the rest of the process. */
#ifndef NP_CMD_WHATIS_H
#define NP_CMD_WHATIS_H

#include "cmd/cmd.h"
#include "cmd/session.h"
#include "heap/pages.h"

struct whatis {
	struct np_invocation *inv;
	np_target *target;
	np_v8 *v8;	/* NULL: no V8 in it, or it could not be read */
	np_heap *heap;	/* NULL: its layout is not known */
	bool search;	/* the whole heap, whatever its size */
};

/* May the whole heap be searched: it was asked for, or it is small? */
bool np_whatis_may_search(struct whatis *w);

/* Each returns NULL when the address is nothing of the kind, else the record: kind, address, and what belongs to it. */
np_node *np_whatis_heap(struct whatis *w, np_addr addr);
np_node *np_whatis_symbol(struct whatis *w, np_addr addr);
np_node *np_whatis_stack(struct whatis *w, np_addr addr);
np_node *np_whatis_malloc(struct whatis *w, np_addr addr);
np_node *np_whatis_mapping(struct whatis *w, np_addr addr);

/* {start, end, prot, offset, path}; sets `mapping` when the address is mapped. */
void np_whatis_set_mapping(struct whatis *w, np_node *n, np_addr addr);
/* ArrayBuffer or string that owns native memory; sets `owner`. */
void np_whatis_set_owner(struct whatis *w, np_node *n, np_addr addr, np_addr from);

#endif
