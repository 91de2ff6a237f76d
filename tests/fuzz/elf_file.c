// SPDX-License-Identifier: BSD-2-Clause
// elf_file.c: the reader of ELF files over mutated copies of this very program, which ends at a guard
// page: every read outside the file is a crash, every walk must end.
#include "fuzz.h"

#include "image/elf_file.h"
#include "image/go_file.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 200000

static unsigned char *real, *copy;
static size_t size;
static unsigned long opened, symbols, versions;

static void
load(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole;
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		exit(EXIT_FAILURE);
	size = (size_t)st.st_size;
	whole = (size + page - 1) / page * page;
	real = malloc(size);
	copy = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (real == NULL || copy == MAP_FAILED || read(fd, real, size) != (ssize_t)size ||
	    mprotect(copy + whole, page, PROT_NONE) != 0)
		exit(EXIT_FAILURE);
	copy += whole - size;
}

/* Where mutations tell most: headers, the dynamic section, or what it points at. */
static size_t
pick_place(const struct sf_elf_file *f)
{
	switch (fuzz_below(4)) {
	case 0:
		return fuzz_below(sizeof(Elf64_Ehdr));
	case 1:
		return sizeof(Elf64_Ehdr) + fuzz_below(f->phnum * sizeof(Elf64_Phdr));
	case 2:
		return (size_t)(f->dynamic - real) + fuzz_below(f->dynamic_count * 16);
	default:
		return fuzz_below(8192 < size ? 8192 : size); /* hash, symbols, strings, versions */
	}
}

static void
mutate(const struct sf_elf_file *f)
{
	static const uint64_t odd[] = {0,          1,          0xffff,         0x7fffffff,
				       0xffffffff, UINT64_MAX, UINT64_MAX - 7, 1ull << 63,
				       1ull << 32};

	memcpy(copy, real, size);
	for (uint64_t n = 1 + fuzz_below(4); n > 0; n--) {
		size_t at = pick_place(f);
		uint64_t v =
			fuzz_below(2) ? odd[fuzz_below(sizeof(odd) / sizeof(odd[0]))] : fuzz_next();
		size_t width = (size_t)1 << fuzz_below(4);

		if (at + width <= size)
			memcpy(copy + at, &v, width);
	}
}

/* Everything that doctor asks; what it gets must lie in the file. */
static void
ask(const struct sf_elf_file *f, unsigned long round)
{
	struct sf_elf_file_versions walk = {0};
	uint64_t value;
	struct sf_go_file go;
	Elf64_Sym s;

	for (uint32_t i = 0; i < f->symbol_count; i++) {
		const char *name;

		s = sf_elf_file_symbol(f, i);
		name = sf_elf_file_symbol_name(f, &s);
		if (name != NULL)
			symbols += strlen(name) != 0;
	}
	for (uint32_t i = 0; i < f->dynamic_count; i++) {
		const char *text = sf_elf_file_string(f, sf_elf_file_dyn(f, i).d_un.d_val);

		FUZZ_DEMAND(text == NULL || memchr(text, 0,
						   (size_t)(copy + size -
							    (unsigned char *)(uintptr_t)text)),
			    "a string that does not end", round);
	}
	while (!walk.ended)
		versions += sf_elf_file_needed_version(f, &walk) != NULL;
	walk = (struct sf_elf_file_versions){0};
	while (!walk.ended) {
		const char *defined = sf_elf_file_defined_version(f, &walk);

		FUZZ_DEMAND(defined == NULL || strlen(defined) < size, "a defined version", round);
	}
	if (sf_elf_file_interpreter(f) != NULL)
		FUZZ_DEMAND(strlen(sf_elf_file_interpreter(f)) < size, "interpreter", round);
	sf_elf_file_whole(f);
	sf_elf_file_tag(f, (int64_t)fuzz_next(), &value);
	sf_elf_file_at(f, fuzz_next(), fuzz_next());
	sf_elf_file_defined(f, "plugin.open", &s);
	sf_go_file_read(f, &go);
	FUZZ_DEMAND(strlen(go.version) < sizeof(go.version), "version", round);
}

/* A file made by hand: one writable segment that is all of it, and a dynamic section at 0x200. */
static void
make(unsigned char *at, size_t bytes, int64_t tag, uint64_t value)
{
	Elf64_Ehdr e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			.e_type = ET_DYN,
			.e_phoff = sizeof(e),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2};
	Elf64_Phdr p[2] = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_filesz = bytes},
			   {.p_type = PT_DYNAMIC, .p_offset = 0x200, .p_filesz = 32}};
	Elf64_Dyn d[2] = {{.d_tag = tag, .d_un.d_val = value}};

	memcpy(at, &e, sizeof(e));
	memcpy(at + sizeof(e), p, sizeof(p));
	memcpy(at + 0x200, d, sizeof(d));
}

/* Needed versions whose chains all run through the rest of the file: a walk of its square. */
static void
walk_far(void)
{
	size_t bytes = 1u << 20;
	unsigned char *at = calloc(1, bytes);
	struct sf_elf_file_versions walk = {0};
	struct sf_elf_file f;

	for (size_t i = 0x400; i + 4 < bytes; i += 4)
		at[i] = 4;
	make(at, bytes, DT_VERNEED, 0x400);
	FUZZ_DEMAND(sf_elf_file_open(&f, at, bytes) == SF_ELF_FILE_NONE, "not opened", 0);
	while (!walk.ended)
		sf_elf_file_needed_version(&f, &walk);
	FUZZ_DEMAND(walk.steps > 1000 && walk.steps <= SF_ELF_FILE_VERSIONS + 1, "too far", 0);
	free(at);
}

/* Go's build information with lengths of all kinds, at the very end of what may be read. */
static void
read_go(void)
{
	static const unsigned char magic[] = "\xff Go buildinf:\x08\x02";
	unsigned long versions_read = 0;

	for (unsigned long round = 0; round < 20000; round++) {
		size_t tail = 16 + fuzz_below(120), bytes = 0x300 + tail;
		unsigned char *at = copy + size - bytes;
		struct sf_elf_file f;
		struct sf_go_file go;

		memset(at, 0, bytes);
		for (size_t i = 0x300; i < bytes; i++)
			at[i] = (unsigned char)fuzz_next();
		memcpy(at + 0x300, magic, sizeof(magic) - 1 < tail ? sizeof(magic) - 1 : tail);
		if (tail > 34 && fuzz_below(2))
			at[0x320] = (unsigned char)fuzz_below(40);
		make(at, bytes, DT_NULL, 0);
		if (sf_elf_file_open(&f, at, bytes) != SF_ELF_FILE_NONE)
			continue;
		sf_go_file_read(&f, &go);
		FUZZ_DEMAND(go.is_go && strlen(go.version) < sizeof(go.version), "Go", round);
		versions_read += go.version[0] != '\0';
	}
	FUZZ_DEMAND(versions_read > 1000 && versions_read < 19000, "versions", versions_read);
}

int
main(void)
{
	struct sf_elf_file good, f;

	fuzz_start();
	load();
	if (sf_elf_file_open(&good, real, size) != SF_ELF_FILE_NONE || good.symbol_count < 4)
		return EXIT_FAILURE;
	walk_far();
	read_go();
	for (unsigned long round = 0; round < ROUNDS; round++) {
		/* One in four is also cut: it then begins later, so that it still ends at the page. */
		size_t cut = fuzz_below(4) == 0 ? fuzz_below(size) : 0;
		unsigned char *start = copy + cut;

		mutate(&good);
		memmove(start, copy, size - cut);
		if (sf_elf_file_open(&f, start, size - cut) != SF_ELF_FILE_NONE)
			continue;
		opened++;
		ask(&f, round);
	}
	printf("%d rounds: %lu opened, %lu symbols, %lu versions\n", ROUNDS, opened, symbols,
	       versions);
	return opened > ROUNDS / 3 && symbols > ROUNDS && versions > ROUNDS ? EXIT_SUCCESS
									    : EXIT_FAILURE;
}
