// SPDX-License-Identifier: BSD-2-Clause
// page.h: writes a document as one HTML page that loads nothing: style and drawings are inside.
#ifndef SF_CLI_PAGE_H
#define SF_CLI_PAGE_H

#include "../base/document.h"

/* A page for a document of kind "ab" or "stat"; CLI_OK, or a code after one line. */
int page_save(const json_t *document, const char *path);

/* The parts, each writes into the body. */
void page_ab(FILE *out, const json_t *document);
void page_stat(FILE *out, const json_t *document);
extern const char page_style[];

/* Text with what HTML takes for its own replaced. */
void page_text(FILE *out, const char *text);
/* Did it help, is it safe: the document's "answers", each a sentence; nothing if it has none. */
void page_answers(FILE *out, const json_t *document);
/* <tr><th>name<td>text */
void page_fact(FILE *out, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- drawings ---- */

struct page_draw_series {
	const char *name, *class; /* class: "stock" or "symfast", decides the colour */
	const double *x, *y;      /* y: NULL for a strip */
	size_t count;
};

/* Each value a dot on a line per series, and a mark at the median. */
void page_draw_strip(FILE *out, const char *title, const char *unit,
		     const struct page_draw_series *series, size_t count);
/* Step curves over a logarithmic x; y goes from 0 to 1. */
void page_draw_curves(FILE *out, const char *title, const char *unit,
		      const struct page_draw_series *series, size_t count);

struct page_draw_interval {
	const char *name;
	double low, at, high;
};
/* Ratios with their intervals, around 1. */
void page_draw_intervals(FILE *out, const char *title, const struct page_draw_interval *rows,
			 size_t count);

#endif
