// SPDX-License-Identifier: BSD-2-Clause
// document.c: see document.h.
#include "document.h"

#include "output.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FORMAT 1

json_t *
document_new(const char *kind)
{
	return cli_or_end(
		json_pack("{s:s,s:s,s:i}", "symfast", SF_VERSION, "kind", kind, "format", FORMAT));
}

static bool
document_write(const json_t *document, FILE *out)
{
	return json_dumpf(document, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0 &&
	       fputc('\n', out) != EOF;
}

int
document_print(json_t *document)
{
	bool ok = document_write(document, stdout) && fflush(stdout) == 0;

	json_decref(document);
	return output_result(ok);
}

int
document_save(json_t *document, const char *path)
{
	struct output_file f;
	bool ok = output_open(&f, path);

	if (ok) {
		ok = document_write(document, f.stream);
		ok = output_close(&f) && ok;
	}
	json_decref(document);
	return ok ? CLI_OK : CLI_FAILED;
}

/* What somebody else wrote may hold anything: texts are cleaned, keys that need it are dropped. */
static void
document_clean(json_t *value)
{
	const char *key;
	json_t *its;
	size_t i;
	void *next;

	if (json_is_string(value)) {
		size_t size = json_string_length(value) + 1;
		char *clean = cli_clean(cli_alloc(size, 1), size, json_string_value(value));

		json_string_set(value, clean);
		free(clean);
	}
	json_array_foreach(value, i, its) document_clean(its);
	json_object_foreach_safe(value, next, key, its)
	{
		char *clean = cli_clean(cli_alloc(strlen(key) + 1, 1), strlen(key) + 1, key);

		document_clean(its);
		if (strcmp(clean, key) != 0)
			json_object_del(value, key);
		free(clean);
	}
}

json_t *
document_load(const char *path)
{
	json_error_t error;
	json_t *document;
	int format = 0;
	struct stat st;
	FILE *f = fopen(path, "re");

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		cli_error_errno(0, "%s", path);
		if (f != NULL)
			fclose(f);
		return NULL;
	}
	document = S_ISDIR(st.st_mode) ? NULL : json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	fclose(f);
	if (document == NULL ||
	    json_unpack(document, "{s:s,s:s,s:i}", "symfast", &(const char *){0}, "kind",
			&(const char *){0}, "format", &format) != 0 ||
	    format != FORMAT) {
		if (format > FORMAT)
			cli_error("%s is of a newer symfast: its format is %d, this one reads %d",
				  path, format, FORMAT);
		else
			cli_error("%s is not a file that symfast wrote with --json", path);
		json_decref(document);
		return NULL;
	}
	document_clean(document);
	return document;
}

void
document_put_time(json_t *document)
{
	time_t now = time(NULL);
	char when[32];

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	json_object_set_new(document, "time", json_string(when));
}

const char *
document_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

long long
document_number(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

double
document_real(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}
