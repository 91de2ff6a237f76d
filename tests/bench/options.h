// SPDX-License-Identifier: BSD-2-Clause
// The command line that all workload programs share, and the lines in which they answer.
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct bench_options {
	const char *kind;    /* what is measured, a word that the program knows */
	const char *set;     /* where names come from: mixed, libc, or an object's path */
	const char *object;  /* the object that is opened and closed */
	const char *others;  /* folder of objects to load beforehand */
	const char *preload; /* path that must be mapped, or "none" */
	unsigned names;      /* distinct names */
	unsigned threads;    /* callers */
	unsigned ms;         /* length of each phase */
	unsigned pause_us;   /* rest before each call of a paced workload */
	uint64_t calls;      /* when not 0: only make so many calls, measure nothing */
	bool pin;            /* thread i on CPU i */
};

/*
 * Reads the command line; exits with a message when it is wrong, or when --preload tells that
 * this process is not the one that was meant (the library missing, or there when it should not).
 */
void bench_options_read(struct bench_options *o, int argc, char **argv);

/* Prints one result line, "measure unit value". */
void bench_print(const char *measure, const char *unit, double value);

/* Exits with a message if `wrong` answers were seen: a fast wrong answer is not a result. */
void bench_demand_right(uint64_t wrong);

#endif
