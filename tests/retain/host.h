// SPDX-License-Identifier: BSD-2-Clause
// What the retain tests share: cycles of opening, use and closing, and what the host does within constructors and destructors.
#ifndef SF_RETAIN_HOST_H
#define SF_RETAIN_HOST_H

#include "../conform/row.h"
#include "lab/part.h"
#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a row does when a plugin begins or ends; `who` is its name. Reset by nobody: a row is a process. */
extern void (*host_on_begin)(const char *who);
extern void (*host_on_end)(const char *who);
extern bool host_throws; /* plugin throws.so: throw */
extern bool host_quiet;  /* plugins say nothing */

/* Opens a plugin: of the lab, or at a path with a slash; says how it ended. */
void *host_open(const char *file, int mode);
void *host_open_by_name(const char *name, int mode); /* as it is: the linker searches for it */
void host_close(void *handle);
/* Calls NAME_touch(), and says that it could not. */
void host_touch(void *handle, const char *name);
/* Open, touch, close, `n` times. NAME is the file's without .so. */
void host_cycle(const char *name, int n);
/* What RTLD_NOLOAD says of a file. */
void host_loaded(const char *file);
void host_loaded_bare(const char *name); /* not of the lab */
/* What the linker says now of a pending error. */
void host_error(const char *when);

/* A copy of a plugin of the lab in the row's folder, old enough to be known; gives its path. */
const char *host_copy(const char *file, const char *to);
/* So long that a changed file's times tell it. */
void host_settle(void);

#endif
