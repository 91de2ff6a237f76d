// SPDX-License-Identifier: BSD-2-Clause
// next.h: the next definitions of the wrapped names, found without calling anything.
//
// sf_next_boot() may run before this object is relocated (an IFUNC resolver of an object that is
// relocated first may call dlsym): it uses relative addresses, system calls and the loader's own
// link map list only. Nothing here takes a lock or allocates.
#ifndef SF_NEXT_H
#define SF_NEXT_H

#include "../base/attr.h"
#include "../image/elf.h"
#include "find_object.h"
#include <dlfcn.h>
#include <link.h>
#include <sys/uio.h>

/* Every wrapped name: X(name, return type, parameters). */
#define SF_NEXT_LIST(X)                                                                            \
	X(dlopen, void *, (const char *, int))                                                     \
	X(dlmopen, void *, (Lmid_t, const char *, int))                                            \
	X(dlclose, int, (void *))                                                                  \
	X(dlsym, void *, (void *, const char *))                                                   \
	X(dlvsym, void *, (void *, const char *, const char *))                                    \
	X(dlerror, char *, (void))                                                                 \
	X(dlinfo, int, (void *, int, void *))

/* The same for those that only ever look: nothing depends on who holds libc's own. */
#define SF_NEXT_LOOKING(X)                                                                         \
	X(dladdr, int, (const void *, Dl_info *))                                                  \
	X(dladdr1, int, (const void *, Dl_info *, void **, int))                                   \
	X(backtrace_symbols, char **, (void *const *, int))                                        \
	X(backtrace_symbols_fd, void, (void *const *, int, int))

struct sf_next_calls {
#define X(name, ret, params) ret(*name) params;
	SF_NEXT_LIST(X)
#undef X
};

struct sf_next {
#define X(name, ret, params) ret(*name) params;
	SF_NEXT_LIST(X)
	SF_NEXT_LOOKING(X)
#undef X
	/* How dlopen and dlclose are called from C, for the host: libc's own, or the room's that retains objects. */
	void *(*load)(const char *, int);
	int (*unload)(void *);
	/* The next definitions themselves, also where that room stands before one of them. */
	struct sf_next_calls own;
	ssize_t (*writev)(int, const struct iovec *, int); /* libc's own: whom its functions call */
	char *(*realpath)(const char *, char *);
	int (*find_object)(void *, struct dl_find_object *);
	int (*iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
	struct r_debug *debug;
	struct link_map *main; /* the executable's link map; also its dlopen(NULL) handle */
	struct link_map *self; /* this object's, NULL if it cannot be found */
	struct link_map
		*libc; /* libc.so.6; if that is not there, the object that defines the next dlsym */
	struct link_map *tail; /* last object of the initial set */
	bool realpath_is_libc; /* not another preload's, whose answers are its own affair */
	bool iterate_is_libc;
	bool looking_is_libc; /* all of SF_NEXT_LOOKING are there, and libc's own */
	bool interposed;      /* another wrapper stands between us and libc */
	bool late;            /* dlsym is in a libdl that was loaded after the start */
	bool by_glibc;        /* the dynamic loader has run the IFUNC of boot.c */
	bool guessed; /* libc does not show its pending error: calls go by the jumps of guess.S */
};

extern SF_HIDDEN struct sf_next sf_next;

/*
 * Notes where the initial set ends: debug, main, self, tail. First called while objects are relocated, and
 * nothing else has run. False: this object is not in the list.
 */
bool sf_next_begin(void);
/* The constructor has run: from now on sf_next_boot() may also ask libc for objects that were loaded later. */
void sf_next_ready(void);
/* Fills the rest of sf_next. Idempotent, any thread; true if every wrapped name has a next definition. */
bool sf_next_boot(void);
/*
 * Is this library the one of the tests that behaves on any glibc as it must on one without _dl_find_object, with a hidden
 * error and without a chain of namespaces (shim/libc/as_old.c)?
 */
bool sf_next_as_old(void);
/* The same for the first and the third, as glibc 2.34 was released (shim/libc/as_released.c). The one before implies it. */
bool sf_next_as_tabled(void);
/*
 * The same for the third alone, as glibc 2.34 is with the _dl_find_object that distributions have brought there
 * (shim/libc/as_backported.c). The one before implies it.
 */
bool sf_next_as_unchained(void);
/* glibc 2.35 and newer: is or was there more than one namespace? */
bool sf_next_chained(const struct r_debug *debug);
/* The next definition of another name, for those that are seldom wanted. NULL: none, or too early. */
void *sf_next_find(const char *name);

#endif
