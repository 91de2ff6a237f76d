// SPDX-License-Identifier: BSD-2-Clause
// Installs the two jumps into plugin.open.
#ifndef SF_GO_DETOUR_H
#define SF_GO_DETOUR_H

#include "../image/go_plugin.h"
#include "../base/attr.h"

// `open` is plugin.open's entry, `shape` what the parser made of it, the leaves are the C functions
// behind the stubs. Either both jumps are in place, or the reason is returned and the host's code
// is byte for byte what it was. One thread, before any Go code runs.
enum sf_go_refusal sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
					uint64_t (*lookup)(const char *, size_t),
					void (*fill)(const char *, const char *));

#endif
