// SPDX-License-Identifier: BSD-2-Clause
// cmd_sites.c: `symfast sites`: who looks up what, how often, and how long it waited.
#include "commands.h"

#include "../base/arguments.h"
#include "../base/document.h"
#include "../base/output.h"
#include "../base/value.h"
#include "../segment/stat_document.h"
#include "../sites/profile.h"
#include <stdlib.h>

struct sites {
	const char *what, *pprof;
	bool folded, json;
};

static const struct argument cmd_sites_options[] = {
	{"folded", 'f', NULL, "print folded stacks, for flame graphs",
	 offsetof(struct sites, folded), NULL},
	{"pprof", 'p', "FILE", "write a profile for go tool pprof", offsetof(struct sites, pprof),
	 NULL},
	ARGUMENT_JSON(sites),
	{0}};
static const struct arguments cmd_sites_arguments = {
	ARGUMENTS_PROCESS_OR_FILE(sites, what),
	.text = "Show which callers look up what.",
	.list = cmd_sites_options,
};

static int
cmd_sites_by_time(const void *a, const void *b)
{
	const struct profile_site *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static void
cmd_sites_print(const struct profile *p, const char *unit)
{
	char time[32], waited[32];

	printf("%10s %12s %12s  %s\n", "samples", "time", "waited", "function, and who called it");
	for (size_t i = 0; i < p->count; i++) {
		const struct profile_site *s = &p->sites[i];

		printf("%10llu %12s %12s  %s, by %s\n", (unsigned long long)s->count,
		       value_text(time, sizeof(time), s->ns, unit),
		       value_text(waited, sizeof(waited), s->waited_ns, unit), s->function, s->arm);
		for (size_t k = 0; k < s->depth; k++)
			printf("%38s%s\n", "", s->frames[k].name);
	}
}

static int
cmd_sites_print_json(const struct profile *p, const char *unit)
{
	json_t *document = document_new("sites"), *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		const struct profile_site *s = &p->sites[i];
		json_t *frames = json_array();

		for (size_t k = 0; k < s->depth; k++)
			json_array_append_new(frames, json_string(s->frames[k].name));
		json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:f,s:f,s:o}", "function",
						      s->function, "arm", s->arm, "count",
						      (json_int_t)s->count, "time", s->ns, "waited",
						      s->waited_ns, "frames", frames));
	}
	json_object_set_new(document, "unit", json_string(unit));
	json_object_set_new(document, "sites", list);
	return document_print(document);
}

static int
cmd_sites_write_out(const struct sites *s, const struct profile *p, const char *unit)
{
	if (s->pprof != NULL)
		return pprof_save(p, s->pprof);
	if (s->json)
		return cmd_sites_print_json(p, unit);
	if (!s->folded)
		cmd_sites_print(p, unit);
	else if (!profile_fold(p, stdout))
		return output_result(false);
	return CLI_OK;
}

int
cmd_sites(int argc, char **argv)
{
	struct sites s = {0};
	struct profile p;
	json_t *document;
	int status;

	arguments_parse(&cmd_sites_arguments, argc, argv, &s);
	document = stat_document_from(s.what, &status);
	if (document == NULL)
		return status;
	/* A saved ab keeps its shim's part under "stat". */
	if (json_is_object(json_object_get(document, "stat"))) {
		json_t *stat = json_incref(json_object_get(document, "stat"));

		json_decref(document);
		document = stat;
	}
	if (!stat_document_valid(document)) {
		cli_error("%s is not a file of symfast stat", s.what);
		json_decref(document);
		return CLI_TARGET;
	}
	p = profile_of(document);
	if (p.count == 0 && s.pprof == NULL && !s.json && !s.folded)
		printf("no call was sampled: start the process with SYMFAST_SITES=1/4096\n");
	else {
		qsort(p.sites, p.count, sizeof(*p.sites), cmd_sites_by_time);
		status = cmd_sites_write_out(&s, &p,
					     json_string_value(json_object_get(document, "unit")));
	}
	profile_free(&p);
	json_decref(document);
	return status;
}
