// SPDX-License-Identifier: BSD-2-Clause
// realpath.c: realpath, wrapped for Go hosts only: plugin.Open calls it at every turn.
//
// Everywhere else it is one jump to the next definition. realpath does not look at its caller, so
// no stub is needed.
#include "entry.h"

#include "../go/go.h"
#include "../libc/next.h"
#include <errno.h>

char *realpath(const char *restrict name, char *restrict out);

/* Called before our constructor, perhaps before our relocation. */
static SF_NOINLINE char *
early_realpath(const char *name, char *out)
{
	sf_boot();
	if (sf_next.realpath != NULL)
		return sf_next.realpath(name, out);
	errno = ENOSYS;
	return NULL;
}

SF_EXPORT char *
realpath(const char *restrict name, char *restrict out)
{
	if (sf_unlikely(sf_next.realpath == NULL))
		return early_realpath(name, out);
	if (sf_unlikely(sf_go_serves_realpath))
		return sf_go_realpath(name, out);
	return sf_next.realpath(name, out);
}
