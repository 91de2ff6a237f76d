// SPDX-License-Identifier: BSD-2-Clause
// retain_denied.h: files that are never retained, whatever SYMFAST_RETAIN says: globs over the file's own name.
#ifndef SF_RETAIN_DENIED_H
#define SF_RETAIN_DENIED_H

/*
 * libc opens the first of them by itself, unseen, while hosts may open them, too (iconv's, by their folder gconv, as well);
 * the others end with the process or keep threads of their own.
 */
#define SF_RETAIN_DENIED                                                                           \
	"!libnss_*:!libgcc_s.so*:!libasan.so*:!libtsan.so*:!libpthread*.so*:!libc.so*:!ld-linux*"

#endif
