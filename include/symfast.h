// SPDX-License-Identifier: BSD-2-Clause
// symfast.h: public C API for hosts that know they run under libsymfast.so. Optional: no host needs
// it. Declare the functions weak, or find them by dlsym, to run with and without the shim.
#ifndef SYMFAST_H
#define SYMFAST_H

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
 * Returns: "on", "observe", "pass" (off, disabled or standing aside), "early" or "cold" (before its
 * constructor). A constant string. Errors: none. Thread-safe, async-signal-safe.
 */
const char *symfast_state(void);

/*
 * One counter by name, for example "dlsym.hit" (the list is in docs/counters.md).
 * name: NUL-terminated. value: receives the sum over all threads since start or fork, in events.
 * Returns: 0; -1 if there is no counter of that name or an argument is NULL, *value untouched.
 * Thread-safe (the sum is not a snapshot of one instant), async-signal-safe.
 */
int symfast_counter(const char *name, uint64_t *value);

#ifdef __cplusplus
}
#endif

#endif
