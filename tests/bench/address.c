// SPDX-License-Identifier: BSD-2-Clause
// From address to symbol: dladdr on few addresses again and again, on many once each, backtrace_symbols.
#include <dlfcn.h>
#include <err.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../lib/find_object.h"
#include "work.h"

#define FRAMES   20u
#define FIRST    256u /* calls within which an index is built */
#define SUMMED   64u
#define RUNS     9u
#define CHUNK    8u /* one answer of libc's can take half a millisecond */
#define HOT_MOST 4096u

static struct {
	char *text; /* the executable segment of the object */
	uint64_t size;
	void **addresses;
	Dl_info *want; /* of hot ones */
	unsigned count;
} set;

struct state {
	unsigned at;
};

static void *
state_new(unsigned thread)
{
	struct state *s = malloc(sizeof(*s));

	if (!s)
		err(1, "state");
	s->at = (unsigned)((uint64_t)thread * 7919u % set.count);
	return s;
}

BENCH_INLINE unsigned
next_of(struct state *s)
{
	unsigned i = s->at;

	s->at = i + 1 == set.count ? 0 : i + 1;
	return i;
}

BENCH_INLINE unsigned
none_call(void *arg)
{
	Dl_info info = {0};

	__asm__ volatile("" : : "r"(&info), "r"(set.addresses[next_of(arg)]) : "memory");
	return info.dli_fname != NULL;
}

BENCH_INLINE unsigned
dladdr_call(void *arg)
{
	unsigned i = next_of(arg);
	Dl_info info;

	return !dladdr(set.addresses[i], &info) || info.dli_saddr != set.want[i].dli_saddr ||
	       info.dli_sname != set.want[i].dli_sname;
}

BENCH_INLINE unsigned
once_call(void *arg)
{
	Dl_info info;

	return !dladdr(set.addresses[next_of(arg)], &info) || info.dli_fbase != set.want->dli_fbase;
}

/* Per call of twenty frames. */
BENCH_INLINE unsigned
trace_call(void *arg)
{
	struct state *s = arg;
	char **lines = backtrace_symbols(set.addresses + s->at, FRAMES);
	unsigned wrong = lines == NULL;

	s->at = s->at + 2 * FRAMES < set.count ? s->at + 1 : 0;
	free(lines);
	return wrong;
}

BENCH_LOOPS(none)
BENCH_LOOPS(dladdr)
BENCH_LOOPS(once)
BENCH_LOOPS(trace)

static struct bench_kind kinds[] = {BENCH_KIND(none), BENCH_KIND(dladdr), BENCH_KIND(once),
				    BENCH_KIND(trace)};

/* ---- the addresses ---- */

static void
find_text(const char *name)
{
	void *handle = dlopen(strcmp(name, "self") ? name : NULL, RTLD_LAZY);
	struct dl_find_object found;
	struct link_map *map;
	const ElfW(Phdr) * ph;
	const ElfW(Ehdr) * header;

	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map))
		errx(1, "%s", dlerror());
	if (_dl_find_object(map->l_ld, &found))
		errx(1, "%s is in no object", name);
	header = found.dlfo_map_start;
	ph = (const void *)((const char *)header + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_flags & PF_X) {
			set.text = (char *)map->l_addr + ph[i].p_vaddr;
			set.size = ph[i].p_memsz;
		}
}

static void
choose(unsigned count)
{
	uint64_t x = 88172645463325252ull;

	set.count = count;
	set.addresses = malloc(count * sizeof(*set.addresses));
	set.want = malloc(HOT_MOST * sizeof(*set.want));
	if (!set.addresses || !set.want)
		err(1, "addresses");
	for (unsigned i = 0; i < count; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		set.addresses[i] = set.text + x % set.size;
		if ((i == 0 || count <= HOT_MOST) && !dladdr(set.addresses[i], &set.want[i]))
			errx(1, "%p is in no object", set.addresses[i]);
	}
}

/* ---- the first calls, one by one ---- */

/*
 * The program runs itself some times and takes each call's median over the runs: the same call does the
 * same work in each of them, so that what is left in the worst call is not the machine's noise.
 */
static double runs[RUNS][FIRST];

/* Of this thread's CPU: one call that is preempted would be the worst of all. */
static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
first_once(void)
{
	uint64_t x = 1;

	for (unsigned i = 0; i < FIRST; i++) {
		double begin = now_ns();
		Dl_info info;

		x = x * 6364136223846793005ull + 1442695040888963407ull;
		dladdr(set.text + (x >> 16) % set.size, &info);
		runs[0][i] = now_ns() - begin;
	}
	if (write(STDOUT_FILENO, runs[0], sizeof(runs[0])) != sizeof(runs[0]))
		err(1, "write");
}

/* Fills one run's row from a child that is started anew: `argv` with another kind. */
static void
first_run(double *row, char **argv)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(ends) || (pid = fork()) < 0)
		err(1, "fork");
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	close(ends[1]);
	n = read(ends[0], row, sizeof(runs[0])); /* shorter than a pipe's one write */
	close(ends[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0 || n != sizeof(runs[0]))
		errx(1, "a run of the first calls failed");
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Median of the first eight calls (libc's scan, nothing built yet), the worst of all, the sum of 64. */
static void
first_report(void)
{
	double each[FIRST], worst = 0, sum = 0;

	for (unsigned i = 0; i < FIRST; i++) {
		double values[RUNS];

		for (unsigned r = 0; r < RUNS; r++)
			values[r] = runs[r][i];
		each[i] = median(values, RUNS);
		worst = each[i] > worst ? each[i] : worst;
		sum += i < SUMMED ? each[i] : 0;
	}
	bench_print("scan", "ns", median(each, 8));
	bench_print("worst", "ns", worst);
	bench_print("sum", "ns", sum);
}

static void
first_calls(char **argv)
{
	for (char **word = argv; *word; word++)
		if (!strcmp(*word, "first"))
			*word = "first-once";
	for (unsigned r = 0; r < RUNS; r++)
		first_run(runs[r], argv);
	first_report();
}

int
main(int argc, char **argv)
{
	struct bench_options o;

	bench_options_read(&o, argc, argv);
	if (!strcmp(o.kind, "first")) {
		first_calls(argv);
		return 0;
	}
	find_text(o.set);
	if (!strcmp(o.kind, "first-once")) {
		first_once();
		return 0;
	}
	if (!strcmp(o.kind, "dladdr") && o.names > HOT_MOST)
		errx(2, "at most %u hot addresses", HOT_MOST);
	choose(o.names > 2 * FRAMES ? o.names : 2 * FRAMES);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, o.kind))
			continue;
		kinds[i].work.chunk = CHUNK;
		bench_crew_run(&o, &kinds[i].work);
		return 0;
	}
	errx(2, "no such kind: %s", o.kind);
}
