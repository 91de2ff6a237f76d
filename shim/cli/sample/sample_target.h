// SPDX-License-Identifier: BSD-2-Clause
// sample_target.h: may this process be sampled? If not, one line says why, and what to do.
#ifndef SF_CLI_SAMPLE_TARGET_H
#define SF_CLI_SAMPLE_TARGET_H

#include "../../base/attr.h"
#include <sys/types.h>

#define SAMPLE_TARGET_TEXT 512

/* True; or false, and the reason in `why` (SAMPLE_TARGET_TEXT bytes), which begins with "process PID". */
bool sample_target_allowed(pid_t pid, char *why);
/* Why it may not be traced, as EPERM of ptrace does not tell. */
void sample_target_why_denied(pid_t pid, char *why);
/* "Tgid" and the like of /proc/PID/status as a number; -1: not there. */
long sample_target_status(pid_t pid, const char *name);

#endif
