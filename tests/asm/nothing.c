// SPDX-License-Identifier: BSD-2-Clause
// An empty preload: what any preloaded object costs.
extern int nothing;
int nothing;
