// SPDX-License-Identifier: BSD-2-Clause
// doctor_imports.c: the program and all that it needs (or, of a process, all that is mapped): which of
// them call what the shim wraps, and what among them stands in the way.
#include "doctor.h"

#include "../../base/bytes.h"
#include "../base/proc.h"
#include "wrapped.h"
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 512
#define WRAPPED_ALL (sizeof(wrapped) / sizeof(wrapped[0]))

struct walk {
	struct patient *patient;
	char *names[OBJECTS_MAX]; /* as needed, to see each once */
	size_t count;
	size_t missing;
};

bool
doctor_is_part_of_libc(const char *name)
{
	static const char *const parts[] = {"libc.so.6",
					    "libdl.so.2",
					    "libpthread.so.0",
					    "ld-linux-x86-64.so.2",
					    "ld-linux-aarch64.so.1",
					    "libc.so"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(name, parts[i]) == 0)
			return true;
	return sf_bytes_begins(name, "ld-musl-") || sf_bytes_begins(name, "libc.musl-");
}

/* Of these the shim only sees what the host forbids itself. */
static bool
doctor_imports_is_notice(const char *name)
{
	return strcmp(name, "prctl") == 0 || strcmp(name, "syscall") == 0;
}

static bool
doctor_imports_is_wrapped(const char *name)
{
	if (doctor_imports_is_notice(name))
		return false;
	for (size_t i = 0; i < WRAPPED_ALL; i++)
		if (strcmp(name, wrapped[i]) == 0)
			return true;
	return false;
}

static void
doctor_imports_sanitizer(struct patient *p, const char *name, bool needed)
{
	static const struct {
		const char *mark, *what;
	} marks[] = {{"libasan.so", "AddressSanitizer"}, {"libtsan.so", "ThreadSanitizer"},
		     {"libubsan.so", "UBSan"},           {"liblsan.so", "LeakSanitizer"},
		     {"libclang_rt.", "a sanitizer"},    {"__asan_init", "AddressSanitizer"},
		     {"__tsan_init", "ThreadSanitizer"}, {"__msan_init", "MemorySanitizer"}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strncmp(name, marks[i].mark, strlen(marks[i].mark)) != 0)
			continue;
		if (needed)
			doctor_find(p, LEVEL_WARN, "sanitizer",
				    "uses the dynamic runtime of %s, which must come first: "
				    "LD_PRELOAD=%s:libsymfast.so",
				    marks[i].what, name);
		else
			doctor_find(p, LEVEL_OK, "sanitizer", "%s is linked in: no conflict",
				    marks[i].what);
		return;
	}
}

/* These alone make nobody look names up or load objects; walks are served only if asked for. */
static bool
doctor_imports_is_beside_the_point(const char *symbol)
{
	return strcmp(symbol, "dlerror") == 0 || strcmp(symbol, "dlinfo") == 0 ||
	       strcmp(symbol, "dl_iterate_phdr") == 0;
}

/* What it imports of the wrapped names goes to the report; what it defines stands between. */
static void
doctor_imports_symbols(struct walk *w, const char *name, const struct doctor_object *o)
{
	json_t *names = json_array();
	const char *defined = NULL;
	char clean[256];

	cli_clean(clean, sizeof(clean), name);
	for (uint32_t i = 1; i < o->elf.symbol_count; i++) {
		Elf64_Sym s = sf_elf_file_symbol(&o->elf, i);
		const char *symbol = sf_elf_file_symbol_name(&o->elf, &s);

		if (symbol == NULL)
			continue;
		if (w->count == 0 && strncmp(symbol, "__", 2) == 0 && s.st_shndx != SHN_UNDEF)
			doctor_imports_sanitizer(w->patient, symbol, false);
		if (!doctor_imports_is_wrapped(symbol))
			continue;
		if (s.st_shndx == SHN_UNDEF)
			json_array_append_new(names, json_string(symbol));
		else if (ELF64_ST_BIND(s.st_info) != STB_LOCAL)
			defined = symbol;
		w->patient->dynamic_calls |=
			s.st_shndx == SHN_UNDEF && !doctor_imports_is_beside_the_point(symbol);
	}
	if (defined != NULL)
		doctor_find(w->patient, LEVEL_WARN, "wrapper",
			    "%s defines %s itself: another wrapper between the shim and libc makes "
			    "the shim pass everything through",
			    clean, defined);
	if (json_array_size(names) != 0)
		json_array_append_new(json_object_get(w->patient->document, "imports"),
				      json_pack("{s:s,s:O}", "object", clean, "names", names));
	json_decref(names);
}

static bool
doctor_imports_remember(struct walk *w, const char *name)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->names[i], name) == 0)
			return false;
	if (w->count == OBJECTS_MAX)
		return false;
	w->names[w->count++] = cli_format("%s", name);
	return true;
}

static void doctor_imports_visit(struct walk *w, const char *name, const struct doctor_object *o,
				 int depth);

static void
doctor_imports_visit_needed(struct walk *w, const char *name, const struct doctor_object *needer,
			    int depth)
{
	struct doctor_object o;
	char *path;

	if (doctor_is_part_of_libc(name) || !doctor_imports_remember(w, name))
		return;
	doctor_imports_sanitizer(w->patient, name, true);
	path = doctor_search(name, needer, w->patient->root);
	if (path == NULL || !doctor_object_of(&o, w->patient, path)) {
		w->missing++;
	} else {
		if (o.fault == SF_ELF_FILE_NONE)
			doctor_imports_visit(w, name, &o, depth);
		doctor_object_free(&o);
	}
	free(path);
}

/* 16 levels of libraries under libraries are more than any program has. */
static void
doctor_imports_visit(struct walk *w, const char *name, const struct doctor_object *o, int depth)
{
	doctor_known(w->patient, name);
	doctor_imports_symbols(w, name, o);
	for (uint32_t i = 0; i < o->elf.dynamic_count && depth < 16; i++) {
		Elf64_Dyn d = sf_elf_file_dyn(&o->elf, i);
		const char *needed =
			d.d_tag == DT_NEEDED ? sf_elf_file_string(&o->elf, d.d_un.d_val) : NULL;

		if (needed != NULL && *needed != '\0')
			doctor_imports_visit_needed(w, needed, o, depth + 1);
	}
}

static void
doctor_imports_free_walk(struct walk *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->names[i]);
	free(w);
}

/* The path at the end of a line of maps, if the line maps a file's code; NULL otherwise. */
static char *
doctor_imports_mapped_path(char *line)
{
	char rights[5] = "";
	int at = 0;

	if (sscanf(line, "%*x-%*x %4s %*x %*x:%*x %*u %n", rights, &at) != 1 || rights[2] != 'x' ||
	    at == 0 || line[at] != '/')
		return NULL;
	return line + at;
}

static void
doctor_imports_mapped(struct walk *w, const char *path, const char *program)
{
	const char *base = strrchr(path, '/') + 1;
	struct doctor_object o;

	if (doctor_is_part_of_libc(base) || strcmp(path, program) == 0 ||
	    strncmp(base, "libsymfast.so", 13) == 0 || !doctor_imports_remember(w, path))
		return;
	doctor_imports_sanitizer(w->patient, base, true);
	doctor_known(w->patient, base);
	if (!doctor_object_of(&o, w->patient, path)) {
		w->missing++;
	} else {
		if (o.fault == SF_ELF_FILE_NONE)
			doctor_imports_symbols(w, base, &o);
		doctor_object_free(&o);
	}
}

void
doctor_mapped(struct patient *p, const struct doctor_object *program, unsigned long pid)
{
	struct walk *w = cli_alloc(1, sizeof(*w));
	const char *path = program->path, *base = strrchr(path, '/');
	size_t size;
	char *maps = proc_read(pid, "maps", &size), *rest = maps;

	w->patient = p;
	doctor_known(p, base != NULL ? base + 1 : path);
	doctor_imports_symbols(w, base != NULL ? base + 1 : path, program);
	for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL;) {
		char *file = doctor_imports_mapped_path(line);

		if (file != NULL)
			doctor_imports_mapped(w, file, path);
	}
	if (w->missing != 0)
		doctor_find(p, LEVEL_NOTE, "missing",
			    "%zu mapped files could not be read and were not looked at",
			    w->missing);
	free(maps);
	doctor_imports_free_walk(w);
}

void
doctor_dependencies(struct patient *p, const struct doctor_object *program)
{
	struct walk *w = cli_alloc(1, sizeof(*w));
	const char *base = strrchr(program->path, '/');

	w->patient = p;
	doctor_imports_visit(w, base != NULL ? base + 1 : program->path, program, 0);
	if (w->missing != 0)
		doctor_find(
			p, LEVEL_NOTE, "missing",
			"%zu needed libraries were not found in the usual folders and not looked "
			"at",
			w->missing);
	doctor_imports_free_walk(w);
}
