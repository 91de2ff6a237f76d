// SPDX-License-Identifier: BSD-2-Clause
// proc.c: see proc.h.
#include "proc.h"

#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (4u << 20)

static char *
proc_read_all(int fd, size_t *size)
{
	size_t room = 4096;
	char *text = cli_alloc(room, 1);

	for (*size = 0; *size < TEXT_MAX;) {
		ssize_t n;

		if (*size + 1 >= room)
			text = cli_grow(text, room *= 2, 1);
		n = read(fd, text + *size, room - *size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		if (n == 0)
			break;
		*size += (size_t)n;
	}
	text[*size] = '\0';
	return text;
}

char *
proc_read(unsigned long pid, const char *name, size_t *size)
{
	char *path = cli_format("/proc/%lu/%s", pid, name), *text;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;

	free(path);
	*size = 0;
	if (fd < 0)
		return NULL;
	text = proc_read_all(fd, size);
	error = errno;
	close(fd);
	errno = error;
	return text;
}

/* What /proc/PID/stat says after the name; false if there is no such process. */
struct proc_stat {
	char state;
	unsigned long user, system; /* clock ticks */
	unsigned long long start;
};

static bool
proc_read_stat(unsigned long pid, struct proc_stat *p)
{
	size_t size;
	char *text = proc_read(pid, "stat", &size);
	/* The name in parentheses may hold anything; nothing after its last ')' does. */
	const char *at = text != NULL ? strrchr(text, ')') : NULL;
	bool ok = at != NULL &&
		  sscanf(at + 1,
			 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
			 "%*d %*d %*d %llu",
			 &p->state, &p->user, &p->system, &p->start) == 4;

	free(text);
	return ok;
}

uint64_t
proc_start_time(unsigned long pid)
{
	struct proc_stat p;

	return proc_read_stat(pid, &p) && p.state != 'Z' && p.state != 'X' ? p.start : 0;
}

double
proc_cpu_ns(unsigned long pid)
{
	struct proc_stat p;

	return proc_read_stat(pid, &p)
		       ? (double)(p.user + p.system) / (double)sysconf(_SC_CLK_TCK) * 1e9
		       : 0;
}

bool
proc_owner(unsigned long pid, unsigned long *uid)
{
	char *path = cli_format("/proc/%lu", pid);
	struct stat st;
	bool found = stat(path, &st) == 0;

	free(path);
	*uid = found ? st.st_uid : 0;
	return found;
}

void
proc_strip_deleted(char *path)
{
	static const char gone[] = " (deleted)";
	size_t len = strlen(path);

	if (len > strlen(gone) && strcmp(path + len - strlen(gone), gone) == 0)
		path[len - strlen(gone)] = '\0';
}

bool
proc_exe(unsigned long pid, char *path, size_t size)
{
	char *link = cli_format("/proc/%lu/exe", pid);
	ssize_t n = readlink(link, path, size - 1);

	free(link);
	if (n < 0)
		return false;
	path[n] = '\0';
	proc_strip_deleted(path);
	return true;
}

unsigned long
proc_uid_inside(unsigned long pid, unsigned long uid)
{
	size_t size;
	char *text = proc_read(pid, "uid_map", &size), *rest = text, *line;
	unsigned long inside, outside, count, found = uid;

	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL)
		if (sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3 && uid >= outside &&
		    uid - outside < count) {
			found = inside + (uid - outside);
			break;
		}
	free(text);
	return found;
}

bool
proc_maps(unsigned long pid, const char *text)
{
	size_t size;
	char *maps = proc_read(pid, "maps", &size);
	bool found = maps != NULL && strstr(maps, text) != NULL;

	free(maps);
	return found;
}

uint64_t
proc_pid_space(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

uint64_t
proc_space_of(unsigned long pid)
{
	char *path = cli_format("/proc/%lu/ns/pid", pid);
	struct stat st;
	bool found = stat(path, &st) == 0;

	free(path);
	return found ? st.st_ino : 0;
}

/* "NSpid:" has a number for each namespace, its own last. */
unsigned long
proc_own_pid(unsigned long pid)
{
	size_t size;
	char *text = proc_read(pid, "status", &size);
	char *at = text != NULL ? strstr(text, "\nNSpid:") : NULL;
	unsigned long own = pid;

	if (at != NULL) {
		at += strlen("\nNSpid:");
		at[strcspn(at, "\n")] = '\0';
		at = strrchr(at, '\t');
		if (at == NULL || !cli_number(at + 1, 1, 1ul << 22, &own))
			own = pid;
	}
	free(text);
	return own;
}
