// SPDX-License-Identifier: BSD-2-Clause
// negative.c: see negative.h.
#include "negative.h"

char **sf_negative_argv;

/*
 * Copies n bytes in whole blocks and returns the end of the copy: up to 15 bytes more are read and
 * written than asked for. Room for them: a record's file name is followed by its other line, a
 * stored name by the map's padding, the text by TEXT_SLACK.
 */
#define TEXT_SLACK 16

SF_INLINE char *
put_blocks(char *to, const char *from, size_t n)
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
begin_text(struct sf_thread *t)
{
	uint32_t turn = (sf_load_32(&t->block->text_turn) + 1) | 1u << 31;

	sf_store_32(&t->block->text_turn, turn);
	__asm__ volatile("" ::: "memory");
	return turn;
}

uint32_t
sf_negative_write_stored(struct sf_thread *t, const char *file, size_t file_len, const char *name,
			 size_t name_len)
{
	static const char undefined[32] = ": undefined symbol: ";
	uint32_t turn;
	char *p;

	if (file_len + name_len + 20 + 1 + TEXT_SLACK > SF_TEXT_MAX)
		return 0;
	turn = begin_text(t);
	p = put_blocks(t->block->text, file, file_len);
	__builtin_memcpy(p, undefined, sizeof(undefined));
	p = put_blocks(p + 20, name, name_len);
	*p = '\0';
	return turn;
}

uint32_t
sf_negative_write(struct sf_thread *t, const char *file, size_t file_len, const char *name,
		  size_t name_len, const char *version, size_t version_len)
{
	static const char undefined[] = ": undefined symbol: ";
	static const char versioned[] = ", version ";
	uint32_t turn;
	char *p;

	if (t->block == NULL ||
	    file_len + name_len + version_len + sizeof(undefined) + sizeof(versioned) > SF_TEXT_MAX)
		return 0;
	do {
		turn = begin_text(t);
		p = sf_bytes_put(t->block->text, file, file_len);
		p = sf_bytes_put(p, undefined, sizeof(undefined) - 1);
		p = sf_bytes_put(p, name, name_len);
		if (version != NULL) {
			p = sf_bytes_put(p, versioned, sizeof(versioned) - 1);
			p = sf_bytes_put(p, version, version_len);
		}
		*p = '\0';
	} while (!sf_negative_whole(t, turn));
	return turn;
}

const char *
sf_negative_file(const struct sf_object *o, const struct link_map *map, size_t *len)
{
	const char *file;

	if (o != NULL && o->file_len != 0) {
		*len = sf_load_8(&o->file_len);
		sf_fence_load();
		return o->file;
	}
	/* The executable's name is empty; libc says argv[0], or this when there is none. */
	if (map == NULL || map->l_name[0] != '\0')
		return NULL;
	file = sf_negative_argv != NULL ? sf_negative_argv[0] : NULL;
	if (file == NULL)
		file = "<main program>";
	*len = sf_bytes_length(file, SF_TEXT_MAX);
	return file;
}
