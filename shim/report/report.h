// SPDX-License-Identifier: BSD-2-Clause
// report.h: the lines of SYMFAST_VERBOSE and SYMFAST_STATS.
#ifndef SF_REPORT_H
#define SF_REPORT_H

#include "../base/attr.h"

/* The effective settings, and the state that came of them; why dl_iterate_phdr is libc's, or NULL. */
void sf_report_start(const char *not_walking);
/* State, counters, what verify compared, and in observe mode the estimate. */
void sf_report_end(void);
/* SYMFAST_SITES_FILE, if it is wanted and anything was sampled. At exit. */
void sf_sites_file_write(void);

#endif
