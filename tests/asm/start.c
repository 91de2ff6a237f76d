// SPDX-License-Identifier: BSD-2-Clause
// start LIBRARY EMPTY PROGRAM: what the library adds to a program that does nothing, looked at as it exits.
//
// Resident memory may grow by so much, and of the library's code only the start's segment (symfast.ld)
// may have been touched: whoever calls a function elsewhere from the constructor or the destructor makes
// every process pay for 64 KiB of it. Beside an empty preload it may cost so many instructions, system calls
// and page faults; times are in tests/bench/start.c. Which one it was: perf record -e page-faults -c 1 -d, or callgrind.
#include <err.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_KIB          200
#define MOST_INSTRUCTIONS 16000 /* ld.so's own for it are 10,000 of them */
#define MOST_CALLS        6     /* of the kernel: most of them map the library's segments */
#define MOST_FAULTS                                                                                \
	(__GNUC__ == 12 ? 5 : 7) /* where other compilers put it all over pages is their choice */
#define RUNS    9
#define LOOKS   31 /* at what is resident */
#define SKIPPED 77

struct seen {
	long resident;  /* of the process, KiB */
	long code[8];   /* of each mapping of the library's code, in order */
	unsigned codes; /* such mappings */
	long unwind;    /* of its mappings that are only read, but for the first and the last */
};

static void
read_maps(pid_t pid, const char *library, struct seen *s)
{
	char path[64], line[512], rights[8], name[256];
	unsigned reads = 0;
	bool own = false;
	long kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f)) {
		name[0] = '\0';
		if (sscanf(line, "%*x-%*x %7s %*x %*s %*s %255s", rights, name) >= 1 &&
		    strchr("-r", rights[0]) && strlen(rights) == 4) {
			own = !strcmp(name, library);
			if (own && rights[2] == 'x')
				s->codes++;
			else if (own && rights[1] == '-')
				reads++;
		} else if (sscanf(line, "Rss: %ld", &kib) == 1) {
			s->resident += kib;
			if (own && rights[2] == 'x' && s->codes <= 8)
				s->code[s->codes - 1] = kib;
			else if (own && rights[1] == '-' && reads == 2)
				s->unwind = kib;
		}
	}
	fclose(f);
}

/* False: this process may not trace. */
static bool
run(const char *library, const char *program, struct seen *s)
{
	char preload[300], *const none[] = {NULL}, *const with[] = {preload, NULL};
	char *const arguments[] = {(char *)program, NULL};
	int status;
	pid_t pid;

	*s = (struct seen){0};
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library ? library : "");
	pid = fork();
	if (pid == 0) {
		/* Where objects lie decides how much of a file one fault maps. Where this is refused, the middle of many. */
		personality(ADDR_NO_RANDOMIZE);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
			_exit(SKIPPED);
		execve(program, arguments, library ? with : none);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		err(1, "fork");
	if (!WIFSTOPPED(status))
		return false;
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) != 0 ||
	    ptrace(PTRACE_CONT, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid)
		err(1, "ptrace");
	if (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
		errx(1, "%s did not reach its exit: %#x", program, (unsigned)status);
	read_maps(pid, library ? library : "", s);
	ptrace(PTRACE_CONT, pid, 0, 0);
	waitpid(pid, &status, 0);
	return true;
}

/* All that a run costs that is the same each time. */
struct cost {
	long instructions, calls, faults;
};

/* Every instruction, or every entry into the kernel and return from it, stops it once. */
static long
count_stops(const char *library, const char *program, enum __ptrace_request how, long *faults)
{
	char preload[300], *const with[] = {preload, NULL};
	char *const arguments[] = {(char *)program, NULL};
	struct rusage used;
	long stops = 0;
	int status;
	pid_t pid;

	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library);
	pid = fork();
	if (pid == 0) {
		personality(ADDR_NO_RANDOMIZE);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execve(program, arguments, with);
		_exit(1);
	}
	for (;;) {
		if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
			err(1, "wait4");
		if (!WIFSTOPPED(status))
			break;
		if (ptrace(how, pid, 0, 0) != 0)
			err(1, "ptrace");
		stops++;
	}
	*faults = used.ru_minflt;
	return stops;
}

static struct cost
cost_of(const char *library, const char *program)
{
	struct cost c = {0, 0, LONG_MAX};
	long faults;

	for (int i = 0; i < RUNS; i++) {
		c.calls = count_stops(library, program, PTRACE_SYSCALL, &faults) / 2;
		if (faults < c.faults)
			c.faults = faults;
	}
	c.instructions = count_stops(library, program, PTRACE_SINGLESTEP, &faults);
	return c;
}

static bool
is_cheap(const char *library, const char *empty, const char *program)
{
	struct cost with = cost_of(library, program), without = cost_of(empty, program);

	with.instructions -= without.instructions;
	with.calls -= without.calls;
	with.faults -= without.faults;
	printf("over an empty preload: %ld instructions of %d, %ld system calls of %d, "
	       "%ld page faults of %d\n",
	       with.instructions, MOST_INSTRUCTIONS, with.calls, MOST_CALLS, with.faults,
	       MOST_FAULTS);
	return with.instructions <= MOST_INSTRUCTIONS && with.calls <= MOST_CALLS &&
	       with.faults <= MOST_FAULTS;
}

static int
by_size(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;

	return (x > y) - (x < y);
}

/* Written from begin to end, as an installed one: how many faults map a file depends on how its pages came into memory. */
static const char *
copy_of(const char *file)
{
	static char copy[256];
	const char *folder = getenv("TMPDIR");
	char command[4096];

	snprintf(copy, sizeof(copy), "%s/start-%d.so", folder != NULL ? folder : "/tmp",
		 (int)getpid());
	snprintf(command, sizeof(command), "cp '%s' '%s'", file, copy);
	if (system(command) != 0)
		errx(1, "%s", command);
	return copy;
}

int
main(int argc, char **argv)
{
	long bare[LOOKS], with[LOOKS], more;
	const char *library;
	struct seen s;
	bool bad;

	if (argc != 4)
		errx(2, "usage: start LIBRARY EMPTY PROGRAM");
	if (!run(NULL, argv[3], &s))
		return SKIPPED;
	library = copy_of(argv[1]);
	for (int i = 0; i < LOOKS; i++) {
		run(NULL, argv[3], &s);
		bare[i] = s.resident;
		run(library, argv[3], &s);
		with[i] = s.resident;
	}
	qsort(bare, LOOKS, sizeof(long), by_size);
	qsort(with, LOOKS, sizeof(long), by_size);
	more = with[LOOKS / 2] - bare[LOOKS / 2];
	printf("resident: %ld KiB more, at most %d\n", more, MOST_KIB);
	printf("of the library's code: start %ld KiB, all else %ld; unwind tables %ld\n", s.code[0],
	       s.code[1], s.unwind);
	bad = more > MOST_KIB || s.codes != 2 || s.code[0] == 0 || s.code[1] != 0 || s.unwind != 0;
	if (bad)
		printf("%u mappings of code; only the first may be touched\n", s.codes);
	bad |= !is_cheap(library, argv[2], argv[3]);
	unlink(library);
	return bad;
}
