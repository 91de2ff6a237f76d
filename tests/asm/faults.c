// SPDX-License-Identifier: BSD-2-Clause
// faults KIND COUNT: page faults of so many look-ups, each of another name of libc, with whatever is preloaded.
//
// What libc reads of its own tables is read before. Only minor faults are counted; a few more or less are the machine's.
#include <dlfcn.h>
#include <elf.h>
#include <err.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MOST 4096
#define WARM 16
#define ROOM 128

static char names[MOST + WARM][ROOM];
static const char *kind;
static void *libc;

static long
faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Reads all of libc's tables, and gathers what it defines. */
static unsigned int
gather(unsigned int count)
{
	const ElfW(Sym) *symbols = NULL;
	const char *strings = NULL;
	const struct link_map *l = libc;
	size_t size = 0;
	unsigned int n = 0;

	for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const void *)d->d_un.d_ptr;
		if (d->d_tag == DT_STRTAB)
			strings = (const void *)d->d_un.d_ptr;
		if (d->d_tag == DT_STRSZ)
			size = d->d_un.d_val;
	}
	/* From the object's first page to the end of its strings: hash tables, symbols, versions. */
	for (const char *p = (const char *)l->l_addr; p < strings + size + 65536; p += 4096)
		(void)*(const volatile char *)p;
	for (size_t i = 1; n < count + WARM && (const char *)&symbols[i] < strings; i++)
		if (symbols[i].st_shndx != SHN_UNDEF &&
		    ELF64_ST_TYPE(symbols[i].st_info) == STT_FUNC)
			snprintf(names[n++], ROOM, "%s%s", strings + symbols[i].st_name,
				 strcmp(kind, "long") == 0 ? "_that_nobody_has_with_so_many_letters"
							   : "");
	return n;
}

static void
ask(const char *name)
{
	if (strcmp(kind, "default") == 0)
		dlsym(RTLD_DEFAULT, name);
	else if (strcmp(kind, "next") == 0)
		dlsym(RTLD_NEXT, name);
	else if (strcmp(kind, "version") == 0)
		dlvsym(libc, name, "GLIBC_2.2.5");
	else
		dlsym(libc, name);
}

int
main(int argc, char **argv)
{
	unsigned int count = argc == 3 ? (unsigned int)atoi(argv[2]) : 0, n;
	long before;

	libc = dlopen("libc.so.6", RTLD_NOW);
	if (count == 0 || count > MOST || libc == NULL)
		errx(2, "usage: faults KIND COUNT");
	kind = argv[1];
	n = gather(count);
	if (n < count + WARM)
		errx(1, "libc has %u names only", n);
	for (unsigned int i = 0; i < WARM; i++)
		for (int times = 0; times < 4; times++)
			ask(names[i]);
	dlerror();
	before = faults();
	for (unsigned int i = WARM; i < n; i++)
		ask(names[i]);
	printf("%ld\n", faults() - before);
	return 0;
}
