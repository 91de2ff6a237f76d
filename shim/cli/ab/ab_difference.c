// SPDX-License-Identifier: BSD-2-Clause
// ab_difference.c: where two outputs begin to differ, as a person would look for it.
#include "ab.h"

#include <string.h>
#include <unistd.h>

#define SHOWN 60 /* bytes of a line that differs */

/* The line around a place, from its beginning, made printable. */
static json_t *
ab_difference_line(const char *text, size_t size, size_t begin)
{
	const char *end = memchr(text + begin, '\n', size - begin);
	size_t n = end != NULL ? (size_t)(end - text) - begin : size - begin;
	char line[SHOWN + 1], clean[4 * SHOWN + 1];

	n = n < SHOWN ? n : SHOWN;
	memcpy(line, text + begin, n);
	line[n] = '\0';
	return json_string(cli_clean(clean, sizeof(clean), line));
}

json_t *
ab_difference(int first, int other)
{
	static char a[1 << 16], b[1 << 16];
	size_t line = 1, begin = 0, i = 0;
	off_t at = 0;
	ssize_t m, n;

	/* The block that differs, and whole lines before it. */
	for (;; at += m) {
		m = pread(first, a, sizeof(a), at);
		n = pread(other, b, sizeof(b), at);
		if (m <= 0 || m != n || memcmp(a, b, (size_t)m) != 0)
			break;
		for (ssize_t k = 0; k < m; k++)
			line += a[k] == '\n';
	}
	m = m > 0 ? m : 0;
	n = n > 0 ? n : 0;
	for (; i < (size_t)m && i < (size_t)n && a[i] == b[i]; i++)
		if (a[i] == '\n') {
			line++;
			begin = i + 1;
		}
	return json_pack("{s:I,s:I,s:o,s:o}", "line", (json_int_t)line, "column",
			 (json_int_t)(i - begin + 1), "first",
			 ab_difference_line(a, (size_t)m, begin), "other",
			 ab_difference_line(b, (size_t)n, begin));
}
