/*
 * Inside of the out layer: --redact.  Content becomes its length and a short
 * hash, `<redacted 12 chars, 9f86d081>`: equal contents stay recognisable as
 * equal, and nothing else is told.  The hash is the first 32 bits of SHA-256
 * (FIPS 180-4): too short to find a long secret by, but a guess can be checked
 * with it, so it hides no short ones from someone who tries them all.
 */
#ifndef NP_OUT_REDACT_H
#define NP_OUT_REDACT_H

#include "base/buf.h"
#include "out/out.h"

uint32_t np_redact_hash(const char *s, size_t n);
/* chars: length as the target counts it; SIZE_MAX counts code points of s. */
void np_redact_text(struct np_buf *buf, const char *s, size_t n, uint64_t chars);
/* Bytes in hex, as VALUEs of buffers hold them; total_bytes 0 = those given. */
void np_redact_hex(struct np_buf *buf, const char *hex, size_t n, uint64_t total_bytes);
/* An error's stack: its head is content, its frames are not. */
void np_redact_stack(struct np_buf *buf, const char *s, size_t n);

/* Does key of this VALUE hold content of the target?  text is its string. */
enum redact_as { REDACT_NOT, REDACT_TEXT, REDACT_HEX, REDACT_STACK, REDACT_LIST };
enum redact_as np_redact_field(const np_node *value, const char *key);

#endif
