// SPDX-License-Identifier: BSD-2-Clause
// Recognises the machine code of Go's plugin.open: a pure reader over bytes that either describes
// the two places where a detour may be put, or says why not.
#ifndef SF_IMAGE_GO_PLUGIN_H
#define SF_IMAGE_GO_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Every reason why a Go host is left alone. The parser returns those up to SF_GO_REFUSE_EPILOGUE,
// the installer the rest; they share one list because an operator reads one word.
#define SF_GO_REFUSALS(X)                                                                          \
	X(NONE, "none", "the shape is the one known for this version")                             \
	X(VERSION, "version", "this Go version is not on the list")                                \
	X(RACE, "race", "built with the race detector")                                            \
	X(SIZE, "size", "plugin.open has an implausible size")                                     \
	X(ENTRY, "entry", "the stack check at the entry is another one")                           \
	X(FRAME, "frame", "the frame does not follow the stack check")                             \
	X(GROW, "grow", "the stack check does not lead to morestack and back")                     \
	X(NAME, "name", "the name is not saved in its two argument slots")                         \
	X(CALLS, "calls", "not exactly one map access and one channel receive")                    \
	X(PATH, "path", "the canonical path is not saved after gostring")                          \
	X(KEY, "key", "the map key is not that path")                                              \
	X(SITE, "site", "the map access is not followed by load, test, je")                        \
	X(SLOT, "slot", "the plugin is not kept in one slot across the receive")                   \
	X(EPILOGUE, "epilogue", "the success epilogue is another one")                             \
	X(LOCKED, "locked", "where a goroutine's binding to its thread is kept is not known")      \
	X(SYMBOLS, "symbols", "a runtime symbol is missing")                                       \
	X(PROBE, "probe", "a probe stands in the code")                                            \
	X(ROOM, "room", "no memory within reach of the code")                                      \
	X(PROTECT, "protect", "the code may not be made writable")                                 \
	X(CLOCK, "clock", "no coarse clock")                                                       \
	X(CPU, "cpu", "no detour for this processor")

enum sf_go_refusal {
#define SF_GO_ENUM(id, word, text) SF_GO_REFUSE_##id,
	SF_GO_REFUSALS(SF_GO_ENUM)
#undef SF_GO_ENUM
		SF_GO_REFUSAL_COUNT
};

// What the reader is told. Addresses are run-time addresses; only their differences matter.
struct sf_go_code {
	const uint8_t *bytes; // the whole of plugin.open
	size_t size;
	uint64_t addr;       // where `bytes` lies (or would lie) in the host
	uint64_t mapaccess;  // runtime.mapaccess1_faststr
	uint64_t chanrecv;   // runtime.chanrecv1
	uint64_t gostring;   // runtime.gostring
	uint64_t morestack;  // runtime.morestack_noctxt.abi0
	const char *version; // runtime.buildVersion, not NUL-terminated
	size_t version_len;
	bool race; // the host contains the race detector
};

#define SF_GO_MOVED_MAX 7
#define SF_GO_END_MAX   8
#define SF_GO_JE_LEN    6

// What the installer needs. Offsets of code count from the entry of plugin.open; slots are offsets
// from RSP as it stands at `site`. Each place is one whole instruction of six bytes or more.
struct sf_go_shape {
	uint32_t check;     // the subtraction that takes the frame; the look-up's jump goes here
	uint32_t moved_len; // its length
	uint8_t moved[SF_GO_MOVED_MAX];
	bool pushed;        // RBP is on the stack by then
	uint32_t frame;     // bytes that the prologue takes from the stack, without a pushed RBP
	uint32_t site;      // the je after the map access, RDX = *Plugin; the fill's jump goes here
	uint32_t resume;    // what follows it
	uint32_t missing;   // where it leads if there is no plugin
	uint32_t name_slot; // pointer; the length is beside it
	uint32_t path_ptr_slot;
	uint32_t path_len_slot;
	uint32_t end;     // load of *Plugin after the receive: what is left is to return it
	uint32_t end_len; // of that instruction
	uint8_t end_moved[SF_GO_END_MAX];
};

// Fills *shape and returns SF_GO_REFUSE_NONE, or returns the reason and leaves *shape zeroed. Reads
// nothing but code->bytes[0..size) and code->version; no allocation, no state, any thread, any
// signal.
enum sf_go_refusal sf_go_parse(const struct sf_go_code *code, struct sf_go_shape *shape);

// Reads runtime.unlockOSThread: the offset in a goroutine's record of the word that is not 0 while the
// goroutine is bound to its thread; 0 if the code is another one.
uint32_t sf_go_parse_locked(const uint8_t *bytes, size_t size);

// True for a release whose field offsets and stack rules are known: "go1.24" or "go1.24.4", with the
// words of a vendor or of experiments behind it or not: "go1.24.4 X:nodwarf5", "go1.24.4-vendor".
bool sf_go_version_listed(const char *version, size_t len);

// The word of a reason (for counters) and its sentence; never NULL.
const char *sf_go_refusal_word(enum sf_go_refusal why);
const char *sf_go_refusal_text(enum sf_go_refusal why);

#endif
