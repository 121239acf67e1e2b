/*
 * The merged tree that a flame graph draws: what was called from where, one node
 * for equal calls, with what the samples below it sum up to.
 *
 *     profile A --frames become functions--+
 *                                          +--> tree --> order of siblings, where each begins
 *     profile B (before, may be missing) --+
 *
 * A function is what frames have in common by the view that was asked for: name and
 * place, a file, a package.  Two frames that differ in their tier alone are one
 * function unless tiers are kept apart.
 *
 * Invariants:
 *   1. Node 0 is the root; a parent has a smaller number than its children.
 *   2. total = self + the totals of the children; the children of a node lie side by
 *      side, from its own start on, in the order of their names.
 *   3. The same profiles give the same tree, whatever order their samples came in,
 *      but for the numbers of nodes and functions.
 *   4. No recursion: stacks may be as deep as the profile's numbers go.
 */
#ifndef NP_PROFILE_FLAME_H
#define NP_PROFILE_FLAME_H

#include "profile/classify.h"
#include "profile/profile.h"

typedef struct np_flame np_flame;

enum np_flame_by { NP_FLAME_BY_FUNCTION, NP_FLAME_BY_FILE, NP_FLAME_BY_PACKAGE };

struct np_flame_options {
	enum np_flame_by by;
	bool reversed;	    /* the function that was executing is next to the root, its callers follow */
	bool by_thread;	    /* a level of threads below the root */
	bool keep_tiers;    /* code of different tiers is different */
	uint32_t max_depth; /* what lies deeper counts for the node there; 0: no limit */
};

struct np_flame_input {
	const np_profile *profile; /* outlives the tree */
	uint32_t value_type;
};

struct np_flame_text {
	const char *s;
	uint32_t n;
};

struct np_flame_function {
	struct np_flame_text name;
	struct np_flame_text file; /* empty: unknown */
	uint32_t line, column;	   /* of the function, 0 unknown */
	uint32_t hash;		   /* of name and file: for colours that stay */
	uint8_t class;		   /* enum np_code_class */
	uint8_t tier;		   /* enum np_profile_tier, when tiers are kept apart */
};

/* What was seen at a node: bits 1 << enum np_profile_tier, and these. */
enum { NP_FLAME_INLINED = 1 << 6, NP_FLAME_NOT_INLINED = 1 << 7 };

struct np_flame_node {
	uint32_t parent, first, next; /* first child, next sibling; 0 none */
	uint32_t function;
	uint32_t depth;
	uint8_t seen; /* NP_FLAME_* and tiers */
	bool is_cut;  /* deeper calls were left out */
	int64_t start, total, self;
	int64_t before, before_self; /* of the second profile, in its own measure */
};

/* before may be NULL. NP_ELIMIT: values that sum up to more than there are numbers for. */
np_err *np_flame_create(const struct np_flame_input *now, const struct np_flame_input *before,
			const struct np_flame_options *options, np_flame **ret) NP_MUST;
void np_flame_destroy(np_flame *flame);

uint32_t np_flame_node_count(const np_flame *flame);
const struct np_flame_node *np_flame_node_at(const np_flame *flame, uint32_t node);
uint32_t np_flame_function_count(const np_flame *flame);
const struct np_flame_function *np_flame_function_at(const np_flame *flame, uint32_t function);
uint32_t np_flame_depth(const np_flame *flame); /* of the deepest node; the root's is 0 */
bool np_flame_is_diff(const np_flame *flame);
/* Samples with a value below zero, which were left out. */
uint64_t np_flame_negative(const np_flame *flame);
bool np_flame_is_cut(const np_flame *flame);

/* The node after node in preorder, 0 after the last; with skip_children as if it had none. */
uint32_t np_flame_next(const np_flame *flame, uint32_t node, bool skip_children);
/*
 * How much more a node has than before, in the measure of the first profile: the
 * second one's values are scaled to the same sum when normalised.
 */
double np_flame_delta(const np_flame *flame, uint32_t node, bool normalised);
double np_flame_self_delta(const np_flame *flame, uint32_t node, bool normalised);

#endif
