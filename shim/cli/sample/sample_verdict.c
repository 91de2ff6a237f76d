// SPDX-License-Identifier: BSD-2-Clause
// sample_verdict.c: see sample_verdict.h.
//
// Samples tell where time stands, not what is saved: a look-up from the cache costs less, not nothing. So a
// share is an upper bound, and the way to the real figure is observe.
#include "sample_verdict.h"

#include "sample_share.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define WORTH         0.01 /* of the CPU time: less is not worth a preload */
#define WORTH_WAITS   0.05 /* threads that wait, on average */
#define CPU_LEAST     10u  /* samples on a CPU: fewer are an accident */
#define WAITS_LEAST   5u   /* samples */
#define CHANGES_LEAST 2u   /* objects that came or went; samples of loading */

struct sample_verdict_facts {
	const struct sample_process *p;
	uint64_t served, waits, loads; /* samples */
	double served_ns, loading_ns, inside_ns;
	struct sample_share cpu, load;
	double waiting; /* threads, on average */
	bool go;        /* plugin.open is among them */
	json_t *text;
};

static void sample_verdict_say(struct sample_verdict_facts *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
sample_verdict_say(struct sample_verdict_facts *f, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(f->text, json_string(text));
}

static bool
sample_verdict_has(const struct sample_process *p, const char *begin)
{
	for (size_t i = 0; i < p->maps.object_count; i++) {
		const char *slash = strrchr(p->maps.objects[i].path, '/');

		if (slash != NULL && strncmp(slash + 1, begin, strlen(begin)) == 0)
			return true;
	}
	return false;
}

static void
sample_verdict_sum(struct sample_verdict_facts *f)
{
	const struct sample_tally *t = &f->p->tally;

	for (size_t i = 0; i < t->function_count; i++) {
		const struct sample_tally_function *one = &t->functions[i];

		f->inside_ns += one->inside_ns + (double)one->inside[SAMPLE_TALLY_SLEEP];
		if (one->serves == SAMPLE_NOT_SERVED)
			continue;
		f->waits += one->samples[SAMPLE_TALLY_LOCK];
		if (one->serves == SAMPLE_SERVED) {
			f->served += one->samples[SAMPLE_TALLY_CPU] - one->inside[SAMPLE_TALLY_CPU];
			f->served_ns += one->cpu_ns - one->inside_ns;
		}
		f->go |= strcmp(one->name, "plugin.open") == 0;
		f->loads += one->loads;
		if (strcmp(one->name, "dlopen") == 0 || strcmp(one->name, "dlclose") == 0)
			f->loading_ns += one->cpu_ns - one->inside_ns;
	}
	f->cpu = sample_share_of_cpu(t, f->served_ns);
	f->load = sample_share_of_cpu(t, f->loading_ns);
	f->waiting = sample_share_of_waits(t, f->waits) * sample_share_threads(f->p);
}

/* Why no preload can be of use, whatever the samples say; NULL: nothing is in the way. */
static const char *
sample_verdict_in_the_way(struct sample_verdict_facts *f)
{
	if (f->p->maps.object_count == 0) {
		sample_verdict_say(f, "Cannot say: nothing of it was seen.");
		return "unknown";
	}
	if (sample_verdict_has(f->p, "libsymfast.so")) {
		sample_verdict_say(f, "The shim is loaded in it: symfast stat %d has exact counts.",
				   f->p->pid);
		return "loaded";
	}
	if (sample_verdict_has(f->p, "ld-musl-")) {
		sample_verdict_say(f, "No: it uses musl, and the shim serves glibc alone.");
		return "no";
	}
	if (!sample_verdict_has(f->p, "ld-linux") && !sample_verdict_has(f->p, "ld-2.")) {
		sample_verdict_say(f, "No: it is linked statically, nothing can be preloaded.");
		return "no";
	}
	return NULL;
}

/* The files that were seen to come and go, as SYMFAST_RETAIN takes them. */
static const char *
sample_verdict_names(const struct sample_verdict_facts *f, char *to, size_t size)
{
	size_t n = 0;

	*to = '\0';
	for (size_t i = 0; i < f->p->maps.object_count && n < size; i++) {
		const struct sample_object *o = &f->p->maps.objects[i];
		const char *slash = strrchr(o->path, '/');
		char clean[256];

		if (o->changes > 1 && slash != NULL)
			n += (size_t)snprintf(to + n, size - n, "%s%s", n != 0 ? ":" : "",
					      cli_clean(clean, sizeof(clean), slash + 1));
	}
	return n != 0 && n < size ? to : "NAMES";
}

static bool
sample_verdict_loads(struct sample_verdict_facts *f)
{
	uint64_t changes = f->p->maps.came + f->p->maps.went;
	char names[256];

	if ((changes < CHANGES_LEAST && f->loads < CHANGES_LEAST) || f->load.low < WORTH ||
	    f->p->tally.known[SAMPLE_TALLY_CPU] < CPU_LEAST)
		return false;
	sample_verdict_say(
		f,
		"dlopen and dlclose load and unload: %.1f%% of the CPU time (%.1f to %.1f%%) "
		"stands in "
		"them, %llu samples met them mapping or running constructors, objects were seen to "
		"come or go %llu times. A cache of look-ups does not help that; keeping the "
		"objects "
		"mapped does: SYMFAST_RETAIN=%s (docs/retain.md).",
		f->load.share * 100, f->load.low * 100, f->load.high * 100,
		(unsigned long long)f->loads, (unsigned long long)changes,
		sample_verdict_names(f, names, sizeof(names)));
	return true;
}

static bool
sample_verdict_waits(struct sample_verdict_facts *f)
{
	if (f->waits < WAITS_LEAST || f->waiting < WORTH_WAITS)
		return false;
	sample_verdict_say(f,
			   "%.2g threads on average wait for the loader's lock in functions that "
			   "the shim serves. An "
			   "answer from the cache takes no lock.",
			   f->waiting);
	return true;
}

static bool
sample_verdict_looks_up(struct sample_verdict_facts *f)
{
	if (f->cpu.low < WORTH || f->p->tally.known[SAMPLE_TALLY_CPU] < CPU_LEAST)
		return false;
	sample_verdict_say(
		f,
		"%.1f%% of the CPU time (%.1f to %.1f%%) stands in functions that the shim serves. "
		"It saves "
		"at most that%s.",
		f->cpu.share * 100, f->cpu.low * 100, f->cpu.high * 100,
		f->go ? ", and what Go's runtime spends on these calls besides (garbage, switches "
			"between goroutines)"
		      : "");
	return true;
}

/* Nothing was found: is that an answer? */
static const char *
sample_verdict_nothing(struct sample_verdict_facts *f)
{
	if (f->p->tally.running == 0 && f->waits == 0) {
		sample_verdict_say(f, "No: it used no CPU time that a sample met, and nobody "
				      "waited for the loader's "
				      "lock. Sample it under load.");
		return "idle";
	}
	if (f->cpu.high < WORTH) {
		sample_verdict_say(f,
				   "No: at most %.2g%% of its CPU time stands in functions that "
				   "the shim serves, and "
				   "nobody to speak of waits for the loader's lock.",
				   f->cpu.high * 100);
		return "no";
	}
	sample_verdict_say(f,
			   "Cannot say: of %llu samples on a CPU %llu stand in functions that the "
			   "shim serves, which "
			   "may be anything up to %.2g%%. Sample for longer (-d), or under load.",
			   (unsigned long long)f->p->tally.known[SAMPLE_TALLY_CPU],
			   (unsigned long long)f->served, f->cpu.high * 100);
	return "unknown";
}

static const char *
sample_verdict_word(struct sample_verdict_facts *f)
{
	const char *word = sample_verdict_in_the_way(f);
	bool looks_up, loads, waits;

	if (word != NULL)
		return word;
	looks_up = sample_verdict_looks_up(f);
	loads = sample_verdict_loads(f);
	waits = sample_verdict_waits(f);
	if (!looks_up && !loads && !waits)
		return sample_verdict_nothing(f);
	if (f->inside_ns > 0)
		sample_verdict_say(f, "Constructors, destructors and callbacks are not part of "
				      "these figures: their time is "
				      "their own.");
	sample_verdict_say(f, "Next: start one process with SYMFAST=observe (docs/rollout.md), "
			      "which counts every call and "
			      "changes none.");
	return loads ? "retain" : "may help";
}

json_t *
sample_verdict(const struct sample_process *p)
{
	struct sample_verdict_facts f = {.p = p, .text = json_array()};
	const char *word;

	sample_verdict_sum(&f);
	word = sample_verdict_word(&f);
	return cli_or_end(json_pack("{s:s,s:o}", "word", word, "text", f.text));
}
