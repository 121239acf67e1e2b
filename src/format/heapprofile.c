/*
 * .heapprofile: V8's sampling heap profile (`node --heap-prof`, DevTools' "Allocation
 * sampling").
 *
 *     {"head":{"callFrame":{...},"selfSize":BYTES,"id":1,"children":[...]},
 *      "samples":[{"size":BYTES,"nodeId":1,"ordinal":1},...]}
 *
 * selfSize is what V8 estimates to be alive and allocated there; samples are the
 * allocations that it is made from (since Node.js 12).
 */
#include "format/cpu_nodes.h"
#include "format/formats.h"
#include "format/json_pull.h"

struct reader {
	np_profile *profile;
	struct np_json json;
	struct np_cpu_nodes nodes;
	struct np_cpu_numbers sampled; /* numbers of nodes */
	bool has_samples;
};

static void samples_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key;
	size_t len;
	r->has_samples = true;
	if (!np_json_list(j))
		return;
	while (np_json_more(j)) {
		int64_t id = -1;
		if (!np_json_object(j))
			continue;
		while (np_json_key(j, &key, &len)) {
			if (np_json_is(key, len, "nodeId"))
				np_json_int(j, &id);
			else
				np_json_skip(j);
		}
		np_vec_push(&r->sampled, id);
	}
}

static void profile_read(struct reader *r)
{
	struct np_json *j = &r->json;
	const char *key;
	size_t len;
	if (!np_json_object(j))
		return;
	while (np_json_key(j, &key, &len)) {
		if (np_json_is(key, len, "head"))
			np_cpu_nodes_read(&r->nodes, j, NP_NODE_NONE);
		else if (np_json_is(key, len, "samples"))
			samples_read(r);
		else if (np_json_is(key, len, "profile") || np_json_is(key, len, "result"))
			profile_read(r);
		else
			np_json_skip(j);
	}
}

static void all_add(struct reader *r)
{
	np_profile *p = r->profile;
	int64_t *counts = np_xcalloc(r->nodes.list.len + 1, sizeof(*counts));
	np_cpu_nodes_place(&r->nodes);
	for (size_t i = 0; i < r->sampled.len; i++) {
		uint32_t node = np_cpu_nodes_find(&r->nodes, r->sampled.data[i]);
		if (node != NP_NODE_NONE)
			counts[node]++;
	}
	if (r->has_samples)
		np_profile_value_type(p, "samples", "count");
	np_profile_facts(p)->default_type = np_profile_value_type(p, "inuse_space", "bytes");
	uint32_t thread = np_profile_thread(p, &(struct np_profile_thread){.pid = -1, .tid = -1});
	for (size_t i = 0; i < r->nodes.list.len; i++) {
		const struct np_cpu_node *node = &r->nodes.list.data[i];
		int64_t values[2] = {counts[i], node->self_bytes};
		if (values[0] || values[1])
			np_profile_add(p, thread, node->leaf, NP_TIME_NONE, values + !r->has_samples);
	}
	free(counts);
}

static np_err *heapprofile_read(struct np_profile_input *in, np_profile *profile)
{
	struct reader r = {.profile = profile};
	np_json_init(&r.json, in);
	np_cpu_nodes_init(&r.nodes, profile);
	profile_read(&r);
	np_err *err = np_json_end(&r.json);
	if (r.nodes.list.len)
		all_add(&r);
	else if (!err)
		err = np_err_new(NP_EFORMAT, "%s has no nodes of a heap profile", in->name);
	np_cpu_nodes_deinit(&r.nodes);
	np_vec_deinit(&r.sampled);
	np_json_deinit(&r.json);
	return err;
}

static int heapprofile_sniff(const char *head, size_t len)
{
	bool is = memmem(head, len, "\"head\"", 6) && memmem(head, len, "\"callFrame\"", 11) && memmem(head, len, "\"selfSize\"", 10);
	return is && !memmem(head, len, "\"traceEvents\"", 13) ? 95 : 0;
}

const struct np_profile_format np_format_heapprofile = {
	.name = "heapprofile",
	.suffixes = ".heapprofile",
	.summary = "V8's sampling heap profiles: bytes alive by where they were allocated",
	.holds = NP_HOLDS_FILES | NP_HOLDS_LINES | NP_HOLDS_VALUES,
	.sniff = heapprofile_sniff,
	.read = heapprofile_read,
};
