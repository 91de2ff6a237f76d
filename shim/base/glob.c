// SPDX-License-Identifier: BSD-2-Clause
// glob.c: see glob.h.
#include "glob.h"

/* A bracket expression at `p`, behind its '['; moves `p` behind its ']'. Without one, '[' is itself. */
static bool
glob_bracket(const char **p, const char *end, char c)
{
	const char *at = *p;
	bool not = at < end && (*at == '!' || *at == '^'), in = false;

	at += not ;
	for (const char *first = at; at < end && (*at != ']' || at == first); at++) {
		if (at + 2 < end && at[1] == '-' && at[2] != ']') {
			in |= c >= at[0] && c <= at[2];
			at += 2;
		} else {
			in |= c == *at;
		}
	}
	if (at >= end)
		return c == '[';
	*p = at + 1;
	return in != not ;
}

/* One character against what stands at `*p`, which is moved behind it. */
static bool
glob_one(const char **p, const char *end, char c)
{
	char want = *(*p)++;

	if (want == '?')
		return true;
	if (want == '[')
		return glob_bracket(p, end, c);
	return want == c;
}

/* The usual loop with one point of return: the last '*' takes one more character. */
bool
sf_glob_match(const char *pattern, const char *end, const char *name)
{
	const char *star = NULL, *again = NULL;

	for (;;) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			again = name;
			continue;
		}
		if (*name == '\0' && pattern == end)
			return true;
		if (*name != '\0' && pattern < end && glob_one(&pattern, end, *name)) {
			name++;
			continue;
		}
		if (star == NULL || *again == '\0')
			return false;
		name = ++again;
		pattern = star;
	}
}
