// SPDX-License-Identifier: BSD-2-Clause
// doctor_scan.c: all programs in the usual folders of a root: which of them would be served, and why the others not.
#include "doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAMS_MOST 4096

struct scan {
	struct patient *patient;
	json_t *rows, *seen;
	size_t programs, served, gaining;
	size_t unreadable, big; /* not looked at */
};

/* Findings that say: the loader does not take the library at all. */
static enum doctor_state
doctor_scan_state(const json_t *document, const char **why, const char **id)
{
	static const char *const outside[] = {"format", "machine", "static",
					      "secure", "loader",  "libc-too-old"};
	const json_t *finding;
	size_t i;

	*why = *id = "";
	json_array_foreach(json_object_get(document, "findings"), i, finding)
	{
		if (strcmp(document_text(finding, "level"), doctor_levels[LEVEL_STOP]) != 0)
			continue;
		*why = document_text(finding, "text");
		*id = document_text(finding, "id");
		for (size_t k = 0; k < sizeof(outside) / sizeof(outside[0]); k++)
			if (strcmp(*id, outside[k]) == 0)
				return DOCTOR_NOT_LOADED;
		return DOCTOR_PASSED;
	}
	return DOCTOR_SERVED;
}

/* What it and its libraries call of the wrapped names, each once. */
static json_t *
doctor_scan_calls(const json_t *document)
{
	json_t *names = json_object(), *list = json_array();
	const json_t *object, *one;
	const char *name;
	size_t i, k;

	json_array_foreach(json_object_get(document, "imports"), i, object)
	{
		json_array_foreach(json_object_get(object, "names"), k, one)
			json_object_set_new(names, json_string_value(one), json_true());
	}
	json_object_foreach(names, name, one) json_array_append_new(list, json_string(name));
	json_decref(names);
	return list;
}

static void
doctor_scan_examine(struct scan *s, const struct doctor_object *program)
{
	struct patient q = *s->patient;
	enum doctor_state state;
	const char *why, *id;
	char clean[4096];
	bool gains;

	q.document = doctor_document();
	q.stopped = q.dynamic_calls = q.go_detour = q.gains = q.limited = false;
	doctor_file_examine(&q, program);
	state = doctor_scan_state(q.document, &why, &id);
	gains = state == DOCTOR_SERVED && (q.dynamic_calls || q.go_detour);
	s->programs++;
	s->served += state == DOCTOR_SERVED;
	s->gaining += gains;
	json_array_append_new(s->rows,
			      json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "path",
					cli_clean(clean, sizeof(clean), program->path), "machine",
					program->fault == SF_ELF_FILE_NONE
						? doctor_served_machine(program->elf.machine)
						: "32 bits",
					"state", doctor_states[state], "id", id, "reason", why,
					"gains", gains, "calls", doctor_scan_calls(q.document)));
	json_decref(q.document);
}

/* A shared object that lies among programs, and starts nothing? */
static bool
doctor_scan_is_library(const struct doctor_object *o)
{
	return o->fault == SF_ELF_FILE_NONE && sf_elf_file_interpreter(&o->elf) == NULL &&
	       doctor_program_is_object(o);
}

static void
doctor_scan_read(struct scan *s, const char *path)
{
	struct doctor_object o;

	if (!doctor_object_of(&o, s->patient, path)) {
		s->big += errno == EFBIG;
		s->unreadable += errno != EFBIG;
		return;
	}
	if (doctor_file_is_readable(&o) && !doctor_scan_is_library(&o))
		doctor_scan_examine(s, &o);
	doctor_object_free(&o);
}

/* Each file once, by whatever names; what is no program is passed over. */
static void
doctor_scan_one(struct scan *s, const char *path)
{
	char *real = NULL;
	int at = doctor_root_open(s->patient->root, path, &real);
	struct stat st;

	if (at < 0) {
		s->unreadable += errno != ENOENT;
	} else {
		if (fstat(at, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 &&
		    json_object_get(s->seen, real) == NULL) {
			json_object_set_new_nocheck(s->seen, real, json_true());
			if (s->programs >= PROGRAMS_MOST)
				s->big++;
			else
				doctor_scan_read(s, real);
		}
		close(at);
	}
	free(real);
}

static void
doctor_scan_folder(struct scan *s, const char *folder)
{
	char **names = doctor_root_list(s->patient->root, folder, "");

	s->unreadable += names == NULL && errno != ENOENT && errno != ENOTDIR;
	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		char *path = cli_format("%s/%s", folder, names[i]);

		doctor_scan_one(s, path);
		free(path);
	}
	doctor_root_list_free(names);
}

static void
doctor_scan_folders(struct scan *s, const char *list)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ":");
		char *folder = cli_format("%.*s", (int)len, list);

		if (*folder == '/')
			doctor_scan_folder(s, folder);
		free(folder);
		list += len + (list[len] == ':');
	}
}

static void
doctor_scan_tell(struct scan *s)
{
	struct patient *p = s->patient;
	char text[512];

	if (s->unreadable != 0)
		doctor_find(p, LEVEL_WARN, "unreadable",
			    "%zu files or folders could not be read and were not looked at",
			    s->unreadable);
	if (s->big != 0)
		doctor_find(p, LEVEL_WARN, "big",
			    "%zu files were not looked at: too big, or too many", s->big);
	if (s->programs == 0)
		doctor_find(p, LEVEL_STOP, "no-program",
			    "no program in the usual folders: --program names one");
	else if (s->served == 0)
		doctor_find(p, LEVEL_STOP, "programs", "none of its %zu programs can be served",
			    s->programs);
	snprintf(
		text, sizeof(text),
		"%zu programs; %zu of them would be served, and %zu of these look names up or load "
		"objects. --program tells more of one.",
		s->programs, s->served, s->gaining);
	doctor_expect_add(p, text);
	p->gains = s->gaining != 0;
}

void
doctor_scan(struct patient *p)
{
	struct scan s = {.patient = p, .rows = json_array(), .seen = json_object()};

	p->many = true;
	doctor_scan_folders(&s, p->search);
	doctor_scan_folders(&s, "/usr/libexec:/app:/:/opt/bin");
	json_object_set_new(p->document, "programs", s.rows);
	json_decref(s.seen);
	doctor_scan_tell(&s);
}
