// SPDX-License-Identifier: BSD-2-Clause
// pages.c: see pages.h.
#include "pages.h"

#include "../base/sys.h"
#include <fcntl.h>

#define PAGES_PAGE    4096u
#define PAGES_AT_ONCE 256
/* Of an entry: the page is in memory; in swap; a file's, or shared. */
#define PAGES_PRESENT (1ull << 63)
#define PAGES_SWAPPED (1ull << 62)
#define PAGES_FILE    (1ull << 61)

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

/* Adds those between two addresses. */
static bool
pages_add(long fd, const struct sf_retain_span *s, unsigned int *count)
{
	uint64_t entries[PAGES_AT_ONCE];
	uintptr_t page = s->from / PAGES_PAGE, end = (s->to + PAGES_PAGE - 1) / PAGES_PAGE;

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

static bool
pages_count(long fd, const struct sf_retain_place *p, unsigned int *count)
{
	*count = 0;
	for (int i = 0; i < p->nspans; i++)
		if (!pages_add(fd, &p->spans[i], count))
			return false;
	return true;
}

bool
sf_retain_pages_take(struct sf_retain_place *p)
{
	long fd = pages_open();
	bool good = fd >= 0 && pages_count(fd, p, &p->written);

	if (fd >= 0)
		pages_close(fd);
	return good;
}

bool
sf_retain_pages_written(sf_retain_set set)
{
	long fd = pages_open();
	bool same = fd >= 0;

	for (; same && set != 0; set &= set - 1) {
		const struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(set)];
		unsigned int count;

		same = pages_count(fd, p, &count) && count == p->written;
	}
	if (fd >= 0)
		pages_close(fd);
	return !same;
}
