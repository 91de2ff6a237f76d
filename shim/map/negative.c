// SPDX-License-Identifier: BSD-2-Clause
// negative.c: see negative.h.
#include "negative.h"

SF_FIRST char **sf_negative_argv;

uint32_t
sf_negative_write(struct sf_thread *t, const char *file, size_t file_len, const char *name,
		  size_t name_len, const char *version, size_t version_len)
{
	static const char undefined[] = ": undefined symbol: ";
	const char *says = file_len != 0 ? undefined : undefined + 2; /* libc's dlerror does so */
	static const char versioned[] = ", version ";
	uint32_t turn;
	char *p;

	if (t->block == NULL ||
	    file_len + name_len + version_len + sizeof(undefined) + sizeof(versioned) > SF_TEXT_MAX)
		return 0;
	do {
		turn = sf_negative_begin(t);
		p = sf_bytes_put(t->block->text, file, file_len);
		p = sf_bytes_put(p, says, (size_t)(undefined + sizeof(undefined) - 1 - says));
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
	const char *file = o != NULL ? sf_object_file(o, len) : NULL;

	if (file != NULL)
		return sf_negative_named(o, (const void *)o->handle) ? file : NULL;
	/* The executable's name is empty; libc says argv[0], or this when there is none. */
	if (map == NULL || map->l_name[0] != '\0')
		return NULL;
	file = sf_negative_argv != NULL ? sf_negative_argv[0] : NULL;
	if (file == NULL)
		file = "<main program>";
	*len = sf_bytes_length(file, SF_TEXT_MAX);
	return file;
}
