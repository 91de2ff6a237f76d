// SPDX-License-Identifier: BSD-2-Clause
// cmd_watch.c: `symfast watch`: a kill file for all processes, those that make no call too.
//
// What it takes it notes in the process's own segment: word off, by the kill file, and its own pid as the last
// that gave an order. So one that is started anew can go on where another was killed.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../segment/segment_each.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 200000000
#define LIST_EVERY                                                                                 \
	5 /* while the file is there, new processes are looked for in one round of so many */

/* A process that is off because of the file. */
struct taken {
	unsigned long pid;
	uint64_t start_time;
	uint32_t before; /* its word */
	uint32_t orders; /* it had been given, ours included */
	uint32_t trips;  /* of its breaker */
	bool seen;       /* in this round */
};

struct watch_file {
	const char *path;
	bool json, once;
	bool there;
	struct taken *list;
	size_t count;
	unsigned int changed, failed; /* in this round */
};

static void
cmd_watch_check_path(struct argp_state *state, const char *arg, void *into)
{
	(void)into;
	if (*arg != '/')
		cli_usage(state, "not an absolute path: %s", arg);
}

static void
cmd_watch_end(struct argp_state *state, const void *into)
{
	if (((const struct watch_file *)into)->path == NULL)
		cli_usage(state, "a --kill-file is needed");
}

static const struct argument cmd_watch_options[] = {
	{"kill-file", 'f', "FILE", "while this file exists, everything is off",
	 offsetof(struct watch_file, path), cmd_watch_check_path},
	{"once", '1', NULL, "look once, and end", offsetof(struct watch_file, once), NULL},
	{"json", 'j', NULL, "print JSON, an object for each change",
	 offsetof(struct watch_file, json), NULL},
	{0}};
static const struct arguments cmd_watch_arguments = {
	.usage = "--kill-file FILE",
	.text = "Switch all processes off while a file exists.",
	.list = cmd_watch_options,
	.end = cmd_watch_end,
};

static struct taken *
cmd_watch_find(struct watch_file *w, const struct segment *s)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->list[i].pid == s->head.pid && w->list[i].start_time == s->head.start_time)
			return &w->list[i];
	return NULL;
}

static struct taken *
cmd_watch_note(struct watch_file *w, const struct segment *s, uint32_t before, uint32_t orders)
{
	struct taken *t = cmd_watch_find(w, s);

	if (t == NULL) {
		w->list = cli_grow(w->list, w->count + 1, sizeof(*w->list));
		t = &w->list[w->count++];
	}
	*t = (struct taken){s->head.pid, s->head.start_time,       before,
			    orders,      s->control.breaker_trips, true};
	return t;
}

/* Opened anew, to be written: the file that is checked is the one that is written. */
static int
cmd_watch_store(const struct segment *s, const char *path, uint32_t word)
{
	struct segment to;
	int error = ENOENT;

	if (segment_open_to_set(&to, path) != NULL)
		return ENOENT; /* it has just ended */
	if (to.head.pid == s->head.pid && to.head.start_time == s->head.start_time)
		error = segment_set(&to, word, SYMFAST_SHM_BY_FILE);
	segment_close(&to);
	return error;
}

static void
cmd_watch_set(struct watch_file *w, const struct segment *s, const char *path, uint32_t word)
{
	errno = cmd_watch_store(s, path, word);
	if (errno == 0) {
		w->changed++;
	} else if (errno != ENOENT) {
		cli_error_errno(0, "process %lu", (unsigned long)s->head.pid);
		w->failed++;
	}
}

/* Off by a file that the process itself does not know of, by a watch that is no more. */
static bool
cmd_watch_is_left_behind(const struct segment *s)
{
	const struct symfast_shm_control *c = &s->control;

	return c->word == SYMFAST_SHM_OFF && c->reason == SYMFAST_SHM_BY_FILE &&
	       c->kill_file_seen == 0 && c->ctl_pid != 0 && c->setting_word != SYMFAST_SHM_OFF &&
	       (c->ctl_pid == (uint32_t)getpid() ||
		(kill((pid_t)c->ctl_pid, 0) != 0 && errno == ESRCH));
}

/* What ctl says after the file came stands; what the process itself turned on again does not. */
static void
cmd_watch_take(struct watch_file *w, const struct segment *s, const char *path)
{
	const struct symfast_shm_control *c = &s->control;
	struct taken *t = cmd_watch_find(w, s);

	if (t != NULL)
		t->seen = true;
	if (c->word == SYMFAST_SHM_OFF)
		return;
	if (t != NULL && (c->ctl_count != t->orders || c->reason != SYMFAST_SHM_BY_FILE))
		return;
	cmd_watch_note(w, s, c->word, c->ctl_count + 1);
	cmd_watch_set(w, s, path, SYMFAST_SHM_OFF);
}

static void
cmd_watch_give_back(struct watch_file *w, const struct segment *s, const char *path)
{
	const struct symfast_shm_control *c = &s->control;
	const struct taken *t = cmd_watch_find(w, s);

	if (t == NULL || c->word != SYMFAST_SHM_OFF || c->reason != SYMFAST_SHM_BY_FILE ||
	    c->ctl_count != t->orders || c->breaker == SYMFAST_SHM_BREAKER_OPEN ||
	    c->breaker_trips != t->trips)
		return;
	cmd_watch_set(w, s, path, t->before);
}

static void
cmd_watch_each(const struct segment *s, const char *path, void *data)
{
	struct watch_file *w = data;

	if (segment_refusal(s) != NULL)
		return;
	if (cmd_watch_find(w, s) == NULL && cmd_watch_is_left_behind(s))
		cmd_watch_note(w, s, s->control.setting_word, s->control.ctl_count);
	if (w->there)
		cmd_watch_take(w, s, path);
	else
		cmd_watch_give_back(w, s, path);
}

static void
cmd_watch_forget(struct watch_file *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (w->there && w->list[i].seen)
			w->list[kept++] = w->list[i];
		w->list[i].seen = false;
	}
	w->count = kept;
}

static int
cmd_watch_tell(const struct watch_file *w)
{
	json_t *document;

	if (!w->json) {
		printf("%s is %s: %u %s\n", w->path, w->there ? "there" : "not there", w->changed,
		       w->there ? "off" : "as before");
		return fflush(stdout) == 0 ? CLI_OK
					   : cli_error_errno(CLI_FAILED, "standard output");
	}
	document = document_new("watch");
	json_object_update_new(document, json_pack("{s:s,s:b,s:i,s:i}", "kill_file", w->path,
						   "there", w->there, "changed", (int)w->changed,
						   "failed", (int)w->failed));
	return document_print(document);
}

/* All processes, once. */
static int
cmd_watch_round_of(struct watch_file *w, bool news)
{
	int status, told = CLI_OK;

	w->changed = w->failed = 0;
	if (!segment_each(segment_directory(), cmd_watch_each, w, &status))
		return status;
	cmd_watch_forget(w);
	if (news || w->changed != 0)
		told = cmd_watch_tell(w);
	return told != CLI_OK ? told : w->failed != 0 ? CLI_TARGET : status;
}

static int
cmd_watch_loop(struct watch_file *w)
{
	const struct timespec period = {0, PERIOD_NS};
	unsigned int rounds = 0;
	int status;

	w->there = access(w->path, F_OK) == 0;
	status = cmd_watch_round_of(w, true);
	while (!w->once && (status == CLI_OK || status == CLI_TARGET)) {
		bool there = access(w->path, F_OK) == 0, news = there != w->there;

		w->there = there;
		if (news || (there && ++rounds % LIST_EVERY == 0))
			status = cmd_watch_round_of(w, news);
		nanosleep(&period, NULL);
	}
	return status;
}

int
cmd_watch(int argc, char **argv)
{
	struct watch_file w = {0};
	int status;

	arguments_parse(&cmd_watch_arguments, argc, argv, &w);
	status = cmd_watch_loop(&w);
	free(w.list);
	return status;
}
