/* Names of edges, for walks over many: what depends on the shape alone is asked for once. */
#ifndef NP_SQL_EDGE_NAMES_H
#define NP_SQL_EDGE_NAMES_H

#include "heap/edge.h"
#include "sql/table.h"

/* A holder whose edges are being named. Zero-initialise. */
struct sql_edge_holder {
	bool is_known;
	np_vertex node, owner; /* owner: of which it is a store; NP_VERTEX_NONE */
	bool is_property_array; /* of the owner, in the order of its map */
	uint32_t *offsets;	/* of its edges; UINT32_MAX none */
	size_t room;
	bool has_offsets;
};

/* Makes node the holder; finds its owner, for which the reverse edges are needed. */
void sql_edge_holder_set(struct np_sql *sql, struct sql_edge_holder *holder, np_vertex node);
void sql_edge_holder_deinit(struct sql_edge_holder *holder);
/* Edge k, as the owner calls it if there is one. Strings live in the arena, or longer. */
void sql_edge_name(struct np_sql *sql, struct sql_edge_holder *holder, uint32_t k, np_arena *arena,
		   struct np_edge_name *ret);

#endif
