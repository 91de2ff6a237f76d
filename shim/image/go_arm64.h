// SPDX-License-Identifier: BSD-2-Clause
// The readers of go_plugin.h and go_modules.h for aarch64. Pure readers over bytes: they run on any
// processor, as `symfast doctor` needs it.
#ifndef SF_IMAGE_GO_ARM64_H
#define SF_IMAGE_GO_ARM64_H

#include "go_modules.h"

// As sf_go_parse(). Each place in the shape is one instruction of four bytes; `check` is the
// subtraction from SP that makes the frame, `site` the load of *Plugin.
enum sf_go_refusal sf_go_arm64_parse(const struct sf_go_code *code, struct sf_go_shape *shape);

// As sf_go_parse_locked().
uint32_t sf_go_arm64_parse_locked(const uint8_t *bytes, size_t size);

// As sf_go_parse_walk(). `site` is the jump into the walk, `resume` where it leads, `reg` the
// register that holds the module.
enum sf_go_refusal sf_go_arm64_parse_walk(const struct sf_go_walk_code *code,
					  enum sf_go_walk_kind kind, struct sf_go_walk *walk);

#endif
