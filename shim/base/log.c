// SPDX-License-Identifier: BSD-2-Clause
// log.c: see log.h.
#include "log.h"

#include "quiet.h"

static void
log_append(struct sf_line *l, char c)
{
	if (l->len < SF_LINE_MAX - 1)
		l->text[l->len++] = c;
}

void
sf_line_start(struct sf_line *l)
{
	l->len = 0;
	sf_line_str(l, "symfast: ");
}

void
sf_line_str(struct sf_line *l, const char *s)
{
	while (*s != '\0')
		log_append(l, *s++);
}

void
sf_line_clean(struct sf_line *l, const char *s, size_t max)
{
	for (; *s != '\0' && max > 0; s++, max--)
		log_append(l, *s >= ' ' && *s < 127 ? *s : '?');
}

void
sf_line_quote(struct sf_line *l, const char *s, size_t max)
{
	log_append(l, '"');
	sf_line_clean(l, s, max);
	log_append(l, '"');
}

void
sf_line_u64(struct sf_line *l, uint64_t v)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	while (n > 0)
		log_append(l, digits[--n]);
}

void
sf_line_write(struct sf_line *l)
{
	l->text[l->len++] = '\n';
	sf_quiet_stderr(l->text, l->len);
}
