// SPDX-License-Identifier: BSD-2-Clause
// negative.h: the error of a negative answer, kept per thread in place of libc's own.
//
// A negative answer is only given while libc has no error pending (CONTRACT 8), so if both have one
// later, libc's is the newer.
#ifndef SF_NEGATIVE_H
#define SF_NEGATIVE_H

#include "table.h"
#include "thread.h"

/*
 * Writes "FILE: undefined symbol: NAME[, version VERSION]" to the thread's block; lengths without
 * NUL, version NULL if there is none. Returns the turn of this writing, 0 if the thread has no block or the
 * text does not fit.
 */
uint32_t sf_negative_write(struct sf_thread *t, const char *file, size_t file_len, const char *name,
			   size_t name_len, const char *version, size_t version_len);

/*
 * The same without a version, in a third of the time, from what our own tables hold: `file` of an
 * object's record, `name` of an entry or cell. `t` has a block. The text is still to be looked at
 * (sf_negative_whole): a signal handler may have come in between.
 */
uint32_t sf_negative_write_stored(struct sf_thread *t, const char *file, size_t file_len,
				  const char *name, size_t name_len);

/*
 * Is the text still the one of this turn? A handler that interrupts us after the writing may leave
 * its own: the error is made pending first, then this is asked, and all is done again if not.
 */
SF_INLINE bool
sf_negative_whole(const struct sf_thread *t, uint32_t turn)
{
	__asm__ volatile("" ::: "memory");
	return sf_load_32(&t->block->text_turn) == turn;
}

/* The FILE part for a handle's record or, for the executable, argv[0]: CONTRACT 5. */
const char *sf_negative_file(const struct sf_object *o, const struct link_map *map, size_t *len);

/* argv as the constructor got it: libc prints what argv[0] says at the time. */
extern char **sf_negative_argv;

#endif
