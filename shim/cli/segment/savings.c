// SPDX-License-Identifier: BSD-2-Clause
// savings.c: see savings.h.
#include "savings.h"

#include "../base/value.h"
#include <string.h>

#define HIT_NS      10.0    /* of a hit, generously */
#define WORTH_SHARE 0.00005 /* of CPU time; less is nothing */

static double
savings_counter(const json_t *document, const char *name)
{
	return json_number_value(json_object_get(json_object_get(document, "counters"), name));
}

/* A function's calls in libc: their sum of `what`, "time" or "waited". */
static double
savings_in_libc(const json_t *document, const char *function, const char *what)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(document, "latencies"), i, row)
	{
		const json_t *libc = json_object_get(row, "libc");
		const char *its = json_string_value(json_object_get(row, "function"));

		if (its == NULL || strcmp(its, function) != 0)
			continue;
		if (strcmp(what, "waited") == 0)
			return json_number_value(json_object_get(libc, what));
		return json_number_value(json_object_get(libc, "mean")) *
		       json_number_value(json_object_get(libc, "count"));
	}
	return 0;
}

void
savings_add(json_t *document, double cpu_ns)
{
	const char *unit = json_string_value(json_object_get(document, "unit"));
	double asked = savings_counter(document, "bypass.observe") +
		       savings_counter(document, "bypass.stock");
	double repeats = savings_counter(document, "observe.repeat");
	double libc = savings_in_libc(document, "dlsym", "time") +
		      savings_in_libc(document, "dlvsym", "time");
	double waited = savings_in_libc(document, "dlsym", "waited") +
			savings_in_libc(document, "dlvsym", "waited");
	double saved;

	if (!(asked > 0) || unit == NULL || strcmp(unit, "ns") != 0)
		return;
	/* The counters of a live process are not read at one moment. */
	repeats = repeats < asked ? repeats : asked;
	waited = waited < libc ? waited : libc;
	saved = repeats * ((libc - waited) / asked - HIT_NS);
	if (!(saved > 0) || (cpu_ns > 0 && saved < cpu_ns * WORTH_SHARE))
		saved = 0;
	json_object_set_new(document, "savings",
			    json_pack("{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "asked", asked,
				      "repeats", repeats, "libc", libc, "waited", waited, "loading",
				      savings_in_libc(document, "dlopen", "time") +
					      savings_in_libc(document, "dlclose", "time"),
				      "saved", saved, "saved_waiting", repeats * waited / asked,
				      "cpu", cpu_ns));
}

char *
savings_text(const json_t *document, char *to, size_t size)
{
	json_t *s = json_object_get(document, "savings");
	double saved, waiting, cpu;
	char a[32], b[32], c[32], of[64] = "";

	*to = '\0';
	if (json_unpack(s, "{s:F,s:F,s:F}", "saved", &saved, "saved_waiting", &waiting, "cpu",
			&cpu) != 0)
		return to;
	value_text(a, sizeof(a), saved, "ns");
	value_text(b, sizeof(b), waiting, "ns");
	value_text(c, sizeof(c), cpu, "ns");
	if (cpu > 0)
		snprintf(of, sizeof(of), ", %.2f %% of %s CPU time", 100 * saved / cpu, c);
	snprintf(to, size, "would save %s%s; of waiting up to %s", saved > 0 ? a : "nothing",
		 saved > 0 ? of : "", b);
	return to;
}
