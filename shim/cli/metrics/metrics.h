// SPDX-License-Identifier: BSD-2-Clause
// metrics.h: segments added up by process or by program, and written as Prometheus reads them.
#ifndef SF_CLI_METRICS_H
#define SF_CLI_METRICS_H

#include "../segment/segment_open.h"

/* Bounds of what one answer can hold, whatever lies in the directory. */
#define METRICS_GROUPS    256 /* processes or programs; those beyond them are one group, "other" */
#define METRICS_COUNTERS  512 /* of a group, by name */
#define METRICS_LATENCIES 16  /* of a group, by function */
#define METRICS_TEXTS     4   /* reasons, and releases of the library, of a group */

/* Upper edges of the buckets of durations, in seconds; one more bucket has the rest. */
#define METRICS_EDGES 14
extern const double metrics_edge[METRICS_EDGES];

enum metrics_by { METRICS_BY_PROCESS, METRICS_BY_EXE };
enum metrics_mode {
	METRICS_OFF,
	METRICS_OBSERVE,
	METRICS_VERIFY,
	METRICS_ON,
	METRICS_AB,
	METRICS_PASS,
	METRICS_MODES
};
enum metrics_breaker { METRICS_CLOSED, METRICS_OPENED, METRICS_HALF, METRICS_BREAKERS };
enum metrics_why { METRICS_BY_SETTING, METRICS_BY_CANARY, METRICS_BY_REFUSAL, METRICS_WHYS };

struct metrics_arm {
	uint64_t bucket[METRICS_EDGES + 1], count;
	double seconds;
};

struct metrics_latency {
	char function[24];
	struct metrics_arm arm[2]; /* libc, map */
};

/* What only grows as long as a process runs. */
struct metrics_sums {
	struct counter *counters;
	struct metrics_latency *latencies;
	size_t counter_count, latency_count;
};

/* What the map would have saved those that are observed; in seconds of CPU time. */
enum metrics_bound { METRICS_LEAST, METRICS_LIKELY, METRICS_MOST, METRICS_BOUNDS };
struct metrics_estimate {
	uint64_t observed, unknown; /* processes; of those, about which nothing can be said */
	double cpu, saved[METRICS_BOUNDS]; /* of the others */
};

/* All that have the same labels. */
struct metrics_group {
	char pid[16], space[24], exe[256]; /* "": no such label */
	struct metrics_sums sums,
		gone; /* gone: of processes that have ended since the first reading */
	uint64_t live, ended, mode[METRICS_MODES], breaker[METRICS_BREAKERS], pass[METRICS_WHYS];
	uint64_t canary_chosen, go_refused, mismatches, trips;
	uint64_t made_ns, mismatch_ns, breaker_ns; /* the first; the last */
	struct metrics_estimate estimate;
	char why[METRICS_TEXTS][96], library[METRICS_TEXTS][16];
};

/* Groups, reading after reading. */
struct metrics;
/* `keeps`: sums of a program do not fall when one of its processes ends between two readings. */
struct metrics *metrics_new(enum metrics_by by, bool keeps);
void metrics_free(struct metrics *m);
/* A reading begins; each segment of it; a file that could not be used; it ends. */
void metrics_begin(struct metrics *m);
void metrics_add(struct metrics *m, const struct segment *s);
void metrics_add_unreadable(struct metrics *m);
void metrics_end(struct metrics *m);
const struct metrics_group *metrics_groups(const struct metrics *m, size_t *count);
uint64_t metrics_unreadable(const struct metrics *m);

enum metrics_format {
	METRICS_OPEN, /* OpenMetrics 1.0 */
	METRICS_TEXT, /* the older text format, 0.0.4 */
};
void metrics_write(FILE *out, const struct metrics *m, enum metrics_format format);

/* What a client takes, by its Accept header (NULL: it has none). */
enum metrics_format metrics_accepted(const char *accept);

/*
 * Answers requests at an address and port until SIGTERM, SIGINT or SIGHUP. `read` makes a reading; what it
 * returns is why that cannot be, or NULL.
 */
struct metrics_source {
	const char *(*read)(void *data);
	void *data;
	const struct metrics *metrics;
};
int metrics_listen(const char *address, const struct metrics_source *source);
/* An address and a port, of IPv4, or of IPv6 in brackets; false: none. */
bool metrics_address_is(const char *address);

#endif
