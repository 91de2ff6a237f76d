// SPDX-License-Identifier: BSD-2-Clause
// thread.h: what one thread owns: the TLS record, its block (counters, error text), its own cells.
//
// The TLS record is small (CONTRACT 53) and its initial value is complete: an empty table, so
// the hot path has no "initialised?" test. Block and table come from an arena of type-stable memory
// and go back by a TSD destructor (libc/key.h). That asks to be called again until libc's last round, so
// that destructors of the host find the thread as it was; what still comes after that gets the empty
// table for good. Nothing here calls malloc.
#ifndef SF_THREAD_H
#define SF_THREAD_H

#include "../base/compare.h"
#include "../observe/counters.h"
#include "../observe/segment.h"

#define SF_TEXT_MAX 3072

/* Walks of dl_iterate_phdr that one thread can have open at once; deeper ones are libc's. */
#define SF_WALKS_MAX 8

/* What an open walk holds: given back when it returns, or when its frame is unwound. */
struct sf_walk {
	uint8_t turn;     /* took the turn */
	uint8_t snapshot; /* 1 + the snapshot that it reads, 0: none */
	uint8_t counted;  /* and any unload is known to wait for this walk */
};

struct link_map;

/* What the dlopen that is under way in a thread has mapped first, as ld.so told it (entry/dlopen.c). */
struct sf_load {
	const struct link_map *first; /* NULL: nothing (yet) */
	bool watched;                 /* it is still to be written */
};

struct sf_object;
struct sf_cell;

/* Two words that are read and written by one instruction: a signal handler of the thread sees both. */
typedef uint64_t sf_pair __attribute__((vector_size(16)));

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
	void *table;        /* memory of its own cells, NULL until the thread proves hot */
	uint32_t text_turn; /* writings of `text` begun */
	struct sf_owed owed;
	uint8_t left;           /* the owner has been through its last destructor */
	char text[SF_TEXT_MAX]; /* the pending error of a negative answer */
};

struct sf_thread {
	/* Read at every hit. */
	struct sf_cell *cells;  /* never NULL; its size stands before it (sf_cell_mask) */
	uint64_t *n;            /* counters of `block`; without one a place that nobody reads */
	uint8_t pending;        /* 0 no error of ours, 1 to be told, SF_PENDING_OWED */
	uint8_t dead;           /* the TSD destructor has run for the last time */
	uint8_t stock;          /* A/B: this thread is answered by libc, and has no cells */
	uint8_t due;            /* enum sf_due; the thread has no cells meanwhile */
	uint8_t main;           /* gets the block and table that are kept for it */
	uint32_t hit_mask;      /* see sf_thread_hit */
	struct sf_cell *pairs;  /* the shared ones, or empty: never NULL */
	struct sf_block *block; /* NULL until the first call that misses */
	/*
	 * Last plain caller of RTLD_DEFAULT: the record of an object of the initial set, never NULL.
	 * One word, read once for each call: a signal handler's own look-up may change it.
	 */
	const struct sf_object *caller;
	/* Where the last caller that is not plain called RTLD_DEFAULT from, and how many bytes there are nobody else's. */
	sf_pair not_plain;
	/* Cold. */
	uint32_t
		starting; /* depth of the stack where attach or promotion is under way: a signal must not
				      nest it; 0: nowhere */
	char *text;       /* of `block`; stays when that is given back */
	struct sf_cell *cells_due; /* what the thread gets back */
	uint32_t hit_ticks;        /* times SF_TICK_HITS hits were made with the shared table */
	uint32_t own_misses;       /* of the own table since the last tick */
	uint32_t firsts;           /* first sightings since the last hit by content */
	uint32_t keep_credit;      /* hints that may still be written without proof of use */
	uint32_t keep_skips;       /* sf_thread_seldom's */
	uint32_t
		content_credit; /* of cells of contents, up to SF_CONTENT_CREDIT_MAX; 0: too many names for them */
	uint64_t keep_hits;   /* hint hits when credit was last given */
	uint32_t close_depth; /* libc dlclose calls on this stack */
	uint32_t open_depth;  /* libc dlopen calls made from C on this stack */
	struct sf_load load;  /* of the innermost of them */
	uintptr_t open_mark;  /* stack pointer of the outermost tail-jumped dlopen, or 0 */
	uint32_t id;          /* the kernel's, 0 until asked for */
	uint32_t changes;     /* loads and unloads that this thread itself has made */
	void *dropping;       /* handle of which a reference of ours goes back; NULL: it is gone */
	uint8_t passes;       /* calls that were passed through while it had no block */
	uint8_t walks;        /* open walks of dl_iterate_phdr */
	uint8_t rounds;       /* calls of the TSD destructor */
	struct sf_walk walk[SF_WALKS_MAX];
};

extern __thread struct sf_thread sf_thread __attribute__((tls_model("initial-exec")));

/* Makes the TSD key; without one no thread gets memory of its own. Called by the constructor. */
void sf_thread_init(unsigned int limit_kib);
/* The main thread's block and table are there already: a host may forbid mmap to itself later. */
void sf_thread_first(void);
/* A block and the shared cells for a thread's first miss. False: do without. */
bool sf_thread_attach(struct sf_thread *t);
/*
 * A call is passed through that needs no block. So many make the thread worth one all the same: it would
 * count in what all threads share, and go the long way at each call.
 */
#define SF_PASSES_WITHOUT 8

SF_INLINE void
sf_thread_passes(struct sf_thread *t)
{
	if (sf_unlikely(t->block == NULL) && ++t->passes >= SF_PASSES_WITHOUT) {
		t->passes = 0;
		sf_thread_attach(t);
	}
}

/* Does this caller of RTLD_DEFAULT lie where no plain one does (sf_plain_caller)? */
SF_INLINE bool
sf_thread_is_not_plain(const struct sf_thread *t, const void *caller)
{
	sf_pair gap = *(const volatile sf_pair *)&t->not_plain;

	return (uintptr_t)caller - gap[0] < gap[1];
}
/*
 * Is it worth writing a hint after a second-level hit? Not for a caller whose names stand in a fresh
 * buffer at each call: its hints are never used again, and it would write at every look-up. Without
 * credit one in so many is written, and looked at whether such are of use.
 */
#define SF_KEEP_SAMPLE  16
#define SF_KEEP_CONTENT 4 /* one answer in so many by the index leaves a cell of its content */
/*
 * A thread that asks for more names than there are cells of contents would pay for both. A hit there is
 * worth one, a miss costs three; without credit one look-up in SF_CONTENT_RETRY tries, and a hit is worth more.
 */
#define SF_CONTENT_CREDIT_MAX 4096
#define SF_CONTENT_RETRY      128
#define SF_CONTENT_AGAIN      64

/*
 * One call in `every`, a power of two; another one of a loop of names at each turn of the loop: the steps
 * are those of the golden ratio.
 */
SF_INLINE bool
sf_thread_seldom(struct sf_thread *t, uint32_t every)
{
	t->keep_skips += 0x9e3779b1u;
	return t->keep_skips < UINT32_MAX / every;
}

bool sf_thread_wants_hint_slow(struct sf_thread *t);

SF_INLINE bool
sf_thread_wants_hint(struct sf_thread *t)
{
	if (t->keep_credit == 0 && !sf_thread_seldom(t, SF_KEEP_SAMPLE))
		return false;
	return sf_thread_wants_hint_slow(t);
}

/*
 * Every so many hits a thread is here: it is hot, and may get a table of its own. `n` is the
 * counter that stands at a multiple of the mask; what it says is due (a sample, a check) is done with
 * the next look-up: until then the thread has the empty table, and so goes a way that nobody else
 * pays for.
 */
#define SF_TICK_HITS 4096
/*
 * So many times make it hot. A table of its own costs a mapping and nine page faults, which threads in
 * their hundreds wait for behind each other: only a long-lived thread may have one.
 */
#define SF_TICKS_HOT 64
void sf_thread_tick(struct sf_thread *t, uint64_t n);
/* The same without a tick, for hits that no table of a thread's own would help. */
void sf_thread_sample_next(struct sf_thread *t, uint64_t n);
/* What is due with the hit of this number, for calls that need not wait for the next one. */
unsigned int sf_thread_sample(uint64_t n);
/* What is due for this look-up; gives the thread its table back. */
enum sf_due { SF_DUE_NOTHING, SF_DUE_TIME = 1, SF_DUE_CHECK = 2 };
unsigned int sf_thread_due(struct sf_thread *t);
/* One hit in so many is timed, compared; 0: none. Once, in the constructor. */
void sf_thread_sampling(unsigned int time_every, unsigned int check_every);
/* From now on this thread, and new ones, take the slow path at least once in `mask` + 1 hits. */
void sf_thread_slow_every(uint32_t mask);
/* The own table did not have what the shared one has. Too often: back to the shared one. */
void sf_thread_own_miss(struct sf_thread *t);

/*
 * Counts a hit and says whether it is time for sf_thread_tick: a tick, a sample, a check. Three
 * instructions more than the count. The mask is SF_TICK_HITS - 1 at most.
 */
SF_INLINE bool
sf_thread_hit(struct sf_thread *t, enum sf_counter id)
{
	uint64_t *n = &t->n[id];

	++*n;
	t->pending = 0;
	return sf_clear_32((const uint32_t *)(const void *)n, t->hit_mask);
}

/* Will the next hit be the one in so many? Asked before it is made, so that it can be timed. */
SF_INLINE bool
sf_thread_next_hit_due(const struct sf_thread *t, enum sf_counter id)
{
	return (((uint32_t)t->n[id] + 1) & t->hit_mask) == 0;
}

/* In the child after fork: locks are free, only the calling thread's block is in use. */
void sf_thread_forked(void);

/* Is this thread inside a dlopen, as far as we can tell? Errs towards true. */
bool sf_thread_in_open(struct sf_thread *t, uintptr_t sp);
/* A dlopen is passed through by tail jump with this stack pointer. */
void sf_thread_mark_open(struct sf_thread *t, uintptr_t sp);

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
