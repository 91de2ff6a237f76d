// SPDX-License-Identifier: BSD-2-Clause
// sample_peek.c: see sample_peek.h.
#include "sample_peek.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

size_t
sample_peek_file(pid_t pid, pid_t tid, const char *name, char *to, size_t size)
{
	char path[80];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	*to = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, to, size - 1);
	close(fd);
	to[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

char
sample_peek_state(pid_t pid, pid_t tid, int *cpu)
{
	char text[1024], *at;

	*cpu = -1;
	if (sample_peek_file(pid, tid, "stat", text, sizeof(text)) == 0)
		return 0;
	at = strrchr(text, ')');
	if (at == NULL || at[1] == '\0' || strchr("ZXx", at[2]) != NULL)
		return '\0';
	/* Field 39; the state is the third. */
	for (char *word = at + 2, field = 3; *word != '\0'; field++) {
		if (field == 39)
			*cpu = (int)strtol(word, NULL, 10);
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
	return at[2];
}

/* "CALL ARGUMENT... SP IP", or "-1 SP IP" where it sleeps in none (a page fault); false if it runs. */
static bool
sample_peek_parse(const char *text, struct sample_shot *s)
{
	uint64_t *a = s->arguments, *sp = &s->regs[SAMPLE_CPU_SP], *ip = &s->regs[SAMPLE_CPU_IP];
	int n = sscanf(text,
		       "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		       " %" SCNx64 " %" SCNx64,
		       &s->call, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], sp, ip);

	if (n == 3 && s->call == -1) {
		*sp = a[0];
		*ip = a[1];
	}
	return n == 9 || (n == 3 && s->call == -1);
}

static bool
sample_peek_look(pid_t pid, pid_t tid, struct sample_peek_seen *now)
{
	sample_peek_file(pid, tid, "schedstat", now->turns, sizeof(now->turns));
	return sample_peek_file(pid, tid, "syscall", now->where, sizeof(now->where)) != 0;
}

static bool
sample_peek_equal(const struct sample_peek_seen *a, const struct sample_peek_seen *b)
{
	return strcmp(a->where, b->where) == 0 && strcmp(a->turns, b->turns) == 0;
}

enum sample_peek
sample_peek_take(pid_t pid, pid_t tid, const struct sample_shot_go *go, struct sample_shot *shot,
		 struct sample_peek_seen *seen)
{
	struct sample_peek_seen now, after;

	if (!sample_peek_look(pid, tid, &now))
		return errno == ESRCH || errno == ENOENT ? SAMPLE_PEEK_GONE : SAMPLE_PEEK_MOVED;
	/* Without a count of turns it may have run and come back. */
	if (*now.turns != '\0' && sample_peek_equal(&now, seen))
		return SAMPLE_PEEK_SAME;
	*seen = (struct sample_peek_seen){0};
	shot->whole = false;
	memset(shot->regs, 0, sizeof(shot->regs));
	if (!sample_peek_parse(now.where, shot))
		return SAMPLE_PEEK_MOVED;
	sample_shot_copy(shot, pid, go);
	if (!sample_peek_look(pid, tid, &after) || !sample_peek_equal(&now, &after))
		return SAMPLE_PEEK_MOVED;
	*seen = now;
	return SAMPLE_PEEK_TAKEN;
}
