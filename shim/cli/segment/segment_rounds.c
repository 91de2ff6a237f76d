// SPDX-License-Identifier: BSD-2-Clause
// segment_rounds.c: see segment_rounds.h.
#include "segment_rounds.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GROUPS    3
#define FILES_MAX 65536
/* Every so many rounds each process is looked at closely: has it become another program? */
#define LOOK_EVERY 16

/* A counter that goes into a row: its word in the blocks, its row, its outcome. */
struct term {
	uint16_t word, row;
	uint8_t outcome;
};

struct entry {
	unsigned long pid, uid; /* as the name says */
	ino_t inode;
};

struct kept {
	struct entry entry;
	struct segment_watched one;
	struct term *terms[GROUPS];
	size_t term_count[GROUPS];
	int pidfd; /* readable when the process has ended; -1: unknown */
};

struct segment_rounds {
	const char *directory;
	struct kept **list; /* by process id */
	size_t count;
	unsigned long round;
	char **told; /* complaints so far */
	size_t told_count;
};

static const struct symfast_shm_group *
segment_rounds_group_of(const struct segment *s, int g)
{
	const struct symfast_shm_group *groups[GROUPS] = {&s->head.counters, &s->head.go,
							  &s->head.go_fill};

	return groups[g];
}

struct segment_rounds *
segment_rounds_new(const char *directory)
{
	struct segment_rounds *w = cli_alloc(1, sizeof(*w));
	struct rlimit files;

	w->directory = directory;
	/* Two for each process. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_MAX) {
		files.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return w;
}

static void
segment_rounds_drop(struct kept *k)
{
	if (k->pidfd >= 0)
		close(k->pidfd);
	for (int g = 0; g < GROUPS; g++)
		free(k->terms[g]);
	segment_close(&k->one.segment);
	rollup_free(&k->one.rollup);
	free(k);
}

void
segment_rounds_free(struct segment_rounds *w)
{
	for (size_t i = 0; i < w->count; i++)
		segment_rounds_drop(w->list[i]);
	free(w->list);
	for (size_t i = 0; i < w->told_count; i++)
		free(w->told[i]);
	free(w->told);
	free(w);
}

/* ---- the directory ---- */

static int
segment_rounds_by_pid(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->pid == y->pid)
		return (x->uid > y->uid) - (x->uid < y->uid);
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static struct entry *
segment_rounds_scan(const char *directory, size_t *count)
{
	DIR *dir = opendir(directory);
	struct entry *out = cli_alloc(1, sizeof(*out));
	struct dirent *d;

	*count = 0;
	if (dir == NULL) {
		free(out);
		return NULL;
	}
	while ((d = readdir(dir)) != NULL) {
		unsigned long uid, pid;

		if (!segment_name(d->d_name, &uid, &pid) || (uid != geteuid() && geteuid() != 0))
			continue;
		out = cli_grow(out, *count + 1, sizeof(*out));
		out[(*count)++] = (struct entry){pid, uid, d->d_ino};
	}
	closedir(dir);
	qsort(out, *count, sizeof(*out), segment_rounds_by_pid);
	return out;
}

/* ---- one process ---- */

/* Which words of a group count for what. */
static bool
segment_rounds_plan(struct kept *k, int g)
{
	const struct symfast_shm_group *group = segment_rounds_group_of(&k->one.segment, g);
	struct counter *names = segment_names(&k->one.segment, group);
	char word[24];

	if (names == NULL)
		return false;
	k->terms[g] = cli_alloc(group->names_count + 1, sizeof(*k->terms[g]));
	for (uint32_t i = 0; i < group->names_count; i++) {
		enum outcome o = rollup_outcome(names[i].name, word, sizeof(word));

		if (o <= OUTCOME_PASS)
			k->terms[g][k->term_count[g]++] = (struct term){
				(uint16_t)i, (uint16_t)rollup_place(&k->one.rollup, word),
				(uint8_t)o};
	}
	free(names);
	return true;
}

/* Once: a file that cannot be used stays as it is from round to round. */
static void
segment_rounds_say(struct segment_rounds *w, const char *path, const char *why)
{
	char *line = cli_format("%s %s", path, why);

	for (size_t i = 0; i < w->told_count; i++)
		if (strcmp(w->told[i], line) == 0) {
			free(line);
			return;
		}
	cli_error("%s", line);
	w->told = cli_grow(w->told, w->told_count + 1, sizeof(*w->told));
	w->told[w->told_count++] = line;
}

static struct kept *
segment_rounds_keep(struct segment_rounds *w, const struct entry *e, int *status)
{
	struct kept *k = cli_alloc(1, sizeof(*k));
	char *path = cli_format("%s/" SYMFAST_SHM_PREFIX "%lu.%lu", w->directory, e->uid, e->pid);
	const char *why = segment_open(&k->one.segment, path);

	k->entry = *e;
	k->pidfd = -1;
	if (why == NULL && k->one.segment.head.pid != e->pid)
		why = "is damaged: it names another process";
	for (int g = 0; why == NULL && g < GROUPS; g++)
		if (!segment_rounds_plan(k, g))
			why = "was truncated";
	if (why == NULL) {
		if (k->one.segment.liveness == SEGMENT_LIVE)
			k->pidfd = (int)syscall(SYS_pidfd_open, e->pid, 0);
		free(path);
		return k;
	}
	if (strcmp(why, "does not exist") != 0) { /* gone in between is no fault */
		segment_rounds_say(w, path, why);
		*status = CLI_TARGET;
	}
	free(path);
	segment_rounds_drop(k);
	return NULL;
}

static bool
segment_rounds_count_group(struct kept *k, int g)
{
	const struct symfast_shm_group *group = segment_rounds_group_of(&k->one.segment, g);
	char *blocks;

	if (k->term_count[g] == 0)
		return true;
	blocks = segment_blocks(&k->one.segment, group);
	for (size_t i = 0; blocks != NULL && i < k->term_count[g]; i++) {
		const struct term *t = &k->terms[g][i];
		uint64_t sum = 0, v;

		for (uint32_t b = 0; b < group->blocks_used; b++) {
			memcpy(&v, blocks + (size_t)b * group->block_stride + t->word * 8ul,
			       sizeof(v));
			sum += v;
		}
		rollup_add(&k->one.rollup.rows[t->row], (enum outcome)t->outcome,
			   sum <= INT64_MAX ? sum : INT64_MAX);
	}
	free(blocks);
	return blocks != NULL;
}

/* As it is now; false: no longer to be read. */
static bool
segment_rounds_read_again(struct kept *k)
{
	bool ok = segment_again(&k->one.segment) == NULL;

	for (size_t i = 0; i < k->one.rollup.count; i++) {
		struct rollup_row *row = &k->one.rollup.rows[i];

		row->hits = row->misses = row->passes = 0;
	}
	for (int g = 0; ok && g < GROUPS; g++)
		ok = segment_rounds_count_group(k, g);
	return ok;
}

/* ---- a round ---- */

/* The list as the directory has it: what is new is opened, what is gone dropped. */
static bool
segment_rounds_follow(struct segment_rounds *w, int *status)
{
	size_t count, old = 0, kept = 0;
	struct entry *entries = segment_rounds_scan(w->directory, &count);
	struct kept **list;

	if (entries == NULL) {
		*status = cli_error_errno(CLI_TARGET, "%s", w->directory);
		return false;
	}
	list = cli_alloc(count + 1, sizeof(struct kept *));
	for (size_t i = 0; i < count; i++) {
		struct kept *k = NULL;

		while (old < w->count &&
		       segment_rounds_by_pid(&w->list[old]->entry, &entries[i]) < 0)
			segment_rounds_drop(w->list[old++]);
		if (old < w->count &&
		    segment_rounds_by_pid(&w->list[old]->entry, &entries[i]) == 0) {
			k = w->list[old++];
			if (k->entry.inode != entries[i].inode) { /* another process's file */
				segment_rounds_drop(k);
				k = NULL;
			}
		}
		if (k == NULL)
			k = segment_rounds_keep(w, &entries[i], status);
		if (k != NULL)
			list[kept++] = k;
	}
	while (old < w->count)
		segment_rounds_drop(w->list[old++]);
	free(w->list);
	free(entries);
	w->list = list;
	w->count = kept;
	return true;
}

static void
segment_rounds_ask_who_ended(struct segment_rounds *w)
{
	struct pollfd *ask = cli_alloc(w->count + 1, sizeof(*ask));

	for (size_t i = 0; i < w->count; i++)
		ask[i] = (struct pollfd){.fd = w->list[i]->pidfd, .events = POLLIN};
	if (poll(ask, (nfds_t)w->count, 0) > 0) {
		for (size_t i = 0; i < w->count; i++)
			if (ask[i].revents != 0)
				w->list[i]->one.segment.liveness = SEGMENT_ENDED;
	}
	free(ask);
	for (size_t i = 0; i < w->count; i++)
		if ((w->round + i) % LOOK_EVERY == 0 || w->list[i]->pidfd < 0)
			segment_look(&w->list[i]->one.segment);
}

bool
segment_rounds_next(struct segment_rounds *w,
		    void (*each)(const struct segment_watched *one, void *data), void *data,
		    int *status)
{
	*status = CLI_OK;
	if (!segment_rounds_follow(w, status))
		return false;
	w->round++;
	segment_rounds_ask_who_ended(w);
	for (size_t i = 0; i < w->count; i++) {
		struct kept *k = w->list[i];

		if (segment_rounds_read_again(k)) {
			each(&k->one, data);
			continue;
		}
		cli_error("the segment of process %lu cannot be read any more", k->entry.pid);
		*status = CLI_TARGET;
		k->entry.inode = 0; /* opened anew in the next round */
	}
	return true;
}
