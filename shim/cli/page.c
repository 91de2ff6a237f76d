// SPDX-License-Identifier: BSD-2-Clause
// page.c: see page.h: the frame of the page.
#include "page.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
page_text(FILE *out, const char *text)
{
	size_t size = strlen(text) * 3 + 1;
	char *clean = cli_clean(cli_alloc(size, 1), size, text);

	for (const char *c = clean; *c != '\0'; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*c, out);
		}
	}
	free(clean);
}

void
page_fact(FILE *out, const char *name, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fputs("<tr><th>", out);
	page_text(out, name);
	fputs("<td>", out);
	page_text(out, text);
	fputs("\n", out);
}

int
page_save(const json_t *document, const char *path)
{
	const char *kind = json_string_value(json_object_get(document, "kind"));
	struct cli_file f;
	bool ok;

	if (strcmp(kind, "ab") != 0 && strcmp(kind, "stat") != 0) {
		cli_error("there is no page for a file of symfast %s", kind);
		return CLI_TARGET;
	}
	if (!cli_file_open(&f, path))
		return CLI_FAILED;
	/* The policy makes a browser refuse whatever a hostile text might have smuggled in. */
	fprintf(f.stream,
		"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n"
		"<title>symfast %s</title>\n<style>%s</style></head><body><main>\n",
		kind, page_style);
	if (strcmp(kind, "ab") == 0)
		page_ab(f.stream, document);
	else
		page_stat(f.stream, document);
	fprintf(f.stream, "<p class=\"soft\">symfast %s</p>\n</main></body></html>\n", SF_VERSION);
	ok = !ferror(f.stream);
	return cli_file_close(&f) && ok ? CLI_OK : CLI_FAILED;
}
