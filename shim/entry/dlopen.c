// SPDX-License-Identifier: BSD-2-Clause
// dlopen.c: dlopen, dlmopen and dlclose.
#include "observe.h"

#include "../base/ticks.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../observe/churn.h"
#include "../observe/sites.h"
#include "../retain/evidence.h"

#define KNOWN_MODES (RTLD_LAZY | RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL | RTLD_NODELETE)

/*
 * The loader is called from the host's own frame. What it does on the way cannot be bracketed, so a
 * global load makes global negatives impossible from here on, and the thread counts as inside a
 * constructor until its stack proves otherwise.
 */
static struct sf_answer
dlopen_tail(struct sf_thread *t, const char *name, int mode, uintptr_t sp, enum sf_counter reason)
{
	if (!sf_unreadable(name))
		sf_learn_passed_open(name);
	if (mode & RTLD_GLOBAL)
		sf_object_global_begin();
	sf_thread_mark_open(t, sp);
	return sf_pass(t, SF_DLOPEN_PASS, reason);
}

/*
 * The search path of this caller counts, as it did for the last one from there. Another object may lie there by now:
 * that libc is asked is always right, and one call in so many is looked at anew.
 */
static bool
dlopen_searches_again(const struct sf_thread *t, const void *caller)
{
	return (uintptr_t)caller - t->searches.start < t->searches.size &&
	       (t->n[SF_DLOPEN_PASS] & (SF_CELL_MARK_TRUST - 1)) != 0;
}

static bool
dlopen_searches_apart(struct sf_thread *t, const void *caller)
{
	struct link_map *l = NULL;
	uintptr_t lo = 0, hi = 0;
	bool apart;

	if (dlopen_searches_again(t, caller))
		return true;
	if (sf_unlikely(sf_facts_unsure(caller)))
		return true;
	if (sf_facts_object(caller, &l, &lo, &hi) && !sf_object_initial(l))
		apart = !sf_facts_searches_alike_later(l);
	else
		apart = !sf_facts_searches_alike(l);
	t->searches = (struct sf_gap){lo, apart ? hi - lo : 0};
	return apart;
}

/*
 * May the shim call in the host's place (CONTRACT 25)? The caller decides only how names without
 * '/' are searched for, what '$' stands for, and the namespace. A name that an object of the initial
 * set goes by is not searched for at all: libc compares names first, and those objects come first.
 */
static bool
dlopen_caller_matters(struct sf_thread *t, const char *name, const void *caller)
{
	bool path = name[0] == '\0';

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '$')
			return true;
		path |= *p == '/';
	}
	if (path)
		return false;
	return !sf_facts_is_initial_soname(name) && dlopen_searches_apart(t, caller);
}

/* Keeps (name, mode) -> handle once it was seen twice. */
static void
dlopen_keep_open(struct sf_thread *t, struct sf_question *q, void *handle)
{
	struct sf_reply r = {.value = handle, .verdict = SF_VALUE}, known;

	r.object = sf_object_find(handle);
	if (r.object == NULL || !sf_object_whole_lifetime(r.object, handle, &r.gen) ||
	    t->block == NULL)
		return;
	if (!sf_table_hash(q) || sf_table_find(q, &known) || !sf_table_seen(q->hash) ||
	    !sf_table_keep(q, &r))
		return;
	sf_cell_keep(q, r.entry);
}

/*
 * A lifetime is known to be complete when it is published only if this very call mapped the object, outside
 * every constructor of this thread. One that libc or an unseen caller began may still be in its
 * constructor, on this very stack. Where ld.so's notices are not seen no lifetime is known to be complete.
 * One call, as the host makes it: what libc is asked first to tell a load from another reference would
 * open the file once more, and a signal handler could come in between.
 */
static void *
dlopen_load(struct sf_thread *t, const char *name, int mode, uintptr_t sp, bool *mapped)
{
	struct sf_load outer = t->load;
	uint32_t gen = 0;
	void *handle;
	bool whole;

	t->load = (struct sf_load){.watched = true};
	t->open_depth++;
	handle = sf_next.load(name, mode);
	t->open_depth--;
	if (handle != NULL)
		sf_facts_error_none();
	whole = handle != NULL && handle == t->load.first;
	if (sf_unlikely(sf_evidence_on))
		t->made = t->load;
	*mapped = t->load.first != NULL;
	t->load = outer;
	if (handle != NULL)
		gen = sf_object_opened(handle);
	if (whole && !sf_thread_in_open(t, sp))
		sf_object_complete(handle, gen);
	return handle;
}

/* The file of a handle's record, as long as that is the handle's; "" if there is none. */
static const char *
dlopen_file_of(const void *handle)
{
	const struct sf_object *o = sf_object_find(handle);
	const char *file = NULL;
	size_t len;

	if (o != NULL && !o->permanent)
		file = sf_object_file(o, &len);
	return file != NULL ? file : "";
}

/*
 * One call, as the host makes it; the lifetime that may begin is not elided. Made from here while the
 * shim is switched off, too: a reference that was not counted would let them end a lifetime
 * early, again and again, once it is switched on.
 */
static void *
dlopen_load_once(struct sf_thread *t, const char *name, int mode, bool *mapped)
{
	struct sf_load outer = t->load;
	void *handle;

	t->load = (struct sf_load){.watched = true};
	t->open_depth++;
	handle = sf_next.load(name, mode);
	t->open_depth--;
	if (handle != NULL)
		sf_facts_error_none();
	*mapped = t->load.first != NULL;
	t->load = outer;
	if (handle != NULL)
		sf_object_opened(handle);
	return handle;
}

static SF_NOINLINE void
dlopen_note_loaded(struct sf_thread *t)
{
	uint64_t from = sf_ticks();

	sf_evidence_loaded(t->made.first, t->made.last);
	sf_timing_own(from);
}

/* An object that is mapped takes much longer than a reference to one that is open: each has a row. */
static void *
dlopen_load_timed(struct sf_thread *t, const char *name, int mode, uintptr_t sp, bool *mapped)
{
	struct sf_timing timing = sf_timing_begin(SF_TIMED_DLOPEN);
	void *handle = t->stock ? dlopen_load_once(t, name, mode, mapped)
				: dlopen_load(t, name, mode, sp, mapped);
	uint64_t ticks = sf_timing_end(&timing, *mapped ? SF_TIMED_LOAD : SF_TIMED_DLOPEN);

	if (*mapped)
		sf_churn_add(dlopen_file_of(handle), 0, ticks);
	if (sf_unlikely(sf_evidence_on) && !t->stock && handle != NULL && handle == t->made.first)
		dlopen_note_loaded(t);
	return handle;
}

static void *
dlopen_load_for(enum sf_counter reason, struct sf_thread *t, const char *name, int mode,
		uintptr_t sp, bool *mapped)
{
	if (reason == SF_BYPASS_OFF) {
		sf_count_for(t, SF_BYPASS_OFF);
		return dlopen_load_once(t, name, mode, mapped);
	}
	if (reason == SF_COUNTER_COUNT && sf_likely(sf_sites_every == 0))
		return dlopen_load(t, name, mode, sp, mapped);
	return dlopen_load_timed(t, name, mode, sp, mapped);
}

/* `reason`: why the map is not asked; SF_COUNTER_COUNT if it was. */
static struct sf_answer
dlopen_real_open(struct sf_thread *t, struct sf_question *q, const char *name, int mode,
		 uintptr_t sp, enum sf_counter reason)
{
	struct sf_claim claim = {.any = false};
	bool mapped;
	void *handle;

	sf_chores_hooks();
	if (reason == SF_BYPASS_VERIFY)
		claim = sf_verify_open_claim(q);
	if (mode & RTLD_GLOBAL)
		sf_object_global_begin();
	handle = dlopen_load_for(reason, t, name, mode, sp, &mapped);
	if (mode & RTLD_GLOBAL)
		sf_object_global_end();
	sf_verify_open_compare(t, q, &claim, handle);
	sf_count_for(t, SF_DLOPEN_REAL);
	if (handle != NULL && reason != SF_BYPASS_STOCK && reason != SF_BYPASS_OFF &&
	    !sf_thread_in_open(t, sp))
		dlopen_keep_open(t, q, handle);
	if (handle != NULL && !mapped && (reason == SF_BYPASS_OBSERVE || reason == SF_BYPASS_STOCK))
		sf_observe_note_open(t, q, handle);
	return SF_ANSWER(handle);
}

/* Is anything ever kept under this mode? */
SF_INLINE bool
dlopen_keeps_mode(int mode)
{
	return (mode & ~KNOWN_MODES) == 0 && (mode & (RTLD_LAZY | RTLD_NOW)) != 0;
}

/* Why this call must be made by the host itself; SF_COUNTER_COUNT if the shim may make it. */
static enum sf_counter
dlopen_must_pass(struct sf_thread *t, const char *name, int mode, const void *caller)
{
	if (sf_unreadable(name))
		return SF_BYPASS_NULL;
	if (t->close_depth > 0)
		return SF_BYPASS_NESTED;
	if (!dlopen_keeps_mode(mode))
		return SF_BYPASS_MODE;
	if (sf_object_retired())
		return SF_BYPASS_RAW;
	if (sf_learn_has_namespaces())
		return SF_BYPASS_SPACE;
	return dlopen_caller_matters(t, name, caller) ? SF_BYPASS_SEARCH : SF_COUNTER_COUNT;
}

/* The map by content: a hit whose cell is gone, or that must clear libc's error first. */
static bool
dlopen_elide_by_content(struct sf_thread *t, struct sf_question *q, struct sf_reply *r)
{
	if (t->close_depth > 0 || sf_unreadable(q->name) ||
	    (t->block == NULL && !sf_thread_attach(t)))
		return false;
	if (!sf_table_hash(q) || !sf_table_find(q, r) || !sf_object_elide(r->object, r->gen))
		return false;
	if (sf_facts_error_pending())
		sf_facts_error_clear();
	if (sf_unlikely(sf_verify_due(t, SF_DLOPEN_HIT)) &&
	    !sf_verify_open_stands(t, q->name, (int)q->handle, r->value) &&
	    sf_object_give_back(r->value)) {
		sf_count_for(t, SF_DLOPEN_HIT); /* it was this one's turn */
		return false;
	}
	if (sf_thread_keeps(t))
		sf_cell_keep(q, r->entry);
	sf_count_for(t, SF_DLOPEN_HIT);
	return true;
}

struct sf_answer
sf_entry_dlopen(const char *name, int mode, long unused, const void *caller, uintptr_t sp)
{
	struct sf_thread *t = &sf_thread;
	struct sf_question q = {.handle = (unsigned int)mode, .kind = SF_KIND_OPEN};
	enum sf_counter why = SF_COUNTER_COUNT, pass;
	struct sf_reply r;

	(void)unused;
	if (sf_unlikely(!sf_prepare_is_live()))
		return sf_off_path_load(mode, sp);
	SF_ENTRY_CHORES();
	t->pending = 0;
	q.name = name != NULL ? name : "";
	if (sf_verify_may_answer(t, sf_load_32(&sf_mode_word), &why)) {
		why = SF_COUNTER_COUNT;
		if (dlopen_keeps_mode(mode) && dlopen_elide_by_content(t, &q, &r))
			return SF_ANSWER(r.value);
	}
	if (mode & RTLD_DEEPBIND)
		sf_learn_raw("dlopen"); /* its objects may find libc's own functions before ours */
	pass = dlopen_must_pass(t, q.name, mode, caller);
	if (pass != SF_COUNTER_COUNT)
		return dlopen_tail(t, q.name, mode, sp, why == SF_BYPASS_OFF ? why : pass);
	return dlopen_real_open(t, &q, name, mode, sp, why);
}

struct sf_answer
sf_entry_dlmopen(Lmid_t space, const char *name, int mode, const void *caller, uintptr_t sp)
{
	struct sf_thread *t = &sf_thread;

	(void)caller;
	if (sf_unlikely(!sf_prepare_is_live()))
		return sf_off_path_load(mode, sp);
	SF_ENTRY_CHORES();
	t->pending = 0;
	if (space != LM_ID_BASE)
		sf_learn_namespaces();
	if (mode & RTLD_DEEPBIND)
		sf_learn_raw("dlopen");
	if (mode & RTLD_GLOBAL)
		sf_object_global_begin();
	if (!sf_unreadable(name))
		sf_learn_passed_open(name);
	sf_thread_mark_open(t, sp);
	return sf_pass(t, SF_DLMOPEN_PASS, SF_BYPASS_SPACE);
}

/* References that were kept for another dlopen; false: the object is gone, closed by a call that was not seen. */
static bool
dlopen_drop_kept(struct sf_thread *t, void *handle, int calls)
{
	if (calls <= 0)
		return true;
	t->dropping = handle;
	while (calls-- > 0 && t->dropping != NULL)
		sf_next.dlclose(handle);
	if (t->dropping == NULL)
		return false;
	t->dropping = NULL;
	return true;
}

/* Is a close timed? Not while the shim is off. */
static bool
dlopen_times_close(const struct sf_thread *t)
{
	enum sf_counter why;

	return sf_sites_every != 0 ||
	       (!sf_verify_may_answer(t, sf_load_32(&sf_mode_word), &why) && why != SF_BYPASS_OFF);
}

/* dlclose does not look at its caller; destructors must find us aware of the unload. */
static int
dlopen_close_really(struct sf_thread *t, void *handle, int calls)
{
	int result = 0;

	t->close_depth++;
	if (dlopen_drop_kept(t, handle, calls - 1))
		result = sf_next.unload(handle);
	if (result == 0)
		sf_facts_error_none();
	t->close_depth--;
	if (sf_unlikely(result != 0 && calls > 0))
		sf_breaker_doubt("libc refused to close what the reference count says is open");
	return result;
}

static int
dlopen_close_timed(struct sf_thread *t, void *handle, int calls, const char *file)
{
	bool observed =
		sf_unlikely(sf_evidence_on) && sf_load_32(&sf_mode_word) == SF_MODE_WORD_OBSERVE;
	struct sf_load outer = t->load;
	struct sf_timing timing;
	uint64_t ticks, from;
	int result;

	from = sf_ticks();
	if (observed)
		sf_evidence_closing(handle);
	if (observed)
		sf_timing_own(from);
	timing = sf_timing_begin(SF_TIMED_DLCLOSE);
	t->load = (struct sf_load){.watched = true}; /* until something is unmapped */
	result = dlopen_close_really(t, handle, calls);
	if (t->load.watched) {
		sf_timing_end(&timing, SF_TIMED_DLCLOSE);
	} else {
		ticks = sf_timing_end(&timing, SF_TIMED_UNLOAD);
		sf_churn_add(file, 0, ticks);
	}
	t->load = outer;
	from = sf_ticks();
	if (observed)
		sf_evidence_closed(handle, file);
	if (observed)
		sf_timing_own(from);
	return result;
}

struct sf_answer
sf_entry_dlclose(void *handle)
{
	struct sf_thread *t = &sf_thread;
	const char *file;
	int calls;

	if (sf_unlikely(!sf_prepare_is_live()))
		return sf_off_path();
	SF_ENTRY_CHORES();
	t->pending = 0;
	file = dlopen_file_of(handle); /* the record outlives the object */
	/* What the stock arm took from libc it gives back to libc, and is timed. */
	calls = sf_object_close(handle, t->stock || sf_load_32(&sf_mode_word) != SF_MODE_WORD_ON);
	if (calls == 0) {
		if (sf_facts_error_pending())
			sf_facts_error_clear();
		sf_count_for(t, SF_DLCLOSE_HIT);
		return SF_ANSWER(0);
	}
	sf_count_for(t, SF_DLCLOSE_REAL);
	sf_learn_closing(handle);
	if (dlopen_times_close(t))
		return SF_ANSWER((intptr_t)dlopen_close_timed(t, handle, calls, file));
	return SF_ANSWER((intptr_t)dlopen_close_really(t, handle, calls));
}
