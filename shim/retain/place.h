// SPDX-License-Identifier: BSD-2-Clause
// place.h: an object under management: its place in a table of 64, what of it is known, what was changed in it.
//
// When libc has mapped a retained file and its new dependencies (ld.so's breakpoint, before any constructor), each gets a
// place, and its DT_INIT/DT_INIT_ARRAY and DT_FINI/DT_FINI_ARRAY are made to name the place's stubs, which run the
// object's own functions. So libc still decides when and in which order constructors and destructors run; we see the
// order, take the copy of writable memory before the first constructor, and run nothing for an object that is closed.
// That is public data only: the object's own dynamic section, in its own memory.
//
// Everything here is written under ld.so's lock (loader_lock.h, or ld.so's breakpoint). A place keeps its name and number
// when its object is unloaded, so that sets of places still mean the same files at the next load.
#ifndef SF_RETAIN_PLACE_H
#define SF_RETAIN_PLACE_H

#include "../base/attr.h"
#include "identity.h"
#include "paths.h"
#include "retain_limits.h"
#include <link.h>

#define SF_RETAIN_RANGES   6
#define SF_RETAIN_SPANS    6
#define SF_RETAIN_NAME_MAX 256
#define SF_RETAIN_NAMES    24

enum sf_retain_state {
	SF_RETAIN_GONE,    /* not mapped */
	SF_RETAIN_LIVE,    /* mapped, and libc and the host agree on it */
	SF_RETAIN_CLOSING, /* its destructors run, or its memory is being put back */
	SF_RETAIN_CLOSED,  /* mapped; to the host it is unloaded */
};

/* Writable memory, and how it was before the first constructor. */
struct sf_retain_range {
	char *at;
	size_t size;
	char *copy;    /* NULL until it was taken */
	size_t copied; /* bytes of it; what follows was zero */
	char *plain;   /* from here on it is anonymous memory, not the file's */
};

/* Memory that is not writable: whole pages of one segment. */
struct sf_retain_span {
	uintptr_t from, to;
	int protection;
	char *copy; /* what stood there before the first constructor; NULL: the kernel is asked which pages were written to */
};

typedef void (*sf_retain_init_fn)(int, char **, char **);
typedef void (*sf_retain_fini_fn)(void);

struct sf_retain_place {
	struct link_map *map; /* NULL: gone */
	uint8_t state;
	uint8_t fit;    /* may be retained; else why not (enum sf_retain_unfit) */
	uint8_t pinned; /* libc has kept it where we thought it would go: never retained */
	uint8_t global; /* it is in the global scope */
	uint8_t nranges, nspans;
	uint8_t copied;  /* the copies below are of this load */
	uint8_t told;    /* why it is not retained was said */
	uint8_t patched; /* the stubs are in place */
	uint8_t aliased; /* libc found it by another name than it was opened by, and would do so again */
	uint8_t loading;  /* its constructors have not all returned */
	uint8_t owed;     /* it was revived: libc's reference that we held is to be given back */
	uint8_t searched; /* it was asked which folders the search for its group never came to */
	uint8_t held; /* closed, and the reference of libc that its last dlclose would have given back is ours */
	uint32_t refs;      /* of the host, counted under ld.so's lock; of those that libc has */
	uint16_t extra;     /* references of libc that are not the host's, nor held */
	uint32_t load;      /* number of the load that brought it */
	int root_mode;      /* mode it was opened with, if it was opened by name */
	uint64_t gone;      /* number of its last unload, for the place that is free for longest */
	uint64_t turn;      /* of the last close, for the least recent one */
	uint64_t closed_at; /* then, by the monotonic clock; only if there is a limit of time */
	uint64_t scope;     /* the global scope's number at its load */
	uint64_t others;    /* places that were in the global scope then */
	/* Hashes of the names that it is found by (soname, path, file), and of those in its DT_NEEDED. */
	uint64_t own[3];
	uint32_t names[SF_RETAIN_NAMES];
	uint8_t nnames; /* SF_RETAIN_NAMES + 1: more than that */
	uint64_t needs; /* places that it names in DT_NEEDED */
	size_t bytes;   /* of all copies */
	char *memory;   /* where they are */
	struct sf_retain_identity identity;
	struct sf_retain_search search; /* for it, or what it needs */
	/* What its dynamic section said. */
	sf_retain_init_fn init;
	sf_retain_fini_fn fini;
	const uintptr_t *init_array, *fini_array;
	size_t init_count, fini_count;
	/* What it says now: arrays of one. */
	uintptr_t init_one, fini_one;
	struct sf_retain_range ranges[SF_RETAIN_RANGES];
	struct sf_retain_range relro; /* read-only after relocation */
	size_t dynamic_size;          /* of its dynamic section */
	size_t tls_module; /* with TLS descriptors: dlinfo does not tell of a block among the static ones; else 0 */
	struct sf_retain_span spans[SF_RETAIN_SPANS];
	unsigned int
		written; /* pages of them that are not the file's, before the first constructor */
	uintptr_t tls_image;
	size_t tls_copied, tls_size;
	char name[SF_RETAIN_NAME_MAX]; /* its l_name */
	char opened
		[SF_RETAIN_NAME_MAX]; /* what the host gave to dlopen; empty: it came as a dependency */
};

enum sf_retain_unfit {
	SF_RETAIN_FIT,
	SF_RETAIN_UNFIT_TLS,     /* thread-local variables, and more than one thread */
	SF_RETAIN_UNFIT_DTORS,   /* thread_local objects with destructors */
	SF_RETAIN_UNFIT_SHAPE,   /* segments or tables that are not of a known form */
	SF_RETAIN_UNFIT_MEMORY,  /* no memory for the copy, or over the limit */
	SF_RETAIN_UNFIT_PATHS,   /* its searches go through too many folders */
	SF_RETAIN_UNFIT_PAGES,   /* the kernel does not tell which pages were written to */
	SF_RETAIN_UNFIT_FILE,    /* its file cannot be identified */
	SF_RETAIN_UNFIT_LIBC,    /* libc opens such by itself, unseen */
	SF_RETAIN_UNFIT_UNKNOWN, /* a reference was taken that was not seen */
	SF_RETAIN_UNFIT_DOUBT,   /* verify found that it was not as after a load */
};

extern SF_HIDDEN struct sf_retain_place sf_retain_places[SF_RETAIN_PLACES];
extern SF_HIDDEN uint64_t
	sf_retain_mapped; /* places of mapped objects, a bit each; the others are far apart, and not looked at */
/* gnu_get_libc_version(), set before the first load. */
extern SF_HIDDEN const char *sf_retain_libc_version;

/* The place of a mapped object, -1 if it has none. */
int sf_retain_place_find(const struct link_map *map);

/* The stubs of the first place (retain_stubs.S); both are known before anything is attached. */
struct sf_retain_stubs {
	const char *init, *fini;
};
extern SF_HIDDEN struct sf_retain_stubs sf_retain_place_stubs;
struct dl_find_object; /* next.h */
/* libc's _dl_find_object: it finds closed objects, too. */
extern SF_HIDDEN int (*sf_retain_place_find_object)(void *address, struct dl_find_object *found);

/* Gives a newly mapped object a place and puts the stubs in. -1: no place is free, or its tables are strange. */
int sf_retain_place_attach(struct link_map *map);
/* Of an object that libc has unmapped. */
void sf_retain_place_detach(int place);

/*
 * Is this a name by which libc finds the object in each lifetime: its file, its soname, what opened it? Any other one
 * libc remembers for as long as the object is mapped, and in the next lifetime it may lead elsewhere.
 */
bool sf_retain_place_is_called(const struct sf_retain_place *p, const char *name);

/* Calls the object's own constructors, as libc would; and its destructors. */
void sf_retain_place_run_init(int place, int argc, char **argv, char **envp);
void sf_retain_place_run_fini(int place);

#endif
