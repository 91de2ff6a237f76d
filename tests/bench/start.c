// SPDX-License-Identifier: BSD-2-Clause
// Starts a program many times and reports its wall time and memory. Linked statically, see below.
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "hist.h"
#include "ticks.h"

/*
 * The kernel carries the parent's memory at the time of exec into the child's ru_maxrss, so the
 * parent has to stay smaller than any dynamically linked child: it is static, preloads nothing
 * into itself, and says so if it is too large to see the child.
 */
static long
own_kib(void)
{
	unsigned long size, resident;
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%lu %lu", &size, &resident) != 2)
		err(1, "/proc/self/statm");
	close(fd);
	return (long)resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static uint64_t
run_once(char **argv, char **envp, long *peak_kib)
{
	uint64_t began = bench_clock_ns(), ended;
	struct rusage used;
	int status;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, envp))
		err(1, "%s", argv[0]);
	if (wait4(pid, &status, 0, &used) != pid)
		err(1, "wait4");
	ended = bench_clock_ns();
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		errx(1, "WRONG ANSWERS: %s ended with status %#x", argv[0], (unsigned)status);
	*peak_kib = used.ru_maxrss;
	return ended - began;
}

/*
 * ru_maxrss comes from counters that may be off by 32 pages for each CPU. A child that prints
 * its own memory map's sums is exact: what is resident, and what no other process shares.
 */
static void
print_exact_memory(char **envp)
{
	static char *cat[] = {"/bin/cat", "/proc/self/smaps_rollup", NULL};
	unsigned long kib, private_kib = 0;
	posix_spawn_file_actions_t files;
	char line[256];
	int ends[2];
	FILE *out;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) || posix_spawn_file_actions_init(&files) ||
	    posix_spawn_file_actions_adddup2(&files, ends[1], 1) ||
	    posix_spawn(&pid, cat[0], &files, NULL, cat, envp))
		err(1, "%s", cat[0]);
	close(ends[1]);
	out = fdopen(ends[0], "r");
	while (out && fgets(line, sizeof(line), out)) {
		if (sscanf(line, "Rss: %lu", &kib) == 1)
			printf("resident KiB %lu\n", kib);
		else if (sscanf(line, "Private_%*[^:]: %lu", &kib) == 1 &&
			 strncmp(line, "Private_Hugetlb", 15))
			private_kib += kib;
	}
	printf("private KiB %lu\n", private_kib);
	if (wait4(pid, NULL, 0, NULL) != pid)
		err(1, "wait4");
}

int
main(int argc, char **argv)
{
	static struct bench_hist wall;
	char *envp[3] = {NULL, NULL, NULL};
	double sum_kib = 0;
	unsigned times;

	if (argc < 5)
		errx(2, "usage: start TIMES LIBRARY|none MODE PROGRAM [ARGUMENT...]");
	times = (unsigned)strtoul(argv[1], NULL, 10);
	if (!times)
		errx(2, "not a number of times: %s", argv[1]);
	if (strcmp(argv[2], "none") && (asprintf(&envp[0], "LD_PRELOAD=%s", argv[2]) < 0 ||
					asprintf(&envp[1], "SYMFAST=%s", argv[3]) < 0))
		err(1, "environment");
	for (unsigned i = 0; i < times; i++) {
		long kib;

		bench_hist_add(&wall, run_once(argv + 4, envp, &kib));
		sum_kib += (double)kib;
		if (kib <= own_kib())
			errx(1, "the child's memory cannot be told from the parent's");
	}
	printf("p50 us %.3f\n", bench_hist_at(&wall, 0.5) / 1e3);
	printf("p99 us %.3f\n", bench_hist_at(&wall, 0.99) / 1e3);
	printf("rss KiB %.3f\n", sum_kib / times);
	print_exact_memory(envp);
	return 0;
}
