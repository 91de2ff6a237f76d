// SPDX-License-Identifier: BSD-2-Clause
// The table of opened plugins and the two functions that run on a goroutine's stack.
//
// Concurrency: one writer at a time (`filling`, which is only ever tried): a fill, or a reader that
// proves what a fill has left. Any number of readers, no lock and no store to shared memory on a hit
// except the reader's own counter stripe. Entries are never moved, changed in name, or freed: a
// reader that has found one may use it for ever. Progress: readers wait-free but for one retry-free
// seqlock read per variant (torn = no match).
//
// Rules for these objects (leaf.c, fill.c), tests/go/leaf_rules: about 790 bytes of stack, no SSE register, no TLS
// variable, no lazy binding, no libc function but the clock through `clock`, no call from one to the
// other; see meson.build for the flags.
#ifndef SF_GO_LEAF_H
#define SF_GO_LEAF_H

#include "../base/attr.h"
#include "../image/go_plugin.h"
#include <time.h>

#define SF_GO_SLOTS     2048         // probe table; never more than half full
#define SF_GO_ENTRIES   1024         // names
#define SF_GO_VARIANTS  4            // identities per name: what a switched symlink has pointed to
#define SF_GO_NAME_MAX  4095         // PATH_MAX without its NUL: a longer name cannot be opened
#define SF_GO_ARENA     (768u << 10) // all entries and their paths together
#define SF_GO_STRIPES   64           // counter lines; one per CPU on machines up to that size
#define SF_GO_SWITCH_AT 1640         // symfast_shm.h: control.go_era in the file's first page
#ifdef __x86_64__
#define SF_GO_PAGE 4096
#else
#define SF_GO_PAGE 65536
#endif
#define SF_GO_RENEW_NS 50000000u // half a time to live for names that have none
#define SF_GO_LOOK_NS                                                                              \
	200000000u // between two renewals that go Go's own way for who looks at realpath
#define SF_GO_SLOW_NS   1000000u     // a proof that slept and took longer is a slow one: then
#define SF_GO_PAUSE_NS  1000000000u  // so long without another; the same for what no stat proves,
#define SF_GO_REMOTE_NS 60000000000u // and so long if another machine or process answers
#define SF_GO_NULL_MAX  4096         // Go panics recoverably for addresses below; so must we

// X(ID, "name", "meaning"): counted on a stripe, by readers; 8 words fill its cache line.
#define SF_GO_STRIPE_COUNTERS(X)                                                                   \
	X(HIT, "go.hit", "canonical name answered within its time to live")                        \
	X(CHECKED, "go.checked", "answered after a stat of the name")                              \
	X(REFRESH, "go.refresh", "sent to Go on purpose, to renew a time to live")                 \
	X(MISS, "go.miss", "name not in the table")                                                \
	X(STALE, "go.stale", "name known, but its file is another one now, or gone")               \
	X(BYPASS_NAME, "go.bypass.name", "empty, too long or unreadable name")                     \
	X(BYPASS_OFF, "go.bypass.off", "asked while the live switch was off")                      \
	X(BYPASS_STOCK, "go.bypass.stock", "A/B: a look-up of the stock arm")

// The same, counted by the one writer.
#define SF_GO_FILL_COUNTERS(X)                                                                     \
	X(FILL, "go.fill", "plugin kept")                                                          \
	X(RENEW, "go.renew", "plugin seen again, identity and time renewed")                       \
	X(SKIP_STATE, "go.skip.state", "not kept: failed, or its init still runs")                 \
	X(SKIP_NAME, "go.skip.name", "not kept: name too long or with a NUL")                      \
	X(SKIP_FILE, "go.skip.file",                                                               \
	  "not proved: linked twice, remote, just changed, no plain file")                         \
	X(SKIP_KERNEL, "go.skip.kernel",                                                           \
	  "not proved: no statx (before Linux 4.11), or it does not tell the mount (before 5.8)")  \
	X(SKIP_FULL, "go.skip.full", "not kept: the table is full")                                \
	X(SKIP_BUSY, "go.skip.busy", "not kept or not proved: another one was being written")      \
	X(SLOW, "go.slow", "proofs that slept and took more than a millisecond")                   \
	X(BYPASS_PAUSED, "go.bypass.paused",                                                       \
	  "sent to Go: its file was slow a moment ago, or no stat can prove it")                   \
	X(AB_SENT, "go.ab.sent", "A/B: timed look-ups that went Go's own way")                     \
	X(AB_ENDED, "go.ab.ended", "of them: those whose end was seen, and so their duration")     \
	X(AB_LOST, "go.ab.lost", "A/B: not timed, for want of a place for the start")

enum sf_go_stripe_counter {
#define SF_GO_ENUM(id, name, text) SF_GO_##id,
	SF_GO_STRIPE_COUNTERS(SF_GO_ENUM) SF_GO_STRIPE_COUNT,
};
enum sf_go_fill_counter { SF_GO_FILL_COUNTERS(SF_GO_ENUM) SF_GO_FILL_COUNT };
#undef SF_GO_ENUM

// What tells one file from every other, and from itself at another place: a rename or a new link
// changes ctime, a second link is refused, and a bind mount is another mount.
struct sf_go_identity {
	uint64_t mount, device, inode, ctime_sec, ctime_nsec;
};

// What Go said: the name's canonical path was this one, and its plugin that one. The second holds for
// ever; the first is proved whenever it is used.
struct sf_go_variant {
	uint32_t seq;    // odd while the writer is inside; 0 = never used
	uint32_t proved; // `id` is what lay at the path when it was walked without a symlink
	struct sf_go_identity id;
	uint64_t value;
	char *path;    // NULL: the name itself
	uint32_t room; // bytes there, the last one always NUL
};

struct sf_go_entry {
	uint64_t hash;  // written before the entry is published, like all up to `len`
	uint64_t value; // of a canonical name: its plugin, for ever
	uint32_t len;
	uint32_t era;     // not 0: the name is the path that realpath made of it, as last seen then
	uint64_t expires; // coarse ns; the writer renews it
	uint64_t elected; // until then no reader renews; readers compete with one CAS
	uint64_t paused;  // until then no proof is tried
	uint32_t next_variant;
	struct sf_go_variant variant[SF_GO_VARIANTS];
	char name[]; // with NUL, padded to 8
};

struct sf_go_stripe {
	uint64_t n[8];
} SF_CACHE;

// One table of names. The detour and the C level have one each and never both in one process.
struct sf_go_table {
	// Read by every look-up, written by init only.
	uint64_t key[2];   // of the hash, per process
	uint64_t half_ttl; // ns; 0 = every look-up checks
	int (*clock)(clockid_t id, struct timespec *out);
	intptr_t rseq; // offset of glibc's struct rseq from the thread pointer; 0 = none
	struct sf_go_entry **slots;
	uint32_t locked; // in g: not 0 while the goroutine is bound to its thread; 0: not known
	// Somebody looks for something at each realpath (the kill file): so often a renewal goes Go's own way, which
	// calls that. Coarse time from when on, and whether at all.
	uint64_t look_at;
	uint32_t looks;
	// Writer's own.
	char *arena SF_CACHE;
	size_t used;
	uint32_t entries;
	uint32_t filling;
	char path[SF_GO_NAME_MAX + 1]; // NUL-terminated copy for the kernel
	// Pages that the statistics segment is laid over (go.h, sf_go_live), so that another process
	// can read the counts and throw the switch. Each field stands where the file has it.
	struct {
		char gap[SF_GO_SWITCH_AT];
		uint32_t era;  // 0: off, everything is a miss; else the time since it is on
		uint32_t eras; // how many there were; sf_go_serve() and `symfast ctl` alone
	} __attribute__((aligned(SF_GO_PAGE)));
	struct {
		uint64_t fills[SF_GO_FILL_COUNT];
		uint64_t refusals[SF_GO_REFUSAL_COUNT]; // 1: refused for that reason
	} __attribute__((aligned(SF_GO_PAGE)));
	struct sf_go_stripe stripe[SF_GO_STRIPES] __attribute__((aligned(SF_GO_PAGE)));
};

// Where the writer finds its arguments, as offsets from the goroutine's RSP at the fill site.
struct sf_go_slots {
	uint32_t name, path_ptr, path_len;
};

// Hidden, so that no object reaches them through the linker's table.
extern struct sf_go_table sf_go_table __attribute__((visibility("hidden")));
extern struct sf_go_slots sf_go_slots __attribute__((visibility("hidden")));

// A *Plugin for the name, or 0: go Go's own way. Called by the look-up stub; `g` is the goroutine.
SF_HIDDEN uint64_t sf_go_lookup(const char *name, size_t len, uint64_t g);

// The same with A/B (arms.h): deals the call to an arm.
SF_HIDDEN uint64_t sf_go_lookup_split(const char *name, size_t len, uint64_t g);

// Keeps `plugin` if it is complete, and no call of A/B's stock arm has found it. Called by the fill
// stub with pluginsMu held.
SF_HIDDEN void sf_go_fill(const char *frame, const char *plugin, uint64_t g);

// The parts that the C level uses with its own values, on an ordinary stack.
uint64_t sf_go_table_get(struct sf_go_table *t, const char *name, size_t len);
void sf_go_table_put(struct sf_go_table *t, const char *name, size_t len, const char *path,
		     size_t path_len, uint64_t value);

#endif
