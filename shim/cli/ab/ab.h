// SPDX-License-Identifier: BSD-2-Clause
// ab.h: what the files of `symfast ab` share: one run, and a document of many.
#ifndef SF_CLI_AB_H
#define SF_CLI_AB_H

#include "../base/document.h"
#include <spawn.h>
#include <sys/resource.h>
#include <sys/types.h>

enum arm { ARM_STOCK, ARM_SYMFAST, ARMS };

/* X(name, unit, "what it is"): what one run is measured by; all from wait4(2) but the first. */
#define AB_METRICS(X)                                                                              \
	X(wall, "s", "time from start to end")                                                     \
	X(user, "s", "CPU time in the program")                                                    \
	X(system, "s", "CPU time in the kernel")                                                   \
	X(max_rss, "KiB", "most memory resident at once")                                          \
	X(minor_faults, "", "page faults without a read")                                          \
	X(major_faults, "", "page faults with a read")                                             \
	X(voluntary_switches, "", "times it gave the CPU away: waits")                             \
	X(involuntary_switches, "", "times the CPU was taken")

enum ab_metric {
#define X(name, unit, text) AB_##name,
	AB_METRICS(X)
#undef X
		AB_METRIC_COUNT
};

/* Which outputs of a run are those of the first one. */
enum ab_output { AB_STDOUT, AB_STDERR, AB_STATUS, AB_OUTPUTS };

struct ab_run {
	double value[AB_METRIC_COUNT];
	int status; /* as of wait(2) */
	uint64_t bytes[2];
	bool same[AB_OUTPUTS];
};

/* The command and its two environments. */
struct ab_command {
	char **argv;
	char **environment[ARMS];
	const char *input; /* standard input, or NULL for nothing to read */
};

/* What the first run wrote; all others are compared with it. */
struct ab_reference {
	int fd[2];
	int status;
	bool taken;
	json_t *difference; /* the first one of the other arm's outputs; NULL: none so far */
};

/* What is to be run. */
struct ab_plan {
	unsigned long runs, warmup;
	const char *mode, *library, *input;
	const char *only; /* the one arm, or NULL for both */
	bool syscalls;
	char **command;
};

/* All runs; CLI_OK and a judged document, or NULL and a code after one line. */
int ab_series(const struct ab_plan *p, json_t **document);

/* Runs the command once; CLI_OK, or a code after one line. */
int ab_run_once(const struct ab_command *c, enum arm arm, struct ab_reference *ref,
		struct ab_run *run);

/*
 * Counts the system calls of one run by ptrace(2), threads and children included, until the command itself
 * ends; -1: cannot.
 */
long ab_trace(const struct ab_command *c, enum arm arm);

/*
 * From begin to end SIGHUP, SIGINT and SIGTERM are taken notice of where the command is waited for; what
 * was made meanwhile is removed, and then ab_wait_end() lets the signal do what it does.
 */
void ab_wait_begin(void);
void ab_wait_end(void);
/* Has there been one? */
bool ab_wait_ended(void);
/* wait4; -1 with EINTR: such a signal came. */
pid_t ab_wait(pid_t pid, int options, int *status, struct rusage *use);
/* Sends it on to the command, and after a second SIGKILL; its daemons are left alone. */
void ab_wait_stop(pid_t pid);
/* The command has the signals as symfast ab was started with them. */
void ab_wait_spawn(posix_spawnattr_t *a);
void ab_wait_forked(void);

/* Where the outputs begin to differ: {"line", "column", "first", "other"}; both are read from their beginning. */
json_t *ab_difference(int first, int other);

/*
 * The two questions of who runs it, answered from a judged document: did it help, is it safe. Each is
 * {"level": "good"|"bad"|"unsure", "text"}.
 */
json_t *ab_answers(const json_t *document);

/* A document's "runs" -> its "metrics", "output" and "answers"; false if the document is not one of ab's. */
bool ab_judge(json_t *document);
/* CLI_NO if a judged document says that outputs differ. */
int ab_verdict(const json_t *document);
/* Prints a judged document; returns its verdict. */
int ab_print(const json_t *document);
/* Compares two saved documents. */
int ab_compare(const char *path_a, const char *path_b, bool as_json);

const char *ab_arm_name(enum arm arm);
const char *ab_metric_name(enum ab_metric m);
const char *ab_metric_unit(enum ab_metric m);
/* All values of a metric in one arm; their number. *out is to be freed. */
size_t ab_values(const json_t *document, enum arm arm, enum ab_metric m, double **out);
/* {"ratio", "low", "high", "confidence", "verdict"}, or null where a value is not above 0. */
json_t *ab_ratio(const double *a, size_t m, const double *b, size_t n, bool paired);

#endif
