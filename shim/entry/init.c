// SPDX-License-Identifier: BSD-2-Clause
// init.c: boot, constructor, destructor, fork handlers, and the wrappers' way while not ON.
#include "report.h"

#include "../base/log.h"
#include "../base/memcheck.h"
#include "../base/quiet.h"
#include "../base/sys.h"
#include "../go/go.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../libc/patched.h"
#include "../map/snapshot.h"
#include "../observe/churn.h"
#include "../observe/histogram.h"
#include "../map/address.h"
#include "../observe/settings.h"
#include "../observe/sites.h"
#include "../retain/retain.h"
#include "../rollout/canary.h"
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>

#define AB_SAMPLE 16

/* Set before the constructor, where nothing else can be touched; applied by it. */
static uint8_t early_raw_errors, early_raw_loads, early_global;

void
sf_boot(void)
{
	if (sf_load_32(&sf_phase) != SF_PHASE_COLD || !sf_next_boot())
		return;
	sf_fence_store(); /* who sees the phase sees the next definitions */
	sf_store_32(&sf_phase, SF_PHASE_EARLY);
}

/*
 * The dynamic loader calls this while it relocates us: every object of the initial set is mapped,
 * no constructor has run. The end of the link map list is therefore exactly the end of the set.
 */
static void (*init_boot_resolver(void))(void)
{
	sf_boot();
	return sf_boot;
}

void sf_boot_early(void) __attribute__((ifunc("init_boot_resolver"), visibility("hidden")));

/* Why the process cannot be served; NULL if it can. */
static const char *
init_refusal(char **envp)
{
	if (sf_next.dlsym == NULL)
		return "no next definitions";
	if (sf_settings.wrong)
		return "a setting is wrong";
	if (sf_next.interposed)
		return "another wrapper stands between symfast and libc";
	if (getauxval(AT_SECURE))
		return "secure mode";
	if (sf_next.debug->r_version >= 2)
		return "LD_AUDIT, or namespaces before main";
	if (sf_next.find_object == NULL || sf_next.iterate_phdr == NULL)
		return "libc has no _dl_find_object (glibc 2.35 or newer)";
	if (!sf_facts_error_init())
		return "libc's error state was not found";
	return sf_facts_loader_asked(envp);
}

static void
init_forked_child(void)
{
	sf_segment_forked();
	sf_killfile_forked();
	sf_churn_forked();
	sf_sites_forked();
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

/* Only where it was asked for: what is said then is said of a setting. */
static void
init_start_retain(void)
{
	const struct sf_retain_limits limits = {
		.list = sf_settings.retain_text,
		.most = sf_settings.retain_max,
		.kib = sf_settings.retain_kib,
		.idle_s = sf_settings.retain_idle_s,
		.verbose = sf_settings.verbose,
	};

	if (sf_settings.retain.n != 0)
		sf_retain_init(&limits);
}

static bool
init_start_map(const struct sf_decision *m)
{
	bool watched;

	/* Before the first thread gets its block, and with it its arm. */
	sf_control.ab_share = m->ab_share;
	sf_bytes_careful = sf_memcheck_runs();
	if (sf_sys_charges_at_once())
		sf_table_grow();
	if (!sf_table_reserve(sf_settings.map_kib))
		return false;
	sf_object_init(sf_next.main, sf_next.tail);
	sf_thread_init(sf_settings.thread_kib);
	sf_facts_search_init();
	sf_thread_first();
	watched = sf_settings.watch && sf_changes_init();
	if (watched)
		sf_changes_on_move(sf_object_moved);
	sf_region_init(sf_settings.index_kib, watched);
	if (watched)
		sf_entry_watch_loads();
	if (sf_settings.addr && sf_next.looking_is_libc)
		sf_address_init();
	init_start_retain();
	pthread_atfork(NULL, NULL, init_forked_child);
	if (early_global) {
		sf_object_global_begin();
		sf_object_global_end();
	}
	if (early_raw_loads)
		sf_learn_raw("dlopen");
	else if (early_raw_errors)
		sf_learn_raw("dlsym");
	return true;
}

static void
init_log_line(const char *text)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, text);
	sf_line_write(&l);
}

static enum sf_go_state
init_start_go(const struct sf_decision *m)
{
	struct sf_go_env env = {
		.main = sf_next.main,
		.libc = sf_next.libc,
		.phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR),
		.phnum = getauxval(AT_PHNUM),
		.page = getauxval(AT_PAGESZ),
		.mode = (enum sf_go_mode)sf_settings.go,
		.ttl_ms = sf_settings.go_ttl_ms,
		.modules = sf_settings.go_modules,
		.verbose = sf_settings.verbose,
		.log = init_log_line,
		.realpath = sf_next.realpath_is_libc ? sf_next.realpath : NULL,
		.errno_location = __errno_location,
		.look = sf_killfile_waiting ? sf_killfile_poll : NULL,
		.ab_share = m->ab_share,
		.ab_mask = AB_SAMPLE - 1,
	};

	for (int arm = 0; m->ab_share != 0 && arm < 2; arm++) {
		env.ab_open[arm] = sf_histogram_ready(SF_TIMED_GO_OPEN, (enum sf_arm)arm);
		env.ab_realpath[arm] = sf_histogram_ready(SF_TIMED_REALPATH, (enum sf_arm)arm);
	}
	return sf_go_init(&env);
}

static void
init_switch_go(uint32_t word)
{
	sf_go_serve(word == SF_MODE_WORD_ON);
}

/* Lets readers of the segment see the Go room, and `symfast ctl` switch it. */
static void
init_show_go(enum sf_go_state state)
{
	static const char words[] = "none\0off\0libc\0detour";
	struct sf_go_live live;

	sf_bytes_cut(sf_control.go_state, sf_bytes_word(words, state), sizeof(sf_control.go_state));
	if (state != SF_GO_STATE_LIBC && state != SF_GO_STATE_DETOUR)
		return;
	sf_go_live(&live);
	sf_bytes_cut(sf_control.go_refusal, live.refusal, sizeof(sf_control.go_refusal));
	sf_control.go_era = live.era;
	sf_control.go_eras = live.eras;
	sf_segment_names(SF_TEXT_GO, (struct sf_wordlist){live.stripe_names, live.stripe_bytes,
							  live.stripe_count});
	sf_segment_names(SF_TEXT_GO_FILL,
			 (struct sf_wordlist){live.fill_names, live.fill_bytes, live.fill_count});
	sf_segment_overlay(live.control, 0);
	sf_segment_overlay(live.stripes, SF_SEGMENT_GO);
	sf_segment_overlay(live.fills, SF_SEGMENT_GO_FILL);
	sf_segment_on_mode = init_switch_go;
}

/* Where statistics go, and who may be timed. */
static void
init_start_segment(const struct sf_decision *m)
{
	bool may = sf_settings.shm != SF_SHM_OFF && getauxval(AT_PAGESZ) <= SF_PAGE;

	sf_segment_init(may, sf_settings.shm_dir_text);
	sf_counters_init();
	sf_histogram_init();
	sf_sites_start(sf_settings.sites.n);
	sf_control.breaker_limit = sf_settings.breaker;
	/* A/B compares distributions: their ends need more than one hit in thousands. */
	sf_thread_sampling(m->ab_share != 0 ? AB_SAMPLE : sf_settings.sample.n, m->check_every);
}

/* Why dl_iterate_phdr is libc's; NULL if it is not. */
static const char *
init_start_phdr(void)
{
	if (sf_settings.phdr == SF_PHDR_OFF || sf_phase != SF_PHASE_LIVE ||
	    sf_mode_word != SF_MODE_WORD_ON)
		return "not asked for";
	if (!sf_next.iterate_is_libc)
		return "the next definition is not libc's";
	if (sf_changes_refusal() != NULL)
		return "loads and unloads are not seen";
	return sf_snapshot_init(sf_settings.phdr == SF_PHDR_SERIAL ? SF_WALKING_SERIAL
								   : SF_WALKING_FREE)
		       ? NULL
		       : "the list of objects could not be read";
}

static void
init_start_live(const struct sf_decision *m)
{
	enum sf_go_state go = SF_GO_STATE_NO_HOST;

	sf_mode_start(m, "");
	sf_killfile_start();
	/* Where plugin.Open is served at all, its code is changed: not for those who only observe. */
	if (m->word == SF_MODE_WORD_ON)
		go = init_start_go(m);
	init_show_go(go);
	if (sf_settings.shm >= SF_SHM_START || go >= SF_GO_STATE_LIBC ||
	    m->reason != SYMFAST_SHM_BY_SETTING || sf_control.canary_share < 10000 ||
	    m->ab_share != 0 || sf_control.kill_file[0] != '\0')
		sf_segment_open();
}

static void
init_start_pass(const struct sf_decision *m, const char *why)
{
	sf_mode_start(m, why);
	if (sf_settings.shm != SF_SHM_OFF && m->reason == SYMFAST_SHM_BY_CANARY)
		sf_segment_leave_note(sf_settings.shm_dir_text);
}

/* Where symfast.ld puts the large arrays; a library that was linked without it has no such places. */
#define PLACE(name)                                                                                \
	extern char sf_##name##_begin[] __attribute__((weak, visibility("hidden")));               \
	extern char sf_##name##_end[] __attribute__((weak, visibility("hidden")))
PLACE(data);
PLACE(regions);
PLACE(records);
PLACE(large);
#undef PLACE

/* They are all zero yet, and no data of the host's: a limit on that need not know of them. */
static void
init_uncount(void)
{
	if (sf_large_begin == NULL)
		return;
	sf_sys_uncount(sf_regions_begin, (size_t)(sf_regions_end - sf_regions_begin));
	sf_sys_uncount(sf_records_begin, (size_t)(sf_records_end - sf_records_begin));
	sf_sys_uncount(sf_large_begin, (size_t)(sf_large_end - sf_large_begin));
	sf_memcheck_ours(sf_data_begin, (size_t)(sf_large_end - sf_data_begin));
}

__attribute__((constructor)) static void
init_start(int argc, char **argv, char **envp)
{
	const char *refused, *not_walking;
	struct sf_decision m;
	bool chosen;

	(void)argc;
	init_uncount();
	sf_quiet_note_stderr();
	sf_boot();
	sf_boot_early(); /* keeps the IFUNC relocation */
	sf_settings_read(getauxval(AT_SECURE) ? NULL : envp);
	if (sf_settings.disable || sf_next.dlsym == NULL) {
		sf_phase = sf_next.dlsym != NULL ? SF_PHASE_PASS : SF_PHASE_COLD;
		sf_phdr_start(false);
		return;
	}
	sf_negative_argv = argv;
	sf_learn_stack = (uintptr_t)argv;
	refused = init_refusal(envp);
	chosen = sf_canary_decide(envp);
	m = sf_mode_decide(refused, chosen);
	if (m.phase == SF_PHASE_LIVE)
		init_start_segment(&m);
	if (m.phase == SF_PHASE_LIVE && !init_start_map(&m)) {
		refused = "no memory for the map";
		m = sf_mode_decide(refused, chosen);
	}
	if (m.phase == SF_PHASE_LIVE)
		init_start_live(&m);
	else
		init_start_pass(&m, refused != NULL ? refused : sf_canary_why());
	not_walking = init_start_phdr();
	sf_phdr_start(not_walking == NULL);
	if (sf_settings.verbose)
		sf_report_start(not_walking);
}

__attribute__((destructor)) static void
init_stop(void)
{
	if (sf_settings.stats)
		sf_report_end();
	if (sf_phase == SF_PHASE_LIVE && sf_settings.sites_file.n != 0)
		sf_sites_file_write();
	if (sf_settings.shm != SF_SHM_KEEP)
		sf_segment_close();
}

bool
sf_entry_hooks(void)
{
	static uint8_t seen;

	if (sf_patched() == NULL)
		return false;
	if (!sf_load_8(&seen))
		sf_count(SF_HOOK_SEEN);
	sf_store_8(&seen, 1);
	sf_breaker_yield("libc's own functions are hooked in place");
	return true;
}

void
sf_entry_chores(void)
{
	if (sf_sys_confined)
		return;
	sf_entry_hooks();
	if (sf_segment_due)
		sf_segment_open();
	if (sf_breaker_waiting)
		sf_breaker_poll();
	if (sf_killfile_waiting)
		sf_killfile_poll();
	if (sf_table_damaged) {
		sf_table_damaged = 0;
		sf_breaker_doubt("the map is damaged");
	}
}

/* ---- while the phase is not LIVE ---- */

struct sf_answer
sf_off_path(void)
{
	sf_boot();
	return sf_next.dlsym == NULL ? SF_ANSWER(NULL) : SF_DECLINE;
}

struct sf_answer
sf_off_path_symbol(const void *handle, const char *name, bool versioned, const void *caller)
{
	struct sf_answer a = sf_off_path();

	if (sf_phase != SF_PHASE_EARLY || sf_unreadable(name) || !sf_learn_is_wrapped(name))
		return a;
	if (handle == RTLD_DEFAULT && !versioned)
		return a;
	if (handle == RTLD_NEXT && !versioned && !sf_facts_next_is_raw(caller))
		return a;
	early_raw_errors = 1;
	if (name[2] == 'o' || name[2] == 'm' || name[2] == 'c')
		early_raw_loads = 1;
	return a;
}

struct sf_answer
sf_off_path_load(int mode)
{
	struct sf_answer a = sf_off_path();

	if (sf_phase == SF_PHASE_EARLY && (mode & RTLD_DEEPBIND))
		early_raw_loads = early_raw_errors = 1;
	if (sf_phase == SF_PHASE_EARLY && (mode & RTLD_GLOBAL))
		early_global = 1;
	return a;
}
