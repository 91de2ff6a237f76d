// SPDX-License-Identifier: BSD-2-Clause
// proc.h: the few things that /proc tells about a process.
#ifndef SF_CLI_PROC_H
#define SF_CLI_PROC_H

#include "../../base/attr.h"

/* A file of /proc/PID, NUL-terminated, to be freed; NULL with errno. */
char *proc_read(unsigned long pid, const char *name, size_t *size);
/* Field 22 of /proc/PID/stat; 0 if there is no such process, or only its remains. */
uint64_t proc_start_time(unsigned long pid);
/* CPU time that it has used so far, in nanoseconds; 0 if that cannot be read. */
double proc_cpu_ns(unsigned long pid);
/* Whose process it is; false if there is none. */
bool proc_owner(unsigned long pid, unsigned long *uid);
/* The program's path, without " (deleted)"; false if it cannot be read. */
bool proc_exe(unsigned long pid, char *path, size_t size);
/* Cuts what the kernel appends to the path of a file that is gone. */
void proc_strip_deleted(char *path);
/* A user of ours as the process's user namespace calls it; `uid` if it has no name there. */
unsigned long proc_uid_inside(unsigned long pid, unsigned long uid);
/* Does its memory map name this text? */
bool proc_maps(unsigned long pid, const char *text);
/* The process's number in its own pid namespace, and that namespace's; `pid`, 0 if they are not known. */
unsigned long proc_own_pid(unsigned long pid);
uint64_t proc_space_of(unsigned long pid);
/* The number of our own pid namespace; 0 if it is not known. */
uint64_t proc_pid_space(void);

#endif
