// SPDX-License-Identifier: BSD-2-Clause
// dladdr.c: addresses that the address cache does not have, and those that libc answers for.
#include "../libc/next.h"
#include "dladdr.h"
#include "observe.h"

static enum sf_counter
dladdr_reason_of(enum sf_region_miss miss)
{
	static const enum sf_counter reasons[] = {
		[SF_MISS_COLD] = SF_BYPASS_COLD,       [SF_MISS_REFUSED] = SF_BYPASS_REFUSED,
		[SF_MISS_NOWHERE] = SF_BYPASS_NOWHERE, [SF_MISS_BUSY] = SF_BYPASS_CHANGE,
		[SF_MISS_UNSEEN] = SF_BYPASS_UNSEEN,
	};

	return reasons[miss];
}

static bool
dladdr_decline(struct sf_thread *t, enum sf_counter reason)
{
	sf_count_for(t, reason);
	return false;
}

static bool dladdr_stands(struct sf_thread *t, const void *address, const struct sf_location *l,
			  enum sf_counter hit);

static bool
dladdr_by_index(struct sf_thread *t, const void *address, struct sf_location *l,
		enum sf_counter indexed)
{
	switch (sf_address_find((uintptr_t)address, l)) {
	case SF_FOUND:
		sf_address_keep((uintptr_t)address, l);
		return dladdr_stands(t, address, l, indexed);
	case SF_FOUND_COLD:
		return dladdr_decline(t, dladdr_reason_of(sf_region_miss(address)));
	case SF_FOUND_NOWHERE:
		break;
	}
	return dladdr_decline(t, SF_BYPASS_NOWHERE);
}

bool
sf_address_answer(struct sf_thread *t, const void *address, struct sf_location *l,
		  enum sf_counter cached, enum sf_counter indexed)
{
	enum sf_counter reason;

	if (t->block == NULL)
		sf_thread_attach(t);
	if (!sf_verify_may_answer(t, sf_load_32(&sf_mode_word), &reason))
		return dladdr_decline(t, reason);
	if (!sf_address_serves())
		return dladdr_decline(t, SF_BYPASS_ADDR);
	if (sf_address_cached((uintptr_t)address, l))
		return dladdr_stands(t, address, l, cached);
	return dladdr_by_index(t, address, l, indexed);
}

/* ---- verify ---- */

struct claim {
	struct sf_location location;
	bool any;
};

/* Before libc is asked. In this mode, too, indexes get built. */
static struct claim
dladdr_claim(const void *address)
{
	struct claim c;
	enum sf_found found = sf_address_find((uintptr_t)address, &c.location);

	if (found == SF_FOUND_COLD)
		sf_region_miss(address);
	c.any = found == SF_FOUND;
	return c;
}

/* Do the two differ? If so, `map` and `libc` are the first parts of them that do. */
static bool
dladdr_differs(const struct sf_location *l, int result, const Dl_info *info, const void **map,
	       const void **libc)
{
	const struct {
		const void *map, *libc;
	} parts[] = {
		{(const void *)l->saddr, info->dli_saddr},
		{l->sname, info->dli_sname},
		{(const void *)l->fbase, info->dli_fbase},
		{l->fname, info->dli_fname},
	};

	*map = (const void *)l->saddr;
	*libc = NULL;
	for (unsigned int i = 0; result != 0 && i < sizeof(parts) / sizeof(*parts); i++) {
		*map = parts[i].map;
		*libc = parts[i].libc;
		if (*map != *libc)
			return true;
	}
	return result == 0 || (l->sname != NULL && SF_SEAM_LIE(l->sname));
}

static struct sf_finding
dladdr_finding(bool any, const void *value)
{
	return (struct sf_finding){any ? SYMFAST_SHM_KIND_VALUE : SYMFAST_SHM_KIND_NULL, value};
}

static const char *
dladdr_function_of(enum sf_counter kind)
{
	return kind == SF_COMPARED_DLADDR      ? "dladdr"
	       : kind == SF_COMPARED_BACKTRACE ? "backtrace_symbols"
					       : "symfast_symbolize";
}

/* If the region is still alive, its answer was right all the while, and libc's may not differ. */
static bool
dladdr_compare(const struct sf_location *l, int result, const Dl_info *info, enum sf_counter kind)
{
	struct sf_verify_sides sides = {.function = dladdr_function_of(kind),
					.name = l->sname != NULL ? l->sname : l->fname};
	struct sf_thread *t = &sf_thread;
	const void *map, *libc;
	bool differs;

	sf_fence_load(); /* pairs with the fence after a lifetime has ended */
	if (sf_load_32(&l->region->lifetime) != l->lifetime ||
	    (result != 0 && sf_region_renamed(l->region, info->dli_fname))) {
		sf_count_for(t, SF_VERIFY_VOID);
		return false;
	}
	differs = dladdr_differs(l, result, info, &map, &libc);
	sides.map = dladdr_finding(true, map);
	sides.libc = dladdr_finding(result != 0, libc);
	return sf_verify_judge(t, kind, !differs, &sides);
}

/* An answer, counted; one in so many is held against libc's (verify:1/N). False: libc's is the host's. */
static bool
dladdr_stands(struct sf_thread *t, const void *address, const struct sf_location *l,
	      enum sf_counter hit)
{
	bool due = sf_verify_due(t, hit);
	Dl_info info;

	sf_count_for(t, hit);
	if (sf_likely(!due))
		return true;
	return dladdr_compare(l, sf_next.dladdr(address, &info), &info,
			      hit == SF_BACKTRACE_OWN   ? SF_COMPARED_BACKTRACE
			      : hit == SF_SYMBOLIZE_OWN ? SF_COMPARED_SYMBOLIZE
							: SF_COMPARED_DLADDR);
}

static int
dladdr_verify(const void *address, Dl_info *info)
{
	struct claim c = dladdr_claim(address);
	int result = sf_next.dladdr(address, info);

	if (c.any)
		dladdr_compare(&c.location, result, info, SF_COMPARED_DLADDR);
	return result;
}

int
sf_address_verify1(const void *address, Dl_info *info, void **extra, int flags,
		   enum sf_counter kind)
{
	struct claim c = dladdr_claim(address);
	int result = sf_next.dladdr1(address, info, extra, flags);

	if (c.any)
		dladdr_compare(&c.location, result, info, kind);
	return result;
}

static int
dladdr_by_libc(const void *address, Dl_info *info, void **extra, int flags)
{
	return flags == SF_ADDRESS_DLADDR ? sf_next.dladdr(address, info)
					  : sf_next.dladdr1(address, info, extra, flags);
}

static int
dladdr_timed(const void *address, Dl_info *info, void **extra, int flags)
{
	struct sf_timing timing = sf_timing_begin(SF_TIMED_DLADDR);
	int result = dladdr_by_libc(address, info, extra, flags);

	sf_timing_end(&timing, SF_TIMED_DLADDR);
	if (result != 0)
		sf_observe_note_address(&sf_thread, address, SF_OBSERVE_DLADDR);
	return result;
}

int
sf_address_ask(const void *address, Dl_info *info, void **extra, int flags, enum sf_address_way way)
{
	if (way == SF_ADDRESS_TIMED)
		return dladdr_timed(address, info, extra, flags);
	return flags == SF_ADDRESS_DLADDR
		       ? dladdr_verify(address, info)
		       : sf_address_verify1(address, info, extra, flags, SF_COMPARED_DLADDR);
}
