// SPDX-License-Identifier: BSD-2-Clause
// No stub in front of the runtime's walks on this processor yet.
#include "../modules.h"

enum sf_go_refusal
sf_go_modules_install(const struct sf_go_walk_site *sites, int n, const uint32_t *era)
{
	(void)sites;
	(void)n;
	(void)era;
	return SF_GO_REFUSE_CPU;
}
