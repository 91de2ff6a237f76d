// SPDX-License-Identifier: BSD-2-Clause
// stop.c: sample_stop_take at its worst: threads are stopped wherever they are, thousands of times, while signals
// come in and calls wait. None is lost, none doubled, no call is broken off, and nobody is left stopped.
#include "cli/sample/sample_peek.h"
#include "cli/sample/sample_stop.h"

#include <errno.h>
#include <stdarg.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TAKES    3000
#define WAITS    300
#define PATIENCE 60000 /* ms, for what comes or never will */

static struct counts {
	atomic_ulong sent, received, calls, broken;
	atomic_bool enough;
} * counts;
static struct sample_shot shot;
static int failures;

static void
check(const char *what, bool good, unsigned long a, unsigned long b)
{
	printf("%s %s (%lu, %lu)\n", good ? "ok  " : "FAIL", what, a, b);
	failures += !good;
}

static void
nap(long ns)
{
	const struct timespec t = {0, ns};

	nanosleep(&t, NULL);
}

static int disturbance; /* a signal that is sent just before each request to stop; 0: none */

/* Ours instead of libc's, for sample_stop.c. */
long
ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	pid_t pid;
	void *address, *data;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	address = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (request == PTRACE_INTERRUPT && disturbance != 0 && kill(pid, disturbance) == 0) {
		counts->sent++;
		nap(500000);
	}
	return syscall(SYS_ptrace, request, pid, address, data);
}

static void
on_signal(int number)
{
	(void)number;
	counts->received++;
}

static void
compute(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGRTMIN, &action, NULL);
	counts->calls++;
	for (;;)
		for (volatile int i = 0; i < 1000; i++)
			;
}

/* Sleeps in a call that gives EINTR at every stop of its thread. */
static void
wait_for_nothing(void)
{
	int events = epoll_create1(0);
	struct epoll_event one;

	for (;; counts->calls++)
		if (epoll_wait(events, &one, 1, 2) < 0)
			counts->broken++;
}

static pid_t
start(void (*function)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(600);
		function();
	}
	return pid;
}

static pid_t target;

static void
send_all_the_while(void)
{
	while (!counts->enough) {
		if (kill(target, SIGRTMIN) == 0)
			counts->sent++;
		for (volatile int i = 0; i < 20000; i++)
			;
	}
	_exit(0);
}

static void
wait_until(atomic_ulong *is, const atomic_ulong *wanted)
{
	for (int ms = 0; ms < PATIENCE && atomic_load(is) != atomic_load(wanted); ms++)
		nap(1000000);
}

static enum sample_stop
take_one(pid_t pid)
{
	static const struct sample_shot_go none;
	uint64_t ns;
	bool ran;

	return sample_stop_take(pid, pid, &none, &shot, 0, &ns, &ran);
}

/* One that did not get to its stop in time, on a machine with other things to do, is let go when it has, and asked again. */
static unsigned long
take(pid_t pid, int times)
{
	enum sample_stop result;
	unsigned long taken = 0;

	while (times-- > 0) {
		result = take_one(pid);
		for (int ms = 0;
		     ms < PATIENCE && (result == SAMPLE_STOP_LATE || result == SAMPLE_STOP_BUSY);
		     ms++) {
			nap(1000000);
			result = take_one(pid);
		}
		taken += result == SAMPLE_STOP_TAKEN && shot.stack_len != 0;
	}
	return taken;
}

static void
signals(void)
{
	pid_t sender;
	unsigned long taken;

	target = start(compute);
	while (counts->calls == 0)
		nap(1000000);
	sender = start(send_all_the_while);
	taken = take(target, TAKES);
	counts->enough = true;
	waitpid(sender, NULL, 0);
	wait_until(&counts->received, &counts->sent);
	check("copies were taken of a thread that computes", taken > TAKES / 2, taken, TAKES);
	check("every signal was counted once", counts->sent > 0 && counts->sent == counts->received,
	      counts->sent, counts->received);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
}

/* The signal stops the thread before the request does. */
static void
signals_first(void)
{
	unsigned long taken;

	counts->sent = counts->received = counts->calls = 0;
	target = start(compute);
	while (counts->calls == 0)
		nap(1000000);
	disturbance = SIGRTMIN;
	taken = take(target, WAITS);
	disturbance = 0;
	wait_until(&counts->received, &counts->sent);
	check("signals that stop the thread themselves: all counted",
	      counts->sent == counts->received, counts->sent, counts->received);
	check("copies were taken then, too", taken > WAITS / 2, taken, WAITS);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
}

static void
calls(void)
{
	pid_t pid = start(wait_for_nothing);
	unsigned long before, taken = take(pid, WAITS);

	before = counts->calls;
	for (int ms = 0; ms < PATIENCE && counts->calls == before; ms++)
		nap(1000000);
#if defined(__x86_64__)
	check("no call that waits gave EINTR", counts->broken == 0, counts->broken, WAITS);
#endif
	check("copies were taken of a thread that waits", taken > WAITS / 2, taken, WAITS);
	check("it goes on", counts->calls > before, counts->calls, before);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A stop by job control that meets the request is kept. */
static void
job_control(void)
{
	unsigned long kept = 0, times = 50;
	pid_t pid = start(compute);
	char state = 0;
	int cpu;

	for (unsigned long i = 0; i < times && kept == i; i++) {
		disturbance = i % 2 != 0 ? SIGSTOP : 0;
		if (disturbance == 0)
			kill(pid, SIGSTOP);
		take(pid, disturbance != 0 ? 1 : 3);
		disturbance = 0;
		for (int ms = 0; ms < PATIENCE; ms++) {
			state = sample_peek_state(pid, pid, &cpu);
			if (state == 'T')
				break;
			nap(1000000);
		}
		kept += state == 'T';
		kill(pid, SIGCONT);
	}
	check("stopped by job control, and stays so", kept == times, kept, times);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int
main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		return EXIT_FAILURE;
	sample_stop_begin();
	signals();
	signals_first();
	calls();
	job_control();
	return failures != 0;
}
