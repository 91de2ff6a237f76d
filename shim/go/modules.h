// SPDX-License-Identifier: BSD-2-Clause
// Shortens the runtime's walks over its modules (SYMFAST_GO_MODULES=1).
#ifndef SF_GO_MODULES_H
#define SF_GO_MODULES_H

#include "../image/go_modules.h"

// One pair for each 64 KiB of 512 MiB: more plugins than that share pairs, and walk.
#define SF_GO_MODULE_WORDS 8192

// One function: its entry, what the parser made of it, runtime.firstmoduledata.
struct sf_go_walk_site {
	uint8_t *entry;
	const uint8_t *first;
	struct sf_go_walk walk;
};

// Patches all `n` (at most 2) sites, or none and returns why. `era` is the switch's word, read at
// each walk that leaves the host's own module. One thread, before any Go code runs.
enum sf_go_refusal sf_go_modules_install(const struct sf_go_walk_site *sites, int n,
					 const uint32_t *era);

#endif
