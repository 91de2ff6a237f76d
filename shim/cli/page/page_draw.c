// SPDX-License-Identifier: BSD-2-Clause
// page_draw.c: the drawings of the page, as inline SVG of 360 units width: a phone shows them at
// their own size.
#include "page.h"

#include "../base/interval.h"
#include "../base/value.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 360.0
#define LEFT  8.0
#define RIGHT 8.0

/* Values to places between the margins. */
struct scale {
	double min, max;
	bool log;
};

static double
page_draw_place(const struct scale *s, double v)
{
	double from = s->log ? log(s->min) : s->min, to = s->log ? log(s->max) : s->max;
	double at = s->log ? log(fmax(v, s->min)) : v;

	return LEFT + (WIDTH - LEFT - RIGHT) * (to > from ? (at - from) / (to - from) : 0.5);
}

static void
page_draw_begin(FILE *out, const char *title, double height)
{
	fputs("<figure><figcaption>", out);
	page_text(out, title);
	fprintf(out, "</figcaption><svg viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"", WIDTH,
		height);
	page_text(out, title);
	fputs("\">\n", out);
}

static void
page_draw_end(FILE *out)
{
	fputs("</svg></figure>\n", out);
}

static void
page_draw_label(FILE *out, double x, double y, const char *anchor, const char *class,
		const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor,
		class);
	page_text(out, text);
	fputs("</text>\n", out);
}

static void
page_draw_line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
		class, x1, y1, x2, y2);
}

/* The axis at `y` with the values at its ends below it. */
static void
page_draw_axis(FILE *out, const struct scale *s, double y, const char *unit)
{
	char text[64];

	page_draw_line(out, "axis", LEFT, y, WIDTH - RIGHT, y);
	page_draw_label(out, LEFT, y + 14, "start", "",
			value_text(text, sizeof(text), s->min, unit));
	page_draw_label(out, WIDTH - RIGHT, y + 14, "end", "",
			value_text(text, sizeof(text), s->max, unit));
}

/* From the least to the greatest x of all series; false if there is none. */
static bool
page_draw_span(const struct page_draw_series *series, size_t count, struct scale *s)
{
	s->min = INFINITY;
	s->max = -INFINITY;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < series[i].count; k++) {
			s->min = fmin(s->min, series[i].x[k]);
			s->max = fmax(s->max, series[i].x[k]);
		}
	return s->min <= s->max;
}

void
page_draw_strip(FILE *out, const char *title, const char *unit,
		const struct page_draw_series *series, size_t count)
{
	double height = 40.0 * (double)count + 24;
	struct scale s = {0};
	char text[64], value[32];

	if (!page_draw_span(series, count, &s))
		return;
	page_draw_begin(out, title, height);
	for (size_t i = 0; i < count; i++) {
		double y = 40.0 * (double)i + 28, *copy, median;

		if (series[i].count == 0)
			continue;
		copy = cli_alloc(series[i].count, sizeof(*copy));
		memcpy(copy, series[i].x, series[i].count * sizeof(*copy));
		median = interval_median(copy, series[i].count);
		free(copy);
		snprintf(text, sizeof(text), "%s, median %s", series[i].name,
			 value_text(value, sizeof(value), median, unit));
		page_draw_label(out, LEFT, y - 14, "start", series[i].class, text);
		for (size_t k = 0; k < series[i].count; k++)
			fprintf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
				series[i].class, page_draw_place(&s, series[i].x[k]), y);
		snprintf(text, sizeof(text), "median %s", series[i].class);
		page_draw_line(out, text, page_draw_place(&s, median), y - 9,
			       page_draw_place(&s, median), y + 9);
	}
	page_draw_axis(out, &s, 40.0 * (double)count + 4, unit);
	page_draw_end(out);
}

static void
page_draw_curve(FILE *out, const struct scale *s, const struct page_draw_series *one, double top,
		double bottom)
{
	double last = bottom;

	fprintf(out, "<polyline class=\"%s\" points=\"", one->class);
	for (size_t k = 0; k < one->count; k++) {
		double x = page_draw_place(s, one->x[k]), y = bottom - (bottom - top) * one->y[k];

		fprintf(out, "%.1f,%.1f %.1f,%.1f ", x, last, x, y);
		last = y;
	}
	fprintf(out, "%.1f,%.1f\"/>\n", WIDTH - RIGHT, last);
}

void
page_draw_curves(FILE *out, const char *title, const char *unit,
		 const struct page_draw_series *series, size_t count)
{
	const double top = 22, bottom = 160;
	struct scale s = {.log = true};
	double x = LEFT;

	if (!page_draw_span(series, count, &s) || s.min <= 0)
		return;
	if (s.max <= s.min)
		s.max = s.min * 2;
	page_draw_begin(out, title, bottom + 20);
	for (int quarter = 0; quarter < 4; quarter++) {
		double y = top + (bottom - top) * quarter / 4;
		char text[16];

		page_draw_line(out, "axis", LEFT, y, WIDTH - RIGHT, y);
		snprintf(text, sizeof(text), "%d %%", 100 - 25 * quarter);
		page_draw_label(out, WIDTH - RIGHT, y - 3, "end", "", text);
	}
	for (size_t i = 0; i < count; i++) {
		if (series[i].count == 0)
			continue;
		page_draw_curve(out, &s, &series[i], top, bottom);
		page_draw_label(out, x, 12, "start", series[i].class, series[i].name);
		x += 8 * (double)strlen(series[i].name) + 12;
	}
	page_draw_axis(out, &s, bottom, unit);
	page_draw_end(out);
}

void
page_draw_intervals(FILE *out, const char *title, const struct page_draw_interval *rows,
		    size_t count)
{
	double height = 34.0 * (double)count + 22;
	struct scale s = {.min = 0.9, .max = 1.1, .log = true};
	char text[96];

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		s.min = fmin(s.min, rows[i].low);
		s.max = fmax(s.max, rows[i].high);
	}
	page_draw_begin(out, title, height);
	page_draw_line(out, "axis", page_draw_place(&s, 1), 4, page_draw_place(&s, 1), height - 18);
	for (size_t i = 0; i < count; i++) {
		double y = 34.0 * (double)i + 26;
		const char *class = rows[i].low > 1 ? "stock" : "symfast";

		snprintf(text, sizeof(text), "%s %.3f", rows[i].name, rows[i].at);
		page_draw_label(out, LEFT, y - 10, "start", "", text);
		page_draw_line(out, class, page_draw_place(&s, rows[i].low), y,
			       page_draw_place(&s, rows[i].high), y);
		fprintf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n", class,
			page_draw_place(&s, rows[i].at), y);
	}
	page_draw_axis(out, &s, height - 18, "");
	page_draw_end(out);
}
