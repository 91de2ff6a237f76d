// SPDX-License-Identifier: BSD-2-Clause
// sample_text.c: see sample_text.h.
#include "sample_text.h"

#include "../base/value.h"
#include <string.h>

#define SITES_SHOWN  10u
#define OWNERS_SHOWN 5u
#define FRAMES_SHOWN 12u
#define LISTED_MOST  40u

static const json_t *
sample_text_in(const json_t *o, const char *key)
{
	return json_object_get(o, key);
}

static void
sample_text_functions(const json_t *p)
{
	const json_t *list = sample_text_in(p, "functions"), *f;
	size_t i;

	if (json_array_size(list) == 0) {
		printf("no sample stands in a function of the loader\n");
		return;
	}
	printf("\n%-20s %26s %10s %10s %10s  %s\n", "function", "CPU time (95%)", "all time",
	       "waiting", "inside", "served");
	json_array_foreach(list, i, f)
	{
		char share[32];

		snprintf(share, sizeof(share), "%.1f%% (%.1f to %.1f%%)",
			 document_real(f, "cpu_share") * 100, document_real(f, "cpu_low") * 100,
			 document_real(f, "cpu_high") * 100);
		printf("%-20s %26s %9.1f%% %9.1f%% %9.1f%%  %s\n", document_text(f, "name"), share,
		       document_real(f, "time_share") * 100, document_real(f, "lock_share") * 100,
		       document_real(f, "inside_time_share") * 100, document_text(f, "served"));
	}
	printf("waiting: for the loader's lock; inside: in constructors, destructors, callbacks; "
	       "both are parts of "
	       "all time\n");
}

static void
sample_text_frames(const json_t *row)
{
	const json_t *frames = sample_text_in(row, "frames"), *f;
	size_t i;

	json_array_foreach(frames, i, f)
	{
		const char *object = document_text(f, "object"), *slash = strrchr(object, '/');

		if (i == FRAMES_SHOWN) {
			printf("%12s and %zu more\n", "", json_array_size(frames) - i);
			break;
		}
		printf("%12s %s  (%s+0x%llx)\n", "", document_text(f, "name"),
		       slash != NULL     ? slash + 1
		       : *object != '\0' ? object
					 : "no object",
		       (unsigned long long)document_number(f, "offset"));
	}
}

/* What `arm` says, in words. */
static const char *
sample_text_state(const json_t *row)
{
	static const char *const words[][2] = {
		{"cpu", "on a CPU"},
		{"ready", "ready for a CPU"},
		{"inside, ready", "ready for a CPU in code that it called"},
		{"lock", "waiting for the loader's lock"},
		{"sleep", "asleep"},
		{"inside, cpu", "on a CPU in code that it called"},
		{"inside, lock", "waiting for the loader's lock in code that it called"},
		{"inside, sleep", "asleep in code that it called"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(document_text(row, "arm"), words[i][0]) == 0)
			return words[i][1];
	return "";
}

static void
sample_text_rows(const json_t *list, size_t most, const char *title, const char *by)
{
	const json_t *row;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("\n%s\n", title);
	json_array_foreach(list, i, row)
	{
		if (i == most) {
			printf("%8s and %zu more (--json)\n", "", json_array_size(list) - i);
			break;
		}
		printf("%8lld %s, %s%s\n", document_number(row, "count"),
		       document_text(row, "function"), sample_text_state(row), by);
		sample_text_frames(row);
	}
}

static void
sample_text_lock(const json_t *p)
{
	const json_t *lock = sample_text_in(p, "lock");

	if (document_number(lock, "waits") == 0)
		return;
	printf("\nthe loader's lock: %.2g threads wait on average; %lld times its owner was seen, "
	       "%lld times not\n",
	       document_real(lock, "waiting_threads"), document_number(lock, "owners_seen"),
	       document_number(lock, "owners_not_seen"));
	sample_text_rows(sample_text_in(lock, "owners"), OWNERS_SHOWN,
			 "who had it, innermost frame first", ":");
}

static void
sample_text_loading(const json_t *p)
{
	const json_t *loading = sample_text_in(p, "loading"), *name;
	size_t i;

	if (document_number(loading, "came") + document_number(loading, "went") == 0)
		return;
	printf("\nobjects that came: %lld, that went: %lld", document_number(loading, "came"),
	       document_number(loading, "went"));
	json_array_foreach(sample_text_in(loading, "objects"), i, name)
		printf("%s%s", i == 0 ? "; more than once: " : ", ", json_string_value(name));
	printf("\n");
}

static void
sample_text_stops(const json_t *p)
{
	const json_t *stops = sample_text_in(p, "stops");
	char mean[32], longest[32];

	printf("stopped: %lld times, %s on average, %s at most; the thread stopped most for %.3f%% "
	       "of its time\n",
	       document_number(stops, "count"),
	       value_text(mean, sizeof(mean), document_real(stops, "mean"), "ns"),
	       value_text(longest, sizeof(longest), document_real(stops, "longest"), "ns"),
	       document_real(stops, "share") * 100);
	if (json_is_true(sample_text_in(stops, "denied")))
		printf("not allowed any more to stop its threads: it runs another program, or is "
		       "traced by another\n");
	if (document_number(stops, "left_out") != 0)
		printf("left out: %lld times a running thread, so that none is stopped for more "
		       "than 1%%\n",
		       document_number(stops, "left_out"));
}

static void
sample_text_verdict(const json_t *p)
{
	const json_t *verdict = sample_text_in(p, "verdict"), *line;
	size_t i;

	printf("\nWould symfast help? %s\n", document_text(verdict, "word"));
	json_array_foreach(sample_text_in(verdict, "text"), i, line)
		printf("  %s\n", json_string_value(line));
}

static void
sample_text_process(const json_t *p)
{
	const json_t *samples = sample_text_in(p, "samples");

	printf("process %lld, %s%s: %.3g threads\n", document_number(p, "pid"),
	       document_text(p, "program"),
	       json_is_true(sample_text_in(p, "ended")) ? " (ended)" : "",
	       document_real(p, "threads"));
	printf("samples: %lld on a CPU, %lld ready for one, %lld asleep\n",
	       document_number(samples, "on_cpu"), document_number(samples, "ready"),
	       document_number(samples, "asleep"));
	sample_text_stops(p);
	sample_text_functions(p);
	sample_text_rows(sample_text_in(p, "sites"), SITES_SHOWN, "call sites, the caller first",
			 ", called from:");
	sample_text_lock(p);
	sample_text_loading(p);
	sample_text_verdict(p);
}

static double
sample_text_sum(const json_t *p, const char *key)
{
	const json_t *f;
	double sum = 0;
	size_t i;

	json_array_foreach(sample_text_in(p, "functions"), i,
			   f) if (strcmp(document_text(f, "served"), "no") != 0) sum +=
		document_real(f, key);
	return sum;
}

static bool
sample_text_helped(const json_t *p)
{
	const char *word = document_text(sample_text_in(p, "verdict"), "word");

	return strcmp(word, "may help") == 0 || strcmp(word, "retain") == 0;
}

static void
sample_text_list(const json_t *list)
{
	const json_t *p;
	size_t i;

	printf("\n%8s %10s %10s %10s  %-9s %s\n", "pid", "samples", "CPU time", "waiting", "helps?",
	       "program");
	json_array_foreach(list, i, p)
	{
		const json_t *samples = sample_text_in(p, "samples");

		if (i == LISTED_MOST) {
			printf("%8s and %zu more, with less (--json)\n", "",
			       json_array_size(list) - i);
			break;
		}
		printf("%8lld %10lld %9.1f%% %9.1f%%  %-9s %s\n", document_number(p, "pid"),
		       document_number(samples, "on_cpu") + document_number(samples, "asleep"),
		       sample_text_sum(p, "cpu_share") * 100,
		       sample_text_sum(p, "lock_share") * 100,
		       document_text(sample_text_in(p, "verdict"), "word"),
		       document_text(p, "program"));
	}
}

void
sample_text_print(const json_t *document, bool all)
{
	const json_t *list = sample_text_in(document, "processes"), *p;
	double elapsed = document_real(document, "elapsed");
	char late[32];
	size_t i;

	printf("%.3g s, %lld rounds; symfast itself used %.2g%% of a CPU\n", elapsed / 1e9,
	       document_number(document, "rounds"),
	       elapsed > 0 ? document_real(document, "own_cpu") / elapsed * 100 : 0);
	if (document_real(document, "late_longest") > 0)
		printf("a thread stopped later than wished (deep in the kernel, or waiting for a "
		       "CPU), for %s at most\n",
		       value_text(late, sizeof(late), document_real(document, "late_longest"),
				  "ns"));
	if (document_number(document, "refused") != 0)
		printf("processes that may not be looked at: %lld (as root all may)\n",
		       document_number(document, "refused"));
	if (all)
		sample_text_list(list);
	json_array_foreach(list, i, p)
	{
		if (all && !sample_text_helped(p))
			continue;
		if (all || i != 0)
			printf("\n");
		sample_text_process(p);
	}
}
