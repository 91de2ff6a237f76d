// SPDX-License-Identifier: BSD-2-Clause
// layout.c: see layout.h.
#include "layout.h"

#include "../base/sys.h"
#include "cell.h"
#include "table.h"

#define PIECE 4096u /* where the arrays begin; only the entries need a page of the kernel */

struct sf_table sf_table;

static uint8_t growing; /* entries are not writable all at once */

SF_START static size_t
layout_power_below(size_t n)
{
	size_t p = 1;

	while (p * 2 <= n)
		p *= 2;
	return p;
}

SF_START void
sf_layout_grow(void)
{
	growing = 1;
}

/* What the arrays begin with. */
#define INDEX_FIRST      64u  /* sets of 64 bytes: a page */
#define DOORKEEPER_FIRST 512u /* words */
#define CELLS_FIRST      256u /* sets of 128 bytes */

SF_START static struct sf_layout_size
layout_size(size_t most, uint32_t first)
{
	uint32_t m = (uint32_t)most;

	return (struct sf_layout_size){.sets = m < first ? m : first, .most = m};
}

SF_START bool
sf_layout_reserve(unsigned int kib)
{
	size_t total = (size_t)kib * 1024;
	size_t index = layout_power_below(total / 16), doorkeeper = layout_power_below(total / 256);
	size_t cells = layout_power_below(total / 32) / (SF_CELL_WAYS * sizeof(struct sf_cell));
	size_t cell_bytes = (SF_CELL_BYTES(cells) + PIECE - 1) & ~(size_t)(PIECE - 1);
	size_t before = index + doorkeeper + cell_bytes, entries = total - before, map;
	char *p;

	map = sf_sys_page_up(before + entries / SF_SLAB) - before;
	sf_table.slabs = (uint32_t)((entries - map) / SF_SLAB) - SF_SLABS_PAD;
	p = sf_sys_map_uncounted(total);
	if (p == NULL)
		return false;
	sf_table.index = (uint64_t *)(void *)p;
	sf_table.index_size = layout_size(index / (SF_TABLE_WAYS * sizeof(uint64_t)), INDEX_FIRST);
	sf_table.index_mask = sf_table.index_size.sets - 1;
	p += index;
	sf_table.cells_size = layout_size(cells, CELLS_FIRST);
	sf_table.cells = (struct sf_cell *)(void *)(p + SF_CELL_HEADER);
	p += cell_bytes;
	sf_table.doorkeeper = (uint64_t *)(void *)p;
	sf_table.doorkeeper_size = layout_size(doorkeeper / sizeof(uint64_t), DOORKEEPER_FIRST);
	sf_table.doorkeeper_mask = sf_table.doorkeeper_size.sets - 1;
	p += doorkeeper;
	sf_table.slab_class = (uint8_t *)p;
	p += map;
	sf_table.entries = p;
	sf_table.slabs_open = sf_table.slabs;
	if (growing && (uintptr_t)p % SF_SYS_PAGE == 0 &&
	    sf_sys_close(p, (size_t)(sf_table.slabs + SF_SLABS_PAD) * SF_SLAB))
		sf_table.slabs_open = 0;
	sf_table.seed = sf_sys_random();
	/* Entry 0 means "none" in every slot. */
	sf_table.slabs_used = 1;
	return true;
}

static void
layout_write_masks(void)
{
	sf_cell_table((char *)sf_table.cells - SF_CELL_HEADER, sf_table.cells_size.sets);
	sf_store_64(&sf_table.doorkeeper_mask, sf_table.doorkeeper_size.sets - 1);
}

/* A reader finds the old size or the new one: with either a set is a set. */
void
sf_layout_open(void)
{
	if (sf_cell_mask(sf_table.cells) == 0)
		layout_write_masks();
}

/* Two threads that come at once make the same of it, or one of them a step more. */
void
sf_layout_lost(struct sf_layout_size *size)
{
	uint32_t lost = sf_load_32(&size->lost) + 1;

	sf_store_32(&size->lost, lost);
	if (lost <= sf_load_32(&size->sets) / 4 || sf_cell_mask(sf_table.cells) == 0)
		return;
	sf_store_32(&size->lost, 0);
	sf_store_32(&size->sets, sf_layout_larger(size));
	layout_write_masks();
}

bool
sf_layout_init(unsigned int kib)
{
	if (!sf_layout_reserve(kib))
		return false;
	sf_layout_open();
	return true;
}
