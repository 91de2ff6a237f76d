// SPDX-License-Identifier: BSD-2-Clause
// counters.h: the one table of counters. Every call counts in exactly one outcome of its function;
// a look-up or load that is passed through also in one bypass reason.
//
// Each thread adds to its own block (plain increments, its own cache lines) in the statistics segment,
// so another process can read them while this one makes only hits. What happens before a thread has
// a block goes to a shared block by atomic adds. Blocks are never freed, so any thread can sum them
// at any time.
#ifndef SF_COUNTERS_H
#define SF_COUNTERS_H

#include "../base/atomic.h"

/* X(identifier, "name", "meaning") */
#define SF_COUNTERS(X)                                                                             \
	X(DLSYM_HIT, "dlsym.hit", "answered by the address of the name")                           \
	X(DLSYM_SHARED, "dlsym.shared", "answered from the shared map, by content")                \
	X(DLSYM_NEGATIVE, "dlsym.negative", "answered NULL, with the error libc would give")       \
	X(DLSYM_LEARN, "dlsym.learn", "asked of libc by the shim, cached if proved")               \
	X(DLSYM_PASS, "dlsym.pass", "passed through to libc")                                      \
	X(DEFAULT_HIT, "default.hit", "RTLD_DEFAULT answered by the address")                      \
	X(DEFAULT_SHARED, "default.shared", "RTLD_DEFAULT answered from the shared map")           \
	X(DEFAULT_NEGATIVE, "default.negative", "RTLD_DEFAULT answered NULL")                      \
	X(DEFAULT_LEARN, "default.learn", "RTLD_DEFAULT asked of libc by the shim")                \
	X(DEFAULT_PASS, "default.pass", "RTLD_DEFAULT passed through to libc")                     \
	X(NEXT_HIT, "next.hit", "RTLD_NEXT answered from a cell")                                  \
	X(NEXT_SHARED, "next.shared", "RTLD_NEXT answered from the shared map")                    \
	X(NEXT_NEGATIVE, "next.negative",                                                          \
	  "never: what lies behind the caller can still be loaded")                                \
	X(NEXT_LEARN, "next.learn", "RTLD_NEXT found by the shim, cached if proved")               \
	X(NEXT_PASS, "next.pass", "RTLD_NEXT of dlsym passed through to libc")                     \
	X(DLVSYM_HIT, "dlvsym.hit", "answered by the address of the name")                         \
	X(DLVSYM_SHARED, "dlvsym.shared", "answered from the shared map, by content")              \
	X(DLVSYM_NEGATIVE, "dlvsym.negative", "answered NULL, with the error libc would give")     \
	X(DLVSYM_LEARN, "dlvsym.learn", "asked of libc by the shim, cached if proved")             \
	X(DLVSYM_PASS, "dlvsym.pass", "passed through to libc")                                    \
	X(DLOPEN_HIT, "dlopen.hit", "open object handed out again without the loader lock")        \
	X(DLOPEN_REAL, "dlopen.real", "asked of libc, handle recorded")                            \
	X(DLOPEN_PASS, "dlopen.pass", "passed through to libc")                                    \
	X(DLMOPEN_PASS, "dlmopen.pass", "passed through to libc")                                  \
	X(DLCLOSE_HIT, "dlclose.hit", "gave back a reference without the loader lock")             \
	X(DLCLOSE_REAL, "dlclose.real", "closed by libc")                                          \
	X(DLERROR_OWN, "dlerror.own", "text of a negative answer of the shim")                     \
	X(DLERROR_PASS, "dlerror.pass", "passed through to libc")                                  \
	X(DLINFO_PASS, "dlinfo.pass", "passed through to libc")                                    \
	X(PHDR_WALK, "phdr.walk", "walked without libc's lock")                                    \
	X(PHDR_PASS, "phdr.pass", "asked of libc, though SYMFAST_PHDR is not off")                 \
	X(PHDR_WAIT, "phdr.wait", "of the walks: waited for an unload by another thread")          \
	X(PHDR_REST, "phdr.rest", "of the walks: ended by libc")                                   \
	X(DLADDR_HIT, "dladdr.hit", "dladdr, dladdr1 answered from the address cache")             \
	X(DLADDR_INDEX, "dladdr.index", "answered from the object's index")                        \
	X(DLADDR_PASS, "dladdr.pass", "passed through to libc")                                    \
	X(BACKTRACE_OWN, "backtrace.own", "frames of backtrace_symbols named without libc")        \
	X(BACKTRACE_ASK, "backtrace.ask", "frames of backtrace_symbols asked of libc one by one")  \
	X(BACKTRACE_PASS, "backtrace.pass", "calls of backtrace_symbols passed through to libc")   \
	X(SYMBOLIZE_OWN, "symbolize.own", "addresses of symfast_symbolize named without libc")     \
	X(SYMBOLIZE_ASK, "symbolize.ask", "those that were left to libc, or unknown")              \
	X(BYPASS_FIRST, "bypass.first", "first sighting of this name")                             \
	X(BYPASS_NEXT, "bypass.next", "RTLD_NEXT: dlvsym, or the caller was opened later")         \
	X(BYPASS_CALLER, "bypass.caller", "the caller's object decides, and is not a plain one")   \
	X(BYPASS_UNPROVEN, "bypass.unproven",                                                      \
	  "TLS, IFUNC, absolute or unique symbol, or no proof")                                    \
	X(BYPASS_DEFINER, "bypass.definer", "global symbol of an object that may be unloaded")     \
	X(BYPASS_HANDLE, "bypass.handle", "handle not known to be open")                           \
	X(BYPASS_LONG, "bypass.long", "name too long for the map")                                 \
	X(BYPASS_NULL, "bypass.null", "no readable name")                                          \
	X(BYPASS_NESTED, "bypass.nested", "called while this thread unloads an object")            \
	X(BYPASS_NEGATIVE, "bypass.negative", "a negative answer that could not be proved")        \
	X(BYPASS_RAW, "bypass.raw", "the host holds libc's own function, or asks for it")          \
	X(BYPASS_SPACE, "bypass.namespace", "more than one namespace")                             \
	X(BYPASS_BUSY, "bypass.busy", "this thread has no block (yet, or no more)")                \
	X(BYPASS_OFF, "bypass.off", "switched off: canary, breaker, kill file or ctl")             \
	X(BYPASS_OBSERVE, "bypass.observe", "observe mode")                                        \
	X(BYPASS_SNAPSHOT, "bypass.snapshot", "dl_iterate_phdr: no list, or within an unload")     \
	X(BYPASS_DEEP, "bypass.deep", "dl_iterate_phdr: within eight walks of this thread")        \
	X(BYPASS_VERIFY, "bypass.verify", "verify mode: libc's answer is the host's")              \
	X(BYPASS_STOCK, "bypass.stock", "A/B: a thread of the stock arm")                          \
	X(BYPASS_SEARCH, "bypass.search", "dlopen: the caller's own search path matters")          \
	X(BYPASS_MODE, "bypass.mode", "dlopen: unknown flag bits")                                 \
	X(BYPASS_STACK, "bypass.stack", "not learnt: on this stack there may be too little room")  \
	X(OBSERVE_REPEAT, "observe.repeat",                                                        \
	  "asked of libc in observe mode or the stock arm, and asked before")                      \
	X(OBSERVE_DLSYM, "observe.dlsym", "of those, by dlsym: it would be answered")              \
	X(OBSERVE_DEFAULT, "observe.default", "the same of RTLD_DEFAULT")                          \
	X(OBSERVE_NEXT, "observe.next", "the same of RTLD_NEXT")                                   \
	X(OBSERVE_DLVSYM, "observe.dlvsym", "the same of dlvsym")                                  \
	X(OBSERVE_LEARN, "observe.learn",                                                          \
	  "look-ups that would be learnt: asked before, but not "                                  \
	  "in this lifetime")                                                                      \
	X(OBSERVE_DLOPEN, "observe.dlopen", "dlopens of an open object, asked before")             \
	X(OBSERVE_DLADDR, "observe.dladdr", "dladdrs that an index could answer")                  \
	X(OBSERVE_OBJECT, "observe.object", "objects that an index would be built of")             \
	X(OBSERVE_BACKTRACE, "observe.backtrace", "calls of backtrace_symbols")                    \
	X(OBSERVE_FRAMES, "observe.frames", "frames of them that an index could answer")           \
	X(OBSERVE_PHDR, "observe.phdr", "walks of dl_iterate_phdr")                                \
	X(OBSERVE_REALPATH, "observe.realpath", "realpaths of a Go host, asked before")            \
	X(VERIFY_SAME, "verify.same", "the map's answer was compared with libc's: equal")          \
	X(VERIFY_MISMATCH, "verify.mismatch", "compared: different")                               \
	X(VERIFY_VOID, "verify.void", "not compared: the answer's lifetime ended meanwhile")       \
	X(BREAKER_TRIP, "breaker.trip", "times the breaker switched the process off")              \
	X(HOOK_SEEN, "hook.seen", "libc's own functions found patched: all is left to them")       \
	X(SAMPLE_HIT, "sample.hit", "hits that were timed")                                        \
	X(BYPASS_ADDR, "bypass.addr", "address: switched off, or another preload wraps dladdr")    \
	X(BYPASS_COLD, "bypass.cold", "address: its object has no index yet")                      \
	X(BYPASS_NOWHERE, "bypass.nowhere", "address: in no object, or between its segments")      \
	X(BYPASS_REFUSED, "bypass.refused", "address: its object cannot be indexed")               \
	X(BYPASS_CHANGE, "bypass.change", "address: a load or unload is under way")                \
	X(BYPASS_UNSEEN, "bypass.unseen", "address: its object could be unloaded unseen")          \
	X(MAP_INSERT, "map.insert", "answers written to the shared map")                           \
	X(MAP_EVICT, "map.evict", "answers dropped to make room")                                  \
	X(MAP_FULL, "map.full", "answers not cached: no memory of that size left")                 \
	X(OBJECT_OPEN, "object.open", "handles recorded as open")                                  \
	X(OBJECT_CLOSE, "object.close", "lifetimes of handles that ended")                         \
	X(OBJECT_ADOPT, "object.adopt", "handles pinned at their first look-up")                   \
	X(INDEX_OBJECT, "index.object", "objects that dladdr was asked about")                     \
	X(INDEX_SLICE, "index.slice", "slices of work on address indexes")                         \
	X(INDEX_BUILD, "index.build", "address indexes finished")                                  \
	X(INDEX_FREE, "index.free", "address indexes freed: their object was unloaded")            \
	X(INDEX_FULL, "index.full", "no room for an index or for one more object")                 \
	X(INDEX_REFUSE, "index.refuse", "objects whose tables cannot be indexed exactly")          \
	X(RETAIN_CLOSE, "retain.close",                                                            \
	  "closes of a retained object: destructors ran, it stays mapped")                         \
	X(RETAIN_OPEN, "retain.open",                                                              \
	  "loads of a retained object: constructors ran, nothing was mapped")                      \
	X(RETAIN_FIRST, "retain.first",                                                            \
	  "closes of a named object that libc made: what goes together was not seen yet")          \
	X(RETAIN_REFUSE, "retain.refuse", "closes of a named object that libc made: not provable") \
	X(RETAIN_RELEASE, "retain.release",                                                        \
	  "retained objects let go: limits, changes, others' loads")                               \
	X(RETAIN_REAL, "retain.real",                                                              \
	  "closes of a retained object that libc made, to compare the next load (verify)")         \
	X(RETAIN_DOUBT, "retain.doubt",                                                            \
	  "retained objects that were not as after a load: libc loads them from then on")          \
	X(SCOPE_CHANGE, "scope.change", "RTLD_GLOBAL loads: global negative answers end")          \
	X(RAW_HANDOUT, "raw.handout", "libc's own functions handed to the host")                   \
	X(THREAD_BLOCK, "thread.block", "thread blocks handed out")                                \
	X(COMPARED_DLSYM, "compared.dlsym", "values of dlsym by handle, compared with libc's")     \
	X(COMPARED_DEFAULT, "compared.default", "values of RTLD_DEFAULT, compared with the same")  \
	X(COMPARED_NEXT, "compared.next",                                                          \
	  "values of RTLD_NEXT, compared with what libc can be asked")                             \
	X(COMPARED_DLVSYM, "compared.dlvsym", "values of dlvsym, compared with libc's")            \
	X(COMPARED_NEGATIVE, "compared.negative",                                                  \
	  "negative answers of all three, compared with libc's; verify:1/N: texts by handle, too") \
	X(COMPARED_DLOPEN, "compared.dlopen", "handles of dlopen, compared with libc's")           \
	X(COMPARED_DLADDR, "compared.dladdr", "dladdr and dladdr1, compared with libc's")          \
	X(COMPARED_BACKTRACE, "compared.backtrace",                                                \
	  "frames of backtrace_symbols and backtrace_symbols_fd, compared with libc's")            \
	X(COMPARED_SYMBOLIZE, "compared.symbolize",                                                \
	  "addresses of symfast_symbolize, compared with libc's")                                  \
	X(COMPARED_RETAIN, "compared.retain",                                                      \
	  "retained objects after their constructors, compared with a real load")

enum sf_counter {
#define X(id, name, text) SF_##id,
	SF_COUNTERS(X)
#undef X
		SF_COUNTER_COUNT
};

/* Counters of a thread that found no block in the segment; these form a list that only grows. */
struct sf_counters {
	uint64_t n[SF_COUNTER_COUNT];
	struct sf_counters *next;
};

/* Takes the shared block from the segment. Once, in the constructor. */
void sf_counters_init(void);
/*
 * A thread's counters: a block of the segment or, without one, `own`, which then joins the sums. NULL:
 * the segment is busy, ask again.
 */
uint64_t *sf_counters_take(struct sf_counters *own);
/* Adds to the shared block: for threads that have none of their own. */
void sf_counters_add_shared(enum sf_counter id);
/* The sum over all threads, dead ones included. */
uint64_t sf_counters_sum(enum sf_counter id);
const char *sf_counters_name(enum sf_counter id);
/* Sets to zero what is not in the segment: in the child after fork, when no other thread exists. */
void sf_counters_reset(void);
/* Prints every counter that is not zero, one line each. */
void sf_counters_print(void);

#endif
