// SPDX-License-Identifier: BSD-2-Clause
// ctl.h: does to this process, through its statistics segment, what `symfast ctl` does from outside.
#ifndef SF_STRESS_CTL_H
#define SF_STRESS_CTL_H

#include <symfast_shm.h>

/* The segment of a process, writable; NULL if it has none. */
struct symfast_shm_header *stress_segment(int pid);
/* Its control. */
volatile struct symfast_shm_control *stress_control(struct symfast_shm_header *h);
/* The sum of one counter over all blocks, by its name; 0 if there is none of that name. */
uint64_t stress_counter(const struct symfast_shm_header *h, const char *name);
/* Sets the word as ctl would. */
void stress_set(struct symfast_shm_header *h, uint32_t word);

#endif
