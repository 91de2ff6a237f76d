// SPDX-License-Identifier: BSD-2-Clause
// sample_file.h: the file of a mapped object, read in pieces when they are needed: its segments, unwind table,
// functions.
//
// A file may be hostile, cut, or replaced since it was mapped. It counts only if its first bytes are those in
// memory; otherwise what is mapped of it is read from the process.
#ifndef SF_CLI_SAMPLE_FILE_H
#define SF_CLI_SAMPLE_FILE_H

#include "../../base/attr.h"
#include <elf.h>
#include <sys/types.h>

#define SAMPLE_FILE_SEGMENTS 16

/* Where a range of the file lies in the process. */
struct sample_file_range {
	uint64_t start, end, offset;
};

struct sample_file_symbol {
	uint64_t start, size;
	uint64_t name; /* where in the file its name is */
};

struct sample_file {
	char *path;       /* as the process's map names it */
	const char *base; /* the part after the last slash */
	int fd;           /* -1: read from the process */
	pid_t pid;
	struct sample_file_range
		*ranges; /* of the process whose map it is from, for reading there */
	size_t range_count;
	uint64_t size;
	unsigned char **chunks;
	Elf64_Phdr load[SAMPLE_FILE_SEGMENTS];
	unsigned int load_count;
	uint64_t eh_frame_hdr, dynamic; /* addresses in the object; 0: none */
	uint64_t note,
		note_size; /* where in the file notes are: the last PT_NOTE of 4 bytes' alignment */
	bool elf, symbols_read, go_read, debug_read;
	struct sample_file *debug;          /* its separate debug symbols; see sample_debug.h */
	struct sample_file_symbol *symbols; /* functions, by address */
	size_t symbol_count;
	uint64_t go_back, go_slot; /* see struct sample_shot_go, as addresses in the object */
};

/* The object that has these ranges mapped; `path` as in the process's map. */
struct sample_file *sample_file_open(pid_t pid, const char *path,
				     const struct sample_file_range *ranges, size_t count);
/* A file by itself; NULL if it is not there. */
struct sample_file *sample_file_open_path(const char *path);
void sample_file_free(struct sample_file *f);

/* Bytes of the file; false if they are not all there. */
bool sample_file_read(struct sample_file *f, uint64_t offset, void *to, size_t len);
/* From an offset in the file to the address in the object, and back; false if no segment has it. */
bool sample_file_address(const struct sample_file *f, uint64_t offset, uint64_t *address);
bool sample_file_offset(const struct sample_file *f, uint64_t address, uint64_t *offset);
/* The text at an offset, cut after size - 1 bytes; "" if it cannot be read. */
char *sample_file_text(struct sample_file *f, uint64_t offset, char *to, size_t size);

#endif
