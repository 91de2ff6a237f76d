// SPDX-License-Identifier: BSD-2-Clause
// sample_debug.c: see sample_debug.h.
#include "sample_debug.h"

#include "../base/cli.h"
#include <stdlib.h>
#include <string.h>

#define ID_MOST    32u
#define NOTES_MOST 64

/* The build id's length; 0 if there is none. */
static size_t
sample_debug_id(struct sample_file *f, unsigned char *id)
{
	uint64_t at = f->note, end = f->note + f->note_size;
	Elf64_Nhdr note;
	char name[4];

	for (int i = 0; i < NOTES_MOST && at < end; i++) {
		uint64_t text = at + sizeof(note);

		if (!sample_file_read(f, at, &note, sizeof(note)))
			return 0;
		at = text + ((note.n_namesz + (uint64_t)3) & ~(uint64_t)3);
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(name) &&
		    sample_file_read(f, text, name, sizeof(name)) && memcmp(name, "GNU", 4) == 0 &&
		    note.n_descsz >= 2 && note.n_descsz <= ID_MOST)
			return sample_file_read(f, at, id, note.n_descsz) ? note.n_descsz : 0;
		at += (note.n_descsz + (uint64_t)3) & ~(uint64_t)3;
	}
	return 0;
}

static struct sample_file *
sample_debug_file(struct sample_file *f)
{
	unsigned char id[ID_MOST];
	char hex[2 * ID_MOST + 1] = "", *path;
	size_t len;

	if (f->debug_read)
		return f->debug;
	f->debug_read = true;
	len = sample_debug_id(f, id);
	if (len == 0)
		return NULL;
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	path = cli_format("/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	f->debug = sample_file_open_path(path);
	free(path);
	return f->debug;
}

char *
sample_debug_at(struct sample_file *f, uint64_t address, char *to)
{
	struct sample_file *debug;

	if (*sample_symbols_at(f, address, to) != '\0')
		return to;
	debug = sample_debug_file(f);
	return debug != NULL ? sample_symbols_at(debug, address, to) : to;
}
