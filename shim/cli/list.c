// SPDX-License-Identifier: BSD-2-Clause
// list.c: `symfast list`: who has the shim, and in which mode; removes what dead processes left.
#include "list.h"

#include "snapshot.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct list {
	bool json, clean;
	json_t *rows;
	size_t removed;
};

static const struct argp_option options[] = {
	{"clean", 'c', NULL, 0, "remove the segments of processes that have ended", 0},
	{"json", 'j', NULL, 0, "print JSON", 0},
	{0}};

static error_t
parse(int key, char *arg, struct argp_state *state)
{
	struct list *l = state->input;

	switch (key) {
	case 'c':
		l->clean = true;
		return 0;
	case 'j':
		l->json = true;
		return 0;
	case ARGP_KEY_ARG:
		cli_usage(state, "too many arguments: %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int
is_segment(const struct dirent *entry)
{
	unsigned long uid, pid;

	return segment_name(entry->d_name, &uid, &pid) && (uid == geteuid() || geteuid() == 0);
}

static int
by_pid(const struct dirent **a, const struct dirent **b)
{
	unsigned long uid, x = 0, y = 0;

	segment_name((*a)->d_name, &uid, &x);
	segment_name((*b)->d_name, &uid, &y);
	return (x > y) - (x < y);
}

static const char *
open_one(struct segment *s, const char *path, const char *name)
{
	const char *why = segment_open(s, path);
	unsigned long uid, pid;

	if (why == NULL && segment_name(name, &uid, &pid) && s->head.pid != pid) {
		segment_close(s);
		why = "is damaged: it names another process";
	}
	return why;
}

bool
list_each(const char *directory,
	  void (*each)(const struct segment *s, const char *path, void *data), void *data,
	  int *status)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_segment, by_pid);

	*status = CLI_OK;
	if (count < 0) {
		*status = cli_error_errno(CLI_TARGET, "%s", directory);
		return false;
	}
	for (int i = 0; i < count; i++) {
		char *path = cli_format("%s/%s", directory, entries[i]->d_name);
		struct segment s;
		const char *why = open_one(&s, path, entries[i]->d_name);

		if (why == NULL) {
			each(&s, path, data);
			segment_close(&s);
		} else if (strcmp(why, "does not exist") != 0) { /* gone in between is no fault */
			cli_error("%s %s", path, why);
			*status = CLI_TARGET;
		}
		free(path);
		free(entries[i]);
	}
	free(entries);
	return true;
}

static void
add(const struct segment *s, const char *path, void *data)
{
	struct list *l = data;
	json_t *row = snapshot_head(s);

	if (l->clean && s->life == SEGMENT_ENDED) {
		struct segment again;

		/* A new process of the same id may have made its own in the meantime. */
		if (segment_open(&again, path) == NULL) {
			if (again.life == SEGMENT_ENDED && unlink(path) == 0) {
				l->removed++;
				json_object_set_new(row, "removed", json_true());
			}
			segment_close(&again);
		}
	}
	json_array_append_new(l->rows, row);
}

static void
print(const struct list *l)
{
	const json_t *row;
	size_t i;

	printf("%8s %-9s %-8s %-9s %10s  %s\n", "pid", "state", "mode", "by", "mismatches",
	       "program");
	json_array_foreach(l->rows, i, row)
		printf("%8lld %-9s %-8s %-9s %10lld  %s\n",
		       (long long)json_integer_value(json_object_get(row, "pid")),
		       json_is_true(json_object_get(row, "removed"))
			       ? "removed"
			       : json_string_value(json_object_get(row, "state")),
		       json_string_value(json_object_get(row, "mode")),
		       json_string_value(json_object_get(row, "set_by")),
		       (long long)json_integer_value(json_object_get(row, "mismatches")),
		       json_string_value(json_object_get(row, "exe")));
	if (l->clean)
		printf("%zu removed\n", l->removed);
}

int
cli_list(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, "List the processes that have the shim.", NULL, NULL, NULL};
	struct list l = {0};
	json_t *document;
	int status, printed = CLI_OK;

	cli_parse(&argp, argc, argv, 0, &l);
	l.rows = json_array();
	if (!list_each(segment_directory(), add, &l, &status)) {
		json_decref(l.rows);
		return status;
	}
	if (l.json) {
		document = cli_document("list");
		json_object_set(document, "processes", l.rows);
		printed = cli_print(document);
	} else {
		print(&l);
	}
	json_decref(l.rows);
	return status != CLI_OK ? status : printed;
}
