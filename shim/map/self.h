// SPDX-License-Identifier: BSD-2-Clause
// self.h: what one thread owns: its TLS record, its block (counters, error text); and counting.
//
// The record is small (CONTRACT 53) and its initial value is complete: an empty table of cells, so the hot path
// has no "initialised?" test. What is done with it is in thread.h.
#ifndef SF_SELF_H
#define SF_SELF_H

#include "../base/compare.h"
#include "../observe/counters.h"

#define SF_TEXT_MAX 2944 /* a block and 32 sets of cells fit 8 KiB */

/* Walks of dl_iterate_phdr that one thread can have open at once; deeper ones are libc's. */
#define SF_WALKS_MAX 8

/* What an open walk holds: given back when it returns, or when its frame is unwound. */
struct sf_walk {
	uint8_t turn;     /* took the turn */
	uint8_t snapshot; /* 1 + the snapshot that it reads, 0: none */
	uint8_t counted;  /* and any unload is known to wait for this walk */
	uint8_t by_libc;  /* it has libc's lock, for which an unload waits */
};

struct link_map;

/* What the dlopen that is under way in a thread has mapped first, as ld.so told it (entry/dlopen.c). */
struct sf_load {
	const struct link_map *first; /* NULL: nothing (yet) */
	const struct link_map *last;  /* behind which nothing stood then */
	bool watched;                 /* it is still to be written */
};

struct sf_object;
struct sf_cell;

/* Addresses between objects of the initial set; never written again once a thread can see it (caller.h). */
struct sf_gap {
	uintptr_t start, size;
};

/*
 * The question whose error libc has still to tell in this thread, where its text could not be asked for
 * (map/learn.c). Our own text stands in the block; another one there has another turn, and this is void.
 */
#define SF_PENDING_OWED 3 /* `pending`: libc has the error */

struct sf_owed {
	uint32_t turn;
	uint32_t name_at; /* in the text */
	uintptr_t handle;
	struct sf_object *object;
	uint32_t gen;
};

struct sf_block {
	uint64_t *n;                 /* counters, in the statistics segment as a rule */
	struct sf_counters counters; /* else these */
	struct sf_block *next_free;
	const struct sf_thread *owner; /* the last one; only its address is of use */
	struct sf_block *next_all;
	uint32_t text_turn; /* writings of `text` begun */
	struct sf_owed owed;
	uint8_t left;           /* the owner has been through its last destructor */
	char text[SF_TEXT_MAX]; /* the pending error of a negative answer */
};

struct sf_thread {
	/* Read at every hit. */
	struct sf_cell *cells;  /* never NULL; its size stands before it (sf_cell_mask) */
	uint64_t *n;            /* counters of `block`; without one a place that is never read */
	uint8_t pending;        /* 0 no error of ours, 1 to be told, SF_PENDING_OWED */
	uint8_t dead;           /* the TSD destructor has run for the last time */
	uint8_t stock;          /* A/B: this thread is answered by libc, and has no cells */
	uint8_t due;            /* enum sf_due; the thread has no cells meanwhile */
	uint8_t main;           /* gets the block that is kept for it */
	uint32_t hit_mask;      /* see sf_thread_hit */
	struct sf_block *block; /* NULL until the first call that misses */
	/*
	 * Last plain caller of RTLD_DEFAULT: the record of an object of the initial set, never NULL.
	 * One word, read once for each call: a signal handler's own look-up may change it.
	 */
	const struct sf_object *caller;
	/* Where the last caller that is not plain called RTLD_DEFAULT from; never NULL. */
	const struct sf_gap *not_plain;
	/* The record of the last caller of RTLD_NEXT that is answered (sf_object_behind), never NULL; the same for it. */
	const struct sf_object *behind;
	const struct sf_gap *not_behind;
	/* The last caller of dlopen whose own search path counts. A handler may leave parts of two: either is only passed. */
	struct sf_gap searches;
	/* Cold. */
	uint32_t starting; /* depth of the stack where attach is under way: a signal must not
				      nest it; 0: nowhere */
	char *text;        /* of `block`; stays when that is given back */
	struct sf_cell *cells_due; /* what the thread gets back */
	uint32_t keep_skips;       /* sf_thread_keeps's */
	uint32_t close_depth;      /* libc dlclose calls on this stack */
	uint32_t open_depth;       /* libc dlopen calls made from C on this stack */
	struct sf_load load;       /* of the innermost of them */
	struct sf_load made;       /* in observe: of the last one that has returned */
	uintptr_t open_mark;       /* stack pointer of the outermost tail-jumped dlopen, or 0 */
	uint32_t id;               /* the kernel's, 0 until asked for */
	uint32_t changes;          /* loads and unloads that this thread itself has made */
	void *dropping;        /* handle of which a reference of ours goes back; NULL: it is gone */
	uint8_t passes;        /* calls that were passed through while it had no block */
	uint8_t walks;         /* open walks of dl_iterate_phdr */
	uint8_t rounds;        /* calls of the TSD destructor */
	uint8_t sample_due;    /* enum sf_due: what is due when the delay is over */
	uint32_t sample_delay; /* hits until then, see sf_thread_take_sample */
	uint32_t sample_owed;  /* what became due during the delay, two bits each */
	struct sf_walk walk[SF_WALKS_MAX];
};

extern SF_HIDDEN __thread struct sf_thread sf_thread __attribute__((tls_model("initial-exec")));

/* What a thread has that has nothing: a table of one empty set, counters that are never read. */
extern SF_HIDDEN char sf_self_empty[];
#define SF_NO_CELLS ((struct sf_cell *)(void *)(sf_self_empty + SF_CELL_HEADER)) /* of cell.h */
extern SF_HIDDEN uint64_t sf_self_nowhere[SF_COUNTER_COUNT];
extern SF_HIDDEN const struct sf_gap sf_self_no_gap;

SF_INLINE void
sf_count_for(struct sf_thread *t, enum sf_counter id)
{
	if (sf_likely(t->block != NULL))
		t->n[id]++;
	else
		sf_counters_add_shared(id);
}

#define sf_count(id) sf_count_for(&sf_thread, (id))

#endif
