// SPDX-License-Identifier: BSD-2-Clause
// cell_number.c: the sequence number of a cell, from memory that was never written on.
#include "unit.h"

#include "map/cell.c"

const char unit_name[] = "cell_number";

/* The number that a reader makes of an even one is never one that a later writing ends with. */
START_TEST(numbers_of_cells_that_are_written)
{
	struct sf_cell c = {.seq = 0};
	uint32_t seen[64], n = 0;

	for (uint32_t writings = 0; writings < 16; writings++) {
		seen[n++] = sf_cell_seq(&c);
		cell_begin_locked(&c);
		ck_assert(!sf_cell_whole(&c, sf_cell_seq(&c)));
		if (writings % 5 == 3)
			cell_begin_locked(&c); /* of a writer that did not come with us over fork */
		seen[n++] = sf_cell_seq(&c);
		cell_end_locked(&c);
		ck_assert(sf_cell_whole(&c, sf_cell_seq(&c)));
		for (uint32_t i = 0; i < n; i++)
			ck_assert(!sf_cell_whole(&c, seen[i]));
	}
}
END_TEST

void
unit_tests(TCase *tests)
{
	tcase_add_test(tests, numbers_of_cells_that_are_written);
}
