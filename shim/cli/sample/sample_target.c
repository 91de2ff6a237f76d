// SPDX-License-Identifier: BSD-2-Clause
// sample_target.c: see sample_target.h.
#include "sample_target.h"

#include "../base/cli.h"
#include "../base/proc.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAP_SYS_PTRACE 19

static bool sample_target_no(char *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool
sample_target_no(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, SAMPLE_TARGET_TEXT, format, args);
	va_end(args);
	return false;
}

long
sample_target_status(pid_t pid, const char *name)
{
	char *key = cli_format("\n%s:", name), *text, *at;
	size_t size;
	long value = -1;

	text = proc_read((unsigned long)pid, "status", &size);
	at = text != NULL ? strstr(text, key) : NULL;
	if (at != NULL)
		value = strtol(at + strlen(key), NULL, 10);
	free(text);
	free(key);
	return value;
}

/* Have we the right to trace others' processes? */
static bool
sample_target_have_right(void)
{
	size_t size;
	char *text = proc_read((unsigned long)getpid(), "status", &size);
	char *at = text != NULL ? strstr(text, "\nCapEff:") : NULL;
	bool have = at != NULL && (strtoull(at + 8, NULL, 16) >> CAP_SYS_PTRACE & 1) != 0;

	free(text);
	return have;
}

/* kernel.yama.ptrace_scope; 0 where there is none. */
static int
sample_target_scope(void)
{
	char text[4] = "0";
	int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, text, 1) != 1)
			*text = '0';
		close(fd);
	}
	return *text - '0';
}

static const char *
sample_target_user(unsigned long uid, char *to, size_t size)
{
	struct passwd *p = getpwuid((uid_t)uid);

	if (p != NULL)
		snprintf(to, size, "%s", p->pw_name);
	else
		snprintf(to, size, "%lu", uid);
	return to;
}

void
sample_target_why_denied(pid_t pid, char *why)
{
	static const char ask[] = "run symfast as root, or with CAP_SYS_PTRACE";
	long uid = sample_target_status(pid, "Uid"),
	     tracer = sample_target_status(pid, "TracerPid");
	int scope = sample_target_scope();
	char user[64];

	if (tracer > 0)
		sample_target_no(why,
				 "process %d is traced by process %ld already (a debugger, "
				 "strace): end that first",
				 pid, tracer);
	else if (scope >= 3)
		sample_target_no(why,
				 "process %d: kernel.yama.ptrace_scope is 3: nobody may trace "
				 "until the next boot",
				 pid);
	else if (sample_target_have_right())
		sample_target_no(why,
				 "process %d: ptrace is forbidden here (a container's seccomp "
				 "filter, SELinux, or a process of an outer user namespace): run "
				 "symfast on the host",
				 pid);
	else if (uid >= 0 && (uid_t)uid != geteuid())
		sample_target_no(
			why, "process %d belongs to user %s: run symfast as that user or as root",
			pid, sample_target_user((unsigned long)uid, user, sizeof(user)));
	else if (scope != 0)
		sample_target_no(why,
				 "process %d: kernel.yama.ptrace_scope is %d, a process may trace "
				 "its children alone: %s",
				 pid, scope, ask);
	else
		sample_target_no(why,
				 "process %d may not be traced (set-user-ID, capabilities, or "
				 "PR_SET_DUMPABLE): %s",
				 pid, ask);
}

/* Reading where it sleeps needs the right to trace it, and touches nothing. */
static bool
sample_target_may_trace(pid_t pid, char *why)
{
	char *name = cli_format("/proc/%d/syscall", pid), byte;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool may = fd >= 0 ? read(fd, &byte, 1) == 1 || errno == ESRCH : errno == ENOENT;

	free(name);
	if (fd >= 0)
		close(fd);
	if (!may || sample_target_status(pid, "TracerPid") > 0)
		sample_target_why_denied(pid, why);
	return *why == '\0';
}

static bool
sample_target_is_64(pid_t pid, char *why)
{
	char *name = cli_format("/proc/%d/exe", pid);
	unsigned char ident[EI_NIDENT] = {0};
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool good = fd < 0 || read(fd, ident, sizeof(ident)) != sizeof(ident) ||
		    ident[EI_CLASS] == ELFCLASS64;

	if (fd >= 0)
		close(fd);
	free(name);
	if (!good)
		return sample_target_no(
			why,
			"process %d is a 32-bit program: the shim serves 64-bit programs alone",
			pid);
	return true;
}

bool
sample_target_allowed(pid_t pid, char *why)
{
	long group = sample_target_status(pid, "Tgid");
	char link[8], *name;
	ssize_t n;

	*why = '\0';
	if (group < 0)
		return sample_target_no(why, "process %d: %s", pid, strerror(ESRCH));
	if (group != pid)
		return sample_target_no(why, "process %d is a thread of process %ld: name that",
					pid, group);
	if (pid == getpid())
		return sample_target_no(why, "process %d is this symfast", pid);
	if (proc_start_time((unsigned long)pid) == 0 && sample_target_status(pid, "VmSize") < 0)
		return sample_target_no(why, "process %d has ended; its parent has not asked how",
					pid);
	name = cli_format("/proc/%d/exe", pid);
	n = readlink(name, link, sizeof(link));
	free(name);
	if (n < 0 && errno == ENOENT && sample_target_status(pid, "VmSize") < 0)
		return sample_target_no(
			why, "process %d is a thread of the kernel: it looks nothing up", pid);
	return sample_target_may_trace(pid, why) && sample_target_is_64(pid, why);
}
