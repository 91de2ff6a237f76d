// SPDX-License-Identifier: BSD-2-Clause
// elf_file.h: reads an ELF file as bytes: nothing in it is trusted, every offset is checked.
//
// For the program (doctor), not for the library, whose own reader (elf.h) walks
// tables that the loader has accepted. 64-bit files of this machine's byte order only. No
// allocation, no state. Source of the layout: the System V gABI, chapters 4 and 5.
#ifndef SF_ELF_FILE_H
#define SF_ELF_FILE_H

#include "../base/attr.h"
#include <elf.h>

#define SF_ELF_FILE_FAULTS(X)                                                                      \
	X(NONE, "readable")                                                                        \
	X(NOT_ELF, "not an ELF file")                                                              \
	X(OTHER_CLASS, "a 32-bit file")                                                            \
	X(OTHER_ORDER, "of the other byte order")                                                  \
	X(TRUNCATED,                                                                               \
	  "truncated: parts that its headers name, or they themselves, lie outside the file")      \
	X(DAMAGED, "damaged: its headers contradict themselves")

enum sf_elf_file_fault {
#define X(id, text) SF_ELF_FILE_##id,
	SF_ELF_FILE_FAULTS(X)
#undef X
};

struct sf_elf_file {
	const uint8_t *bytes;
	uint64_t size;
	const uint8_t *phdr; /* phnum entries of sizeof(Elf64_Phdr), perhaps unaligned */
	const uint8_t *dynamic;
	uint32_t phnum, dynamic_count;
	uint16_t type, machine;
	/* From the dynamic section; NULL or 0 where there is none, or where it lies outside. */
	const char *strings;
	uint64_t strings_size;
	const uint8_t *symbols;
	uint32_t symbol_count;
	const uint8_t *versions; /* symbol_count half-words, or NULL */
};

/* Fills `f` from `size` bytes that stay in place as long as it is used. */
enum sf_elf_file_fault sf_elf_file_open(struct sf_elf_file *f, const void *bytes, uint64_t size);
/* A sentence's end for a fault; never NULL. */
const char *sf_elf_file_fault_text(enum sf_elf_file_fault fault);

/* Program header i < phnum. */
Elf64_Phdr sf_elf_file_segment(const struct sf_elf_file *f, uint32_t i);
/* `len` bytes of a PT_LOAD at this address, as far as the file holds them; NULL if it does not. */
const void *sf_elf_file_at(const struct sf_elf_file *f, uint64_t address, uint64_t len);
/* Dynamic entry i < dynamic_count; and the first value of a tag. */
Elf64_Dyn sf_elf_file_dyn(const struct sf_elf_file *f, uint32_t i);
bool sf_elf_file_tag(const struct sf_elf_file *f, int64_t tag, uint64_t *value);
/* A NUL-terminated string of the dynamic string table; NULL if it is not one. */
const char *sf_elf_file_string(const struct sf_elf_file *f, uint64_t offset);
/* The text of PT_INTERP; NULL if there is none. */
const char *sf_elf_file_interpreter(const struct sf_elf_file *f);

/* Dynamic symbol i < symbol_count, and its name (NULL if it has no readable one). */
Elf64_Sym sf_elf_file_symbol(const struct sf_elf_file *f, uint32_t i);
const char *sf_elf_file_symbol_name(const struct sf_elf_file *f, const Elf64_Sym *s);
/* The first definition of `name`; false if there is none. */
bool sf_elf_file_defined(const struct sf_elf_file *f, const char *name, Elf64_Sym *s);

/* Are all bytes that the loader would map in the file, and its dynamic section? */
bool sf_elf_file_whole(const struct sf_elf_file *f);

/*
 * The next name of a needed version; NULL at the end. A walk of {0} starts at the beginning; one that
 * a hostile file sends around in circles ends after SF_ELF_FILE_VERSIONS steps.
 */
#define SF_ELF_FILE_VERSIONS 65536
struct sf_elf_file_versions {
	uint64_t need, aux; /* offsets in the section; aux 0: not yet known */
	uint32_t steps;
	bool ended;
};
const char *sf_elf_file_needed_version(const struct sf_elf_file *f, struct sf_elf_file_versions *w);
/* The same for the names of the versions that it defines; the file's own name is one of them. */
const char *sf_elf_file_defined_version(const struct sf_elf_file *f,
					struct sf_elf_file_versions *w);

#endif
