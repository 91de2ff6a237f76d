// SPDX-License-Identifier: BSD-2-Clause
// The readers of Go's code for the processor that this is compiled for.
#ifndef SF_IMAGE_GO_NATIVE_H
#define SF_IMAGE_GO_NATIVE_H

#ifdef __aarch64__
#include "go_arm64.h"
#define sf_go_native_parse        sf_go_arm64_parse
#define sf_go_native_parse_locked sf_go_arm64_parse_locked
#define sf_go_native_parse_walk   sf_go_arm64_parse_walk
#else
#include "go_modules.h"
#define sf_go_native_parse        sf_go_parse
#define sf_go_native_parse_locked sf_go_parse_locked
#define sf_go_native_parse_walk   sf_go_parse_walk
#endif

#endif
