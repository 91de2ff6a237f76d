// SPDX-License-Identifier: BSD-2-Clause
// libc.c: next definitions, facts about objects, libc's pending error; no shim is preloaded here.
#include "boot.h"
#include "unit.h"

#include "base/sys.h"
#include "libc/initial.h"
#include "libc/patched.h"
#include "libc/wording.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char unit_name[] = "libc";

START_TEST(next_definitions_are_libcs)
{
	void *found;

	ck_assert(unit_boot());
	ck_assert(unit_boot()); /* idempotent */
#define X(name, ret, params) ck_assert_ptr_eq((void *)sf_next.own.name, dlsym(RTLD_DEFAULT, #name));
	SF_NEXT_LIST(X)
#undef X
	found = dlsym(RTLD_DEFAULT, "_dl_find_object");
	ck_assert_ptr_eq((void *)sf_next.find_object,
			 found != NULL ? found : (void *)sf_mapped_find);
	ck_assert_ptr_eq((void *)sf_next.iterate_phdr, dlsym(RTLD_DEFAULT, "dl_iterate_phdr"));
	ck_assert_ptr_eq(sf_next.main, dlopen(NULL, RTLD_NOW));
	ck_assert_ptr_eq(sf_next.self, sf_next.main);
	ck_assert_ptr_nonnull(strstr(sf_next.libc->l_name, "libc.so.6"));
	ck_assert_ptr_null(sf_next.tail->l_next);
	ck_assert(!sf_next.interposed);
}
END_TEST

START_TEST(which_object_covers_an_address)
{
	struct link_map *l;
	uintptr_t lo, hi;
	void *outside;

	ck_assert(unit_boot());
	ck_assert(sf_facts_object((void *)strtod, &l, &lo, &hi));
	ck_assert_ptr_eq(l, sf_next.libc);
	ck_assert((uintptr_t)strtod >= lo && (uintptr_t)strtod < hi);
	ck_assert(sf_facts_object((void *)&unit_name, &l, &lo, &hi) && l == sf_next.main);
	outside = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(!sf_facts_object(outside, &l, &lo, &hi));
	ck_assert(!sf_facts_object(NULL, &l, &lo, &hi));
}
END_TEST

START_TEST(live_link_maps)
{
	struct link_map fake;

	ck_assert(unit_boot());
	ck_assert(sf_facts_live(sf_next.main) && sf_facts_live(sf_next.libc));
	fake = *sf_next.libc;
	ck_assert(!sf_facts_live(&fake));
	memset(&fake, 0, sizeof(fake));
	ck_assert(!sf_facts_live(&fake));
}
END_TEST

START_TEST(search_paths_of_callers)
{
	static ElfW(Dyn)
		runpath[] = {{DT_SYMTAB, {8}}, {DT_STRTAB, {8}}, {DT_RUNPATH, {1}}, {DT_NULL, {0}}};
	struct link_map own = {.l_addr = 0, .l_ld = runpath};

	ck_assert(unit_boot());
	sf_facts_search_init();
	ck_assert(sf_facts_searches_alike(sf_next.libc));
	ck_assert(sf_facts_searches_alike(NULL));
	ck_assert(!sf_facts_searches_alike(&own));
}
END_TEST

START_TEST(names_that_are_special_in_the_initial_set)
{
	struct sf_initial_name of;

	ck_assert(unit_boot());
	of = sf_initial_name("strtod");
	ck_assert(!of.special && of.plain && !of.unsure);
	of = sf_initial_name("no_such_symbol");
	ck_assert(!of.special && !of.plain && !of.unsure);
	ck_assert(sf_initial_name("errno").special);
	ck_assert(sf_facts_searches_initial_only(sf_next.main, true));
}
END_TEST

START_TEST(what_filters_bring_along)
{
	static ElfW(Dyn)
		filter[] = {{DT_SYMTAB, {8}}, {DT_STRTAB, {8}}, {DT_FILTER, {1}}, {DT_NULL, {0}}};
	static ElfW(Dyn) plain[] = {{DT_SYMTAB, {8}}, {DT_STRTAB, {8}}, {DT_NULL, {0}}};
	struct link_map own = {.l_addr = 0, .l_ld = filter};
	struct link_map other = {.l_addr = 0, .l_ld = plain};

	ck_assert(unit_boot());
	ck_assert(sf_facts_searches_initial_only(&other, false));
	ck_assert(!sf_facts_searches_initial_only(&own, false));
	filter[2].d_tag = DT_AUXILIARY;
	ck_assert(!sf_facts_searches_initial_only(&own, true));
	/* One of the initial set, whose filtee a later load may find, stands for all. */
	own.l_next = sf_next.main;
	sf_next.main = &own;
	sf_facts_search_init();
	ck_assert(!sf_facts_searches_initial_only(&other, false));
}
END_TEST

/* What ld.so was told: empty counts for LD_DYNAMIC_WEAK, whose presence is enough for it. */
START_TEST(what_the_loader_was_told)
{
	static const struct {
		const char *entry, *said;
	} rows[] = {
		{"LD_DYNAMIC_WEAK=1", "LD_DYNAMIC_WEAK"},
		{"LD_DYNAMIC_WEAK=", "LD_DYNAMIC_WEAK"},
		{"LD_DYNAMIC_WEAK", NULL},
		{"LD_DYNAMIC_WEAKER=1", NULL},
		{"LD_DEBUG=libs", "LD_DEBUG"},
		{"LD_DEBUG=", NULL},
		{"LD_DEBUG_OUTPUT=/tmp/x", NULL},
		{"XLD_DEBUG=libs", NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *envp[] = {(char[]){"A=B"}, (char *)(uintptr_t)rows[i].entry, NULL};
		const char *said = sf_facts_loader_asked(envp);

		ck_assert(rows[i].said == NULL ? said == NULL
					       : said != NULL && strcmp(said, rows[i].said) == 0);
	}
	ck_assert_ptr_null(sf_facts_loader_asked(NULL));
}
END_TEST

START_TEST(next_of_a_caller_in_front_of_us)
{
	ck_assert(unit_boot());
	/* This program is the "shim" itself: nobody is in front of it. */
	ck_assert(sf_facts_next_is_raw((void *)strtod));
	ck_assert(sf_facts_next_is_raw(NULL));
	sf_next.self = sf_next.tail;
	ck_assert(!sf_facts_next_is_raw((void *)&unit_name));
	sf_next.self = NULL;
	ck_assert(!sf_facts_next_is_raw((void *)strtod));
}
END_TEST

START_TEST(raw_functions)
{
	ck_assert(unit_boot());
#define X(name, ret, params) ck_assert(sf_facts_is_raw((void *)sf_next.own.name));
	SF_NEXT_LIST(X)
#undef X
	ck_assert(!sf_facts_is_raw((void *)strtod));
	ck_assert(!sf_facts_is_raw(NULL));
}
END_TEST

/* By the calls of our own: before glibc 2.34 those alone note that an error may be pending. */
static void *
other_threads_error(void *arg)
{
	(void)arg;
	ck_assert(!sf_facts_error_pending());
	ck_assert_ptr_null(sf_next.dlsym(RTLD_DEFAULT, "no_such_symbol"));
	ck_assert(sf_facts_error_pending());
	return NULL;
}

START_TEST(libcs_pending_error)
{
	pthread_t thread;

	ck_assert(unit_boot());
	ck_assert(sf_facts_error_init());
	ck_assert(!sf_facts_error_pending());
	ck_assert_ptr_null(sf_next.dlsym(RTLD_DEFAULT, "no_such_symbol"));
	ck_assert(sf_facts_error_pending());
	ck_assert_ptr_nonnull(sf_next.dlerror());
	ck_assert_ptr_null(sf_next.dlerror());
	ck_assert(!sf_facts_error_pending());
	ck_assert_ptr_null(sf_next.dlsym(RTLD_DEFAULT, "no_such_symbol"));
	sf_facts_error_clear();
	ck_assert(!sf_facts_error_pending());
	ck_assert_ptr_null(sf_next.dlerror());
	pthread_create(&thread, NULL, other_threads_error, NULL);
	pthread_join(thread, NULL);
	ck_assert(!sf_facts_error_pending());
}
END_TEST

/* The pieces of text that code refers to, each alone and all kinds of them together. */
START_TEST(wording_by_the_pieces)
{
#ifdef __x86_64__
	static struct {
		uint8_t code[64];
		char text[32];
	} m = {.text = ")\0(\0) \0() \0(nil)"};
	static const struct {
		int at[3];
		enum sf_wording want;
	} rows[] = {{{0, 2, -1}, SF_WORDING_CLOSE},    {{4, 7, 2}, SF_WORDING_SPACE},
		    {{4, 2, -1}, SF_WORDING_UNKNOWN},  {{7, -1, -1}, SF_WORDING_UNKNOWN},
		    {{0, 4, 7}, SF_WORDING_UNKNOWN},   {{2, -1, -1}, SF_WORDING_UNKNOWN},
		    {{-1, -1, -1}, SF_WORDING_UNKNOWN}};
	struct sf_segment all = {(uintptr_t)&m, (uintptr_t)(&m + 1)}, none = {1, 2};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		memset(m.code, 0x90, sizeof(m.code));
		for (size_t k = 0; k < 3; k++) {
			uint8_t *p = m.code + 3 + 17 * k;
			int32_t away = (int32_t)(m.text + rows[i].at[k] - (char *)p - 7);

			if (rows[i].at[k] < 0)
				continue;
			p[0] = k == 1 ? 0x4c : 0x48;
			p[1] = 0x8d;
			p[2] = (uint8_t)(0x05 | k << 3);
			memcpy(p + 3, &away, 4);
		}
		ck_assert_int_eq(sf_wording_of(m.code, sizeof(m.code), &all, 1), rows[i].want);
		ck_assert_int_eq(sf_wording_of(m.code, sizeof(m.code), &none, 1),
				 SF_WORDING_UNKNOWN);
	}
#endif
}
END_TEST

/* ---- in-place hooks ---- */

/* Where a jump leads: so far from its first byte, nowhere that is known, or it is none. */
#define UNKNOWN INT64_MIN
#define NO_JUMP INT64_MAX
#ifdef __x86_64__
static const struct {
	uint8_t code[32];
	int64_t to;
} hooks[] = {
	{{0xe9, 0x10, 0, 0, 0}, 0x15},
	{{0xf3, 0x0f, 0x1e, 0xfa, 0xe9, 0xf0, 0xff, 0xff, 0xff}, -7},
	{{0xeb, 0x7e}, 0x80},
	{{0xcc}, UNKNOWN},
	{{0x55, 0x48, 0x89, 0xe5}, NO_JUMP},
	{{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xc3}, NO_JUMP},
};
#else
static const struct {
	uint32_t code[8];
	int64_t to;
} hooks[] = {
	{{0x14000004}, 16},
	{{0xd503245f, 0x17ffffff}, 0},                          /* bti c, b */
	{{0xd503201f, 0x14000001}, 8},                          /* nop, b */
	{{0xd4200000}, UNKNOWN},                                /* brk #0: a debugger */
	{{0xd503245f, 0xd42000a0}, UNKNOWN},                    /* brk #5: a uprobe */
	{{0x58000050, 0xd61f0200, 0x89abcdef, 0}, -1},          /* ldr x16, #8; br x16 */
	{{0xd503201f, 0x58000051, 0xd61f0220, 0x89abcdef}, -1}, /* nop; ldr x17, #8; br x17 */
	{{0x58000050, 0xd61f0220}, NO_JUMP},                    /* br of another register */
	{{0xb0000010, 0xd61f0200}, 0x1000},                     /* adrp x16, next page; br x16 */
	{{0xb0000011, 0x91004231, 0xd61f0220}, 0x1010},         /* with an add */
	{{0xb0000011, 0x91004230, 0xd61f0220}, NO_JUMP},        /* to another register */
	{{0xb0000000, 0xf9400000, 0xd61f0000}, NO_JUMP},        /* a load: libc's own code */
	{{0xd299bdf0, 0xf2b13570, 0xd61f0200}, -1},             /* movz, movk; br */
	{{0xd2800000, 0xd65f03c0}, NO_JUMP},                    /* mov x0, #0; ret */
	{{0xd503233f, 0xa9bf7bfd}, NO_JUMP},                    /* paciasp, stp */
	{{0x94000004}, NO_JUMP},                                /* bl */
};
#endif

START_TEST(what_hooks_look_like)
{
	char *code = (char *)mmap(NULL, 2 * SF_SYS_PAGE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < COUNT_OF(hooks); i++) {
		const void *to;
		bool jumps;

		memcpy(code, hooks[i].code, sizeof(hooks[i].code));
		jumps = sf_patched_jumps((uint8_t *)code, &to);
		ck_assert_msg(jumps == (hooks[i].to != NO_JUMP), "row %zu", i);
		if (jumps && hooks[i].to == UNKNOWN)
			ck_assert_ptr_null(to);
		else if (jumps && hooks[i].to == -1)
			ck_assert_msg((uintptr_t)to == 0x89abcdef, "row %zu: %p", i, to);
		else if (jumps)
			ck_assert_msg((char *)to - code == hooks[i].to, "row %zu: %p", i, to);
	}
}
END_TEST

/* This machine's libc does as its code says. */
START_TEST(wording_of_this_libc)
{
	void *at = (char *)dlsym(RTLD_DEFAULT, "qsort") + 3;
	char text[512] = "";
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	backtrace_symbols_fd(&at, 1, ends[1]);
	ck_assert_int_gt(read(ends[0], text, sizeof(text) - 1), 0);
	ck_assert(unit_boot());
	ck_assert_int_eq(sf_wording_libc(),
			 strstr(text, ") [") != NULL ? SF_WORDING_SPACE : SF_WORDING_CLOSE);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, next_definitions_are_libcs);
	tcase_add_test(tests, which_object_covers_an_address);
	tcase_add_test(tests, live_link_maps);
	tcase_add_test(tests, search_paths_of_callers);
	tcase_add_test(tests, names_that_are_special_in_the_initial_set);
	tcase_add_test(tests, what_filters_bring_along);
	tcase_add_test(tests, what_the_loader_was_told);
	tcase_add_test(tests, next_of_a_caller_in_front_of_us);
	tcase_add_test(tests, raw_functions);
	tcase_add_test(tests, libcs_pending_error);
	tcase_add_test(tests, what_hooks_look_like);
	tcase_add_test(tests, wording_by_the_pieces);
	tcase_add_test(tests, wording_of_this_libc);
}
