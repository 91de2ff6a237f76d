// SPDX-License-Identifier: BSD-2-Clause
// loads.c LIBRARY OBJECT: a real load makes the system calls of a stock one and no other, in every mode but that
// observe and verify read the CPU clock; and a handler that comes after any instruction of the library's part of it, and whose own look-up fails
// or that forks, does no harm (contract, 24 and 54).
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CALLS  512
#define WARM   40
#define ROUNDS 50
#define MARKER SYS_getppid

static char self[4096];

/* ---- what is traced: between two markers, always the same ---- */

static void
once(const char *what, const char *object)
{
	void *handle;

	if (strcmp(what, "missing") == 0) {
		if (dlopen("/no/such/object.so", RTLD_NOW) == NULL)
			dlerror();
		return;
	}
	handle = dlopen(object, strcmp(what, "noload") == 0 ? RTLD_NOW | RTLD_NOLOAD : RTLD_NOW);
	if (strcmp(what, "look") == 0 && handle != NULL)
		dlsym(handle, "shared_fn");
	if (handle != NULL)
		dlclose(handle);
}

static int
traced(const char *what, const char *object)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		return 77;
	raise(SIGSTOP);
	if (strcmp(what, "again") == 0)
		dlopen(object, RTLD_NOW);
	for (int i = 0; i < WARM; i++)
		once(what, object);
	syscall(MARKER);
	for (int i = 0; i < ROUNDS; i++)
		once(what, object);
	syscall(MARKER);
	return 0;
}

/* ---- the tracer ---- */

static pid_t
start(const char *library, const char *mode, const char *what, const char *object)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (mode != NULL) {
		setenv("LD_PRELOAD", library, 1);
		setenv("SYMFAST", mode, 1);
	} else {
		unsetenv("LD_PRELOAD");
	}
	execl(self, self, "--traced", what, object, (char *)NULL);
	_exit(126);
}

/* Counts each system call between the markers. The child's exit status, or -1. */
static int
count(pid_t pid, unsigned int *calls)
{
	int status, markers = 0;
	bool entering = true;

	memset(calls, 0, CALLS * sizeof(*calls));
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(uintptr_t)PTRACE_O_TRACESYSGOOD);
	for (;;) {
		struct user_regs_struct regs;

		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			return -1;
		ptrace(PTRACE_GETREGS, pid, NULL, &regs);
		if (entering && regs.orig_rax == MARKER)
			markers++;
		else if (entering && markers == 1 && regs.orig_rax < CALLS)
			calls[regs.orig_rax]++;
		entering = !entering;
	}
}

/* The CPU time of libc's calls is measured (observe/timing.c). */
static bool
times(const char *mode)
{
	return strcmp(mode, "observe") == 0 || strcmp(mode, "verify") == 0;
}

static int
compare(const char *library, const char *what, const char *object)
{
	static const char *const modes[] = {"on", "observe", "verify", "off", "ab:50"};
	unsigned int bare[CALLS], other[CALLS], all = 0;
	int status = count(start(library, NULL, what, object), bare), failed = 0;

	if (status != 0)
		return status;
	for (size_t i = 0; i < CALLS; i++)
		all += bare[i];
	printf("%s: %u calls in %d rounds\n", what, all, ROUNDS);
	for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
		status = count(start(library, modes[m], what, object), other);
		if (status != 0)
			return status;
		for (size_t i = 0; i < CALLS; i++) {
			if (other[i] == bare[i] || (i == SYS_clock_gettime && times(modes[m])))
				continue;
			printf("  %s: call %zu: bare %u, preloaded %u\n", modes[m], i, bare[i],
			       other[i]);
			failed = 1;
		}
	}
	return failed;
}

/* ---- a handler after each instruction ---- */

#define TRAP_FLAG 0x100

static uintptr_t lo, hi; /* the library's code */
static long left;
static bool forks;
static void *libc;

static int
find(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "libsymfast") == NULL)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && info->dlpi_addr + p->p_vaddr + p->p_memsz > hi)
			hi = info->dlpi_addr + p->p_vaddr + p->p_memsz;
	}
	lo = info->dlpi_addr;
	return 1;
}

static void
come_between(void)
{
	pid_t pid;
	int status;

	if (!forks) {
		dlsym(libc, "no_such_name");
		return;
	}
	pid = fork();
	if (pid <= 0)
		return;
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
}

static void
on_trap(int number, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t at = (uintptr_t)regs[REG_RIP];

	(void)number;
	(void)info;
	if (at < lo || at >= hi || --left > 0)
		return;
	regs[REG_EFL] &= ~TRAP_FLAG;
	come_between();
}

static __attribute__((noinline)) void *
stepped(const char *object)
{
	void *handle;

	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"i"(TRAP_FLAG)
			 : "memory", "cc");
	handle = dlopen(object, RTLD_LAZY);
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::"i"(~TRAP_FLAG)
			 : "memory", "cc");
	return handle;
}

/*
 * One load, another one come between after `n` instructions. 0: as it should be; 1: wrong; 2: no more. Whether
 * the other one's error or none is pending depends on when it came, as without the library.
 */
static int
step(long n, const char *object)
{
	void *handle;

	left = n;
	handle = stepped(object);
	if (handle == NULL) {
		printf("after %ld instructions: NULL, %s\n", n, dlerror());
		return 1;
	}
	dlclose(handle);
	return left > 0 ? 2 : 0;
}

static int
in_child(long n, const char *object)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(step(n, object));
	waitpid(pid, &status, 0);
	/* Where signals are blocked no handler comes, and the trap ends the process. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP)
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
steps(const char *how, const char *object)
{
	struct sigaction trap = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	long n = 1;
	int result = 0;

	dl_iterate_phdr(find, NULL);
	if (lo == 0)
		return 5;
	forks = strcmp(how, "forks") == 0;
	libc = dlopen("libc.so.6", RTLD_LAZY);
	sigaction(SIGTRAP, &trap, NULL);
	for (int i = 0; i < WARM; i++)
		once("load", object);
	for (; result == 0 && n < 4000; n += forks ? 797 : 23)
		result = forks ? in_child(n, object) : step(n, object);
	printf("%s: %ld instructions\n", how, n);
	return result != 1 && n > 50 ? 0 : 1;
}

static int
run_steps(const char *library, const char *mode, const char *how, const char *object)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("LD_PRELOAD", library, 1);
		setenv("SYMFAST", mode, 1);
		execl(self, self, "--steps", how, object, (char *)NULL);
		_exit(126);
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		printf("%s, %s: status %d\n", mode, how, status);
	return status != 0;
}

int
main(int argc, char **argv)
{
	static const char *const kinds[] = {"load", "look", "again", "missing", "noload"};
	int failed = 0;

	if (argc == 4 && strcmp(argv[1], "--traced") == 0)
		return traced(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "--steps") == 0)
		return steps(argv[2], argv[3]);
	if (argc != 3 || readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int result = compare(argv[1], kinds[i], argv[2]);

		if (result == 77)
			return 77; /* nobody may be traced here */
		failed |= result;
	}
	failed |= run_steps(argv[1], "on", "looks", argv[2]);
	failed |= run_steps(argv[1], "on", "forks", argv[2]);
	failed |= run_steps(argv[1], "verify", "looks", argv[2]);
	return failed != 0;
}
