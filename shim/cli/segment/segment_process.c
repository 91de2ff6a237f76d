// SPDX-License-Identifier: BSD-2-Clause
// segment_process.c: the segment of a process: which file of the directory it is, or why there is none.
#include "segment_open.h"

#include "../base/proc.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
segment_process_path_of(unsigned long uid, unsigned long pid)
{
	return cli_format("%s/" SYMFAST_SHM_PREFIX "%lu.%lu", segment_directory(), uid, pid);
}

/* Without a file: what is the matter with the process? */
static int
segment_process_explain(unsigned long pid)
{
	unsigned long owner;

	if (!proc_owner(pid, &owner))
		cli_error("there is no process %lu", pid);
	else if (owner != geteuid() && geteuid() != 0)
		cli_error("process %lu belongs to another user", pid);
	else if (proc_maps(pid, "/libsymfast.so"))
		cli_error("process %lu has the shim, but no statistics in %s (yet): it has asked "
			  "nothing, they are off, or its file could not be made",
			  pid, segment_directory());
	else
		cli_error("process %lu does not have the shim", pid);
	return CLI_TARGET;
}

/* A process as its file names it, in its own pid namespace. */
struct identity {
	unsigned long pid;
	uint64_t space, start; /* 0: not known */
};

static bool
segment_process_is_of(const struct segment *s, const struct identity *who)
{
	return s->head.pid == who->pid &&
	       (who->space == 0 || s->head.pid_space == 0 || s->head.pid_space == who->space) &&
	       (who->start == 0 || s->head.start_time == who->start);
}

/*
 * Under another name than the process's (of: whose names of users hold there, 0: ours): made before a change of user, or by one of another pid namespace,
 * whose number for itself is not ours.
 */
static bool
segment_process_search(struct segment *s, const struct identity *who, int access_mode,
		       const char *directory, unsigned long of)
{
	DIR *dir = opendir(directory);
	const struct dirent *d;
	bool found = false;

	while (dir != NULL && !found && (d = readdir(dir)) != NULL) {
		unsigned long uid, pid;
		char *path;

		if (!segment_name(d->d_name, &uid, &pid) || pid != who->pid)
			continue;
		path = cli_format("%s/%s", directory, d->d_name);
		if (segment_open_of(s, path, access_mode, of) == NULL) {
			found = segment_process_is_of(s, who);
			if (!found)
				segment_close(s);
		}
		free(path);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* The directory of a mapped file that is shared and written to, from a line of maps; NULL: none. */
static char *
segment_process_mapped_directory(const char *line)
{
	const char *path = strchr(line, '/'), *slash = path != NULL ? strrchr(path, '/') : NULL;
	char rights[5] = "";

	/* The file was made without a name, which it got later: maps shows its inode. */
	if (slash == NULL || sscanf(line, "%*s %4s", rights) != 1 || strcmp(rights, "rw-s") != 0 ||
	    (slash[1] != '#' &&
	     strncmp(slash + 1, SYMFAST_SHM_PREFIX, strlen(SYMFAST_SHM_PREFIX)) != 0))
		return NULL;
	return cli_format("%.*s", (int)(slash - path), path);
}

/*
 * In a directory that is not ours: another SYMFAST_SHM_DIR, a chroot, a container. The process has the file
 * mapped and so says where it lies, seen from its own root.
 */
static bool
segment_process_mapped(struct segment *s, unsigned long pid, const struct identity *who,
		       int access_mode)
{
	size_t size;
	char *maps = proc_read(pid, "maps", &size), *rest = maps, *line;
	bool found = false;

	while (!found && rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		char *inside = segment_process_mapped_directory(line), *directory;

		if (inside == NULL)
			continue;
		directory = cli_format("/proc/%lu/root%s", pid, inside);
		found = segment_process_search(s, who, access_mode, directory, pid);
		free(directory);
		free(inside);
	}
	free(maps);
	return found;
}

static int
segment_process_open(struct segment *s, unsigned long pid, int access_mode)
{
	struct identity who = {pid, proc_pid_space(), 0};
	const char *why = "does not exist";
	unsigned long owner;
	char *path;

	/* A dead process's file is looked for under our own name. */
	if (proc_owner(pid, &owner))
		who = (struct identity){proc_own_pid(pid), proc_space_of(pid),
					proc_start_time(pid)};
	else
		owner = geteuid();
	path = segment_process_path_of(owner, who.pid);
	if (access(path, F_OK) == 0) {
		why = segment_open_of(s, path, access_mode, 0);
		if (why == NULL && !segment_process_is_of(s, &who)) {
			segment_close(s);
			why = s->head.pid != who.pid ? "is damaged: it names another process"
						     : "is another process's of the same number";
		}
	}
	if (why != NULL && (segment_process_search(s, &who, access_mode, segment_directory(), 0) ||
			    segment_process_mapped(s, pid, &who, access_mode)))
		why = NULL;
	if (why != NULL && access(path, F_OK) == 0)
		cli_error("%s %s", path, why);
	else if (why != NULL)
		segment_process_explain(pid);
	if (why == NULL && who.start != 0 && s->liveness == SEGMENT_ELSEWHERE)
		s->liveness = SEGMENT_LIVE;
	free(path);
	return why == NULL ? CLI_OK : CLI_TARGET;
}

int
segment_of(struct segment *s, unsigned long pid)
{
	return segment_process_open(s, pid, O_RDONLY);
}

int
segment_to_set(struct segment *s, unsigned long pid)
{
	return segment_process_open(s, pid, O_RDWR);
}
