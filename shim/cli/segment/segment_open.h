// SPDX-License-Identifier: BSD-2-Clause
// segment_open.h: reads the statistics segment of a process (symfast_shm.h) as a file that
// another process writes, perhaps a hostile one.
//
// Everything is copied by pread(2) before it is looked at: a file that shrinks meanwhile gives a
// short read, not in SIGBUS. Each offset, size and count is checked against the file; text is
// cleaned. Nothing is written but by segment_set. A file named symfast.UID.PID counts only if it is that user's
// and says the same itself: others can make files there, too.
#ifndef SF_CLI_SEGMENT_OPEN_H
#define SF_CLI_SEGMENT_OPEN_H

#include "../base/cli.h"
#include <symfast_shm.h>

enum segment_liveness {
	SEGMENT_LIVE,      /* its process runs */
	SEGMENT_ENDED,     /* its process is gone: crashed, killed, or a Go program that exited */
	SEGMENT_REPLACED,  /* the process runs another program now (exec) */
	SEGMENT_ELSEWHERE, /* of another pid namespace: cannot be told */
};

struct segment {
	int fd;
	uint64_t size;
	enum segment_liveness liveness;
	bool past; /* kept of an earlier program of that number: symfast.UID.PID.1 */
	struct symfast_shm_header head; /* its texts end within their fields */
	struct symfast_shm_control control;
};

/* Opens and checks a file, to be read. NULL, or why not (a constant sentence); then there is nothing to close. */
const char *segment_open(struct segment *s, const char *path);
/* The same with `access` as of open(2). `pid`: users are named as in that process's user namespace; 0: as in ours. */
const char *segment_open_of(struct segment *s, const char *path, int access, unsigned long pid);
void segment_close(struct segment *s);
/*
 * Reads again what changes of an open one: mode, and how many blocks of counters there are. NULL, or why
 * it can no longer be used.
 */
const char *segment_again(struct segment *s);
/* Asks again whether its process is alive. */
void segment_look(struct segment *s);

/* The segment of a process; CLI_OK, or CLI_TARGET after one line. */
int segment_of(struct segment *s, unsigned long pid);
/* The directory of all segments. */
const char *segment_directory(void);
/* Does a file name of that directory name a segment? Its user and process. */
bool segment_name(const char *name, unsigned long *uid, unsigned long *pid);

/* As segment_of, for segment_set: the file that was checked is the one that is written. */
int segment_to_set(struct segment *s, unsigned long pid);
/* The same for a file that has been found already. */
const char *segment_open_to_set(struct segment *s, const char *path);
/* Why an order to its process would be in vain; NULL if it would not. */
const char *segment_refusal(const struct segment *s);
/* Stores a word and why, as the format demands of `ctl`; 0, or an errno. */
int segment_set(const struct segment *s, uint32_t word, uint32_t reason);
/* Asks the process to really close what it retains. These two are the only writes. */
int segment_drain(const struct segment *s);

/* ---- what is in it ---- */

struct counter {
	char name[48];
	uint64_t value;
};

/* The names of one group's counters, cleaned, without values; to be freed. NULL: truncated. */
struct counter *segment_names(const struct segment *s, const struct symfast_shm_group *g);
/* A copy of its blocks; to be freed. NULL: truncated. */
char *segment_blocks(const struct segment *s, const struct symfast_shm_group *g);
/* All counters, go.* too; to be freed. NULL after one line if the file does not hold them. */
struct counter *segment_counters(const struct segment *s, size_t *count);
/*
 * Does it tell of a mismatch or an open breaker, and not longer ago than the library keeps such a file
 * (observe/segment_sweep.c)? Then it is looked at when its process has ended, too.
 */
#define SEGMENT_RECORD_S (7 * 86400)
bool segment_is_record(const struct segment *s);
/* Names of the functions of histograms and sites; to be freed. Their number. */
struct segment_function {
	char name[24];
};
struct segment_function *segment_functions(const struct segment *s, size_t *count);
/* Row i, if it is used and can be read. */
bool segment_histogram(const struct segment *s, uint32_t i, struct symfast_shm_histogram *h);
bool segment_object(const struct segment *s, uint32_t i, struct symfast_shm_object *o);
bool segment_site(const struct segment *s, uint32_t i, struct symfast_shm_site *site);
/* A path at an offset of the file, cleaned; "" for 0 or what is no text. */
void segment_text(const struct segment *s, uint32_t offset, char *to, size_t size);
/* Nanoseconds per tick; 0 if it is not known (yet). */
double segment_ns_per_tick(const struct segment *s);

const char *segment_word_name(uint32_t word);
const char *segment_liveness_name(enum segment_liveness liveness);

#endif
