// SPDX-License-Identifier: BSD-2-Clause
// settings.h: the one table of settings: environment name, kind, default, range, meaning.
//
// Read once, in the constructor. A bad value gives one line on standard error and the default; of those
// settings that limit what is served (SF_SETTINGS_SAFE) it means SYMFAST=off. So does an unknown variable
// whose name is nearest to one of these. In secure mode (AT_SECURE) the environment is not read at all.
#ifndef SF_SETTINGS_H
#define SF_SETTINGS_H

#include "../base/attr.h"
#include "forms.h"

enum sf_mode { SF_MODE_OFF, SF_MODE_OBSERVE, SF_MODE_VERIFY, SF_MODE_ON, SF_MODE_AB };
enum sf_phdr_mode { SF_PHDR_OFF, SF_PHDR_SERIAL, SF_PHDR_FREE };
enum sf_go_mode { SF_GO_OFF, SF_GO_LIBC, SF_GO_STRICT, SF_GO_ON };
enum sf_shm { SF_SHM_OFF, SF_SHM_ON, SF_SHM_START, SF_SHM_KEEP };

/*
 * W(name, variable, default, words, text): one of `words` (separated by '|', the value is the
 *                                          word's place in the list)
 * N(name, variable, default, min, max, text): a decimal number
 * T(name, variable, default, form, size, values, text): text of less than `size` bytes that
 *                                          sf_form_<form> takes; `values` says which ones it does
 */
#define SF_SETTINGS(W, N, T)                                                                       \
	T(mode, "SYMFAST", "on", mode, 16, "off|observe|verify|verify:1/N|on|ab:PERCENT",          \
	  "off: every call goes straight to libc; observe: libc answers, calls are counted and "   \
	  "timed; verify: libc answers, the map is asked too and compared; verify:1/N: the map "   \
	  "answers, one hit in N is compared; ab: so many percent of the threads are served")      \
	T(conf, "SYMFAST_CONF", "/etc/symfast.conf", path, 256, "an absolute path, or nothing",    \
	  "settings file: which programs are served at all, and with which settings")              \
	W(disable, "SYMFAST_DISABLE", 0, "0|1",                                                    \
	  "1: every wrapper is a tail jump, and no other setting is read")                         \
	W(stats, "SYMFAST_STATS", 0, "0|1", "1: print the counters when the process exits")        \
	W(verbose, "SYMFAST_VERBOSE", 0, "0|1", "1: print the effective settings at start")        \
	T(canary, "SYMFAST_CANARY", "100%", percent, 16, "0% to 100%",                             \
	  "share of processes that SYMFAST holds for, chosen by their key; the others are off")    \
	T(canary_key, "SYMFAST_CANARY_KEY", "host", key, 48, "host|pod|pid|env:NAME",              \
	  "what chooses: node name; POD_NAME, else HOSTNAME, else node name; process id; a "       \
	  "variable")                                                                              \
	N(breaker, "SYMFAST_BREAKER", 1, 0, 1000000,                                               \
	  "verify: so many mismatches switch the process off; 0: none does")                       \
	N(breaker_retry_s, "SYMFAST_BREAKER_RETRY_S", 0, 0, 604800,                                \
	  "so long after that verify is tried again, seconds; 0: never")                           \
	T(kill_file, "SYMFAST_KILL_FILE", "", path, 256, "an absolute path, or nothing",           \
	  "while this file exists the process is off; its own calls look for it")                  \
	W(shm, "SYMFAST_SHM", SF_SHM_ON, "off|on|start|keep",                                      \
	  "statistics segment: none, made at the first call that needs libc, made at start, or "   \
	  "made at start and left behind at exit")                                                 \
	T(shm_dir, "SYMFAST_SHM_DIR", "/dev/shm", path, 128, "an absolute path",                   \
	  "directory of the statistics segment; a tmpfs")                                          \
	T(sample, "SYMFAST_SAMPLE", "1/4096", ratio, 16, "1/N or 0",                               \
	  "one hit in N is timed, for each thread; N is rounded up to a power of two")             \
	T(sites, "SYMFAST_SITES", "0", ratio, 16, "1/N or 0",                                      \
	  "call stacks in the segment: of one timed call of libc in N, and of every timed hit")    \
	T(sites_file, "SYMFAST_SITES_FILE", "", path, 256, "an absolute path, or nothing",         \
	  "with SYMFAST_SITES: written at exit, as folded stacks; %p is the process id")           \
	N(map_kib, "SYMFAST_MAP_KIB", 16384, 256, 1048576, "upper limit of the shared map, KiB")   \
	W(watch, "SYMFAST_WATCH", 1, "0|1",                                                        \
	  "0: ld.so's breakpoint stays as it is; unloads are then unseen (ADR 0011)")              \
	W(phdr, "SYMFAST_PHDR", SF_PHDR_OFF, "off|serial|free",                                    \
	  "dl_iterate_phdr: libc's, without its lock but one callback at a time, or all at once")  \
	W(addr, "SYMFAST_ADDR", 1, "off|on",                                                       \
	  "dladdr and backtrace_symbols: libc's, or answered from an index of each object")        \
	N(index_kib, "SYMFAST_INDEX_KIB", 65536, 256, 1048576,                                     \
	  "upper limit of all address indexes together, KiB")                                      \
	T(retain, "SYMFAST_RETAIN", "", list, 1024, "GLOB[=keep][:GLOB...]; @FILE; !GLOB",         \
	  "files that stay mapped when they are closed, and are as new when opened again; empty: " \
	  "none")                                                                                  \
	N(retain_max, "SYMFAST_RETAIN_MAX", 32, 0, 64, "so many closed objects stay at most")      \
	N(retain_kib, "SYMFAST_RETAIN_KIB", 65536, 0, 1048576,                                     \
	  "upper limit of the copies of retained objects' memory, KiB")                            \
	N(retain_idle_s, "SYMFAST_RETAIN_IDLE_S", 0, 0, 604800,                                    \
	  "so long after its close an object is really closed, at the host's next dlopen or "      \
	  "dlclose; 0: never")                                                                     \
	W(go, "SYMFAST_GO", SF_GO_ON, "off|libc|strict|on",                                        \
	  "Go hosts: off, only the C level, a stat at every plugin.Open, or the full detour")      \
	N(go_ttl_ms, "SYMFAST_GO_TTL_MS", 100, 0, 3600000,                                         \
	  "Go hosts: how long a canonical plugin path is trusted, milliseconds")                   \
	W(go_modules, "SYMFAST_GO_MODULES", 0, "0|1",                                              \
	  "Go hosts with many plugins: 1: shorten the runtime's walks over its modules")

/* Settings that limit what is served: a bad value means off. */
#define SF_SETTINGS_SAFE "SYMFAST|SYMFAST_DISABLE|SYMFAST_CANARY|SYMFAST_KILL_FILE|SYMFAST_CONF"
/* Variables of the demo, the tests and the program: known, and nothing to the library. */
#define SF_SETTINGS_OTHERS                                                                         \
	"SYMFAST_LIB|SYMFAST_CLI|SYMFAST_MADE|SYMFAST_ROOT|SYMFAST_TEST_SEED|"                     \
	"SYMFAST_GO_DEV_AB|SYMFAST_GO_DEV_SLOW|SYMFAST_GO_DEV_SWITCH|SYMFAST_GO_VERSIONS|"         \
	"SYMFAST_GO_SECONDS|SYMFAST_GO_GOROUTINES|SYMFAST_GO_OFFLINE|SYMFAST_GO_MIRROR|"           \
	"SYMFAST_GO_WORKS|SYMFAST_GO_OPS|SYMFAST_GO_TOOLCHAINS|SYMFAST_GO_FULL|SYMFAST_GO_WORK|"   \
	"SYMFAST_GO_ARCH"

struct sf_settings {
	unsigned int wrong; /* something that limits was wrong: `mode` is off */
#define W(name, variable, def, words, text)    unsigned int name;
#define N(name, variable, def, min, max, text) unsigned int name;
#define T(name, variable, def, form, size, values, text)                                           \
	struct sf_parsed name;                                                                     \
	char name##_text[size];
	SF_SETTINGS(W, N, T)
#undef W
#undef N
#undef T
};

extern SF_HIDDEN struct sf_settings sf_settings;

/* Sets the defaults, then reads `envp` (may be NULL). Writes only lines for bad values and names. */
void sf_settings_read(char **envp);
/* Prints every setting as "symfast: NAME=VALUE", one line each. */
void sf_settings_print(void);

#endif
