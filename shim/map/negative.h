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
 * Copies n bytes in whole blocks and returns the end of the copy: up to 15 bytes more are read and
 * written than asked for. Room for them: a record's file name is followed by its other line, a
 * stored name by the map's padding, the text by SF_TEXT_SLACK.
 */
#define SF_TEXT_SLACK 16

SF_INLINE char *
sf_negative_blocks(char *to, const char *from, size_t n)
{
	char *end = to + n;

	do {
		__builtin_memcpy(to, from, 16);
		to += 16;
		from += 16;
	} while (to < end);
	return end;
}

/*
 * A signal handler on this thread may write a text of its own in the middle of ours, and has ended
 * when we go on: then we write again.
 */
SF_INLINE uint32_t
sf_negative_begin(struct sf_thread *t)
{
	uint32_t turn = (sf_load_32(&t->block->text_turn) + 1) | 1u << 31;

	sf_store_32(&t->block->text_turn, turn);
	__asm__ volatile("" ::: "memory");
	return turn;
}

/*
 * The same without a version, in a third of the time, from what our own tables hold: `file` of an
 * object's record, `name` of an entry or cell. `t` has a block. The text is still to be looked at
 * (sf_negative_whole): a signal handler may have come in between.
 */
SF_INLINE uint32_t
sf_negative_write_stored(struct sf_thread *t, const char *file, size_t file_len, const char *name,
			 size_t name_len)
{
	static const char undefined[32] = ": undefined symbol: ";
	uint32_t turn;
	char *p;

	if (file_len + name_len + 20 + 1 + SF_TEXT_SLACK > SF_TEXT_MAX)
		return 0;
	turn = sf_negative_begin(t);
	p = sf_negative_blocks(t->block->text, file, file_len);
	__builtin_memcpy(p, undefined, sizeof(undefined));
	p = sf_negative_blocks(p + 20, name, name_len);
	*p = '\0';
	return turn;
}

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

/* Has the host given the object another name since its record was made? libc reads its link map. */
SF_INLINE bool
sf_negative_named(const struct sf_object *o, const void *map)
{
	return sf_load_ptr(&o->named) == sf_load_ptr(&((const struct link_map *)map)->l_name);
}

/* The FILE part for a handle's record or, for the executable, argv[0]: CONTRACT 5. */
const char *sf_negative_file(const struct sf_object *o, const struct link_map *map, size_t *len);

/* argv as the constructor got it: libc prints what argv[0] says at the time. */
extern SF_HIDDEN char **sf_negative_argv;

#endif
