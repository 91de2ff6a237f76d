// SPDX-License-Identifier: BSD-2-Clause
// segment_each.c: see segment_each.h.
#include "segment_each.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
segment_each_is_segment(const struct dirent *entry)
{
	unsigned long uid, pid;

	return segment_name(entry->d_name, &uid, &pid) && (uid == geteuid() || geteuid() == 0);
}

static int
segment_each_by_pid(const struct dirent **a, const struct dirent **b)
{
	unsigned long uid, x = 0, y = 0;

	segment_name((*a)->d_name, &uid, &x);
	segment_name((*b)->d_name, &uid, &y);
	return (x > y) - (x < y);
}

static const char *
segment_each_open(struct segment *s, const char *path, const char *name)
{
	const char *why = segment_open(s, path);
	unsigned long uid, pid;

	if (why == NULL && segment_name(name, &uid, &pid) && s->head.pid != pid) {
		segment_close(s);
		why = "is damaged: it names another process";
	}
	return why;
}

static void
segment_each_say(const char *path, const char *why, void *data)
{
	(void)data;
	cli_error("%s %s", path, why);
}

bool
segment_each(const char *directory,
	     void (*each)(const struct segment *s, const char *path, void *data), void *data,
	     int *status)
{
	bool read = segment_each_or(directory, each, segment_each_say, data, status);

	if (!read)
		cli_error_errno(0, "%s", directory);
	return read;
}

bool
segment_each_or(const char *directory,
		void (*each)(const struct segment *s, const char *path, void *data),
		void (*bad)(const char *path, const char *why, void *data), void *data, int *status)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, segment_each_is_segment, segment_each_by_pid);

	*status = CLI_OK;
	if (count < 0) {
		*status = CLI_TARGET;
		return false;
	}
	for (int i = 0; i < count; i++) {
		char *path = cli_format("%s/%s", directory, entries[i]->d_name);
		struct segment s;
		const char *why = segment_each_open(&s, path, entries[i]->d_name);

		if (why == NULL) {
			each(&s, path, data);
			segment_close(&s);
		} else if (strcmp(why, "does not exist") != 0) { /* gone in between is no fault */
			bad(path, why, data);
			*status = CLI_TARGET;
		}
		free(path);
		free(entries[i]);
	}
	free(entries);
	return true;
}
