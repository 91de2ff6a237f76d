// SPDX-License-Identifier: BSD-2-Clause
// faults_inject NUMBER ERROR NTH LIBRARY PROGRAM ARGS...: makes one system call of the library fail.
//
// The NTH call of that NUMBER whose instruction lies in LIBRARY gets ERROR; with NTH negative that one and
// all later ones; 0: none. NUMBER -1: any but exit. At the end their count goes to descriptor 3. Children
// and threads are counted, too. Status: the program's; 77: this process may not trace.
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

static const char *library;
static unsigned long low, high; /* its code, once it is mapped */
static long wanted, count;
static int number, error;

static void
find_library(pid_t pid)
{
	unsigned long from, to;
	char path[64], line[512], rights[8], name[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f)) {
		name[0] = '\0';
		if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &from, &to, rights, name) < 3 ||
		    strcmp(name, library) != 0)
			continue;
		low = low == 0 || from < low ? from : low;
		high = to > high ? to : high;
	}
	fclose(f);
}

/*
 * A file system that refuses a mapping is asked when what lay at the fixed address has been unmapped
 * already, and so is memory that is short: the hole is made, and the error comes then.
 */
static bool
takes_away(struct user_regs_struct *regs)
{
	if (regs->orig_rax == SYS_mmap && (regs->r10 & MAP_FIXED)) {
		regs->orig_rax = regs->rax = SYS_munmap;
		return true;
	}
	if (regs->orig_rax != SYS_mremap || !(regs->r10 & MREMAP_FIXED))
		return false;
	regs->rdi = regs->r8;
	regs->rsi = regs->rdx;
	regs->orig_rax = regs->rax = SYS_munmap;
	return true;
}

static void
fail_at_exit(pid_t pid)
{
	struct user_regs_struct regs;
	int status;

	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		return;
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = (unsigned long)-(long)error;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
}

static void
at_call(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0)
		return;
	if (low == 0 || regs.rip < low || regs.rip >= high)
		find_library(pid); /* grows while ld.so maps it */
	if (low == 0 || regs.rip < low || regs.rip >= high || regs.orig_rax == SYS_exit_group)
		return;
	count++;
	if (wanted == 0 || (wanted > 0 ? count != wanted : count < -wanted))
		return;
	if (takes_away(&regs)) {
		ptrace(PTRACE_SETREGS, pid, 0, &regs);
		fail_at_exit(pid);
		return;
	}
	regs.orig_rax = (unsigned long)-1;
	regs.rax = (unsigned long)-(long)error;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
}

static void
begin(char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, number < 0 ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {4, code};

	if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
		_exit(SKIPPED);
	raise(SIGSTOP);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		_exit(SKIPPED);
	setenv("LD_PRELOAD", library, 1);
	execv(argv[0], argv);
	_exit(1);
}

int
main(int argc, char **argv)
{
	const int options = PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |
			    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int status, end = 1;
	char text[32];
	pid_t first, pid;

	if (argc < 6)
		errx(2, "usage: faults_inject NUMBER ERROR NTH LIBRARY PROGRAM ARGS...");
	number = atoi(argv[1]);
	error = atoi(argv[2]);
	wanted = atol(argv[3]);
	library = argv[4];
	first = fork();
	if (first == 0)
		begin(argv + 5);
	if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status))
		return SKIPPED;
	ptrace(PTRACE_SETOPTIONS, first, 0, options);
	ptrace(PTRACE_CONT, first, 0, 0);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = 0;

		if (!WIFSTOPPED(status)) {
			if (pid == first)
				end = WIFEXITED(status) ? WEXITSTATUS(status)
							: 128 + WTERMSIG(status);
			continue;
		}
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8))
			at_call(pid);
		else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			low = high = 0;
		else if (status >> 16 == 0 && WSTOPSIG(status) != SIGTRAP &&
			 WSTOPSIG(status) != SIGSTOP)
			sig = WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, 0, sig);
	}
	snprintf(text, sizeof(text), "%ld\n", count);
	if (write(3, text, strlen(text)) < 0)
		return 1;
	return end;
}
