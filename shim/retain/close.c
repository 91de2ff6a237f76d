// SPDX-License-Identifier: BSD-2-Clause
// close.c: the dlclose that would unload: destructors run, memory is put back, the mapping stays; or it is libc's.
#include "state.h"

#include "../base/bytes.h"
#include "../base/log.h"
#include "../base/sys.h"
#include "../libc/facts.h"
#include "../map/object.h"
#include "../map/thread.h"
#include "../map/region.h"
#include "recheck.h"
#include "image.h"
#include "load.h"
#include "pages.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

/* libc's flag does not come back when the other threads have ended; the kernel's list of them has a link for each. */
static bool
close_has_one_thread(void)
{
	struct stat s;

	return sf_syscall6(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/task", (long)&s, 0, 0, 0) ==
		       0 &&
	       s.st_nlink == 3;
}

static bool
close_alone(void)
{
	static const char *single;
	struct sf_elf libc;

	if (single == NULL && sf_elf_open(&libc, sf_next.libc->l_addr, sf_next.libc->l_ld))
		single = sf_elf_function(&libc, "__libc_single_threaded");
	return (single != NULL && *single != 0) || close_has_one_thread();
}

/* Why this object cannot be retained; NULL if it can. */
static const char *
close_misfit(const struct sf_retain_place *p)
{
	static const char words[] =
		"\0"
		"it has thread-local variables\0"
		"it has destructors at thread end\0"
		"its tables or segments are strange\0"
		"no memory for its copy, or over SYMFAST_RETAIN_KIB\0"
		"its searches go through too many folders\0"
		"the kernel does not tell which of its pages were written to\0"
		"its file changed while it was loaded, or cannot be identified\0"
		"libc opens such by itself\0"
		"a reference was taken unseen\0"
		"verify found that it is not as after a load";

	if (p->fit != SF_RETAIN_FIT)
		return sf_bytes_word(words, p->fit);
	if (p->pinned)
		return "libc keeps it";
	if (p->aliased)
		return "it was opened by another name as well";
	if (p->tls_size != 0 && !close_alone())
		return "it has thread-local variables, and there are threads";
	return p->copied ? NULL : "it was loaded unseen";
}

/* Told once for each object, where the start was told as well. */
static void
close_tell(struct sf_retain_place *p, const char *why)
{
	struct sf_line l;

	if (!sf_retain_state_of.limits.verbose || p->told)
		return;
	p->told = 1;
	sf_line_start(&l);
	sf_line_str(&l, "not retained: ");
	sf_line_clean(&l, p->name, SF_RETAIN_NAME_MAX);
	sf_line_str(&l, ": ");
	sf_line_str(&l, why);
	sf_line_write(&l);
}

static bool
close_fits(int root, sf_retain_set set)
{
	bool global = false;

	for (sf_retain_set left = set; left != 0; left &= left - 1) {
		struct sf_retain_place *p = &sf_retain_places[__builtin_ctzll(left)];
		const char *why = close_misfit(p);

		if (why != NULL) {
			close_tell(p, why);
			return false;
		}
		global |= p->global;
	}
	if (!global || !sf_retain_graph_is_asked(set))
		return true;
	close_tell(&sf_retain_places[root], "it is global, and another object may be bound to it");
	return false;
}

/* False: somebody has patched or unmapped what cannot be put back. */
static bool
close_restore(sf_retain_set set)
{
	for (sf_retain_set left = set; left != 0; left &= left - 1)
		if (!sf_retain_image_ready(&sf_retain_places[__builtin_ctzll(left)]))
			return false;
	if (sf_retain_pages_written(set))
		return false;
	for (sf_retain_set left = set; left != 0; left &= left - 1)
		sf_retain_image_restore(&sf_retain_places[__builtin_ctzll(left)]);
	return true;
}

/* The destructors have run; libc unmaps, and silently. Nothing that is closed may keep a part of it. */
static void
close_spoilt(int root, sf_retain_set set)
{
	close_tell(&sf_retain_places[root], "its code or its mapping was changed");
	sf_retain_release_one(root);
	if (set & sf_retain_graph_in_state(SF_RETAIN_CLOSED))
		sf_retain_release_all();
}

/* What destructors have opened of the set is gone with it. */
static void
close_end(sf_retain_set set)
{
	for (; set != 0; set &= set - 1)
		sf_object_ended(sf_retain_places[__builtin_ctzll(set)].map);
}

static void
close_set(int root, sf_retain_set set, const struct sf_retain_order *order)
{
	struct sf_retain_order now = *order; /* a destructor may teach us another one */
	struct sf_retain_place *p = &sf_retain_places[root];
	bool good;

	sf_retain_set_state(set, SF_RETAIN_CLOSING);
	sf_retain_state_of.closing++;
	for (unsigned int i = 0; i < now.count; i++)
		sf_retain_place_run_fini(now.place[i]);
	sf_retain_state_of.closing--;
	good = close_restore(set);
	close_end(set);
	sf_retain_set_state(set, SF_RETAIN_CLOSED);
	sf_region_look_again();
	p->held = 1;
	p->turn = ++sf_retain_state_of.turn;
	if (sf_retain_state_of.limits.idle_s != 0)
		p->closed_at = sf_sys_clock(CLOCK_MONOTONIC);
	sf_count(SF_RETAIN_CLOSE);
	if (!good)
		close_spoilt(root, set);
}

/* An object without a place: the shim's count has to do, which is taken outside of ld.so's lock. */
static bool
close_is_open(const void *handle)
{
	const struct sf_object *o = sf_object_find(handle);

	return o != NULL && SF_STATE_OPEN(sf_load_64(&o->state));
}

/* libc's own words for a handle that is not open, from an object that was never opened: all zeros but its name. */
static int
close_surplus(const struct sf_retain_place *p)
{
	static struct {
		struct link_map map;
		char zeros[4096];
	} never;

	never.map.l_name = p->map->l_name;
	return sf_next.own.dlclose(&never);
}

/* An object without a place. What is closed may need it, or be bound to it, and must not hold it. */
static int
close_foreign(void *handle)
{
	sf_retain_load_foreign++;
	if (!sf_retain_load_unloading() &&
	    (sf_retain_load_scope != 0 ||
	     sf_retain_graph_needs_others(sf_retain_graph_in_state(SF_RETAIN_CLOSED))))
		sf_retain_release_all();
	return sf_retain_load_close(handle, 0);
}

/*
 * Does nothing that is closed hold any of this set? It is needed by none, and it is not in the global scope, where symbols
 * could be bound to it. Else one plugin that libc unloads would let the others go, each time.
 */
static bool
close_is_apart(sf_retain_set set)
{
	sf_retain_set closed = sf_retain_graph_in_state(SF_RETAIN_CLOSED);

	for (sf_retain_set left = set; left != 0; left &= left - 1)
		if (sf_retain_places[__builtin_ctzll(left)].global)
			return false;
	return set != 0 && (sf_retain_graph_reach(closed) & set) == 0;
}

/* The same; what never goes can be held by anybody. `set`: what is to go, 0: unknown. */
static int
close_by_libc(int place, sf_retain_set set)
{
	struct sf_retain_place *p = &sf_retain_places[place];

	if (!p->pinned && !sf_retain_load_unloading() && !close_is_apart(set))
		sf_retain_release_all();
	sf_retain_release_extra();
	return sf_retain_load_close(p->map, set);
}

/* Is it the host's last reference? If not, it is given back, or refused: `result`. */
static bool
close_is_last(struct sf_retain_place *p, int *result)
{
	if (p->state == SF_RETAIN_CLOSING && p->extra > 0) {
		p->extra--;
		*result = sf_next.own.dlclose(p->map);
		return false;
	}
	if (p->state != SF_RETAIN_LIVE || (p->refs == 0 && p->extra > 0)) {
		*result = close_surplus(p);
		return false;
	}
	if (p->fit == SF_RETAIN_UNFIT_UNKNOWN) {
		p->refs -= p->refs > 0;
		*result = close_by_libc((int)(p - sf_retain_places), 0);
		return false;
	}
	/* A constructor closes what it has opened: the dlopen that it runs in holds one more. */
	if (p->refs != 1 || p->loading) {
		p->refs -= p->refs > 0;
		*result = sf_next.own.dlclose(p->map);
		return false;
	}
	p->refs = 0;
	return true;
}

int
sf_retain_close(void *handle)
{
	const struct sf_retain_order *order;
	int place = sf_retain_place_find(handle);
	sf_retain_set set = 0;
	int result;
	bool known, strange;

	if (place < 0 && (close_is_open(handle) || sf_object_initial(handle))) {
		sf_retain_load_foreign++;
		return sf_next.own.dlclose(handle);
	}
	if (place < 0)
		return close_foreign(handle);
	if (!close_is_last(&sf_retain_places[place], &result))
		return result;
	sf_retain_graph_update();
	known = sf_retain_graph_unneeded(place, &set, &strange);
	order = known ? sf_retain_sets_find(SF_RETAIN_UNLOADED, set) : NULL;
	if (order == NULL || (strange && order->foreign != sf_retain_load_foreign)) {
		sf_count(SF_RETAIN_FIRST);
		return close_by_libc(place, known && !strange ? set : 0);
	}
	if (sf_retain_state_of.frozen || !sf_retain_serves() || sf_retain_load_unloading() ||
	    sf_retain_load_mapping(place) || sf_retain_places[place].opened[0] == '\0' ||
	    !close_fits(place, set)) {
		sf_count(SF_RETAIN_REFUSE);
		return close_by_libc(place, set);
	}
	if (!sf_retain_load_looking() && sf_retain_recheck_due(place)) {
		sf_count(SF_RETAIN_REAL);
		return close_by_libc(place, set);
	}
	close_set(place, set, order);
	return 0;
}
