// SPDX-License-Identifier: BSD-2-Clause
// pages.c: see pages.h.
#include "pages.h"

#include "../base/sys.h"
#include "image.h"
#include <fcntl.h>
#include <sys/ioctl.h>

#define PAGES_AT_ONCE 256
/* Of an entry: the page is in memory; in swap; a file's, or shared. */
#define PAGES_PRESENT (1ull << 63)
#define PAGES_SWAPPED (1ull << 62)
#define PAGES_FILE    (1ull << 61)

/* PAGEMAP_SCAN, Linux 6.7: the kernel itself looks for such pages, and passes over what is not in memory. */
struct pages_region {
	uint64_t from, to, kinds;
};
struct pages_scan {
	uint64_t size, flags, from, to, reached, regions, room, most;
	uint64_t inverted, all, any, told;
};
#define PAGES_SCAN         _IOWR('f', 16, struct pages_scan)
#define PAGES_SCAN_FILE    (1ull << 2)
#define PAGES_SCAN_PRESENT (1ull << 3)
#define PAGES_SCAN_SWAPPED (1ull << 4)
#define PAGES_REGIONS      16

static bool pages_scan_fails; /* once: an older kernel */

static long
pages_open(void)
{
	return sf_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/pagemap", O_RDONLY | O_CLOEXEC,
			   0, 0, 0);
}

static void
pages_close(long fd)
{
	sf_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
}

static unsigned int
pages_private(const uint64_t *entry, size_t n)
{
	unsigned int count = 0;

	for (size_t i = 0; i < n; i++)
		count += (entry[i] & PAGES_SWAPPED) ||
			 ((entry[i] & PAGES_PRESENT) && !(entry[i] & PAGES_FILE));
	return count;
}

/* Adds those between two addresses, page by page. */
static bool
pages_add_each(long fd, uintptr_t from, uintptr_t to, unsigned int *count)
{
	uint64_t entries[PAGES_AT_ONCE];
	uintptr_t page = from / SF_SYS_PAGE, end = to / SF_SYS_PAGE;

	while (page < end) {
		size_t n = end - page < PAGES_AT_ONCE ? end - page : PAGES_AT_ONCE;
		long got = sf_syscall6(SYS_pread64, fd, (long)entries, (long)(n * sizeof(*entries)),
				       (long)(page * sizeof(*entries)), 0, 0);

		if (got != (long)(n * sizeof(*entries)))
			return false;
		*count += pages_private(entries, n);
		page += n;
	}
	return true;
}

/* The same by PAGEMAP_SCAN. False: the kernel does not have it. */
static bool
pages_add_found(long fd, uintptr_t from, uintptr_t to, unsigned int *count)
{
	struct pages_region found[PAGES_REGIONS];
	struct pages_scan scan = {
		.size = sizeof(scan),
		.from = from,
		.to = to,
		.regions = (uintptr_t)found,
		.room = PAGES_REGIONS,
		.inverted = PAGES_SCAN_FILE,
		.all = PAGES_SCAN_FILE,
		.any = PAGES_SCAN_PRESENT | PAGES_SCAN_SWAPPED,
		.told = PAGES_SCAN_FILE,
	};
	unsigned int sum = 0;

	while (scan.from < to) {
		long n = sf_syscall6(SYS_ioctl, fd, (long)PAGES_SCAN, (long)&scan, 0, 0, 0);

		if (n < 0 || scan.reached <= scan.from)
			return false;
		for (long i = 0; i < n; i++)
			sum += (unsigned int)((found[i].to - found[i].from) / SF_SYS_PAGE);
		scan.from = scan.reached;
	}
	*count += sum;
	return true;
}

/* Mostly the segments stand one after the other: one look. */
static uintptr_t
pages_end(const struct sf_retain_place *p, int *i)
{
	while (*i + 1 < p->nspans && p->spans[*i + 1].copy == NULL &&
	       p->spans[*i + 1].from == p->spans[*i].to)
		++*i;
	return p->spans[*i].to;
}

static bool
pages_count(long fd, const struct sf_retain_place *p, unsigned int *count)
{
	*count = 0;
	for (int i = 0; i < p->nspans; i++) {
		uintptr_t from = p->spans[i].from, to;

		if (p->spans[i].copy != NULL)
			continue;
		to = pages_end(p, &i);
		if (!pages_scan_fails && pages_add_found(fd, from, to, count))
			continue;
		pages_scan_fails = true;
		if (!pages_add_each(fd, from, to, count))
			return false;
	}
	return true;
}

/* Those of this set that the kernel is to be asked about. */
static sf_retain_set
pages_asked(sf_retain_set set)
{
	sf_retain_set asked = 0;

	for (; set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		for (int i = 0; i < p->nspans; i++)
			if (p->spans[i].copy == NULL)
				asked |= set & -set;
	}
	return asked;
}

bool
sf_retain_pages_take(sf_retain_set set)
{
	bool good;
	long fd;

	set = pages_asked(set);
	if (set == 0)
		return true;
	fd = pages_open();
	good = fd >= 0;

	for (; good && set != 0; set &= set - 1) {
		struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];

		good = pages_count(fd, p, &p->written);
	}
	if (fd >= 0)
		pages_close(fd);
	return good;
}

bool
sf_retain_pages_written(sf_retain_set set)
{
	bool same;
	long fd;

	for (sf_retain_set left = set; left != 0; left &= left - 1)
		if (!sf_retain_image_code_same(&sf_retain_places[__builtin_ctzll(left)]))
			return true;
	set = pages_asked(set);
	if (set == 0)
		return false;
	fd = pages_open();
	same = fd >= 0;
	for (; same && set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];
		unsigned int count;

		same = pages_count(fd, p, &count) && count == p->written;
	}
	if (fd >= 0)
		pages_close(fd);
	return !same;
}
