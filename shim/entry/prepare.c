// SPDX-License-Identifier: BSD-2-Clause
// prepare.c: see prepare.h.
#include "observe.h"

#include "../base/log.h"
#include "../base/memcheck.h"
#include "../base/sys.h"
#include "../go/go.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../libc/initial.h"
#include "../libc/mapped.h"
#include "../map/address.h"
#include "../map/snapshot.h"
#include "../map/watch.h"
#include "../observe/histogram.h"
#include "../observe/settings.h"
#include "../observe/sites.h"
#include "../report/report.h"
#include "../retain/evidence.h"
#include "../retain/retain.h"
#include "../rollout/canary.h"
#include <errno.h>
#include <signal.h>
#include <sys/auxv.h>

#define AB_SAMPLE 16

struct sf_early sf_early;

SF_FIRST static struct {
	const char *asked; /* what ld.so was asked for that makes serving impossible, or NULL */
	uint8_t chosen;    /* by the canary */
	uint8_t plain;     /* no Go host, nothing that a setting wants at once */
} noted;

/* Why the process cannot be served; NULL if it can. */
static const char *
prepare_refusal(void)
{
	const char *why;

	if (sf_settings.wrong)
		return "a setting is wrong";
	if (sf_next.dlsym == NULL)
		return sf_facts_minor() < 34 ? "no libdl is loaded (glibc before 2.34)"
					     : "no next definitions";
	if (sf_next.interposed)
		return "another wrapper stands between symfast and libc";
	if (getauxval(AT_SECURE))
		return "secure mode";
	if (sf_next_chained(sf_next.debug))
		return "LD_AUDIT, or namespaces before main";
	if (sf_next.iterate_phdr == NULL)
		return "libc has no dl_iterate_phdr";
	if (sf_next.late)
		return "libdl was loaded after the start";
#ifndef __x86_64__
	if (sf_next.guessed)
		return "libc's error state was not found (glibc 2.34 or newer)";
#endif
	if (sf_next.guessed && sf_facts_minor() < 28)
		return "libc is older than glibc 2.28";
	why = sf_mapped_init();
	if (why != NULL)
		return why;
	if (!sf_facts_error_init())
		return "libc's error state was not found";
	return noted.asked;
}

static void
prepare_log(const char *text)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, text);
	sf_line_write(&l);
}

/* What hides closed objects, or must save a pending error, needs a libc that shows both. */
static bool
prepare_is_old(void)
{
	return sf_next.guessed || sf_mapped_is_own();
}

/* Only where it was asked for: what is said then is said of a setting. */
static void
prepare_retain(void)
{
	const struct sf_retain_limits limits = {
		.list = sf_settings.retain_text,
		.most = sf_settings.retain_max,
		.kib = sf_settings.retain_kib,
		.idle_s = sf_settings.retain_idle_s,
		.verbose = sf_settings.verbose,
	};

	if (sf_settings.retain.n != 0 && prepare_is_old())
		prepare_log("SYMFAST_RETAIN has no effect: libc has no _dl_find_object (glibc 2.35 "
			    "or newer)");
	else if (sf_settings.retain.n != 0)
		sf_retain_init(&limits);
}

static bool
prepare_map(const struct sf_decision *m)
{
	bool watched;

	/* Before the first thread gets its block, and with it its arm. */
	sf_control.ab_share = m->ab_share;
	sf_bytes_careful = sf_memcheck_runs();
	/* Valgrind's tools note each page that is mapped: seconds. */
	if (!sf_bytes_careful && sf_sys_charges_at_once())
		sf_layout_grow();
	if (!sf_layout_reserve(sf_settings.map_kib))
		return false;
	sf_object_init(sf_next.main, sf_next.tail);
	sf_thread_init();
	sf_facts_search_init();
	sf_initial_init();
	watched = sf_settings.watch && sf_changes_init();
	if (watched)
		sf_mapped_begin();
	if (watched)
		sf_changes_on_move(sf_object_moved);
	sf_region_init(sf_settings.index_kib, watched);
	if (watched)
		sf_watch_loads();
	if (sf_settings.addr && sf_next.looking_is_libc)
		sf_address_init();
	prepare_retain();
	if (sf_next.guessed && !sf_thread_errors_end()) {
		sf_store_8(&sf_learn_raw_errors, 1);
		sf_facts_error_unseen();
	}
	sf_evidence_on = watched && m->word == SF_MODE_WORD_OBSERVE && !prepare_is_old();
	return true;
}

static enum sf_go_state
prepare_go(const struct sf_decision *m)
{
	struct sf_go_env env = {
		.main = sf_next.main,
		.libc = sf_next.libc,
		.phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR),
		.phnum = getauxval(AT_PHNUM),
		.page = getauxval(AT_PAGESZ),
		.mode = prepare_is_old() ? SF_GO_OFF : (enum sf_go_mode)sf_settings.go,
		.ttl_ms = sf_settings.go_ttl_ms,
		.modules = sf_settings.go_modules,
		.verbose = sf_settings.verbose,
		.log = prepare_log,
		.realpath = sf_next.realpath_is_libc ? sf_next.realpath : NULL,
		.errno_location = __errno_location,
		.look = sf_killfile_waiting ? sf_killfile_poll : NULL,
		.observed = m->word == SF_MODE_WORD_OBSERVE ? sf_observe_realpath : NULL,
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
prepare_switch_go(uint32_t word)
{
	sf_go_serve(word == SF_MODE_WORD_ON);
}

/* Lets readers of the segment see the Go room, and `symfast ctl` switch it. */
static void
prepare_show_go(enum sf_go_state state)
{
	static const char words[] = "none\0off\0libc\0detour\0seen\0unseen";
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
	sf_segment_on_mode = prepare_switch_go;
}

/* Where statistics go, and what may be timed. */
static void
prepare_segment(const struct sf_decision *m)
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

/*
 * Where libc has no _dl_find_object, each throw walks, and the callback of any libgcc keeps a static list without a lock:
 * two of them at once make a ring of it, in which all threads go round for ever.
 */
static enum sf_walking
prepare_walking(void)
{
	if (sf_settings.phdr == SF_PHDR_SERIAL)
		return SF_WALKING_SERIAL;
	if (!sf_mapped_is_own())
		return SF_WALKING_FREE;
	prepare_log(
		"SYMFAST_PHDR=free is serial here: libgcc's callback needs it (glibc before 2.35)");
	return SF_WALKING_SERIAL;
}

/* Why dl_iterate_phdr is libc's; NULL if it is not. */
static const char *
prepare_phdr(void)
{
	if (sf_settings.phdr == SF_PHDR_OFF || sf_phase != SF_PHASE_LIVE ||
	    sf_mode_word != SF_MODE_WORD_ON)
		return "not asked for";
	if (!sf_next.iterate_is_libc)
		return "the next definition is not libc's";
	if (sf_changes_refusal() != NULL)
		return "loads and unloads are not seen";
	return sf_snapshot_init(prepare_walking()) ? NULL : "the list of objects could not be read";
}

static void
prepare_live(const struct sf_decision *m)
{
	enum sf_go_state go = SF_GO_STATE_NO_HOST;

	sf_mode_start(m, "");
	sf_killfile_start();
	/* Where plugin.Open is served at all, its code is changed; where it is observed, only the slot of realpath. */
	if ((m->word == SF_MODE_WORD_ON || m->word == SF_MODE_WORD_OBSERVE) && !noted.plain)
		go = prepare_go(m);
	prepare_show_go(go);
	if (sf_settings.shm >= SF_SHM_START || go >= SF_GO_STATE_LIBC ||
	    m->reason != SYMFAST_SHM_BY_SETTING || sf_control.canary_share < 10000 ||
	    m->ab_share != 0 || sf_control.kill_file[0] != '\0')
		sf_segment_open();
}

static void
prepare_pass(const struct sf_decision *m, const char *why)
{
	bool told = sf_settings.mode.n == SF_MODE_OFF && !sf_settings.wrong;

	sf_mode_start(m, why);
	/* A process that was told to be off needs no reason; with raised rights nothing is written anywhere. */
	if (sf_settings.shm != SF_SHM_OFF && !told && m->reason != SYMFAST_SHM_BY_SETTING &&
	    !getauxval(AT_SECURE))
		sf_segment_leave_note(sf_settings.shm_dir_text);
}

/* Where symfast.ld puts the large arrays; a library that was linked without it has no such places. */
#define PLACE(name) extern char sf_##name[] __attribute__((weak, visibility("hidden")))
PLACE(data_begin);
PLACE(large_begin);
PLACE(large_end);
#undef PLACE

/*
 * ld.so maps them to be read only, so that they are no data of the host's: a limit on that need not know of
 * them. They are all zero yet, and are written from here on.
 */
static bool
prepare_large(void)
{
	const size_t size = (size_t)(sf_large_end - sf_large_begin);

	if (sf_large_begin == NULL)
		return true;
	if (!sf_sys_uncount(sf_large_begin, size) && !sf_sys_open(sf_large_begin, size))
		return false;
	sf_memcheck_ours(sf_data_begin, (size_t)(sf_large_end - sf_data_begin));
	return true;
}

/* ---- when ---- */

/* Without a word in the segment's page, which may be read only. */
void
sf_prepare_refuse(void)
{
	sf_store_32(&sf_phase, sf_next.dlsym != NULL ? SF_PHASE_PASS : SF_PHASE_COLD);
}

/*
 * musl: it passes no arguments to constructors, and nothing is known of its insides. All calls go to it. It does
 * not clear the large arrays.
 */
void
sf_prepare_elsewhere(void)
{
	sf_boot();
	prepare_large();
	sf_prepare_refuse();
}

SF_START static bool
prepare_can_wait(void)
{
	const struct sf_settings *s = &sf_settings;
	const struct sf_decision m = sf_mode_decide(noted.asked, noted.chosen);

	if (m.phase != SF_PHASE_LIVE || s->wrong || m.ab_share != 0 || s->verbose ||
	    s->shm != SF_SHM_ON || s->kill_file.n != 0 || s->sites.n != 0 ||
	    s->phdr != SF_PHDR_OFF || s->retain.n != 0)
		return false;
	return !sf_go_is_host(sf_next.main);
}

static void
prepare_all(void)
{
	const char *refused = prepare_refusal(), *not_walking;
	struct sf_decision m = sf_mode_decide(refused, noted.chosen);

	if (sf_next.dlsym == NULL)
		m.phase = SF_PHASE_COLD; /* libdl may come with what is loaded later */
	sf_canary_note();
	if (m.phase == SF_PHASE_LIVE)
		prepare_segment(&m);
	if (m.phase == SF_PHASE_LIVE && !prepare_map(&m)) {
		refused = "no memory for the map";
		m = sf_mode_decide(refused, noted.chosen);
	}
	if (m.phase == SF_PHASE_LIVE)
		prepare_live(&m);
	else
		prepare_pass(&m, refused != NULL ? refused : sf_canary_why());
	not_walking = prepare_phdr();
	if (sf_settings.verbose)
		sf_report_start(not_walking);
}

SF_START void
sf_prepare_start(char **envp)
{
	noted.asked = sf_facts_loader_asked(envp);
	noted.chosen = sf_settings.canary.n >= 10000;
	if (noted.chosen && prepare_can_wait()) {
		noted.plain = 1;
		sf_phase = SF_PHASE_READY;
		return;
	}
	sf_boot();
	if (!prepare_large()) {
		sf_prepare_refuse();
		return;
	}
	noted.chosen = sf_canary_decide(envp);
	prepare_all();
	if (sf_phase == SF_PHASE_LIVE)
		sf_prepare_catch_up();
}

/*
 * What calls that were passed through have told. A call notes it, and looks at the phase; the phase changes, and
 * then what was noted is looked at: one of the two sees the other.
 */
void
sf_prepare_catch_up(void)
{
	uint32_t global = sf_swap_32(&sf_early.global, 0);

	if (global != 0)
		sf_object_global_begin();
	if (global == SF_EARLY_OVER)
		sf_object_global_end();
	if (sf_swap_32(&sf_early.raw_loads, 0) != 0)
		sf_learn_raw("dlopen");
	else if (sf_swap_32(&sf_early.raw_errors, 0) != 0)
		sf_learn_raw("dlsym");
}

bool
sf_prepare(void)
{
	const uint64_t all = ~0ull;
	uint64_t signals;
	bool live;

	/* A child of vfork would do it for its parent, under its own number. */
	if (sf_load_32(&sf_phase) != SF_PHASE_READY || !sf_segment_is_own())
		return sf_load_32(&sf_phase) == SF_PHASE_LIVE;
	sf_boot();
	if (sf_next.dlsym == NULL)
		return false;
	/* No handler leaves it half done. */
	sf_syscall6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&signals, 8, 0, 0);
	if (sf_cas_32(&sf_phase, SF_PHASE_READY, SF_PHASE_PREPARING)) {
		if (prepare_large())
			prepare_all();
		else
			sf_prepare_refuse();
		sf_fence_full(); /* pairs with the one in sf_off_path_symbol() */
		if (sf_load_32(&sf_phase) == SF_PHASE_LIVE)
			sf_prepare_catch_up();
	}
	live = sf_load_32(&sf_phase) == SF_PHASE_LIVE;
	sf_syscall6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&signals, 0, 8, 0, 0);
	return live;
}
