// SPDX-License-Identifier: BSD-2-Clause
// entry/dladdr.h: what the wrappers of dladdr and backtrace_symbols share.
#ifndef SF_ENTRY_DLADDR_H
#define SF_ENTRY_DLADDR_H

#include "../map/address.h"
#include "verify.h"

/*
 * The shim's answer for one address, counted and kept. False: libc has to be asked (the mode word says so, or
 * there is no answer: reason counted, a slice of the index perhaps built). Phase LIVE only. Never waits,
 * never allocates, touches neither errno nor dlerror.
 */
bool sf_address_answer(struct sf_thread *t, const void *address, struct sf_location *l,
		       enum sf_counter cached, enum sf_counter indexed);

/* What is to be done with libc's answer: nothing, for which libc is jumped to; compared; timed. */
enum sf_address_way { SF_ADDRESS_LEFT, SF_ADDRESS_COMPARED, SF_ADDRESS_TIMED };
#define SF_ADDRESS_DLADDR (-0x7fffffff - 1) /* it is dladdr: in place of dladdr1's flags */
/* libc's dladdr or dladdr1, called from here. */
int sf_address_ask(const void *address, Dl_info *info, void **extra, int flags,
		   enum sf_address_way way);

/* Verify mode: libc's dladdr1, compared with what the shim would have said. */
/* `kind`: as what it is counted, SF_COMPARED_... */
int sf_address_verify1(const void *address, Dl_info *info, void **extra, int flags,
		       enum sf_counter kind);

#endif
