// SPDX-License-Identifier: BSD-2-Clause
// stat_latency.c: see stat_latency.h.
#include "stat_latency.h"

#include "bucket.h"

json_t *
stat_latency_count(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX);
}

json_t *
stat_latency_histogram(const struct symfast_shm_histogram *h, double ns)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
	json_t *out = json_pack("{s:o,s:f,s:f,s:f}", "count", stat_latency_count(h->count), "mean",
				(double)h->ticks * ns / (double)h->count, "longest",
				(double)h->longest * ns, "waited", (double)h->waited * ns);
	json_t *buckets = json_array();

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_object_set_new(out, quantiles[i].name,
				    json_real(bucket_quantile(h, quantiles[i].q) * ns));
	for (unsigned int b = 0; b < SYMFAST_SHM_BUCKETS; b++)
		if (h->bucket[b] != 0)
			json_array_append_new(buckets, json_pack("[f,o]", bucket_edge(b) * ns,
								 stat_latency_count(h->bucket[b])));
	json_object_set_new(out, "buckets", buckets);
	return out;
}

json_t *
stat_latency_ratios(const struct symfast_shm_histogram *libc,
		    const struct symfast_shm_histogram *map)
{
	static const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
	json_t *out = json_array();

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		struct bucket_ratio r = bucket_compare(libc, map, quantiles[i]);
		json_t *row = json_pack("{s:f,s:f}", "quantile", quantiles[i], "ratio", r.ratio);

		if (r.bounded) {
			json_object_set_new(row, "low", json_real(r.low));
			json_object_set_new(row, "high", json_real(r.high));
		}
		json_object_set_new(row, "verdict",
				    json_string(!r.bounded   ? "too few samples to say"
						: r.high < 1 ? "less"
						: r.low > 1  ? "more"
							     : "no difference shown"));
		json_array_append_new(out, row);
	}
	return out;
}
