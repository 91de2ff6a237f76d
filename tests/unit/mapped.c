// SPDX-License-Identifier: BSD-2-Clause
// mapped.c: the table of objects by address, held to libc's own answers; no shim is preloaded here. The library's parts
// are told to behave as on a libc without _dl_find_object (C57).
#include "unit.h"

#include "libc/changes.h"
#include "libc/mapped.h"
#include "../lib/find_object.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

const char unit_name[] = "mapped";

/* See sf_next_as_old(). */
extern const char sf_next_wanted_old[], sf_next_wanted_unchained[];
const char sf_next_wanted_old[1], sf_next_wanted_unchained[1];

static const char *const files[] = {"libBrokenLocale.so.1", "libanl.so.1", "libutil.so.1",
				    "libresolv.so.2",       "libnsl.so.1", "libthread_db.so.1"};
#define FILES COUNT_OF(files)

static void
start(void)
{
	const char *why;

	ck_assert(sf_next_boot());
	why = sf_mapped_init();
	if (why != NULL)
		ck_abort_msg("refused: %s", why);
	ck_assert(sf_mapped_is_own());
	ck_assert(sf_next.find_object == sf_mapped_find);
	if (!sf_changes_init())
		ck_abort_msg("refused: %s", sf_changes_refusal());
	sf_mapped_begin();
}

/* ---- sorting and searching ---- */

START_TEST(what_is_sorted_is_found)
{
	static struct sf_mapped_span spans[4096];
	static const uint32_t sizes[] = {0, 1, 2, 3, 4, 7, 8, 100, 1000, 4096};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		uint32_t n = sizes[i];

		for (uint32_t k = 0; k < n; k++) {
			uintptr_t at = 4096 + (uintptr_t)(k * 7919u % n) * 64;

			spans[k] = (struct sf_mapped_span){at, at + 32 + k % 33, NULL, NULL};
		}
		sf_mapped_sort(spans, n);
		for (uint32_t k = 1; k < n; k++)
			ck_assert_uint_lt(spans[k - 1].start, spans[k].start);
		for (uintptr_t at = 4000; at < 4096 + n * 64 + 100; at++) {
			const struct sf_mapped_span *found = sf_mapped_search(spans, n, at),
						    *right = NULL;
			uintptr_t k = (at - 4096) / 64;

			if (at >= 4096 && k < n && at < spans[k].end)
				right = &spans[k];
			ck_assert_ptr_eq(found, right);
		}
	}
}
END_TEST

/* ---- held to libc ---- */

static unsigned long compared, inside;

/* What libc says of the address, by its own function of both: dladdr, which takes the lock. */
static const struct link_map *
libc_says(uintptr_t address)
{
	Dl_info info;
	void *map = NULL;

	return dladdr1((void *)address, &info, &map, RTLD_DL_LINKMAP) != 0 ? map : NULL;
}

static void
compare(uintptr_t address)
{
	const struct link_map *right = libc_says(address);
	struct dl_find_object own, libc;
	int result = sf_mapped_find((void *)address, &own);

	compared++;
	inside += right != NULL;
	/* Of a page that one of the kernel's segments covers in part libc counts that part: the page is the object's all the same. */
	if (right == NULL && result == 0) {
		ck_assert(own.dlfo_link_map == sf_next.main ||
			  own.dlfo_link_map->l_addr == sf_next.debug->r_ldbase);
		ck_assert(libc_says(address | 4095) == own.dlfo_link_map ||
			  libc_says(address & ~4095ul) == own.dlfo_link_map);
		return;
	}
	ck_assert_msg(result == (right != NULL ? 0 : -1), "%#lx: %d, libc: %s", address, result,
		      right != NULL ? right->l_name : "none");
	if (right == NULL)
		return;
	ck_assert_msg(own.dlfo_link_map == right, "%#lx: %s, libc: %s", address,
		      own.dlfo_link_map->l_name, right->l_name);
	ck_assert_uint_le((uintptr_t)own.dlfo_map_start, address);
	ck_assert_uint_gt((uintptr_t)own.dlfo_map_end, address);
	if (_dl_find_object((void *)address, &libc) == 0 && right != sf_next.main &&
	    right->l_addr != sf_next.debug->r_ldbase) {
		ck_assert_ptr_eq(own.dlfo_map_start, libc.dlfo_map_start);
		ck_assert_ptr_eq(own.dlfo_map_end, libc.dlfo_map_end);
	}
#ifdef DLFO_STRUCT_HAS_EH_DBASE
	ck_assert_ptr_eq(own.dlfo_eh_frame, libc.dlfo_eh_frame);
#endif
}

/* Each mapping of the process, its edges, and places in it; and the middle of what lies between them. */
static void
compare_all(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	uintptr_t last = 0, from, to;
	char line[400];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		ck_assert_int_eq(sscanf(line, "%lx-%lx", &from, &to), 2);
		compare(last + (from - last) / 2);
		for (int i = -2; i <= 2; i++) {
			compare(from + (uintptr_t)(intptr_t)i);
			compare(to + (uintptr_t)(intptr_t)i);
		}
		for (uintptr_t at = from; at < to && at - from < 8u << 20; at += 1021)
			compare(at);
		last = to;
	}
	fclose(maps);
}

static int
compare_edges(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		for (int k = -1; k <= 1; k++) {
			compare(at + (uintptr_t)(intptr_t)k);
			compare(at + info->dlpi_phdr[i].p_memsz + (uintptr_t)(intptr_t)k);
		}
	}
	return 0;
}

START_TEST(each_address_is_in_the_object_that_libc_names)
{
	void *handles[FILES];

	start();
	for (int turn = 0; turn < 3; turn++) {
		compare_all();
		dl_iterate_phdr(compare_edges, NULL);
		for (size_t i = 0; i < FILES; i++)
			handles[i] = dlopen(files[i], RTLD_NOW);
		compare_all();
		dl_iterate_phdr(compare_edges, NULL);
		for (size_t i = 0; i < FILES; i += 2)
			if (handles[i] != NULL)
				dlclose(handles[i]);
		compare_all();
		for (size_t i = 1; i < FILES; i += 2)
			if (handles[i] != NULL)
				dlclose(handles[i]);
	}
	ck_assert_uint_gt(compared, 10000);
	ck_assert_uint_gt(inside, 5000);
}
END_TEST

/* What was closed is not found by the thread that closed it, also not where the next one comes to lie. */
START_TEST(nothing_stale_is_found)
{
	struct dl_find_object found;

	start();
	for (int i = 0; i < 200; i++) {
		struct link_map *l = dlopen(files[(size_t)i % FILES], RTLD_NOW);
		void *at;

		if (l == NULL)
			continue;
		at = l->l_ld;
		ck_assert_int_eq(sf_mapped_find(at, &found), 0);
		ck_assert_ptr_eq(found.dlfo_link_map, l);
		dlclose(l);
		ck_assert_int_eq(sf_mapped_find(at, &found), libc_says((uintptr_t)at) ? 0 : -1);
	}
}
END_TEST

/* ---- while objects come and go ---- */

/* One object at a time is open, while `turn` is odd; `where` is its dynamic section. */
static _Atomic(uintptr_t) where, whose;
static atomic_ulong turn;
static atomic_ulong asked, answered, unsure, wrong;
static atomic_bool over;

static void
ask(void)
{
	unsigned long now = atomic_load(&turn);
	uintptr_t at = atomic_load(&where), map = atomic_load(&whose);
	struct dl_find_object found;
	int result;

	atomic_fetch_add(&asked, 1);
	if (sf_mapped_find((void *)(uintptr_t)strtol, &found) != 0 ||
	    found.dlfo_link_map != sf_next.libc)
		atomic_fetch_add(&wrong, 1);
	if (now % 2 == 0)
		return;
	result = sf_mapped_find((void *)at, &found);
	if (result == SF_MAPPED_UNSURE)
		atomic_fetch_add(&unsure, 1);
	else if (result == 0 && (uintptr_t)found.dlfo_link_map == map)
		atomic_fetch_add(&answered, 1);
	else if (atomic_load(&turn) == now) /* else that object may be gone by now */
		atomic_fetch_add(&wrong, 1);
}

static void
on_alarm(int number)
{
	(void)number;
	ask();
}

static void *
asks(void *unused)
{
	while (!atomic_load(&over))
		ask();
	return unused;
}

static void
churn(int turns)
{
	for (int i = 0; i < turns; i++) {
		struct link_map *l = dlopen(files[(size_t)i % FILES], RTLD_NOW);

		if (l == NULL)
			continue;
		atomic_store(&whose, (uintptr_t)l);
		atomic_store(&where, (uintptr_t)l->l_ld);
		atomic_fetch_add(&turn, 1);
		ask();
		atomic_fetch_add(&turn, 1);
		dlclose(l);
	}
}

static void
child_goes_on(void)
{
	int status;

	if (fork() == 0) {
		sf_changes_forked();
		churn(5);
		_exit(atomic_load(&wrong) == 0 ? 0 : 1);
	}
	ck_assert_int_ne(wait(&status), -1);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

START_TEST(no_answer_is_wrong_while_objects_come_and_go)
{
	const struct itimerval every = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t thread;

	start();
	sigaction(SIGALRM, &action, NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, asks, NULL), 0);
	setitimer(ITIMER_REAL, &every, NULL);
	churn(600);
	setitimer(ITIMER_REAL, &never, NULL);
	for (int i = 0; i < 5; i++)
		child_goes_on();
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(atomic_load(&wrong), 0);
	ck_assert_uint_gt(atomic_load(&answered), 100);
}
END_TEST

/* ---- while a change is under way ---- */

static struct link_map *kept;
static int seen_inside[8], seen_beside[8], moves;

static void *
asks_once(void *result)
{
	struct dl_find_object found;

	*(int *)result = sf_mapped_find(kept->l_ld, &found);
	if (sf_mapped_find((void *)(uintptr_t)strtol, &found) != 0)
		*(int *)result = 100;
	return NULL;
}

/* ld.so's notice: its own thread may ask, as what ends with the change must; another one not. */
static void
note_move(bool settled)
{
	pthread_t beside;

	(void)settled;
	if (moves == 8)
		return;
	asks_once(&seen_inside[moves]);
	ck_assert_int_eq(pthread_create(&beside, NULL, asks_once, &seen_beside[moves]), 0);
	pthread_join(beside, NULL);
	moves++;
}

START_TEST(while_a_change_is_under_way_only_the_start_is_known)
{
	struct dl_find_object found;
	uint64_t count;
	void *other;

	start();
	kept = dlopen(files[0], RTLD_NOW);
	ck_assert_ptr_nonnull(kept);
	sf_changes_on_move(note_move);
	other = dlopen(files[1], RTLD_NOW);
	ck_assert_ptr_nonnull(other);
	dlclose(other);
	ck_assert_int_ge(moves, 2);
	for (int i = 0; i < moves; i++) {
		ck_assert_int_eq(seen_inside[i], 0);
		ck_assert_int_eq(seen_beside[i], SF_MAPPED_UNSURE);
	}
	count = sf_changes.count;
	ck_assert_int_eq(sf_mapped_find(kept->l_ld, &found), 0);
	sf_changes.count = count | 1;
	ck_assert_int_eq(sf_mapped_find(kept->l_ld, &found), SF_MAPPED_UNSURE);
	sf_changes.count = count;
	ck_assert_int_eq(sf_mapped_find(kept->l_ld, &found), 0);
}
END_TEST

/* ---- other namespaces ---- */

START_TEST(an_address_in_another_namespace_is_left_to_libc)
{
	struct dl_find_object found;
	struct link_map *l;

	start();
	ck_assert(!sf_changes_has_namespaces());
	l = dlmopen(LM_ID_NEWLM, files[0], RTLD_NOW);
	ck_assert_ptr_nonnull(l);
	ck_assert_uint_eq(sf_changes.spaces, 1);
	ck_assert(sf_changes_has_namespaces());
	ck_assert_int_eq(sf_mapped_find(l->l_ld, &found), SF_MAPPED_UNSURE);
	ck_assert_int_eq(sf_mapped_find((void *)(uintptr_t)strtol, &found), 0);
	ck_assert(sf_changes_settled(sf_changes_count()));
	ck_assert_uint_eq(sf_changes.blind, 0);
	dlclose(l);
}
END_TEST

/* More later objects than there is room for, or a list that is not libc's: nothing is said of them. */
START_TEST(without_the_breakpoint_only_the_start_is_known)
{
	struct dl_find_object found;
	struct link_map *l;

	ck_assert(sf_next_boot());
	ck_assert_ptr_null(sf_mapped_init());
	l = dlopen(files[0], RTLD_NOW);
	ck_assert_ptr_nonnull(l);
	ck_assert_int_eq(sf_mapped_find(l->l_ld, &found), SF_MAPPED_UNSURE);
	ck_assert_int_eq(sf_mapped_find((void *)(uintptr_t)strtol, &found), 0);
	ck_assert_ptr_eq(found.dlfo_link_map, sf_next.libc);
	ck_assert_int_eq(sf_mapped_find((void *)1, &found), SF_MAPPED_UNSURE);
	dlclose(l);
}
END_TEST
void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, what_is_sorted_is_found);
	tcase_add_test(tests, each_address_is_in_the_object_that_libc_names);
	tcase_add_test(tests, nothing_stale_is_found);
	tcase_add_test(tests, no_answer_is_wrong_while_objects_come_and_go);
	tcase_add_test(tests, while_a_change_is_under_way_only_the_start_is_known);
	tcase_add_test(tests, an_address_in_another_namespace_is_left_to_libc);
	tcase_add_test(tests, without_the_breakpoint_only_the_start_is_known);
}
