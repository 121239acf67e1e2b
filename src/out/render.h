/*
 * Inside of the out layer: the renderers.
 *
 * The text renderer appends to a buffer.  "Inline" functions write within a
 * line; "block" functions write whole lines, each ended by a newline, and flush
 * the buffer to the stream between lines.
 */
#ifndef NP_OUT_RENDER_H
#define NP_OUT_RENDER_H

#include "out/node.h"
#include "out/paint.h"

struct text {
	struct np_buf buf;
	const struct np_render *how;
	FILE *out;
	int depth; /* of records and lists being rendered */
};

void np_render_json(const np_node *root, const struct np_render *how, FILE *out);
void np_render_text(const np_node *root, const struct np_render *how, FILE *out);

/* text.c */
void np_block_node(struct text *t, const np_node *node, const struct np_shape *shape, int indent);
void np_block_children(struct text *t, const np_node *obj, const struct np_shape *shape, int indent);
void np_text_flush(struct text *t);

/* line.c */
void np_inline_template(struct np_buf *buf, const struct np_render *how, const char *line, const np_node *obj,
			int depth);
void np_inline_field(struct np_buf *buf, const struct np_render *how, const struct node_field *field, enum role role,
		  int depth);
void np_inline_node(struct np_buf *buf, const struct np_render *how, const np_node *node, const struct np_shape *shape,
		 enum role role, int depth);

/* table.c */
void np_block_table(struct text *t, const np_node *list, const struct np_shape *shape, int indent);

/* value.c */
void np_inline_value(struct np_buf *buf, const struct np_render *how, const np_node *value, int depth);
/* Goes on in the current line, without a newline at the end; further lines are indented. */
void np_put_value(struct text *t, const np_node *value, int indent);

#endif
