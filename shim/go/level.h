// SPDX-License-Identifier: BSD-2-Clause
// What host.c, realpath.c and go_counters.c of this room share.
#ifndef SF_GO_LEVEL_H
#define SF_GO_LEVEL_H

#include "../image/go_plugin.h"
#include "go.h"

// Why the detour was refused; SF_GO_REFUSE_NONE if it was not, or was not asked for.
extern SF_HIDDEN enum sf_go_refusal sf_go_refused;
// X(ID, "name", "meaning"): 0 or 1, once for all at start.
#define SF_GO_MODULE_COUNTERS(X)                                                                   \
	X(MODULES, "go.modules", "1: the walks over modules are shortened")                        \
	X(MODULES_REFUSED, "go.modules.refused", "1: that was asked for and refused")

// Were the walks over modules shortened, and if asked for and not, why not?
extern SF_HIDDEN bool sf_go_modules_shortened;
extern SF_HIDDEN enum sf_go_refusal sf_go_modules_refused;

// Readies sf_go_realpath; false if the environment lacks a pointer that it needs or memory is
// short.
bool sf_go_level_init(const struct sf_go_env *env);
// Readies it to look and to pass on, where plugin.open itself is served.
bool sf_go_level_watch(const struct sf_go_env *env);
// Leads the executable's calls of realpath to sf_go_realpath; false if it has none that could be.
bool sf_go_bind_realpath(const struct sf_go_env *env);
// In the child after fork.
void sf_go_level_forked(void);

#endif
