// SPDX-License-Identifier: BSD-2-Clause
// symbolize.c: names and build id are of one object, whatever happens between the reading of the two.
#include "boot.h"
#include "unit.h"

#include "entry/symbolize.c"

#include "map/object.h"
#include <stdlib.h>
#include <string.h>

/* The phase is set here, by hand. */
bool
sf_prepare(void)
{
	return sf_phase == SF_PHASE_LIVE;
}

const char unit_name[] = "symbolize";

static struct sf_region *region;
static int (*libc_dladdr1)(const void *, Dl_info *, void **, int);
static enum { NOTHING, EXCHANGED, GONE, MOVED } between; /* libc's answer and ours */

/* The shim has no answer of its own, or the one that the region gives. */
static bool own_answer;

bool
sf_address_answer(struct sf_thread *t, const void *address, struct sf_location *l,
		  enum sf_counter cached, enum sf_counter indexed)
{
	(void)t;
	(void)cached;
	(void)indexed;
	if (!own_answer)
		return false;
	memset(l, 0, sizeof(*l));
	l->region = region;
	l->lifetime = region->lifetime;
	l->fname = "own";
	l->fbase = (uintptr_t)address - 16;
	if (between == EXCHANGED)
		region->lifetime += 2;
	return true;
}

int
sf_address_verify1(const void *address, Dl_info *info, void **extra, int flags,
		   enum sf_counter kind)
{
	(void)kind;
	return sf_next.dladdr1(address, info, extra, flags);
}

static int
slow_dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
	static struct link_map other;
	int result = libc_dladdr1(address, info, extra, flags);

	if (between == EXCHANGED) {
		region->lifetime += 2;
		memset(region->id, 'x', sizeof(region->id));
	} else if (between == GONE) {
		region->lifetime += 1;
	} else if (between == MOVED) {
		*extra = &other;
	}
	return result;
}

static void
begin(void)
{
	ck_assert(unit_boot());
	sf_object_init(sf_next.main, sf_next.tail);
	sf_region_init(1024, false);
	sf_address_init();
	sf_region_miss((const void *)strtol);
	region = sf_region_find(sf_next.libc);
	ck_assert(region != NULL && SF_REGION_ALIVE(region->lifetime) && region->id_size == 20);
	libc_dladdr1 = sf_next.dladdr1;
	sf_next.dladdr1 = slow_dladdr1;
	sf_phase = SF_PHASE_LIVE;
}

static struct symfast_symbol
symbol_of(void *address)
{
	struct symfast_symbol s;

	ck_assert_uint_eq(symfast_symbolize(&address, 1, &s, 0), 1);
	return s;
}

START_TEST(an_answer_of_libcs_gets_the_id_of_its_own_object)
{
	struct symfast_symbol s;
	Dl_info libc; /* one address has several names, and releases differ in which is first */

	begin();
	ck_assert(dladdr((void *)strtol, &libc) != 0);
	s = symbol_of((void *)strtol);
	ck_assert(s.build_id_size == 20 && memcmp(s.build_id, region->id, 20) == 0);
	for (between = EXCHANGED; between <= MOVED; between++) {
		uint32_t lifetime = region->lifetime;

		s = symbol_of((void *)strtol);
		ck_assert_str_eq(s.symbol, libc.dli_sname);
		ck_assert_msg(s.build_id_size == 0, "case %d", (int)between);
		region->lifetime = lifetime;
	}
}
END_TEST

START_TEST(so_does_an_answer_of_our_own)
{
	begin();
	own_answer = true;
	ck_assert_uint_eq(symbol_of((void *)strtol).build_id_size, 20);
	between = EXCHANGED;
	ck_assert_uint_eq(symbol_of((void *)strtol).build_id_size, 0);
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, an_answer_of_libcs_gets_the_id_of_its_own_object);
	tcase_add_test(tests, so_does_an_answer_of_our_own);
}
