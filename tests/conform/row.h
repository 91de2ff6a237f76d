// SPDX-License-Identifier: BSD-2-Clause
// The harness of the conformance programs: rows, and observers that print what a dl* call did.
#ifndef SF_ROW_H
#define SF_ROW_H

#include "../lib/find_object.h"
#include "lab/agent.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * A program is a table of rows. `prog --list` prints their names, `prog N REPS` runs row N with
 * every observation repeated REPS times; run.py runs that bare and preloaded and compares the
 * output byte for byte. Equal lines in a row are printed once, followed by their count.
 */
struct row {
	const char *name; /* "C16 ...": the statement of the contract that it holds to */
	void (*run)(void);
	int dies; /* 1: libc dies of a signal here; 2: that of some releases does; 3: before 2.34 it fails by itself, and
		     the row is not run; else that is an error of the row */
};

extern const struct row rows[]; /* ends with a NULL name */
extern int reps;                /* how often each observation is repeated */
/* glibc before 2.34: libdl is a library of its own, and a thread's error ends with its first destructors. */
bool is_old(void);
/* The library that has libc's own dlopen and the like. */
const char *dl_file(void);

extern char **row_argv; /* main's own, for rows that change it */

/* The version that libc's oldest symbols carry. */
#ifdef __x86_64__
#define LIBC_FIRST "GLIBC_2.2.5"
#else
#define LIBC_FIRST "GLIBC_2.17"
#endif

#define EACH for (int each_ = 0; each_ < reps; each_++)

/* Print one line of the row's output. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Symbolic names, in one of a few rotating static buffers. They are not thread-local, because that
 * would eat the stacks of row C53: a row's threads take turns.
 */
const char *where(const void *address); /* object+offset, NULL, or a bare number */
const char *handle_name(const void *handle);
const char *text(const char *error); /* NULL becomes "NULL" */

/* The full path of an object of the lab. */
const char *lab(const char *file);

/*
 * The same name in another place each time: the literal, a buffer that is overwritten by the next
 * call, and the last bytes before an unmapped page.
 */
const char *shape(int turn, const char *name);

/* Observers: each repeats its call, printing result, errno, and what dlerror says twice. */
void see_sym(void *handle, const char *name);
void see_vsym(void *handle, const char *name, const char *version);
void see_call(void *handle, const char *name); /* calls what it found and prints the value */
void see_agent(const struct agent *agent, const char *who, void *handle, const char *name);
void see_close(void *handle);                /* once: closing is not repeatable */
void *see_open(const char *file, int mode);  /* once, returns the handle */
void see_reopen(const char *file, int mode); /* open and close, repeated */
void see_loaded(const char *file);           /* whether RTLD_NOLOAD finds it */
void see_error(const char *when);            /* what dlerror says now */

/* Opens an object of the lab or ends the row. */
void *must_open(const char *file, int mode);
const struct agent *agent_of(void *handle, const char *object);

/* Runs f in another thread and waits for it. */
void in_thread(void (*f)(void *), void *argument);

/* Runs row `name`'s inner part in a fresh process of this program, with one more variable set. */
void in_process(const char *inner, const char *variable, const char *value);
/* What in_process starts: programs without inner parts need not define it. */
void inner_main(const char *inner) __attribute__((weak));

/* Called after the row, if the program has it. */
void row_done(void) __attribute__((weak));

#endif
