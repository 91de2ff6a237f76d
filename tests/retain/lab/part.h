// SPDX-License-Identifier: BSD-2-Clause
// What the host of the retain tests exports to its plugins.
#ifndef SF_PART_H
#define SF_PART_H

#ifdef __cplusplus
extern "C" {
#endif

void part_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A constructor and a destructor: the host prints, and does what the row has asked for. */
void part_begins(const char *who, int argc, char **argv, char **envp);
void part_ends(const char *who);
int part_throws(void); /* shall the constructor throw? */

#ifdef __cplusplus
}
#endif

#endif
