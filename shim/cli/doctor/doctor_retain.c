// SPDX-License-Identifier: BSD-2-Clause
// doctor_retain.c: a shared object: what SYMFAST_RETAIN could do for a program that loads and unloads it, and what that would change.
#include "doctor.h"

#include "../../base/bytes.h"
#include "../../base/glob.h"
#include "../../observe/retain_denied.h"
#include <stdlib.h>
#include <string.h>

#define GROUP_MOST 64

#ifdef __x86_64__
#define DOCTOR_IRELATIVE R_X86_64_IRELATIVE
#define DOCTOR_TPOFF     R_X86_64_TPOFF64
#else
#define DOCTOR_IRELATIVE R_AARCH64_IRELATIVE
#define DOCTOR_TPOFF     R_AARCH64_TLS_TPREL
#endif

/* What of an object's file matters to retaining. */
struct traits {
	uint64_t tls, code, writable, relro; /* bytes */
	bool static_tls, nodelete, thread_dtors, threads, at_exit, on_exit, ifunc, unique;
};

static void
doctor_retain_segments(const struct sf_elf_file *f, struct traits *t)
{
	for (uint32_t i = 0; i < f->phnum; i++) {
		Elf64_Phdr h = sf_elf_file_segment(f, i);

		t->tls += h.p_type == PT_TLS ? h.p_memsz : 0;
		t->relro += h.p_type == PT_GNU_RELRO ? h.p_memsz : 0;
		if (h.p_type == PT_LOAD && (h.p_flags & PF_W))
			t->writable += h.p_memsz;
		else if (h.p_type == PT_LOAD)
			t->code += h.p_memsz;
	}
	t->writable -= t->relro < t->writable ? t->relro : t->writable;
}

static void
doctor_retain_import(const char *name, struct traits *t)
{
	static const char *const threads[] = {"pthread_create", "thrd_create",
					      "_ZNSt6thread15_M_start_thread"};

	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
		t->threads |= strncmp(name, threads[i], strlen(threads[i])) == 0;
	t->thread_dtors |= strcmp(name, "__cxa_thread_atexit_impl") == 0 ||
			   strcmp(name, "__cxa_thread_atexit") == 0;
	t->at_exit |= strcmp(name, "atexit") == 0 || strcmp(name, "__cxa_atexit") == 0;
	t->on_exit |= strcmp(name, "on_exit") == 0;
}

static void
doctor_retain_symbols(const struct sf_elf_file *f, struct traits *t)
{
	for (uint32_t i = 1; i < f->symbol_count; i++) {
		Elf64_Sym s = sf_elf_file_symbol(f, i);
		const char *name = sf_elf_file_symbol_name(f, &s);

		if (s.st_shndx == SHN_UNDEF && name != NULL)
			doctor_retain_import(name, t);
		t->ifunc |= s.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(s.st_info) == STT_GNU_IFUNC;
		t->unique |= s.st_shndx != SHN_UNDEF && ELF64_ST_BIND(s.st_info) == STB_GNU_UNIQUE;
	}
}

static bool
doctor_retain_relocates_in(const struct sf_elf_file *f, int64_t tag, int64_t size_tag,
			   uint32_t kind)
{
	uint64_t address, size;
	const uint8_t *at;

	if (!sf_elf_file_tag(f, tag, &address) || !sf_elf_file_tag(f, size_tag, &size) ||
	    (at = sf_elf_file_at(f, address, size)) == NULL)
		return false;
	for (; size >= sizeof(Elf64_Rela); size -= sizeof(Elf64_Rela), at += sizeof(Elf64_Rela)) {
		Elf64_Rela r;

		memcpy(&r, at, sizeof(r));
		if (ELF64_R_TYPE(r.r_info) == kind)
			return true;
	}
	return false;
}

static bool
doctor_retain_relocates(const struct sf_elf_file *f, uint32_t kind)
{
	return doctor_retain_relocates_in(f, DT_RELA, DT_RELASZ, kind) ||
	       doctor_retain_relocates_in(f, DT_JMPREL, DT_PLTRELSZ, kind);
}

static struct traits
doctor_retain_traits(const struct sf_elf_file *f)
{
	struct traits t = {0};
	uint64_t flags;

	doctor_retain_segments(f, &t);
	doctor_retain_symbols(f, &t);
	/* Resolvers of its own functions have no symbols, but relocations. */
	t.ifunc |= doctor_retain_relocates(f, DOCTOR_IRELATIVE);
	t.static_tls = (sf_elf_file_tag(f, DT_FLAGS, &flags) && (flags & DF_STATIC_TLS)) ||
		       doctor_retain_relocates(f, DOCTOR_TPOFF);
	t.static_tls &= t.tls != 0;
	t.nodelete = sf_elf_file_tag(f, DT_FLAGS_1, &flags) && (flags & DF_1_NODELETE);
	return t;
}

/* Is a file of this name, or in this folder, never retained? */
static bool
doctor_retain_is_denied(const char *path)
{
	const char *base = sf_bytes_base(path), *at = SF_RETAIN_DENIED, *end;

	for (; *at != '\0'; at = *end != '\0' ? end + 1 : end) {
		end = at + strcspn(at, ":");
		if (sf_glob_match(at + 1, end, base))
			return true;
	}
	return strstr(path, "/gconv/") != NULL;
}

/* Why libc has to unload and load it each time; NULL: it need not. */
static const char *
doctor_retain_hindrance(const struct traits *t, const char *path)
{
	if (doctor_retain_is_denied(path))
		return "libc opens such by itself, or it must not be unloaded";
	if (t->thread_dtors)
		return "it has thread_local objects with destructors (__cxa_thread_atexit)";
	if (t->static_tls)
		return "it has thread-local variables in the static block";
	return NULL;
}

/* ---- what it loads with it ---- */

struct group {
	struct patient *patient;
	char *names[GROUP_MOST];
	size_t count;
};

static bool
doctor_retain_remember(struct group *g, const char *name)
{
	for (size_t i = 0; i < g->count; i++)
		if (strcmp(g->names[i], name) == 0)
			return false;
	if (g->count == GROUP_MOST)
		return false;
	g->names[g->count++] = cli_format("%s", name);
	return true;
}

static void doctor_retain_needs(struct group *g, const struct doctor_object *o);

static void
doctor_retain_needed(struct group *g, const char *name, const struct doctor_object *by)
{
	char *path = doctor_search(name, by, g->patient->root), clean[256];
	struct doctor_object o;

	if (path != NULL && doctor_object_of(&o, g->patient, path)) {
		struct traits t = {0};
		const char *why = NULL;

		if (o.fault == SF_ELF_FILE_NONE) {
			t = doctor_retain_traits(&o.elf);
			why = doctor_retain_hindrance(&t, path);
			doctor_retain_needs(g, &o);
		}
		cli_clean(clean, sizeof(clean), name);
		if (why != NULL)
			doctor_find(g->patient, LEVEL_WARN, "retain-needs",
				    "needs %s: if the program has it not loaded anyhow, nothing is "
				    "retained: %s",
				    clean, why);
		else if (t.tls != 0)
			doctor_find(
				g->patient, LEVEL_NOTE, "retain-needs",
				"needs %s, which has thread-local variables: if the program has it "
				"not loaded anyhow, nothing is retained while there are threads",
				clean);
		doctor_object_free(&o);
	}
	free(path);
}

static void
doctor_retain_needs(struct group *g, const struct doctor_object *o)
{
	for (uint32_t i = 0; i < o->elf.dynamic_count; i++) {
		Elf64_Dyn d = sf_elf_file_dyn(&o->elf, i);
		const char *needed =
			d.d_tag == DT_NEEDED ? sf_elf_file_string(&o->elf, d.d_un.d_val) : NULL;

		if (needed != NULL && *needed != '\0' && !doctor_is_part_of_libc(needed) &&
		    doctor_retain_remember(g, needed))
			doctor_retain_needed(g, needed, o);
	}
}

/* ---- what is said ---- */

static void
doctor_retain_facts(struct patient *p, const struct doctor_object *o, const struct traits *t)
{
	char text[64];
	uint64_t name;

	if (sf_elf_file_tag(&o->elf, DT_SONAME, &name) && sf_elf_file_string(&o->elf, name) != NULL)
		doctor_fact(p, "soname", sf_elf_file_string(&o->elf, name));
	snprintf(text, sizeof(text), "%llu KiB", (unsigned long long)(t->code + 1023) / 1024);
	doctor_fact(p, "mapped", text);
	snprintf(text, sizeof(text), "%llu bytes", (unsigned long long)t->writable);
	doctor_fact(p, "writable", text);
	snprintf(text, sizeof(text), "%llu bytes", (unsigned long long)t->tls);
	doctor_fact(p, "thread_local", text);
}

static void
doctor_retain_find(struct patient *p, const struct traits *t)
{
	if (t->tls != 0 && !t->static_tls)
		doctor_find(p, LEVEL_WARN, "retain-tls",
			    "has thread-local variables: fresh works while the process has one "
			    "thread; with more of them libc unloads and loads it");
	if (t->unique)
		doctor_find(p, LEVEL_NOTE, "retain-unique",
			    "defines unique symbols (C++ templates): libc may never unload it; "
			    "there is nothing to gain then");
	if (t->threads)
		doctor_find(p, LEVEL_NOTE, "retain-threads",
			    "starts threads: one that still runs after the close would crash "
			    "without "
			    "symfast and goes on with it, while the memory is put back");
	if (t->at_exit)
		doctor_find(p, LEVEL_OK, "retain-atexit",
			    "registers functions for its end: fresh runs them at each close, keep "
			    "at "
			    "the end of the process");
	if (t->on_exit)
		doctor_find(p, LEVEL_WARN, "retain-on-exit",
			    "calls on_exit, which no close undoes: after an unload the end of the "
			    "process would crash; retained, the function is called");
	if (t->ifunc)
		doctor_find(p, LEVEL_OK, "retain-ifunc",
			    "has IFUNCs: their resolvers run when libc loads it, what they wrote "
			    "is kept");
}

/* Rule by rule what a program could tell: docs/retain.md. */
static void
doctor_retain_losses(struct patient *p)
{
	doctor_expect_add(
		p, "What differs for a program: dl_iterate_phdr, /proc/self/maps, debuggers and "
		   "RSS still show a closed object.");
	doctor_expect_add(p,
			  "At the end of the process its destructors run in the place of its first "
			  "load, not of its last.");
}

/* What it is most likely opened by: its soname, else the file's name. */
static const char *
doctor_retain_name(const struct doctor_object *o)
{
	const char *soname = NULL;
	uint64_t name;

	if (sf_elf_file_tag(&o->elf, DT_SONAME, &name))
		soname = sf_elf_file_string(&o->elf, name);
	return soname != NULL && *soname != '\0' ? soname : sf_bytes_base(o->path);
}

static void
doctor_retain_verdict(struct patient *p, const struct traits *t, const struct doctor_object *o,
		      const char *why)
{
	const char *base = doctor_retain_name(o), *verdict = "fresh";
	char *line;

	if (t->nodelete || doctor_retain_is_denied(o->path)) {
		verdict = "cannot";
		line = t->nodelete
			       ? cli_format("Retaining it: nothing to gain, it is never unloaded "
					    "(NODELETE).")
			       : cli_format("Retaining it: cannot be: %s.", why);
	} else if (why != NULL) {
		verdict = "keep";
		line = cli_format(
			"Retaining it: fresh cannot be: %s. SYMFAST_RETAIN='%s=keep' works if "
			"its state may survive a close, and its destructors may run at the "
			"end.",
			why, base);
	} else {
		line = cli_format(
			"Retaining it: SYMFAST_RETAIN='%s' (fresh: as new in each lifetime; "
			"the copy takes at most %llu KiB of SYMFAST_RETAIN_KIB). "
			"SYMFAST=observe tells what its loads cost, and whether keep would be "
			"as good.",
			base, (unsigned long long)(t->writable + t->relro + 1023) / 1024);
		p->gains = true;
	}
	doctor_fact(p, "retain", verdict);
	p->gains |= strcmp(verdict, "keep") == 0;
	doctor_expect_add(p, line);
	free(line);
	if (strcmp(verdict, "cannot") != 0)
		doctor_retain_losses(p);
}

void
doctor_retain(struct patient *p, const struct doctor_object *o)
{
	struct traits t = doctor_retain_traits(&o->elf);
	const char *why = doctor_retain_hindrance(&t, o->path);
	struct group g = {.patient = p};

	doctor_retain_facts(p, o, &t);
	doctor_retain_find(p, &t);
	if (t.nodelete)
		doctor_find(p, LEVEL_NOTE, "retain-nodelete",
			    "is marked NODELETE: once loaded it stays until the end");
	doctor_retain_needs(&g, o);
	doctor_retain_verdict(p, &t, o, why);
	for (size_t i = 0; i < g.count; i++)
		free(g.names[i]);
}
