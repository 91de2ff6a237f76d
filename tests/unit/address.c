// SPDX-License-Identifier: BSD-2-Clause
// address.c: the address cache: what it keeps, what it says, and when it stops to say it.
#include "unit.h"

#include "map/address.h"

const char unit_name[] = "address";

#define START 0x7f1200000000ull
#define SIZE  (100u << 20)
#define HOT   1024

static const char names[] = "\0one";
static struct sf_region *region;

static void
begin(void)
{
	sf_region_init(1024, false);
	sf_address_init();
	region = &sf_regions[7];
	region->start = START;
	region->size = SIZE;
	region->strtab = names;
	region->symtab = NULL;
	region->own_name = "object";
	region->fname = &region->own_name;
	region->lifetime = 5;
}

/* As dladdr does: a miss asks the index and keeps. */
static bool
ask(uintptr_t address, uint32_t start)
{
	struct sf_location l;

	if (sf_address_cached(address, &l)) {
		ck_assert(l.region == region && l.fbase == START && l.saddr == START + start);
		ck_assert(l.sname == names + 1 && l.fname == region->own_name);
		ck_assert_ptr_eq(l.symbol, (const ElfW(Sym) *)NULL + 3);
		return true;
	}
	l = (struct sf_location){
		.region = region, .lifetime = region->lifetime, .named = {3, 1, start}};
	if (SF_REGION_ALIVE(l.lifetime))
		sf_address_keep(address, &l);
	return false;
}

/* A thousand addresses, as a profiler has: one left out at each round would be a percentile's worth. */
START_TEST(a_thousand_hot_addresses_have_room)
{
	uint32_t hot[HOT];
	unsigned int hits = 0;

	begin();
	for (int i = 0; i < HOT; i++)
		hot[i] = (uint32_t)(unit_random() % SIZE);
	for (int round = 0; round < 8; round++) {
		hits = 0;
		for (int i = 0; i < HOT; i++)
			hits += ask(START + hot[i], hot[i] & ~15u);
		ck_assert(round != 0 || hits == 0);
	}
	ck_assert_msg(hits >= HOT - 2, "%u of %u", hits, HOT);
}
END_TEST

START_TEST(an_address_enters_at_its_second_sighting)
{
	begin();
	ck_assert(!ask(START + 100, 96));
	ck_assert(!ask(START + 100, 96));
	ck_assert(ask(START + 100, 96));
}
END_TEST

START_TEST(nothing_outlives_its_region)
{
	begin();
	for (int i = 0; i < 3; i++)
		ask(START + 100, 96);
	region->lifetime++; /* gone */
	ck_assert(!ask(START + 100, 96));
	region->lifetime++; /* another object */
	ck_assert(!ask(START + 100, 32));
	ck_assert(ask(START + 100, 32));
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, a_thousand_hot_addresses_have_room);
	tcase_add_test(tests, an_address_enters_at_its_second_sighting);
	tcase_add_test(tests, nothing_outlives_its_region);
}
