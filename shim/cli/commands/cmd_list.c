// SPDX-License-Identifier: BSD-2-Clause
// cmd_list.c: `symfast list`: the processes that have the shim, and their modes; removes what dead processes left.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../segment/segment_each.h"
#include "../segment/stat_document.h"
#include <dirent.h>
#include <unistd.h>

struct list {
	bool json, clean;
	json_t *rows;
	size_t removed;
};

static const struct argument cmd_list_options[] = {
	{"clean", 'c', NULL, "remove the segments of processes that have ended",
	 offsetof(struct list, clean), NULL},
	ARGUMENT_JSON(list),
	{0}};
static const struct arguments cmd_list_arguments = {
	.text = "List the processes that have the shim.",
	.list = cmd_list_options,
};

/* Of a process that has ended, or of an earlier program of one that runs. */
static bool
cmd_list_is_left(const struct segment *s)
{
	return s->liveness == SEGMENT_ENDED || s->past;
}

static void
cmd_list_add(const struct segment *s, const char *path, void *data)
{
	struct list *l = data;
	json_t *row = stat_document_head(s);

	if (l->clean && cmd_list_is_left(s)) {
		struct segment again;

		/* A new process of the same id may have made its own in the meantime. */
		if (segment_open(&again, path) == NULL) {
			if (cmd_list_is_left(&again) && unlink(path) == 0) {
				l->removed++;
				json_object_set_new(row, "removed", json_true());
			}
			segment_close(&again);
		}
	}
	json_array_append_new(l->rows, row);
}

static void
cmd_list_print(const struct list *l)
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
cmd_list(int argc, char **argv)
{
	struct list l = {0};
	json_t *document;
	int status, printed = CLI_OK;

	arguments_parse(&cmd_list_arguments, argc, argv, &l);
	l.rows = json_array();
	if (!segment_each(segment_directory(), cmd_list_add, &l, &status)) {
		json_decref(l.rows);
		return status;
	}
	if (l.json) {
		document = document_new("list");
		json_object_set(document, "processes", l.rows);
		printed = document_print(document);
	} else {
		cmd_list_print(&l);
	}
	json_decref(l.rows);
	return status != CLI_OK ? status : printed;
}
