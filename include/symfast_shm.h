// SPDX-License-Identifier: BSD-2-Clause
// symfast_shm.h: wire format of the statistics segment that a process under libsymfast.so keeps.
//
// File: /dev/shm/symfast.UID.PID (decimal; SYMFAST_SHM_DIR names another directory), mode 0600,
// a regular file of SYMFAST_SHM_SIZE bytes, sparse: what was never written reads as zero.
// Made lazily, at the first call that the process's map cannot answer by itself, and unlinked at its
// normal exit, unless it found a mismatch or its breaker opened; after a crash it stays and can be read, too.
// symfast.UID.PID.1 is such a file of an earlier program of the same number. A child of fork has a file of
// its own or none.
//
// Reader: open O_RDONLY|O_NOFOLLOW|O_CLOEXEC, fstat (regular, owned by the effective user, at least
// header_size and `size` bytes), map MAP_SHARED, check magic and version, check that every section
// lies within `size`. Everything is in the byte order of the machine and naturally aligned. 64-bit
// counters are written by plain stores of the process: read each by one load, treat none as part of
// a snapshot. Text is NUL-terminated within its field and may hold any byte before: quote it.
// No field holds an address of the process's memory.
//
// Stale: no process `pid`, or one whose start time (field 22 of /proc/PID/stat) is not `start_time`.
// Whoever owns a stale file may unlink it. After exec the file of the old image stays until the new
// one makes its own: /proc/PID/exe is then not `exe`.
#ifndef SYMFAST_SHM_H
#define SYMFAST_SHM_H

#include <stddef.h>
#include <stdint.h>

#define SYMFAST_SHM_MAGIC   "SYMFAST" /* with its NUL: 8 bytes */
#define SYMFAST_SHM_VERSION 1
#define SYMFAST_SHM_SIZE    (1u << 20)
#define SYMFAST_SHM_PREFIX  "symfast."
#define SYMFAST_SHM_DIR     "/dev/shm"
#define SYMFAST_SHM_PAST    1 /* behind UID.PID: of an earlier program; else a pid namespace */

/* control.word: what every call reads. Any other value means OFF. */
enum symfast_shm_word {
	SYMFAST_SHM_OFF = 0,     /* libc answers; only what a later ON needs is noted */
	SYMFAST_SHM_ON = 1,      /* the map answers */
	SYMFAST_SHM_OBSERVE = 2, /* libc answers; calls are counted and timed */
	SYMFAST_SHM_VERIFY = 3,  /* libc answers, the map is asked too, answers are compared */
};

/* control.phase: can the mode word do anything? Never changes once the file exists. */
enum symfast_shm_phase {
	SYMFAST_SHM_PHASE_LIVE = 1, /* the mode word decides */
	SYMFAST_SHM_PHASE_PASS =
		2, /* passes everything to libc for good, see `why`; ctl is in vain */
};

/* control.reason: who set the mode word last. */
enum symfast_shm_reason {
	SYMFAST_SHM_BY_SETTING = 0, /* SYMFAST, at start */
	SYMFAST_SHM_BY_CANARY = 1,  /* SYMFAST_CANARY, at start */
	SYMFAST_SHM_BY_CTL = 2,     /* written by `symfast ctl` */
	SYMFAST_SHM_BY_FILE = 3,    /* SYMFAST_KILL_FILE, or `symfast watch`'s, came or went */
	SYMFAST_SHM_BY_BREAKER = 4, /* the breaker opened, half-opened or closed */
	SYMFAST_SHM_BY_REFUSAL = 5, /* the process cannot be served, see `why` */
};

enum symfast_shm_breaker {
	SYMFAST_SHM_BREAKER_CLOSED = 0, /* no (or too few) mismatches */
	SYMFAST_SHM_BREAKER_OPEN = 1,   /* switched to OFF */
	SYMFAST_SHM_BREAKER_HALF = 2,   /* on trial in VERIFY after SYMFAST_BREAKER_RETRY_S */
};

/* What an answer was, in control.mismatch_map and _libc. */
enum symfast_shm_kind {
	SYMFAST_SHM_KIND_NONE = 0,  /* no mismatch so far */
	SYMFAST_SHM_KIND_VALUE = 1, /* an address or handle */
	SYMFAST_SHM_KIND_NULL = 2,  /* NULL and an error */
	SYMFAST_SHM_KIND_DOUBT =
		3, /* not an answer: the shim found itself damaged or out of memory */
};

/*
 * A table of counters: `names_count` names (NUL-terminated, one after the other) and
 * `blocks_used` blocks of `names_count` uint64_t each, `block_stride` bytes apart. The value of
 * counter i is the sum of word i over all blocks used. A reader of another release finds its
 * counters by name.
 */
struct symfast_shm_group {
	uint32_t names_offset; /* from the start of the file */
	uint32_t names_bytes;
	uint32_t names_count;
	uint32_t blocks_offset;
	uint32_t block_stride;
	uint32_t block_capacity;
	uint32_t blocks_used; /* grows; written by the process */
	uint32_t unused;
};

/* A table of rows of one struct. */
struct symfast_shm_section {
	uint32_t offset;
	uint32_t
		stride; /* bytes from row to row: at least the size of the struct of this version */
	uint32_t capacity;
	uint32_t used; /* grows; written by the process */
};

/* Written by the process before the file gets its magic; constant but for `used`, `blocks_used`. */
struct symfast_shm_header {
	char magic[8];
	uint32_t version;     /* SYMFAST_SHM_VERSION: another version is another format */
	uint32_t header_size; /* offset of the first byte after header and control */
	uint64_t size;        /* of the file */
	uint32_t pid;         /* in the process's own pid namespace */
	uint32_t uid;         /* effective, when the file was made */
	uint64_t start_time;  /* clock ticks after boot: field 22 of /proc/PID/stat */
	uint64_t pid_space;   /* inode of /proc/PID/ns/pid, 0: unknown */
	uint64_t made_ns;     /* CLOCK_REALTIME */
	uint32_t parent_pid; /* the process this one was forked from with the shim in it, 0: none */
	uint32_t cpus;       /* not used by version 1: 0 */
	char library[16];    /* version of libsymfast.so */
	char exe[256];       /* /proc/PID/exe, cut at the end */
	/* The CPU's time stamp counter is the unit of all durations: two readings of it. The library takes the
	 * first only; made_ns - ns_first is the same for all of one boot of one machine, whose clock goes on. */
	uint64_t ticks_first, ns_first; /* CLOCK_MONOTONIC, when the file was made */
	uint64_t ticks_last, ns_last;   /* later; 0: not read again, a reader takes its own */
	struct symfast_shm_group
		counters;            /* docs/counters.md, all but go.*; a block for each thread */
	struct symfast_shm_group go; /* go.* of look-ups; a block for each CPU */
	struct symfast_shm_group go_fill; /* go.* of fills and refusals; one block */
	struct symfast_shm_section
		histograms;                 /* struct symfast_shm_histogram: function * 2 + arm */
	struct symfast_shm_section objects; /* struct symfast_shm_object */
	struct symfast_shm_section sites;   /* struct symfast_shm_site */
	uint32_t functions_offset,
		functions_bytes; /* names of the histograms' functions, as above */
	uint32_t functions_count;
	uint32_t
		threads_private; /* threads that found no block: their counts are not in this file */
};

/*
 * At SYMFAST_SHM_CONTROL in the file. Written by the process, and by `symfast ctl` through
 * symfast_shm_set(). The mode word takes effect at every thread's next call. In phase PASS nothing has an
 * effect: ctl must refuse.
 */
struct symfast_shm_control {
	uint32_t word;  /* enum symfast_shm_word */
	uint32_t phase; /* enum symfast_shm_phase */
	uint32_t reason;
	uint32_t ctl_count;         /* `symfast ctl` adds 1 */
	uint32_t ctl_pid;           /* whose pid it writes here first */
	uint32_t setting_word;      /* what the settings and the canary came to at start */
	uint32_t sample_mask;       /* a power of two minus 1: one hit in (mask + 1) is timed */
	uint32_t check_every;       /* word ON: one hit in so many is compared with libc; 0: none */
	uint32_t ab_share;          /* A/B: share of symfast's arm in 1/10000; 0: no A/B */
	uint32_t breaker;           /* enum symfast_shm_breaker */
	uint32_t breaker_limit;     /* mismatches that open it, 0: never */
	uint32_t breaker_trips;     /* times it opened */
	uint64_t mismatches;        /* since start */
	uint64_t mismatch_ns;       /* CLOCK_REALTIME of the last one */
	char mismatch_function[16]; /* "dlsym", "dlvsym", "dlopen"; "" if there was none */
	uint32_t mismatch_map, mismatch_libc; /* enum symfast_shm_kind */
	char doubt[64];                       /* what the shim found wrong with itself, "" */
	/* Constant after start. */
	uint32_t canary_share; /* SYMFAST_CANARY in 1/10000; 10000: all */
	uint32_t
		canary_bucket; /* the key's place, 0 to 9999: chosen if it is less than the share */
	uint32_t canary_chosen;  /* 1, 0 */
	uint32_t kill_file_seen; /* 1: SYMFAST_KILL_FILE exists now */
	char canary_key[48];     /* SYMFAST_CANARY_KEY: "host", "pod", "pid", "env:NAME" */
	char why[96];            /* phase PASS: the reason; else "" */
	char kill_file[256];     /* SYMFAST_KILL_FILE, "" */
	char go_state[16];       /* "none", "off", "libc", "detour" */
	char go_refusal[32];     /* word of go.refused.*, "" */
	uint32_t
		go_era; /* 0: plugin.Open goes Go's own way; else the number of the time it is served */
	uint32_t go_eras; /* how many there were */
	uint32_t
		drain; /* `symfast ctl PID drain` adds 1: closed plugins that are retained shall really go */
	uint32_t
		drained; /* the last of them that was carried out, at the host's next dlopen or dlclose */
	/* Not in every file of version 1: header_size says. */
	uint64_t breaker_ns; /* CLOCK_REALTIME when the breaker opened last, 0: never */
	uint64_t cpu_ns; /* CPU time of the process when something was last timed by it; 0: never */
	uint64_t own_ticks; /* that observing took beside the calls that it timed */
};

/*
 * Sets word and era for `reason`; the one way to do it, in the process and in another. Whoever sets
 * another word at the same time sees ours in his second look, or we see his: word and era agree.
 */
static inline void
symfast_shm_set(volatile struct symfast_shm_control *c, uint32_t word, uint32_t reason)
{
	c->reason = reason;
	c->word = word;
	__sync_synchronize(); /* seen before the era below is: a setter whose era comes later looks again */
	do {
		word = c->word;
		c->go_era = word == SYMFAST_SHM_ON ? ++c->go_eras : 0;
		__sync_synchronize();
	} while (c->word != word);
}

/*
 * Durations of one function in one arm, in ticks. Bucket of a duration v: v itself below 16, else
 * (e - 3) * 16 + the four bits after the leading one, where e is the number of the leading bit. The
 * last bucket takes everything from 2^34 up. So bucket b >= 16 begins at
 * (16 + b % 16) << (b / 16 - 1), and is a sixteenth of its power of two wide.
 * Arm 0: libc was asked. Arm 1: the map answered. Arm 1 is a sample of 1 in (sample_mask + 1) hits;
 * arm 0 holds every timed call of the modes OBSERVE, VERIFY and A/B (threads of the stock arm). Of
 * plugin.Open and realpath both arms are samples of A/B, and arm 1 holds the misses of its calls, too. "dlopen" and
 * "dlclose" are calls that mapped and unmapped nothing, "load" and "unload" those that did. In OBSERVE "realpath" has
 * all of a Go host's calls. What reading the counter takes is taken off in arm 0.
 */
#define SYMFAST_SHM_BUCKETS         496
#define SYMFAST_SHM_HISTOGRAM_LEAST 4000
struct symfast_shm_histogram {
	uint64_t count;
	uint64_t ticks;   /* sum */
	uint64_t longest; /* the longest one */
	uint64_t
		waited; /* part of the sum above the usual time: an estimate of waiting for a lock */
	uint64_t bucket[SYMFAST_SHM_BUCKETS];
	/*
	 * Not in every file of version 1: the stride says.
	 * Of some of the calls the thread's CPU time was read, too: both durations of them. Each is counted for all the
	 * calls that it was drawn from.
	 */
	uint64_t clocked, clocked_ticks, clocked_ns;
};

/* An object that was loaded again and again, most often first seen first. */
struct symfast_shm_object {
	uint64_t loads; /* lifetimes begun */
	uint64_t
		ticks; /* spent in the calls that loaded and unloaded it, as far as they were timed */
	char file[112]; /* cut at the end */
	/* From here on only if the stride says so (128: there is no more); mode OBSERVE. */
	uint64_t
		compared; /* unloads before which its writable memory was held against that after the load */
	uint64_t unchanged; /* of these: it was the same */
	char differs[112]; /* else the names of the first data that did, of the first such unload */
};
#define SYMFAST_SHM_OBJECT_LEAST 128

/* One sampled call stack, the same stack counted once. Frames: innermost first. */
#define SYMFAST_SHM_FRAMES 24
struct symfast_shm_site {
	uint64_t hash; /* of function, arm and frames; 0: row not complete yet */
	uint64_t count;
	uint64_t ticks;    /* sum of the sampled calls' durations */
	uint64_t waited;   /* as in the histogram */
	uint16_t function; /* number in the list of functions */
	uint16_t arm;
	uint16_t depth;
	uint16_t unused;
	uint32_t object
		[SYMFAST_SHM_FRAMES]; /* offset in the file of the object's path, 0: in none */
	uint32_t offset[SYMFAST_SHM_FRAMES]; /* from the object's load bias */
};

#define SYMFAST_SHM_CONTROL 1024 /* offset of the control in the file */

#define SYMFAST_SHM_AT(type, field, at)                                                            \
	_Static_assert(offsetof(struct symfast_shm_##type, field) == (at), #type "." #field)
#ifndef __cplusplus
SYMFAST_SHM_AT(group, blocks_used, 24);
SYMFAST_SHM_AT(section, used, 12);
SYMFAST_SHM_AT(header, version, 8);
SYMFAST_SHM_AT(header, size, 16);
SYMFAST_SHM_AT(header, start_time, 32);
SYMFAST_SHM_AT(header, parent_pid, 56);
SYMFAST_SHM_AT(header, library, 64);
SYMFAST_SHM_AT(header, exe, 80);
SYMFAST_SHM_AT(header, ticks_first, 336);
SYMFAST_SHM_AT(header, counters, 368);
SYMFAST_SHM_AT(header, go, 400);
SYMFAST_SHM_AT(header, go_fill, 432);
SYMFAST_SHM_AT(header, histograms, 464);
SYMFAST_SHM_AT(header, objects, 480);
SYMFAST_SHM_AT(header, sites, 496);
SYMFAST_SHM_AT(header, functions_offset, 512);
SYMFAST_SHM_AT(header, threads_private, 524);
SYMFAST_SHM_AT(control, word, 0);
SYMFAST_SHM_AT(control, ctl_count, 12);
SYMFAST_SHM_AT(control, breaker, 36);
SYMFAST_SHM_AT(control, mismatches, 48);
SYMFAST_SHM_AT(control, mismatch_function, 64);
SYMFAST_SHM_AT(control, doubt, 88);
SYMFAST_SHM_AT(control, canary_share, 152);
SYMFAST_SHM_AT(control, canary_key, 168);
SYMFAST_SHM_AT(control, why, 216);
SYMFAST_SHM_AT(control, kill_file, 312);
SYMFAST_SHM_AT(control, go_state, 568);
SYMFAST_SHM_AT(control, drain, 624);
SYMFAST_SHM_AT(control, breaker_ns, 632);
SYMFAST_SHM_AT(control, cpu_ns, 640);
SYMFAST_SHM_AT(control, own_ticks, 648);
SYMFAST_SHM_AT(histogram, bucket, 32);
SYMFAST_SHM_AT(histogram, clocked, SYMFAST_SHM_HISTOGRAM_LEAST);
SYMFAST_SHM_AT(object, file, 16);
SYMFAST_SHM_AT(site, function, 32);
SYMFAST_SHM_AT(site, object, 40);
_Static_assert(sizeof(struct symfast_shm_header) == 528, "header");
_Static_assert(sizeof(struct symfast_shm_control) == 656, "control");
_Static_assert(sizeof(struct symfast_shm_histogram) == 4024, "histogram");
SYMFAST_SHM_AT(object, compared, SYMFAST_SHM_OBJECT_LEAST);
_Static_assert(sizeof(struct symfast_shm_object) == 256, "object");
_Static_assert(sizeof(struct symfast_shm_site) == 232, "site");
#endif

#endif
