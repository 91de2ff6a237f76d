// SPDX-License-Identifier: BSD-2-Clause
// branch.h: writes over instructions, aarch64.
#ifndef SF_BRANCH_H
#define SF_BRANCH_H

#include "atomic.h"

#define SF_BRANCH_REACH ((intptr_t)1 << 27) /* in either direction */

/* `b to`, as it stands at `at`; 0, which is no branch, if that is out of its reach. */
SF_INLINE uint32_t
sf_branch_encode(const void *at, const void *to)
{
	intptr_t away = (intptr_t)to - (intptr_t)at;

	if (away < -SF_BRANCH_REACH || away >= SF_BRANCH_REACH || away % 4 != 0)
		return 0;
	return 0x14000000u | ((uint32_t)(away / 4) & 0x3ffffffu);
}

/*
 * One aligned store, so that nobody sees half of it, and then the caches of all processors. A thread that is started
 * later begins with an exception return, which fetches anew.
 */
SF_INLINE void
sf_branch_write(void *at, uint32_t instruction)
{
	sf_store_32((uint32_t *)at, instruction);
	__builtin___clear_cache((char *)at, (char *)at + sizeof(instruction));
}

#endif
