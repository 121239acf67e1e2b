#include "out/redact.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "out/node.h"

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void sha256_block(uint32_t h[8], const unsigned char *p)
{
	static const uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	};
	uint32_t w[64], v[8];
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
		       p[4 * i + 3];
	for (int i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	memcpy(v, h, sizeof(v));
	for (int i = 0; i < 64; i++) {
		uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (int i = 0; i < 8; i++)
		h[i] += v[i];
}

uint32_t np_redact_hash(const char *s, size_t n)
{
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	unsigned char last[128] = {0};
	size_t whole = n / 64 * 64, rest = n - whole, padded = rest < 56 ? 64 : 128;
	for (size_t i = 0; i < whole; i += 64)
		sha256_block(h, (const unsigned char *)s + i);
	if (rest)
		memcpy(last, s + whole, rest);
	last[rest] = 0x80;
	for (int i = 0; i < 8; i++)
		last[padded - 1 - i] = (unsigned char)((uint64_t)n * 8 >> (8 * i));
	for (size_t i = 0; i < padded; i += 64)
		sha256_block(h, last + i);
	return h[0];
}

static uint64_t code_points(const char *s, size_t n)
{
	uint64_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += (s[i] & 0xc0) != 0x80;
	return count;
}

void np_redact_text(struct np_buf *buf, const char *s, size_t n, uint64_t chars)
{
	if (chars == SIZE_MAX)
		chars = code_points(s, n);
	np_buf_printf(buf, "<redacted %" PRIu64 " char%s, %08x>", chars, chars == 1 ? "" : "s", np_redact_hash(s, n));
}

void np_redact_hex(struct np_buf *buf, const char *hex, size_t n, uint64_t total_bytes)
{
	uint64_t bytes = total_bytes ? total_bytes : n / 2;
	np_buf_printf(buf, "<redacted %" PRIu64 " byte%s, %08x>", bytes, bytes == 1 ? "" : "s", np_redact_hash(hex, n));
}

void np_redact_stack(struct np_buf *buf, const char *s, size_t n)
{
	/* Frames begin at the first line that looks like V8's "    at "; a message may imitate
	   one, so it is the last run of such lines that counts as frames. */
	while (n > 0 && s[n - 1] == '\n')
		n--;
	size_t frames = n;
	while (frames > 0) {
		const char *newline = memrchr(s, '\n', frames == n ? n : frames - 1);
		size_t start = newline ? (size_t)(newline + 1 - s) : 0;
		size_t stop = frames == n ? n : frames - 1;
		if (stop - start < 7 || memcmp(s + start, "    at ", 7))
			break;
		frames = start;
	}
	size_t head = frames == n ? n : frames ? frames - 1 : 0;
	np_redact_text(buf, s, head, SIZE_MAX);
	if (frames < n) {
		np_buf_putc(buf, '\n');
		np_buf_add(buf, s + frames, n - frames);
	}
}

enum redact_as np_redact_field(const np_node *value, const char *key)
{
	const char *type = np_node_text(value, "type");
	if (!type)
		return REDACT_NOT;
	if (!strcmp(key, "value"))
		return !strcmp(type, "string") ? REDACT_TEXT : REDACT_NOT;
	if (!strcmp(key, "message"))
		return REDACT_TEXT;
	if (!strcmp(key, "stack"))
		return REDACT_STACK;
	if (!strcmp(key, "bytes"))
		return REDACT_HEX;
	/* the elements of a view on bytes are those bytes */
	if (!strcmp(key, "elements") && !strcmp(type, "typedarray"))
		return REDACT_LIST;
	return REDACT_NOT;
}
