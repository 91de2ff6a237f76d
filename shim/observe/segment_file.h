// SPDX-License-Identifier: BSD-2-Clause
// segment_file.h: the segment's file by raw system calls: create, write, identify, unlink.
#ifndef SF_SEGMENT_FILE_H
#define SF_SEGMENT_FILE_H

#include "segment.h"

/* Where files go from now on; cut if too long, and then no file is made. */
void sf_file_directory(const char *dir);
/* This process, as the kernel numbers it; asked anew at each call. */
uint32_t sf_file_pid(void);
/*
 * A new file of SYMFAST_SHM_SIZE bytes for this process; one that is left of an earlier process of
 * the same number (or of the program before exec) is replaced. -1: cannot be.
 */
int sf_file_create(uint32_t pid);
/* pid, uid, start time, namespace, program, clocks, library. */
void sf_file_identity(struct symfast_shm_header *h, uint32_t pid);
/* All n bytes, without touching the mapping. */
bool sf_file_write(int fd, const void *p, size_t n, size_t offset);
/* Removes the file that sf_file_create made last. */
void sf_file_unlink(void);
/* Removes files of dead processes that were not removed by themselves; not at every call. */
void sf_file_tidy(uint32_t pid, uint64_t pid_space);
/* segment_sweep.c: does it, for names that begin with `prefix`. */
void sf_file_sweep(const char *directory, const char *prefix, uint64_t pid_space);

#endif
