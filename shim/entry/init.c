// SPDX-License-Identifier: BSD-2-Clause
// init.c: boot, constructor, destructor, fork handlers, and the wrappers' way while not ON.
#include "entry.h"

#include "../base/log.h"
#include "../go/go.h"
#include "../libc/changes.h"
#include "../libc/facts.h"
#include "../map/snapshot.h"
#include "../observe/settings.h"
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>

/* Set before the constructor, where nothing else can be touched; applied by it. */
static uint8_t early_raw_errors, early_raw_loads;

void
sf_boot(void)
{
	if (sf_word == SF_WORD_COLD && sf_next_boot())
		sf_word = SF_WORD_EARLY;
}

/*
 * The dynamic loader calls this while it relocates us: every object of the initial set is mapped,
 * no constructor has run. The end of the link map list is therefore exactly the end of the set.
 */
static void (*boot_resolver(void))(void)
{
	sf_boot();
	return sf_boot;
}

void sf_boot_early(void) __attribute__((ifunc("boot_resolver"), visibility("hidden")));

/* Why the process cannot be served; NULL if it can. */
static const char *
refusal(void)
{
	if (sf_next.dlsym == NULL)
		return "no next definitions";
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
	return NULL;
}

static void
forked_child(void)
{
	sf_table_forked();
	sf_object_reset_locks();
	sf_thread_forked();
	sf_changes_forked();
	sf_snapshot_forked();
	sf_counters_reset();
	sf_go_forked();
	if (sf_thread.open_depth == 0 && sf_thread.open_mark == 0)
		sf_object_global_settle();
}

static bool
start_map(void)
{
	if (!sf_table_init(sf_settings.map_kib) || !sf_object_init(sf_next.main, sf_next.tail))
		return false;
	sf_thread_init(sf_settings.thread_kib);
	sf_facts_search_init();
	sf_thread_first();
	if (sf_settings.watch)
		sf_changes_init();
	pthread_atfork(NULL, NULL, forked_child);
	if (early_raw_loads)
		sf_learn_raw("dlopen");
	else if (early_raw_errors)
		sf_learn_raw("dlsym");
	return true;
}

static void
log_line(const char *text)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, text);
	sf_line_write(&l);
}

static void
start_go(void)
{
	const struct sf_go_env env = {
		.main = sf_next.main,
		.libc = sf_next.libc,
		.mode = (enum sf_go_mode)sf_settings.go,
		.ttl_ms = sf_settings.go_ttl_ms,
		.verbose = sf_settings.verbose,
		.log = log_line,
		.realpath = sf_next.realpath_is_libc ? sf_next.realpath : NULL,
		.errno_location = __errno_location,
	};

	sf_go_init(&env);
}

static void
print_go(void *arg, const char *name, uint64_t value)
{
	struct sf_line l;

	(void)arg;
	if (value == 0)
		return;
	sf_line_start(&l);
	sf_line_str(&l, name);
	sf_line_str(&l, " ");
	sf_line_u64(&l, value);
	sf_line_write(&l);
}

static const char *refused; /* why the process cannot be served, NULL if it can */

static void
print_state(void)
{
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "state ");
	sf_line_str(&l, sf_mode_name(sf_word));
	if (refused != NULL) {
		sf_line_str(&l, ": ");
		sf_line_str(&l, refused);
	}
	sf_line_write(&l);
}

/* Are loads and unloads seen? */
static void
print_watch(void)
{
	const char *why = sf_changes_refusal();
	struct sf_line l;

	sf_line_start(&l);
	sf_line_str(&l, "watch ");
	sf_line_str(&l, why == NULL ? "on" : "off: ");
	sf_line_str(&l, why == NULL ? "" : why);
	sf_line_write(&l);
}

/* Why dl_iterate_phdr is libc's; NULL if it is not. */
static const char *
start_phdr(void)
{
	if (sf_settings.phdr == SF_PHDR_OFF || sf_word != SF_WORD_ON)
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
print_phdr(const char *why)
{
	struct sf_line l;

	if (sf_settings.phdr == SF_PHDR_OFF)
		return;
	sf_line_start(&l);
	sf_line_str(&l, "phdr ");
	sf_line_str(&l, why == NULL ? "on" : "off: ");
	sf_line_str(&l, why == NULL ? "" : why);
	sf_line_write(&l);
}

__attribute__((constructor)) static void
start(int argc, char **argv, char **envp)
{
	const char *not_walking;

	(void)argc;
	sf_boot();
	sf_boot_early(); /* keeps the IFUNC relocation */
	sf_settings_read(getauxval(AT_SECURE) ? NULL : envp);
	if (sf_settings.disable || sf_next.dlsym == NULL) {
		sf_word = sf_next.dlsym != NULL ? SF_WORD_PASS : SF_WORD_COLD;
		sf_phdr_start(false);
		return;
	}
	sf_negative_argv = argv;
	refused = refusal();
	if (refused == NULL && sf_settings.mode == SF_MODE_ON && !start_map())
		refused = "no memory for the map";
	sf_word = sf_mode_decide(refused == NULL);
	not_walking = start_phdr();
	sf_phdr_start(not_walking == NULL);
	if (sf_settings.verbose) {
		sf_settings_print();
		print_state();
		print_watch();
		print_phdr(not_walking);
	}
	if (sf_word == SF_WORD_ON)
		start_go();
}

__attribute__((destructor)) static void
stop(void)
{
	if (!sf_settings.stats)
		return;
	print_state();
	sf_counters_print();
	sf_go_counters(print_go, NULL);
}

/* ---- while the word is not ON ---- */

struct sf_answer
sf_off_path(enum sf_counter outcome)
{
	sf_boot();
	if (sf_next.dlsym == NULL)
		return SF_ANSWER(NULL);
	if (sf_word == SF_WORD_OBSERVE) {
		sf_counters_add_shared(outcome);
		sf_counters_add_shared(SF_BYPASS_OBSERVE);
	}
	return SF_DECLINE;
}

struct sf_answer
sf_off_path_symbol(enum sf_counter outcome, const void *handle, const char *name, bool versioned,
		   const void *caller)
{
	struct sf_answer a = sf_off_path(outcome);

	if (sf_word != SF_WORD_EARLY || sf_unreadable(name) || !sf_learn_is_wrapped(name))
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
sf_off_path_load(enum sf_counter outcome, int mode)
{
	struct sf_answer a = sf_off_path(outcome);

	if (sf_word == SF_WORD_EARLY && (mode & RTLD_DEEPBIND))
		early_raw_loads = early_raw_errors = 1;
	return a;
}
