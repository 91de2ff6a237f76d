// SPDX-License-Identifier: BSD-2-Clause
// savings.c: see savings.h.
#include "savings.h"

#include "../base/value.h"
#include <stdarg.h>
#include <string.h>

#define NAMED 0.05 /* parts that are this share of the largest are named */

static json_t *
savings_span(const struct sf_estimate_span *s)
{
	return json_pack("{s:f,s:f,s:f}", "least", s->least, "likely", s->likely, "most", s->most);
}

static json_t *
savings_part(const struct sf_estimate_part *p)
{
	json_t *out = json_pack("{s:s,s:f,s:f,s:f,s:f,s:o}", "function", p->name, "calls", p->calls,
				"answered", p->answered, "mean", p->mean_ns, "waited", p->waited,
				"saved", savings_span(&p->saved));

	if (p->why != NULL)
		json_object_set_new(out, "why", json_string(p->why));
	return out;
}

json_t *
savings_json(const struct sf_estimate *e)
{
	static const char *const words[] = {"none", "nothing", "saves", "costs", "cannot say"};
	json_t *out, *parts = json_array();

	for (unsigned int i = 0; i < e->parts; i++)
		json_array_append_new(parts, savings_part(&e->part[i]));
	out = json_pack("{s:s,s:s,s:f,s:f,s:f,s:f,s:f,s:f,s:o,s:o,s:o}", "verdict",
			words[e->verdict], "why", e->why != NULL ? e->why : "", "cpu", e->cpu_ns,
			"asked", e->asked, "repeats", e->repeats, "libc", e->libc_ns, "loading",
			e->loading_ns, "waited", e->waited, "saved", savings_span(&e->saved),
			"retained", savings_span(&e->retained), "functions", parts);
	return out;
}

static double
savings_of(const json_t *object, const char *span, const char *which)
{
	return json_number_value(json_object_get(json_object_get(object, span), which));
}

static void
savings_put(char *to, size_t size, const char *format, ...)
{
	size_t used = strlen(to);
	va_list list;

	va_start(list, format);
	vsnprintf(to + used, size - used, format, list);
	va_end(list);
}

static double
savings_size(double x)
{
	return x < 0 ? -x : x;
}

/* ": dladdr 30.2 %, dlsym 1.9 %" */
static void
savings_put_parts(char *to, size_t size, const json_t *s, double cpu)
{
	const json_t *list = json_object_get(s, "functions"), *p;
	const char *between = ": ";
	double most = 0, likely;
	size_t i;

	json_array_foreach(list, i, p)
	{
		likely = savings_size(savings_of(p, "saved", "likely"));
		if (json_object_get(p, "why") == NULL && likely > most)
			most = likely;
	}
	json_array_foreach(list, i, p)
	{
		likely = savings_of(p, "saved", "likely");
		if (json_object_get(p, "why") != NULL || savings_size(likely) < most * NAMED)
			continue;
		savings_put(to, size, "%s%s %.2f %%", between, document_text(p, "function"),
			    100 * likely / cpu);
		between = ", ";
	}
}

char *
savings_text(const json_t *document, char *to, size_t size)
{
	const json_t *s = json_object_get(document, "savings");
	const char *verdict = document_text(s, "verdict");
	double cpu = json_number_value(json_object_get(s, "cpu"));
	bool costs = strcmp(verdict, "costs") == 0;
	double sign = costs ? -100 : 100;
	char of[32];

	*to = '\0';
	if (!json_is_object(s))
		return to;
	if (strcmp(verdict, "cannot say") == 0)
		savings_put(to, size, "cannot say, because %s", document_text(s, "why"));
	else if (strcmp(verdict, "nothing") == 0 || !(cpu > 0))
		savings_put(to, size, "would save nothing");
	if (*to != '\0')
		return to;
	savings_put(to, size, "would %s %.2f %% (%.2f to %.2f) of %s CPU time",
		    costs ? "cost" : "save", sign * savings_of(s, "saved", "likely") / cpu,
		    sign * savings_of(s, "saved", costs ? "most" : "least") / cpu,
		    sign * savings_of(s, "saved", costs ? "least" : "most") / cpu,
		    value_text(of, sizeof(of), cpu, "ns"));
	savings_put_parts(to, size, s, cpu);
	return to;
}

bool
savings_more(const json_t *document, size_t i, char *to, size_t size)
{
	const json_t *s = json_object_get(document, "savings"), *p;
	double cpu = json_number_value(json_object_get(s, "cpu"));
	size_t k;

	*to = '\0';
	if (cpu > 0 && savings_of(s, "retained", "likely") > 0 && i-- == 0) {
		savings_put(to, size,
			    "retaining what is loaded again and again would save another %.2f %% "
			    "(%.2f to %.2f)",
			    100 * savings_of(s, "retained", "likely") / cpu,
			    100 * savings_of(s, "retained", "least") / cpu,
			    100 * savings_of(s, "retained", "most") / cpu);
		return true;
	}
	if (strcmp(document_text(s, "verdict"), "cannot say") == 0)
		return false;
	json_array_foreach(json_object_get(s, "functions"), k, p)
	{
		if (json_object_get(p, "why") == NULL || i-- != 0)
			continue;
		savings_put(to, size, "without %s, because %s", document_text(p, "function"),
			    document_text(p, "why"));
		return true;
	}
	return false;
}

void
savings_print(const json_t *document)
{
	char text[512];

	if (*savings_text(document, text, sizeof(text)) != '\0')
		printf("estimate: %s\n", text);
	for (size_t i = 0; savings_more(document, i, text, sizeof(text)); i++)
		printf("estimate: %s\n", text);
}
