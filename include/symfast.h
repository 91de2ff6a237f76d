// SPDX-License-Identifier: BSD-2-Clause
// symfast.h: public C API for hosts that know they run under libsymfast.so. Optional: no host needs
// it. Nothing is linked: find the functions by dlsym, or declare them weak, to run with and without the
// shim. Weak needs a position-independent program: the linker of a -no-pie one makes the names 0 for good.
#ifndef SYMFAST_H
#define SYMFAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The version of the loaded shim, "MAJOR.MINOR.PATCH".
 * Returns: a constant string. Errors: none. Thread-safe, async-signal-safe.
 */
const char *symfast_version(void);

/*
 * What the shim does in this process now.
 * Returns: "on", "ab", "observe", "verify", "off" (switched off while running), "pass" (off by setting, not
 * chosen, disabled or cannot be served: for good), "early" or "cold" (before its constructor). A constant
 * string. Errors: none. Thread-safe, async-signal-safe.
 */
const char *symfast_state(void);

/*
 * One counter by name, for example "dlsym.hit" (the list is in docs/counters.md).
 * name: NUL-terminated. value: receives the sum over all threads since start or fork, in events.
 * Returns: 0; -1 if there is no counter of that name or an argument is NULL, *value untouched.
 * Thread-safe (the sum is not a snapshot of one instant), async-signal-safe.
 */
int symfast_counter(const char *name, uint64_t *value);

#define SYMFAST_BUILD_ID_MAX 32

/* What symfast_symbolize says about one address. */
struct symfast_symbol {
	const char *object; /* file name as dladdr gives it; NULL: in no object, or not known */
	const void *object_base; /* where the object's map begins; NULL with `object` */
	const char *symbol;      /* name as dladdr gives it; NULL: between the dynamic symbols */
	uint64_t offset;        /* bytes from the symbol, else from object_base, else the address */
	uint32_t build_id_size; /* bytes in build_id; 0: none, or not known */
	uint8_t build_id[SYMFAST_BUILD_ID_MAX];
};

/* Flag: never ask libc. What no index covers yet stays unknown. */
#define SYMFAST_SYMBOLIZE_NOWAIT 1u

/*
 * Objects and symbols of many addresses, as dladdr would name them.
 * addresses, count: what to look up; program counters, not reduced by one. out: `count` results, each
 * written. flags: 0 or SYMFAST_SYMBOLIZE_NOWAIT; unknown bits are ignored.
 * Returns: how many of them lie in a known object. Errors: none; errno and dlerror stay as they are.
 * The strings belong to the objects and are good for as long as these are loaded; nothing is allocated.
 * Thread-safe. Async-signal-safe and lock-free with SYMFAST_SYMBOLIZE_NOWAIT; without it, libc's dladdr
 * is asked for what no index covers: it waits for the loader's lock and is not safe in a handler.
 */
size_t symfast_symbolize(void *const *addresses, size_t count, struct symfast_symbol *out,
			 unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif
