// SPDX-License-Identifier: BSD-2-Clause
// revive.h: libc has loaded something by itself (NSS, iconv), unseen until ld.so told, and it needs closed objects.
//
// They are new again, and their constructors run before those of what needs them: that gets a stub, which revives them;
// without a place they are revived at once.
#ifndef SF_RETAIN_REVIVE_H
#define SF_RETAIN_REVIVE_H

#include "../base/attr.h"

/* Objects behind the initial set: now, and when ld.so last told of a change. Notes it, whenever ld.so does. */
unsigned int sf_retain_revive_count(void);
extern SF_HIDDEN unsigned int sf_retain_revive_last;
void sf_retain_revive_known(void);

/* ld.so has told of a load that is not the shim's. */
void sf_retain_revive_foreign(int argc, char **argv, char **envp);

/* Revives what is to be revived. */
void sf_retain_revive(int argc, char **argv, char **envp);

#endif
