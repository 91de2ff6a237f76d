// SPDX-License-Identifier: BSD-2-Clause
// dynamic.c: dynamic sections of random tags, sf_elf_open against a reading of its own.
#include "fuzz.h"

#include "image/elf.h"
#include <string.h>

#define ROUNDS 4000000
#define TAGS   12

static const ElfW(Sxword) tags[] = {DT_SYMTAB,  DT_STRTAB,   DT_GNU_HASH, DT_VERSYM,
				    DT_SONAME,  DT_SYMBOLIC, DT_FLAGS,    DT_RPATH,
				    DT_RUNPATH, DT_FLAGS_1,  DT_NEEDED,   DT_HASH,
				    DT_DEBUG,   0x6ffffeff,  0x7fffffff,  -1};

/* Its sizes are read where it is the only table: ld.so has read them, too. */
static const uint32_t hash[] = {1, 1, 0, 0};

int
main(void)
{
	unsigned long opened = 0;

	fuzz_start();
	for (unsigned long round = 0; round < ROUNDS; round++) {
		ElfW(Dyn) d[TAGS + 1];
		uint64_t n = fuzz_below(TAGS + 1);
		bool symtab = false, strtab = false, symbolic = false, rpath = false;
		struct sf_elf e;

		for (uint64_t i = 0; i < n; i++) {
			d[i].d_tag = tags[fuzz_below(sizeof(tags) / sizeof(tags[0]))];
			d[i].d_un.d_val = fuzz_next() >> fuzz_below(64) | 4;
			if (d[i].d_tag == DT_HASH)
				d[i].d_un.d_ptr = (uintptr_t)hash;
			symtab |= d[i].d_tag == DT_SYMTAB;
			strtab |= d[i].d_tag == DT_STRTAB;
			rpath |= d[i].d_tag == DT_RPATH;
			symbolic |= d[i].d_tag == DT_SYMBOLIC ||
				    (d[i].d_tag == DT_FLAGS && (d[i].d_un.d_val & DF_SYMBOLIC));
		}
		d[n].d_tag = DT_NULL;
		FUZZ_DEMAND(sf_elf_open(&e, 0x400000, d) == (symtab && strtab), "open", round);
		if (!symtab || !strtab)
			continue;
		opened++;
		FUZZ_DEMAND(e.symbolic == symbolic && e.rpath == rpath, "flags", round);
	}
	printf("%d sections: %lu with symbols\n", ROUNDS, opened);
	return opened > ROUNDS / 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
