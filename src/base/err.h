/*
 * Errors: a chain of "what was being done", printed once, outermost first.
 *
 * A function that can fail returns np_err * and NULL means success; results
 * are the last parameters and untouched on failure.  The innermost error has
 * the code and, for memory faults, the address; np_err_wrap() adds context.
 */
#ifndef NP_BASE_ERR_H
#define NP_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

enum np_code {
	NP_ENOMEM = 1, /* out of memory */
	NP_EIO,	       /* a file or system call failed (errno in the text) */
	NP_EFAULT,     /* target memory at an address cannot be read */
	NP_EFORMAT,    /* file or memory content is not what it should be */
	NP_EUSAGE,     /* the caller (user) asked for something malformed */
	NP_EPERM,      /* not permitted; the text says which permission */
	NP_EGONE,      /* the process exited under us */
	NP_EMISMATCH,  /* executable and core do not belong together */
	NP_EMISSING,   /* a layout fact is not known for this V8 */
	NP_ELIMIT,     /* a depth, size or cycle limit was reached */
	NP_ENOTNODE,   /* the target holds no V8 */
	NP_ENOTFOUND,  /* no such thing */
};

typedef struct np_err np_err;

#define NP_MUST __attribute__((warn_unused_result))
#define NP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* New errors.  Never return NULL (a static error stands in when memory is out). */
np_err *np_err_new(enum np_code code, const char *fmt, ...) NP_PRINTF(2, 3) NP_MUST;
np_err *np_err_sys(enum np_code code, const char *fmt, ...) NP_PRINTF(2, 3) NP_MUST; /* appends strerror(errno) */
np_err *np_err_fault(np_addr addr, const char *fmt, ...) NP_PRINTF(2, 3) NP_MUST;
/* Adds an outer line; takes ownership of cause. */
np_err *np_err_wrap(np_err *cause, const char *fmt, ...) NP_PRINTF(2, 3) NP_MUST;
void np_err_free(np_err *err);

/* Innermost code; 0 for NULL. */
enum np_code np_err_code(const np_err *err);
/* Faulting address of an NP_EFAULT; false when there is none. */
bool np_err_address(const np_err *err, np_addr *ret);
/* "outer: inner: cause"; owned by the error, valid until it is freed. */
const char *np_err_message(np_err *err);
/* Frees the error and returns its code: for callers that carry on. */
enum np_code np_err_drop(np_err *err);

#define NP_TRY(expr)                          \
	do {                                  \
		np_err *np_try_err_ = (expr); \
		if (np_try_err_)              \
			return np_try_err_;   \
	} while (0)

#endif
