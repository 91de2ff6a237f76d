// SPDX-License-Identifier: BSD-2-Clause
// doctor_program.c: what a program's own file says about how it would get on with the shim.
#include "doctor.h"

#include "../../image/go_file.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void
doctor_program_rights(struct patient *p, const struct doctor_object *program)
{
	const char *what = NULL;

	if (program->mode & S_ISUID)
		what = "setuid";
	else if ((program->mode & S_ISGID) && (program->mode & S_IXGRP))
		what = "setgid";
	else if (program->capable)
		what = "file capabilities";
	if (what == NULL)
		return;
	doctor_fact(p, "raised_rights", what);
	doctor_find(
		p, LEVEL_STOP, "secure",
		"runs with raised rights (%s): the loader ignores LD_PRELOAD with a '/', and the "
		"shim passes everything through",
		what);
}

static const char *
doctor_program_libc_kind(const struct doctor_object *program, const char *interpreter)
{
	const char *base = strrchr(interpreter, '/');

	if (strstr(interpreter, "ld-musl") != NULL)
		return "musl";
	if (base != NULL && strncmp(base, "/ld-linux", 9) == 0)
		return "glibc";
	for (uint32_t i = 0; i < program->elf.dynamic_count; i++) {
		Elf64_Dyn d = sf_elf_file_dyn(&program->elf, i);
		const char *name = d.d_tag == DT_NEEDED
					   ? sf_elf_file_string(&program->elf, d.d_un.d_val)
					   : NULL;

		if (name != NULL && strcmp(name, "libc.so.6") == 0)
			return "glibc";
		if (name != NULL && strncmp(name, "libc.musl", 9) == 0)
			return "musl";
	}
	return "unknown";
}

/* Is version a ("2.36") below b? */
static bool
doctor_program_older(const char *a, const char *b)
{
	return strverscmp(a, b) < 0;
}

static void
doctor_program_needed_versions(struct patient *p, const struct doctor_object *program)
{
	char newest[32] = "";
	struct sf_elf_file_versions walk = {0};

	while (!walk.ended) {
		const char *v = sf_elf_file_needed_version(&program->elf, &walk);

		/* Packed relative relocations are what 2.36 brought; the name tells no number. */
		if (v != NULL && strcmp(v, "GLIBC_ABI_DT_RELR") == 0)
			v = "GLIBC_2.36";
		if (v != NULL && strncmp(v, "GLIBC_2", 7) == 0 &&
		    doctor_program_older(newest, v + 6))
			cli_clean(newest, sizeof(newest), v + 6);
	}
	if (*newest != '\0')
		doctor_fact(p, "needs_glibc", newest);
}

/* Its version, and what it has; false if there is none. */
static bool
doctor_program_read_libc(struct patient *p, const struct doctor_object *program,
			 struct doctor_libc *libc)
{
	const char *loader = sf_elf_file_interpreter(&program->elf);
	char *path = doctor_search_libc(program, loader, p->root);
	struct doctor_object o;
	Elf64_Sym s;

	if (path == NULL || !doctor_object_of(&o, p, path)) {
		free(path);
		return false;
	}
	free(path);
	if (!doctor_object_libc_version(&o, libc->version, sizeof(libc->version)))
		doctor_find(p, LEVEL_WARN, "libc", "%s does not tell its version", o.path);
	libc->find_object = sf_elf_file_defined(&o.elf, "_dl_find_object", &s);
	doctor_object_free(&o);
	return true;
}

/* The libc that this machine, or its root, would give the program. */
static void
doctor_program_libc(struct patient *p, const struct doctor_object *program,
		    struct doctor_libc *libc)
{
	enum doctor_state state;
	char why[256];

	if (strcmp(libc->kind, "glibc") != 0)
		doctor_find(p, LEVEL_WARN, "libc", "its libc is not recognised");
	doctor_program_needed_versions(p, program);
	if (!doctor_program_read_libc(p, program, libc)) {
		doctor_find(p, LEVEL_WARN, "libc", "no libc.so.6 found in the usual folders");
		return;
	}
	if (*libc->version == '\0')
		return;
	doctor_fact(p, "glibc", libc->version);
	libc->kind = "glibc";
	state = doctor_served(libc, why, sizeof(why));
	if (state == DOCTOR_SERVED)
		doctor_find(p, LEVEL_OK, "libc", "glibc %s", libc->version);
	else
		doctor_find(p, LEVEL_STOP, state == DOCTOR_PASSED ? "libc" : "libc-too-old",
			    "glibc %s: %s", libc->version, why);
	p->limited = state == DOCTOR_SERVED && doctor_served_is_limited(libc);
	if (p->limited)
		doctor_find(p, LEVEL_NOTE, "libc-limits",
			    "glibc %s: SYMFAST_RETAIN has no effect, and plugin.Open of Go is not "
			    "served",
			    libc->version);
}

/* A name of its own is no mark: plugins have none. What starts itself is marked, as all programs of this kind. */
bool
doctor_program_is_object(const struct doctor_object *o)
{
	uint64_t flags;

	if (o->elf.type != ET_DYN || o->elf.dynamic == NULL)
		return false;
	if (sf_elf_file_tag(&o->elf, DT_FLAGS_1, &flags) && (flags & DF_1_PIE))
		return false;
	return sf_elf_file_interpreter(&o->elf) == NULL ||
	       sf_elf_file_tag(&o->elf, DT_SONAME, &flags);
}

static void
doctor_program_loader(struct patient *p, const struct doctor_object *program)
{
	const char *interpreter = sf_elf_file_interpreter(&program->elf);
	struct doctor_libc libc = {.machine = program->elf.machine};

	if (interpreter == NULL) {
		if (doctor_program_is_object(program)) {
			doctor_find(p, LEVEL_NOTE, "object",
				    "a shared object, no program: what it imports, and what "
				    "retaining it "
				    "would do");
			return;
		}
		doctor_fact(p, "linking", "static");
		doctor_find(p, LEVEL_STOP, "static",
			    "statically linked: it has no loader, LD_PRELOAD has no effect");
		return;
	}
	doctor_libcs_loader(p, interpreter);
	libc.kind = doctor_program_libc_kind(program, interpreter);
	doctor_fact(p, "linking", "dynamic");
	doctor_fact(p, "interpreter", interpreter);
	doctor_fact(p, "libc", libc.kind);
	if (strcmp(libc.kind, "musl") == 0)
		doctor_find(p, LEVEL_STOP, "musl",
			    "uses musl: the shim serves glibc alone and passes everything through");
	else if (*p->root != '\0' && !doctor_root_is_file(p->root, interpreter, NULL))
		doctor_find(p, LEVEL_STOP, "loader", "its loader %s is not there: it cannot start",
			    interpreter);
	else
		doctor_program_libc(p, program, &libc);
}

static void
doctor_program_flags(struct patient *p, const struct doctor_object *program)
{
	uint64_t value;

	if (sf_elf_file_tag(&program->elf, DT_AUDIT, &value) ||
	    sf_elf_file_tag(&program->elf, DT_DEPAUDIT, &value))
		doctor_find(p, LEVEL_STOP, "audit",
			    "names an auditor (DT_AUDIT): the shim passes everything through");
	if (sf_elf_file_tag(&program->elf, DT_SYMBOLIC, &value) ||
	    (sf_elf_file_tag(&program->elf, DT_FLAGS, &value) && (value & DF_SYMBOLIC)))
		doctor_find(p, LEVEL_NOTE, "symbolic",
			    "linked -Bsymbolic: its look-ups by RTLD_DEFAULT are passed through");
}

static void
doctor_program_go(struct patient *p, const struct doctor_object *program)
{
	struct sf_go_file go;

	sf_go_file_read(&program->elf, &go);
	if (!go.is_go)
		return;
	doctor_fact(p, "go", *go.version != '\0' ? go.version : "unknown version");
	if (!go.opens_plugins) {
		doctor_find(
			p, LEVEL_NOTE, "go",
			"a Go program that cannot open plugins: only what its C parts look up is "
			"served");
		return;
	}
	p->dynamic_calls = true;
	if (p->limited)
		return;
	p->go_detour = go.shape == SF_GO_REFUSE_NONE;
	doctor_fact(p, "go_detour", p->go_detour ? "known" : sf_go_refusal_word(go.shape));
	if (p->go_detour)
		doctor_find(
			p, LEVEL_OK, "go",
			"a Go host that opens plugins, and the shape of its plugin.open is known");
	else
		doctor_find(
			p, LEVEL_WARN, "go",
			"a Go host that opens plugins, but the detour would be refused (%s: %s); "
			"the C level still serves realpath",
			sf_go_refusal_word(go.shape), sf_go_refusal_text(go.shape));
}

void
doctor_program(struct patient *p, const struct doctor_object *program)
{
	uint16_t own = EM_X86_64;

#ifdef __aarch64__
	own = EM_AARCH64;
#endif
	if (program->fault != SF_ELF_FILE_NONE) {
		doctor_find(p, LEVEL_STOP, "format", "%s", sf_elf_file_fault_text(program->fault));
		return;
	}
	if (p->any_machine ? !doctor_served_is_built_for(program->elf.machine)
			   : program->elf.machine != own)
		doctor_find(p, LEVEL_STOP, "machine", "built for another processor (%s)",
			    doctor_served_machine(program->elf.machine));
	doctor_program_loader(p, program);
	doctor_program_rights(p, program);
	doctor_program_flags(p, program);
	doctor_program_go(p, program);
}
