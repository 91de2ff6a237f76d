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
 * A new file of SYMFAST_SHM_SIZE bytes that nobody else can see yet: a process that is killed before
 * sf_file_publish() leaves nothing, where the file system can do that. -errno: cannot be.
 */
int sf_file_create(uint32_t pid);
/* Gives it its name; one that is left of an earlier process of the same number is replaced. */
bool sf_file_publish(int fd);
/* Is this error one that passes? */
bool sf_file_may_pass(int error);
/* Is the descriptor open on the file that was published? */
bool sf_file_is(int fd);
/* pid, uid, start time, namespace, program, clocks, library. */
void sf_file_identity(struct symfast_shm_header *h, uint32_t pid);
/* All n bytes, without touching the mapping. */
bool sf_file_write(int fd, const void *p, size_t n, size_t offset);
/* Removes the file that sf_file_create made last. */
void sf_file_unlink(void);
/* Removes files of dead processes that were not removed by themselves. */
void sf_file_tidy(void);

/* ---- segment_sweep.c ---- */

/* What a file says of itself, zero where it is shorter. False: it cannot be opened. */
struct sf_file_peek {
	struct symfast_shm_header header;
	struct symfast_shm_control control;
};
bool sf_file_peek(long dir, const char *name, struct sf_file_peek *p);
/* Must it be seen after the end of its process? */
bool sf_file_is_marked(const struct sf_file_peek *p);
/* Removes them, for names that begin with `prefix`. */
void sf_file_sweep(const char *directory, const char *prefix, uint64_t pid_space);

#endif
