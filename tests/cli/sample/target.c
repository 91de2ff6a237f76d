// SPDX-License-Identifier: BSD-2-Clause
// target.c: programs to be sampled: target WHAT [ARGUMENT]. Each ends when its standard input does, and then says what
// it counted. Nothing of it runs for longer than ten minutes.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool ended, asked, answered;
static atomic_ulong counted, wrong;
static void *volatile sink;
static const char *argument;

static void *
until_input_ends(void *unused)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR)
		errno = 0;
	ended = true;
	return unused;
}

static void
start(void *(*function)(void *), int threads)
{
	pthread_t t;

	while (threads-- > 0)
		if (pthread_create(&t, NULL, function, NULL) != 0 || pthread_detach(t) != 0)
			abort();
}

__attribute__((noinline)) static void
look_up(void)
{
	static const char *const names[] = {"qsort", "getenv", "strtod", "printf", "fopen", "atoi"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sink = dlsym(RTLD_DEFAULT, names[i]);
}

/* A system call every few microseconds: whoever is asked to stop would do so there. */
static void
look_up_and_write(void)
{
	static int nowhere = -1;

	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	look_up();
	if (write(nowhere, "x", 1) != 1)
		abort();
}

__attribute__((noinline)) static void
load_and_unload(void)
{
	void *handle = dlopen(argument, RTLD_NOW);

	if (handle == NULL || dlclose(handle) != 0)
		abort();
	counted++;
}

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* So many times, or until the input ends; says what it cost. */
static void
repeat(void (*function)(void), const char *times)
{
	long left = times != NULL ? atol(times) : -1;
	double before;

	function();
	before = cpu_ms();
	while (left != 0 && !ended) {
		function();
		left -= left > 0;
	}
	printf("%f\n", cpu_ms() - before);
}

static void *
look_up_by_and_by(void *unused)
{
	while (!ended) {
		look_up();
		usleep(1000);
	}
	return unused;
}

static void
on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	counted++;
	if (info->si_code != SI_USER || info->si_pid != getppid())
		wrong++;
}

static void *
compute(void *unused)
{
	while (!ended)
		for (volatile int i = 0; i < 10000; i++)
			;
	return unused;
}

static void
hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(how, &set, NULL);
}

__attribute__((noreturn)) static void *
take_and_compute(void *unused)
{
	hold_signals(SIG_UNBLOCK);
	compute(unused);
	/* There may be more to come. What is asked after a signal was taken is answered behind its handler. */
	for (;;) {
		if (asked)
			answered = true;
		usleep(1000);
	}
}

static bool
all_taken(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && !sigismember(&pending, SIGRTMIN);
}

/* Every signal is counted. One thread gets them all, and is stopped most: it computes. */
static void
take_signals(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigaction(SIGRTMIN, &action, NULL);
	start(take_and_compute, 1);
	puts("ready");
	while (!ended || !all_taken())
		usleep(1000);
	for (asked = true; !answered;)
		usleep(1000);
	printf("%lu %lu\n", counted, wrong);
}

/* A call that gives EINTR at every stop of its thread. */
static void
wait_for_events(void)
{
	int events = epoll_create1(0);
	struct epoll_event one;

	puts("ready");
	while (!ended) {
		if (epoll_wait(events, &one, 1, 1) < 0)
			wrong++;
		for (volatile int i = 0; i < 300000; i++)
			;
		counted++;
	}
	printf("%lu %lu\n", counted, wrong);
}

static void *
once(void *unused)
{
	look_up();
	return unused;
}

/* Threads and children that come and go. */
static void
come_and_go(void)
{
	char *const words[] = {(char *)(uintptr_t) "true", NULL};

	puts("ready");
	while (!ended) {
		pthread_t t[4];
		pid_t pid;

		for (int i = 0; i < 4; i++)
			if (pthread_create(&t[i], NULL, once, NULL) != 0)
				wrong++;
		pid = vfork();
		if (pid == 0) {
			execv("/bin/true", words);
			_exit(1);
		}
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			wrong++;
		counted++;
	}
	printf("%lu %lu\n", counted, wrong);
}

/* Runs itself again and again, from a thread that is not the first, while others compute. */
static void *
run_again(void *unused)
{
	char left[16];

	look_up();
	snprintf(left, sizeof(left), "%d", atoi(argument) - 1);
	execl("/proc/self/exe", "target", "exec", left, NULL);
	abort();
	return unused;
}

static void
exec_often(void)
{
	if (atoi(argument) == 0) {
		puts("whole");
		exit(0);
	}
	start(compute, 2);
	start(run_again, 1);
	for (;;)
		pause();
}

/* Traces another process until the input ends. */
static void
trace(void)
{
	if (ptrace(PTRACE_SEIZE, atoi(argument), NULL, NULL) != 0)
		abort();
	puts("ready");
	while (!ended)
		usleep(1000);
}

static void
ready(void)
{
	puts("ready");
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *times = argc > 3 ? argv[3] : NULL;

	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(600);
	argument = argc > 2 ? argv[2] : NULL;
	if (strcmp(what, "signals") == 0)
		hold_signals(SIG_BLOCK);
	if (strcmp(what, "exec") != 0)
		start(until_input_ends, 1);
	if (strcmp(what, "lookup") == 0) {
		ready();
		repeat(look_up, argument);
	} else if (strcmp(what, "mixed") == 0) {
		ready();
		repeat(look_up_and_write, argument);
	} else if (strcmp(what, "churn") == 0) {
		ready();
		repeat(load_and_unload, times);
	} else if (strcmp(what, "lock") == 0) {
		start(look_up_by_and_by, 3);
		ready();
		repeat(load_and_unload, NULL);
	} else if (strcmp(what, "compute") == 0) {
		ready();
		compute(NULL);
	} else if (strcmp(what, "signals") == 0) {
		take_signals();
	} else if (strcmp(what, "events") == 0) {
		wait_for_events();
	} else if (strcmp(what, "come") == 0) {
		come_and_go();
	} else if (strcmp(what, "exec") == 0) {
		exec_often();
	} else if (strcmp(what, "trace") == 0) {
		trace();
	} else {
		return 2;
	}
	return 0;
}
