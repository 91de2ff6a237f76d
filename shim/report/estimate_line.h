// SPDX-License-Identifier: BSD-2-Clause
// estimate_line.h: the lines at exit that tell what the map would have saved.
#ifndef SF_ESTIMATE_LINE_H
#define SF_ESTIMATE_LINE_H

/* Nothing, if nothing was observed. */
void sf_estimate_line_print(void);

#endif
