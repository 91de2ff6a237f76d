// SPDX-License-Identifier: BSD-2-Clause
// settings.h: the one table of settings: environment name, kind, default, range, meaning.
//
// Read once, in the constructor. A bad value gives one line on standard error and the default; in
// secure mode (AT_SECURE) the environment is not read at all.
#ifndef SF_SETTINGS_H
#define SF_SETTINGS_H

#include "../base/attr.h"

enum sf_mode { SF_MODE_OFF, SF_MODE_OBSERVE, SF_MODE_ON };
enum sf_phdr_mode { SF_PHDR_OFF, SF_PHDR_SERIAL, SF_PHDR_FREE };
enum sf_go_mode { SF_GO_OFF, SF_GO_LIBC, SF_GO_STRICT, SF_GO_ON };

/*
 * W(name, variable, default, words, text): one of `words` (separated by '|', the value is the
 *                                          word's place in the list)
 * N(name, variable, default, min, max, text): a decimal number
 */
#define SF_SETTINGS(W, N)                                                                          \
	W(mode, "SYMFAST", SF_MODE_ON, "off|observe|on",                                           \
	  "off: every call goes straight to libc; observe: libc answers, calls are counted")       \
	W(disable, "SYMFAST_DISABLE", 0, "0|1", "1: stand aside before anything else is done")     \
	W(stats, "SYMFAST_STATS", 0, "0|1", "1: print the counters when the process exits")        \
	W(verbose, "SYMFAST_VERBOSE", 0, "0|1", "1: print the effective settings at start")        \
	N(map_kib, "SYMFAST_MAP_KIB", 16384, 256, 1048576, "upper limit of the shared map, KiB")   \
	N(thread_kib, "SYMFAST_THREAD_KIB", 64, 0, 64,                                             \
	  "upper limit of memory per thread, KiB; below 8 threads get no table of their own")      \
	W(watch, "SYMFAST_WATCH", 1, "0|1",                                                        \
	  "0: ld.so's breakpoint stays as it is; unloads are then unseen (ADR 0011)")              \
	W(phdr, "SYMFAST_PHDR", SF_PHDR_OFF, "off|serial|free",                                    \
	  "dl_iterate_phdr: libc's, without its lock but one callback at a time, or all at once")  \
	W(go, "SYMFAST_GO", SF_GO_ON, "off|libc|strict|on",                                        \
	  "Go hosts: off, only the C level, a stat at every plugin.Open, or the full detour")      \
	N(go_ttl_ms, "SYMFAST_GO_TTL_MS", 100, 0, 3600000,                                         \
	  "Go hosts: how long a canonical plugin path is trusted, milliseconds")

struct sf_settings {
#define W(name, variable, def, words, text)    unsigned int name;
#define N(name, variable, def, min, max, text) unsigned int name;
	SF_SETTINGS(W, N)
#undef W
#undef N
};

extern struct sf_settings sf_settings;

/* Sets the defaults, then reads `envp` (may be NULL). Writes only lines for bad values. */
void sf_settings_read(char **envp);
/* Prints every setting as "symfast: NAME=VALUE", one line each. */
void sf_settings_print(void);

#endif
