// SPDX-License-Identifier: BSD-2-Clause
// sample_tally.h: samples of one process, counted by function, state and call site.
#ifndef SF_CLI_SAMPLE_TALLY_H
#define SF_CLI_SAMPLE_TALLY_H

#include "sample_kind.h"

#define SAMPLE_TALLY_FUNCTIONS 32
#define SAMPLE_TALLY_FRAMES    24
#define SAMPLE_TALLY_NONE      ((size_t)-1)

enum sample_tally_state {
	SAMPLE_TALLY_CPU,
	SAMPLE_TALLY_READY, /* waits for a CPU */
	SAMPLE_TALLY_LOCK,  /* sleeps for a lock of the loader */
	SAMPLE_TALLY_SLEEP,
	SAMPLE_TALLY_STATES
};
/* Their words; as many further: in code that the function called. */
extern const char *const sample_tally_states[];

struct sample_tally_function {
	const char *name;
	enum sample_serves serves;
	uint64_t samples[SAMPLE_TALLY_STATES];
	uint64_t inside[SAMPLE_TALLY_STATES]; /* of those: in code that the function called */
	/* Of dlopen and dlclose: met while they mapped, unmapped, or ran constructors. */
	uint64_t loads;
	double cpu_ns, inside_ns; /* the CPU time that these samples stand for */
};

/* A place: where it was called from, outermost last; or, of an owner of the lock, where it stands. */
struct sample_tally_row {
	const char *function;
	bool inside, owner;
	enum sample_tally_state state;
	uint64_t count;
	struct {
		char *object, *name;
		uint64_t offset;
	} frames[SAMPLE_TALLY_FRAMES];
	size_t depth;
};

struct sample_tally {
	struct sample_tally_function functions[SAMPLE_TALLY_FUNCTIONS];
	size_t function_count;
	struct sample_tally_row *rows;
	size_t row_count;
	/* Threads found on a CPU or ready for one, or asleep; and those whose stack is known. */
	uint64_t running, sleeping, known[SAMPLE_TALLY_STATES];
	/* The CPU time that samples stand for: its sum, and that of its squares. */
	double cpu_ns, cpu_ns_squared;
	/* While somebody waited for the lock: its owner was seen, or not. */
	uint64_t owners, ownerless;
};

/* What one sample was, for counting the same thing again. */
struct sample_tally_one {
	size_t function, row; /* SAMPLE_TALLY_NONE: nothing of the loader */
	enum sample_tally_state state;
	bool inside, loads;
};

/* Finds the function and row of a stack; counts nothing. `call`: the system call that the thread is in, or -1. */
struct sample_tally_one sample_tally_place(struct sample_tally *t, const struct sample_stack *s,
					   enum sample_tally_state state, long call);
/* Counts one whose stack is known. `ns`: the CPU time that it stands for, if it is one on a CPU. */
void sample_tally_count(struct sample_tally *t, const struct sample_tally_one *one, double ns);
/* Counts the stack of an owner of the lock. */
void sample_tally_owner(struct sample_tally *t, const struct sample_stack *s,
			enum sample_tally_state state);
void sample_tally_free(struct sample_tally *t);

#endif
