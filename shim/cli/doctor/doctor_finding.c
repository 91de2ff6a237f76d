// SPDX-License-Identifier: BSD-2-Clause
// doctor_finding.c: the list of findings and facts of a case.
#include "doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const doctor_levels[] = {"ok", "note", "warn", "stop"};

json_t *
doctor_document(void)
{
	json_t *made = document_new("doctor");

	json_object_update_new(
		made, json_pack("{s:{},s:[],s:[],s:[]}", "facts", "findings", "imports", "expect"));
	return made;
}

void
doctor_find(struct patient *p, enum level level, const char *id, const char *format, ...)
{
	char text[1024], clean[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_array_append_new(json_object_get(p->document, "findings"),
			      json_pack("{s:s,s:s,s:s}", "level", doctor_levels[level], "id", id,
					"text", cli_clean(clean, sizeof(clean), text)));
	p->stopped |= level == LEVEL_STOP;
}

void
doctor_fact(struct patient *p, const char *name, const char *value)
{
	char clean[4096];

	json_object_set_new(json_object_get(p->document, "facts"), name,
			    json_string(cli_clean(clean, sizeof(clean), value)));
}

/* LD_PRELOAD without our own library. */
static char *
doctor_finding_preload(const char *list)
{
	char *others = cli_format("%s", list), *to = others;

	while (*list != '\0') {
		size_t n = strcspn(list, ": "), more = list[n] != '\0';
		const char *base = memrchr(list, '/', n);

		base = base != NULL ? base + 1 : list;
		if (n != 0 && strncmp(base, "libsymfast.so", 13) != 0) {
			if (to != others)
				*to++ = ':';
			to = mempcpy(to, list, n);
		}
		list += n + more;
	}
	*to = '\0';
	return others;
}

void
doctor_environment(struct patient *p, const char *(*get)(const char *name))
{
	const char *preload = get("LD_PRELOAD"), *audit = get("LD_AUDIT"), *mode = get("SYMFAST");
	char *others = doctor_finding_preload(preload != NULL ? preload : "");

	if (audit != NULL && *audit != '\0')
		doctor_find(p, LEVEL_STOP, "audit",
			    "LD_AUDIT=%s: the shim passes everything through", audit);
	if (*others != '\0')
		doctor_find(p, LEVEL_NOTE, "preload",
			    "LD_PRELOAD=%s: keep it; symfast run puts the shim before it", others);
	if (mode != NULL)
		doctor_find(p, LEVEL_NOTE, "mode", "SYMFAST=%s%s", mode,
			    strcasecmp(mode, "off") == 0
				    ? ": everything is passed through, and there are no statistics"
				    : "");
	free(others);
}
