// SPDX-License-Identifier: BSD-2-Clause
// page.c: see page.h: the frame of the page.
#include "page.h"

#include "../base/output.h"
#include <stdarg.h>
#include <string.h>

int
page_save(const json_t *document, const char *path)
{
	const char *kind = json_string_value(json_object_get(document, "kind"));
	struct output_file f;
	bool ok;

	if (strcmp(kind, "ab") != 0 && strcmp(kind, "stat") != 0) {
		cli_error("there is no page for a file of symfast %s", kind);
		return CLI_TARGET;
	}
	if (!output_open(&f, path))
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
	return output_close(&f) && ok ? CLI_OK : CLI_FAILED;
}
