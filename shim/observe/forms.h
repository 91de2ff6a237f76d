// SPDX-License-Identifier: BSD-2-Clause
// forms.h: settings that are more than a word or a number: their syntax and their meaning.
#ifndef SF_FORMS_H
#define SF_FORMS_H

#include "../base/attr.h"

struct sf_parsed {
	unsigned int n, arg;
};

/* Case does not matter in any word. Each returns false, and leaves `out` alone, if `value` is not of its form. */

/* n: enum sf_mode; arg: N of "verify:1/N" (0: every call), 1/10000 of "ab:PERCENT". */
bool sf_form_mode(const char *value, struct sf_parsed *out);
/* "5", "5%", "0.25%": n in 1/10000, at most 10000. */
bool sf_form_percent(const char *value, struct sf_parsed *out);
/* "1/4096": n is the 4096, at most 2^30. "0": n is 0. */
bool sf_form_ratio(const char *value, struct sf_parsed *out);
/* "host", "pod", "pid", "env:NAME": n is the place in that list. */
bool sf_form_key(const char *value, struct sf_parsed *out);
/* Empty (n 0), or an absolute path (n 1). */
bool sf_form_path(const char *value, struct sf_parsed *out);

/* Anything: n is whether there is something. */
bool sf_form_list(const char *value, struct sf_parsed *out);

/* A letter of the alphabet as a small one. */
SF_INLINE char
sf_form_small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * The place of `value` in `words`, which are separated by '|'. Where the list has one of them, on, yes,
 * true and 1 are the same word, and off, no, false and 0 are.
 */
bool sf_form_word(const char *words, const char *value, unsigned int *out);
/* The same without other names. */
bool sf_form_listed(const char *words, const char *value, unsigned int *out);

/* How many letters must be changed, put in or left out to make `known` of the first n of `name`. */
unsigned int sf_form_distance(const char *name, size_t n, const char *known);

/* The least power of two that is not less than n, minus one. */
unsigned int sf_form_mask(unsigned int n);

/* The length of the name in NAME=VALUE. */
size_t sf_form_name_length(const char *entry);
/* Is the name of n bytes one of those in `list`, which are separated by '|'? */
bool sf_form_is_in(const char *list, const char *name, size_t n);

#endif
