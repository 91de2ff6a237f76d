// SPDX-License-Identifier: BSD-2-Clause
// metrics_accept.c: which format a client takes: the older one, unless it says that it rather has OpenMetrics.
#include "metrics.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROOM 256 /* of a media range; a longer one is none of ours */

/* Cuts white space at both ends. */
static char *
metrics_accept_trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* A weight of RFC 9110, in thousandths: 0 to 1 with at most three decimals; what is none of that is 0. */
static int
metrics_accept_weight(const char *text)
{
	int n = 0, unit = 1000;

	if (*text != '0' && *text != '1')
		return 0;
	n = (*text++ - '0') * unit;
	if (*text == '.')
		while (*++text >= '0' && *text <= '9' && unit > 1)
			n += (*text - '0') * (unit /= 10);
	return *text == '\0' && n <= 1000 ? n : 0;
}

struct accepted {
	int open, text; /* the best weights */
};

static bool
metrics_accept_one_of(const char *text, const char *a, const char *b)
{
	return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

/* One media range: its type, its version and its weight. */
static void
metrics_accept_range(struct accepted *a, char *range)
{
	char *save, *part = strtok_r(range, ";", &save), *type, *value;
	const char *version = "";
	int weight = 1000;
	bool open;

	if (part == NULL)
		return;
	type = metrics_accept_trim(part);
	while ((part = strtok_r(NULL, ";", &save)) != NULL) {
		part = metrics_accept_trim(part);
		value = strchr(part, '=');
		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcasecmp(part, "q") == 0)
			weight = metrics_accept_weight(value);
		else if (strcasecmp(part, "version") == 0)
			version = value;
	}
	open = strcasecmp(type, "application/openmetrics-text") == 0 &&
	       (*version == '\0' || metrics_accept_one_of(version, "1.0.0", "0.0.1"));
	if (open && weight > a->open)
		a->open = weight;
	if (strcasecmp(type, "text/plain") == 0 && weight > a->text &&
	    (*version == '\0' || strcmp(version, "0.0.4") == 0))
		a->text = weight;
}

enum metrics_format
metrics_accepted(const char *accept)
{
	struct accepted a = {0, 0};

	while (accept != NULL && *accept != '\0') {
		size_t n = strcspn(accept, ",");
		char range[ROOM];

		if (n < sizeof(range)) {
			memcpy(range, accept, n);
			range[n] = '\0';
			metrics_accept_range(&a, range);
		}
		accept += n + (accept[n] == ',');
	}
	return a.open > 0 && a.open >= a.text ? METRICS_OPEN : METRICS_TEXT;
}
