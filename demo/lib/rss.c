// SPDX-License-Identifier: BSD-2-Clause
// rss FILE PROGRAM ARGUMENT...: runs it, hands SIGTERM on, and appends the most memory that it or a child of it held, in KiB, to FILE.
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t child;

static void
hand_on(int number)
{
	kill(child, number);
}

int
main(int argc, char **argv)
{
	struct rusage used;
	int status;
	FILE *f;

	if (argc < 3)
		return 125;
	signal(SIGTERM, hand_on);
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(125);
	}
	while (wait4(child, &status, 0, &used) != child)
		continue;
	f = fopen(argv[1], "a");
	if (f != NULL) {
		fprintf(f, "%ld\n", used.ru_maxrss);
		fclose(f);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
