// SPDX-License-Identifier: BSD-2-Clause
// wording.h: the format of libc's backtrace_symbols_fd, read from libc's own code.
//
// Up to glibc 2.39 a line is FILE(SYMBOL+0xOFFSET)[0xADDRESS], FILE[0xADDRESS] without a symbol or a load
// bias; later ones write a space before the bracket, and the parentheses always. Distributions backport such
// changes, so the release number does not tell. The strings that the function's code refers to do: ")" in the one, ") " and "() " in the other.
#ifndef SF_WORDING_H
#define SF_WORDING_H

#include "../image/symbols.h"

enum sf_wording {
	SF_WORDING_UNSEEN, /* not looked at yet */
	SF_WORDING_UNKNOWN,
	SF_WORDING_CLOSE, /* up to 2.39 */
	SF_WORDING_SPACE, /* later */
};

/* By the code of the function; the pieces lie in one of the segments. */
enum sf_wording sf_wording_of(const uint8_t *code, size_t size, const struct sf_segment *segments,
			      unsigned int count);
/* Of the next backtrace_symbols_fd. Reads memory only; looked at once. */
enum sf_wording sf_wording_libc(void);

#endif
