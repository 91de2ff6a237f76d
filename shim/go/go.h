// SPDX-License-Identifier: BSD-2-Clause
// Go: plugin.Open of a running Go host answered on the goroutine's own stack, and realpath
// answered from a validated cache in Go hosts whose code is not the known one.
//
//   entry/ constructor --> sf_go_init()  recognises the host (host.c), asks image/go_plugin for the
//                            |           form, installs the two jumps (detour.c)
//                            v
//   plugin.open +18 ------> look-up stub (x86_64/detour_stubs.S) --> sf_go_lookup() (leaf.c): hit or miss
//   plugin.open, map hit -> fill stub ----------------------> sf_go_fill()   (leaf.c)
//   the host's slot for realpath, rewritten (bind.c) --> sf_go_realpath() (realpath.c)
#ifndef SF_GO_GO_H
#define SF_GO_GO_H

#include "../base/attr.h"
#include "../observe/settings.h"

#include <link.h>

struct symfast_shm_histogram;

// What the constructor hands in. Nothing of it is kept but the three pointers at the end.
struct sf_go_env {
	const struct link_map *main; // the executable; its l_next chain is the initial set
	const struct link_map *libc; // where clock_gettime is taken from
	const ElfW(Phdr) * phdr;     // the executable's, as getauxval tells: ld.so corrects it if
	size_t phnum;                // it was started as a command, and needs no /proc
	size_t page;                 // bytes
	enum sf_go_mode mode;        // SYMFAST_GO
	unsigned int ttl_ms;         // SYMFAST_GO_TTL_MS
	bool modules;                // SYMFAST_GO_MODULES
	bool verbose;                // one line on patch or refusal
	// A/B: of 10000 calls so many are answered here, 0: all of them, untimed; one in mask + 1 is
	// timed. Rows by arm (observe/histogram.h), all four there, or there is no A/B.
	uint32_t ab_share, ab_mask;
	struct symfast_shm_histogram *ab_open[2], *ab_realpath[2];
	void (*log)(const char *line);                  // may be NULL; the line has no newline
	char *(*realpath)(const char *name, char *out); // next definition; NULL: no C level
	int *(*errno_location)(void);                   // __errno_location; NULL: no C level
	// In observe: called in place of realpath by the executable, and asks it. Nothing else is done to the
	// host; NULL: it is served.
	char *(*observed)(const char *name, char *out);
	// Called at each realpath of the executable, which plugin.open makes when it goes Go's own
	// way; may be NULL.
	void (*look)(void);
};

enum sf_go_state {
	SF_GO_STATE_NO_HOST, // not Go, or Go without package plugin: nothing was touched
	SF_GO_STATE_OFF,     // SYMFAST_GO=off
	SF_GO_STATE_LIBC,    // refused, or SYMFAST_GO=libc: realpath only
	SF_GO_STATE_DETOUR,  // both jumps are in place
	SF_GO_STATE_SEEN,    // observed: its calls of realpath are counted and timed
	SF_GO_STATE_UNSEEN,  // observed, but it has no slot for realpath that could be
};

// Is it a Go program with package plugin? Anything else sf_go_init leaves alone. No system call.
bool sf_go_is_host(const struct link_map *main);

// Call once, from the constructor, before the Go runtime starts (one thread). Calls no function of
// libc; system calls only in a Go host. Never fails: the worst outcome is an untouched host.
enum sf_go_state sf_go_init(const struct sf_go_env *env);

// The live switch, on after sf_go_init. Off: every plugin.Open and realpath takes the host's own way
// from its next call on, and nothing is kept. On again: nothing that was kept before counts without a
// proof (a stat, or Go's own answer). Any thread, any number of times, signal handlers too; nothing
// happens in a process that is not served. The patched code stays: a look-up pays for one load.
void sf_go_serve(bool on);

// Are the executable's calls of realpath answered by sf_go_realpath? Constant after sf_go_init.
extern SF_HIDDEN bool sf_go_serves_realpath;

// realpath(3) for such a host: same result, same errno as the next definition, which answers
// whatever the cache cannot prove. Any thread; not from signal handlers (nor is realpath); after
// fork: yes.
SF_HIDDEN char *sf_go_realpath(const char *name, char *out);

// Calls each(arg, "go.hit", value) for every counter; also "go.refused.<word>" as 0 or 1.
void sf_go_counters(void (*each)(void *arg, const char *name, uint64_t value), void *arg);

// For live readers: three pages of the room's own, over which pages of a shared file may be mapped
// once they have the same contents, and the names of what stands in two of them.
struct sf_go_live {
	void *control; // era and eras at the offsets of symfast_shm.h's control
	void *stripes; // one block of counters for each CPU
	void *fills;   // one block
	uint32_t era, eras;
	const char *stripe_names; // one after the other, each with its NUL
	const char *fill_names;
	uint32_t stripe_bytes, stripe_count, fill_bytes, fill_count;
	const char *refusal; // word of go.refused.*, "" if there is none
};
void sf_go_live(struct sf_go_live *out);

// Forgets counters and locks in the child after fork.
void sf_go_forked(void);

#endif
