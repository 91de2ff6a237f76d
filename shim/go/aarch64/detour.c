// SPDX-License-Identifier: BSD-2-Clause
// No detour on this processor yet: every Go host is refused and served by the C level.
#include "../detour.h"

enum sf_go_refusal
sf_go_detour_install(uint8_t *open, const struct sf_go_shape *shape,
		     const struct sf_go_leaves *leaves)
{
	(void)open;
	(void)shape;
	(void)leaves;
	return SF_GO_REFUSE_CPU;
}
