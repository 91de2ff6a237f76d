// SPDX-License-Identifier: BSD-2-Clause
// symbols.h: the dynamic symbols that dladdr considers, in libc's order.
//
// Source: glibc's elf/dl-addr.c (determine_info). With a GNU hash table: its buckets, each chain in
// turn; else the symbol table up to DT_HASH's count, global and weak ones that are not hidden. Counted
// are symbols with a section, or with a value, that are neither absolute nor thread-local and whose
// name lies within the string table. Contract, 37, 38 and 41.
#ifndef SF_SYMBOLS_H
#define SF_SYMBOLS_H

#include "elf.h"

#ifndef PT_GNU_PROPERTY /* elf.h of glibc before 2.33 */
#define PT_GNU_PROPERTY 0x6474e553
#endif

struct sf_symbols {
	const ElfW(Sym) * symtab;
	ElfW(Xword) strsz;
	const uint32_t *buckets; /* NULL: by DT_HASH's count */
	const uint32_t *chains;  /* indexed by symbol number */
	uint32_t nbuckets;
	uint32_t end; /* one past the last symbol number; no walk gives more than this many */
};

/* Reads the tables' sizes. False: the object has no hash table. Cost: one pass over the buckets. */
bool sf_symbols_open(struct sf_symbols *s, const struct sf_elf *e);

/* Where a walk stands; zero to begin. */
struct sf_symbols_walk {
	uint32_t bucket;
	uint32_t next; /* symbol number; 0 with a GNU hash table: begin the bucket */
};

enum sf_symbols_step { SF_SYMBOLS_END, SF_SYMBOLS_SKIP, SF_SYMBOLS_ONE };

/* Looks at one more bucket or symbol. ONE: symbol number *index counts. */
enum sf_symbols_step sf_symbols_step(const struct sf_symbols *s, struct sf_symbols_walk *w,
				     uint32_t *index);

/* One past the last symbol that the object with this dynamic section takes from others; some before it are its own. */
uint32_t sf_symbols_imports_end(const struct sf_elf *e, const ElfW(Dyn) * dynamic);

/* What the three below read from the object's start on. libc reads none of it after the load. */
#define SF_ELF_HEADER_MOST 4096u

/* Does an object's header stand there, with its program headers on the same page? */
bool sf_elf_is_header(const void *header);

/*
 * Does that object say that all its indirect jumps end on landing pads (aarch64's BTI), so that the kernel or ld.so
 * guards its code where the CPU can?
 */
bool sf_elf_has_landing_pads(const void *header, uintptr_t bias);

/* One loaded segment: addresses from start to end (not included). */
struct sf_segment {
	uintptr_t start, end;
};

/*
 * Where the object at `header` was loaded to, by the program headers of its first page. Returns the
 * number of PT_LOAD segments, 0 if there is no such header or there are more than `max`.
 */
unsigned int sf_elf_segments(const void *header, uintptr_t bias, struct sf_segment *out,
			     unsigned int max);

/*
 * The build id of that object: its length, 0 if there is none of at most `max` bytes. The notes are read if
 * `readable` says that they can be.
 */
unsigned int sf_elf_build_id(const void *header, uintptr_t bias, const uint8_t **id,
			     unsigned int max, bool (*readable)(const void *, size_t));

#endif
