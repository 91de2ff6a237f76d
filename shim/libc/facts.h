// SPDX-License-Identifier: BSD-2-Clause
// facts.h: what the loader knows of an address or an object, read without its lock.
#ifndef SF_FACTS_H
#define SF_FACTS_H

#include "guess.h"
#include "next.h"

/* The object that covers `address`, by _dl_find_object (lock-free, signal-safe). False: none, as far as can be said. */
bool sf_facts_object(const void *address, struct link_map **map, uintptr_t *lo, uintptr_t *hi);

/*
 * Where the object's code lies. Of an executable whose segments do not adjoin, as aarch64's linker leaves them,
 * _dl_find_object tells one segment at a time, and the dynamic section is in another. Once, at the start.
 */
bool sf_facts_code(const struct link_map *l, uintptr_t *lo, uintptr_t *hi);

/*
 * As _dl_find_object; for any address of an executable whose segments do not adjoin, the piece that begins with its
 * header. After sf_facts_search_init.
 */
bool sf_facts_headed(const void *address, struct dl_find_object *found);

/* Where libc has no _dl_find_object: may an object be there that is not found just now? */
bool sf_facts_unsure(const void *address);

/* Is `handle` the link map of an object that is mapped now? Reads the handle's memory, as libc
 * does; wrong for a handle that dangles into readable memory only if that memory imitates one. */
bool sf_facts_live(const void *handle);

/* The kernel's object, which has no search list to be in. */
bool sf_facts_is_vdso(const struct link_map *l);

/* Is an object of the initial set a filter (DT_FILTER, DT_AUXILIARY)? */
bool sf_facts_has_filter(void);

/*
 * Does an object that was opened later define the name? Looked for without the loader's lock: true, too,
 * if that cannot be done now.
 */
bool sf_facts_later_may_define(const char *name);

/* The last object of the base namespace. ld.so's lock is held, as it is while it tells of a change. */
const struct link_map *sf_facts_last_object(void);
/* Is an object that was opened later still in that list? As above. */
bool sf_facts_is_listed(const struct link_map *map);

/*
 * Is everything that this object's own search order holds besides itself part of the initial set?
 * `initial`: it is part of it itself.
 */
bool sf_facts_searches_initial_only(const struct link_map *l, bool initial);

/*
 * What ld.so was told at its start that lets every look-up through libc count, in words; NULL: nothing. With
 * LD_DYNAMIC_WEAK a strong definition that is loaded later wins; with LD_DEBUG each call is shown.
 */
const char *sf_facts_loader_asked(char **envp);

/*
 * Notes whether an object of the initial set other than the executable carries DT_RPATH, which
 * counts for the searches of all it brought along; and whether one is a filter, whose filtee, missing at
 * start, may be found by a later load. Once, in the constructor.
 */
void sf_facts_search_init(void);

/*
 * Would a bare name that this object of the initial set opens be searched for as the shim itself
 * would? `l` may be NULL: code outside every object counts as the executable.
 */
bool sf_facts_searches_alike(const struct link_map *l);

/* The same for a caller that was opened later, which the caller of this keeps mapped. Waits as dl_iterate_phdr. */
bool sf_facts_searches_alike_later(const struct link_map *l);

/* Is this the soname of an object of the initial set? */
bool sf_facts_is_initial_soname(const char *name);

/*
 * Would RTLD_NEXT of a wrapped name from `caller` find this shim (false) or libc's own (true)?
 * Exact for objects of the initial set, true for all others.
 */
bool sf_facts_next_is_raw(const void *caller);

/* Of glibc 2.MINOR; 0: unknown. */
unsigned int sf_facts_minor(void);

/* Is `f` one of the next definitions themselves? */
bool sf_facts_is_raw(const void *f);

/*
 * The calling thread's block of this object's thread-local variables; NULL if it has none, or not
 * yet. Takes no lock and leaves a pending error alone. The object must be mapped.
 */
void *sf_facts_thread_block(struct link_map *l);

/* libc's pending error of the calling thread: CONTRACT 8. */
/* The same by the module's number, made if the thread has none yet; NULL: cannot be asked. Calls libc's malloc then. */
void *sf_facts_tls_get(size_t module);
bool sf_facts_error_init(void);
/* From the thread pointer, written once at start. Hidden where it is read: one load, without its address. */
extern intptr_t sf_facts_error_offset __attribute__((visibility("hidden")));

/*
 * Saves a pending error, around calls of libc that the host does not make, and restores it. An error that
 * those calls have left is dropped.
 */
struct sf_facts_error {
	void *pending; /* not to be had where libc hides it: who needs it does without */
};
struct sf_facts_error sf_facts_error_save(void);
void sf_facts_error_restore(struct sf_facts_error saved);

/* What this thread last asked libc for, by sf_next, succeeded: no error is pending. */
SF_INLINE void
sf_facts_error_none(void)
{
	if (sf_unlikely(sf_next.guessed))
		sf_guess_perhaps = 0;
}

/* The host may hold libc's own functions, whose errors nobody notes: from here on each thread may have one. */
void sf_facts_error_unseen(void);

/*
 * Clears it, as every successful call does (CONTRACT 1), by a dlinfo that cannot fail. A program
 * that reads its errors leaves libc's record allocated until the next call; without this, no later
 * answer could be the shim's. Frees libc's text with the host's free, as libc would.
 */
void sf_facts_error_clear(void);

SF_INLINE bool
sf_facts_error_pending(void)
{
#ifdef __x86_64__
	bool pending;

	__asm__ volatile("cmpq $0, %%fs:(%1)" : "=@ccne"(pending) : "r"(sf_facts_error_offset));
	return pending;
#else
	const void *const volatile *error =
		(const void *const volatile *)((char *)__builtin_thread_pointer() +
					       sf_facts_error_offset);

	return *error != NULL;
#endif
}

#endif
