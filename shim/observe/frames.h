// SPDX-License-Identifier: BSD-2-Clause
// frames.h: the calling thread's stack, frame by frame, by .eh_frame (image/unwind.h).
//
// No lock, no allocation, no libc function. Stacks are read through process_vm_readv, so a wrong rule ends the
// walk and not the host.
#ifndef SF_FRAMES_H
#define SF_FRAMES_H

#include "../base/attr.h"

/* The return addresses of this thread's stack, innermost first; how many there are. */
uint32_t sf_frames_walk(uintptr_t *pc, uint32_t max);

#endif
