// SPDX-License-Identifier: BSD-2-Clause
// watch.c: see watch.h.
#include "watch.h"

#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../observe/segment.h"
#include "self.h"

/*
 * ld.so says that the list of objects has changed; its lock is held. New objects stand at its end, so what
 * follows the former last one was mapped since; for the load that this thread has begun, the first of
 * them is the one that was asked for, if it was not there already.
 */
static const struct link_map *watch_last; /* NULL: not known before the next notice */

static void
watch_moved(bool settled)
{
	struct sf_load *l = &sf_thread.load;

	if (sf_changes_is_unload())
		l->watched = false; /* the last one may go */
	if (!settled)
		return;
	if (l->watched && watch_last != NULL) {
		l->first = watch_last->l_next;
		l->watched = l->first == NULL;
		l->last = sf_facts_last_object();
	}
	watch_last = sf_facts_last_object();
}

/* With the list's own lock: what it ends with stays mapped until `watch_last` is written, or a notice has been. */
static int
watch_note_last(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)info;
	(void)size;
	(void)unused;
	sf_cas_ptr(&watch_last, NULL, (struct link_map *)(uintptr_t)sf_facts_last_object());
	return 1;
}

/*
 * Another thread may load something at this moment: its notices come to the same. In a child of fork the list's
 * lock may be held for ever; where nothing was opened later the list ends with what stays.
 */
void
sf_watch_loads(void)
{
	sf_changes_on_move(watch_moved);
	if (sf_load_ptr(&sf_next.tail->l_next) == NULL)
		sf_cas_ptr(&watch_last, NULL, sf_next.tail);
	else if (!sf_segment_is_child())
		sf_next.iterate_phdr(watch_note_last, NULL);
}
