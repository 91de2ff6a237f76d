// SPDX-License-Identifier: BSD-2-Clause
// Installs the jumps into plugin.open: two, and a third one for A/B.
#ifndef SF_GO_DETOUR_H
#define SF_GO_DETOUR_H

#include "../image/go_plugin.h"
#include "../base/attr.h"

// The C functions behind the stubs; `g` is the goroutine.
struct sf_go_leaves {
	uint64_t (*lookup)(const char *name, size_t len, uint64_t g);
	void (*fill)(const char *frame, const char *plugin, uint64_t g);
	// A/B, both or neither: in place of `lookup`, and where plugin.open itself returns a plugin.
	uint64_t (*split)(const char *name, size_t len, uint64_t g);
	void (*end)(uint64_t g);
};

// `open` is plugin.open's entry, `shape` what the parser made of it. Either all jumps are in place,
// or the reason is returned and the host's code is byte for byte what it was. One thread, before any
// Go code runs.
enum sf_go_refusal sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
					const struct sf_go_leaves *leaves);

#endif
