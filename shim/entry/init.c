// SPDX-License-Identifier: BSD-2-Clause
// init.c: constructor, destructor, fork handlers, and the wrappers' way while not ON.
#include "entry.h"

#include "../base/log.h"
#include "../base/memcheck.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "../go/go.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../map/address.h"
#include "../map/snapshot.h"
#include "../observe/churn.h"
#include "../observe/histogram.h"
#include "../observe/settings.h"
#include "../observe/sites.h"
#include "../report/report.h"
#include "../retain/retain.h"
#include "../rollout/canary.h"
#include <errno.h>
#include <sys/auxv.h>

/* What pthread_atfork calls. Weak: where it is not there, nothing is served either. */
extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *)
	__attribute__((weak, visibility("default")));
extern void *__dso_handle __attribute__((visibility("hidden")));

static void
init_forked_child(void)
{
	const uint32_t phase = sf_load_32(&sf_phase);

	sf_segment_forked();
	if (phase != SF_PHASE_LIVE) {
		/* Another thread of the parent was at it: what it had made is not finished here. */
		if (phase == SF_PHASE_PREPARING)
			sf_store_32(&sf_phase, SF_PHASE_PASS);
		return;
	}
	sf_killfile_forked();
	sf_churn_forked();
	sf_sites_forked();
	sf_cell_forked();
	sf_table_forked();
	sf_object_reset_locks();
	sf_thread_forked();
	sf_changes_forked();
	sf_retain_forked();
	sf_snapshot_forked();
	sf_region_forked();
	sf_address_forked();
	sf_counters_reset();
	sf_go_forked();
	sf_go_serve(sf_load_32(&sf_mode_word) == SF_MODE_WORD_ON);
	if (sf_thread.open_depth == 0 && sf_thread.open_mark == 0)
		sf_object_global_settle();
}

__attribute__((constructor)) static void
init_start(int argc, char **argv, char **envp)
{
	(void)argc;
	sf_sys_set_page(getauxval(AT_PAGESZ));
	sf_quiet_note_stderr();
	if (!sf_boot_by_glibc()) {
		sf_prepare_elsewhere();
		return;
	}
	sf_boot_begin();
	sf_next_ready();
	if (sf_next.guessed)
		sf_guess_perhaps = 1; /* of calls before this library was relocated */
	sf_settings_read(getauxval(AT_SECURE) ? NULL : envp);
	if (sf_settings.disable)
		sf_boot();
	if (sf_settings.disable || sf_next.self == NULL) {
		sf_prepare_refuse();
		return;
	}
	sf_negative_argv = argv;
	sf_stack_top = (uintptr_t)argv;
	sf_segment_begin();
	sf_thread_first();
	if (__register_atfork != NULL)
		__register_atfork(NULL, NULL, init_forked_child, &__dso_handle);
	sf_prepare_start(envp);
}

__attribute__((destructor)) static void
init_stop(void)
{
	if (sf_settings.stats) {
		sf_prepare();
		sf_report_end();
	}
	if (sf_phase == SF_PHASE_READY)
		return;
	if (sf_phase == SF_PHASE_LIVE && sf_settings.sites_file.n != 0)
		sf_sites_file_write();
	if (sf_settings.shm != SF_SHM_KEEP)
		sf_segment_close();
}

/* ---- while the phase is not LIVE ---- */

struct sf_answer
sf_off_path(void)
{
	sf_boot();
	return sf_next.dlsym == NULL ? SF_ANSWER(NULL) : SF_DECLINE;
}

/* Something was noted in sf_early; the phase may have changed just before. */
static void
init_off_path_told(void)
{
	sf_fence_full(); /* pairs with the one in sf_prepare() */
	if (sf_load_32(&sf_phase) == SF_PHASE_LIVE)
		sf_prepare_catch_up();
}

struct sf_answer
sf_off_path_symbol(const void *handle, const char *name, bool versioned, const void *caller)
{
	struct sf_answer a = sf_off_path();

	if (sf_load_32(&sf_phase) == SF_PHASE_PASS || sf_unreadable(name) ||
	    !sf_learn_is_wrapped(name))
		return a;
	if (handle == RTLD_DEFAULT && !versioned)
		return a;
	if (handle == RTLD_NEXT && !versioned && !sf_facts_next_is_raw(caller))
		return a;
	sf_store_32(&sf_early.raw_errors, 1);
	if (name[2] == 'o' || name[2] == 'm' || name[2] == 'c')
		sf_store_32(&sf_early.raw_loads, 1);
	init_off_path_told();
	return a;
}

/* It may be under way when the phase changes: its thread counts as inside a constructor from here on. */
struct sf_answer
sf_off_path_load(int mode, uintptr_t sp)
{
	struct sf_answer a = sf_off_path();
	uint32_t phase = sf_load_32(&sf_phase);

	if (phase == SF_PHASE_PASS)
		return a;
	if (phase != SF_PHASE_EARLY)
		sf_thread_mark_open(&sf_thread, sp);
	if (mode & RTLD_DEEPBIND) {
		sf_store_32(&sf_early.raw_errors, 1);
		sf_store_32(&sf_early.raw_loads, 1);
	}
	if (mode & RTLD_GLOBAL)
		sf_store_32(&sf_early.global,
			    phase == SF_PHASE_EARLY ? SF_EARLY_OVER : SF_EARLY_BEGUN);
	init_off_path_told();
	return a;
}
