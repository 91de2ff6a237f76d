// SPDX-License-Identifier: BSD-2-Clause
// What the stress programs share: how long to run, how to report a wrong answer, how to end.
#ifndef SF_STRESS_H
#define SF_STRESS_H

#include <stdatomic.h>
#include <stdint.h>

#define STRESS_PATH 4096

/* Reads `--seconds N`; without it the run takes `seconds`. */
void stress_begin(int argc, char **argv, int seconds);
/* Is the option among the arguments? */
int stress_has(int argc, char **argv, const char *option);
/* The number after that option. */
int stress_number(int argc, char **argv, const char *option, int otherwise);
int stress_over(void);
/* Not over, or not enough has happened yet and a busy machine may still bring it about. */
int stress_goes_on(int enough);
/* Counts a wrong answer and prints the first few to stderr. */
void stress_wrong(atomic_ulong *counter, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Prints the verdict, the only line on stdout, and gives the exit status. */
int stress_end(unsigned long wrong);
/* Resident memory in KiB. */
long stress_resident(void);

#endif
