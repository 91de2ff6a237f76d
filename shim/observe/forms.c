// SPDX-License-Identifier: BSD-2-Clause
// forms.c: see forms.h.
#include "forms.h"

#include "../base/bytes.h"
#include "settings.h"

#define RATIO_MAX     1073741824u
#define DISTANCE_MOST 48

/* The text after `word`, or NULL if it does not begin with it. */
static const char *
forms_after(const char *text, const char *word)
{
	while (*word != '\0')
		if (sf_form_small(*text++) != *word++)
			return NULL;
	return text;
}

/* Is `text` this word, and nothing more? */
static bool
forms_is(const char *text, const char *word)
{
	text = forms_after(text, word);
	return text != NULL && *text == '\0';
}

/* Digits up to `max`; moves the text behind them. */
static bool
forms_number(const char **text, unsigned int max, unsigned int *out)
{
	const char *p = *text;
	uint64_t n = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > max)
			return false;
	}
	*out = (unsigned int)n;
	*text = p;
	return true;
}

bool
sf_form_percent(const char *value, struct sf_parsed *out)
{
	unsigned int whole, unit = 100, parts;

	if (!forms_number(&value, 100, &whole))
		return false;
	parts = whole * 100;
	if (*value == '.') {
		for (value++; unit > 1 && *value >= '0' && *value <= '9'; value++) {
			unit /= 10;
			parts += (unsigned int)(*value - '0') * unit;
		}
		if (unit == 100)
			return false;
	}
	if (*value == '%')
		value++;
	if (*value != '\0' || parts > 10000)
		return false;
	*out = (struct sf_parsed){parts, 0};
	return true;
}

bool
sf_form_ratio(const char *value, struct sf_parsed *out)
{
	const char *rest = forms_after(value, "1/");
	unsigned int n = 0;

	if (rest == NULL && !sf_bytes_same(value, "0"))
		return false;
	if (rest != NULL && (!forms_number(&rest, RATIO_MAX, &n) || *rest != '\0' || n == 0))
		return false;
	*out = (struct sf_parsed){n, 0};
	return true;
}

bool
sf_form_mode(const char *value, struct sf_parsed *out)
{
	static const struct {
		char word[8];
		enum sf_mode mode;
	} words[] = {{"off", SF_MODE_OFF},
		     {"observe", SF_MODE_OBSERVE},
		     {"verify", SF_MODE_VERIFY},
		     {"on", SF_MODE_ON}};
	struct sf_parsed arg;
	const char *rest;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!forms_is(value, words[i].word))
			continue;
		*out = (struct sf_parsed){words[i].mode, 0};
		return true;
	}
	rest = forms_after(value, "verify:");
	if (rest != NULL && sf_form_ratio(rest, &arg) && arg.n != 0) {
		*out = (struct sf_parsed){SF_MODE_VERIFY, arg.n};
		return true;
	}
	rest = forms_after(value, "ab:");
	/* Both arms must have somebody in them. */
	if (rest != NULL && sf_form_percent(rest, &arg) && arg.n != 0 && arg.n != 10000) {
		*out = (struct sf_parsed){SF_MODE_AB, arg.n};
		return true;
	}
	return false;
}

bool
sf_form_key(const char *value, struct sf_parsed *out)
{
	static const char words[][5] = {"host", "pod", "pid"};
	const char *name = forms_after(value, "env:");

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!forms_is(value, words[i]))
			continue;
		*out = (struct sf_parsed){i, 0};
		return true;
	}
	if (name == NULL || *name == '\0' || sf_bytes_has(name, '='))
		return false;
	*out = (struct sf_parsed){3, 0};
	return true;
}

bool
sf_form_list(const char *value, struct sf_parsed *out)
{
	*out = (struct sf_parsed){*value != '\0', 0};
	return true;
}

bool
sf_form_path(const char *value, struct sf_parsed *out)
{
	if (*value != '\0' && *value != '/')
		return false;
	*out = (struct sf_parsed){*value != '\0', 0};
	return true;
}

bool
sf_form_listed(const char *words, const char *value, unsigned int *out)
{
	unsigned int place = 0;

	for (const char *w = words;; place++) {
		const char *v = value;

		while (*w != '\0' && *w != '|' && *w == sf_form_small(*v)) {
			w++;
			v++;
		}
		if ((*w == '\0' || *w == '|') && *v == '\0') {
			*out = place;
			return true;
		}
		while (*w != '\0' && *w != '|')
			w++;
		if (*w++ == '\0')
			return false;
	}
}

bool
sf_form_word(const char *words, const char *value, unsigned int *out)
{
	unsigned int place;

	if (sf_form_listed(words, value, out))
		return true;
	if (sf_form_listed("off|no|false|0", value, &place))
		return sf_form_listed(words, "off", out) || sf_form_listed(words, "0", out);
	if (sf_form_listed("on|yes|true|1", value, &place))
		return sf_form_listed(words, "on", out) || sf_form_listed(words, "1", out);
	return false;
}

/* Levenshtein's, one row at a time; names of settings are shorter than the row. */
unsigned int
sf_form_distance(const char *name, size_t n, const char *known)
{
	unsigned char row[DISTANCE_MOST + 1];
	size_t m = sf_bytes_length(known, DISTANCE_MOST);

	n = n < DISTANCE_MOST ? n : DISTANCE_MOST;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned char)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned int corner = row[0];

		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= m; j++) {
			bool same = sf_form_small(name[i - 1]) == sf_form_small(known[j - 1]);
			unsigned int least = corner + !same;

			corner = row[j];
			least = corner + 1u < least ? corner + 1u : least;
			least = row[j - 1] + 1u < least ? row[j - 1] + 1u : least;
			row[j] = (unsigned char)least;
		}
	}
	return row[m];
}

unsigned int
sf_form_mask(unsigned int n)
{
	unsigned int mask = 0;

	while (mask + 1 < n)
		mask = mask * 2 + 1;
	return mask;
}

size_t
sf_form_name_length(const char *entry)
{
	size_t n = 0;

	while (entry[n] != '\0' && entry[n] != '=')
		n++;
	return n;
}

bool
sf_form_is_in(const char *list, const char *name, size_t n)
{
	for (; *list != '\0'; list += *list == '|') {
		size_t i = 0;

		while (i < n && list[i] == name[i])
			i++;
		if (i == n && (list[i] == '|' || list[i] == '\0'))
			return true;
		while (*list != '\0' && *list != '|')
			list++;
	}
	return false;
}
